"""NumPy's and SciPy's functions that transform a column or a target: the table FUNCTIONS, by their names."""

from __future__ import annotations

from collections.abc import Sequence

from ... import layers as fl
from ...errors import UnsupportedLayerError
from ..ir.functions import INVERSES, OF_EACH, OF_LAYERS
from .fitted import Fitted, kind

SAME = ("ceil", "cos", "cosh", "exp", "floor", "log", "reciprocal", "sin", "sinh", "sqrt", "tan", "tanh")
"""Functions that the intermediate form calls as NumPy does."""
FUNCTIONS: dict[str, Sequence[fl.Layer]] = {
    **{f"numpy.{name}": (OF_EACH[name][0],) for name in SAME},
    **{f"numpy.{name}": (OF_EACH[known][0],) for name, known in INVERSES.items()},
    "numpy.positive": (),
    "numpy.negative": (fl.Scale(-1.0),),
    "numpy.absolute": (fl.Abs(),),
    "numpy.rint": (fl.Round(),),
    "numpy.fabs": (fl.Abs(),),
    "numpy.square": (fl.Power(2.0),),
    **{f"numpy.{name}": layers for name, (layers, _) in OF_LAYERS.items()},
    "scipy.special.expit": (fl.Sigmoid(),),
}
"""What each function becomes, by the module that offers it and its name."""


def function_layers(estimator: Fitted, name: str) -> Sequence[fl.Layer]:
    """The layers of the function that the attribute `name` holds, where None is the identity.

    Raises UnsupportedLayerError where it is not in the table.
    """
    function = estimator.get(name)
    if function is None:
        return ()
    known = estimator.source.function(function)
    if known not in FUNCTIONS:
        called = known or getattr(function, "__name__", kind(function))
        raise UnsupportedLayerError(
            f"its {name} is {called:.80}, which may compute anything; fastjac knows {', '.join(FUNCTIONS)}; take "
            "the step out and apply it yourself"
        )
    return FUNCTIONS[known]
