"""fastjac's own file: every layer survives the round trip, files are written whole or not at all, and damage is reported.

Other programs' safetensors files hold weights alone, whose layers the user names.
"""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from safetensors import safe_open
from torch import nn

import fastjac
from fastjac.errors import FileError, FormatError, LayerError, OptionError, UnsupportedLayerError
from fastjac.importers.reading.limits import MOST_UNITS
from fastjac.layers import LAYERS

from .agreement import assert_agrees
from .test_torch import scramble

N = 3
ROW = np.array([0.5, -1.5, 2.0])
EXAMPLES = {
    "Affine": fastjac.Affine(np.arange(6.0).reshape(2, 3), np.ones(2)),
    "PReLU": fastjac.PReLU(ROW),
    "HardTanh": fastjac.HardTanh(-math.inf, 2.0),
    "GELU": fastjac.GELU("tanh"),
    "Softplus": fastjac.Softplus(2.0, math.inf),
    "Threshold": fastjac.Threshold(0.1, math.nan),
    "Scale": fastjac.Scale(ROW, 0.1),
    "GatedSwish": fastjac.GatedSwish(ROW, 0.5),
    "LayerNorm": fastjac.LayerNorm(ROW, None, 1e-3),
}
LAYERS_TO_SAVE = [EXAMPLES.get(name) or layer() for name, layer in LAYERS.items()]
LAYERS_TO_SAVE += [fastjac.Affine(np.eye(3)), fastjac.PReLU(0.1), fastjac.Scale(2.0, ROW)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def rewrite(path, tensors=None, **metadata):
    """Change a saved file's metadata (None drops an entry) and tensors."""
    with safe_open(path, framework="numpy") as file:
        merged = {**file.metadata(), **metadata}
        kept = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    kept = {key: array for key, array in {**kept, **(tensors or {})}.items() if array is not None}
    safetensors.numpy.save_file(kept, path, {name: value for name, value in merged.items() if value is not None})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", LAYERS_TO_SAVE, ids=repr)
def test_every_layer_comes_back_as_it_was(layer, dtype, path):
    net = fastjac.Network([layer], n_in=N, dtype=dtype)
    net.save(path)
    loaded = fastjac.load(path)
    assert (loaded.dtype, loaded.widths, repr(loaded.layers)) == (net.dtype, net.widths, repr(net.layers))
    for name, array in net[0].arrays.items():
        np.testing.assert_array_equal(loaded[0].arrays[name], array)


def test_a_whole_network_computes_the_same_bits(path):
    rng = np.random.default_rng(0)
    net = fastjac.Network(
        [fastjac.Affine(rng.normal(size=(5, 4)), np.ones(5)), fastjac.SiLU(), fastjac.Affine(rng.normal(size=(2, 5)))]
    )
    net.save(path)
    x = rng.normal(size=(6, 4))
    np.testing.assert_array_equal(fastjac.load(path).jacobian(x), net.jacobian(x))


def test_the_header_is_strict_json_that_others_can_read(path):
    fastjac.Network([fastjac.Softplus(threshold=math.inf)], n_in=N).save(path)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(metadata.pop("architecture"), parse_constant=refuse) == [
        {"layer": "Softplus", "options": {"beta": 1.0, "threshold": "inf"}, "arrays": []}
    ]
    assert metadata == {"format": "fastjac", "version": "1", "n_in": "3", "dtype": "float64"}


@pytest.mark.parametrize("layers", [[fastjac.Tanh()], [fastjac.Residual([fastjac.Tanh()])]])
def test_names_of_features_are_kept(layers, path):
    names = ("age", "größe in m", "colour=red")
    fastjac.Network(layers, n_in=N).with_feature_names(names).save(path)
    assert fastjac.load(path).feature_names == names


def test_saving_replaces_the_file_and_leaves_nothing_else(path):
    path.write_text("old")
    mode = path.stat().st_mode
    fastjac.Network([fastjac.ReLU()], n_in=N).save(str(path))
    assert fastjac.load(str(path)).n_in == N
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode == mode


def test_a_place_that_cannot_be_written_is_reported(tmp_path):
    net = fastjac.Network([fastjac.ReLU()], n_in=N)
    with pytest.raises(FileError, match=r"cannot write .*nowhere/net.safetensors: No such file or directory$"):
        net.save(tmp_path / "nowhere" / "net.safetensors")
    with pytest.raises(FileError, match=r"cannot write .*directory"):
        net.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_saving_through_a_symbolic_link_keeps_the_link(path):
    link = path.with_name("link")
    link.symlink_to(path)
    fastjac.Network([fastjac.ReLU()], n_in=N).save(link)
    assert link.is_symlink()
    assert fastjac.load(path).n_in == N


def test_loading_needs_no_other_package(path):
    fastjac.Network([fastjac.Affine(np.eye(3)), fastjac.ReLU()]).save(path)
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['h5py', 'keras', 'torch', 'tensorflow', 'jax', 'scipy', 'safetensors']))\n"
        f"import fastjac; print(fastjac.load({str(path)!r}).widths)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "(3, 3, 3)"


def test_saving_without_safetensors_names_the_extra(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(fastjac.errors.MissingDependencyError, match=r"pip install --upgrade '\.\[safetensors\]'"):
        fastjac.Network([fastjac.ReLU()], n_in=N).save(path)


def described(layer="ReLU", **changes):
    return json.dumps([{"layer": layer, "options": {}, "arrays": [], **changes}])


DAMAGE = {
    "another program's": (
        {"format": "pt"},
        OptionError,
        r"it holds weights and no architecture, so specify the layers.*layers\.0 ",
    ),
    "later version": ({"version": "3"}, FormatError, "version 3 of fastjac's format, this fastjac reads up to 2; upgrade"),
    "no version": ({"version": None}, FormatError, "the header does not state version"),
    "bad n_in": ({"n_in": "three"}, FormatError, "n_in in the header must be a whole number, it is 'three'"),
    "huge n_in": ({"n_in": "9" * 30}, FormatError, f"it has 9{{30}} inputs; fastjac reads files of up to {MOST_UNITS}"),
    "endless n_in": ({"n_in": "9" * 5000}, FormatError, "n_in in the header must be a whole number"),
    "no n_in": ({"n_in": "-3"}, fastjac.errors.FastjacError, "-3"),
    "other n_in": ({"n_in": "7"}, LayerError, "takes 3 inputs"),
    "bad dtype": ({"dtype": "float16"}, FormatError, "dtype must be float32 or float64, the header says 'float16'"),
    "bad JSON": ({"architecture": "[{"}, FormatError, "architecture in the header must be a JSON list of layers"),
    "no list": ({"architecture": "{}"}, FormatError, "architecture must be a JSON list of layers, the header holds a dict"),
    "no object": (
        {"architecture": "[3]"},
        FormatError,
        "layer 0 of the architecture must give layer, options and arrays, it is 3",
    ),
    "endless layers": ({"architecture": json.dumps([None] * 10_001)}, FormatError, "it has 10001 layers; fastjac reads files of"),
    "nested": ({"architecture": "[" * 99_999}, FormatError, "architecture in the header must be a JSON list of layers"),
    "unknown layer": (
        {"architecture": described("Conv")},
        UnsupportedLayerError,
        "layer 0 is a 'Conv', which this fastjac does not have",
    ),
    "no name": ({"architecture": described(layer=[])}, FormatError, "layer 0 of the architecture must give"),
    "unknown option": (
        {"architecture": described(options={"a": 1})},
        FormatError,
        r"layer 0 \(ReLU\): .* has the parameters none, the header gives a",
    ),
    "options no object": ({"architecture": described(options=[])}, FormatError, "layer 0 of the architecture must give"),
    "incomplete": (
        {"architecture": described("Affine")},
        FormatError,
        r"layer 0 \(Affine\): it has the parameters bias, weight, the header gives none",
    ),
    "bad option": (
        {"architecture": described("ELU", options={"alpha": "x"})},
        fastjac.errors.DtypeError,
        r"layer 0 \(ELU\): ELU alpha",
    ),
    "bad names": ({"feature_names": "[a"}, FormatError, "feature_names in the header must be a JSON list of strings, it is"),
    "no list of names": ({"feature_names": "3"}, FormatError, "feature_names must be a JSON list of strings, .* holds a int"),
    "names of numbers": (
        {"feature_names": "[1, 2, [3]]"},
        fastjac.errors.DtypeError,
        r"feature_names in the header: names must be a sequence of strings, got \[1, 2, \[3\]\]",
    ),
    "too few names": ({"feature_names": '["a"]'}, fastjac.errors.ShapeError, "names must hold 3 names, .* got 1"),
    "surplus tensors": (
        {"architecture": described()},
        FormatError,
        "no layer of the architecture uses layers.0.bias, layers.0.weight",
    ),
}


@pytest.mark.parametrize(("metadata", "error", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_header_that_does_not_hold_together_is_reported(metadata, error, message, path):
    fastjac.Network([EXAMPLES["Affine"]]).save(path)
    rewrite(path, **metadata)
    with pytest.raises(error, match=message) as caught:
        fastjac.load(path)
    assert str(caught.value).startswith(str(path))


TENSORS = {
    "missing": ({"layers.0.bias": None}, FormatError, "tensor 'layers.0.bias' is missing; the file holds none"),
    "wrong shape": (
        {"layers.0.bias": np.ones(5)},
        fastjac.errors.ShapeError,
        r"layer 0 \(Affine\): Affine bias must have one entry",
    ),
    "wrong dtype": (
        {"layers.0.bias": np.ones(2, int)},
        FormatError,
        "tensor 'layers.0.bias' has dtype int64; fastjac writes float32 and float64",
    ),
}


@pytest.mark.parametrize(("tensors", "error", "message"), TENSORS.values(), ids=TENSORS)
def test_tensors_that_do_not_fit_are_reported(tensors, error, message, path):
    fastjac.Network([EXAMPLES["Affine"]]).save(path)
    rewrite(path, tensors)
    with pytest.raises(error, match=message):
        fastjac.load(path)


TRUNCATED = {
    9: r"its header should take \d+ bytes, the file has 9; it is truncated",
    200: r"its header should take \d+ bytes, the file has 200; it is truncated",
    -1: "its tensors should take 64 bytes, 63 follow the header; the file is truncated",
}


@pytest.mark.parametrize(("kept", "message"), TRUNCATED.items())
def test_a_truncated_file_is_reported(kept, message, path):
    fastjac.Network([EXAMPLES["Affine"]]).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FormatError, match=message):
        fastjac.load(path)


def test_an_option_that_is_also_an_array_is_no_crash(path):
    fastjac.Network([fastjac.Scale(ROW)]).save(path)
    rewrite(path, architecture=described("Scale", options={"weight": 2.0, "bias": 0.0}, arrays=["weight"]))
    np.testing.assert_array_equal(fastjac.load(path)[0].weight, ROW)


# Other programs' files


def weights_of_torch():
    """A torch module and the list of its layers."""
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 2))
    return scramble(module), ["affine", "batch_norm", "tanh", "affine", "gelu", "affine"]


def test_weights_with_a_list_of_their_layers(path):
    module, layers = weights_of_torch()
    safetensors.torch.save_file(module.state_dict(), path, {"format": "pt"})
    assert_agrees(fastjac.load(path, layers), module, (3,))


def test_the_prefix_of_a_wrapper_falls_away(path):
    module, layers = weights_of_torch()
    safetensors.torch.save_file(nn.ModuleDict({"module": module}).state_dict(), path)
    assert_agrees(fastjac.load(path, layers), module, (3,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype, path):
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).to(dtype)
    safetensors.torch.save_file(module.state_dict(), path)
    net = fastjac.load(path, ["identity", "identity"])
    assert net.dtype == np.float32
    for layer, linear in zip(net, module, strict=True):
        np.testing.assert_array_equal(layer.weight, linear.weight.detach().float())
        np.testing.assert_array_equal(layer.bias, linear.bias.detach().float())


def test_an_order_that_the_names_do_not_show_is_passed(path):
    weights = {"up": np.ones((5, 2)), "down": np.ones((2, 5))}
    safetensors.numpy.save_file({f"{name}.weight": weight for name, weight in weights.items()}, path)
    with pytest.raises(OptionError, match=r"\['down', 'up'\] stand in alphabetical order, as in a safetensors file"):
        fastjac.load(path, ["relu", "identity"])
    assert fastjac.load(path, ["relu", "identity"], order=["up", "down"]).widths == (2, 5, 5, 2)


def test_the_order_of_dtypes_is_not_taken_for_that_of_the_layers(path):
    norm = {f"norm.{field}": np.ones(3, np.float32) for field in ("weight", "bias", "running_mean", "running_var")}
    last = {"out.weight": np.ones((2, 3), np.float32)}
    safetensors.numpy.save_file(
        {"first.weight": np.eye(3, dtype=np.float32), **norm, **last, "norm.num_batches_tracked": np.array(1)}, path
    )
    with safe_open(path, framework="numpy") as file:
        assert next(iter(file.offset_keys())) == "norm.num_batches_tracked"
    with pytest.raises(OptionError, match=r"\['first', 'norm', 'out'\] stand in alphabetical order"):
        fastjac.load(path, ["affine", "batch_norm", "affine"])


def test_fastjacs_own_file_states_its_layers_itself(path):
    fastjac.Network([EXAMPLES["Affine"]]).save(path)
    with pytest.raises(OptionError, match="this format states layers itself"):
        fastjac.load(path, ["relu"])
