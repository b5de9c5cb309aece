"""check_jacobian: passes what is right, fails what is wrong by 0.1 %, and knows a kink from an error."""

import itertools

import numpy as np
import pytest

import fastjac as fj
from fastjac import check
from fastjac.errors import DtypeError, OptionError, ShapeError
from fastjac.layers import Gate, Maximum, Minimum

from .random_networks import random_network


def _net(sizes=(6, 20, 4), activation=fj.Tanh, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [fj.Affine(rng.standard_normal((n_out, n_in)) / np.sqrt(n_in), rng.standard_normal(n_out)), activation()]
    return fj.Network(layers[:-1], dtype=dtype)


def _inputs(net, *shape, seed=1):
    return np.random.default_rng(seed).standard_normal((*shape, net.n_in))


class _WrongRule(fj.Network):
    """A network whose Jacobian is off by a factor, as that of a wrong derivative rule."""

    def jacobian(self, x, *args, **kwargs):
        return 1.001 * super().jacobian(x, *args, **kwargs)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("directions", ["all", 8])
def test_right_jacobians_of_random_networks_pass(seed, directions):
    network = random_network(seed)
    net = fj.Network(network.layers, n_in=network.n_in, dtype=np.float64)
    report = fj.check_jacobian(net, _inputs(net, 2, seed=seed), directions=directions)
    assert report.passed, report


def _case(seed):
    """A network, inputs, its Jacobians there, and the places of entries of which differences can see a thousandth."""
    network = random_network(seed)
    net = fj.Network(network.layers, n_in=network.n_in, dtype=np.float64)
    x = _inputs(net, 2, seed=seed)
    jacobian = net.jacobian(x)
    resolved = 2e-6 * np.abs(net(x)).max()
    return net, x, jacobian, np.argwhere(np.abs(jacobian) > max(1e-4 * np.abs(jacobian).max(), resolved))


@pytest.mark.parametrize("seed", range(40))
def test_an_entry_wrong_by_a_thousandth_fails_and_is_named(seed):
    net, x, jacobian, large_enough = next(filter(lambda case: len(case[3]), map(_case, range(seed, 1000, 40))))
    wrong = tuple(np.random.default_rng(seed).choice(large_enough).tolist())
    jacobian[wrong] *= 1.001
    report = fj.check_jacobian(net, x, jacobian=jacobian, directions="all")
    assert not report.passed
    assert report.worst == wrong
    assert report.derivative == jacobian[wrong]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("directions", ["all", 4])
def test_a_rule_wrong_by_a_thousandth_fails(dtype, directions):
    net = _WrongRule(_net().layers, dtype=dtype)
    report = fj.check_jacobian(net, _inputs(net, 3), directions=directions)
    assert not report
    assert 5e-4 < report.max_error < 1.1e-3


@pytest.mark.parametrize("directions", ["all", 4])
def test_a_wrong_derivative_of_one_of_two_activations_fails(directions):
    net = _net((6, 20, 20, 4))
    x = _inputs(net)
    first, second = np.tanh(net[:1](x)), np.tanh(net[:3](x))

    def chain(square):
        derivatives = np.diag(1 - square * first**2), np.diag(1 - second**2)
        return net[4].weight @ derivatives[1] @ net[2].weight @ derivatives[0] @ net[0].weight

    assert fj.check_jacobian(net, x, jacobian=chain(1.0), directions=directions)
    assert not fj.check_jacobian(net, x, jacobian=chain(1.001), directions=directions)


def test_a_wrong_sign_fails_by_twice_the_entry():
    net = _net()
    x = _inputs(net, 1)
    jacobian = net.jacobian(x)
    jacobian[0, 1] *= -1
    report = fj.check_jacobian(net, x, jacobian=jacobian)
    assert not report
    assert report.worst[:2] == (0, 1)
    assert report.max_error == pytest.approx(2.0, rel=1e-2)


def test_a_wrong_row_under_random_directions_is_traced_to_its_entry():
    net = _net((300, 8, 3))
    x = _inputs(net, 2)
    jacobian = net.jacobian(x)
    jacobian[1, 2, 271] += 1e-3 * np.abs(jacobian).max()
    report = fj.check_jacobian(net, x, jacobian=jacobian)
    assert report.n_directions == check.RANDOM_DIRECTIONS
    assert not report
    assert report.worst == (1, 2, 271)


def test_many_inputs_are_checked_along_random_directions_which_the_seed_picks():
    net = _net((300, 8, 3))
    x = _inputs(net)
    report = fj.check_jacobian(net, x)
    assert report
    assert report.n_directions == 64
    assert report.n_compared == 64 * 3
    assert len(report.worst) == 1
    assert fj.check_jacobian(net, x) == report != fj.check_jacobian(net, x, seed=1)
    assert fj.check_jacobian(net, x, directions="all").n_compared == 300 * 3


@pytest.mark.parametrize("last", [fj.Softmax, fj.LogSoftmax])
def test_a_saturated_classifier_in_float32_passes(last):
    rng = np.random.default_rng(0)
    net = fj.Network([fj.Affine(4 * rng.standard_normal((30, 20))), fj.ReLU(), fj.Affine(rng.standard_normal((5, 30))), last()])
    x = _inputs(net, 20)
    assert np.log(np.sort(fj.Network([*net[:2], net[2], fj.Softmax()])(x))[:, -2].min()) < -20
    assert fj.check_jacobian(net.astype(np.float32), x)


def test_a_float32_network_is_checked_at_float32_tolerance():
    net = _net(dtype=np.float32)
    report = fj.check_jacobian(net, _inputs(net, 5))
    assert report
    assert report.rtol == 1e-4


def test_rtol_is_what_is_allowed():
    net = _net()
    x = _inputs(net, 2)
    assert fj.check_jacobian(net, x, jacobian=1.001 * net.jacobian(x), rtol=1.1e-3)
    assert not fj.check_jacobian(net, x, jacobian=1.001 * net.jacobian(x), rtol=0.9e-3)


def test_a_kink_is_reported_and_is_no_error():
    net = fj.Network([fj.Affine(np.array([[1.0, 0.0], [0.0, 1.0]])), fj.ReLU()])
    report = fj.check_jacobian(net, [[0.0, 1.0], [1e-6, -1.0]])
    assert report.passed
    # Coordinate 0 reaches across the kink of unit 0 in both samples, which leaves coordinate 1.
    assert (report.n_compared, report.n_kinks, report.n_nonfinite) == (4, 4, 0)


def test_the_derivative_beside_a_kink_is_compared():
    net = fj.Network([fj.Affine(np.eye(1)), fj.ReLU()])
    report = fj.check_jacobian(net, [[1e-4], [-1e-4]], jacobian=[[[1.0]], [[1.0]]])
    assert not report
    assert report.worst == (1, 0, 0)
    assert report.n_kinks == 0


@pytest.mark.parametrize(
    "layer",
    [
        *(fj.HardTanh(-2.0, 3.0), fj.PReLU(np.array([0.1, 0.2])), fj.HardShrink(0.5), fj.Threshold(0.25, 1.0)),
        *(fj.Round(), fj.Remainder(0.75)),
    ],
)
def test_every_kink_of_a_layer_counts(layer):
    net = fj.Network([layer], n_in=2)
    for kink in layer.kinks:
        assert fj.check_jacobian(net, [kink, 10.0]).n_kinks == 2


@pytest.mark.parametrize(
    ("layer", "jump"), [(fj.Floor(), -3.0), (fj.Ceil(), 4.0), (fj.Round(), 2.5), (fj.Remainder(-0.75), 2.25)]
)
def test_jumps_that_repeat_are_not_compared(layer, jump):
    report = fj.check_jacobian(fj.Network([layer], n_in=1), [[jump], [jump + 0.2]])
    assert report.passed
    assert (report.n_compared, report.n_kinks) == (1, 1)


@pytest.mark.parametrize("after", [[], [fj.Tanh()], [fj.ReLU()]])
def test_the_edge_of_the_support_of_sparsemax_is_a_kink(after):
    net = fj.Network([fj.Affine(np.eye(2)), fj.Sparsemax(), *after])
    on_edge, outside, inside = [1.5, 0.5], [1.6, 0.5], [1.4, 0.5]
    report = fj.check_jacobian(net, on_edge)
    assert (report.n_compared, report.n_kinks, report.max_error) == (0, 4, 0.0)
    report = fj.check_jacobian(net, [outside, inside])
    assert report.passed
    # A ReLU at the 0 of the unit outside the support stays there.
    assert (report.n_compared, report.n_kinks) == (8, 0)


def test_the_jump_of_softplus_at_its_threshold_is_a_kink():
    net = fj.Network([fj.Affine(np.eye(2)), fj.Softplus(beta=1e-3)])
    report = fj.check_jacobian(net, [20e3, 1.0])
    assert report.passed
    assert (report.n_compared, report.n_kinks) == (2, 2)
    assert fj.check_jacobian(fj.Network([fj.Softplus(threshold=np.inf)], n_in=1), [[20.0]]).n_kinks == 0


def test_nothing_but_kinks_is_not_a_pass():
    net = fj.Network([fj.ReLU()], n_in=1)
    report = fj.check_jacobian(net, [[0.0]])
    assert not report.passed
    assert report.worst is None
    assert "nothing was compared" in str(report)


def test_an_empty_batch_is_not_a_pass():
    assert not fj.check_jacobian(_net(), np.empty((0, 6)))


def test_nan_and_inf_outputs_are_distinguished():
    net = fj.Network([fj.Affine(np.array([[1.0, 0.0], [0.0, 1.0]])), fj.Exp()])
    report = fj.check_jacobian(net, [[0.0, 800.0], [np.nan, 0.0]])
    assert report.passed
    assert report.n_nonfinite == 2 + 2 + 2
    assert report.n_kinks == 0


def test_a_nan_in_the_jacobian_alone_is_an_error():
    net = _net()
    x = _inputs(net, 2)
    jacobian = net.jacobian(x)
    jacobian[1, 3, 4] = np.nan
    report = fj.check_jacobian(net, x, jacobian=jacobian)
    assert not report
    assert report.max_error == np.inf
    assert report.worst == (1, 3, 4)


def test_outputs_far_larger_than_their_derivatives_raise_no_alarm():
    net = fj.Network([fj.Affine(np.full((1, 3), 1e-3), np.array([1e9]))])
    assert fj.check_jacobian(net, [0.1, 0.2, 0.3])


def test_large_inputs_get_a_larger_step():
    net = _net()
    assert fj.check_jacobian(net[:1], 1e12 * _inputs(net, 2))
    scaled = fj.Network([fj.Affine(1e-9 * np.eye(6)), *net])
    assert fj.check_jacobian(scaled, 1e9 * _inputs(net, 2))


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_worst_is_an_index_into_the_jacobian(shape):
    net = _net()
    x = _inputs(net, *shape)
    report = fj.check_jacobian(net, x)
    assert report.n_compared == x.size * net.n_out
    assert net.jacobian(x)[report.worst] == report.derivative == pytest.approx(report.difference, rel=1e-5)


def test_the_report_prints_all_it_knows():
    net = _net()
    report = fj.check_jacobian(net, _inputs(net, 2))
    text = str(report)
    assert text.startswith("Jacobian check passed")
    assert "compared       48 derivatives along every coordinate" in text
    assert f"found at       J[{', '.join(map(str, report.worst))}]" in text
    wrong = fj.check_jacobian(net, _inputs(net, 2), jacobian=2 * net.jacobian(_inputs(net, 2)), directions=5)
    assert str(wrong).startswith("Jacobian check FAILED")
    assert "5 random directions" in str(wrong)


def test_progress_is_reported_after_each_input():
    seen = []
    fj.check_jacobian(_net(), _inputs(_net(), 3), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("directions", [0, -1, True, 2.5, "some", None])
def test_wrong_directions(directions):
    with pytest.raises(OptionError, match='directions must be "auto", "all" or a positive integer'):
        fj.check_jacobian(_net(), _inputs(_net()), directions=directions)


@pytest.mark.parametrize("rtol", [0.0, -1.0, np.inf, np.nan])
def test_wrong_rtol(rtol):
    with pytest.raises(OptionError, match="rtol must be a positive number"):
        fj.check_jacobian(_net(), _inputs(_net()), rtol=rtol)


def test_an_rtol_that_is_no_number():
    with pytest.raises(DtypeError, match="rtol must be a real number, got 'a'"):
        fj.check_jacobian(_net(), _inputs(_net()), rtol="a")


@pytest.mark.parametrize(("seed", "error"), [(-1, OptionError), (1.5, DtypeError), ("a", DtypeError), (True, DtypeError)])
def test_wrong_seed(seed, error):
    with pytest.raises(error, match="seed must be an integer from 0 on"):
        fj.check_jacobian(_net(), _inputs(_net()), seed=seed)


def test_a_function_is_no_network():
    with pytest.raises(DtypeError, match=r"net must be a fastjac\.Network, got function"):
        fj.check_jacobian(lambda x: x, np.ones(3))


def test_wrong_arrays():
    net = _net()
    with pytest.raises(ShapeError, match=r"x must have shape \(\.\.\., 6\)"):
        fj.check_jacobian(net, np.zeros(5))
    with pytest.raises(ShapeError, match=r"jacobian must have shape \(2, 4, 6\)"):
        fj.check_jacobian(net, _inputs(net, 2), jacobian=np.zeros((2, 6, 4)))
    with pytest.raises(DtypeError, match="jacobian must hold real numbers"):
        fj.check_jacobian(net, _inputs(net), jacobian=np.zeros((4, 6), complex))


class TestGraphs:
    """Networks of several inputs and outputs, with joins that have kinks."""

    rng = np.random.default_rng(5)
    X, U = fj.Input(4), fj.Input(3)
    HIDDEN = fj.Softplus()(fj.Affine(rng.standard_normal((6, 7)), rng.standard_normal(6))(fj.concatenate([X, U])))
    LARGER = Maximum()(HIDDEN[:3], U) * fj.ReLU()(HIDDEN[3:])
    OUTPUTS = (X + fj.Affine(rng.standard_normal((4, 6)))(HIDDEN), fj.Softmax()(LARGER), fj.LogSoftmax()(LARGER))
    NET = fj.Network(inputs=(X, U), outputs=OUTPUTS)
    POINTS = (rng.standard_normal((3, 4)), rng.standard_normal((3, 3)))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("directions", ["all", 8])
    def test_right_jacobians_pass(self, dtype, directions):
        report = fj.check_jacobian(self.NET.astype(dtype), self.POINTS, directions=directions)
        assert report.passed, report
        assert report.n_kinks == 0

    def test_a_wrong_block_is_named(self):
        blocks = [[block.copy() for block in row] for row in self.NET.jacobian(self.POINTS)]
        assert fj.check_jacobian(self.NET, self.POINTS, jacobian=blocks).passed
        blocks[1][1][2, 0, 1] += 1e-2
        report = fj.check_jacobian(self.NET, self.POINTS, jacobian=blocks)
        assert not report.passed
        assert report.worst == (2, 4, 5)

    def test_where_two_vectors_cross_nothing_is_judged(self):
        x = fj.Input(3)
        net = fj.Network(inputs=x, outputs=Minimum()(x, fj.Scale(-1.0)(x)) + Maximum()(x, 2.0 * x))
        report = fj.check_jacobian(net, [0.0, 1.0, -1.0])
        assert report.passed
        assert report.n_kinks == 3
        assert fj.check_jacobian(net, [0.5, 1.0, -1.0]).n_kinks == 0

    def test_at_the_edge_of_a_gate_nothing_is_judged(self):
        x = fj.Input(3)
        net = fj.Network(inputs=x, outputs=Gate("a > 0")(x, 2.0 * x + 1.0))
        report = fj.check_jacobian(net, [0.0, 1.0, -1.0])
        assert report.passed
        assert report.n_kinks == 3  # one unit, by each input
        assert fj.check_jacobian(net, [0.5, 1.0, -1.0]).n_kinks == 0

    @pytest.mark.parametrize("jacobian", [np.ones((3, 10, 7)), (np.ones(3), 4.0), [[np.ones((3, 4, 4))] * 2] * 3])
    def test_blocks_of_another_form_are_reported(self, jacobian):
        with pytest.raises(ShapeError, match=r"jacobian must (be in blocks as net.jacobian\(x\) is|have shape \(3, 10, 7\))"):
            fj.check_jacobian(self.NET, self.POINTS, jacobian=jacobian)
