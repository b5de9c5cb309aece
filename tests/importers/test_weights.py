"""Weights alone: wrappers' prefixes fall away, and the layers that are needed are asked for with what there is."""

from collections import OrderedDict

import numpy as np
import pytest

import fastjac
from fastjac.errors import FormatError, OptionError
from fastjac.importers import Options
from fastjac.importers.weights import imported_weights, without_wrappers

RNG = np.random.default_rng(4)


def dense(name, n_in, n_out):
    return {f"{name}.weight": RNG.normal(size=(n_out, n_in)), f"{name}.bias": RNG.normal(size=n_out)}


MLP = dense("net.0", 3, 4) | dense("net.2", 4, 2)


@pytest.mark.parametrize(
    "prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod.", "_fsdp_wrapped_module.", "model.module.model."]
)
def test_prefixes_of_wrappers_fall_away(prefix):
    wrapped = {prefix + name: array for name, array in MLP.items()}
    assert list(without_wrappers(wrapped)) == list(MLP)
    found = imported_weights(wrapped, Options(layers=["relu", "identity"], order=["net.0", "net.2"]))
    expected = fastjac.from_state_dict(MLP, ["relu", "identity"])
    np.testing.assert_array_equal(found.network(np.ones(3)), expected(np.ones(3)))
    assert [part.source for part in found.parts] == ["net.0 (affine)", "relu (given)", "net.2 (affine)", "identity (given)"]


def test_a_prefix_that_not_all_names_have_stays():
    state = dense("model.a", 3, 4) | dense("b", 4, 2)
    assert without_wrappers(state) == state


def test_the_kind_of_mapping_stays():
    assert type(without_wrappers(OrderedDict(MLP))) is OrderedDict
    assert type(without_wrappers(MLP)) is dict


def test_without_layers_the_groups_are_listed_and_the_call_is_proposed():
    message = (
        r'holds weights and no architecture, .* fastjac.load\(path, layers=\["relu", "identity"\]\), which says what follows '
        r"each affine layer. Its groups of weights: net.0 with weight \(4, 3\), bias \(4,\); net.2 with weight \(2, 4\), "
        r"bias \(2,\)$"
    )
    with pytest.raises(OptionError, match=message):
        imported_weights(MLP, Options())


def test_names_without_layers_are_no_proposal_but_a_way_to_name_them():
    with pytest.raises(
        OptionError, match=r'what makes one layer: .* "0\.weight" .* It holds \(no name\) with W0 \(4, 3\), b0 \(4,\)$'
    ):
        imported_weights({"W0": np.ones((4, 3)), "b0": np.ones(4)}, Options())


def test_other_layers_with_weights_are_named_in_the_proposal():
    norm = {f"1.{name}": np.ones(4) for name in ("weight", "bias", "running_mean", "running_var")}
    state = dense("0", 3, 4) | norm | {"2.weight": np.ones(4), "3.weight": np.ones(4), "3.bias": np.ones(4)} | dense("4", 4, 2)
    message = (
        r'layers=\["affine", "batch_norm", "prelu", "layer_norm", "relu", "affine"\]\), which names every layer in its place'
        r', also those without weights\. 2\.weight alone may also be that of "rms_norm"\. Its groups'
    )
    with pytest.raises(OptionError, match=message):
        imported_weights(state, Options())


@pytest.mark.parametrize("first", [True, False])
def test_an_array_that_no_layer_holds_is_left_out_of_the_proposal(first):
    """log_std of a policy, an embedding of its own, a running count: whatever has no weight beside it."""
    beside = {"log_std": np.zeros(2), "scaler.mean": np.zeros(3)}
    state = OrderedDict(beside | MLP if first else MLP | beside)
    message = (
        r'fastjac.load\(path, layers=\["relu", "identity"\], order=\[\'net.0\', \'net.2\'\]\), which says what follows each '
        "affine layer. No layer holds log_std, scaler.mean, which order leaves out. Its groups of weights"
    )
    with pytest.raises(OptionError, match=message):
        imported_weights(state, Options())
    for layers in (["relu", "identity"], ["affine", "relu", "affine"]):
        with pytest.raises((OptionError, FormatError), match=r"log_std.* by order=\['net.0', 'net.2'\]"):
            imported_weights(state, Options(layers=layers))
    found = imported_weights(state, Options(layers=["relu", "identity"], order=["net.0", "net.2"]))  # as each of them says
    np.testing.assert_array_equal(found.network(np.ones(3)), fastjac.from_state_dict(MLP, ["relu", "identity"])(np.ones(3)))


def test_groups_of_several_networks_are_not_proposed_as_one():
    """The actor and the critic of a policy."""
    state = OrderedDict(dense("actor.0", 3, 4) | dense("actor.2", 4, 2) | dense("critic.0", 3, 4) | dense("critic.2", 4, 1))
    message = r"layers=\[...\], order=\[...\]\), .* They do not follow each other, so some belong to another network: order names"
    with pytest.raises(OptionError, match=message):
        imported_weights(state, Options())


def test_many_groups_are_not_all_listed():
    state = {f"{i}.weight": np.eye(2) for i in range(100)}
    with pytest.raises(OptionError, match=r'\["relu", "relu", ...\] with 100 entries\).*; 19 with weight \(2, 2\); and 80 more$'):
        imported_weights(state, Options())


def test_no_weights_are_reported():
    with pytest.raises(FormatError, match="it holds no weights; was the right file saved"):
        imported_weights({}, Options())


def test_other_options_are_refused():
    with pytest.raises(OptionError, match="so leave config out; it takes layers and order and n_in"):
        imported_weights(MLP, Options(layers=["relu", "relu"], config="{}"))


def test_names_longer_than_any_network_has_are_refused():
    with pytest.raises(
        FormatError, match="it has 2000000 letters in the names of its arrays; fastjac reads files of up to 1048576"
    ):
        imported_weights({"1a" * 1_000_000: np.eye(2)}, Options(layers=["relu"]))


def test_more_arrays_than_any_network_has_are_refused():
    with pytest.raises(FormatError, match="it has 100001 arrays; fastjac reads files of up to 10000"):
        imported_weights(dict.fromkeys(map(str, range(100_001)), np.ones(1)), Options(layers=["relu"]))


def test_modules_that_are_registered_twice_are_reported_where_layers_are_asked_for(tmp_path):
    first, second = np.arange(16.0).reshape(4, 4), np.eye(4)
    np.savez(tmp_path / "w.npz", **{"a.weight": first, "b.weight": second, "net.0.weight": first, "net.2.weight": second})
    with pytest.raises(
        OptionError, match=r"\['net.0', 'net.2'\] hold the arrays of groups before them, .* pass order=\['a', 'b'\]"
    ):
        fastjac.load(tmp_path / "w.npz")
