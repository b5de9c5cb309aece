"""Linearize a learned model of a mechanical system along a trajectory, as a controller or an observer does.

    python examples/dynamics_linearization.py --output pictures

`dynamics.safetensors` holds a 12-64-64-8 tanh network that has learned how four coupled pendulums move (see
dynamics_train.py). Near any point of a trajectory the system behaves as `d dx/dt = A dx + B du`. A and B are the two blocks
of the network's Jacobian, and one call gives them for the whole trajectory. A is compared with the exact A and used to predict
how a second trajectory, started beside the first, departs from it.

Needs fastjac, safetensors and matplotlib. Writes `dynamics_linearization.png` to `--output`, by default the
current directory.
"""

import argparse
from pathlib import Path

import numpy as np
from dynamics_train import DAMPING, GRAVITY, HERE, N_PENDULUMS, N_STATES, SPRINGS, pendulums
from matplotlib.figure import Figure

import fastjac as fj

TIME = np.linspace(0.0, 8.0, 801)
START = np.array([1.2, 0.4, -0.3, -0.9, 0.0, 0.0, 0.0, 0.0])
NUDGE = np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")


def torques(t):
    """The torques of the four motors at times t, (..., 4)."""
    return 4.0 * np.sin(np.multiply.outer(t, [0.9, 1.3, 1.7, 2.1]))


def integrate(slope, start):
    """States (n, 8) at TIME by Runge and Kutta's method of fourth order; `slope(t, x)` is their derivative by time."""
    states, step = [start], TIME[1]
    for t in TIME[:-1]:
        x = states[-1]
        k1 = slope(t, x)
        k2 = slope(t + step / 2, x + step / 2 * k1)
        k3 = slope(t + step / 2, x + step / 2 * k2)
        k4 = slope(t + step, x + step * k3)
        states.append(x + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(states)


def real_system(t, x):
    return pendulums(np.concatenate([x, torques(t)]))


def exact_jacobian(states):
    """A (n, 8, 8) of the real system, from its formula."""
    angles = states[:, :N_PENDULUMS]
    exact = np.zeros((len(states), N_STATES, N_STATES))
    exact[:, :N_PENDULUMS, N_PENDULUMS:] = np.eye(N_PENDULUMS)
    exact[:, N_PENDULUMS:, :N_PENDULUMS] = SPRINGS - GRAVITY * np.cos(angles)[:, :, None] * np.eye(N_PENDULUMS)
    exact[:, N_PENDULUMS:, N_PENDULUMS:] = -DAMPING * np.eye(N_PENDULUMS)
    return exact


def frequencies(a):
    """The four natural frequencies (n, 4) of linear systems A (n, 8, 8), in radians per second."""
    return np.sort(np.abs(np.linalg.eigvals(a).imag), axis=1)[:, ::2]


def predicted_departure(a):
    """How the linear system `d dx/dt = A(t) dx` carries NUDGE along, (n, 8)."""

    def slope(t, departure):
        row, part = divmod(t / TIME[1], 1.0)
        row = int(row)
        between = (1.0 - part) * a[row] + part * a[min(row + 1, len(a) - 1)]
        return between @ departure

    return integrate(slope, NUDGE)


def draw(path, states, a, departure, prediction):
    figure = Figure(figsize=(9, 8), layout="constrained")
    top, middle, bottom = figure.subplots(3, sharex=True)
    for k, colour in enumerate(COLOURS):
        top.plot(TIME, states[:, k], color=colour, label=f"pendulum {k + 1}")
        bottom.plot(TIME, prediction[:, k], color=colour)
    network = middle.plot(TIME, frequencies(a), color="0.6", linewidth=3)
    exact = middle.plot(TIME, frequencies(exact_jacobian(states)), "k:", linewidth=1.2)
    bottom.plot([], [], color="0.5", label="predicted (coloured as above)")
    real = bottom.plot(TIME, departure[:, :N_PENDULUMS], "k:", linewidth=1.2)
    for line, label in ((network[0], "network"), (exact[0], "real system"), (real[0], "real system")):
        line.set_label(label)
    top.set_title("Motion of the pendulums", loc="left")
    top.set_ylabel("angle (rad)")
    middle.set_title("Natural frequencies, from the network's Jacobian along the way", loc="left")
    middle.set_ylabel("frequency (rad/s)")
    bottom.set_title("Departure after a nudge of 0.1 rad", loc="left")
    bottom.set_ylabel("difference of angle (rad)")
    bottom.set_xlabel("time (s)")
    for axis in (top, middle, bottom):
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), frameon=False, ncols=4, columnspacing=1.0, handlelength=1.2)
    figure.savefig(path, dpi=120)


def main(argv=None):
    """Linearize, print how well it fits, and save the picture."""
    parser = argparse.ArgumentParser(description="Linearize a learned model of four pendulums along a trajectory.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    path = parser.parse_args(argv).output / "dynamics_linearization.png"

    net = fj.load(HERE / "dynamics.safetensors")
    states = integrate(real_system, START)
    jacobians = net.jacobian(np.concatenate([states, torques(TIME)], axis=1))
    a, b = jacobians[:, :, :N_STATES], jacobians[:, :, N_STATES:]
    print(f"{len(TIME)} points in one call: A {a.shape}, B {b.shape}")

    exact = exact_jacobian(states)
    print(f"Network's A against the exact one: {np.linalg.norm(a - exact) / np.linalg.norm(exact):.1%} apart")
    departure = integrate(real_system, START + NUDGE) - states
    prediction = predicted_departure(a)
    error = np.linalg.norm(prediction - departure) / np.linalg.norm(departure)
    print(f"Departure of a neighbouring trajectory: {error:.1%} off the real one over {TIME[-1]:g} s")
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, states, a, departure, prediction)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
