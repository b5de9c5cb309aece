"""Emulators of the CosmoPower family in every form of their files, against CosmoPower's own NumPy; damage is reported."""

import numpy as np
import pytest
import torch

import fastjac
from fastjac.errors import DtypeError, FormatError, LayerError, OptionError, ShapeError
from fastjac.importers import Options, read

from . import emulator_files as files

LISTS = ("W", "b", "alphas", "betas", "n_hidden", "architecture", "parameters")
WRITERS = {
    "npz": files.npz,
    "pickle": files.pkl,
    "pickle of protocol 0": lambda of: files.pkl(of, 0),
    "pickle of protocol 2": lambda of: files.pkl(of, 2),
    "pickle of protocol 5": lambda of: files.pkl(of, 5),
    "pickle with TensorFlow's wrappers": lambda of: files.pkl(of, wrapped=LISTS),
    "pickle converted to npz": files.converted,
}


def write(folder, content):
    path = folder / "emulator"
    path.write_bytes(content)
    return path


def in_float64(of):
    """The attributes as float64 tensors."""
    kept = {name: value for name, value in of.items() if name in files.LISTS or isinstance(value, np.ndarray)}
    return {
        name: [torch.from_numpy(array).double() for array in value]
        if isinstance(value, list)
        else torch.from_numpy(value).double()
        for name, value in kept.items()
    }


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 2e-5)])
@pytest.mark.parametrize("components", [False, True])
@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_values_and_jacobians_are_those_of_the_emulator(writer, components, dtype, tolerance, tmp_path):
    of = files.attributes(dtype, components=components)
    net, tensors = fastjac.load(write(tmp_path, writer(of))), in_float64(of)
    assert net.dtype == dtype
    for sample in torch.from_numpy(np.random.default_rng(1).normal(size=(8, 4))):
        expected = files.predictions(tensors, sample, torch.exp).numpy()
        jacobian = torch.func.jacrev(lambda v: files.predictions(tensors, v, torch.exp))(sample).numpy()
        y, jac = net.value_and_jacobian(sample.numpy())
        np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance * np.abs(expected).max())
        np.testing.assert_allclose(jac, jacobian, rtol=0, atol=tolerance * np.abs(jacobian).max())


def test_numpys_own_evaluation_is_followed_too(tmp_path):
    of, x = files.attributes(), np.random.default_rng(2).normal(size=(5, 4)).astype(np.float32)
    expected = files.predictions(of, x)
    np.testing.assert_allclose(fastjac.load(write(tmp_path, files.npz(of)))(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_the_names_of_the_parameters_are_noted(writer, tmp_path):
    name, imported = read(write(tmp_path, writer(files.attributes(components=True))), Options())
    assert name == "emulators of the CosmoPower family (.npz, .pkl)"
    assert imported.parts[0].source == "parameters ((x - mean) / std)"
    assert imported.parts[0].note == "omega_b, omega_cdm, h, tau"
    assert [part.source for part in imported.parts[1:]] == [
        "layer 0 (affine, gated swish)", "layer 1 (affine, gated swish)", "layer 2 (affine)", "components (y * std + mean)",
        "features of the components (affine)", "features (y * std + mean)",
    ]  # fmt: skip


@pytest.mark.parametrize("parameters", [None, np.array(["a", 1], object), np.array([1.0])])
def test_parameters_without_names_are_not_missed(parameters, tmp_path):
    of = files.attributes() | {"parameters": parameters}
    for writer in (files.npz, files.pkl):
        assert read(write(tmp_path, writer(of)), Options())[1].parts[0].note == ""


def test_the_names_of_many_parameters_are_noted_in_part(tmp_path):
    of = files.attributes() | {"parameters": [f"parameter{i}" for i in range(1000)]}
    note = read(write(tmp_path, files.npz(of)), Options())[1].parts[0].note
    assert note.startswith("parameter0, parameter1, ")
    assert len(note) == 1003


def test_an_emulator_of_speculator(tmp_path):
    of = files.attributes("float64", components=True)
    net, x = fastjac.load(write(tmp_path, files.speculator(of))), np.random.default_rng(1).normal(size=(8, 4))
    np.testing.assert_allclose(net(x), files.predictions(of, x), rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(net.jacobian(x), fastjac.load(write(tmp_path, files.npz(of))).jacobian(x))


def test_a_dict_that_calls_the_components_features(tmp_path):
    of = files.attributes(components=True)
    names = {"features_mean": "training_mean", "features_std": "training_std", "pca_mean": "feature_train_mean"}
    names |= {"pca_std": "feature_train_std", "pca_transform_matrix": "pca_matrix"}
    renamed = {names.get(name, name): value for name, value in of.items()}
    x = np.ones(4)
    expected = fastjac.load(write(tmp_path, files.converted(of)))(x)
    np.testing.assert_array_equal(fastjac.load(write(tmp_path, files.converted(renamed)))(x), expected)


def test_a_dict_with_numbered_arrays(tmp_path):
    of = files.attributes()
    numbered = {f"{name}_{i}": array for name in files.LISTS for i, array in enumerate(of[name])}
    others = {name: value for name, value in of.items() if name not in files.LISTS}
    x = np.ones(4)
    expected = fastjac.load(write(tmp_path, files.npz(of)))(x)
    np.testing.assert_array_equal(fastjac.load(write(tmp_path, files.converted(others | numbered)))(x), expected)


def test_one_standard_deviation_for_all(tmp_path):
    of = files.attributes() | {
        "features_mean": np.float32(0.5),
        "features_std": 2.0,
        "parameters_mean": 0.0,
        "parameters_std": 1.0,
    }
    x = np.ones(4)
    for writer in (files.npz, files.pkl):
        np.testing.assert_allclose(fastjac.load(write(tmp_path, writer(of)))(x), files.predictions(of, x), rtol=1e-5, atol=1e-5)


def changed(**values):
    return {name: value for name, value in (files.attributes(components=True) | values).items() if value is not None}


ONE = np.ones(4, np.float32)
DAMAGE = {
    "no betas": (files.npz, changed(betas=[]), FormatError, "it has no betas, which an emulator of CosmoPower has"),
    "no basis": (
        files.npz,
        changed(pca_transform_matrix=None),
        FormatError,
        "it has pca_mean, pca_std alone; a network of components has",
    ),
    "another basis": (files.npz, changed(pca_transform_matrix=np.ones((4, 7), np.float32)), LayerError, "takes 4 inputs, but"),
    "a layer too few": (files.pkl, changed(W=files.attributes()["W"][:2]), FormatError, "it has lists of 2 W, 3 b, 2 alphas, 2"),
    "a number for a list": (files.pkl, changed(b=1.0), FormatError, "it has lists of 3 W, 0 b, 2 alphas, 2 betas"),
    "no list": (files.pkl, changed(W=3), FormatError, "it has lists of 0 W, 3 b"),
    "a deviation of 0": (files.npz, changed(parameters_std=0 * ONE), FormatError, "none may be 0"),
    "one deviation of 0": (files.pkl, changed(parameters_std=0.0), FormatError, "none may be 0"),
    "a mean of text": (
        files.pkl,
        changed(parameters_mean="a"),
        DtypeError,
        "parameters: their means must be a real number, got 'a'",
    ),
    "weights of text": (files.pkl, changed(W=["a"] * 3), DtypeError, "layer 0: Affine weight must hold"),
    "a bias of another size": (files.pkl, changed(b=[ONE] * 3), ShapeError, "layer 0: Affine bias must have"),
    "alphas of another size": (files.npz, changed(alphas=[ONE] * 2), ShapeError, "layer 0: GatedSwish floor and beta must have"),
    "an item too few": (
        files.pkl,
        changed(modes=None),
        DtypeError,
        "principal components: Affine weight must hold floating-point",
    ),
    "two items too few": (files.pkl, changed(modes=None, n_pcas=None), FormatError, "a list of 17 items; cosmopower_NN saves 15"),
}


@pytest.mark.parametrize(("writer", "of", "error", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_reported(writer, of, error, message, tmp_path):
    with pytest.raises(error, match=message):
        fastjac.load(write(tmp_path, writer(of)))


def test_arrays_that_are_not_numbered_from_0_on_are_reported(tmp_path):
    of = files.attributes()
    of["betas"] = dict(enumerate(of["betas"], start=1))
    with pytest.raises(FormatError, match=r"it has 2 arrays betas_..., which are not numbered from 0 on"):
        fastjac.load(write(tmp_path, files.npz(of | {"betas": []} | {f"betas_{i}": array for i, array in of["betas"].items()})))


@pytest.mark.parametrize("content", [[1.0], None, "text"])
def test_an_archive_of_another_object_is_reported(content, tmp_path):
    np.savez(tmp_path / "a.npz", np.array(content, object) if content != [1.0] else np.array([{}, 1], object))
    with pytest.raises(FormatError, match=r"its only array has a (NoneType|str) in it|no array of a single object"):
        fastjac.load(tmp_path / "a.npz")


def test_an_archive_of_one_array_of_numbers_is_weights(tmp_path):
    np.savez(tmp_path / "a.npz", np.eye(3))
    with pytest.raises(OptionError, match="it holds weights and no architecture"):
        fastjac.load(tmp_path / "a.npz")


def test_options_are_refused(tmp_path):
    for writer in (files.npz, files.pkl, files.converted):
        with pytest.raises(OptionError, match="leave layers out"):
            fastjac.load(write(tmp_path, writer(files.attributes())), layers=["relu"])


def test_what_a_pickle_asks_for_is_not_done(tmp_path):
    class Harm:
        def __reduce__(self):
            return (exec, ("raise AssertionError('it is executed')",))

    for writer in (files.pkl, files.converted):
        with pytest.raises(FormatError, match=r"the pickle asks for builtins.exec, which can run code"):
            fastjac.load(write(tmp_path, writer(files.attributes() | {"modes": Harm()})))
