"""What a layer is: frozen, validated, without arithmetic.

The arithmetic lives in `fastjac.kernels`; a layer only names its rule there. Each layer is declared once, by `registry.layer`:
LAYERS, `__all__` here, and the names that files know follow from that; `fastjac.__all__` lists them by kind.
"""

import typing

from .activation import Activation as Activation
from .activation import ByName as ByName
from .affine import *  # noqa: F403
from .base import Layer as Layer
from .base import Parameter as Parameter
from .elementwise import Elementwise as Elementwise
from .formula import Formula as Formula
from .functions import *  # noqa: F403
from .joins import JOINS as JOINS
from .joins import Add as Add
from .joins import Concatenate as Concatenate
from .joins import Divide as Divide
from .joins import Gate as Gate
from .joins import Join as Join
from .joins import Maximum as Maximum
from .joins import Minimum as Minimum
from .joins import Multiply as Multiply
from .joins import Pairwise as Pairwise
from .joins import Take as Take
from .jumps import *  # noqa: F403
from .normalizers import *  # noqa: F403
from .normalizers import Normalizer as Normalizer
from .piecewise import *  # noqa: F403
from .registry import LAYERS as LAYERS
from .scale import *  # noqa: F403
from .smooth import *  # noqa: F403
from .widths import chain_widths as chain_widths

# Type checkers take the imports above for exports; a list that is computed would hide them.
if not typing.TYPE_CHECKING:
    __all__ = ["Elementwise", "Formula", "Layer", *LAYERS]
