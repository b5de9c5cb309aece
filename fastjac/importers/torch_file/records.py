"""Whole modules as pickles describe them: inert records whose attributes can be read like those of the modules themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import FormatError, UnsupportedLayerError
from ..located import located
from ..reading.records import Call, Name
from ..torch.modified import HOOKS
from .checkpoint import entries_of
from .tensors import Tensors, is_tensor, unsized

DEFAULTS: dict[str, dict[str, Any]] = {"GELU": {"approximate": "none"}}
"""Attributes that a class of torch did not have at first, with the values that it computed with then."""
CHILDREN, PARAMETERS, BUFFERS = "_modules", "_parameters", "_buffers"
COUNT = "num_batches_tracked"
LARGEST = 2**63


def is_module(value: Any) -> bool:
    """Whether a value of the pickle stands for a torch.nn.Module."""
    return (
        isinstance(value, Call)
        and isinstance(value.function, Name)
        and isinstance(value.state, dict)
        and all(entries_of(value.state.get(held)) is not None for held in (CHILDREN, PARAMETERS, BUFFERS))
    )


class Module:
    """One module of a file, in evaluation mode; `module.weight`, `module.eps` and so on are the values in the file.

    class_name : the name of its class behind that of the class's Python module. Neither is imported.
    children : the modules inside it by name, as the pickle describes them.
    """

    def __init__(self, record: Call, tensors: Tensors) -> None:
        self.class_name = str(record)
        self.children: Mapping[Any, Any] = entries_of(record.state[CHILDREN]) or {}
        self._state: Mapping[Any, Any] = record.state
        self._held: list[Mapping[Any, Any]] = [entries_of(record.state[held]) or {} for held in (PARAMETERS, BUFFERS)]
        self._tensors = tensors

    def check_plain(self) -> None:
        """Raise UnsupportedLayerError where the module computes something else than its class."""
        for kind, name in HOOKS.items():
            for hook in (entries_of(self._state.get(name)) or {}).values():
                raise UnsupportedLayerError(
                    f"it has the {kind} {hook!s:.100}, which may change what it computes; remove it first, weight_norm and "
                    "spectral_norm by torch.nn.utils.remove_weight_norm or remove_spectral_norm, and save it again"
                )
        if "forward" in self._state:
            raise UnsupportedLayerError(
                "it has a forward of its own, whose code is not in the file; pass fastjac.from_torch(module)"
            )

    @property
    def own_names(self) -> list[str]:
        """The names of its own parameters and buffers that are not None, except counts."""
        return [str(name) for held in self._held for name, value in held.items() if value is not None and name != COUNT]

    def arrays(self) -> dict[str, np.ndarray]:
        """Its own parameters and buffers by name; FormatError where one is no tensor of plain numbers."""
        found = {}
        for held in self._held:
            for name, value in held.items():
                if value is not None:
                    found[str(name)] = self._array(name, value)
        return found

    def has(self, name: str) -> bool:
        """Whether the file has a value of an attribute."""
        return name in self._state

    def __getattr__(self, name: str) -> Any:
        for held in self._held:
            if name in held:
                return None if held[name] is None else self._array(name, held[name])
        if name in self._state:
            return _plain(self._state[name], name)
        kind = self.class_name.rpartition(".")[2]
        if name in DEFAULTS.get(kind, {}):
            return DEFAULTS[kind][name]
        raise FormatError(f"it has no {name}, as every {kind} of torch does; the file is damaged")

    def _array(self, name: Any, value: Any) -> np.ndarray:
        with located(f"{name!s:.100}"):
            if not is_tensor(value):
                raise FormatError(f"the file holds {value!s:.80} in place of a tensor")
            return self._tensors.array(value)


def _plain(value: Any, name: str) -> Any:
    """An attribute that is a number, a text or a tuple of whole numbers; FormatError for anything else."""
    value = unsized(value)
    items = value if isinstance(value, (tuple, list)) else (value,)
    if not all(item is None or isinstance(item, (int, float, str)) for item in items):
        raise FormatError(f"its {name} is of type {type(value).__name__}, which is no option that torch gives it")
    if any(isinstance(item, int) and abs(item) >= LARGEST for item in items):
        raise FormatError(f"its {name} has more digits than torch gives it")
    return value
