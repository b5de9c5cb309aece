"""The face: a frozen sequence of layers that evaluates and differentiates itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, overload

import numpy as np

from . import arguments
from .batch import Runner
from .blocks import Item, Items, items_with_layers
from .chain import product_of
from .drawing import drawn, listed, one_line
from .errors import LayerError, OptionError
from .gradients.trainable import Trainable
from .graph import Graph
from .kernels.float_mode import default_mode
from .kernels.tables import Program
from .kernels.target import lanes
from .layers import Layer
from .nodes import Node, are_nodes, graph_of, inline
from .plan import checked_mode, plan
from .program import lower
from .runners import Runners
from .saving import save
from .sequence import Row, cast, resolved_dtype, row_in, row_of, with_layers
from .steps import Mode, Plan


class Network(Item, Trainable):
    """A feed-forward network `y = f(x)`: a frozen sequence of layers, float32 or float64 as a whole.

    Inputs are `x (..., n_in)`, any leading shape is a batch, and results are `y (..., n_out)` and `J (..., n_out, n_in)`
    with `J[..., i, j] = d y_i / d x_j`. The result for one input has the same bits whatever batch it is in and however many
    threads run. `len(net)`, iteration, `net[i]` (a layer) and slices (`net[:-1]`, a network) work as on a tuple. It may be
    used from several threads at once. Each mode, and each width of tangents or cotangents, is lowered at its first use to a
    program with a copy of the weights; the latest eight are kept.

    Parameters
    ----------
    layers : the layers, input first.
    n_in : number of inputs; needed only where no layer tells it.
    dtype : float32 or float64. By default float64 if any parameter is, or if there are none, else float32.

    Raises LayerError if there are no layers or two do not chain, DtypeError for anything that is not a layer or a dtype.
    """

    __slots__ = ("_dtype", "_gradient_runners", "_gradient_tables", "_graph", "_n_in", "_n_out", "_nothing", "_row", "_runners")

    def __init__(
        self,
        layers: Iterable[Layer | Item] | None = None,
        n_in: int | None = None,
        dtype: Any = None,
        *,
        inputs: Node | Sequence[Node] | None = None,
        outputs: Node | Sequence[Node] | None = None,
    ) -> None:
        n_in = arguments.positive_count(n_in, "n_in")
        if layers is not None and (inputs is not None or outputs is not None):
            raise OptionError("Network takes layers in a row, or inputs and outputs, not both")
        row: Row | None
        if layers is not None:
            graph, row = row_of(layers, n_in)
        else:
            graph = graph_of(inputs, outputs)
            row = row_in(graph)
            if n_in not in (None, sum(graph.input_sizes)):
                raise OptionError(f"n_in must be the size of all inputs, {sum(graph.input_sizes)}, got {n_in}; leave it out")
        resolved = resolved_dtype(graph.layers, dtype)
        self._set_up(graph, row, partial(cast, dtype=resolved), resolved)

    def _set_up(self, graph: Graph, row: Row | None, layer_of: Callable[[Layer], Layer], dtype: np.dtype) -> None:
        """Make this the network of a graph with `layer_of(layer)`, whose arrays are of `dtype`, in place of every layer."""
        # Asked once for each, so that a layer that stands at several places still does.
        made = {layer: layer_of(layer) for layer in graph.layers}
        self._graph = with_layers(graph, made.__getitem__)
        self._row = row and row._replace(items=items_with_layers(row.items, made.__getitem__, dtype))
        self._dtype = dtype
        self._n_in, self._n_out = sum(graph.input_sizes), sum(graph.output_sizes)
        # Stand in, by their dimensions, for a seed or a result that a call does not have.
        self._nothing = tuple(np.empty((0,) * ndim, dtype) for ndim in range(4))
        self._runners = Runners(self.layers, self._n_in, dtype)
        self._gradient_runners, self._gradient_tables = {}, {}

    @classmethod
    def _assembled(cls, graph: Graph, row: Row | None, dtype: np.dtype) -> Network:
        """The network of layers that are of the dtype already."""
        network = object.__new__(cls)
        network._set_up(graph, row, lambda layer: layer, dtype)
        return network

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of a chain, input first; of any other network its layers and joins, each once, input first."""
        if not self._graph.is_path:
            return self._graph.layers
        return tuple(vertex.operation for vertex in self._graph.vertices if vertex.operation is not None)

    @property
    def inputs(self) -> tuple[int, ...]:
        """The size of each input."""
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
        return Network(items[index], n_in=widths[numbers[0]], dtype=self._dtype)

    def _sequence(self) -> Row:
        """What stands in a row, or a LayerError where nothing does."""
        if self._row is None:
            raise LayerError(
                "a network made of inputs and outputs is no sequence, because it branches, so it has no length, items or widths; "
                "its layers are in net.layers, and print(net) shows how they hang together"
            )
        return self._row

    def in_sequence(self) -> Items:
        return (self,) if self._row is None else self._row.items

    def __repr__(self) -> str:
        return one_line(self._graph, self._dtype)

    def __str__(self) -> str:
        count = self.n_parameters
        table = drawn(self._graph, count) if self._row is None else listed(self._row, count)
        return "\n".join([f"Network, {self._dtype}", *table])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._assembled, (self._graph, self._row, self._dtype), getattr(self, "__dict__", None)

    def astype(self, dtype: Any) -> Network:
        """The same network with every parameter cast to float32 or float64."""
        resolved = resolved_dtype((), dtype)
        return self.with_layers(partial(cast, dtype=resolved), resolved)

    def with_layers(self, layer_of: Callable[[Layer], Layer], dtype: np.dtype) -> Network:
        network: Network = object.__new__(type(self))
        network._set_up(self._graph, self._row, layer_of, dtype)
        return network

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights and architecture to one safetensors file, which `fastjac.load` reads."""
        save(path, self.layers, self.n_in, self._dtype)

    @default_mode()
    def plan(self, mode: Mode = "auto") -> Plan:
        """The order in which `jacobian(x, mode)` multiplies; print it for a table. See `fastjac.plan.plan`."""
        return plan(product_of(self._runners.chain).shape(lanes(self._dtype)), mode)

    @default_mode()
    def program(self, mode: Mode = "auto") -> Program:
        """The network as a NamedTuple of arrays, for the functions of `fastjac.numba` inside `@njit` code.

        mode : the order in which its Jacobian is accumulated, as for `jacobian`.
        """
        chain, width = self._runners.chain, lanes(self._dtype)
        tasks = [(product_of(chain), checked_mode(mode))]
        tasks += [(product_of(chain, "tangents", 1), "forward"), (product_of(chain, "cotangents", 1), "reverse")]
        return lower(chain, [(product, plan(product.shape(width), order)) for product, order in tasks])

    def __call__(self, x: Any, *, threads: int | None = None) -> Any:
        """The outputs `y (..., n_out)` for inputs `x (..., n_in)`.

        threads : most threads to use; by default as many as there are cores, or NUMBA_NUM_THREADS, and the work is worth.
        Raises ShapeError or DtypeError for an x that is no real array of shape (..., n_in).
        Costs one multiply-add for each weight and input.
        """
        if not isinstance(x, np.ndarray) and are_nodes(x):
            return inline(self._graph, x)
        x, lead = arguments.inputs(x, self.n_in, self._dtype)
        y = np.empty((*lead, self.n_out), self._dtype)
        self._run(self._runners.get(None), x, None, y, None, threads)
        return y

    def jacobian(self, x: Any, mode: Mode = "auto", *, out: np.ndarray | None = None, threads: int | None = None) -> np.ndarray:
        """The Jacobians `J (..., n_out, n_in)` at `x (..., n_in)`; `J[..., i, j] = d y_i / d x_j`.

        Parameters
        ----------
        mode : "forward", "reverse", "mixed" or "auto", the order of accumulation; see `plan`. All give the same J up to
            rounding.
        out : array of J's shape and the network's dtype to write J to; it is returned.
        threads : most threads to use; by default as many as there are cores, or NUMBA_NUM_THREADS, and the work is worth.

        Raises ShapeError or DtypeError for a wrong x or out, OptionError for an unknown mode.
        Costs `plan(mode).multiply_adds` for each input, and allocates J; scratch memory is kept for the next call.
        """
        x, lead = arguments.inputs(x, self.n_in, self._dtype)
        return self._jacobian(x, lead, None, mode, out, threads)

    def value_and_jacobian(
        self, x: Any, mode: Mode = "auto", *, out: np.ndarray | None = None, threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Both `y (..., n_out)` and `J (..., n_out, n_in)` by one primal sweep; arguments as for `jacobian`."""
        x, lead = arguments.inputs(x, self.n_in, self._dtype)
        y = np.empty((*lead, self.n_out), self._dtype)
        return y, self._jacobian(x, lead, y, mode, out, threads)

    def jvp(self, x: Any, v: Any, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """`y (..., n_out)` and the tangent `J v (..., n_out)` for a tangent `v (..., n_in)` at each input, or one for all.

        Law: `<u, jvp(x, v)[1]> == <vjp(x, u)[1], v>`.
        """
        x, lead = arguments.inputs(x, self.n_in, self._dtype)
        v = arguments.seed(v, lead, (self.n_in,), "v")
        y, tangents = self._product(x, lead, v[..., None], "tangents", threads)
        return y, tangents[..., 0]

    def vjp(self, x: Any, u: Any, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """`y (..., n_out)` and the cotangent `u J (..., n_in)` for a cotangent `u (..., n_out)` at each input, or one for all.

        Law: `<u, jvp(x, v)[1]> == <vjp(x, u)[1], v>`.
        """
        x, lead = arguments.inputs(x, self.n_in, self._dtype)
        u = arguments.seed(u, lead, (self.n_out,), "u")
        y, cotangents = self._product(x, lead, u[..., None, :], "cotangents", threads)
        return y, cotangents[..., 0, :]

    def pushforward(self, x: Any, V: Any, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:  # noqa: N803
        """`y (..., n_out)` and the tangents `T = J V (..., n_out, k)` for a tangent matrix `V (..., n_in, k)`.

        V is one for each input, or one for all. Column c of T is the derivative of y along column c of V. Runs in forward
        order; J is never formed.
        Law: `<U, J V> == <U J, V>` with `pullback`.
        """
        x, lead = arguments.inputs(x, self.n_in, self._dtype)
        seed = arguments.seed(V, lead, (self.n_in, None), "V")
        return self._product(x, lead, seed, "tangents", threads)

    def pullback(self, x: Any, U: Any, *, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:  # noqa: N803
        """`y (..., n_out)` and the cotangents `G = U J (..., k, n_in)` for a cotangent matrix `U (..., k, n_out)`.

        U is one for each input, or one for all. Row r of G is the gradient of `U[r] . y`. Runs in reverse order; J is never
        formed.
        Law: `<U, J V> == <U J, V>` with `pushforward`.
        """
        x, lead = arguments.inputs(x, self.n_in, self._dtype)
        seed = arguments.seed(U, lead, (None, self.n_out), "U")
        return self._product(x, lead, seed, "cotangents", threads)

    def _product(
        self, x: np.ndarray, lead: tuple[int, ...], seed: np.ndarray, kind: str, threads: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The values, and J times tangents (..., n_in, k) or cotangents (..., k, n_out) times J."""
        forward = kind == "tangents"
        k = seed.shape[-1] if forward else seed.shape[-2]
        rows, columns = (self.n_out, k) if forward else (k, self.n_in)
        result = np.empty((*lead, rows, columns), self._dtype)
        if k == 0:
            return self(x, threads=threads).reshape(*lead, self.n_out), result
        runner = self._runners.get("forward" if forward else "reverse", kind, k)
        y = np.empty((*lead, self.n_out), self._dtype)
        self._run(runner, x, seed.reshape(-1, seed.shape[-2] * seed.shape[-1]), y, result, threads)
        return y, result

    def _jacobian(
        self, x: np.ndarray, lead: tuple[int, ...], y: np.ndarray | None, mode: Mode, out: np.ndarray | None, threads: int | None
    ) -> np.ndarray:
        """The Jacobians at checked inputs, and the values into y if there is one."""
        runner = self._runners.get(checked_mode(mode))
        shape = (*lead, self.n_out, self.n_in)
        if out is None:
            result = np.empty(shape, self._dtype)
            self._run(runner, x, None, y, result, threads)
            return result
        arguments.check_output(out, shape, self._dtype, x)
        # With more than one leading dimension and gaps, it cannot be seen as (n, n_out, n_in).
        result = out if out.ndim <= 3 or out.flags.carray else np.empty(shape, self._dtype)
        self._run(runner, x, None, y, result, threads)
        if result is not out:
            out[...] = result
        return out

    def _run(
        self,
        runner: Runner,
        x: np.ndarray,
        seed: np.ndarray | None,
        y: np.ndarray | None,
        out: np.ndarray | None,
        threads: int | None,
    ) -> None:
        """Run for x (n_in,) or (n, n_in); a missing seed or result is stood in for by an empty array of its dimensions."""
        if threads is not None:
            threads = arguments.positive_count(threads, "threads")
        nothing, ndim = self._nothing, x.ndim
        seed = nothing[2] if seed is None else seed
        if ndim == 2:
            if not len(x):
                return
            if y is not None and y.ndim != 2:
                y = y.reshape(len(x), self.n_out)
            if out is not None and out.ndim != 3:
                out = out.reshape(len(x), *out.shape[-2:])
        elif seed is not nothing[2]:
            seed = arguments.for_kernels(seed, self._dtype)
        runner(x, seed, nothing[ndim] if y is None else y, nothing[ndim + 1] if out is None else out, threads)
