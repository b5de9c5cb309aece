"""The neural tangent kernel against the Jacobian by the parameters that it is made without."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, OptionError, ShapeError
from tests.bits import assert_same_bits
from tests.gradients import seeded

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def chain(widths=(5, 13, 9, 4)):
    """Every kind of trained parameter, with and without its companion."""
    rng = np.random.default_rng(0)
    between = fj.PReLU(rng.uniform(0.1, 0.5, widths[1])), fj.LayerNorm(rng.uniform(0.5, 1.5, widths[2]))
    last = fj.Scale(rng.uniform(0.5, 1.5, widths[-1]), rng.standard_normal(widths[-1]))
    first = fj.Scale(2.0, rng.standard_normal(widths[0]))
    return [
        first,
        *seeded.alternating(rng, widths, *between),
        last,
        fj.Affine(rng.standard_normal((3, widths[-1]))),
        fj.Softmax(),
    ]


def inputs(n, n_in=5, seed=1):
    return np.random.default_rng(seed).standard_normal((n, n_in))


def assert_product(net, x, x2):
    """The kernel is `K K2^T`, to rounding of what that would be if nothing cancelled."""
    found = net.neural_tangent_kernel(x, x2)
    assert found.dtype == net.dtype
    jacobians = [net.astype(np.float64).parameter_jacobian(points) for points in (x, x if x2 is None else x2)]
    left, right = (np.linalg.norm(jacobian, axis=2) for jacobian in jacobians)
    expected = np.einsum("aip,bjp->abij", *jacobians)
    assert found.shape == expected.shape
    tolerance = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-13}[net.dtype]
    assert (np.abs(found - expected) <= tolerance * left[:, None, :, None] * right[None, :, None, :]).all()


@both_dtypes
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 7), (7, 1), (49, 23), (3, 130), (0, 3), (3, 0)])
def test_it_is_the_product_of_jacobians_by_the_parameters(n, m, dtype):
    net = fj.Network(chain(), dtype=dtype)
    assert_product(net, inputs(n).astype(dtype), inputs(m, seed=2).astype(dtype))


@pytest.mark.parametrize("widths", [(5, 1, 1, 1), (5, 8, 16, 8), (5, 17, 33, 70), (5, 64, 65, 2)])
def test_other_widths(widths):
    assert_product(fj.Network(chain(widths)), inputs(9), inputs(20, seed=2))


@pytest.mark.parametrize("n_out", [1, 31, 32, 33, 63, 64, 65, 100])
def test_any_number_of_outputs(n_out):
    """They are the rows that are multiplied together, of several inputs at once while those fit."""
    assert_product(
        fj.Network(seeded.alternating(np.random.default_rng(0), (5, 9, n_out), fj.Tanh())), inputs(5), inputs(11, seed=2)
    )


def test_a_kernel_of_one_set_of_inputs_is_symmetric_and_not_negative():
    net, x = fj.Network(chain()[:-1]), inputs(15)
    found = net.neural_tangent_kernel(x)
    assert_product(net, x, None)
    assert_same_bits((found,), (net.neural_tangent_kernel(x, x.copy()),))
    np.testing.assert_allclose(found, found.transpose(1, 0, 3, 2), rtol=1e-12, atol=1e-12)
    eigenvalues = np.linalg.eigvalsh(found.transpose(0, 2, 1, 3).reshape(45, 45))
    assert eigenvalues.min() >= -1e-12 * eigenvalues.max()


def test_no_parameters_no_kernel():
    net = fj.Network([fj.Tanh(), fj.LayerNorm()], n_in=5)
    np.testing.assert_array_equal(net.neural_tangent_kernel(inputs(3), inputs(2)), np.zeros((3, 2, 5, 5)))


@both_dtypes
def test_bits_do_not_depend_on_threads_or_on_the_other_inputs(dtype):
    net, x, x2 = fj.Network(chain(), dtype=dtype), inputs(150), inputs(60, seed=2)
    whole = net.neural_tangent_kernel(x, x2, threads=1)
    for threads in (2, None):
        assert_same_bits((net.neural_tangent_kernel(x, x2, threads=threads),), (whole,))
    for rows, columns in ((slice(0, 1), slice(0, 1)), (slice(47, 50), slice(13, 40)), (slice(149, 150), slice(59, 60))):
        assert_same_bits((net.neural_tangent_kernel(x[rows], x2[columns]),), (whole[rows, columns],))


def test_inputs_of_other_kinds():
    net = fj.Network(chain())
    x = np.round(inputs(6))
    expected = net.neural_tangent_kernel(x)
    for other in (x.astype(int), np.asfortranarray(x), x.tolist(), np.repeat(x, 2, axis=1)[:, ::2]):
        assert_same_bits((net.neural_tangent_kernel(other), net.neural_tangent_kernel(x, other)), (expected, expected))


def test_wrong_inputs():
    net, x = fj.Network(chain()), inputs(3)
    wrong = {
        "one input": ((x[0],), ShapeError, r"x and x2 must have two dimensions, \(n, 5\), got 1 and 1"),
        "three dimensions": ((x, x[None]), ShapeError, r"x and x2 must have two dimensions, \(n, 5\), got 2 and 3"),
        "features": ((x, x[:, 1:]), ShapeError, r"must have shape \(\.\.\., 5\), .*got \(3, 4\)"),
        "complex": ((x.astype(complex),), DtypeError, "must hold real numbers, got dtype complex128"),
        "masked": ((np.ma.array(x),), DtypeError, "must not be a masked array"),
    }
    for arguments, error, message in wrong.values():
        with pytest.raises(error, match=message):
            net.neural_tangent_kernel(*arguments)
    with pytest.raises(OptionError, match="threads must be a positive integer, got 0"):
        net.neural_tangent_kernel(x, threads=0)
