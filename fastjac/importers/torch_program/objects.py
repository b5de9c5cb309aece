"""The objects of a TorchScript archive: modules with their attributes, from a pickle that is read as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import FormatError, UnsupportedLayerError
from ..ir.account import Account
from ..ir.values import Constant
from ..located import located
from ..reading.limits import MOST_LAYERS, MOST_NESTING, check_count
from ..reading.records import Call
from ..torch_file.tensors import Tensors, is_tensor
from .aten.operators import QUANTIZED
from .aten.values import stored

CLASSES = "__torch__."
CUSTOM = "__torch__.torch.classes."
PICKLE_HELPERS = "torch.jit._pickle."


@dataclass(frozen=True, eq=False)
class Module:
    """An object whose class the archive's program defines.

    kind : the name of its class.  path : the attributes that lead from the outermost module to it, joined by points.
    """

    kind: str
    path: str
    attributes: Mapping[str, Any]


class Objects:
    """Turns what a pickle describes into modules, tensors, numbers and lists, each when it is first asked for."""

    def __init__(self, tensors: Tensors, account: Account) -> None:
        self._tensors, self._account = tensors, account
        self._arrays: dict[int, Constant] = {}
        self._converted = 0

    def attribute(self, module: Module, name: str) -> Any:
        """An attribute of a module."""
        if name not in module.attributes:
            raise FormatError(f"{module.path or 'the module'} has no attribute {name!r:.80}; the file is damaged")
        return self.convert(module.attributes[name], f"{module.path}.{name}" if module.path else name)

    def convert(self, value: Any, path: str, depth: int = 0) -> Any:
        """What a value of the pickle stands for."""
        check_count(depth, MOST_NESTING, "levels of lists inside lists")
        if isinstance(value, (list, tuple, dict)):
            return self._container(value, path, depth)
        if not isinstance(value, Call):
            if not isinstance(value, (int, float, str, type(None))):
                raise FormatError(f"{path} is a {type(value).__name__}; the file is damaged")
            return value
        if is_tensor(value):
            return self._tensor(value, path)
        kind = str(value)
        if kind.startswith(PICKLE_HELPERS):
            return self.convert(plain(value), path, depth + 1)
        if kind.startswith(CUSTOM):
            raise UnsupportedLayerError(f"{path} is a {kind}, which C++ defines; {advice(kind)}")
        if kind.startswith(CLASSES) and isinstance(value.state, dict):
            check_count(len(path), 4000, "letters in the path of a module")
            return Module(kind, path, value.state)
        raise FormatError(
            f"{path} is made by {kind:.200}, which fastjac does not make; it reads modules, tensors, numbers and lists"
        )

    def _container(self, value: Any, path: str, depth: int) -> Any:
        self._converted += len(value)
        check_count(self._converted, 10 * MOST_LAYERS, "entries in the lists of its modules")
        if isinstance(value, dict):
            return {key: self.convert(inner, f"{path}[{key!r:.80}]", depth + 1) for key, inner in value.items()}
        return type(value)(self.convert(inner, f"{path}[{number}]", depth + 1) for number, inner in enumerate(value))

    def _tensor(self, value: Call, path: str) -> Constant:
        if id(value) not in self._arrays:
            with located(path[-200:]):
                array = self._tensors.array(value)
            self._account.store(array.nbytes)
            self._arrays[id(value)] = stored(array, path[-200:])
        return self._arrays[id(value)]


def plain(value: Any) -> Any:
    """A list, tuple or dict of a pickle without the calls around it that only state the type of its entries."""
    for _ in range(4):
        if isinstance(value, Call) and str(value).startswith(PICKLE_HELPERS) and isinstance(value.args, tuple) and value.args:
            value = value.args[0]
    return value


class Constants:
    """The constants of a program, which it calls c0, c1 and so on."""

    def __init__(self, objects: Objects, values: Any) -> None:
        self._objects = objects
        self._values = values if isinstance(values, (list, tuple)) else ()

    def __call__(self, name: str) -> Any:
        """The constant of that name."""
        number = int(name[1:]) if name[:1] == "c" and name[1:].isdecimal() and len(name) < 9 else -1
        if not 0 <= number < len(self._values):
            raise FormatError(f"its program uses constant {name!r:.80} of {len(self._values)}; the file is damaged")
        return self._objects.convert(self._values[number], f"CONSTANTS.{name}")


def advice(kind: str) -> str:
    """What to do about a class or an operator that C++ code defines."""
    if "quantize" in kind:
        return QUANTIZED
    return "fastjac reads what torch's own operators compute, so write it by these"
