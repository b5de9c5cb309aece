"""Steer four coupled pendulums by predictive control: IPOPT plans over the learned model, which CasADi takes from fastjac.

    python examples/predictive_control.py

`dynamics.safetensors` holds a network f that has learned how the pendulums move (see dynamics_train.py). For each twentieth of a
second the controller plans the torques of the next second, within limits, by a nonlinear program; it applies the first torques
and plans anew. The program contains the model at 20 stages, which `fastjac.casadi.callback` evaluates in one batch, with their
exact Jacobians. For comparison, the same network is also written as CasADi expressions, and finds the same torques.

Needs fastjac, CasADi, safetensors and matplotlib, and some ten seconds.
"""

import argparse
from time import perf_counter

import casadi
import numpy as np
from dynamics_linearization import START
from dynamics_train import HERE, N_STATES

import fastjac as fj
import fastjac.casadi

HORIZON, STEP, N_TORQUES, LARGEST_TORQUE = 20, 0.05, 4, 6.0
GOAL = np.repeat([0.4, 0.0], N_STATES // 2)
# IPOPT approximates the Hessian from gradients, because the callback gives no second derivatives.
IPOPT = {"hessian_approximation": "limited-memory", "print_level": 0, "sb": "yes"}


def midpoint_rule(f, x, u, join):
    """The state one step after x, written in fastjac's nodes or in CasADi's expressions."""
    middle = x + 0.5 * STEP * f(join(x, u))
    return x + STEP * f(join(middle, u))


def by_fastjac(net):
    """The step of all stages as a CasADi function of states (8, HORIZON) and torques (4, HORIZON)."""
    x, u = fj.Input(N_STATES), fj.Input(N_TORQUES)
    following = midpoint_rule(net, x, u, lambda *parts: fj.concatenate(parts))
    return fastjac.casadi.callback(fj.Network(inputs=(x, u), outputs=following), HORIZON)


def by_expressions(net):
    """The same CasADi function, with the network written layer by layer in CasADi."""

    def f(z):
        for layer in net:
            is_affine = isinstance(layer, fj.Affine)
            z = casadi.DM(layer.weight) @ z + casadi.DM(layer.bias) if is_affine else casadi.tanh(z)
        return z

    x, u = casadi.MX.sym("x", N_STATES), casadi.MX.sym("u", N_TORQUES)
    return casadi.Function("step", [x, u], [midpoint_rule(f, x, u, casadi.vertcat)]).map(HORIZON)


class Controller:
    """Plans torques (4, HORIZON) and the states that follow (8, HORIZON); each plan starts from the plan before."""

    def __init__(self, step):
        self.opti = opti = casadi.Opti()
        self.states, self.torques = opti.variable(N_STATES, HORIZON + 1), opti.variable(N_TORQUES, HORIZON)
        self.start = opti.parameter(N_STATES)
        miss = self.states[:, 1:] - casadi.repmat(casadi.DM(GOAL), 1, HORIZON)
        opti.minimize(casadi.sumsqr(miss) + 0.005 * casadi.sumsqr(self.torques))
        opti.subject_to(self.states[:, 1:] == step(self.states[:, :-1], self.torques))
        opti.subject_to(self.states[:, 0] == self.start)
        opti.subject_to(opti.bounded(-LARGEST_TORQUE, casadi.vec(self.torques), LARGEST_TORQUE))
        opti.solver("ipopt", {"print_time": False}, IPOPT)

    def plan(self, start):
        self.opti.set_value(self.start, start)
        solution = self.opti.solve()
        self.opti.set_initial(solution.value_variables())
        return solution.value(self.torques), solution.value(self.states)[:, 1:]


def steer(step, n_plans):
    """The states (n_plans + 1, 8) and torques (n_plans, 4) of the controlled model, and the median time of a plan (s)."""
    controller, states, torques, times = Controller(step), [START], [], []
    for _ in range(n_plans):
        start = perf_counter()
        planned_torques, planned_states = controller.plan(states[-1])
        times.append(perf_counter() - start)
        torques.append(planned_torques[:, 0])
        states.append(planned_states[:, 0])
    return np.array(states), np.array(torques), np.median(times)


def time_of_derivatives(step):
    """The time (s) that the model's values and Jacobian over the horizon take."""
    x, u = casadi.MX.sym("x", N_STATES, HORIZON), casadi.MX.sym("u", N_TORQUES, HORIZON)
    following = casadi.vec(step(x, u))
    both = casadi.Function("both", [x, u], [following, casadi.jacobian(following, casadi.veccat(x, u))])
    times = []
    for number in range(20):
        start = perf_counter()
        both(np.full((N_STATES, HORIZON), 0.01 * number), np.ones((N_TORQUES, HORIZON)))
        times.append(perf_counter() - start)
    return min(times)


def main(argv=None):
    """Steer with both models; print how near the goal they come, how far they differ, and how fast they are."""
    parser = argparse.ArgumentParser(description="Steer four pendulums by predictive control over a learned model.")
    parser.add_argument("--plans", type=int, default=30, help="how often to plan")
    n_plans = parser.parse_args(argv).plans

    net = fj.load(HERE / "dynamics.safetensors")
    print(f"{np.linalg.norm(START - GOAL):.2f} from the goal at the start")
    found = []
    for name, step in (("fastjac", by_fastjac(net)), ("expressions", by_expressions(net))):
        states, torques, time = steer(step, n_plans)
        found.append(torques)
        print(f"{name}: {np.linalg.norm(states[-1] - GOAL):.2f} from the goal after {n_plans} plans")
        print(f"  a plan takes {1e3 * time:.0f} ms; the model's values and Jacobian {1e3 * time_of_derivatives(step):.2f} ms")
    print(f"Largest difference of the torques: {np.abs(found[0] - found[1]).max():.1e}")


if __name__ == "__main__":
    main()
