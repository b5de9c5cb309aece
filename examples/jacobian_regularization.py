"""Make a digits classifier robust by keeping its Jacobian small: accuracy under noise and under attack.

    python examples/jacobian_regularization.py --output pictures

A small change e of the pixels changes the ten class scores by `J e`. Hoffman et al. ("Robust learning with Jacobian
regularization", 2019) therefore add the Jacobian's Frobenius norm |J| to the loss of a 64-64-32-10 ReLU network:

    mean cross-entropy + WEIGHT * mean |J|^2

They estimate this penalty by random projections; here it is exact. Two networks, with and without it, start from the same weights
and see the same batches. Both then classify held-out digits with random noise, and with the worst change of a given length that
gradient ascent finds for each network.

Needs fastjac, scikit-learn and matplotlib, and under half a minute. Writes `jacobian_regularization.png` to `--output`, by
default the current directory.
"""

import argparse
from pathlib import Path

import numpy as np
from digits_data import load_split
from matplotlib.figure import Figure
from training import Adam, random_network

import fastjac as fj

SIZES = (64, 64, 32, 10)
WEIGHT = 5e-3  # the paper's 0.01, which multiplies half of |J|^2
BATCH = 128
NOISES = np.linspace(0.0, 0.5, 11)  # standard deviations, in units of a pixel's range
LENGTHS = np.linspace(0.0, 1.2, 9)  # lengths of an attack, a vector of 64 pixels
ASCENT_STEPS = 10
COLOURS = {"cross-entropy alone": "#e69f00", "with the Jacobian's norm": "#0072b2"}


def cross_entropy(scores, labels):
    """The mean loss of class scores (n, 10) for labels (n,), and its derivative by the scores."""
    rows = np.arange(len(labels))
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    value = -np.mean(np.log(probabilities[rows, labels]))
    probabilities[rows, labels] -= 1
    return value, probabilities / len(labels)


def loss(net, pixels, labels, weight):
    """Mean cross-entropy plus `weight` times the mean `|J|^2`, and its gradient (n_parameters,)."""
    scores, jacobians, pullback = net.jacobian_vjp(pixels)
    value, by_scores = cross_entropy(scores, labels)
    norm = np.sum(jacobians**2) / len(labels)
    return value + weight * norm, pullback(by_scores, 2 * weight * jacobians / len(labels)).parameters


def train(pixels, labels, weight, n_steps):
    rng = np.random.default_rng(0)
    net, adam = random_network(SIZES, fj.ReLU(), rng), Adam(3e-3, n_steps)
    for _ in range(n_steps):
        batch = rng.integers(len(labels), size=BATCH)
        _, gradient = loss(net, pixels[batch], labels[batch], weight)
        net = adam.step(net, gradient)
    return net


def accuracy(net, pixels, labels):
    return np.mean(net(pixels).argmax(axis=-1) == labels)


def attacked(net, pixels, labels, length):
    """Each digit moved by at most `length` to where its loss is high: projected gradient ascent (Madry et al., 2018)."""
    moved = pixels
    for _ in range(ASCENT_STEPS):
        _, by_scores = cross_entropy(net(moved), labels)
        _, gradient = net.vjp(moved, by_scores)
        change = moved + length / 4 * gradient / lengths(gradient) - pixels
        moved = pixels + change * np.minimum(1, length / lengths(change))
    return moved


def lengths(vectors):
    """Euclidean lengths (n, 1) of vectors (n, 64), above 0 so that they may divide."""
    return np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)


def curves(net, pixels, labels):
    """Accuracies of a network under noise (NOISES) and under attack (LENGTHS)."""
    noise = np.random.default_rng(1).standard_normal((10, *pixels.shape))
    under_noise = [accuracy(net, pixels + deviation * noise, labels) for deviation in NOISES]
    under_attack = [accuracy(net, attacked(net, pixels, labels, length), labels) for length in LENGTHS]
    return np.array(under_noise), np.array(under_attack)


def draw(path, results):
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for name, (under_noise, under_attack) in results.items():
        left.plot(NOISES, 100 * under_noise, color=COLOURS[name], marker="o", label=name)
        right.plot(LENGTHS, 100 * under_attack, color=COLOURS[name], marker="o", label=name)
    left.set_title("Under noise", loc="left")
    left.set(xlabel="standard deviation on each pixel", ylabel="held-out digits right (%)", ylim=(0, 102))
    right.set_title("Under attack by gradient ascent", loc="left")
    right.set(xlabel="length of the change of 64 pixels")
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main(argv=None):
    """Train both networks, print how many digits they still recognize, and save the picture."""
    parser = argparse.ArgumentParser(description="Train a digits classifier with the norm of its Jacobian in the loss.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    parser.add_argument("--steps", type=int, default=600)
    args = parser.parse_args(argv)
    path = args.output / "jacobian_regularization.png"

    pixels, new_pixels, labels, new_labels = load_split()
    results, half = {}, len(LENGTHS) // 2
    for name, weight in zip(COLOURS, (0.0, WEIGHT), strict=True):
        net = train(pixels, labels, weight, args.steps)
        results[name] = under_noise, under_attack = curves(net, new_pixels, new_labels)
        print(f"{name}: |J|^2 {np.mean(np.sum(net.jacobian(new_pixels) ** 2, axis=(1, 2))):.0f}")
        print(f"{name}: {under_noise[0]:.1%} of {len(new_labels)} held-out digits right")
        print(f"{name}: {under_noise[-1]:.1%} with noise of {NOISES[-1]:.1f} on each pixel")
        print(f"{name}: {under_attack[half]:.1%} under attacks of length {LENGTHS[half]:.1f}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, results)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
