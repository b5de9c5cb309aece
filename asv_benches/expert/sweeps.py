"""The stacked sweeps: each folds the activation's slope into the accumulated factor, in place where arrays can change.

What happens between two layers is spelled alike in NumPy, torch and JAX, so the sweeps are written once. A `Library` has what
differs. Both sweeps apply the softmax's Jacobian where it costs least, and compute the outputs only if there is a softmax.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..recipe import Recipe

Array = Any
"""An array of the library."""


class Library(Protocol):
    """What the sweeps need of a library; `in_numpy` and its neighbours are modules of this kind."""

    ACTIVATIONS: Mapping[str, Callable[[Array], tuple[Array, Array]]]
    """For each activation, a function that gives its value and its slope; the function may overwrite its argument."""

    def contiguous(self, array: Array) -> Array:
        """A NumPy array as the library's own, in C order."""

    def affine(self, x: Array, weight: Array, bias: Array) -> Array:
        """`x W^T + b` in a new array."""

    def softmax(self, z: Array) -> Array:
        """The softmax of every row; the argument may be overwritten."""

    def copies(self, matrix: Array, batch: int) -> Array:
        """A new array of `batch` equal matrices."""


@dataclass(frozen=True)
class Stacked:
    """A network in a library's arrays.

    parameters : the `(weight, bias)` of every affine, input first.
    first_transposed : the first weight as `(n_in, n)` in C order; the forward sweep starts from it.
    """

    library: Library
    parameters: list[tuple[Array, Array]]
    first_transposed: Array
    activation: str
    softmax: bool

    @classmethod
    def of(cls, library: Library, recipe: Recipe, dtype: str) -> Stacked:
        """A recipe's network."""
        parameters = [tuple(map(library.contiguous, pair)) for pair in recipe.parameters(dtype)]
        first = library.contiguous(recipe.parameters(dtype)[0][0].T)
        return cls(library, parameters, first, recipe.activation, recipe.softmax)

    def primal(self, x: Array) -> tuple[Array | None, list[Array]]:
        """The output `(batch, n_out)` if a softmax needs it, and each hidden layer's slopes `(batch, n)`."""
        slopes = []
        activate = self.library.ACTIVATIONS[self.activation]
        for weight, bias in self.parameters[:-1]:
            x, slope = activate(self.library.affine(x, weight, bias))
            slopes.append(slope)
        y = self.library.softmax(self.library.affine(x, *self.parameters[-1])) if self.softmax else None
        return y, slopes

    def reverse(self, x: Array) -> Array:
        """Accumulate from the output: the factor is `(batch * n_out, n)`, the result `(batch, n_out, n_in)`."""
        y, slopes = self.primal(x)
        weight, _ = self.parameters[-1]
        if y is not None:
            factor = weight - (y @ weight)[:, None, :]
            factor *= y[:, :, None]
            if slopes:
                factor *= slopes[-1][:, None, :]
        elif slopes:
            factor = weight * slopes[-1][:, None, :]
        else:
            factor = self.library.copies(weight, len(x))
        for layer in range(len(slopes) - 1, -1, -1):
            factor = _multiply(factor, self.parameters[layer][0])
            if layer:
                factor *= slopes[layer - 1][:, None, :]
        return factor

    def forward(self, x: Array) -> Array:
        """Accumulate from the input: the factor is `(batch * n_in, n)`, the result `(batch, n_in, n_out)`, J transposed."""
        y, slopes = self.primal(x)
        first = self.first_transposed
        factor = first * slopes[0][:, None, :] if slopes else self.library.copies(first, len(x))
        for layer in range(1, len(slopes) + 1):
            factor = _multiply(factor, self.parameters[layer][0].T)
            if layer < len(slopes):
                factor *= slopes[layer][:, None, :]
        if y is not None:
            factor -= factor @ y[:, :, None]
            factor *= y[:, None, :]
        return factor


def _multiply(factor: Array, matrix: Array) -> Array:
    """Every sample's factor times one matrix, as one product: the rows of all factors are stacked."""
    batch, rows, inner = factor.shape
    return (factor.reshape(batch * rows, inner) @ matrix).reshape(batch, rows, -1)
