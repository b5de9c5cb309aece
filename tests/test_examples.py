"""Every example runs from its `main`, and prints and writes what it promises."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import fastjac as fj

EXAMPLES = Path(__file__).parents[1] / "examples"
DEMO = Path(fj.__file__).parent / "demo"
PNG = b"\x89PNG"
# keras 3 asks torch's tensors for NumPy arrays in a way that NumPy 2 deprecates.
by_keras = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def run(monkeypatch, capsys):
    """A function that runs an example by name with its arguments and returns what it printed."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def run_example(name, *argv):
        importlib.import_module(name).main([str(word) for word in argv])
        return capsys.readouterr().out

    return run_example


def numbers(text, pattern):
    """The numbers that the group of `pattern` finds in `text`."""
    return [float(number.replace(",", "")) for number in re.findall(pattern, text)]


def test_every_example_is_tested():
    tests = Path(__file__).read_text(encoding="utf-8")
    assert all(f'run("{path.stem}"' in tests for path in EXAMPLES.glob("*.py"))


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


def test_the_shipped_classifiers_are_right_about_96_percent_of_unseen_digits(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    train = importlib.import_module("digits_train")
    networks = importlib.import_module("digits_saliency").load_networks()
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
    assert 0 < share < step
    assert (tmp_path / "kalman_filter.png").read_bytes().startswith(PNG)


def test_published_benchmark(run):
    text = run("published_benchmark")
    assert "left out" not in text
    for method in ("fastjac", "NumPy by hand", "JAX", "torch.func", "autograd", "central differences"):
        assert len(numbers(text, rf"(?m)^{re.escape(method)} +\S+ +([\d.,]+) us")) == 1, method
