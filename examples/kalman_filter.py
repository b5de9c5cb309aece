"""Track four coupled pendulums with two noisy sensors, by an extended Kalman filter that runs wholly inside `@njit` code.

    python examples/kalman_filter.py --output pictures

The angles of the outer two pendulums are measured a hundred times a second, with noise. The filter estimates all angles and
velocities by the network f that has learned how the pendulums move (see dynamics_train.py). From one measurement to the next it
takes ten steps `x + h f(x, u)`, and the Jacobian A of f by x carries the covariance along, as `F P F' + Q` with `F = I + h A`.
Value and Jacobian come from `fastjac.numba`, so no Python runs between the first measurement and the last.

Needs fastjac, SciPy (by which Numba multiplies matrices), safetensors and matplotlib. Writes `kalman_filter.png` to
`--output`, by default the current directory.
"""

import argparse
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numba
import numpy as np
from dynamics_linearization import COLOURS, START, TIME, integrate, real_system, torques
from dynamics_train import HERE, N_PENDULUMS, N_STATES
from matplotlib.figure import Figure

import fastjac as fj
import fastjac.numba

MEASURED, HIDDEN = (0, 3), (1, 2)
NOISE = 0.05  # standard deviation of a measured angle, in rad
STEPS = 10  # how many steps lead from one measurement to the next
STEP = TIME[1] / STEPS
H = np.eye(N_STATES)[list(MEASURED)]  # the matrix that takes the measured angles out of a state
UNKNOWN = np.diag(np.repeat([1.0, 2.0], N_PENDULUMS) ** 2)  # covariance before the first measurement
# The covariance that each second adds, set by the size of the network's errors, which last about a second each.
DRIFT = np.diag(np.repeat([0.01, 0.05], N_PENDULUMS) ** 2)
SETTLED = TIME >= 2.0


class Model(NamedTuple):
    """The network for compiled code, and where it writes the derivatives of the states (8,) and their Jacobian (8, 12)."""

    program: tuple
    scratch: fastjac.numba.Scratch
    slope: np.ndarray
    jac: np.ndarray


def compiled_model(net):
    program = net.program()
    return Model(program, fastjac.numba.scratch(program), np.empty(net.n_out), np.empty((net.n_out, net.n_in)))


@numba.njit
def predict(model, z, p):
    """Take the estimate in z (12,), states and torques, one step on; return its covariance, which was p (8, 8) before."""
    fastjac.numba.value_and_jacobian(model.program, z, model.slope, model.jac, model.scratch)
    z[:N_STATES] += STEP * model.slope
    f = np.eye(N_STATES) + STEP * model.jac[:, :N_STATES]
    return f @ p @ f.T + STEP * DRIFT


@numba.njit
def correct(z, p, measured):
    """Draw the estimate in z towards the measured angles (2,), and return its covariance."""
    gain = np.linalg.solve(H @ p @ H.T + NOISE**2 * np.eye(len(H)), H @ p).T
    z[:N_STATES] += gain @ (measured - H @ z[:N_STATES])
    return p - gain @ (H @ p)


@numba.njit
def track(model, measurements, inputs):
    """Estimates (n, 8) and their variances (n, 8) from measurements (n, 2) and the torques (n, 4) that follow each."""
    n = len(measurements)
    estimates, variances = np.empty((n, N_STATES)), np.empty((n, N_STATES))
    z, p = np.zeros(model.jac.shape[1]), UNKNOWN.copy()
    for k in range(n):
        p = correct(z, p, measurements[k])
        estimates[k], variances[k] = z[:N_STATES], np.diag(p)
        z[N_STATES:] = inputs[k]
        for _ in range(STEPS):
            p = predict(model, z, p)
    return estimates, variances


@numba.njit
def linearize(model, z, n):
    """Compute value and Jacobian of the network `n` times, as the filter does."""
    for _ in range(n):
        fastjac.numba.value_and_jacobian(model.program, z, model.slope, model.jac, model.scratch)


def microseconds(function, *args):
    """The time of the shortest of five runs, after one that compiles."""
    function(*args)
    times = []
    for _ in range(5):
        start = perf_counter()
        function(*args)
        times.append(perf_counter() - start)
    return 1e6 * min(times)


def draw(path, states, estimates, deviations):
    figure = Figure(figsize=(9, 8), layout="constrained")
    top, middle, bottom = figure.subplots(3, sharex=True)
    for axis, offset in ((top, 0), (middle, N_PENDULUMS)):
        for k in HIDDEN:
            estimate, margin = estimates[:, offset + k], 2 * deviations[:, offset + k]
            axis.fill_between(TIME, estimate - margin, estimate + margin, color=COLOURS[k], alpha=0.25, linewidth=0)
            axis.plot(TIME, estimate, color=COLOURS[k], label=f"pendulum {k + 1}")
            axis.plot(TIME, states[:, offset + k], "k:", linewidth=1.2, label="real system" if k == HIDDEN[-1] else None)
    for k, colour in enumerate(COLOURS):
        bottom.plot(TIME, estimates[:, k] - states[:, k], color=colour, label=f"pendulum {k + 1}")
    bottom.axhspan(-NOISE, NOISE, color="0.92", linewidth=0, zorder=0, label="sensors' noise")
    top.set(ylabel="angle (rad)", ylim=(-2, 2))
    top.set_title("Angles without a sensor, and two deviations", loc="left")
    middle.set(ylabel="velocity (rad/s)", ylim=(-5, 5))
    middle.set_title("Their velocities", loc="left")
    bottom.set(ylabel="error (rad)", xlabel="time (s)", ylim=(-0.2, 0.2))
    bottom.set_title("Errors of all four angles", loc="left")
    for axis in (top, middle, bottom):
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), frameon=False, ncols=5, columnspacing=0.8, handlelength=1.0)
    figure.savefig(path, dpi=120)


def main(argv=None):
    """Filter, print how good the estimates are and how fast they come, and save the picture."""
    parser = argparse.ArgumentParser(description="Track four pendulums with two noisy sensors by a learned model.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    path = parser.parse_args(argv).output / "kalman_filter.png"

    states = integrate(real_system, START)
    measurements = states[:, MEASURED] + NOISE * np.random.default_rng(0).standard_normal((len(TIME), len(MEASURED)))
    inputs = torques(TIME + TIME[1] / 2)
    model = compiled_model(fj.load(HERE / "dynamics.safetensors"))
    estimates, variances = track(model, measurements, inputs)
    deviations = np.sqrt(variances)

    errors = (estimates - states)[SETTLED]
    size = np.sqrt(np.mean(errors**2, axis=0))
    print(f"Noise of the two sensors: {NOISE:.3f} rad")
    print(f"Error of the angles with a sensor: {size[list(MEASURED)].max():.3f} rad, without: {size[list(HIDDEN)].max():.3f} rad")
    print(f"Errors within two of the filter's deviations: {np.mean(np.abs(errors) < 2 * deviations[SETTLED]):.0%}")
    n = len(TIME) * STEPS
    step = microseconds(track, model, measurements, inputs) / n
    share = microseconds(linearize, model, np.append(states[-1], inputs[-1]), n) / n
    print(f"One of {n} steps takes {step:.1f} us, {share:.1f} us of it the network's value and Jacobian")
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, states, estimates, deviations)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
