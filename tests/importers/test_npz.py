"""NumPy archives of weights, whose layers the user names."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import fastjac
from fastjac.errors import DtypeError, FormatError, OptionError

from .agreement import assert_agrees
from .test_torch import scramble

NEURALFOIL = Path(__file__).resolve().parents[3] / "shared" / "data" / "neuralfoil-xsmall.npz"
LAYERS = ["affine", "batch_norm", "silu", "affine"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.npz"


@pytest.fixture
def module():
    return scramble(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.SiLU(), nn.Linear(4, 2)))


def arrays(module):
    """The entries of its state dict as arrays."""
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_weights_with_a_list_of_their_layers(save, module, path):
    save(path, **arrays(module))
    assert_agrees(fastjac.load(path, LAYERS), module, (3,))


def test_the_prefix_of_a_wrapper_falls_away(module, path):
    np.savez(path, **{f"module.{name}": array for name, array in arrays(module).items()})
    assert_agrees(fastjac.load(path, LAYERS), module, (3,))


def test_a_transposed_kernel_may_stand_in_fortran_order(path):
    kernel = np.random.default_rng(0).normal(size=(3, 2))
    np.savez(path, **{"0.weight": kernel.T})
    np.testing.assert_array_equal(fastjac.load(path, ["identity"])[0].weight, kernel.T)


def test_without_layers_the_groups_of_weights_are_reported(module, path):
    np.savez(path, **arrays(module))
    with pytest.raises(OptionError, match=r"it holds weights and no architecture, so specify the layers.*0 with weight \(4, 3\)"):
        fastjac.load(path)


def test_options_for_other_formats_are_refused(path):
    np.savez(path, a=np.ones(2))
    with pytest.raises(OptionError, match="leave config out"):
        fastjac.load(path, LAYERS, config="{}")


def test_objects_are_never_unpickled(path):
    np.savez(path, **{"0.weight": np.array([None, {}])})
    with pytest.raises(DtypeError, match=r"weights.npz: 0.weight.npy holds Python objects, which fastjac never unpickles"):
        fastjac.load(path, ["identity"])


def test_what_is_no_array_is_reported(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.weight.npy", npy(np.eye(2)))
        archive.writestr("readme.txt", "hello")
    with pytest.raises(FormatError, match=r"the archive holds readme.txt besides arrays"):
        fastjac.load(path, ["identity"])


def test_arrays_that_only_together_are_too_large_are_refused(path):
    zeros = npy(np.zeros(1 << 23, np.uint8))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(9):
            archive.writestr(f"{i}.weight.npy", zeros)
    with pytest.raises(FormatError, match=r"the archive claims to unpack to 75\d{6} bytes from \d{5}"):
        fastjac.load(path, ["identity"])


def test_a_damaged_array_is_reported_by_its_name(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.weight.npy", npy(np.eye(2))[:-8])
    with pytest.raises(FormatError, match=r"weights.npz: 0.weight.npy has shape \(2, 2\) of float64, but 24 bytes"):
        fastjac.load(path, ["identity"])


@pytest.mark.skipif(not NEURALFOIL.is_file(), reason=f"needs {NEURALFOIL}")
def test_a_published_network():
    net = fastjac.load(NEURALFOIL, ["silu", "silu", "silu", "identity"])
    assert net.widths == (25, 48, 48, 48, 48, 48, 48, 198)
    x = np.random.default_rng(0).normal(size=(5, 25)).astype(np.float32)
    with np.load(NEURALFOIL) as stored:
        expected = x.astype(np.float64)
        for i in (0, 2, 4, 6):
            expected = expected @ stored[f"net.{i}.weight"].T + stored[f"net.{i}.bias"]
            expected = expected / (1.0 + np.exp(-expected)) if i < 6 else expected
    np.testing.assert_allclose(net.astype(np.float64)(x), expected, rtol=1e-12, atol=1e-12)
