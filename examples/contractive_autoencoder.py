"""Train a contractive autoencoder on handwritten digits: its code hardly moves when pixels change that carry no information.

    python examples/contractive_autoencoder.py --output pictures

The encoder maps 64 pixels to a code of 128 sigmoid units, the decoder back to 64 pixels. As the code is wider than the input,
the network could learn to copy whatever comes, noise included. Rifai et al. ("Contractive auto-encoders", ICML 2011) add the
encoder's Jacobian J to the loss:

    mean |y - x|^2 + WEIGHT * mean |J|^2                               (|J| the Frobenius norm)

The network then spends its small Jacobian on the directions in which digits differ. The picture shows a plain and a contractive
autoencoder on noise that neither was trained with: the contractive one leaves most of the noise out.

The decoder's weight is the encoder's transposed, as in the paper; otherwise a small encoder and a large decoder would have a
small J without any contraction.

Needs fastjac, scikit-learn and matplotlib, and under half a minute. Writes `contractive_autoencoder.png` to `--output`, by
default the current directory.
"""

import argparse
from pathlib import Path

import numpy as np
from digits_data import load_split
from matplotlib.figure import Figure
from training import Adam

import fastjac as fj

N_CODE = 128
WEIGHT = 0.4
BATCH = 128
NOISES = np.linspace(0.0, 0.4, 9)  # standard deviations, in units of a pixel's range
SHOWN_NOISE = 0.3
COLOURS = {"plain": "#e69f00", "contractive": "#0072b2"}


def tied_network(rng):
    """A random autoencoder whose second weight is the first, transposed."""
    weight = rng.normal(scale=1 / 8, size=(N_CODE, 64))
    return fj.Network([fj.Affine(weight, np.zeros(N_CODE)), fj.Sigmoid(), fj.Affine(weight.T, np.zeros(64))])


def loss(net, x, weight):
    """`mean |y - x|^2 + weight * mean |J|^2` with the encoder's J, and its gradient (n_parameters,)."""
    encoder, n = net[:2], len(x)
    error = net(x) - x
    _, gradient = net.parameter_vjp(x, 2 * error / n)
    _, jacobians, pullback = encoder.jacobian_vjp(x)
    # The encoder's parameters are the first of the network's.
    gradient[: encoder.n_parameters] += pullback(gJ=2 * weight * jacobians / n).parameters
    return (np.sum(error**2) + weight * np.sum(jacobians**2)) / n, gradient


def tied(gradient):
    """The gradient for a weight that stands in two places: both places get the sum, and equal steps keep them equal."""
    first = gradient[: N_CODE * 64].reshape(N_CODE, 64)
    second = gradient[-64 - 64 * N_CODE : -64].reshape(64, N_CODE)
    total = first + second.T
    first[...], second[...] = total, total.T
    return gradient


def train(digits, weight, n_steps):
    rng = np.random.default_rng(0)
    net, adam = tied_network(rng), Adam(1e-2, n_steps)
    for _ in range(n_steps):
        _, gradient = loss(net, digits[rng.integers(len(digits), size=BATCH)], weight)
        net = adam.step(net, tied(gradient))
    return net


def size(differences):
    """Root of the mean squared length of vectors (n, 64)."""
    return np.sqrt(np.mean(np.sum(differences**2, axis=1)))


def draw(path, digits, noise, networks):
    """Draw some digits with noise, the networks' outputs for them, and the error (64 pixels) at every size of the noise."""
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.4, 1))
    noisy = digits + SHOWN_NOISE * noise
    rows = {"digit": digits, "with noise": noisy} | {name: net(noisy) for name, net in networks.items()}
    shown = left.subplots(len(rows), 8)
    for axes, (name, images) in zip(shown, rows.items(), strict=True):
        axes[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=12)
        for axis, image in zip(axes, images, strict=False):
            axis.imshow(image.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_color("0.8")
    axis = right.subplots()
    for name, net in networks.items():
        errors = [size(net(digits + deviation * noise) - digits) for deviation in NOISES]
        axis.plot(NOISES, errors, color=COLOURS[name], marker="o", label=name)
    axis.plot(NOISES, NOISES * size(noise), "k:", linewidth=1.2, label="the noise itself")
    axis.set_title("Error of the reconstruction", loc="left")
    axis.set(xlabel="standard deviation of the noise on each pixel", ylabel="distance from the clean digit", ylim=(0, None))
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main(argv=None):
    """Train a plain and a contractive autoencoder, print what noise does to them, and save the picture."""
    parser = argparse.ArgumentParser(description="Train a plain and a contractive autoencoder on handwritten digits.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    parser.add_argument("--steps", type=int, default=400)
    args = parser.parse_args(argv)
    path = args.output / "contractive_autoencoder.png"

    digits, new_digits, _, _ = load_split()
    noise = np.random.default_rng(1).standard_normal(new_digits.shape)
    noisy = new_digits + SHOWN_NOISE * noise
    networks = {}
    print(f"Held-out digits with noise of size {size(noisy - new_digits):.2f}")
    for name, weight in zip(COLOURS, (0.0, WEIGHT), strict=True):
        net = networks[name] = train(digits, weight, args.steps)
        jacobians = net[:2].jacobian(new_digits)
        print(f"{name}: |J|^2 of the encoder {np.mean(np.sum(jacobians**2, axis=(1, 2))):.2f}")
        print(f"{name}: {size(net(noisy) - net(new_digits)):.2f} of the noise comes through")
        print(f"{name}: error {size(net(new_digits) - new_digits):.2f}, with noise {size(net(noisy) - new_digits):.2f}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, new_digits, noise, networks)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
