"""An activation of the user's own, by scalar functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from types import MappingProxyType
from typing import Any

from numba.extending import is_jitted

from ..errors import DtypeError, LayerError
from ..kernels.activations import MOST_TRAINED
from ..kernels.elementwise import FunctionsRule, rule_of
from ..pickling import found_again, name_of
from .activation import ByName, as_texts
from .base import Parameter, as_float, as_per_unit
from .derivative_check import check_functions

Pair = tuple[Any, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Elementwise(ByName):
    """`y[i] = value(x[i], *parameters)`, by scalar functions that `numba.njit` has compiled; usable wherever an activation is.

        @njit
        def snake(x, a):
            return x + math.sin(a * x) ** 2 / a

        @njit
        def snake_slope(x, a):
            return 1 + math.sin(2 * a * x)

        layer = fj.Elementwise(snake, snake_slope, parameters={"a": 0.5})

    Parameters
    ----------
    value, slope : functions `(x, *parameters)` of numbers, the second being the derivative of the first by x. Whatever they
        return is cast to the network's dtype. Where one raises, the result is nan.
    bend : the second derivative by x. Only gradients of a loss of the Jacobian (`jacobian_vjp`) need it, and raise without.
    parameters : the functions' other arguments, by name and in their order: numbers, or (n,) arrays with one entry for each unit.
    by_parameter : for each parameter that is trained, the two functions that give the derivatives of value and of slope by it;
        for at most two parameters. The arrays among these are parameters of the network; all other parameters are fixed.
    kinks : inputs at which the slope jumps; `check_jacobian` does not compare there.
    sparse : whether the slope is exactly 0 on whole intervals, binary : whether it is 0 or 1 everywhere; either saves work.
    piecewise_linear : whether the bend is 0 everywhere, so that no function for it is needed.

    The functions are compiled in each process, at their first use, anew from their Python code: division by 0 gives inf or nan.
    The layer is pickled by the names of its functions, which must be found in a module, and saved to no file.

    Raises DtypeError for a function that is not compiled by `numba.njit`, ShapeError for arrays of different sizes, LayerError
    where slope, bend, a derivative by a parameter or a flag does not agree with differences of `value` at some points. Results
    there that are not finite are not compared. The check costs the compilation of the functions, about a second.

    Examples
    --------
    >>> from numba import njit
    >>> cube = fj.Elementwise(njit(lambda x: x**3), njit(lambda x: 3 * x**2))
    >>> fj.Network([cube], n_in=2).jvp([1, 2], [1, 1])
    (array([1., 8.]), array([ 3., 12.]))
    """

    value: Any
    slope: Any
    bend: Any = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    by_parameter: Mapping[str, Pair] = field(default_factory=dict)
    _: KW_ONLY
    kinks: tuple[float, ...] = ()
    sparse: bool = False  # type: ignore[misc]
    binary: bool = False  # type: ignore[misc]
    piecewise_linear: bool = False  # type: ignore[misc]

    def __post_init__(self) -> None:
        self._store()
        check_functions(self)

    def _store(self) -> None:
        for name in ("value", "slope", "bend"):
            if name != "bend" or self.bend is not None:
                _check_compiled(getattr(self, name), name)
        for name in ("parameters", "by_parameter"):
            if not isinstance(getattr(self, name), Mapping):
                raise DtypeError(f"Elementwise {name} must be a dict by the parameters' names, got {getattr(self, name)!r:.100}")
        if not isinstance(self.kinks, (tuple, list)):
            raise DtypeError(f"Elementwise kinks must be a list of numbers, got {self.kinks!r:.100}")
        if self.bend is not None and self.piecewise_linear:
            raise LayerError("the second derivative of an Elementwise that is piecewise_linear is 0; leave out bend, or that")
        parameters = {name: as_per_unit(value, f"Elementwise {name}") for name, value in self.parameters.items()}
        self._set(parameters=MappingProxyType(parameters))
        self._check_sizes()
        pairs = {name: _checked_pair(name, pair, parameters) for name, pair in self.by_parameter.items()}
        if len(pairs) > MOST_TRAINED:
            named = ", ".join(pairs)
            raise LayerError(f"at most {MOST_TRAINED} parameters of an Elementwise can be trained, by_parameter has {named}")
        self._set(by_parameter=MappingProxyType(pairs), kinks=tuple(as_float(kink, "Elementwise kinks") for kink in self.kinks))

    @property
    def rule(self) -> FunctionsRule:  # type: ignore[override]
        places = [list(self.parameters).index(name) for name in self._order]
        pulls = tuple(self.by_parameter[name] for name in self.trained)
        return rule_of(self.value, self.slope, self.bend, pulls, tuple(places))

    @property
    def trained(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the parameters that may be trained."""
        return tuple(self.by_parameter)

    @property
    def _order(self) -> list[str]:  # type: ignore[override]
        """The parameters' names in the rule's order: those that may be trained come first."""
        return [*self.trained, *(name for name in self.parameters if name not in self.by_parameter)]

    @property
    def has_bend(self) -> bool:
        return self.bend is not None

    @property
    def lacks_bend(self) -> bool:
        """Whether the bend is needed but not known."""
        return self.bend is None and not self.piecewise_linear

    @property
    def shown(self) -> dict[str, str]:
        return {"value": self.value.__name__, **as_texts(self.parameters)}

    def __repr__(self) -> str:
        return self._shown_as(self.value.__name__)

    def __reduce__(self) -> tuple[Any, ...]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["parameters"] = dict(self.parameters)
        values |= {name: values[name] and name_of(values[name]) for name in ("value", "slope", "bend")}
        values["by_parameter"] = {name: tuple(map(name_of, pair)) for name, pair in self.by_parameter.items()}
        return _restored, (values,)

    def __copy__(self) -> Elementwise:
        return self

    def __deepcopy__(self, memo: Any) -> Elementwise:
        # A layer cannot change, and so functions that pickle would not find do not prevent a copy.
        return self


def _check_compiled(function: Any, what: str) -> None:
    if not is_jitted(function):
        given = f"{function!r:.100}"
        raise DtypeError(
            f"Elementwise {what} must be a scalar function compiled by numba.njit, got {given}; write @njit above it"
        )


def _checked_pair(name: str, pair: Any, parameters: Mapping[str, Parameter]) -> Pair:
    if name not in parameters:
        raise LayerError(f"by_parameter has {name!r}, which is no parameter; there is {', '.join(parameters) or 'none'}")
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        given = f"{pair!r:.100}"
        raise DtypeError(
            f"by_parameter[{name!r}] must be two functions, the derivatives of value and slope by {name}, got {given}"
        )
    for function, of in zip(pair, ("value", "slope"), strict=True):
        _check_compiled(function, f"derivative of {of} by {name}")
    return pair[0], pair[1]


def _restored(values: dict[str, Any]) -> Elementwise:
    functions = {name: values[name] and found_again(values[name]) for name in ("value", "slope", "bend")}
    pairs = {name: tuple(map(found_again, pair)) for name, pair in values["by_parameter"].items()}
    return Elementwise._of(**values | functions | {"by_parameter": pairs})
