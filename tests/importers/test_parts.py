"""Parts become a network, within limits."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import FormatError, LayerError, OptionError
from fastjac.importers import parts
from fastjac.importers.options import Options
from fastjac.importers.parts import Part, assemble


def test_parts_without_layers_stay_parts():
    given = [Part("a (Dropout)", ()), Part("b (Dense)", (fj.Affine(np.eye(2)), fj.ReLU())), Part("c (Dense)", (fj.Tanh(),))]
    imported = assemble(iter(given), None, "n_in=...")
    assert imported.parts == tuple(given)
    assert [type(layer) for layer in imported.network] == [fj.Affine, fj.ReLU, fj.Tanh]


def test_a_network_needs_a_layer_and_a_size():
    with pytest.raises(LayerError, match="no layer is left"):
        assemble([Part("a (Dropout)", ())], 3, "n_in=...")
    with pytest.raises(LayerError, match=r"pass it: load\(n_in=...\)"):
        assemble([Part("a", (fj.ReLU(),))], None, "load(n_in=...)")


def test_sizes_that_no_memory_holds_are_refused(monkeypatch):
    with pytest.raises(FormatError, match="it has 1000000000000 units in a layer; fastjac reads files of up to 16777216"):
        assemble([Part("a", (fj.ReLU(),))], 10**12, "n_in=...")
    monkeypatch.setattr(parts, "MOST_LAYERS", 3)
    with pytest.raises(FormatError, match="it has 4 layers; fastjac reads files of up to 3"):
        assemble([Part("a", (fj.ReLU(),) * 4)], 1, "n_in=...")


def test_options_without_use_are_refused():
    Options().refuse_all_but()
    Options(layers=["relu"], n_in=3).refuse_all_but("layers", "n_in")
    with pytest.raises(OptionError, match="leave order out; it takes layers and n_in"):
        Options(layers=["relu"], order=["a"]).refuse_all_but("layers", "n_in")
    with pytest.raises(OptionError, match=r"leave external_data out$"):
        Options(external_data=True).refuse_all_but()
