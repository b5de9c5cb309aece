"""Find the torques that bring four coupled pendulums to a given position, by iLQR that runs wholly inside `@njit` code.

    python examples/trajectory_optimization.py --output pictures

`dynamics.safetensors` holds a network f that has learned how the pendulums move (see dynamics_train.py). One step of the midpoint
rule, `x + h f(x + h/2 f(x, u), u)`, is a graph with two inputs, two sums and the network twice; it becomes one Network, whose
Jacobian by states and by torques is exact. iLQR improves the torques in rounds: it linearizes the step along the trajectory,
solves the linear problem backwards in time, and follows the solution forwards (Li & Todorov, "Iterative linear quadratic
regulator design for nonlinear biological movement systems", ICINCO 2004). At the end the torques drive the real system.

Needs fastjac, SciPy (by which Numba multiplies matrices), safetensors and matplotlib. Writes `trajectory_optimization.png` to
`--output`, by default the current directory.
"""

import argparse
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numba
import numpy as np
from dynamics_linearization import COLOURS, START
from dynamics_train import HERE, N_PENDULUMS, N_STATES, pendulums
from matplotlib.figure import Figure

import fastjac as fj
import fastjac.numba

N_TORQUES, N_STEPS, STEP = 4, 100, 0.02
GOAL = np.array([1.9, 1.6, -1.6, -1.9, 0.0, 0.0, 0.0, 0.0])
EFFORT, MISS = 0.02 * STEP, 50.0  # costs: of squared torques at each step, of the final squared distance from the goal
ROUNDS = 10
SCALES = 0.5 ** np.arange(8)  # the scales of a change of the torques that are tried in turn


def midpoint_step(f):
    """The network `(x, u) -> x + h f(x + h/2 f(x, u), u)`."""
    x, u = fj.Input(N_STATES, name="state"), fj.Input(N_TORQUES, name="torque")
    middle = x + 0.5 * STEP * f(fj.concatenate([x, u]))
    return fj.Network(inputs=(x, u), outputs=x + STEP * f(fj.concatenate([middle, u])))


class Model(NamedTuple):
    """The step for compiled code, and where it writes the next states (8,) and their Jacobian (8, 12)."""

    program: tuple
    scratch: fastjac.numba.Scratch
    following: np.ndarray
    jac: np.ndarray


def compiled_model(net):
    program = net.program()
    return Model(program, fastjac.numba.scratch(program), np.empty(net.n_out), np.empty((net.n_out, net.n_in)))


@numba.njit
def follow(model, states, torques, change, gains, scale, new_states, new_torques):
    """Take the steps of torques changed by `scale * change` and by feedback from the states; return their cost."""
    z, cost = np.empty(N_STATES + N_TORQUES), 0.0
    new_states[0] = states[0]
    for k in range(N_STEPS):
        new_torques[k] = torques[k] + scale * change[k] + gains[k] @ (new_states[k] - states[k])
        z[:N_STATES], z[N_STATES:] = new_states[k], new_torques[k]
        fastjac.numba.value(model.program, z, new_states[k + 1], model.scratch)
        cost += EFFORT * np.sum(new_torques[k] ** 2)
    return cost + MISS * np.sum((new_states[-1] - GOAL) ** 2)


@numba.njit
def improve(model, states, torques, change, gains):
    """Solve the linearized problem from the last step back to the first, for changes of the torques and gains of the states."""
    z = np.empty(N_STATES + N_TORQUES)
    by_state, curvature = 2 * MISS * (states[-1] - GOAL), 2 * MISS * np.eye(N_STATES)
    for k in range(N_STEPS - 1, -1, -1):
        z[:N_STATES], z[N_STATES:] = states[k], torques[k]
        fastjac.numba.jacobian(model.program, z, model.jac, model.scratch)
        a, b = np.ascontiguousarray(model.jac[:, :N_STATES]), np.ascontiguousarray(model.jac[:, N_STATES:])
        by_torque = 2 * EFFORT * torques[k] + b.T @ by_state
        torque_curvature, mixed = 2 * EFFORT * np.eye(N_TORQUES) + b.T @ curvature @ b, b.T @ curvature @ a
        change[k], gains[k] = -np.linalg.solve(torque_curvature, by_torque), -np.linalg.solve(torque_curvature, mixed)
        by_state = a.T @ by_state + mixed.T @ change[k]
        curvature = a.T @ curvature @ a + mixed.T @ gains[k]
        curvature = 0.5 * (curvature + curvature.T)


@numba.njit
def optimize(model, start, scales):
    """Torques (N_STEPS, 4), the states (N_STEPS + 1, 8) that they lead through, and the costs before and after each round."""
    states, torques = np.zeros((N_STEPS + 1, N_STATES)), np.zeros((N_STEPS, N_TORQUES))
    new_states, new_torques = np.empty_like(states), np.empty_like(torques)
    change, gains = np.zeros((N_STEPS, N_TORQUES)), np.zeros((N_STEPS, N_TORQUES, N_STATES))
    costs = np.empty(ROUNDS + 1)
    states[0] = start
    costs[0] = follow(model, states, torques, change, gains, 0.0, new_states, new_torques)
    states[:] = new_states
    for number in range(ROUNDS):
        improve(model, states, torques, change, gains)
        costs[number + 1] = costs[number]
        for scale in scales:
            cost = follow(model, states, torques, change, gains, scale, new_states, new_torques)
            if cost < costs[number]:
                states[:], torques[:], costs[number + 1] = new_states, new_torques, cost
                break
    return torques, states, costs


def real_states(torques):
    """The states (N_STEPS + 1, 8) of the real system, by the midpoint rule with ten small steps for each step of the model."""
    states, step = [START], STEP / 10
    for u in torques:
        x = states[-1]
        for _ in range(10):
            middle = x + step / 2 * pendulums(np.concatenate([x, u]))
            x = x + step * pendulums(np.concatenate([middle, u]))
        states.append(x)
    return np.array(states)


def draw(path, states, real, torques, costs):
    figure = Figure(figsize=(9, 8), layout="constrained")
    top, middle, bottom = figure.subplots(3)
    time = STEP * np.arange(N_STEPS + 1)
    for k, colour in enumerate(COLOURS):
        top.plot(time, states[:, k], color=colour, label=f"pendulum {k + 1}")
        top.plot(time, real[:, k], "k:", linewidth=1.2, label="real system" if k == N_PENDULUMS - 1 else None)
        top.plot(time[-1], GOAL[k], "o", color=colour)
        middle.step(time[:-1], torques[:, k], color=colour, where="post")
    bottom.plot(np.arange(1, ROUNDS + 1), costs[1:], "k.-")
    top.set(ylabel="angle (rad)", xlabel="time (s)")
    top.set_title("To the goal (dots)", loc="left")
    top.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), frameon=False, ncols=5, columnspacing=0.8, handlelength=1.0)
    middle.set(ylabel="torque (N m)", xlabel="time (s)")
    middle.set_title("Torques that were found", loc="left")
    bottom.set(ylabel="cost", xlabel="round", ylim=(0, None))
    bottom.set_title("Cost after each round", loc="left")
    for axis in (top, middle, bottom):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def main(argv=None):
    """Optimize, print how near the real system comes to the goal and how fast this is, and save the picture."""
    parser = argparse.ArgumentParser(description="Find the torques that bring four pendulums to a given position.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    path = parser.parse_args(argv).output / "trajectory_optimization.png"

    net = midpoint_step(fj.load(HERE / "dynamics.safetensors"))
    model = compiled_model(net)
    torques, states, costs = optimize(model, START, SCALES)
    real = real_states(torques)
    start = perf_counter()
    optimize(model, START, SCALES)
    time = perf_counter() - start
    by_state, by_torque = net.jacobian((states[:-1], torques))
    print(net)
    print(f"Along the way: A {by_state.shape}, B {by_torque.shape}")
    print(f"Cost: {costs[0]:.3g} before, {costs[-1]:.3g} after {ROUNDS} rounds")
    for name, found in (("network", states), ("real system", real)):
        print(f"Distance from the goal, {name}: {np.linalg.norm(found[-1] - GOAL):.3f}")
    print(f"One round takes {1e3 * time / ROUNDS:.2f} ms: {N_STEPS} Jacobians, and {N_STEPS} steps or more forwards")
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, states, real, torques, costs)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
