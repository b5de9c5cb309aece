"""The face of a network: a frozen sequence with one dtype, its printed table, what it makes of nan and inf."""

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastjac as fj
from fastjac.errors import DtypeError, OptionError, ShapeError
from tests import torch_reference

RNG = np.random.default_rng(0)
LAYERS = (
    fj.Scale(np.full(4, 0.5), np.ones(4)),
    fj.Affine(RNG.standard_normal((6, 4)), RNG.standard_normal(6)),
    fj.ReLU(),
    fj.Affine(RNG.standard_normal((3, 6)), RNG.standard_normal(3)),
    fj.Softmax(),
)


@pytest.fixture(scope="module")
def net() -> fj.Network:
    """4 inputs, 3 outputs, float64."""
    return fj.Network(LAYERS)


class TestSequence:
    def test_length_iteration_and_indices(self, net: fj.Network) -> None:
        assert len(net) == 5
        assert net.layers == tuple(net) == LAYERS
        assert all(net[i] is LAYERS[i] for i in range(-5, 5))
        assert net[np.int64(1)] is LAYERS[1]
        assert LAYERS[2] in net
        assert [type(layer) for layer in reversed(net)] == [fj.Softmax, fj.Affine, fj.ReLU, fj.Affine, fj.Scale]
        with pytest.raises(IndexError):
            net[5]
        with pytest.raises(TypeError):
            net["softmax"]

    def test_sizes(self, net: fj.Network) -> None:
        assert net.widths == (4, 4, 6, 6, 3, 3)
        assert (net.n_in, net.n_out) == (4, 3)
        assert net.n_parameters == (4 + 4) + (24 + 6) + (18 + 3)
        assert net.dtype == np.float64

    def test_slices_are_networks(self, net: fj.Network) -> None:
        logits = net[:-1]
        assert isinstance(logits, fj.Network)
        assert logits.layers == LAYERS[:-1]
        assert logits.widths == (4, 4, 6, 6, 3)
        x = RNG.standard_normal((5, 4))
        np.testing.assert_allclose(np.exp(logits(x)) / np.exp(logits(x)).sum(axis=-1, keepdims=True), net(x), rtol=1e-14)
        assert net[2:3].widths == (6, 6)
        assert net[-2:].widths == (6, 3, 3)
        assert net[:].layers == LAYERS
        assert net.astype(np.float32)[2:3].dtype == np.float32

    @pytest.mark.parametrize("cut", [1, 2, 3, 4])
    def test_a_network_is_the_composition_of_its_slices(self, net: fj.Network, cut: int) -> None:
        x = RNG.standard_normal((5, 4))
        y, jacobian = net[:cut].value_and_jacobian(x)
        np.testing.assert_allclose(net[cut:](y), net(x), rtol=1e-13)
        np.testing.assert_allclose(net[cut:].jacobian(y) @ jacobian, net.jacobian(x), rtol=1e-12, atol=1e-15)

    def test_any_iterable_of_layers(self) -> None:
        assert fj.Network(layer for layer in LAYERS).layers == LAYERS
        assert fj.Network(list(LAYERS)).layers == LAYERS
        assert fj.Network(fj.Network(LAYERS)).layers == LAYERS

    def test_n_in_is_needed_only_where_no_layer_states_it(self) -> None:
        assert fj.Network([fj.Tanh()], n_in=3).widths == (3, 3)
        assert fj.Network([fj.Tanh(), fj.PReLU(np.full(3, 0.1))]).widths == (3, 3, 3)
        assert fj.Network(LAYERS, n_in=4).n_in == 4


class TestFrozen:
    def test_attributes_and_items_cannot_be_assigned(self, net: fj.Network) -> None:
        for name in ("layers", "widths", "n_in", "n_out", "dtype", "n_parameters"):
            with pytest.raises(AttributeError):
                setattr(net, name, None)
        with pytest.raises(TypeError):
            net[0] = fj.ReLU()
        with pytest.raises(TypeError):
            del net[0]
        assert isinstance(net.layers, tuple)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_parameters_cannot_be_written(self, net: fj.Network, dtype: type) -> None:
        for layer in net.astype(dtype):
            for array in layer.arrays.values():
                with pytest.raises(ValueError, match="read-only"):
                    array[0] = 0

    def test_arrays_that_built_it_may_change_later(self) -> None:
        weight, bias, x = np.ones((2, 3)), np.zeros(2), [1.0, 2.0, 3.0]
        net = fj.Network([fj.Affine(weight, bias), fj.Tanh()])
        before = net.value_and_jacobian(x)
        weight[:], bias[:] = 7.0, 8.0
        np.testing.assert_array_equal(net(x), before[0])
        np.testing.assert_array_equal(net.jacobian(x), before[1])

    def test_results_are_the_callers_own(self, net: fj.Network) -> None:
        x = RNG.standard_normal((2, 4))
        first = net.value_and_jacobian(x)
        copies = [result.copy() for result in first]
        net.value_and_jacobian(-x)
        for result, kept in zip(first, copies, strict=True):
            np.testing.assert_array_equal(result, kept)
            assert result.flags.writeable
            assert result.flags.c_contiguous
            assert not np.shares_memory(result, x)

    def test_inputs_are_left_alone(self, net: fj.Network) -> None:
        x, v, u = RNG.standard_normal((2, 4)), RNG.standard_normal((2, 4)), RNG.standard_normal((2, 3))
        copies = [array.copy() for array in (x, v, u)]
        net.jvp(x, v)
        net.vjp(x, u)
        net.jacobian(x)
        for array, kept in zip((x, v, u), copies, strict=True):
            np.testing.assert_array_equal(array, kept)

    @pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
    def test_copies_and_pickles(self, net: fj.Network, twin: Callable[[fj.Network], fj.Network]) -> None:
        x = RNG.standard_normal((2, 4))
        expected = net.jacobian(x)
        other = twin(net)
        np.testing.assert_array_equal(other.jacobian(x), expected)
        assert not other[1].weight.flags.writeable


class TestDtype:
    def test_float32_only_if_every_array_is(self) -> None:
        single, double = np.ones((2, 2), np.float32), np.ones((2, 2))
        assert fj.Network([fj.Affine(single)]).dtype == np.float32
        assert fj.Network([fj.Affine(single), fj.Affine(double)]).dtype == np.float64
        assert fj.Network([fj.Affine(single), fj.Affine(double)])[0].weight.dtype == np.float64
        assert fj.Network([fj.Affine(double)], dtype="float32").dtype == np.float32
        assert fj.Network([fj.ReLU()], n_in=2).dtype == np.float64

    def test_astype(self, net: fj.Network) -> None:
        single = net.astype(np.float32)
        assert single.dtype == np.float32
        assert {array.dtype for layer in single for array in layer.arrays.values()} == {np.dtype(np.float32)}
        assert net.dtype == np.float64
        assert single.widths == net.widths
        x = RNG.standard_normal((3, 4)).astype(np.float32)
        assert {result.dtype for result in (*single.value_and_jacobian(x), *single.jvp(x, x))} == {np.dtype(np.float32)}
        np.testing.assert_allclose(single.jacobian(x), net.jacobian(x), rtol=2e-5, atol=1e-6)
        assert single.astype(np.float64).dtype == np.float64

    @pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, np.float32, np.longdouble, ">f8", "<f4"])
    def test_real_inputs_of_any_dtype_are_cast(self, net: fj.Network, dtype: str) -> None:
        x = np.array([[1, 0, 1, 1], [0, 0, 1, 0]]).astype(dtype)
        for network in (net, net.astype(np.float32)):
            expected = network.value_and_jacobian(x.astype(network.dtype))
            for found, wanted in zip(network.value_and_jacobian(x), expected, strict=True):
                assert found.dtype == network.dtype
                np.testing.assert_array_equal(found, wanted)

    def test_lists_and_array_likes(self, net: fj.Network) -> None:
        expected = net.jacobian(np.array([1.0, 2.0, 3.0, 4.0]))
        for x in ([1, 2, 3, 4], (1.0, 2.0, 3.0, 4.0), torch.tensor([1.0, 2.0, 3.0, 4.0]), range(1, 5)):
            np.testing.assert_array_equal(net.jacobian(x), expected)

    def test_numbers_too_large_for_float32_become_inf(self, net: fj.Network) -> None:
        expected = net.astype(np.float32)([np.inf, 0, 0, 0])
        np.testing.assert_array_equal(net.astype(np.float32)([1e300, 0, 0, 0]), expected)


class TestFeatureNames:
    NAMES = ("a", "b", "c", "d")

    def test_what_is_made_of_a_network_keeps_them(self, net: fj.Network) -> None:
        assert net.feature_names == ()
        named = net.with_feature_names(list(self.NAMES))
        for made in (named, named.astype(np.float32), named[:-1], named.with_parameters(named.parameters()), copy.copy(named)):
            assert made.feature_names == self.NAMES
        assert pickle.loads(pickle.dumps(named)).feature_names == self.NAMES
        assert named[1:].feature_names == named.with_feature_names(None).feature_names == net.feature_names == ()
        np.testing.assert_array_equal(named.jacobian(np.ones(4)), net.jacobian(np.ones(4)))

    @pytest.mark.parametrize(
        ("names", "error", "message"),
        [
            (["a", "b"], ShapeError, "names must hold 4 names, one for each input of the network, got 2"),
            ("abcd", DtypeError, "names must be a sequence of strings, got 'abcd'"),
            ([1, 2, 3, 4], DtypeError, "names must be a sequence of strings"),
            (4, DtypeError, "names must be a sequence of strings, got 4"),
            ([], ShapeError, "names must hold 4 names, one for each input of the network, got 0"),
            (["a", "b", "a", "a"], OptionError, "names must call each input differently, but 'a' comes 3 times"),
        ],
    )
    def test_names_that_do_not_fit(self, net: fj.Network, names: list[str], error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            net.with_feature_names(names)

    def test_a_frame_has_their_columns_in_their_order(self, net: fj.Network) -> None:
        pandas = pytest.importorskip("pandas", reason="frames are pandas's")
        named, x = net.with_feature_names(self.NAMES), RNG.standard_normal((5, len(self.NAMES)))
        frame = pandas.DataFrame(x, columns=self.NAMES)
        np.testing.assert_array_equal(named.jacobian(frame), net.jacobian(x))
        np.testing.assert_array_equal(named(pandas.DataFrame(x)), net(x))  # without names, as they come
        swapped = (
            rf"columns of net.feature_names in their order.*{self.NAMES[-1]!r} is number 0; pass x\[list\(net.feature_names\)\]"
        )
        lacking = f"x lacks the columns {self.NAMES[0]!r} of net.feature_names"
        for wrong, message in ((frame[frame.columns[::-1]], swapped), (frame.iloc[:, 1:], lacking)):
            with pytest.raises(ShapeError, match=message):
                named.value_and_jacobian(wrong)
            with pytest.raises(ShapeError, match=message):
                next(iter(named.jacobian_blocks(wrong)))

    def test_a_row_of_a_frame_has_them_in_their_order_too(self, net: fj.Network) -> None:
        pandas = pytest.importorskip("pandas", reason="frames are pandas's")
        named, x = net.with_feature_names(self.NAMES), RNG.standard_normal(len(self.NAMES))
        row = pandas.Series(x, index=self.NAMES)
        np.testing.assert_array_equal(named.jacobian(row), net.jacobian(x))
        np.testing.assert_array_equal(named(pandas.Series(x)), net(x))  # without names, as they come
        with pytest.raises(ShapeError, match=rf"entries of net.feature_names in their order.*{self.NAMES[-1]!r} is number 0"):
            named(row[::-1])
        with pytest.raises(ShapeError, match=f"x lacks the entries {self.NAMES[0]!r}"):
            named(row[1:])

    def test_a_column_that_holds_no_numbers_is_named(self, net: fj.Network) -> None:
        pandas = pytest.importorskip("pandas", reason="frames are pandas's")
        frame = pandas.DataFrame(np.ones((3, len(self.NAMES))), columns=self.NAMES)
        frame[self.NAMES[1]] = pandas.array([1, 2, 3], dtype="Int64")
        frame[self.NAMES[2]] = [True, False, True]
        np.testing.assert_array_equal(net(frame), net(np.column_stack([frame[name].to_numpy(float) for name in self.NAMES])))
        frame[self.NAMES[3]] = ["one", "two", "three"]
        with pytest.raises(DtypeError, match=f"the column {self.NAMES[3]!r} of x must hold numbers, .*first entry is 'one'"):
            net(frame)


class TestNanInfAndLargeNumbers:
    LAYERS = (*LAYERS[1:4], fj.Tanh(), fj.Affine(RNG.standard_normal((2, 3))))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e30])
    def test_values_propagate_as_in_torch(self, bad: float, dtype: type) -> None:
        x = np.ones((3, 4))
        x[1, 2] = bad
        net = fj.Network(self.LAYERS, dtype=dtype)
        np.testing.assert_allclose(net(x), torch_reference.value(self.LAYERS, x), rtol=2e-5 if dtype is np.float32 else 1e-12)
        net.jacobian(x)

    def test_nan_inputs_are_not_hidden_by_relu(self) -> None:
        net = fj.Network([fj.Affine(np.eye(2)), fj.ReLU()])
        np.testing.assert_array_equal(net([np.nan, -1.0]), [np.nan, np.nan])
        assert np.isnan(fj.Network([fj.ReLU()], n_in=1)([np.nan]))

    def test_nan_weights_are_allowed(self) -> None:
        weight = np.ones((3, 2))
        weight[1, 0] = np.nan
        net = fj.Network([fj.Affine(weight), fj.Tanh()])
        np.testing.assert_array_equal(np.isnan(net([1.0, 2.0])), [False, True, False])
        np.testing.assert_array_equal(np.isnan(net.jacobian([1.0, 2.0])), [[False, False], [True, True], [False, False]])

    def test_overflow_gives_inf_and_no_warning(self) -> None:
        net = fj.Network([fj.Affine(np.full((1, 2), 1e200)), fj.Affine(np.full((1, 1), 1e200))])
        np.testing.assert_array_equal(net([1.0, 1.0]), [np.inf])
        np.testing.assert_array_equal(fj.Network([fj.Exp()], n_in=2)([1e4, -1e4]), [np.inf, 0.0])


@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 5), st.just(4)), elements=st.floats(width=64)))
def test_any_float_input_gives_an_answer_of_the_right_shape(x: np.ndarray) -> None:
    y, jacobian = fj.Network(LAYERS).value_and_jacobian(x)
    assert (y.shape, jacobian.shape) == ((len(x), 3), (len(x), 3, 4))


TABLE = """\
Network, float32
layer                                   shape         parameters
----------------------------------------------------------------
0  LayerNorm(eps=1e-05)                 784 -> 784           784
1  Affine                               784 -> 1200      942,000
2  LeakyReLU(negative_slope=0.2)        1200 -> 1200           0
3  HardTanh(min_val=-2.0, max_val=2.0)  1200 -> 1200           0
4  Affine                               1200 -> 10        12,000
5  Softmax                              10 -> 10               0
----------------------------------------------------------------
total                                   784 -> 10        954,784"""


def test_printed_table() -> None:
    first, last = np.zeros((1200, 784), np.float32), np.zeros((10, 1200), np.float32)
    middle = [fj.Affine(first, np.zeros(1200, np.float32)), fj.LeakyReLU(0.2), fj.HardTanh(-2, 2), fj.Affine(last)]
    assert str(fj.Network([fj.LayerNorm(np.ones(784, np.float32)), *middle, fj.Softmax()])) == TABLE


def test_the_table_shows_what_a_scale_does() -> None:
    scales = [fj.Scale(1.0, np.array([-1e6, 2.5])), fj.Scale(np.full(2, 0.25), np.zeros(2)), fj.PReLU(np.array([-0.0, 0.1]))]
    rows = str(fj.Network(scales)).splitlines()[3:6]
    titles = [row.partition("2 -> 2")[0].strip() for row in rows]
    assert titles == ["0  Scale(weight=1.0, bias=-1e+06..2.5)", "1  Scale(weight=0.25, bias=0)", "2  PReLU(weight=0..0.1)"]


def test_repr_is_one_line_with_sizes_and_dtype(net: fj.Network) -> None:
    assert repr(net) == "Network(4-6-3, 5 layers, float64)"
