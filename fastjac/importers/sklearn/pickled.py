"""Read an estimator out of a pickle or a joblib file, which may be compressed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...errors import FormatError
from ..foreign import PICKLES
from ..located import malformed_as_error
from ..options import Options
from ..parts import Imported, Part
from ..reading.compressed import start_of, unpacked
from ..reading.opcodes import interpret
from ..reading.pickled_arrays import PickledArrays, behind
from ..reading.probe import Probe
from ..reading.records import Call, Name, class_of
from .fitted import Fitted, kind, shown
from .walk import imported

UFUNCS = ("numpy.core._ufunc_reconstruct", "numpy._core._ufunc_reconstruct")
"""The call that older versions of NumPy write for one of its functions, on the function's module and name."""
SAVE_IT = "save the estimator itself, by joblib.dump(estimator, path)"


def recognise(probe: Probe) -> bool:
    """Whether the file is a pickle, perhaps a compressed one, that names scikit-learn early on."""
    start = start_of(probe)
    return start.startswith(PICKLES) and b"sklearn" in start


def load(probe: Probe, options: Options) -> Imported:
    """Read the estimator, whose network is that of `fastjac.from_sklearn`.

    Nothing that the file names is imported or called.

    Raises FormatError where it is damaged, asks for what runs code, or holds something else than a fitted estimator of
    scikit-learn's own; what `fastjac.from_sklearn` raises for steps and options that fastjac does not have.
    """
    options.refuse_all_but()
    content = unpacked(probe)
    value = interpret(content, behind=behind).value
    estimator = Pickled(PickledArrays(probe.size)).fitted(value)
    if estimator is None:
        raise FormatError(f"it holds {_described(value)}; {SAVE_IT}")
    with malformed_as_error("it does not hold an estimator as scikit-learn makes it"):
        found, version = imported(estimator), estimator.get("_sklearn_version")
    wrote = (Part(f"scikit-learn {shown(version)}", (), "wrote the file"),) if isinstance(version, str) else ()
    return replace(found, parts=(*wrote, *found.parts))


class Pickled:
    """Where the estimators of a file come from: their attributes are what a pickle describes."""

    def __init__(self, arrays: PickledArrays) -> None:
        self._arrays = arrays
        self.version = "0.17"  # later versions write theirs into every estimator
        self.has_double = self.has_single = False

    def plain(self, value: Any) -> Any:
        """The value with arrays, numbers and slices in place of the objects that describe them."""
        plain = self._arrays.plain(value)
        if isinstance(plain, Call) and str(plain) == "builtins.slice" and isinstance(plain.args, tuple):
            ends = tuple(map(self._arrays.plain, plain.args))
            if len(ends) == 3 and all(isinstance(end, (int, str, type(None))) for end in ends):
                return slice(*ends)
        return plain

    def fitted(self, value: Any) -> Fitted | None:
        """An object of any class that has attributes; the name of its class shows whether it is an estimator."""
        if not isinstance(value, Call) or not isinstance(value.state, dict):
            return None
        module, _, name = class_of(value).rpartition(".")
        return Fitted(name, module, value.state, self) if module else None

    def function(self, value: Any) -> str | None:
        """The name of a function; a pickle holds functions by their names."""
        if isinstance(value, Call) and str(value) in UFUNCS and isinstance(value.args, tuple) and len(value.args) == 2:
            return _public(*value.args)
        return _public(value.module, value.name) if isinstance(value, Name) else None


def _public(module: Any, name: Any) -> str | None:
    """The public name of a function, which NumPy and SciPy may define in a private module."""
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    for public in ("numpy", "scipy.special"):
        if module == public or module.startswith(f"{public}."):
            return f"{public}.{'absolute' if name == 'abs' else name}"
    return f"{module}.{name}"


def _described(value: Any) -> str:
    if isinstance(value, dict):
        return f"a dict with the keys {', '.join(shown(key) for key in list(value)[:10]) or 'none'}"
    return f"a {kind(value)}"
