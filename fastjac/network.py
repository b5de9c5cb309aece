"""The face: a frozen sequence of layers that evaluates and differentiates itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, overload

import numpy as np

from . import arguments
from .derivatives import Differentiable, Index
from .errors import DtypeError, LayerError, OptionError
from .gradients.trainable import Trainable
from .graphs.blocks import Item, Items, items_with_layers
from .graphs.drawing import drawn, listed, one_line
from .graphs.fingerprint import fingerprint
from .graphs.nodes import Node
from .graphs.sequence import Row, Written, cast, resolved_dtype, with_layers, written_as
from .kernels.float_mode import default_mode
from .kernels.tables import Program
from .layers import Layer
from .lowering.program import lower
from .planning.product import Wanted, planned
from .planning.steps import Mode, Plan
from .quantities.measurable import Measurable
from .running.runners import Runners
from .saving import save


class Network(Differentiable, Trainable, Measurable, Item):
    """A feed-forward network `y = f(x)`: frozen layers, in a row or joined in any way, float32 or float64 as a whole.

        net = Network([Affine(w, b), Residual([Affine(v, c), ReLU()])])
        x, u = Input(8), Input(4)
        net = Network(inputs=(x, u), outputs=x + Affine(w, b)(concatenate([x, u])))

    Inputs are `x (..., n_in)`, any leading shape is a batch, and results are `y (..., n_out)` and `J (..., n_out, n_in)`
    with `J[..., i, j] = d y_i / d x_j`; with several inputs x is a tuple, with several outputs y is one, and J is in blocks. The
    result for one sample has the same bits whatever batch it is in and however many threads run. A network may be used from
    several threads at once. Each mode, each choice of columns and rows, and each width of tangents or cotangents is lowered at
    its first use to a program with a copy of the weights; the latest eight are kept.

    Of layers in a row, `len(net)`, iteration, `net[i]` (a layer or block) and slices (`net[:-1]`, a network) work as on a tuple.
    A layer that stands at several places is one set of parameters. Called on nodes, a network is a part of another.

    Parameters
    ----------
    layers : layers, blocks (`Residual`, `Parallel`) and networks, input first. A network that is itself a row counts as what
        stands in it.
    n_in : number of inputs; needed only where no layer states it.
    dtype : float32 or float64. By default float64 if any parameter is, or if there are none, else float32.
    inputs, outputs : in place of layers, the nodes that the network begins and ends with. Each input is an `Input`; each output
        is a node that a layer makes when called on nodes. A tuple of one counts as one node.

    Raises LayerError if there are no layers, if two do not fit, and where inputs and outputs do not belong together; DtypeError
    for anything that is not a layer, a node or a dtype.

    Examples
    --------
    >>> net = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()])
    >>> net
    Network(2-2, 2 layers, float64)
    >>> net.jacobian(np.zeros((5, 2))).shape
    (5, 2, 2)
    """

    __slots__ = (
        "_dtype",
        "_feature_names",
        "_gradient_runners",
        "_gradient_tables",
        "_graph",
        "_inputs",
        "_layers",
        "_n_in",
        "_n_out",
        "_nothing",
        "_outputs",
        "_row",
        "_runners",
        "_several",
    )

    def __init__(
        self,
        layers: Iterable[Layer | Item] | None = None,
        n_in: int | None = None,
        dtype: Any = None,
        *,
        inputs: Node | Sequence[Node] | None = None,
        outputs: Node | Sequence[Node] | None = None,
    ) -> None:
        written = written_as(layers, n_in, inputs, outputs)
        resolved = resolved_dtype(written.graph.layers, dtype)
        self._set_up(written, partial(cast, dtype=resolved), resolved)

    def _set_up(self, written: Written, layer_of: Callable[[Layer], Layer], dtype: np.dtype) -> None:
        """Make this the network that is written, with `layer_of(layer)`, whose arrays are of `dtype`, for every layer."""
        graph, row, self._inputs, self._outputs, self._feature_names = written
        # Made once for each layer, so that a layer that stands at several places stays one layer.
        made = {layer: layer_of(layer) for layer in graph.layers}
        self._graph = with_layers(graph, made.__getitem__)
        self._row = row and row._replace(items=items_with_layers(row.items, made.__getitem__, dtype))
        operations = (vertex.operation for vertex in self._graph.vertices if vertex.operation is not None)
        self._layers = tuple(operations) if graph.is_path else self._graph.layers
        self._dtype = dtype
        self._n_in, self._n_out = self._inputs.total, self._outputs.total
        self._several = self._inputs.several or self._outputs.several
        # Empty arrays, by their number of dimensions, that stand in for a seed or a result that a call does not have.
        self._nothing = tuple(np.empty((0,) * ndim, dtype) for ndim in range(4))
        self._runners = Runners(self._graph, dtype)
        self._gradient_runners, self._gradient_tables = {}, {}

    @property
    def _written(self) -> Written:
        return Written(self._graph, self._row, self._inputs, self._outputs, self._feature_names)

    @classmethod
    def _assembled(cls, written: Written, dtype: np.dtype) -> Network:
        """The network that is written, whose layers already have the dtype."""
        network = object.__new__(cls)
        network._set_up(written, lambda layer: layer, dtype)
        return network

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of a chain, input first; of any other network its layers and joins, each once, input first.

        Each once means that a layer that stands at several places, such as one Tanh that is called twice, counts once here. The
        network's repr counts all places, and its table has a row for each of them and for each input.
        """
        return self._layers

    @property
    def inputs(self) -> tuple[int, ...]:
        """The size of each input: ints, no nodes.

        `wrt=slice(net.inputs[0])` asks for J by all of the first input, and so does its name, as `wrt="x"`. An int is one column:
        `wrt=net.inputs[0]` is the first column of the second input.
        """
        return self._graph.input_sizes

    @property
    def outputs(self) -> tuple[int, ...]:
        """The size of each output."""
        return self._graph.output_sizes

    @property
    def widths(self) -> tuple[int, ...]:
        """Sizes between the items of a sequence, `len(net) + 1` of them."""
        return self._sequence().widths

    @property
    def n_in(self) -> int:
        """Number of inputs, all together."""
        return self._n_in

    @property
    def n_out(self) -> int:
        """Number of outputs, all together."""
        return self._n_out

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: the type of parameters, inputs as they are used, and results."""
        return self._dtype

    @property
    def n_parameters(self) -> int:
        """Number of trained numbers in all layers, each layer counted once."""
        return sum(layer.n_parameters for layer in self._graph.layers)

    def __len__(self) -> int:
        return len(self._sequence().items)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter(self._sequence().items)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Network: ...
    def __getitem__(self, index: int | slice) -> Any:
        items, widths = self._sequence()
        if not isinstance(index, slice):
            return items[index]
        numbers = range(len(items))[index]
        if numbers.step != 1:
            raise OptionError(f"a network is sliced with step 1, because its layers would not chain otherwise; got {index}")
        if not numbers:
            raise LayerError(f"slice {index} of a network of {len(items)} layers is empty; a network needs at least one layer")
        part = Network(items[index], n_in=widths[numbers[0]], dtype=self._dtype)
        return part if numbers[0] else part.with_feature_names(self._feature_names or None)

    def _sequence(self) -> Row:
        """What stands in a row, or a LayerError where nothing does."""
        if self._row is None:
            raise LayerError(
                "a network made of inputs and outputs is no sequence, because it branches, so it has no length, items or widths; "
                "its layers are in net.layers, and print(net) shows how they hang together"
            )
        return self._row

    def _inside(self) -> Items:
        return () if self._row is None else self._row.items

    def in_sequence(self) -> Items:
        return (self,) if self._row is None else self._row.items

    def __repr__(self) -> str:
        return one_line(self._graph, self._dtype)

    def __str__(self) -> str:
        count = self.n_parameters
        table = drawn(self._graph, self._inputs.names, count) if self._row is None else listed(self._row, count)
        return "\n".join([f"Network, {self._dtype}", *table])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._assembled, (self._written, self._dtype), getattr(self, "__dict__", None)

    def __dask_tokenize__(self) -> str:
        """The name of this network in dask's graphs: a digest of its content."""
        return f"fastjac.Network-{fingerprint(self._graph, self._dtype)}"

    def astype(self, dtype: Any) -> Network:
        """The same network with every parameter cast to float32 or float64.

        >>> net = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()])
        >>> net.astype("float32").jacobian([0, 0]).dtype
        dtype('float32')
        """
        resolved = resolved_dtype(self._graph.layers, dtype)
        return self.with_layers(partial(cast, dtype=resolved), resolved)

    def with_layers(self, layer_of: Callable[[Layer], Layer], dtype: np.dtype) -> Network:
        network: Network = object.__new__(type(self))
        network._set_up(self._written, layer_of, dtype)
        return network

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of each of the `n_in` inputs, such as the columns of a table; empty where they have no names."""
        return self._feature_names

    def with_feature_names(self, names: Sequence[str] | None) -> Network:
        """The same network with its inputs called so: `n_in` names, each once, or None for no names. `save` keeps them.

        Raises ShapeError for another number of names, DtypeError for a name that is no string, OptionError for a repeated name.

        >>> fj.Network([fj.Tanh()], n_in=2).with_feature_names(["age", "height"]).feature_names
        ('age', 'height')
        """
        checked = arguments.names(names, self._n_in, "names", "input") if names is not None else ()
        return self._assembled(self._written._replace(feature_names=checked), self._dtype)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights and architecture to one safetensors file, which `fastjac.load` reads.

        The file is written whole or not at all, and an existing one is replaced at the end.

        Raises LayerError for a network with an Elementwise, whose functions no file can hold; FileError where the file cannot be
        written; MissingDependencyError without the package safetensors.
        >>> import tempfile
        >>> net = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.save(f"{folder}/net.safetensors")
        ...     fj.load(f"{folder}/net.safetensors")
        Network(2-2, 2 layers, float64)
        """
        save(path, self._written, self._dtype)

    @default_mode()
    def plan(self, mode: Mode = "auto", *, wrt: Index | None = None, of: Index | None = None) -> Plan:
        """The order in which `jacobian(x, mode, wrt=wrt, of=of)` multiplies; print it for a table. See Plan, below.

        mode : "forward" multiplies the layers' Jacobians from the inputs on, "reverse" from the outputs back, and "mixed" may
            start anywhere between. "auto" takes the cheapest of the three.
        wrt, of : which columns and rows of J, as for `jacobian`.

        >>> net = fj.Network([fj.Affine(np.ones((3, 4))), fj.Tanh(), fj.Affine(np.ones((2, 3)))])
        >>> net.plan(wrt=[0])
        Plan(reverse, 1-3-2, 1 step, 6 multiply-adds)
        """
        return planned(self._runners.chain, self._wanted(wrt, of), mode)[1]

    @default_mode()
    def program(self, mode: Mode = "auto", *, wrt: Index | None = None, of: Index | None = None) -> Program:
        """The network as a NamedTuple of arrays, for the functions of `fastjac.numba` inside `@njit` code.

        mode : the order in which its Jacobian is accumulated, as for `jacobian`.
        wrt, of : which columns and rows of J it computes, as for `jacobian`; `jac` is one matrix of these, else (n_out, n_in).

        Several inputs are one vector there, one input after another, and so are several outputs.

        >>> net = fj.Network([fj.Affine(np.eye(2)), fj.Tanh()])
        >>> net.program()
        Program(2 -> 2, 6 steps, float64)
        """
        chain = self._runners.chain
        jacobian = planned(chain, self._wanted(wrt, of), mode)
        jvp = planned(chain, Wanted(seed="tangents", width=1), "forward")
        vjp = planned(chain, Wanted(seed="cotangents", width=1), "reverse")
        return lower(chain, [jacobian, jvp, vjp])


def checked_network(net: Any) -> Network:
    """`net` itself if it is a Network, else a DtypeError."""
    if not isinstance(net, Network):
        raise DtypeError(f"net must be a fastjac.Network, got {type(net).__name__}; see fastjac.load and from_torch")
    return net
