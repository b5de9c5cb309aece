"""Saliency maps: which pixels raise and lower the score of a digit's class, in a Keras and in a torch network.

    python examples/digits_saliency.py --output pictures

A row of the Jacobian, `J[b, c]`, is the gradient of the score of class c by the pixels of digit b. Both networks were trained
by digits_train.py and are read from their files, without Keras and without torch. The Keras file specifies its layers; torch's
state dict holds weights alone, so its activations are named here. The Keras network ends in a softmax, which the slice
`[:-1]` leaves out: scores do not saturate as probabilities do, so that even a digit recognized beyond doubt has a map.

Needs fastjac, h5py, safetensors and matplotlib. Writes `digits_saliency.png` to `--output`, by default the
current directory.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from safetensors.numpy import load_file

import fastjac as fj

HERE = Path(__file__).resolve().parent
DEMO = Path(fj.__file__).resolve().parent / "demo"
MARKED = 5  # how many of the strongest pixels are marked for each sign


def load_networks():
    """Both networks, from pixels to class scores."""
    keras_net = fj.load(DEMO / "digits.keras")[:-1]
    torch_net = fj.from_state_dict(load_file(HERE / "digits_torch.safetensors"), layers=["relu", "relu", "identity"])
    return {"Keras": keras_net, "torch": torch_net}


def first_of_each_class(labels):
    return np.array([np.flatnonzero(labels == label)[0] for label in range(10)])


def draw(path, digits, labels, maps):
    """Draw digits (10, 64) above the maps (10, 64) of each network, and mark the strongest pixels of the first network."""
    limit = np.quantile(np.abs(list(maps.values())), 0.995)
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    axes = figure.subplots(2 + len(maps), len(digits))
    for name, row in zip(("digit", *maps, "strongest:\n+ raises\n\N{MINUS SIGN} lowers"), axes, strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=12)
    for axis, digit, label in zip(axes[0], digits, labels, strict=True):
        axis.imshow(digit.reshape(8, 8), cmap="Greys")
        axis.set_title(f"class {label}")
    for row, network_maps in zip(axes[1:], maps.values(), strict=False):
        for axis, gradient in zip(row, network_maps, strict=True):
            image = axis.imshow(gradient.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
    for axis, digit, gradient in zip(axes[-1], digits, next(iter(maps.values())), strict=True):
        axis.imshow(digit.reshape(8, 8), cmap="Greys", vmax=2.5)
        mark(axis, np.argsort(gradient)[-MARKED:], "+", "#b2182b")
        mark(axis, np.argsort(gradient)[:MARKED], "_", "#2166ac")
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("0.8")
    bar = figure.colorbar(image, ax=axes[1:-1], extend="both", pad=0.01)
    bar.set_label("score of the digit's class\nper unit of the pixel")
    bar.outline.set_visible(False)
    figure.suptitle("Saliency: more ink in a red pixel raises the score of the digit's class, in a blue one lowers it")
    figure.savefig(path, dpi=120)


def mark(axis, pixels, marker, colour):
    rows, columns = np.unravel_index(pixels, (8, 8))
    axis.scatter(columns, rows, marker=marker, c=colour, s=60, linewidths=2)


def main(argv=None):
    """Print how both networks do and how alike their maps are, and save the picture."""
    parser = argparse.ArgumentParser(description="Draw saliency maps of a Keras and a torch digits classifier.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    path = parser.parse_args(argv).output / "digits_saliency.png"

    pixels, labels = np.load(DEMO / "digits.npy"), np.load(DEMO / "digits_labels.npy")
    chosen = first_of_each_class(labels)
    maps = {}
    for name, net in load_networks().items():
        scores, jacobians = net.value_and_jacobian(pixels)
        right = np.mean(scores.argmax(axis=1) == labels)
        print(f"{name}: {right:.0%} of {len(labels)} digits right, Jacobians {jacobians.shape}")
        maps[name] = jacobians[chosen, labels[chosen]]
    similarity = np.corrcoef(*(network_maps.ravel() for network_maps in maps.values()))[0, 1]
    print(f"Correlation of the two networks' maps: {similarity:.2f}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, pixels[chosen], labels[chosen], maps)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
