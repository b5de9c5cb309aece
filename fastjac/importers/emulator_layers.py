"""The layers of an emulator of the CosmoPower family.

An emulator standardizes the parameters of a model and passes them through affine layers. A gated swish with two trained
parameters for each unit, its alphas and betas, follows all affine layers but the last. The outputs are scaled to features, such
as the logarithms of a spectrum; a network that gives principal components scales these first and adds them up. This is
`predictions_np` of CosmoPower, or `log_spectrum` of Speculator: nothing is raised to the power of the features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import layers as fl
from ..errors import FormatError
from ..layers.base import as_per_unit
from .ir.assembly import assemble_row
from .located import located
from .parts import Imported, Part
from .reading.limits import MOST_LAYERS, check_count
from .tensors import as_numpy

LISTS = ("W", "b", "alphas", "betas")
"""The lists of arrays: each affine layer has a W and a b, and each but the last has alphas and betas."""
STANDARDS = ("parameters_mean", "parameters_std", "features_mean", "features_std")
COMPONENTS = ("pca_mean", "pca_std", "pca_transform_matrix")
NUMBERS = (*STANDARDS, *COMPONENTS)
MOST_NOTED = 1000
"""How many letters of the names of parameters a note shows."""


def imported(values: Mapping[str, Any]) -> Imported:
    """The network of an emulator's values, by the names that CosmoPower gives them.

    Raises FormatError where a value is missing, or a list is not as long as there are layers; what layers raise where arrays do
    not fit.
    """
    missing = [name for name in (*LISTS, *STANDARDS) if name not in values]
    if missing:
        raise FormatError(f"it has no {', '.join(missing)}, which an emulator of CosmoPower has; it is damaged, or another kind")
    parts = [_standardized(values), *_inner(*(values[name] for name in LISTS))]
    if present := [name for name in COMPONENTS if name in values]:
        if len(present) < len(COMPONENTS):
            raise FormatError(f"it has {', '.join(present)} alone; a network of components has {', '.join(COMPONENTS)}")
        parts += _components(values)
    with located("features"):
        parts.append(Part("features (y * std + mean)", (_scaled(values, "features"),)))
    return assemble_row(parts, None, "fastjac.load")


def _standardized(values: Mapping[str, Any]) -> Part:
    with located("parameters"), np.errstate(all="ignore"):
        mean = as_per_unit(values["parameters_mean"], "their means")
        inverse = np.divide(1.0, as_per_unit(values["parameters_std"], "their standard deviations"))
        if not np.all(np.isfinite(inverse)):
            raise FormatError("the standard deviations of the parameters divide, so none may be 0; the file is damaged")
        return Part("parameters ((x - mean) / std)", (fl.Scale(1.0, -mean), fl.Scale(inverse)), _noted(values.get("parameters")))


def _inner(weights: Any, biases: Any, alphas: Any, betas: Any) -> list[Part]:
    counts = [len(items) if isinstance(items, Sequence) else -1 for items in (weights, biases, alphas, betas)]
    n_layers = counts[0]
    if n_layers < 1 or counts != [n_layers, n_layers, n_layers - 1, n_layers - 1]:
        counted = ", ".join(f"{max(count, 0)} {name}" for count, name in zip(counts, LISTS, strict=True))
        raise FormatError(f"it has lists of {counted}; every affine layer has a W and a b, and all but the last alphas and betas")
    check_count(n_layers, MOST_LAYERS, "layers")
    parts = []
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        with located(f"layer {number}"):
            affine = fl.Affine(as_numpy(weight).T, bias)
            is_last = number == n_layers - 1
            gate = () if is_last else (fl.GatedSwish(betas[number], alphas[number]),)
            parts.append(Part(f"layer {number} ({'affine' if is_last else 'affine, gated swish'})", (affine, *gate)))
    return parts


def _components(values: Mapping[str, Any]) -> list[Part]:
    with located("principal components"):
        basis = fl.Affine(as_numpy(values["pca_transform_matrix"]).T)
        return [
            Part("components (y * std + mean)", (_scaled(values, "pca"),)),
            Part("features of the components (affine)", (basis,)),
        ]


def _scaled(values: Mapping[str, Any], name: str) -> fl.Scale:
    return fl.Scale(values[f"{name}_std"], values[f"{name}_mean"])


def _noted(names: Any) -> str:
    """The names of the parameters, in the order of the inputs, as a note."""
    listed = ", ".join(map(str, names)) if isinstance(names, (list, tuple)) and all(isinstance(n, str) for n in names) else ""
    return listed if len(listed) <= MOST_NOTED else f"{listed[:MOST_NOTED]}..."
