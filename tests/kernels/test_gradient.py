"""The gradient kernel itself, by requests as the runner writes them: in any chunks, on spoilt scratch, and within its bounds."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.runner import pack
from fastjac.graphs.nodes import maximum
from fastjac.kernels.call import REQUESTED, call_chunks
from fastjac.kernels.gradient import compiled_address
from fastjac.kernels.gradient_tables import REQUEST
from fastjac.kernels.jit import kernel_address
from fastjac.kernels.pack import add_up_sums
from fastjac.kernels.tables import records
from tests.gradients import seeded

GUARD = 64
DTYPES = (np.float32, np.float64)
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def chain(dtype):
    """Six inputs and five outputs, with dead units, trained activations and normalizers; widths fill no vector."""
    rng = np.random.default_rng(0)
    between = fj.ReLU(), fj.LayerNorm(rng.uniform(0.5, 1.5, 11)), fj.Softmax()
    return fj.Network(seeded.alternating(rng, (6, 13, 11, 9, 5), *between), dtype=dtype)


def graph(dtype):
    """The same sizes, with every join: sums, products, quotients, selections with and without gaps, a shared layer."""
    rng = np.random.default_rng(0)
    x = fj.Input(6)
    shared, tanh, norm = seeded.affine(rng, 6, 6), fj.Tanh(), fj.LayerNorm(rng.uniform(0.5, 1.5, 6))
    h = x + tanh(shared(norm(x)))
    h = h * fj.ReLU()(shared(h)) + x
    parts = [h[1:5], h[[0, 5, 0]], maximum(x, h)]
    wide = fj.Softmax()(seeded.affine(rng, 13, 9)(fj.concatenate(parts)))
    y = wide[:5] / (1.0 + wide[4:])
    return fj.Network(inputs=x, outputs=fj.Scale(rng.uniform(0.5, 1.5, 5))(y + fj.Softsign()(y)), dtype=dtype)


def losses(net, n):
    rng = np.random.default_rng(1)
    shapes = {"x": (n, 6), "y_gradient": (n, 5), "jacobian_gradient": (n, 5, 6)}
    return {name: rng.standard_normal(shape).astype(net.dtype) for name, shape in shapes.items()}


PLACES = [(make, at) for make in (chain, graph) for at in seeded.boundaries(make(np.float64))]
networks = pytest.mark.parametrize("make", [chain, graph])


class Fenced:
    """An array in the middle of a larger one, filled with guards, which must stay as they are."""

    def __init__(self, shape, dtype, fill=7):
        self.size = int(np.prod(shape))
        self.whole = np.full(self.size + 2 * GUARD, 7, dtype)
        self.inside = self.whole[GUARD : GUARD + self.size].reshape(shape)
        self.inside[...] = fill

    def assert_whole(self):
        around = np.delete(self.whole, np.s_[GUARD : GUARD + self.size])
        assert (around == 7).all(), "the kernel wrote outside its result"


def carry_out(net, given, results, boundary, chunks, garbage=np.nan):
    """The results of a request and its sums of gradients, from scratch that holds garbage, all of it fenced."""
    runner = seeded.runner(net, boundary)
    lowered, n = runner.lowered, len(given["x"])
    tables = lowered.tables(frozenset((*given, *results, "sums")))
    fences = {name: Fenced((n, *shape), net.dtype, np.nan) for name, shape in results.items()}
    fences["sums"] = Fenced((chunks, lowered.layout.sums_size), net.dtype, garbage)
    fences["work"] = Fenced((1, lowered.work_size), net.dtype, garbage)
    fences["scratch"] = Fenced((1, tables.scratch_size), net.dtype, garbage)
    fences["lists"] = Fenced((1, lowered.list_size), np.int32)
    fences["lists"].inside[0, : lowered.n_identity] = np.arange(lowered.n_identity)
    arrays = given | {name: fence.inside for name, fence in fences.items()}
    arrays |= {"parameters": pack(lowered, net._graph.layers), "parameter_records": lowered.parameter_records}
    arrays |= {name: getattr(tables, name) for name in ("primal", "live", "steps", "layout")}
    words = {name: array.ctypes.data for name, array in arrays.items()} | lowered.sizes
    words |= {
        "kernel": compiled_address(net.dtype),
        "task": REQUESTED,
        "n_in": 1,
        "n": n,
        "block": lowered.layout.block,
        "blocks": -(-n // lowered.layout.block),
        "starts_sums": True,
        "n_sums": chunks,
        "gradient_size": lowered.layout.sums_size,
        "n_parameter_records": len(lowered.parameter_records),
    }
    call_chunks(records(REQUEST, [words]).view(np.int64), chunks)
    fences["parameter_gradient"] = Fenced(net.n_parameters, net.dtype, garbage)
    words["parameter_gradient"] = fences["parameter_gradient"].inside.ctypes.data
    words["whole"] = kernel_address(add_up_sums, net.dtype)
    call_chunks(records(REQUEST, [words]).view(np.int64), 3)
    for fence in fences.values():
        fence.assert_whole()
    return {name: fences[name].inside for name in results}, fences["parameter_gradient"].inside


@both_dtypes
@pytest.mark.parametrize(("make", "boundary"), PLACES)
def test_nothing_is_written_outside_and_old_scratch_does_not_matter(make, boundary, dtype):
    net = make(dtype)
    given, results = losses(net, 53), {"y": (5,), "jacobian": (5, 6), "x_gradient": (6,)}
    expected, sums = carry_out(net, given, results, boundary, 1, garbage=0)
    for garbage in (np.nan, np.inf, 1e30):
        found, found_sums = carry_out(net, given, results, boundary, 1, garbage)
        for name in results:
            assert found[name].tobytes() == expected[name].tobytes()
        assert found_sums.tobytes() == sums.tobytes()
    y, jacobian = net.value_and_jacobian(given["x"])
    tolerance = {np.float32: 1e-5, np.float64: 1e-13}[dtype]
    np.testing.assert_allclose(expected["y"], y, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(expected["jacobian"], jacobian, rtol=0, atol=tolerance * np.abs(jacobian).max())


@both_dtypes
@networks
@pytest.mark.parametrize("n", [1, 2, 47, 48, 49, 97, 300])
def test_any_number_of_samples_in_any_chunks(n, make, dtype):
    """Chunks share the samples out; what belongs to a sample alone has the same bits in any."""
    net = make(dtype)
    given, results = losses(net, n), {"x_gradient": (6,)}
    expected, sums = carry_out(net, given, results, 0, 1)
    for chunks in (2, 3, 16):
        found, found_sums = carry_out(net, given, results, 0, chunks)
        assert found["x_gradient"].tobytes() == expected["x_gradient"].tobytes()
        tolerance = {np.float32: 1e-4, np.float64: 1e-12}[dtype] * np.abs(sums).max()
        np.testing.assert_allclose(found_sums, sums, rtol=0, atol=tolerance)


@networks
def test_the_parameter_jacobian_stays_within_its_bounds(make):
    net = make(np.float64)
    last = seeded.boundaries(net)[-1]
    results = {"parameter_jacobian": (5, net.n_parameters)}
    found, _ = carry_out(net, {"x": losses(net, 53)["x"]}, results, last, 1)
    assert found["parameter_jacobian"].tobytes() == net.parameter_jacobian(losses(net, 53)["x"]).tobytes()
