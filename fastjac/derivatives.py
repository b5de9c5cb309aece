"""What a network computes of its inputs: values, Jacobians, and products with them. The base of Network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Never

import numpy as np

from . import arguments
from .errors import DtypeError
from .graphs.conversion import are_nodes, inline
from .graphs.ends import End, blocks, check_outputs, write
from .graphs.graph import Graph
from .graphs.nodes import Node
from .linearization import Linearization
from .pages import new_array
from .planning.plan import checked_mode
from .planning.product import Seed, Wanted
from .planning.steps import Mode
from .running.batch import Runner
from .running.runners import Runners
from .running.state import State
from .streaming.blockwise import Blockwise
from .streaming.progress import Progress
from .streaming.targets import is_on_disk

Index = int | slice | str | Sequence[int] | np.ndarray | Node
"""What picks columns or rows of J: positions, or the name or node of an input or output."""


class Differentiable(Blockwise):
    """Values and derivatives by the inputs.

    The engine takes the inputs of a sample as one vector, one input after another, and gives the outputs as one. A network of
    several inputs takes a tuple of arrays and gives J in a tuple of blocks; one of several outputs gives such a tuple for each.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        # What Network has. `_several` says whether there are several inputs or several outputs.
        _graph: Graph
        _dtype: np.dtype
        _n_in: int
        _n_out: int
        _inputs: End
        _outputs: End
        _several: bool
        _feature_names: tuple[str, ...]
        _nothing: tuple[np.ndarray, ...]
        _runners: Runners

    def __call__(self, x: Any, *others: Never, threads: int | None = None) -> Any:
        """The outputs `y (..., n_out)` for inputs `x (..., n_in)`.

        x : for a network of several inputs a tuple of arrays, one for each, whose leading shapes are broadcast; the outputs of a
            network that has several are a tuple of views of one array. Called on nodes, a network is recorded there with all
            its layers, and gives nodes.
        others : none are taken. They are there for an error that says how to write `net(x, u)`.
        threads : the most threads to use. By default NUMBA_NUM_THREADS or the number of cores, and fewer for little work.

        Raises ShapeError or DtypeError for an x that is no real array of shape (..., n_in).
        Costs one multiply-add for each weight and input.
        >>> fj.Network([fj.Affine([[1.0, 2.0]])])([1, 1])
        array([3.])
        """
        if others:
            raise DtypeError(f"net takes its inputs as one argument, got {1 + len(others)}; pass them as one tuple: net((x, u))")
        if not isinstance(x, np.ndarray) and are_nodes(x):
            return inline(self._graph, x)
        x, lead = self._taken(x)
        y = np.empty((*lead, self._n_out), self._dtype)
        self._run(self._runners.get(None), x, None, y, None, threads)
        return self._outputs.split(y, -1) if self._several else y

    def jacobian(
        self,
        x: Any,
        mode: Mode = "auto",
        *,
        wrt: Index | None = None,
        of: Index | None = None,
        out: Any = None,
        threads: int | None = None,
        progress: Progress = False,
    ) -> Any:
        """The Jacobians `J (..., n_out, n_in)` at `x (..., n_in)`; `J[..., i, j] = d y_i / d x_j`.

        A network of several inputs gives a tuple with a block `(..., n_out, n)` for each input of size n; one of several outputs
        gives a tuple with all this for each output. The blocks are views of one array.

        Parameters
        ----------
        mode : the order in which the layers' Jacobians are multiplied. "forward" starts at the inputs, "reverse" at the outputs,
            and "mixed" may start anywhere between. "auto" takes the cheapest, which `plan` shows. All give the same J up to
            rounding.
        wrt : the inputs by which J is taken; only these columns are computed. The name of an input or its Input, as `wrt="x"`,
            stands for all of its numbers. An int, a slice or an array of ints counts through all inputs laid end to end: with
            inputs of 8 and 4, `slice(8)` is the first and `slice(8, 12)` the second. J is then `(..., n_out, len(wrt))`, with no
            tuple over inputs. An int is one column.
        of : the outputs whose derivatives are taken, given as numbers in the same way, or as a node that is one of the outputs; J
            is then `(..., len(of), n_in)`.
        out : array of J's shape and the network's dtype to write J to, or blocks of them in tuples; it is returned. To an array
            that is mapped to a file, and to a data set of h5py or zarr, J is written part by part. x may be such a data set
            then too, or an iterable of samples and batches, as for `jacobian_blocks`.
        threads : the most threads to use. By default NUMBA_NUM_THREADS or the number of cores, and fewer for little work.
        progress : True draws a bar on stderr, which needs tqdm. A function is called as samples are done, with their number and
            the number of all samples.

        Raises ShapeError or DtypeError for a wrong x or out, OptionError for an unknown mode, and for a wrt or of that is out of
        range, empty, an unknown name, or names an entry twice; FileError where J cannot be written. Where it is written part by
        part, or with progress, an error or an interrupt has a note that says how many samples are done.
        Costs `plan(mode, wrt=wrt, of=of).multiply_adds` for each input, and allocates J; scratch memory is kept for the next
        call, and so are up to 64 MB of the memory of dropped results.
        >>> net = fj.Network([fj.Affine([[1.0, 2.0]]), fj.Tanh()])
        >>> net.jacobian([0, 0]), net.jacobian([0, 0], wrt=1)
        (array([[1., 2.]]), array([[2.]]))
        """
        if progress is not False or not (out is None or type(out) is np.ndarray or not is_on_disk(out)):
            return self._write(x, out, (mode, wrt, of), threads, progress)
        x, lead = self._taken(x)
        return self._jacobian(x, lead, None, (mode, wrt, of), out, threads)

    def value_and_jacobian(
        self,
        x: Any,
        mode: Mode = "auto",
        *,
        wrt: Index | None = None,
        of: Index | None = None,
        out: Any = None,
        threads: int | None = None,
    ) -> tuple[Any, Any]:
        """Both `y (..., n_out)` and `J (..., n_out, n_in)` by one primal sweep; arguments as for `jacobian`.

        `of` restricts J alone: y has all outputs. `out` is for J alone.
        >>> fj.Network([fj.Affine([[1.0, 2.0]])]).value_and_jacobian([1, 1])
        (array([3.]), array([[1., 2.]]))
        """
        x, lead = self._taken(x)
        y = np.empty((*lead, self._n_out), self._dtype)
        jacobian = self._jacobian(x, lead, y, (mode, wrt, of), out, threads)
        return self._outputs.split(y, -1) if self._several else y, jacobian

    def jvp(self, x: Any, v: Any, *, threads: int | None = None) -> tuple[Any, Any]:
        """`y (..., n_out)` and `J v (..., n_out)` for a tangent `v (..., n_in)` at each input, or one for all.

        v is a direction in which x moves, and `J v` the rate at which y moves then. Where x is a tuple, so is v; where y is one,
        so is `J v`.
        Law: `<u, jvp(x, v)[1]> == <vjp(x, u)[1], v>`.
        >>> fj.Network([fj.Affine([[1.0, 2.0]])]).jvp([0, 0], [1, 1])
        (array([0.]), array([3.]))
        """
        x, lead = self._taken(x)
        v = self._inputs.seed(v, lead, (0,), "v")
        y, tangents = self._product(x, lead, v[..., None], "tangents", threads)
        return y, self._outputs.split(tangents[..., 0], -1)

    def vjp(self, x: Any, u: Any, *, threads: int | None = None) -> tuple[Any, Any]:
        """`y (..., n_out)` and `u J (..., n_in)` for a cotangent `u (..., n_out)` at each input, or one for all.

        u holds a weight of each output, and `u J` is the gradient by x of the weighted sum `<u, y>`. Where y is a tuple, so is u;
        where x is one, so is `u J`.
        Law: `<u, jvp(x, v)[1]> == <vjp(x, u)[1], v>`.
        >>> fj.Network([fj.Affine([[1.0, 2.0]])]).vjp([0, 0], [10])
        (array([0.]), array([10., 20.]))
        """
        x, lead = self._taken(x)
        u = self._outputs.seed(u, lead, (0,), "u")
        y, cotangents = self._product(x, lead, u[..., None, :], "cotangents", threads)
        return y, self._inputs.split(cotangents[..., 0, :], -1)

    def pushforward(self, x: Any, V: Any, *, threads: int | None = None) -> tuple[Any, Any]:  # noqa: N803
        """`y (..., n_out)` and the tangents `T = J V (..., n_out, k)` for a tangent matrix `V (..., n_in, k)`.

        V is one for each input, or one for all. Column c of T is the derivative of y along column c of V. Where x is a tuple, so
        is V; where y is one, so is T. Runs in forward order; J is never formed.
        Law: `<U, J V> == <U J, V>` with `pullback`.
        >>> fj.Network([fj.Affine([[1.0, 2.0]])]).pushforward([0, 0], np.eye(2))
        (array([0.]), array([[1., 2.]]))
        """
        x, lead = self._taken(x)
        seed = self._inputs.seed(V, lead, (0, None), "V")
        y, tangents = self._product(x, lead, seed, "tangents", threads)
        return y, self._outputs.split(tangents, -2)

    def pullback(self, x: Any, U: Any, *, threads: int | None = None) -> tuple[Any, Any]:  # noqa: N803
        """`y (..., n_out)` and the cotangents `G = U J (..., k, n_in)` for a cotangent matrix `U (..., k, n_out)`.

        U is one for each input, or one for all. Row r of G is the gradient of `U[r] . y`. Where y is a tuple, so is U; where x is
        one, so is G. Runs in reverse order; J is never formed.
        Law: `<U, J V> == <U J, V>` with `pushforward`.
        >>> fj.Network([fj.Affine([[1.0, 2.0]])]).pullback([0, 0], [[10]])
        (array([0.]), array([[10., 20.]]))
        """
        x, lead = self._taken(x)
        seed = self._outputs.seed(U, lead, (None, 0), "U")
        y, cotangents = self._product(x, lead, seed, "cotangents", threads)
        return y, self._inputs.split(cotangents, -1)

    def linearize(self, x: Any, *, threads: int | None = None) -> Linearization:
        """The values at inputs `x (..., n_in)` and the linear map J at each, for as many products as are wanted by one sweep.

        Law: `net.linearize(x).vjp(u)` has the bits of `net.vjp(x, u)[1]`; so have the other products, and J.
        Raises as calling the network does. Costs a primal sweep, and `nbytes` for as long as the linearization lives. At one
        input of a small network its Python takes longer than the sweep that it saves; there use `fastjac.numba.linearize`.
        >>> fj.Network([fj.Exp()], n_in=2).linearize([0, 1]).vjp([1, 1])
        array([1.        , 2.71828183])
        """
        return Linearization(self, *self._taken(x), threads)

    def _taken(self, x: Any, name: str = "x") -> tuple[np.ndarray, tuple[int, ...]]:
        """All inputs as one array, (n_in,) or (n, n_in), and its leading shape; errors call it `name`."""
        # The usual case first: for one small input the other checks take as long as its Jacobian.
        if type(x) is np.ndarray and x.dtype == self._dtype and x.flags.carray and not self._inputs.several:
            shape = x.shape
            if 0 < len(shape) <= 2 and shape[-1] == self._n_in:
                return x, shape[:-1]
        if type(x) is not np.ndarray:
            arguments.check_columns(x, self._feature_names, name)
        if self._inputs.several:
            x = self._inputs.points(x, self._dtype, name)
        return arguments.inputs(x, self._n_in, self._dtype, name)

    def _product(
        self, x: np.ndarray, lead: tuple[int, ...], seed: np.ndarray, kind: Seed, threads: int | None, state: State | None = None
    ) -> tuple[Any, np.ndarray]:
        """The values in their parts, and J times tangents (..., n_in, k), or cotangents (..., k, n_out) times J as one array.

        The product may start from a state; the values are then known already, and None stands for them.
        """
        forward = kind == "tangents"
        k = seed.shape[-1] if forward else seed.shape[-2]
        rows, columns = (self._n_out, k) if forward else (k, self._n_in)
        y = np.empty((*lead, self._n_out), self._dtype) if state is None else None
        result = np.empty((*lead, rows, columns), self._dtype)
        if k > 0:
            runner = self._runners.get("forward" if forward else "reverse", Wanted(seed=kind, width=k))
            self._run(runner, x, seed.reshape(-1, seed.shape[-2] * seed.shape[-1]), y, result, threads, state)
        elif y is not None:
            self._run(self._runners.get(None), x, None, y, None, threads)
        return None if y is None else self._outputs.split(y, -1), result

    def _jacobian(
        self,
        x: np.ndarray,
        lead: tuple[int, ...],
        y: np.ndarray | None,
        choice: tuple[Mode, Index | None, Index | None],
        out: Any,
        threads: int | None,
        state: State | None = None,
    ) -> Any:
        """The Jacobians at checked inputs for a mode, wrt and of; the values are written to y if there is one."""
        mode, wrt, of = choice
        if wrt is None and of is None:  # the usual case, in less time
            runner = self._runners.kept.get(mode) if type(mode) is str else None
            if runner is None:
                runner = self._runners.get(checked_mode(mode))
            core = self._n_out, self._n_in
            ends: tuple[End | None, End | None] = self._outputs, self._inputs
        else:
            runner, core, ends = self._chosen(mode, wrt, of)
        brief = y is None and state is None and threads is None
        if runner.is_constant and brief and out is None and not self._several:
            copies = runner.copies(lead)
            if copies is not None:
                return copies
        shape, few = lead + core, brief and x.size <= runner.few
        new = np.empty if few else new_array
        if self._several:
            result = new(shape, self._dtype)
            parts = blocks(result, *ends)
            if out is not None:
                check_outputs(out, parts, self._dtype, x)
        elif out is None:
            result = parts = new(shape, self._dtype)
        else:
            arguments.check_output(out, shape, self._dtype, x)
            # With more than one leading dimension and gaps, `out` cannot be viewed as (n, n_out, n_in).
            result = parts = out if out.ndim <= 3 or out.flags.carray else new(shape, self._dtype)
        ready = not lead or (len(lead) == 1 and arguments.is_for_kernels(x, self._dtype))
        if few and ready and (out is None or result.flags.carray):
            runner.alone(x, result)
        else:
            self._run(runner, x, None, y, result, threads, state)
        if out is None or result is out:
            return parts
        write(out, parts)
        return out

    def _chosen(
        self, mode: Mode, wrt: Index | None, of: Index | None
    ) -> tuple[Runner, tuple[int, int], tuple[End | None, End | None]]:
        """The runner for a Jacobian, its shape, and the ends by whose vectors the Jacobian is cut into blocks."""
        wanted = self._wanted(wrt, of)
        ends = (self._outputs if of is None else None, self._inputs if wrt is None else None)
        return self._runners.get(checked_mode(mode), wanted), wanted.shape(self._n_out, self._n_in), ends

    def _wanted(self, wrt: Index | None, of: Index | None) -> Wanted:
        """The columns and rows of J that a caller asks for."""
        return Wanted(self._inputs.numbers(wrt, "wrt"), self._outputs.numbers(of, "of"))

    def _run(
        self,
        runner: Runner,
        x: np.ndarray,
        seed: np.ndarray | None,
        y: np.ndarray | None,
        out: np.ndarray | None,
        threads: int | None,
        state: State | None = None,
    ) -> None:
        """Run for x (n_in,) or (n, n_in); an empty array of the same dimensions stands in for a missing seed or result."""
        if threads is not None:
            threads = arguments.positive_count(threads, "threads")
        nothing, ndim = self._nothing, x.ndim
        seed = nothing[2] if seed is None else seed
        if ndim == 2:
            if not len(x):
                return
            if y is not None and y.ndim != 2:
                y = y.reshape(len(x), self._n_out)
            if out is not None and out.ndim != 3:
                out = out.reshape(len(x), *out.shape[-2:])
        elif seed is not nothing[2]:
            seed = arguments.for_kernels(seed, self._dtype)
        runner(x, seed, nothing[ndim] if y is None else y, nothing[ndim + 1] if out is None else out, threads, state)
