"""Products with the Jacobian by the parameters, which is never formed: by their laws, against it, and through SciPy."""

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.sparse.linalg import lsqr, svds

import fastjac as fj
from tests.bits import assert_same_bits
from tests.gradients import seeded
from tests.gradients.test_trainable import N_PARAMETERS, NET, inputs
from tests.random_networks import fair_inputs, random_network
from tests.test_arguments import SHAPES

RNG = np.random.default_rng(2)


class TestProducts:
    @pytest.mark.parametrize("lead", SHAPES, ids=str)
    def test_they_are_products_with_the_parameter_jacobian(self, lead: tuple[int, ...]) -> None:
        x = inputs(*lead)
        v, u, dense = RNG.standard_normal(N_PARAMETERS), RNG.standard_normal((*lead, 3)), NET.parameter_jacobian(x)
        y, tangents = NET.parameter_jvp(x, v)
        assert_same_bits((y,), (NET(x),))
        assert tangents.shape == (*lead, 3)
        np.testing.assert_allclose(tangents, dense @ v, rtol=1e-12, atol=1e-12)
        y, cotangents = NET.parameter_vjp(x, u)
        assert_same_bits((y,), (NET(x),))
        assert cotangents.shape == (N_PARAMETERS,)
        np.testing.assert_allclose(cotangents, np.tensordot(u, dense, np.ndim(u)), rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("seed", range(30))
    def test_jvp_and_vjp_are_adjoint(self, seed: int, dtype: type) -> None:
        """`<u, jvp(v)> == <vjp(u), v>` on random networks, relative to what the sum would be if nothing cancelled."""
        network, rng = random_network(seed), np.random.default_rng(seed)
        net = fj.Network(network.layers, dtype=dtype)
        x, v = fair_inputs(network.layers, net.n_in, 5, rng), rng.standard_normal(net.n_parameters)
        u = rng.standard_normal((5, net.n_out))
        tangents, cotangents = net.parameter_jvp(x, v)[1], net.parameter_vjp(x, u)[1]
        assert tangents.dtype == cotangents.dtype == dtype
        scale = np.abs(u * tangents).sum() + np.abs(cotangents * v).sum()
        assert abs((u * tangents).sum() - cotangents @ v) <= {np.float32: 1e-4, np.float64: 1e-12}[dtype] * scale

    def test_one_cotangent_serves_all_inputs(self) -> None:
        x, u = inputs(2, 5), RNG.standard_normal((5, 3))
        expected = NET.parameter_vjp(x, np.broadcast_to(u, (2, 5, 3)))[1]
        assert_same_bits((NET.parameter_vjp(x, u)[1],), (expected,))
        expected = NET.parameter_vjp(x, np.broadcast_to(u[0], (2, 5, 3)))[1]
        assert_same_bits((NET.parameter_vjp(x, u[0])[1],), (expected,))

    def test_bits_do_not_depend_on_threads(self) -> None:
        x, v, u = inputs(500), RNG.standard_normal(N_PARAMETERS), RNG.standard_normal((500, 3))
        for product, seed in ((NET.parameter_jvp, v), (NET.parameter_vjp, u), (NET.gauss_newton_product, v)):
            assert_same_bits(product(x, seed, threads=2), product(x, seed, threads=1))

    def test_tangents_of_one_input_do_not_depend_on_its_batch(self) -> None:
        x, v = inputs(100), RNG.standard_normal(N_PARAMETERS)
        whole = NET.parameter_jvp(x, v)[1]
        assert_same_bits([NET.parameter_jvp(x[row], v)[1] for row in (0, 50, 99)], whole[[0, 50, 99]])

    @pytest.mark.parametrize("lead", [(), (6,), (2, 3), (0,)], ids=str)
    def test_gauss_newton(self, lead: tuple[int, ...]) -> None:
        x, v = inputs(*lead), RNG.standard_normal(N_PARAMETERS)
        flat = NET.parameter_jacobian(x).reshape(-1, 3, N_PARAMETERS)
        of_squares = np.einsum("nap,naq,q->p", flat, flat, v)
        np.testing.assert_allclose(NET.gauss_newton_product(x, v), of_squares, rtol=1e-11, atol=1e-12)
        half = RNG.standard_normal((*lead, 3, 3))
        curvature = half @ half.swapaxes(-1, -2)
        expected = np.einsum("nap,nab,nbq,q->p", flat, curvature.reshape(-1, 3, 3), flat, v)
        np.testing.assert_allclose(NET.gauss_newton_product(x, v, curvature), expected, rtol=1e-11, atol=1e-12)

    def test_gauss_newton_is_symmetric_and_not_negative(self) -> None:
        x, (v, w) = inputs(6), RNG.standard_normal((2, N_PARAMETERS))
        np.testing.assert_allclose(w @ NET.gauss_newton_product(x, v), v @ NET.gauss_newton_product(x, w), rtol=1e-12)
        assert v @ NET.gauss_newton_product(x, v) > 0


class TestOperator:
    def test_it_is_the_parameter_jacobian(self) -> None:
        operator, dense = NET.parameter_operator(inputs(2, 3)), NET.parameter_jacobian(inputs(2, 3)).reshape(18, -1)
        assert operator.shape == (18, N_PARAMETERS)
        assert operator.dtype == np.float64
        np.testing.assert_allclose(operator @ np.eye(N_PARAMETERS), dense, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(operator.T @ np.eye(18), dense.T, rtol=1e-12, atol=1e-13)
        column = RNG.standard_normal((N_PARAMETERS, 1))
        np.testing.assert_allclose(operator @ column, dense @ column, rtol=1e-12, atol=1e-13)

    def test_singular_values_by_scipy(self) -> None:
        operator, dense = NET.parameter_operator(inputs(6)), NET.parameter_jacobian(inputs(6)).reshape(18, -1)
        _, found, _ = svds(operator, k=4, v0=np.ones(18))
        np.testing.assert_allclose(np.sort(found)[::-1], np.linalg.svd(dense)[1][:4], rtol=1e-9)

    def test_least_squares_step_by_scipy(self) -> None:
        residual = RNG.standard_normal(18)
        operator, dense = NET.parameter_operator(inputs(6)), NET.parameter_jacobian(inputs(6)).reshape(18, -1)
        step = lsqr(operator, residual, damp=0.1, atol=1e-13, btol=1e-13)[0]
        expected = np.linalg.solve(dense.T @ dense + 0.01 * np.eye(N_PARAMETERS), dense.T @ residual)
        np.testing.assert_allclose(step, expected, rtol=1e-7, atol=1e-9)

    def test_what_becomes_of_x_does_not_matter(self) -> None:
        x, v = inputs(6), RNG.standard_normal(N_PARAMETERS)
        operator = NET.parameter_operator(x)
        expected = operator @ v
        x[...] = 7.0
        np.testing.assert_array_equal(operator @ v, expected)


def test_levenberg_marquardt_by_scipy_recovers_a_network() -> None:
    """Residuals and their Jacobian as `scipy.optimize.least_squares` takes them."""
    rng = np.random.default_rng(4)
    net = fj.Network(seeded.alternating(rng, (2, 4, 1), fj.Tanh()))
    x = rng.standard_normal((60, 2))
    target, theta = net(x), net.parameters()
    fit = least_squares(
        lambda at: (net.with_parameters(at)(x) - target).ravel(),
        theta + 0.3 * rng.standard_normal(theta.size),
        jac=lambda at: net.with_parameters(at).parameter_jacobian(x).reshape(60, -1),
        method="lm",
    )
    assert fit.cost < 1e-20
