"""What a module may be made of: texts of steps and of what is done to a whole module.

READABLE and READABLE_WRAPPERS are what fastjac must accept; HOSTILE and HOSTILE_WRAPPERS are what it may refuse. CHANGES may come
between two calls. MEETINGS and RETURNS are for modules of two inputs.
"""

from __future__ import annotations

from .arithmetic import ARITHMETIC
from .branches import BRANCHES
from .changes import CHANGES
from .classes import CLASSES
from .functions import FUNCTIONS
from .graphs import GRAPHS, MEETINGS, RETURNS
from .layers import LAYERS
from .readable import CHAINED
from .state import STATE
from .steps import Step
from .surroundings import SURROUNDINGS
from .weights import WEIGHTS
from .wrappers import HOSTILE_WRAPPERS, READABLE_WRAPPERS

READABLE: dict[str, Step] = CHAINED | GRAPHS
HOSTILE: dict[str, Step] = ARITHMETIC | FUNCTIONS | LAYERS | CLASSES | WEIGHTS | STATE | BRANCHES | SURROUNDINGS

__all__ = [
    "CHANGES",
    "HOSTILE",
    "HOSTILE_WRAPPERS",
    "MEETINGS",
    "READABLE",
    "READABLE_WRAPPERS",
    "RETURNS",
    "Step",
]
