"""Files that torch.save wrote are read without torch, in both containers and whatever stands beside the state dict."""

import argparse
import json
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import DtypeError, FormatError, LayerError, OptionError, UnsupportedLayerError
from fastjac.importers import Options, read

from . import torch_files
from .agreement import assert_agrees
from .test_torch import scramble

DATA = Path(__file__).parents[2] / "../shared/data"
LAYERS = ["tanh", "identity"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pth"


@pytest.fixture
def module():
    return scramble(nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)))


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_state_dict(legacy, protocol, path, module):
    torch.save(module.state_dict(), path, _use_new_zipfile_serialization=not legacy, pickle_protocol=protocol)
    if legacy and protocol > 3:
        with pytest.raises(FormatError, match="is a pickle of torch; fastjac never unpickles"):
            fastjac.load(path, LAYERS)
    else:
        assert_agrees(fastjac.load(path, LAYERS), module, (4,))


def checkpoint(module, **more):
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(2, 4, dtype=torch.float64)).sum().backward()
    optimizer.step()
    beside = {"optimizer_state_dict": optimizer.state_dict(), "epoch": 3, "loss": torch.tensor(0.5), "best": np.float64(1.0)}
    beside |= {
        "hyper_parameters": argparse.Namespace(lr=0.1, path=Path("a")),
        "classes": {"a", "b"},
        "device": torch.device("cpu"),
    }
    return beside | more


HOLDERS = {
    "state_dict": lambda state: {"state_dict": state},
    "model_state_dict": lambda state: {"model_state_dict": state},
    "nested": lambda state: {"algorithm": {"net": {"params": state}}},
    "wrapped": lambda state: {"model": OrderedDict((f"module._orig_mod.{name}", value) for name, value in state.items())},
    "parameters": lambda state: {"model": {name: nn.Parameter(value) for name, value in state.items()}},
}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", HOLDERS)
def test_a_checkpoint_that_holds_one(name, legacy, path, module):
    torch.save(checkpoint(module, **HOLDERS[name](module.state_dict())), path, _use_new_zipfile_serialization=not legacy)
    assert_agrees(fastjac.load(path, LAYERS), module, (4,))


def test_what_is_left_out_is_reported(path, module):
    torch.save(checkpoint(module, state_dict=module.state_dict()), path)
    parts = read(path, Options(layers=LAYERS))[1].parts
    left_out = {part.source for part in parts if part.note == "left out: it is not among the weights"}
    assert {"epoch (int)", "optimizer_state_dict (dict)", "device (torch.device, which was not made)"} <= left_out
    assert "hyper_parameters (argparse.Namespace, which was not made)" in left_out
    assert parts[-4].source == "0 (affine)"


def test_layers_are_asked_for(path, module):
    torch.save(module.state_dict(), path)
    with pytest.raises(
        OptionError, match=r'model.pth: it holds weights .* layers=\["relu", "identity"\].*: 0 with weight \(5, 4\)'
    ):
        fastjac.load(path)


def test_of_several_state_dicts_order_picks_the_groups(path):
    actor, critic = scramble(nn.Sequential(nn.Linear(4, 3), nn.Tanh())), scramble(nn.Sequential(nn.Linear(4, 1)))
    torch.save({"policy": {"actor": actor.state_dict(), "critic": critic.state_dict()}, "steps": 7}, path)
    message = (
        r"holds 2 dicts of weights \(policy.actor, policy.critic\), so pass .* order=\[...\] with some of policy.actor.0, "
        r"policy.critic.0"
    )
    with pytest.raises(OptionError, match=message):
        fastjac.load(path, ["tanh"])
    assert_agrees(fastjac.load(path, ["tanh"], order=["policy.actor.0"]), actor, (4,))
    for order in (["actor.0"], ["policy.actor.0", "policy.actor.1"], "policy.actor.0", 3):
        with pytest.raises(OptionError, match=message):
            fastjac.load(path, ["tanh"], order=order)


def test_an_object_in_a_state_dict_that_is_not_chosen_does_not_matter(path, module):
    state = {"weights": torch.ones(3), "options": argparse.Namespace()}
    torch.save({"model": module.state_dict(), "hyper_parameters": state}, path)
    assert_agrees(fastjac.load(path, LAYERS, order=["model.0", "model.2"]), module, (4,))
    with pytest.raises(FormatError, match=r"entry 'options': the pickle asks for argparse.Namespace; fastjac runs no pickle"):
        fastjac.load(path, LAYERS, order=["model.0", "hyper_parameters"])


def test_names_in_alphabetical_order_are_trusted_in_an_ordered_dict_alone(path):
    module = scramble(nn.Sequential(OrderedDict(a=nn.Linear(4, 5), act=nn.Tanh(), b=nn.Linear(5, 3))))
    torch.save(module.state_dict(), path)
    assert_agrees(fastjac.load(path, LAYERS), module, (4,))
    torch.save(dict(module.state_dict()), path)
    with pytest.raises(OptionError, match=r"\['a', 'b'\] stand in alphabetical order"):
        fastjac.load(path, LAYERS)


def test_every_layer_with_weights(path):
    module = scramble(nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.PReLU(5), nn.LayerNorm(5), nn.Linear(5, 2)))
    torch.save(module.state_dict(), path)
    assert_agrees(fastjac.load(path, ["affine", "batch_norm", "prelu", "layer_norm", "affine"]), module, (4,))


def test_weight_norm(path):
    module = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))).double()
    torch.save(module.state_dict(), path)
    assert_agrees(fastjac.load(path, ["identity"]), module, (4,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_is_read_exactly(dtype, path):
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(1)).to(dtype)
    torch.save({"weight": weight}, path)
    net = fastjac.load(path, ["identity"])
    assert net.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    np.testing.assert_array_equal(net[0].weight, weight.to(torch.float64).numpy())


VIEWS = {
    "transposed": lambda base: base.T,
    "an offset": lambda base: base[1:],
    "columns": lambda base: base[:, 1::2],
    "expanded": lambda base: base[:1].expand(4, 6),
    "overlapping": lambda base: base.as_strided((3, 4), (2, 1)),
    "an axis of one": lambda base: base[:1],
    "a view of bytes": lambda base: base.view(torch.uint8).view(torch.float32),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_of_a_storage(name, path):
    weight = VIEWS[name](torch.arange(30.0).reshape(5, 6))
    torch.save({"weight": weight, "bias": torch.ones(weight.shape[0])}, path)
    np.testing.assert_array_equal(fastjac.load(path, ["identity"])[0].weight, weight.numpy())


OF_COMPLEX = torch.complex(torch.arange(6.0).reshape(2, 3), torch.arange(1.0, 7.0).reshape(2, 3))
PUT_OFF = {
    "the imaginary part of a conjugate": OF_COMPLEX.conj().imag,
    "in double precision": OF_COMPLEX.to(torch.complex128).conj().imag,
    "transposed": OF_COMPLEX.conj().imag.T,
    "a parameter": nn.Parameter(OF_COMPLEX.conj().imag),
    "twice": torch._neg_view(OF_COMPLEX.conj().imag),
    "the real part of a conjugate": OF_COMPLEX.conj().real,
}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", PUT_OFF)
def test_a_change_of_sign_that_torch_has_put_off_is_done(name, legacy, path):
    weight = PUT_OFF[name]
    torch.save({"weight": weight}, path, _use_new_zipfile_serialization=not legacy)
    np.testing.assert_array_equal(fastjac.load(path, ["identity"])[0].weight, weight.detach().resolve_neg().numpy())
    np.testing.assert_array_equal(
        fastjac.from_state_dict({"weight": weight}, ["identity"])[0].weight, weight.detach().resolve_neg().numpy()
    )


def test_weights_that_share_a_storage(path):
    linear = nn.Linear(3, 3)
    module = scramble(nn.Sequential(linear, nn.Tanh(), linear))
    torch.save(module.state_dict(), path)
    assert_agrees(fastjac.load(path, LAYERS), module, (3,))


def test_a_tensor_with_attributes(path):
    weight = nn.Parameter(torch.ones(2, 2))
    weight.note = "mine"
    torch.save({"weight": weight}, path)
    np.testing.assert_array_equal(fastjac.load(path, ["identity"])[0].weight, np.ones((2, 2)))


def test_a_tensor_whose_dtype_stands_beside_it(path):
    torch.save({"weight": torch.ones(2, 2), "unused.count": torch.ones(2, dtype=torch.uint16)}, path)
    with pytest.raises(
        FormatError, match=r"'unused.count': it holds uint16 numbers; fastjac takes float64, float32, .* in torch"
    ):
        fastjac.load(path, ["identity"])
    halves = torch_files.call(
        "torch._utils._rebuild_tensor_v3",
        b"("
        + torch_files.storage(kind="storage\nUntypedStorage", count=24).replace(b"ctorch\nstorage\n", b"ctorch.storage\n")
        + torch_files.number(0)
        + torch_files.numbers((2, 3))
        + torch_files.numbers((3, 1))
        + b"\x89Nctorch\nfloat32\nt",
    )
    torch_files.write_zip(path, torch_files.dictionary(weight=halves))
    np.testing.assert_array_equal(fastjac.load(path, ["identity"])[0].weight, np.arange(6.0).reshape(2, 3))


def test_big_endian_files(path):
    storages = {"data/0": np.arange(6, dtype=">f4").tobytes(), "byteorder": b"big"}
    torch_files.write_zip(path, torch_files.dictionary(weight=torch_files.tensor()), storages)
    np.testing.assert_array_equal(fastjac.load(path, ["identity"])[0].weight, np.arange(6.0).reshape(2, 3))


def test_text_of_python_2_is_read(path):
    entry = b"U\x06weight" + torch_files.tensor()
    torch_files.write_legacy(path, b"}" + entry + b"s")
    np.testing.assert_array_equal(fastjac.load(path, ["identity"])[0].weight, np.arange(6.0).reshape(2, 3))


def test_an_ordered_dict_of_python_2_is_read(path):
    pairs = b"](]" + b"(" + torch_files.text("weight") + torch_files.tensor() + b"ee"
    ordered = torch_files.call("collections.OrderedDict", b"(" + pairs + b"t")
    torch_files.write_legacy(path, ordered)
    np.testing.assert_array_equal(fastjac.load(path, ["identity"])[0].weight, np.arange(6.0).reshape(2, 3))


class Own(torch.Tensor):
    pass


WEIGHTS = torch.ones(2, 2)
UNREAD = {
    "complex": ({"weight": WEIGHTS * 1j}, FormatError, "'weight': it holds complex64 numbers; fastjac takes float64"),
    "sparse": ({"weight": WEIGHTS.to_sparse()}, FormatError, r"'weight': it is sparse; call .to_dense\(\)"),
    "meta": ({"weight": WEIGHTS.to("meta")}, FormatError, "'weight': it is on the meta device"),
    "a class of its own": ({"weight": WEIGHTS.as_subclass(Own)}, FormatError, "asks for a tensor of class .*test_torch_file.Own"),
    "integers": ({"weight": WEIGHTS.long()}, DtypeError, "Affine weight must hold floating-point numbers, got int64"),
    "a whole module without weights in a checkpoint": ({"model": nn.ReLU()}, FormatError, "it holds no weights"),
    "several modules in a checkpoint": (
        {"a": nn.ReLU(), "b": nn.Tanh()},
        FormatError,
        r"a \(torch.nn.modules.activation.ReLU, which was not made\), b .*; save torch.save\(module.state_dict\(\)",
    ),
    "a module among weights": (
        {"a": WEIGHTS, "b": nn.ReLU()},
        FormatError,
        "entry 'b': the pickle asks for torch.nn.modules.activ",
    ),
    "a tensor": (WEIGHTS, FormatError, "it is a single tensor; build fastjac.Affine from it"),
    "a list": ([WEIGHTS], FormatError, "the file holds no state dict, .* it is list; save torch.save"),
    "an optimizer alone": (
        {"state": {0: {"a": WEIGHTS}}},
        FormatError,
        r"no state dict, .*: its entries are state \(dict\); save",
    ),
    "nothing": ({}, FormatError, "its entries are none"),
    "numbers as names": ({0: WEIGHTS, "a": WEIGHTS}, FormatError, "entry 0: the names of a state dict must be text"),
}


@pytest.mark.parametrize(("value", "error", "message"), UNREAD.values(), ids=UNREAD)
def test_what_is_no_state_dict_of_plain_tensors_is_reported(value, error, message, path):
    torch.save(value, path)
    with pytest.raises(error, match=message) as caught:
        fastjac.load(path, ["identity"])
    assert str(caught.value).startswith(str(path))


def test_quantized_weights_are_reported(path):
    quantized = torch_files.call("torch._utils._rebuild_qtensor", b"(" + torch_files.storage(kind="QInt8Storage") + b"t")
    torch_files.write_zip(path, torch_files.dictionary(weight=quantized))
    with pytest.raises(FormatError, match=r"'weight': it is quantized; call .dequantize\(\) on it in torch"):
        fastjac.load(path, ["identity"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_archive_is_no_state_dict_but_a_network(path):
    module = scramble(nn.Sequential(nn.Linear(2, 3), nn.Tanh()))
    torch.jit.script(module).save(path)
    assert_agrees(fastjac.load(path), module, (2,))
    with pytest.raises(OptionError, match="this format states layers itself or has no use for it, so leave layers out"):
        fastjac.load(path, ["identity"])


def test_other_options_are_refused(path, module):
    torch.save(module.state_dict(), path)
    with pytest.raises(OptionError, match="leave config out"):
        fastjac.load(path, LAYERS, config="{}")


def test_layers_that_do_not_fit_are_reported(path, module):
    torch.save(module.state_dict(), path)
    with pytest.raises(OptionError, match="layers has 1 entries for 2 affine layers"):
        fastjac.load(path, ["tanh"])
    with pytest.raises(LayerError, match="takes 4 inputs"):
        fastjac.load(path, LAYERS, order=["2", "0"])


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_it_is_read_where_no_framework_and_no_unpickler_is(legacy, path, module):
    torch.save(checkpoint(module, model=module.state_dict()), path, _use_new_zipfile_serialization=not legacy)
    code = (
        "import sys, pickle\n"
        "import numpy as np, fastjac\n"
        "def refuse(*args, **kwargs): raise SystemExit('unpickled')\n"
        "pickle.Unpickler = pickle._Unpickler = pickle.load = pickle.loads = refuse\n"
        "sys.modules.update(dict.fromkeys(['keras', 'tensorflow', 'torch', 'jax', 'h5py', 'safetensors']))\n"
        f"net = fastjac.load({str(path)!r}, {LAYERS})\n"
        "print(np.concatenate([array.ravel() for layer in net for array in layer.arrays.values()]).tolist())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = np.concatenate([parameter.detach().numpy().ravel() for parameter in module.parameters()])
    np.testing.assert_array_equal(json.loads(result.stdout), expected)


def test_a_network_that_others_trained():
    pth, npz = DATA / "neuralfoil-xsmall.pth", DATA / "neuralfoil-xsmall.npz"
    if not pth.exists():
        pytest.skip(f"{pth} is not there: an airfoil network that is no part of this project")
    layers = ["silu", "silu", "silu", "identity"]
    from_torch_file, from_numpy_file = fastjac.load(pth, layers), fastjac.load(npz, layers)
    x = np.random.default_rng(0).normal(size=(20, 25))
    np.testing.assert_array_equal(from_torch_file(x), from_numpy_file(x))
    np.testing.assert_array_equal(from_torch_file.jacobian(x), from_numpy_file.jacobian(x))
    assert from_torch_file.n_out == 198


def test_a_layer_that_it_names_as_unknown_is_reported(path, module):
    torch.save(module.state_dict(), path)
    with pytest.raises((OptionError, UnsupportedLayerError), match="it is none of affine"):
        fastjac.load(path, ["tahn", "identity"])
