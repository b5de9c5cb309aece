"""Learn dynamics from few noisy steps: a residual network whose Jacobian changes only where the data require it.

    python examples/smooth_dynamics.py --output pictures

The data are 300 random steps of 0.05 s of the four pendulums of dynamics_train.py, with noise. The network is the step
`x + f(x, u)` with f a 12-64-64-8 tanh network: a graph with two inputs and a skip connection. Its loss is

    mean |y - next state|^2 + WEIGHT * mean |J - mean J|^2

where J is the network's Jacobian at each sample. J varies from place to place only where that lowers the error enough. Trained
without the penalty, f follows the noise, and the linear models that a controller would take from J are wrong. With the penalty,
steps and linear models are far nearer to the real ones.

Needs fastjac and matplotlib, and about ten seconds. Writes `smooth_dynamics.png` to `--output`, by default the current directory.
"""

import argparse
from pathlib import Path

import numpy as np
from dynamics_train import LARGEST, N_STATES, pendulums
from matplotlib.figure import Figure
from training import Adam, random_network

import fastjac as fj

N_SEEN, STEP, NOISE = 300, 0.05, 0.05
N_TORQUES = LARGEST.size - N_STATES
WEIGHT = 0.3  # the penalty's weight
STILL = np.eye(N_STATES, LARGEST.size)  # the Jacobian of a step that changes nothing
COLOURS = {"without penalty": "#e69f00", "with penalty": "#0072b2"}


def real_step(z):
    """The next states (n, 8) after `z (n, 12)`, by ten steps of the midpoint rule."""
    x, u = z[:, :N_STATES], z[:, N_STATES:]
    for _ in range(10):
        middle = x + STEP / 20 * pendulums(np.concatenate([x, u], axis=1))
        x = x + STEP / 10 * pendulums(np.concatenate([middle, u], axis=1))
    return x


def real_jacobians(z):
    """The Jacobians (n, 8, 12) of the real step, by central differences."""
    half = 1e-5
    columns = [(real_step(z + half * e) - real_step(z - half * e)) / (2 * half) for e in np.eye(LARGEST.size)]
    return np.stack(columns, axis=-1)


def residual_network(rng):
    """The step `x + f(x, u)` for states and torques."""
    x, u = fj.Input(N_STATES, name="state"), fj.Input(N_TORQUES, name="torque")
    f = random_network((LARGEST.size, 64, 64, N_STATES), fj.Tanh(), rng)
    return fj.Network(inputs=(x, u), outputs=x + 0.1 * f(fj.concatenate([x, u])))


def loss(net, z, target, weight):
    """Mean squared error and penalty, and the gradient (n_parameters,) of the first plus `weight` times the second."""
    y, jacobians, pullback = net.jacobian_vjp((z[:, :N_STATES], z[:, N_STATES:]))
    miss = y - target
    departures = [block - block.mean(axis=0) for block in jacobians]  # by states, and by torques
    error, penalty = np.sum(miss**2) / len(z), sum(np.sum(part**2) for part in departures) / len(z)
    gradient = pullback(2 * miss / len(z), tuple(2 * weight * part / len(z) for part in departures)).parameters
    return error, penalty, gradient


def train(z, target, weight, n_steps):
    """The trained network."""
    net, adam = residual_network(np.random.default_rng(1)), Adam(1e-2, n_steps)
    for _ in range(n_steps):
        net = adam.step(net, loss(net, z, target, weight)[2])
    return net


def errors_of_jacobians(net, z, exact):
    """The error (n,) of the network's Jacobian at each point, as a share of the exact Jacobian's difference from STILL."""
    found = np.concatenate(net.jacobian((z[:, :N_STATES], z[:, N_STATES:])), axis=-1)
    return np.linalg.norm(found - exact, axis=(1, 2)) / np.linalg.norm(exact - STILL, axis=(1, 2))


def draw(path, errors):
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axis = figure.subplots()
    for name, values in errors.items():
        axis.plot(np.sort(values), np.linspace(0, 1, len(values)), color=COLOURS[name], label=name)
    axis.set(xlabel="error of the Jacobian, as a share of J - (I, 0)", ylabel="share of new points below", xlim=(0, None))
    axis.set_title("Linear models at points that were not seen", loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main(argv=None):
    """Train with and without the penalty, print how good the Jacobians are, and save the picture."""
    parser = argparse.ArgumentParser(description="Learn dynamics from few noisy steps, with a penalty on the Jacobian.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    parser.add_argument("--steps", type=int, default=600)
    args = parser.parse_args(argv)
    path = args.output / "smooth_dynamics.png"

    rng = np.random.default_rng(0)
    seen, new = (rng.uniform(-LARGEST, LARGEST, (n, LARGEST.size)) / 2 for n in (N_SEEN, 500))
    target = real_step(seen) + NOISE * rng.standard_normal((N_SEEN, N_STATES))
    exact, errors = real_jacobians(new), {}
    for name, weight in (("without penalty", 0.0), ("with penalty", WEIGHT)):
        net = train(seen, target, weight, args.steps)
        miss = net((new[:, :N_STATES], new[:, N_STATES:])) - real_step(new)
        errors[name] = errors_of_jacobians(net, new, exact)
        print(f"{name}: next state missed by {np.sqrt(np.mean(miss**2)):.3f}, Jacobian by {np.median(errors[name]):.0%}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, errors)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
