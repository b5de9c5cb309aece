"""Every example runs from its `main`, and prints and writes what it promises."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import fastjac as fj

EXAMPLES = Path(__file__).parents[1] / "examples"
DEMO = Path(fj.__file__).parent / "demo"
PNG = b"\x89PNG"
# keras 3 asks torch's tensors for NumPy arrays in a way that NumPy 2 deprecates.
by_keras = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def example(monkeypatch):
    """A function that imports an example by name."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


@pytest.fixture
def run(example, capsys):
    """A function that runs an example by name with its arguments and returns what it printed."""

    def run_example(name, *argv):
        example(name).main([str(word) for word in argv])
        return capsys.readouterr().out

    return run_example


def numbers(text, pattern):
    """The numbers that the group of `pattern` finds in `text`."""
    return [float(number.replace(",", "")) for number in re.findall(pattern, text)]


def assert_gradient(loss, net):
    """`loss(net)` gives a value, or several, and their derivative by the parameters, and central differences confirm it."""
    theta, step = net.parameters(), 1e-5
    direction = np.random.default_rng(7).standard_normal(theta.size)
    forth, back = (loss(net.with_parameters(theta + sign * step * direction))[0] for sign in (1, -1))
    np.testing.assert_allclose(loss(net)[1] @ direction, (forth - back) / (2 * step), rtol=1e-6)


def test_every_example_is_tested():
    tests = Path(__file__).read_text(encoding="utf-8")
    programs = [path for path in EXAMPLES.glob("*.py") if "def main(" in path.read_text(encoding="utf-8")]
    assert len(programs) > 5
    assert all(f'run("{path.stem}"' in tests for path in programs)


@by_keras
def test_digits_train(run, tmp_path):
    text = run("digits_train", "--demo-dir", tmp_path, "--output", tmp_path, "--epochs", "4")
    keras_percent, torch_percent = numbers(text, r"([\d.]+)% of 450 held-out digits right")
    assert keras_percent > 60
    assert torch_percent > 60
    net = fj.load(tmp_path / "digits.keras")
    assert net.widths == (64, 64, 64, 32, 32, 10, 10)
    assert fj.from_state_dict(load_file(tmp_path / "digits_torch.safetensors"), layers=["relu", "relu", "identity"]).n_out == 10
    # The data are fixed, so the inputs in the repository must come out again.
    for name in ("digits.npy", "digits_labels.npy"):
        np.testing.assert_array_equal(np.load(tmp_path / name), np.load(DEMO / name))


def test_digits_saliency(run, tmp_path):
    text = run("digits_saliency", "--output", tmp_path / "new")
    assert min(numbers(text, r"(\d+)% of 100 digits right")) >= 90
    assert numbers(text, r"networks' maps: ([\d.]+)")[0] > 0.5
    assert (tmp_path / "new" / "digits_saliency.png").read_bytes().startswith(PNG)


def test_the_shipped_classifiers_are_right_about_96_percent_of_unseen_digits(example):
    train = example("digits_train")
    networks = example("digits_saliency").load_networks()
    _, pixels, _, labels = train.load_split()
    for name, net in networks.items():
        assert np.mean(net(pixels).argmax(axis=1) == labels) >= 0.96, name


def test_dynamics_train(run, tmp_path):
    text = run("dynamics_train", "--output", tmp_path, "--epochs", "10")
    assert numbers(text, r"new samples: ([\d.]+)%")[0] < 15
    assert fj.load(tmp_path / "dynamics.safetensors").widths == (12, 64, 64, 64, 64, 8)


def test_dynamics_linearization(run, tmp_path):
    text = run("dynamics_linearization", "--output", tmp_path)
    assert numbers(text, r"exact one: ([\d.]+)%")[0] < 2
    assert numbers(text, r"trajectory: ([\d.]+)%")[0] < 10
    assert (tmp_path / "dynamics_linearization.png").read_bytes().startswith(PNG)


def test_kalman_filter(run, tmp_path):
    text = run("kalman_filter", "--output", tmp_path)
    noise = numbers(text, r"two sensors: ([\d.]+) rad")[0]
    with_sensor, without = numbers(text, r"(?:with a sensor|without): ([\d.]+) rad")
    assert 0 < with_sensor < noise / 2
    assert 0 < without < noise / 2
    assert 85 < numbers(text, r"deviations: (\d+)%")[0] < 100
    step, share = numbers(text, r"([\d.]+) us")
    # Two loops timed one after the other, on a machine that may do other things besides.
    assert 0 < share < 3 * step
    assert (tmp_path / "kalman_filter.png").read_bytes().startswith(PNG)


def test_trajectory_optimization(run, tmp_path):
    text = run("trajectory_optimization", "--output", tmp_path)
    assert "8+4 -> 8" in text
    assert "A (100, 8, 8), B (100, 8, 4)" in text
    before, after = numbers(text, r"([\d.]+) (?:before|after)")
    assert after < before / 100
    by_network, real = numbers(text, r"(?:network|real system): ([\d.]+)")
    assert by_network < 0.1
    assert real < 0.3
    assert (tmp_path / "trajectory_optimization.png").read_bytes().startswith(PNG)


def test_predictive_control(run):
    text = run("predictive_control", "--plans", "3")
    by_fastjac, by_expressions = numbers(text, r"([\d.]+) from the goal after")
    assert by_fastjac == by_expressions
    assert len(numbers(text, r"a plan takes (\d+) ms")) == 2
    assert numbers(text, r"torques: (\S+)")[0] < 1e-6


def test_smooth_dynamics(run, tmp_path):
    text = run("smooth_dynamics", "--output", tmp_path, "--steps", "150")
    without, with_penalty = numbers(text, r"missed by ([\d.]+)")
    assert 0 < with_penalty < without
    without, with_penalty = numbers(text, r"Jacobian by (\d+)%")
    assert 0 < with_penalty < 0.8 * without
    assert (tmp_path / "smooth_dynamics.png").read_bytes().startswith(PNG)


def test_smooth_dynamics_gradient(example):
    smooth, rng = example("smooth_dynamics"), np.random.default_rng(0)
    z, target = rng.standard_normal((7, 12)), rng.standard_normal((7, 8))

    def loss(net):
        error, penalty, gradient = smooth.loss(net, z, target, 0.5)
        return error + 0.5 * penalty, gradient

    assert_gradient(loss, smooth.residual_network(rng))


def test_published_benchmark(run):
    text = run("published_benchmark")
    assert "left out" not in text
    for method in ("fastjac", "NumPy by hand", "JAX", "torch.func", "autograd", "central differences"):
        assert len(numbers(text, rf"(?m)^{re.escape(method)} +\S+ +([\d.,]+) us")) == 1, method


def test_adam_takes_the_steps_of_torch(example):
    rng = np.random.default_rng(0)
    net = example("training").random_network((3, 4, 2), fj.Tanh(), rng)
    gradients = rng.standard_normal((5, net.n_parameters)) * 10.0 ** rng.integers(-6, 3, net.n_parameters)
    theta = torch.tensor(net.parameters(), requires_grad=True)
    theirs = torch.optim.Adam([theta], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=len(gradients))
    ours = example("training").Adam(0.1, len(gradients))
    for gradient in gradients:
        theta.grad = torch.from_numpy(gradient)
        theirs.step()
        schedule.step()
        net = ours.step(net, gradient)
        np.testing.assert_allclose(net.parameters(), theta.detach().numpy(), rtol=1e-12, atol=1e-15)


def test_jacobian_determinant_penalty(run, tmp_path):
    text = run("jacobian_determinant_penalty", "--output", tmp_path, "--steps", "200")
    assert max(numbers(text, r"wire missed by ([\d.]+)")) < 0.1
    least = numbers(text, r"Least area .*: ([\d.]+)")[0]
    without, with_penalty = numbers(text, r"area ([\d.]+), ")
    assert without > least + 0.3
    assert least - 0.5 < with_penalty < least + 0.1  # below the least, as the film may pull the wire inwards
    without, with_penalty = numbers(text, r"([\d.]+) off the minimal surface")
    assert with_penalty < 0.8 * without
    without, with_penalty = numbers(text, r"det\(J\^T J\) ([\d.]+)")
    assert with_penalty < without / 2
    assert (tmp_path / "jacobian_determinant_penalty.png").read_bytes().startswith(PNG)


def test_jacobian_determinant_penalty_with_skips(run, tmp_path):
    text = run("jacobian_determinant_penalty", "--output", tmp_path, "--steps", "150", "--skips")
    assert max(numbers(text, r"wire missed by ([\d.]+)")) < 0.2
    without, with_penalty = numbers(text, r"([\d.]+) off the minimal surface")
    assert with_penalty < without


@pytest.mark.parametrize("skips", [False, True])
def test_jacobian_determinant_penalty_gradient(example, skips):
    film, rng = example("jacobian_determinant_penalty"), np.random.default_rng(0)
    inside = rng.uniform(-1.2, 1.2, (6, 2))

    def loss(net):
        wire_error, mean_determinant, gradient = film.loss(net, inside, 0.5)
        return wire_error + 0.5 * mean_determinant, gradient

    assert_gradient(loss, example("training").random_network((2, 5, 5, 3), fj.Tanh(), rng, skips))
    # Where J^T J has no inverse the determinant is at its least.
    singular = np.array([[[1.0, 2.0], [3.0, 6.0], [-1.0, -2.0]]])
    determinants, by_jacobian = film.determinant(singular)
    np.testing.assert_allclose(determinants, 0.0, atol=1e-13)
    np.testing.assert_allclose(by_jacobian, 0.0, atol=1e-13)


def test_contractive_autoencoder(run, tmp_path):
    text = run("contractive_autoencoder", "--output", tmp_path, "--steps", "80")
    for quantity, least_gain in ((r"encoder ([\d.]+)", 0.85), (r"([\d.]+) of the noise", 0.9), (r"with noise ([\d.]+)", 0.98)):
        plain, contractive = numbers(text, quantity)
        assert contractive < least_gain * plain, quantity
    assert max(numbers(text, r"error ([\d.]+), ")) < 1.5
    assert (tmp_path / "contractive_autoencoder.png").read_bytes().startswith(PNG)


def test_contractive_autoencoder_gradient(example):
    autoencoder, rng = example("contractive_autoencoder"), np.random.default_rng(0)
    net, x = example("training").random_network((5, 7, 5), fj.Sigmoid(), rng), rng.random((6, 5))
    assert_gradient(lambda net: autoencoder.loss(net, x, 0.4), net)


def test_contractive_autoencoder_keeps_its_weights_tied(example):
    net = example("contractive_autoencoder").train(np.random.default_rng(0).random((50, 64)), 0.4, 5)
    np.testing.assert_array_equal(net[0].weight, net[2].weight.T)


def test_jacobian_regularization(run, tmp_path):
    text = run("jacobian_regularization", "--output", tmp_path, "--steps", "200")
    without, with_norm = numbers(text, r"([\d.]+)% of 450 held-out digits right")
    assert min(without, with_norm) > 90
    assert with_norm > without - 3
    without, with_norm = numbers(text, r"([\d.]+)% with noise")
    assert with_norm > without + 3
    without, with_norm = numbers(text, r"([\d.]+)% under attacks")
    assert with_norm > without + 15
    assert (tmp_path / "jacobian_regularization.png").read_bytes().startswith(PNG)


def test_jacobian_regularization_gradient(example):
    regularization, rng = example("jacobian_regularization"), np.random.default_rng(0)
    net = example("training").random_network((6, 8, 5, 3), fj.ReLU(), rng)
    pixels, labels = rng.random((4, 6)), np.array([0, 2, 1, 2])
    assert_gradient(lambda net: regularization.loss(net, pixels, labels, 0.3), net)


def test_attacks_stay_within_their_length_and_raise_the_loss(example):
    regularization, rng = example("jacobian_regularization"), np.random.default_rng(0)
    net = example("training").random_network((64, 16, 10), fj.ReLU(), rng)
    pixels, labels = rng.random((20, 64)), rng.integers(10, size=20)
    moved = regularization.attacked(net, pixels, labels, 0.5)
    assert np.all(np.linalg.norm(moved - pixels, axis=1) < 0.5 + 1e-12)
    before, after = (regularization.cross_entropy(net(x), labels)[0] for x in (pixels, moved))
    assert after > before + 0.1
    np.testing.assert_array_equal(regularization.attacked(net, pixels, labels, 0.0), pixels)


def test_table_sensitivity(run, tmp_path):
    text = run("table_sensitivity", "--output", tmp_path / "new")
    assert numbers(text, r"held-out patients: ([\d.]+)")[0] > 0.3
    assert re.search(r"\nprogression +(log triglycerides|bmi) ", text)
    assert (tmp_path / "new" / "sensitivity.png").read_bytes().startswith(PNG)
    assert len((tmp_path / "new" / "sensitivity.csv").read_text().splitlines()) == 11


def test_emulator_forecast(run, tmp_path):
    text = run("emulator_forecast", "--output", tmp_path)
    truth, fit = numbers(text, r" is ([\d.]+)"), numbers(text, r"fit ([\d.]+)")
    forecast, drawn = numbers(text, r"forecast ([\d.]+)"), numbers(text, r"drawn ([\d.]+)")
    assert len(truth) == 6
    assert np.abs(np.divide(np.subtract(fit, truth), forecast)).max() < 3
    np.testing.assert_allclose(drawn, forecast, rtol=0.1)
    assert (tmp_path / "emulator_forecast.png").read_bytes().startswith(PNG)


def test_draws_by_monte_carlo_have_the_moments_of_their_density(example):
    rng, covariance = np.random.default_rng(0), np.array([[1.2, 0.2], [0.2, 0.8]])
    residuals = fj.Network([fj.Affine(np.linalg.cholesky(np.linalg.inv(covariance)).T, [0.5, -0.5])])
    draws = np.concatenate([*example("emulator_forecast").sample(residuals, np.zeros((1000, 2)), rng, n_draws=20)][5:])
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.05)
    np.testing.assert_allclose(residuals(draws.mean(axis=0)), 0.0, atol=0.05)


def test_closed_loop_grid(run, tmp_path):
    text = run("closed_loop_grid", "--output", tmp_path, "--points", "61")
    one_step, a_second = numbers(text, r"shrink from (\d+)%")
    assert 5 < one_step < a_second < 60
    one_step, a_second = numbers(text, r"ellipse holds ([\d.]+)%")
    assert 0 < one_step < a_second / 2
    assert (tmp_path / "closed_loop_grid.png").read_bytes().startswith(PNG)


def test_levenberg_marquardt(run, tmp_path):
    text = run("levenberg_marquardt", "--output", tmp_path, "--evaluations", "60")
    adam, levenberg_marquardt = numbers(text, r"loss (\S+) after 60 evaluations")
    assert levenberg_marquardt < adam / 20
    adam_in_the_end, _ = numbers(text, r"evaluations, (\S+) in the end")
    assert levenberg_marquardt < adam_in_the_end < adam
    assert (tmp_path / "levenberg_marquardt.png").read_bytes().startswith(PNG)


def test_levenberg_marquardt_derivatives(example):
    rng = np.random.default_rng(0)
    net, x = example("training").random_network((2, 4, 1), fj.Tanh(), rng), rng.random((7, 2))
    regression = example("levenberg_marquardt").Regression(net, x, rng.random((7, 1)))
    assert_gradient(lambda net: (regression.residuals(net.parameters()), regression.jacobian(net.parameters())), net)
    assert_gradient(lambda net: (np.mean(regression.residuals(net.parameters()) ** 2), regression.gradient(net)), net)
