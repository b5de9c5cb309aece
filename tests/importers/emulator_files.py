"""Files of emulators, written as CosmoPower and those who convert its files write them, and what the emulators compute."""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from unittest import mock

import numpy as np

NAMES = ["omega_b", "omega_cdm", "h", "tau"]
LISTS = ("W", "b", "alphas", "betas")
HIDDEN, N_MODES, N_PCAS = [5, 6], 7, 3
Attributes = dict[str, Any]


def attributes(dtype: str = "float32", *, components: bool = False) -> Attributes:
    """What a trained emulator has, by the names of its attributes; CosmoPower's arrays are in float32."""
    rng = np.random.default_rng(0)
    architecture = [len(NAMES), *HIDDEN, N_PCAS if components else N_MODES]
    pairs = list(pairwise(architecture))

    def drawn(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(dtype)

    made: Attributes = {
        "W": [drawn(n_in, n_out) for n_in, n_out in pairs],
        "b": [drawn(n_out) for _, n_out in pairs],
        "alphas": [drawn(n_out) for _, n_out in pairs[:-1]],
        "betas": [drawn(n_out) for _, n_out in pairs[:-1]],
        "parameters_mean": drawn(len(NAMES)),
        "parameters_std": np.abs(drawn(len(NAMES))) + np.dtype(dtype).type(0.5),
    }
    if components:
        made |= {"pca_mean": drawn(N_PCAS), "pca_std": np.abs(drawn(N_PCAS))}
    made |= {"features_mean": drawn(N_MODES), "features_std": np.abs(drawn(N_MODES))}
    counts = {"n_parameters": len(NAMES), "parameters": list(NAMES), "n_modes": N_MODES, "modes": np.arange(2, 2 + N_MODES)}
    if components:
        made |= {name: counts[name] for name in ("parameters", "n_parameters", "modes", "n_modes")}
        made |= {"n_pcas": N_PCAS, "pca_transform_matrix": drawn(N_PCAS, N_MODES)}
    else:
        made |= counts
    return made | {"n_hidden": list(HIDDEN), "n_layers": len(pairs), "architecture": architecture}


def of_many_layers(count: int) -> Attributes:
    """Attributes of an emulator of so many layers of one unit."""
    one, counts = np.ones(1, "float32"), {"W": count, "b": count, "alphas": count - 1, "betas": count - 1}
    lists = {name: [np.ones((1, 1), "float32") if name == "W" else one] * length for name, length in counts.items()}
    means = ("parameters_mean", "parameters_std", "features_mean", "features_std")
    return attributes() | lists | dict.fromkeys(means, one)


def predictions(of: Mapping[str, Any], x: Any, exp: Any = np.exp) -> Any:
    """CosmoPower's `forward_pass_np`; for tensors too, of which `exp` is then the exponential."""
    layer = (x - of["parameters_mean"]) / of["parameters_std"]
    for weight, bias, alpha, beta in zip(of["W"][:-1], of["b"][:-1], of["alphas"], of["betas"], strict=True):
        act = layer @ weight + bias
        layer = (beta + (1.0 - beta) * 1.0 / (1.0 + exp(-alpha * act))) * act
    layer = layer @ of["W"][-1] + of["b"][-1]
    if "pca_mean" in of:
        layer = (layer * of["pca_std"] + of["pca_mean"]) @ of["pca_transform_matrix"]
    return layer * of["features_std"] + of["features_mean"]


def npz(of: Mapping[str, Any]) -> bytes:
    """What `save` writes since the format changed to NumPy's."""
    arrays = {f"{name}_{i}": array for name in LISTS for i, array in enumerate(of[name])}
    target = io.BytesIO()
    np.savez_compressed(target, **{name: value for name, value in of.items() if name not in LISTS}, **arrays)
    return target.getvalue()


def pkl(of: Mapping[str, Any], protocol: int = 4, wrapped: Sequence[str] = ()) -> bytes:
    """What `save` wrote before: a pickled list of the attributes in a fixed order.

    wrapped : the attributes that are lists in TensorFlow's wrapper, which a Keras model makes of lists that are its attributes.
    """
    module = types.ModuleType("tensorflow.python.training.tracking.data_structures")
    wrapper = type(
        "ListWrapper", (list,), {"__module__": module.__name__, "__reduce_ex__": lambda self, _: (type(self), ([*self],))}
    )
    module.ListWrapper = wrapper  # type: ignore[attr-defined]
    parents = module.__name__.split(".")[:-1]
    modules = {".".join(parents[: i + 1]): types.ModuleType(parents[i]) for i in range(len(parents))} | {module.__name__: module}
    with mock.patch.dict(sys.modules, modules):
        return pickle.dumps([wrapper(value) if name in wrapped else value for name, value in of.items()], protocol)


def speculator(of: Mapping[str, Any]) -> bytes:
    """What the forerunner of CosmoPower, which knows principal components alone, saves: the attributes in another order."""
    after = ("pca_transform_matrix", "n_parameters", "n_modes", "modes", "n_pcas", "n_hidden", "n_layers", "architecture")
    before = {name: value for name, value in of.items() if name not in (*after, "parameters")}
    return pkl(before | {name: of[name] for name in after}, wrapped=("n_hidden", "architecture"))


CONVERTED_NAMES = {
    "W": "weights_", "b": "biases_", "alphas": "alphas_", "betas": "betas_",
    "parameters_mean": "param_train_mean", "parameters_std": "param_train_std",
    "features_mean": "feature_train_mean", "features_std": "feature_train_std",
}  # fmt: skip


def converted(of: Mapping[str, Any]) -> bytes:
    """What the published converters make of a pickle: an archive of one dict."""
    target = io.BytesIO()
    np.savez(target, {CONVERTED_NAMES.get(name, name): value for name, value in of.items()})  # type: ignore[arg-type]
    return target.getvalue()
