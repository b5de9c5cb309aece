"""Parameters packed, and sums of their gradients unpacked, by requests as the runner writes them, against naive twins."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.gradients.lowering import lower
from fastjac.gradients.pullback import views_of
from fastjac.kernels.call import REQUESTED, call_chunks
from fastjac.kernels.gradient import compiled_address
from fastjac.kernels.gradient_tables import REQUEST
from fastjac.kernels.jit import kernel_address
from fastjac.kernels.pack import add_up_sums, pack_parameters
from fastjac.kernels.tables import records
from tests.bits import assert_same_bits
from tests.gradients import seeded
from tests.kernels.test_gradient import Fenced, both_dtypes

CHUNKS = 1, 2, 3, 7, 16, 50


def network(dtype):
    """Every kind of parameter; widths fill no vector, and weights are narrower and wider than what is copied at once."""
    rng = np.random.default_rng(0)
    layers = [
        fj.Scale(rng.uniform(0.5, 1.5, 6), rng.standard_normal(6)),
        seeded.affine(rng, 6, 37),
        fj.PReLU(rng.uniform(0.1, 0.5, 37)),
        fj.Affine(rng.standard_normal((19, 37))),
        fj.LayerNorm(rng.uniform(0.5, 1.5, 19), rng.standard_normal(19)),
        fj.Softmax(),
        seeded.affine(rng, 19, 5),
    ]
    return fj.Network(layers, dtype=dtype)


NAMES = seeded.names(network(np.float64))
SUBSETS = [NAMES, [], *([name] for name in NAMES), NAMES[::2]]


def lowered_of(net, wanted=NAMES):
    return lower(seeded.unfolded(net), net.dtype, wanted)


def carry_out(lowered, kernel, words, chunks):
    words = {
        "kernel": compiled_address(lowered.dtype),
        "task": REQUESTED,
        "n_in": 1,
        "whole": kernel_address(kernel, lowered.dtype),
        "parameter_records": lowered.parameter_records.ctypes.data,
        "n_parameter_records": len(lowered.parameter_records),
        "layout": lowered.tables(frozenset()).layout.ctypes.data,
        "gradient_size": lowered.layout.sums_size,
    } | words
    call_chunks(records(REQUEST, [words]).view(np.int64), chunks)


class TestParameters:
    def packed(self, lowered, given, chunks, fill=np.nan):
        """A flat array that held `fill`, with the parameters that are given, arrays by position and name, in their places."""
        flat = Fenced(lowered.layout.values_size, lowered.dtype, fill)
        lowered.layout.ones.of(flat.inside)[...] = 1.0
        trained = lowered.layout.trained
        sources = np.array([given[name].ctypes.data if name in given else 0 for name in trained], np.int64)
        carry_out(lowered, pack_parameters, {"parameters": flat.inside.ctypes.data, "sources": sources.ctypes.data}, chunks)
        flat.assert_whole()
        return flat.inside

    def packed_naively(self, lowered, given, fill=np.nan):
        flat = np.full(lowered.layout.values_size, fill, lowered.dtype)
        lowered.layout.ones.of(flat)[...] = 1.0
        for name, array in given.items():
            op, key = lowered.layout.trained[name]
            places = lowered.layout.numbers[op.layer]
            places[key].of(flat)[...] = array
            if key in "pq":
                places[key].padding_of(flat)[...] = array[-1]
            if key == "weight":
                places["transposed"].of(flat)[...] = array.T
        return flat

    def given(self, net, names=NAMES):
        """Parts of one vector, which begin anywhere in a cache line."""
        views = views_of(np.random.default_rng(1).standard_normal(net.n_parameters).astype(net.dtype), net.layers)
        return {(position, name): views[position][name] for position, name in names}

    @both_dtypes
    @pytest.mark.parametrize("chunks", CHUNKS)
    @pytest.mark.parametrize("fill", [np.nan, 3.0])
    def test_they_lie_in_their_places_and_all_else_stays(self, fill, chunks, dtype):
        """The paddings of rows, too, but that those of activations' parameters repeat the last one."""
        net = network(dtype)
        lowered, given = lowered_of(net), self.given(net)
        assert_same_bits([self.packed(lowered, given, chunks, fill)], [self.packed_naively(lowered, given, fill)])

    @both_dtypes
    @pytest.mark.parametrize("names", SUBSETS, ids=str)
    def test_those_without_a_source_stay(self, names, dtype):
        net = network(dtype)
        lowered, given = lowered_of(net), self.given(net, names)
        for chunks in (1, 4):
            assert_same_bits([self.packed(lowered, given, chunks)], [self.packed_naively(lowered, given)])


class TestSums:
    def added_up(self, net, lowered, sums, chunks):
        """The flat gradient, in memory that held NaN."""
        flat = Fenced(net.n_parameters, net.dtype, np.nan)
        before = sums.copy()
        words = {"sums": sums.ctypes.data, "n_sums": len(sums), "parameter_gradient": flat.inside.ctypes.data}
        carry_out(lowered, add_up_sums, words, chunks)
        flat.assert_whole()
        assert_same_bits([sums], [before])
        return flat.inside

    def added_up_naively(self, net, lowered, sums):
        total = sums[0].copy()
        for part in sums[1:]:
            total += part
        flat = np.full(net.n_parameters, np.nan, net.dtype)
        views = views_of(flat, net.layers)
        for op in lowered.layout.owners:
            for key, place in lowered.layout.gradients.get(op.layer, {}).items():
                target = views[op.position][op.fields[key]]
                target[...] = place.of(total).reshape(target.shape)
        return flat

    def sums(self, lowered, count):
        """Numbers of all sizes, so that another order of addition shows, with NaN between the rows."""
        rng = np.random.default_rng(2)
        sums = np.full((count, lowered.layout.sums_size), np.nan, lowered.dtype)
        for part in sums:
            for place in (place for places in lowered.layout.gradients.values() for place in places.values()):
                shape = place.rows, place.columns
                place.of(part)[...] = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 6, shape)
        return sums

    @both_dtypes
    @pytest.mark.parametrize("chunks", CHUNKS)
    @pytest.mark.parametrize("count", [1, 2, 3, 16])
    def test_they_are_added_in_their_order(self, count, chunks, dtype):
        net = network(dtype)
        lowered = lowered_of(net)
        sums = self.sums(lowered, count)
        expected = self.added_up_naively(net, lowered, sums)
        assert np.isfinite(expected).all()
        assert count < 3 or (expected != self.added_up_naively(net, lowered, sums[::-1])).any()
        assert_same_bits([self.added_up(net, lowered, sums, chunks)], [expected])

    @both_dtypes
    @pytest.mark.parametrize("wanted", SUBSETS, ids=str)
    def test_parameters_that_are_not_wanted_stay_as_they_are(self, wanted, dtype):
        net = network(dtype)
        lowered = lowered_of(net, wanted)
        sums = self.sums(lowered, 3)
        expected = self.added_up_naively(net, lowered, sums)
        sizes = [net[position].arrays[name].size for position, name in wanted]
        assert np.isfinite(expected).sum() == sum(sizes)
        for chunks in (1, 4):
            assert_same_bits([self.added_up(net, lowered, sums, chunks)], [expected])
