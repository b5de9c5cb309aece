"""Span a soap film in a wire frame: a network trained with the determinant of its own Jacobian in the loss.

    python examples/jacobian_determinant_penalty.py --output pictures

A tanh network, 2-20x6-3, maps a square to a surface in space. Its Jacobian J is 3 x 2, `sqrt(det(J^T J))` is the factor by which
the map stretches area, and the loss is

    mean |y - wire|^2 at the square's rim + WEIGHT * mean det(J^T J) inside it

The first term depends on the wire alone. The second is least for the surface of least area, evenly stretched, as energy is for
the shortest path: so the network finds the soap film. The wire here is cut from Scherk's minimal surface,
`z = log(cos y / cos x)`, which is therefore the answer. The same network without the penalty follows the wire too, but bulges
inside.

With `--skips` each hidden layer adds its output to its input, so that the network branches; its Jacobian and the gradient through
it are as exact.

The penalty's derivative by J is `2 det(G) J G^-1 = 2 J adj(G)` with G = J^T J. The form with the adjugate holds for a singular G
too. The pullback takes this derivative to the parameters. In a network of fewer outputs than inputs G would be singular
everywhere, and the penalty 0.

Needs fastjac and matplotlib, and under half a minute. Writes `jacobian_determinant_penalty.png` to `--output`, by default
the current directory.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from training import Adam, random_network

import fastjac as fj

HALF = 1.2  # half a side of the square
SIZES = (2, *[20] * 6, 3)
WEIGHT = 3e-3  # the penalty's weight; the larger it is, the further the film draws its rim in from the wire
INSIDE = 160  # how many random points of the square each step takes
COLOURS = {"without penalty": "#e69f00", "with penalty": "#0072b2"}


def scherk(points):
    """Points of the surface (n, 3) above points of the square (n, 2)."""
    x, y = points.T
    return np.stack([x, y, np.log(np.cos(y) / np.cos(x))], axis=1)


def rim_of_square(n):
    """Points (4 n, 2) along the four sides."""
    along, side = np.linspace(-HALF, HALF, n, endpoint=False), np.full(n, HALF)
    right = np.stack([side, along], axis=1)
    top = np.stack([-along, side], axis=1)
    return np.concatenate([right, top, -right, -top])


RIM = rim_of_square(40)
WIRE = scherk(RIM)


def determinant(jacobians):
    """`det(J^T J) (n,)` for J (n, 3, 2), and its derivative by J."""
    gram = jacobians.mT @ jacobians
    adjugate = np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(2) - gram
    return np.linalg.det(gram), 2 * jacobians @ adjugate


def loss(net, inside, weight):
    """Error at the wire, mean determinant, and the gradient (n_parameters,) of the first plus `weight` times the second."""
    n_rim = len(RIM)
    y, jacobians, pullback = net.jacobian_vjp(np.concatenate([RIM, inside]))
    gy, gj = np.zeros_like(y), np.zeros_like(jacobians)
    miss = y[:n_rim] - WIRE
    gy[:n_rim] = 2 * miss / n_rim
    determinants, by_jacobian = determinant(jacobians[n_rim:])
    gj[n_rim:] = weight * by_jacobian / len(inside)
    return np.mean(np.sum(miss**2, axis=1)), np.mean(determinants), pullback(gy, gj).parameters


def train(weight, n_steps, skips=False):
    """The trained network, with skips if `skips`, and the error at the wire and mean determinant at each step (n_steps, 2)."""
    rng = np.random.default_rng(0)
    net, adam, history = random_network(SIZES, fj.Tanh(), rng, skips), Adam(5e-3, n_steps), []
    for _ in range(n_steps):
        wire_error, mean_determinant, gradient = loss(net, rng.uniform(-HALF, HALF, (INSIDE, 2)), weight)
        net = adam.step(net, gradient)
        history.append((wire_error, mean_determinant))
    return net, np.array(history)


def lattice(coordinates):
    """The points (n n, 2) of the square with these coordinates (n,)."""
    return np.stack(np.meshgrid(coordinates, coordinates), axis=-1).reshape(-1, 2)


CENTRES = lattice(HALF * np.linspace(-1, 1, 121)[1::2])  # the centres of 60 x 60 cells


def area(net):
    return (2 * HALF) ** 2 * np.mean(np.sqrt(determinant(net.jacobian(CENTRES))[0]))


def least_area():
    return (2 * HALF) ** 2 * np.mean(np.sqrt(1 + np.sum(np.tan(CENTRES) ** 2, axis=1)))


def distance(net):
    """Root mean square of the surface's height above Scherk's surface."""
    surface = net(CENTRES)
    return np.sqrt(np.mean((surface - scherk(np.clip(surface[:, :2], -HALF, HALF)))[:, 2] ** 2))


def draw(path, networks, histories):
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    curves, *views = figure.subfigures(1, 3, width_ratios=(1.2, 1, 1))
    top, bottom = curves.subplots(2, sharex=True)
    for name, history in histories.items():
        for axis, values in zip((top, bottom), history.T, strict=True):
            axis.semilogy(values, color=COLOURS[name], linewidth=1, label=name)
    bottom.axhline((least_area() / (2 * HALF) ** 2) ** 2, color="k", linestyle=":", linewidth=1.2, label="soap film")
    top.set_title("Error at the wire, mean of squares", loc="left")
    bottom.set_title("Penalty, mean of det(J$^T$J)", loc="left")
    bottom.set(xlabel="step", ylim=(0.3, None))
    for axis in (top, bottom):
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
    for view, (name, net) in zip(views, networks.items(), strict=True):
        axis = view.add_subplot(projection="3d")
        x, y, z = net(lattice(HALF * np.linspace(-1, 1, 41))).T.reshape(3, 41, 41)
        axis.plot_surface(x, y, z, color=COLOURS[name], linewidth=0)
        axis.plot(*np.append(WIRE, WIRE[:1], axis=0).T, color="k", linewidth=2)
        axis.set_title(f"{name}: area {area(net):.2f}")
        axis.set(xticks=[], yticks=[], zticks=[])
    figure.savefig(path, dpi=120)


def main(argv=None):
    """Train with and without the penalty, print errors and areas of both surfaces, and save the picture."""
    parser = argparse.ArgumentParser(description="Train a network with the determinant of its Jacobian in the loss.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--skips", action="store_true", help="add to each hidden layer what it takes")
    args = parser.parse_args(argv)
    path = args.output / "jacobian_determinant_penalty.png"

    networks, histories = {}, {}
    print(f"Least area of a surface in the wire: {least_area():.2f}")
    for name, weight in zip(COLOURS, (0.0, WEIGHT), strict=True):
        net, histories[name] = train(weight, args.steps, args.skips)
        networks[name] = net
        wire_error, mean_determinant = histories[name][-1]
        print(f"{name}: wire missed by {wire_error**0.5:.3f}, mean det(J^T J) {mean_determinant:.2f}")
        print(f"{name}: area {area(net):.2f}, {distance(net):.3f} off the minimal surface")
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, networks, histories)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
