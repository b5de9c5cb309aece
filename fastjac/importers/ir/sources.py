"""The inputs of a graph that become inputs of the network, their shapes, and the axes along which they count samples."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ...arguments import positive_count
from ...errors import LayerError, OptionError, UnsupportedLayerError
from ..parts import Part
from ..reading.limits import MOST_UNITS, check_count
from .graph import FLOATS, End, Graph, listed
from .values import Shape

NO_NETWORK = "its output does not depend on its input; fastjac takes networks, not constants"


@dataclass(frozen=True)
class Source:
    """An input of a network.

    declared : what the graph declares of it.
    shape : its shape for one sample.
    batch_axis : the axis that counts samples, whose size the file leaves open; None where the file fixes all sizes.
    """

    declared: End
    shape: Shape
    batch_axis: int | None

    @staticmethod
    def of(name: str, shape: Shape, batch_axis: int | None = 0, dtype: str = "") -> Source:
        """An input that is known only by its name, its shape for one sample, and perhaps its dtype."""
        dims = tuple(None if axis == batch_axis else size for axis, size in enumerate(shape))
        return Source(End(name, name, dtype, dims), shape, batch_axis)

    @property
    def name(self) -> str:
        """What the model's users call it."""
        return self.declared.name

    @property
    def size(self) -> int:
        """How many units one sample of it is."""
        return math.prod(self.shape)


def sources_of(graph: Graph, n_in: int | None, chosen: Sequence[str] | None) -> list[Source]:
    """The inputs that the nodes depend on, in the order of the model or of the names that were chosen.

    Raises UnsupportedLayerError where there is none, or where one does not hold floating-point numbers; OptionError where the
    chosen names are not theirs; LayerError where neither the graph nor `n_in` gives the size of one.
    """
    used = {*(end.value for end in graph.outputs), *(name for node in graph.nodes for name in node.inputs)}
    found = {end.name: end for end in graph.inputs if end.value in used}
    if not found:
        raise UnsupportedLayerError(NO_NETWORK)
    names = chosen_inputs(list(found), chosen)
    for end in found.values():
        if end.dtype and end.dtype not in FLOATS:
            raise UnsupportedLayerError(
                f"input {end.name!r:.80} holds {end.dtype}, by which a network has no derivative; export the model with an "
                "input of floating-point numbers"
            )
    return [_with_sizes(found[name], n_in if len(names) == 1 else None) for name in names]


def chosen_inputs(known: list[str], chosen: Sequence[str] | None) -> list[str]:
    """The names of inputs in the order that was chosen, if any was; OptionError where these are others than the known ones."""
    names = known if chosen is None else list(chosen)
    if sorted(names) != sorted(known):
        raise OptionError(f"inputs must name {listed(known)}, each once, which the outputs depend on; got {listed(names)}")
    return names


def _with_sizes(end: End, n_in: int | None) -> Source:
    """The input for a batch of one sample. An open axis 0 of several counts the samples; `n_in` fills another open axis.

    An open axis to which `n_in` gives the size 1 counts samples too, as the columns of `W x` do.
    """
    given = positive_count(n_in, "n_in")
    dims = [None, None] if end.dims is None else list(end.dims)
    sizes = [1, *dims[1:]] if len(dims) > 1 and dims[0] is None else list(dims)
    if len(dims) > 2 and dims.count(None) == 1 and dims[1] is None:
        sizes[1] = 1  # a sequence of steps has the samples along axis 1
    known = math.prod(size for size in sizes if size is not None)
    if sizes.count(None) == 1 and given is not None and known and given % known == 0:
        sizes[sizes.index(None)] = given // known
    shape = tuple(size for size in sizes if size is not None)
    name = f"input {end.name!r:.80}"
    if len(shape) < len(dims):
        what = "does not state its shape" if end.dims is None else f"is of shape {shown(end.dims)}"
        raise LayerError(
            f"{name} {what}, so the number of units is not known; pass it as n_in, where one axis besides the batch is open, or "
            "export the model with a fixed input"
        )
    if given not in (None, math.prod(shape)):
        raise LayerError(f"n_in={given} was given, but {name} has {math.prod(shape)} entries; leave n_in out")
    if not math.prod(shape):
        raise LayerError(f"{name} is of shape {shape}, which holds nothing")
    check_count(math.prod(shape), MOST_UNITS, "units in its input")
    open_axes = [axis for axis, (size, dim) in enumerate(zip(shape, dims, strict=True)) if dim is None and size == 1]
    return Source(end, shape, open_axes[0] if open_axes else None)


def shown(dims: Sequence[int | None]) -> str:
    """A shape with N for each size that is open."""
    return f"({', '.join('N' if size is None else str(size) for size in dims)}{',' * (len(dims) == 1)})"


def named_outputs(
    known: Collection[str], chosen: Sequence[str], others: Collection[str] = (), *, whose: str = "model's", beside: str = ""
) -> list[str]:
    """The outputs that were chosen by name; OptionError where one of the names is not known, or there is none.

    others : names that may be chosen too, which the message does not list; `beside` is what it says of them.
    whose : whose outputs the message says that they are.
    """
    unknown = [name for name in chosen if name not in known and name not in others]
    if unknown or not chosen:
        raise OptionError(
            f"outputs must name some of the {whose}, which are {listed(list(known))}{beside}; "
            f"got {listed(unknown or chosen) or 'none'}"
        )
    return list(chosen)


def chosen_outputs(known: Sequence[End], chosen: Sequence[str] | None) -> tuple[list[End], list[Part]]:
    """The outputs that a network gives, and parts that name the outputs that it leaves out."""
    by_name = {end.name: end for end in known}
    if chosen is not None:
        return [by_name[name] for name in named_outputs(by_name, chosen)], []
    if not known:
        raise UnsupportedLayerError("it has no output that depends on an input, so there is nothing to differentiate")
    kept = [end for end in known if not end.dtype or end.dtype in FLOATS]
    if not kept:
        raise UnsupportedLayerError(
            f"its outputs ({listed(list(by_name))}) hold no floating-point numbers, which alone have a derivative"
        )
    return kept, [Part(f"{end.name} (output)", (), f"left out: it holds {end.dtype}") for end in known if end not in kept]
