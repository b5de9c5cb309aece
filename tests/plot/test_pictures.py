"""What stands in each picture: its labels, its bars, its colours and limits."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

import fastjac as fj
import fastjac.plot
from fastjac.errors import DtypeError, FileError, OptionError, ShapeError

RNG = np.random.default_rng(0)
NET = fj.Network([fj.Affine(RNG.standard_normal((5, 4))), fj.Tanh(), fj.Affine(RNG.standard_normal((3, 5))), fj.Softmax()])
X = RNG.standard_normal((30, 4))
A, B = fj.Input(2, "a"), fj.Input(2, "b")
SUM = fj.Network(inputs=(A, B), outputs=A + fj.Tanh()(fj.Affine(np.ones((2, 4)))(fj.concatenate([A, B]))))


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def drawn(ax):
    """The Axes, after the picture was made, which finds labels that cannot be drawn."""
    ax.figure.draw_without_rendering()
    return ax


def test_saliency_is_the_row_of_the_largest_output():
    ax = drawn(fastjac.plot.saliency(NET, X[0]))
    number = int(np.argmax(NET(X[0])))
    row = NET.jacobian(X[0], of=number)[0]
    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array(), row.reshape(2, 2))
    assert image.get_clim() == (-np.abs(row).max(), np.abs(row).max())
    assert ax.get_title() == f"What raises and lowers y{number} = {NET(X[0])[number]:.3g}"
    assert ax.figure.axes[1].get_ylabel() == f"d y{number} / d x:  \N{MINUS SIGN} lowers, + raises"


def test_saliency_of_a_chosen_output_of_several_inputs_on_given_axes():
    figure, axes = plt.subplots(1, 2)
    x = X[0, :2], X[0, 2:]
    assert fastjac.plot.saliency(SUM, x, "y1", shape=(1, 4), ax=axes[1]) is axes[1]
    np.testing.assert_array_equal(axes[1].images[0].get_array(), np.concatenate(SUM.jacobian(x, of=1), axis=-1))
    assert len(figure.axes) == 3  # and the key
    assert not axes[0].has_data()


def test_a_map_of_zeros_is_white():
    ax = fastjac.plot.jacobian(np.zeros((3, 5)))
    assert ax.images[0].get_clim() == (-1.0, 1.0)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("input", "output")


def test_bars_of_two_outputs():
    found = fj.sensitivity(NET, X, input_names=["a", "b", "c", "d" * 30], output_names=["u", "v", "w"])
    ax = drawn(fastjac.plot.sensitivity(found, most=3))
    top = found.top(3)
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_array_equal(np.reshape(widths, (3, 3)), top.mean_abs)
    assert labels(ax.yaxis) == [name if len(name) == 1 else "d" * 23 + "\N{HORIZONTAL ELLIPSIS}" for name in top.input_names]
    assert ax.get_xlabel() == "d y / d x, over 30 rows"
    keys = [text.get_text() for text in ax.get_legend().get_texts()]
    assert keys == [*(f"{name}: mean of |derivative|" for name in "uvw"), "mean \N{PLUS-MINUS SIGN} std over the rows"]
    assert len({to_hex(bar.get_facecolor()) for bar in ax.patches}) == 3
    dots = [line.get_xdata() for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(dots, top.mean)
    one = fastjac.plot.sensitivity(found, "v")
    np.testing.assert_array_equal([bar.get_width() for bar in one.patches], found.top(4, "v").mean_abs[0])


def test_many_outputs_are_a_map():
    net = fj.Network([fj.Affine(RNG.standard_normal((6, 4)))])
    found = fj.sensitivity(net, X)
    ax = drawn(fastjac.plot.sensitivity(found))
    np.testing.assert_array_equal(ax.images[0].get_array(), found.top(10).mean)
    assert labels(ax.xaxis) == list(found.top(10).input_names)
    assert labels(ax.yaxis) == [f"y{i}" for i in range(6)]


def test_distributions_have_a_dot_for_each_row_and_input():
    ax = drawn(fastjac.plot.distributions(NET, X, "y2", most=3, input_names=list("abcd")))
    rows = NET.jacobian(X)[:, 2]
    chosen = np.argsort(-np.abs(rows).mean(axis=0))[:3]
    assert labels(ax.yaxis) == [chr(ord("a") + j) for j in chosen]
    for place, (j, dots) in enumerate(zip(chosen, ax.collections, strict=True)):
        x, y = dots.get_offsets().T
        np.testing.assert_allclose(x, rows[:, j], rtol=1e-12)
        assert np.abs(y - place).max() < 0.5
        np.testing.assert_array_equal(np.argsort(dots.get_array()), np.argsort(X[:, j]))
    assert ax.get_xlabel() == "d y / d x, 30 rows"
    assert labels(ax.figure.axes[1].yaxis) == ["low", "high"]


@pytest.mark.parametrize("units", ["raw", "standard", "elasticity"])
def test_distributions_have_the_units_of_sensitivity_and_leave_out_nan(units):
    x = X.copy()
    x[4, 2] = np.nan
    ax = fastjac.plot.distributions(NET, x, 1, units=units, most=1)
    found = fj.sensitivity(NET, x, units=units, nan_policy="omit").top(1, 1)
    values = ax.collections[0].get_offsets()[:, 0]
    assert len(values) == 29
    np.testing.assert_allclose([values.mean(), values.std()], [found.mean[0, 0], found.std[0, 0]], rtol=1e-12)


def test_dots_of_one_value_stand_beside_one_another():
    net = fj.Network([fj.Affine(np.array([[2.0, -1.0]]))])
    ax = fastjac.plot.distributions(net, X[:, :2])
    heights = ax.collections[0].get_offsets()[:, 1]
    assert len(set(heights.tolist())) == len(X)
    assert np.abs(heights).max() == pytest.approx(0.38)


def test_of_a_long_table_some_rows_are_drawn():
    ax = fastjac.plot.distributions(NET, np.resize(X, (5000, 4)))
    assert len(ax.collections[0].get_offsets()) == 1000


def test_the_spectrum_of_one_input_and_of_many():
    values = np.linalg.svd(NET.jacobian(X), compute_uv=False)
    ax = drawn(fastjac.plot.singular_spectrum(NET, X[0]))
    np.testing.assert_allclose(ax.lines[0].get_ydata()[:2], values[0, :2])
    assert np.isnan(ax.lines[0].get_ydata()[2])  # a softmax gives nothing along (1, 1, 1)
    assert ax.get_legend().get_texts()[0].get_text() == "singular value; 1 more is 0"
    assert ax.get_yscale() == "log"
    many = drawn(fastjac.plot.singular_spectrum(NET, X))
    np.testing.assert_allclose(many.lines[0].get_ydata()[:2], np.median(values[:, :2], axis=0))
    band = many.collections[0].get_paths()[0].get_extents()
    np.testing.assert_allclose([band.ymin, band.ymax], [values[:, 1].min(), values[:, 0].max()])
    assert "30 inputs" in many.get_title()
    dead = drawn(fastjac.plot.singular_spectrum(fj.Network([fj.Affine(np.zeros((2, 3)))]), np.ones(3)))
    assert dead.get_legend().get_texts()[0].get_text() == "singular value; 2 more are 0"
    x = np.array([[1.0, 0.0], [0.0, 4.0], [np.nan, 1.0]])  # and derivatives diag(2, 0), diag(0, 8) and nan
    some = drawn(fastjac.plot.singular_spectrum(fj.Network([fj.Power(2.0)], n_in=2), x))
    np.testing.assert_allclose(some.lines[0].get_ydata(), [5.0, np.nan])
    drawn(fastjac.plot.singular_spectrum(SUM, (X[:, :2], X[:, 2:])))


def test_the_bars_of_a_plan_are_its_steps():
    net = fj.Network([layer for _ in range(4) for layer in (fj.Affine(np.ones((6, 6))), fj.ReLU())])
    plan = net.plan("forward")
    ax = drawn(fastjac.plot.plan(plan))
    assert [bar.get_width() for bar in ax.patches] == [step.multiply_adds for step in plan.steps]
    assert labels(ax.yaxis) == ["J[0:2] = W2 W1", "J[0:3] = W3 J[0:2]", "J[0:4] = W4 J[0:3]"]
    assert all(name in str(plan) for name in labels(ax.yaxis))
    assert f"{plan.multiply_adds:,.0f}" in ax.get_title()
    assert "nothing to contract" in drawn(fastjac.plot.plan(net[:1].plan())).texts[0].get_text()
    deep = fj.Network([layer for _ in range(60) for layer in (fj.Affine(np.ones((6, 6))), fj.ReLU())]).plan()
    assert len(drawn(fastjac.plot.plan(deep)).patches) == 59


def test_a_picture_in_a_file(tmp_path):
    with fastjac.plot.picture(tmp_path / "p.pdf") as ax:
        fastjac.plot.jacobian(np.eye(2), ax=ax)
    assert (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(FileError, match="No such file"), fastjac.plot.picture(tmp_path / "none" / "p.png"):
        pass


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: fastjac.plot.saliency(NET, X), ShapeError, r"draws one input, got x with the leading shape \(30,\)"),
        (
            lambda: fastjac.plot.saliency(NET, X[0], shape=(2, 3)),
            ShapeError,
            r"as many pixels as the network has inputs, 4; got \(2, 3\)",
        ),
        (lambda: fastjac.plot.saliency(NET[1:], X[0, [0, 1, 2, 3, 0]]), ShapeError, r"5 inputs make no square; pass shape="),
        (lambda: fastjac.plot.saliency(NET, X[0], 3), OptionError, "output must lie between -3 and 2"),
        (
            lambda: fastjac.plot.saliency(NET, X[0], ax=[1]),
            DtypeError,
            r"ax must be an Axes of matplotlib, got list; .* axes\[0\]",
        ),
        (
            lambda: fastjac.plot.jacobian(NET.jacobian(X)),
            ShapeError,
            r"one Jacobian \(n_out, n_in\), got shape \(30, 3, 4\); .*J\[0\]",
        ),
        (lambda: fastjac.plot.sensitivity(X), DtypeError, "result must be what fastjac.sensitivity gives, got ndarray"),
        (lambda: fastjac.plot.distributions(NET, X * np.nan), OptionError, "no row of the table has finite inputs"),
        (lambda: fastjac.plot.singular_spectrum(NET, X[:0]), OptionError, "x holds no input with a finite Jacobian"),
        (lambda: fastjac.plot.plan(NET), DtypeError, r"plan must be a Plan, as net.plan\(\) gives it, got Network"),
        (lambda: fastjac.plot.saliency(X, NET), DtypeError, "net must be a fastjac.Network, got ndarray"),
        (lambda: fastjac.plot.singular_spectrum(X, NET), DtypeError, "net must be a fastjac.Network, got ndarray"),
        (lambda: fastjac.plot.distributions(X, NET), DtypeError, "net must be a fastjac.Network, got ndarray"),
        (lambda: fastjac.plot.graph(X), DtypeError, "net must be a fastjac.Network, got ndarray"),
    ],
)
def test_what_cannot_be_drawn(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
