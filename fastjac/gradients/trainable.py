"""What a network computes with its parameters: derivatives by them, and of losses of J. A base of Network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .. import arguments
from ..errors import ShapeError
from ..graphs.ends import End, blocks, check_outputs, write
from ..graphs.graph import Graph
from ..kernels.float_mode import default_mode
from ..optional import optional
from ..pages import new_array
from .lowering import Lowered, lower
from .operations import check_bends, unfold
from .pullback import Pullback, views_of
from .runner import GradientRunner, addresses_of


class Trainable:
    """Derivatives by parameters, and derivatives of losses of the Jacobian.

    The parameters are the trained arrays of all layers, in one flat vector: layer by layer, each layer's arrays in the order
    of its fields (an Affine's weight (n_out, n_in) row by row, then its bias), as `parameters` gives them. Options that are
    numbers, such as ELU's alpha or a PReLU slope that all units share, are no parameters. A layer at several places of the
    network has one set of parameters, whose derivative is the sum over its places. The bend (the second derivative) of a ReLU and
    of every piecewise linear activation is 0, at its kinks too.

    Several inputs and outputs are tuples of arrays, as for `jacobian`: x, y, v and u, and J, K and the tangent kernel in blocks.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        # What Network has.
        _graph: Graph
        _inputs: End
        _outputs: End
        _taken: Any
        with_layers: Any
        layers: Any
        n_in: Any
        n_out: Any
        n_parameters: Any
        dtype: Any
        value_and_jacobian: Any
        __call__: Any
        _gradient_runners: dict[bool, GradientRunner]
        _gradient_tables: dict[bool, Lowered]

    def parameters(self) -> np.ndarray:
        """All parameters as one flat vector (n_parameters,), a copy.

        >>> net = fj.Network([fj.Affine(np.array([[1.0, 2.0]]), np.zeros(1)), fj.Exp()])
        >>> net.parameters()
        array([1., 2., 0.])
        """
        arrays = [array.ravel() for layer in self._graph.layers for array in layer.arrays.values()]
        return np.concatenate(arrays) if arrays else np.empty(0, self.dtype)

    def with_parameters(self, theta: Any) -> Self:
        """The same network with other parameters, `theta (n_parameters,)`, in the order of `parameters`; `theta` is copied.

        Law: `net.with_parameters(net.parameters())` computes what `net` does.
        Raises ShapeError or DtypeError for a theta that is no real array of that shape.

        >>> net = fj.Network([fj.Affine(np.array([[1.0, 2.0]]), np.zeros(1)), fj.Exp()])
        >>> net.with_parameters([0, 0, 0])([1, 1])
        array([1.])
        """
        theta = arguments.for_kernels(self._parameter_vector(theta, "theta"), self.dtype)
        layers = self._graph.layers
        views = dict(zip(layers, views_of(theta, layers), strict=True))
        network = self.with_layers(lambda layer: layer.with_arrays(views[layer]) if views[layer] else layer, self.dtype)
        network._gradient_tables = self._gradient_tables
        return network

    def jacobian_vjp(self, x: Any, *, threads: int | None = None) -> tuple[Any, Any, Pullback]:
        """`y (..., n_out)`, `J (..., n_out, n_in)` and the pullback of both, at inputs `x (..., n_in)`.

        `pullback(gy, gJ)` takes the derivatives of a loss by y and by J and gives those by x and by every parameter; see
        `Pullback` and `Gradient`.

        Law: for a loss `f(y, J)`, `pullback(df/dy, df/dJ)` is its derivative, with the activations' bends taken into account.
        Raises as `jacobian` does. Costs a copy of x besides y and J. For a batch that takes up to 16 MB, the pullback also
        holds everything that was computed on the way, for as long as it lives.

        >>> net = fj.Network([fj.Affine(np.array([[1.0, 2.0]]), np.zeros(1)), fj.Exp()])
        >>> y, J, pullback = net.jacobian_vjp([0, 0])
        >>> pullback(gy=[1], gJ=J).parameters
        array([1., 2., 6.])
        """
        check_bends(self.layers)
        points, lead = self._points(x)
        y, jacobians = (new_array((len(points), *core), self.dtype) for core in ((self.n_out,), (self.n_out, self.n_in)))
        runner = self._gradient_runner()
        kept = runner.keep(len(points))
        runner.run(len(points), addresses_of(x=points, y=y, jacobian=jacobians), threads, kept)
        pullback = Pullback(self, runner, points, lead, kept)
        jacobians = jacobians.reshape(*lead, self.n_out, self.n_in)
        return self._outputs.split(y.reshape(*lead, self.n_out), -1), blocks(jacobians, self._outputs, self._inputs), pullback

    def parameter_jacobian(self, x: Any, *, out: Any = None, threads: int | None = None) -> Any:
        """The Jacobians by the parameters, `K (..., n_out, n_parameters)` at `x (..., n_in)`; `K[..., i, p] = d y_i / d theta_p`.

        out : array of K's shape and the network's dtype to write K to; it is returned.
        Raises as `jacobian` does. Costs n_out backward sweeps for each input, and the writing of K.

        >>> net = fj.Network([fj.Affine(np.array([[1.0, 2.0]]), np.zeros(1)), fj.Exp()])
        >>> net.parameter_jacobian([1, 2]).round(3)
        array([[148.413, 296.826, 148.413]])
        """
        points, lead = self._points(x)
        shape = (*lead, self.n_out, self.n_parameters)
        parts = self._outputs.split(np.broadcast_to(np.empty((), self.dtype), shape), -2)
        if out is not None:
            check_outputs(out, parts, self.dtype, points)
        result = out if isinstance(out, np.ndarray) and out.flags.carray else new_array(shape, self.dtype)
        parts = self._outputs.split(result, -2)
        target = result.reshape(len(points), self.n_out, self.n_parameters)
        runner = self._gradient_runner(at_output=True)
        runner.run(len(points), addresses_of(x=points, parameter_jacobian=target), threads)
        runner.clear_unused(target)
        if out is None:
            return parts
        if out is not result:
            write(out, parts)
        return out

    def parameter_jvp(self, x: Any, v: Any, *, threads: int | None = None) -> tuple[Any, Any]:
        """`y (..., n_out)` and its tangent `K v (..., n_out)` for a direction `v (n_parameters,)`; K is never formed.

        Law: `<u, parameter_jvp(x, v)[1]> == <parameter_vjp(x, u)[1], v>`.

        >>> net = fj.Network([fj.Affine(np.array([[1.0, 2.0]]), np.zeros(1)), fj.Exp()])
        >>> net.parameter_jvp([0, 0], [0, 0, 1])
        (array([1.]), array([1.]))
        """
        y, tangents = self._parameter_jvp(*self._points(x), v, threads)
        return self._outputs.split(y, -1), self._outputs.split(tangents, -1)

    def _parameter_jvp(
        self, points: np.ndarray, lead: tuple[int, ...], v: Any, threads: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        direction = arguments.for_kernels(self._parameter_vector(v, "v"), self.dtype)
        y, tangents = (np.empty((len(points), self.n_out), self.dtype) for _ in range(2))
        runner = self._gradient_runner()
        tangent = runner.direction(direction)
        runner.run(len(points), addresses_of(x=points, y=y, y_tangent=tangents, direction=tangent), threads)
        return y.reshape(*lead, self.n_out), tangents.reshape(*lead, self.n_out)

    def parameter_vjp(self, x: Any, u: Any, *, threads: int | None = None) -> tuple[Any, np.ndarray]:
        """`y (..., n_out)` and `sum u K (n_parameters,)`, over all inputs, for a cotangent `u (..., n_out)` at each.

        Law: `<u, parameter_jvp(x, v)[1]> == <parameter_vjp(x, u)[1], v>`.

        >>> net = fj.Network([fj.Affine(np.array([[1.0, 2.0]]), np.zeros(1)), fj.Exp()])
        >>> net.parameter_vjp([[0, 0], [0, 1]], [[1], [0]])
        (array([[1.       ],
               [7.3890561]]), array([0., 0., 1.]))
        """
        points, lead = self._points(x)
        y, gradient = self._parameter_vjp(points, lead, self._outputs.seed(u, lead, (0,), "u"), threads)
        return self._outputs.split(y, -1), gradient

    def _parameter_vjp(
        self, points: np.ndarray, lead: tuple[int, ...], u: np.ndarray, threads: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        seeds = np.broadcast_to(u, (*lead, self.n_out) if lead else (1, self.n_out))
        cotangents = arguments.for_kernels(seeds.reshape(len(points), self.n_out), self.dtype)
        y, gradient = np.empty((len(points), self.n_out), self.dtype), np.empty(self.n_parameters, self.dtype)
        runner, results = self._gradient_runner(), {"y": y, "parameter_gradient": gradient}
        runner.run(len(points), addresses_of(x=points, y_gradient=cotangents, **results), threads)
        runner.clear_unused(gradient)
        return y.reshape(*lead, self.n_out), gradient

    def gauss_newton_product(self, x: Any, v: Any, H: Any = None, *, threads: int | None = None) -> np.ndarray:  # noqa: N803
        """`sum K^T H K v (n_parameters,)` over all inputs, for a direction `v (n_parameters,)`; K is never formed.

        H : (..., n_out, n_out), the loss's second derivative by the outputs. Several outputs are one vector here, one output
            after another. By default H is the identity, as for half the sum of squares.

        >>> net = fj.Network([fj.Affine(np.array([[1.0, 2.0]]), np.zeros(1)), fj.Exp()])
        >>> net.gauss_newton_product([0, 0], [0, 0, 1])
        array([0., 0., 1.])
        """
        points, lead = self._points(x)
        _, tangents = self._parameter_jvp(points, lead, v, threads)
        if H is not None:
            curvature = arguments.seed(H, lead, (self.n_out, self.n_out), "H")
            with default_mode():
                tangents = ((curvature if lead else curvature[0]) @ tangents[..., None])[..., 0]
        return self._parameter_vjp(points, lead, tangents, threads)[1]

    def neural_tangent_kernel(self, x: Any, x2: Any = None, *, threads: int | None = None) -> Any:
        """The empirical neural tangent kernel `K(x) K(x2)^T`, (n, m, n_out, n_out), for `x (n, n_in)` and `x2 (m, n_in)`.

        Entry [a, b, i, j] is the sum over all parameters of `d y_i(x[a]) / d theta * d y_j(x2[b]) / d theta`; K is never formed.
        x2 : by default x; the kernel is then symmetric.

        Raises ShapeError for an x or x2 that does not have two dimensions. Costs n m n_out^2 multiply-adds for each unit, and
        memory for (n_out + 1) numbers for each unit and sample.

        >>> net = fj.Network([fj.Affine(np.array([[1.0, 2.0]]), np.zeros(1)), fj.Exp()])
        >>> net.neural_tangent_kernel([[0, 0], [1, -0.5]])[..., 0, 0]
        array([[1.  , 1.  ],
               [1.  , 2.25]])
        """
        (left, lead), (right, others) = (self._points(value) for value in (x, x if x2 is None else x2))
        if {len(lead), len(others)} != {1}:
            counts = len(lead) + 1, len(others) + 1
            raise ShapeError(f"x and x2 must have two dimensions, (n, {self.n_in}), got {counts[0]} and {counts[1]}")
        runner, right = self._gradient_runner(at_output=True), left if x2 is None else right
        features = [runner.features(part, threads) for part in ([left] if right is left else [left, right])]
        result = new_array((len(left), len(right), self.n_out, self.n_out), self.dtype)
        if result.size:
            runner.tangent_kernel(features[0], features[-1], result, threads)
        return blocks(result, self._outputs, self._outputs)

    def parameter_operator(self, x: Any) -> Any:
        """K at all inputs `x (..., n_in)` as a `scipy.sparse.linalg.LinearOperator` of shape (inputs * n_out, n_parameters).

        The rows of one input are those of all its outputs, one output after another.

        Raises MissingDependencyError without SciPy.

        >>> net = fj.Network([fj.Affine(np.array([[1.0, 2.0]]), np.zeros(1)), fj.Exp()])
        >>> net.parameter_operator([[0, 0], [0, 1]])
        <2x3 ParameterOperator with dtype=float64>
        """
        optional("scipy.sparse.linalg", "to make a LinearOperator", "scipy")
        from .operator import ParameterOperator

        # A copy: what the caller does to x later must not change the operator.
        return ParameterOperator(self, self._points(x)[0].copy())

    def _points(self, x: Any) -> tuple[np.ndarray, tuple[int, ...]]:
        """All inputs as (n, n_in), ready for kernels, and the leading shape that they had."""
        array, lead = self._taken(x)
        return arguments.for_kernels(array.reshape(-1, self.n_in), self.dtype), lead

    def _parameter_vector(self, value: Any, name: str) -> np.ndarray:
        array = arguments.real_array(value, name)
        if array.shape != (self.n_parameters,):
            raise ShapeError(f"{name} must have shape ({self.n_parameters},), one entry for each parameter, got {array.shape}")
        return array

    def _gradient_runner(self, at_output: bool = False) -> GradientRunner:
        """The runner whose derivatives start at the cheapest value, or at the output; made at its first use."""
        if at_output not in self._gradient_runners:
            # Networks that differ only in their parameters share the tables.
            if at_output not in self._gradient_tables:
                unfolded = unfold(self._graph)
                seeds_at = len(unfolded.sizes) - 1 if at_output else None
                self._gradient_tables[at_output] = lower(unfolded, self.dtype, unfolded.positions, seeds_at)
            self._gradient_runners[at_output] = GradientRunner(self._gradient_tables[at_output], self._graph.layers)
        return self._gradient_runners[at_output]
