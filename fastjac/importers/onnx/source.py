"""The inputs of a graph that become the network's, their shapes, and the axes along which they count samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...arguments import positive_count
from ...errors import LayerError, OptionError, UnsupportedLayerError
from ..ir.values import Shape
from ..located import located
from ..reading.limits import MOST_UNITS, check_count
from .graph import Graph, GraphEnd, Node, fixing
from .tensor import FLOATS, element_type

NO_NETWORK = "its output does not depend on its input; fastjac takes networks, not constants"


@dataclass(frozen=True)
class Source:
    """The input of a network.

    declared : what the graph declares of it.
    shape : its shape for one sample.
    batch_axis : the axis that counts samples, whose size the file leaves open; None where the file fixes all sizes.
    """

    declared: GraphEnd
    shape: Shape
    batch_axis: int | None

    @property
    def name(self) -> str:
        """The name of the value."""
        return self.declared.name

    @property
    def way_to_one_sample(self) -> str:
        """What a user can do whose model is only ever given one sample."""
        if self.declared.dims is None:
            return "if it is only ever given one sample, declare the shape of its input, with a batch of 1"
        return f"if it is only ever given one sample, fix its batch before: {fixing(self.name, self.batch_axis or 0)}"


def sources_of(
    graph: Graph, nodes: Sequence[Node], outputs: Sequence[str], n_in: int | None, chosen: Sequence[str] | None
) -> list[Source]:
    """The inputs that the nodes' outputs depend on, in the order of the file or of the names that were chosen.

    Raises UnsupportedLayerError where there are none, or the numbers of one are not floating-point; OptionError where the names
    are not theirs; LayerError where neither the graph nor `n_in` gives the size of one.
    """
    used = {*outputs, *(name for node in nodes for name in node.inputs)}
    found = {source.name: source for source in graph.inputs if source.name in used}
    if not found:
        raise UnsupportedLayerError(NO_NETWORK)
    names = list(found) if chosen is None else list(chosen)
    if sorted(names) != sorted(found):
        raise OptionError(f"inputs must name {listed(list(found))}, each once, which the outputs depend on; got {listed(names)}")
    for source in found.values():
        with located(f"input {source.name!r:.80}"):
            if source.element_type and element_type(source.element_type).name not in FLOATS:
                raise UnsupportedLayerError(
                    f"it holds {element_type(source.element_type).name}, by which a network has no derivative; export the model "
                    "with an input of floating-point numbers"
                )
    return [_with_sizes(found[name], n_in if len(names) == 1 else None) for name in names]


def _with_sizes(source: GraphEnd, n_in: int | None) -> Source:
    """The input for a batch of one: axis 0 of several counts the samples if its size is open, `n_in` fills another open one.

    An open axis that `n_in` gives the size 1 counts samples too, as the columns of `W x` do.
    """
    given = positive_count(n_in, "n_in")
    dims = [None, None] if source.dims is None else list(source.dims)
    sizes = [1, *dims[1:]] if len(dims) > 1 and dims[0] is None else list(dims)
    if len(dims) > 2 and dims.count(None) == 1 and dims[1] is None:
        sizes[1] = 1  # a sequence of steps has the samples along axis 1
    known = math.prod(size for size in sizes if size is not None)
    if sizes.count(None) == 1 and given is not None and given % known == 0:
        sizes[sizes.index(None)] = given // known
    shape = tuple(size for size in sizes if size is not None)
    if len(shape) < len(dims):
        what = "does not tell its shape" if source.dims is None else f"is of shape {shown(source.dims)}"
        raise LayerError(
            f"input {source.name!r:.80} {what}, so the number of units is not known; pass it as n_in, where one axis besides the "
            "batch is open, or export the model with a fixed input"
        )
    if given not in (None, math.prod(shape)):
        raise LayerError(f"n_in={given} was given, but the model's input has {math.prod(shape)} entries; leave n_in out")
    check_count(math.prod(shape), MOST_UNITS, "units in its input")
    open_axes = [axis for axis, (size, dim) in enumerate(zip(shape, dims, strict=True)) if dim is None and size == 1]
    return Source(source, shape, open_axes[0] if open_axes else None)


def shown(dims: Sequence[int | None]) -> str:
    """A shape with N for each size that is open."""
    return f"({', '.join('N' if size is None else str(size) for size in dims)}{',' * (len(dims) == 1)})"


def listed(names: Sequence[str]) -> str:
    """The first few of some names."""
    return ", ".join(repr(name)[:80] for name in names[:6]) + (", ..." if len(names) > 6 else "")
