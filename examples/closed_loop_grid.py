"""Where does a closed loop of two networks contract? The largest singular value of its Jacobian at every state of a grid.

    python examples/closed_loop_grid.py --output pictures

A controller with limited torque holds a pendulum upright. Controller and dynamics are networks, trained with scikit-learn and
joined to one network, a step of the loop. The largest singular value of its Jacobian is a local Lipschitz constant: where it is
below 1, small differences between states shrink. A second of the loop is one network too, and contracts from many more states.
Both maps show what happens at the points of the grid; they prove nothing about the states between these points.

Needs fastjac, scikit-learn, SciPy and matplotlib. Writes `closed_loop_grid.png` to `--output`, by default the current directory.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.linalg import solve_discrete_lyapunov
from scipy.optimize import root
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastjac as fj

STEP, N_STEPS = 0.05, 20  # the length of the loop's steps (s), and how many steps are a second
LARGEST = np.array([np.pi, 8.0, 7.0])  # angle from upright (rad), velocity (rad/s), torque per inertia (1/s^2)


def derivative(z):
    """The mean rates of change (n, 2) of angle and velocity within a step, from angle, velocity and torque (n, 3)."""
    angle, velocity, torque = z.T
    for _ in range(10):
        velocity = velocity + 0.1 * STEP * (9.81 * np.sin(angle) - 0.2 * velocity + torque)
        angle = angle + 0.1 * STEP * velocity
    return (np.stack([angle, velocity], axis=-1) - z[:, :2]) / STEP


def learned(activation, x, y):
    """A network that has learned to give y for x."""
    mlp = MLPRegressor(
        hidden_layer_sizes=(16, 16), activation=activation, solver="lbfgs", tol=0.01, max_iter=3000, random_state=0
    )
    return fj.from_sklearn(make_pipeline(StandardScaler(), mlp).fit(x, y))


def closed_loop():
    """A step of the loop as one network from the state to the next state, with the controller's torque inside."""
    samples = 1.2 * LARGEST * np.random.default_rng(0).uniform(-1, 1, (1500, 3))
    dynamics = learned("tanh", samples, derivative(samples))
    controller = learned("relu", samples[:, :2], np.clip(samples[:, :2] @ [-20.0, -6.0], -LARGEST[2], LARGEST[2]))
    state = fj.Input(2, name="state")
    return fj.Network(inputs=state, outputs=state + STEP * dynamics(fj.concatenate([state, controller(state)])))


def draw(axis, grid, size, lipschitz, duration):
    """Print and draw at what rate differences grow, and the largest level of `size` within which all differences shrink."""
    rate, safe = np.log(lipschitz) / duration, size < size[lipschitz >= 1].min()
    print(f"{duration:.2f} s: differences shrink from {np.mean(rate < 0):.0%} of states; the ellipse holds {np.mean(safe):.1%}")
    colours = axis.pcolormesh(*grid.T, rate.T, cmap="PuOr_r", vmin=-4, vmax=4, rasterized=True)
    axis.contour(*grid.T, rate.T, [0.0], colors="k", linewidths=0.8)
    ellipse = axis.contour(*grid.T, safe.T, [0.5], colors="#009e73", linewidths=2.5).legend_elements()[0]
    axis.set(title=f"Differences after {duration:.2f} s", xlabel="angle from upright (rad)", ylabel="velocity (rad/s)")
    axis.legend(ellipse, ["ellipse in which all\ndifferences shrink"], loc="lower left")
    return colours


def main(argv=None):
    """Print and draw where the loop contracts, in one step and in a second."""
    parser = argparse.ArgumentParser(description="Map where a closed loop of two networks contracts.")
    parser.add_argument("--points", type=int, default=301, help="points of the grid along each axis")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    args = parser.parse_args(argv)

    loop = closed_loop()
    rest = root(lambda x: loop(x) - x, np.zeros(2), jac=lambda x: loop.jacobian(x) - np.eye(2)).x
    # The length of a difference d is |T d|: the loop linearized at rest shrinks every length to less than 0.93 of it in a step.
    metric = np.linalg.cholesky(solve_discrete_lyapunov(loop.jacobian(rest).T / 0.93, np.eye(2))).T
    into, back = fj.Affine(metric, -metric @ rest), fj.Affine(np.linalg.inv(metric), rest)
    grid = np.stack(np.meshgrid(*(np.linspace(-end, end, args.points) for end in LARGEST[:2])), axis=-1)  # (points, points, 2)
    z = fj.Network([into])(grid)

    figure = Figure(figsize=(11, 4.8), layout="constrained")
    for axis, n_steps in zip(figure.subplots(1, 2, sharey=True), (1, N_STEPS), strict=True):
        steps = fj.Network([back, *[loop] * n_steps, into])
        colours = draw(axis, grid, np.linalg.norm(z, axis=-1), steps.jacobian_norm(z, ord=2), n_steps * STEP)
    figure.colorbar(colours, ax=figure.axes, label="rate of growth (1/s), 0 on black lines", extend="both")
    args.output.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.output / "closed_loop_grid.png", dpi=90)
    print(f"Wrote {args.output / 'closed_loop_grid.png'}")


if __name__ == "__main__":
    main()
