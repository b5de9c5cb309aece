"""Networks from other libraries' models and files, and fastjac's own file format.

No framework is imported here: a live model's own framework is already there, and files are read without one.
"""

from .keras import from_keras
from .loading import FORMATS, load, read
from .options import Options
from .parts import Imported
from .state_dict import from_state_dict
from .torch import from_torch

__all__ = ["FORMATS", "Imported", "Options", "from_keras", "from_state_dict", "from_torch", "load", "read"]
