"""torch, where it is installed: what needs no framework is tested without one too, and reads the other twins alone."""

from importlib.util import find_spec
from typing import Any

torch: Any = None
functional: Any = None

if find_spec("torch"):
    pass
