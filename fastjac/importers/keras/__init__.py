"""Keras: live models of Keras 3, and the files of Keras 1, 2 and 3.

Each becomes one config, which `legacy` brings to the form of Keras 3, and one source of weights; `build` makes a network of both.
"""

from .model import from_keras

__all__ = ["from_keras"]
