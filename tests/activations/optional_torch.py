"""torch, where it is installed: what needs no framework is tested without one too, and reads the other twins alone."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

torch: Any = import_module("torch") if find_spec("torch") else None
functional: Any = import_module("torch.nn.functional") if torch else None
