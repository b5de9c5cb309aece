"""The arrays a network takes and gives: every leading shape, every memory layout, and out. Wrong ones: test_bad_input.py."""

import numpy as np
import pytest

import fastjac as fj
from fastjac.errors import DtypeError, ShapeError
from tests import naive

RNG = np.random.default_rng(0)
LAYERS = (
    fj.Affine(RNG.standard_normal((6, 4)), RNG.standard_normal(6)),
    fj.ReLU(),
    fj.Affine(RNG.standard_normal((3, 6)), RNG.standard_normal(3)),
    fj.Softmax(),
)


@pytest.fixture(scope="module")
def net() -> fj.Network:
    """4 inputs, 3 outputs, float64."""
    return fj.Network(LAYERS)


SHAPES = [(), (1,), (7,), (2, 3), (2, 1, 3, 2), (0,), (3, 0), (0, 3)]


class TestShapes:
    @pytest.mark.parametrize("lead", SHAPES, ids=str)
    def test_leading_dimensions(self, net: fj.Network, lead: tuple[int, ...]) -> None:
        x, v, u = (RNG.standard_normal((*lead, n)) for n in (4, 4, 3))
        jacobian = naive.jacobian(LAYERS, x)
        y = naive.value(LAYERS, x)
        for mode in ("auto", "forward", "reverse", "mixed"):
            found = net.jacobian(x, mode=mode)
            assert found.shape == (*lead, 3, 4)
            np.testing.assert_allclose(found, jacobian, rtol=1e-12, atol=1e-14)
        tangents, cotangents = (jacobian @ v[..., None])[..., 0], (u[..., None, :] @ jacobian)[..., 0, :]
        for (primal, found), expected in ((net.jvp(x, v), tangents), (net.vjp(x, u), cotangents)):
            assert found.shape == expected.shape
            np.testing.assert_allclose(primal, y, rtol=1e-12)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
        assert net(x).shape == (*lead, 3)

    @pytest.mark.parametrize("lead", SHAPES, ids=str)
    @pytest.mark.parametrize("k", [0, 1, 2, 9, 40])
    def test_tangent_and_cotangent_matrices(self, net: fj.Network, lead: tuple[int, ...], k: int) -> None:
        x, v, u = (RNG.standard_normal((*lead, *shape)) for shape in [(4,), (4, k), (k, 3)])
        jacobian = naive.jacobian(LAYERS, x)
        for (y, found), expected in ((net.pushforward(x, v), jacobian @ v), (net.pullback(x, u), u @ jacobian)):
            assert found.shape == expected.shape
            np.testing.assert_allclose(y, naive.value(LAYERS, x), rtol=1e-12)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)

    def test_one_tangent_serves_a_whole_batch(self, net: fj.Network) -> None:
        x, v, u = RNG.standard_normal((2, 5, 4)), RNG.standard_normal((4, 3)), RNG.standard_normal((5, 2, 3))
        np.testing.assert_array_equal(net.pushforward(x, v)[1], net.pushforward(x, np.broadcast_to(v, (2, 5, 4, 3)))[1])
        np.testing.assert_array_equal(net.pullback(x, u)[1], net.pullback(x, np.broadcast_to(u, (2, 5, 2, 3)))[1])
        np.testing.assert_array_equal(net.jvp(x, v[:, 0])[1], net.jvp(x, np.broadcast_to(v[:, 0], (2, 5, 4)))[1])

    def test_identity_matrices_give_the_jacobian(self, net: fj.Network) -> None:
        x = RNG.standard_normal((3, 4))
        np.testing.assert_allclose(net.pushforward(x, np.eye(4))[1], net.jacobian(x), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(net.pullback(x, np.eye(3))[1], net.jacobian(x), rtol=1e-13, atol=1e-15)


def views(x: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays equal to x (n, m), laid out in other ways."""
    read_only = x.copy()
    read_only.flags.writeable = False
    wide = np.zeros((2 * x.shape[0], 3 * x.shape[1]))
    wide[::2, ::3] = x
    unaligned = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    unaligned[...] = x
    return {
        "Fortran": np.asfortranarray(x),
        "strided": wide[::2, ::3],
        "reversed": x[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": read_only,
        "transposed": x.T.copy().T,
        "unaligned": unaligned,
    }


class TestMemoryLayout:
    @pytest.mark.parametrize("layout", views(np.zeros((1, 1))))
    def test_any_layout_of_every_argument(self, net: fj.Network, layout: str) -> None:
        x, v, u = RNG.standard_normal((6, 4)), RNG.standard_normal((6, 4)), RNG.standard_normal((6, 3))
        moved_x, moved_v, moved_u = (views(array)[layout] for array in (x, v, u))
        np.testing.assert_array_equal(net(moved_x), net(x))
        np.testing.assert_array_equal(net.jacobian(moved_x), net.jacobian(x))
        np.testing.assert_array_equal(net.jvp(moved_x, moved_v)[1], net.jvp(x, v)[1])
        np.testing.assert_array_equal(net.vjp(moved_x, moved_u)[1], net.vjp(x, u)[1])

    def test_an_input_broadcast_without_memory_of_its_own(self, net: fj.Network) -> None:
        x = RNG.standard_normal(4)
        expected = np.broadcast_to(net.jacobian(x), (5, 3, 4))
        np.testing.assert_array_equal(net.jacobian(np.broadcast_to(x, (5, 4))), expected)

    def test_parameters_of_any_layout(self) -> None:
        weight, x = RNG.standard_normal((6, 4)), RNG.standard_normal((2, 4))
        expected = fj.Network([fj.Affine(weight), fj.Tanh()]).jacobian(x)
        for moved in views(weight).values():
            np.testing.assert_array_equal(fj.Network([fj.Affine(moved), fj.Tanh()]).jacobian(x), expected)


class TestOut:
    @pytest.mark.parametrize("lead", SHAPES, ids=str)
    def test_out_is_filled_and_returned(self, net: fj.Network, lead: tuple[int, ...]) -> None:
        x = RNG.standard_normal((*lead, 4))
        out = np.full((*lead, 3, 4), np.nan)
        assert net.jacobian(x, out=out) is out
        np.testing.assert_array_equal(out, net.jacobian(x))
        out[...] = np.nan
        y, jacobian = net.value_and_jacobian(x, out=out)
        assert jacobian is out
        np.testing.assert_array_equal(out, net.jacobian(x))
        np.testing.assert_array_equal(y, net(x))

    def test_out_of_any_layout(self, net: fj.Network) -> None:
        x = RNG.standard_normal((5, 4))
        strided = np.full((10, 3, 8), np.nan)
        for out in (np.zeros((5, 3, 4), order="F"), strided[::-2, :, ::2], np.zeros((4, 3, 5)).T):
            assert net.jacobian(x, out=out) is out
            np.testing.assert_array_equal(out, net.jacobian(x))
        assert np.isnan(strided[::2]).all()
        assert np.isnan(strided[:, :, 1::2]).all()

    def test_x_and_out_are_fields_of_one_array_of_records(self, net: fj.Network) -> None:
        records = np.zeros(300, [("x", float, 4), ("J", float, (3, 4)), ("note", "S3")])
        records["x"], records["note"] = RNG.standard_normal((300, 4)), b"abc"
        expected = net.jacobian(records["x"].copy())
        for threads in (1, 2):
            records["J"] = np.nan
            net.jacobian(records["x"], out=records["J"], threads=threads)
            np.testing.assert_array_equal(records["J"], expected)
        assert (records["note"] == b"abc").all()

    def test_x_and_out_are_columns_of_one_array(self, net: fj.Network) -> None:
        table = RNG.standard_normal((5, 3, 8))
        table[:, 0, 4:] = RNG.standard_normal((5, 4))
        x, out = table[:, 0, 4:], table[:, :, :4]
        expected = net.jacobian(x.copy())
        np.testing.assert_array_equal(net.jacobian(x, out=out), expected)
        np.testing.assert_array_equal(table[:, :, :4], expected)

    def test_out_is_a_block_of_a_larger_array(self, net: fj.Network) -> None:
        x = RNG.standard_normal((5, 4))
        whole = np.full((3, 5, 3, 4), np.nan)
        net.jacobian(x, out=whole[1])
        np.testing.assert_array_equal(whole[1], net.jacobian(x))
        assert np.isnan(whole[::2]).all()


def test_one_seed_for_all_inputs_is_what_copies_of_it_for_each_would_give(net: fj.Network) -> None:
    rng = np.random.default_rng(0)
    x, tangents, cotangents = rng.standard_normal((2, 30, 4)), rng.standard_normal((4, 5)), rng.standard_normal((6, 3))
    for threads in (1, 2):
        shared = net.pushforward(x, tangents, threads=threads)[1]
        np.testing.assert_array_equal(shared, net.pushforward(x, np.broadcast_to(tangents, (2, 30, 4, 5)))[1])
        shared = net.pullback(x, cotangents, threads=threads)[1]
        np.testing.assert_array_equal(shared, net.pullback(x, np.broadcast_to(cotangents, (2, 30, 6, 3)))[1])
        np.testing.assert_array_equal(
            net.jvp(x, tangents[:, 0], threads=threads)[1], net.pushforward(x, tangents[:, :1])[1][..., 0]
        )


@pytest.mark.parametrize("method", ["jacobian", "__call__"])
def test_masked_arrays_are_refused_because_their_mask_would_be_lost(net: fj.Network, method: str) -> None:
    masked = np.ma.masked_array(np.ones((2, 4)), mask=[[0, 1, 0, 0], [0, 0, 0, 0]])
    with pytest.raises(DtypeError, match=r"x must not be a masked array, whose mask would be lost; pass x.filled\(...\)"):
        getattr(net, method)(masked)


def test_subclasses_of_arrays_are_read_as_arrays(net: fj.Network) -> None:
    np.testing.assert_array_equal(net.jacobian(np.ones((2, 4)).view(np.recarray)), net.jacobian(np.ones((2, 4))))


def test_a_transposed_x_is_reported_as_such_by_products_too(net: fj.Network) -> None:
    with pytest.raises(ShapeError, match="it fits when transposed"):
        net.jvp(np.ones((4, 7)), np.ones((7, 4)))


@pytest.mark.parametrize(
    ("shape", "flat"),
    [((2, 2), r"\(4,\)"), ((7, 2, 2), r"\(7, 4\)"), ((7, 1, 2, 2, 1), r"\(7, 4\)"), ((3, 7, 2, 2), r"\(3, 7, 4\)")],
)
def test_an_error_says_how_images_become_flat(net: fj.Network, shape: tuple[int, ...], flat: str) -> None:
    for call in (net, net.jacobian):
        with pytest.raises(ShapeError, match=rf"got \({shape[0]}, .*; flatten each sample: x.reshape\({flat}\)$"):
            call(np.ones(shape))
    with pytest.raises(ShapeError, match=r"got \(2, 3\)$"):
        net(np.ones((2, 3)))


def test_class_numbers_are_no_cotangent() -> None:
    net = fj.Network([fj.Affine(np.ones((4, 3)))])
    with pytest.raises(ShapeError, match=r"u must have shape \(\.\.\., 4\), got \(5,\); u holds weights.*numpy.eye\(4\)\[c\]"):
        net.vjp(np.ones((5, 3)), np.array([0, 1, 2, 3, 0]))


def test_a_path_is_no_array_to_write_to() -> None:
    net = fj.Network([fj.Affine(np.ones((4, 3)))])
    with pytest.raises(DtypeError, match=r"out must be a plain NumPy array, got str; .*open_memmap\(path, .*shape=\(5, 4, 3\)"):
        net.jacobian(np.ones((5, 3)), out="jacobians.npy")
