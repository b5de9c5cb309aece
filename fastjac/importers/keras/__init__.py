"""Keras 3: live models and .keras files. Both become one config and one source of weights, which `build` makes a network of."""

from .model import from_keras

__all__ = ["from_keras"]
