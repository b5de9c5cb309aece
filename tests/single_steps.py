"""One step of a plan at a time, where the package asks for many at once."""

from functools import lru_cache

from fastjac.planning.contractions import StepTable
from fastjac.planning.steps import ChainShape, Split, Step

table_of = lru_cache(StepTable)


def contraction(shape: ChainShape, start: int, middle: int, stop: int, transposed: bool) -> Step:
    """The contraction of two spans, computed this way round; its cycles are infinite if it cannot be."""
    return table_of(shape).step(Split(start, middle, stop, transposed))


def passage(shape: ChainShape, start: int, middle: int, stop: int, transposed: bool) -> Step | None:
    """The step that passes one of two spans through the other, or makes a block's own Jacobian, if there is a block for it."""
    layer = stop - 1 if transposed else start
    is_layer = middle in (start, layer if transposed else start + 1)
    return table_of(shape).step(Split(start, middle, stop, transposed, True)) if is_layer and shape.block(layer) else None
