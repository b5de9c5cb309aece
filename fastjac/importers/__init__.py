"""Networks from other libraries' models and files, and fastjac's own file format.

No framework is imported here: a live model's own framework is already there, and files are read without one.
"""

from .jax import from_jax
from .keras import from_keras
from .loading import FORMATS, load, read
from .nnet import from_nnet
from .onnx import from_onnx
from .options import Options
from .parts import Imported
from .sklearn import from_sklearn
from .state_dict import from_state_dict
from .torch import from_torch

__all__ = [
    "FORMATS",
    "Imported",
    "Options",
    "from_jax",
    "from_keras",
    "from_nnet",
    "from_onnx",
    "from_sklearn",
    "from_state_dict",
    "from_torch",
    "load",
    "read",
]
