"""Fit a small network by Levenberg and Marquardt's method, with the Jacobian of its outputs by its parameters, and by Adam.

    python examples/levenberg_marquardt.py --output pictures

The network, 2-12-12-1 with tanh, learns a function of two variables from 400 samples. SciPy's `least_squares` needs the
residuals (400,) and their Jacobian by the 205 parameters (400, 205), which `parameter_jacobian` gives in one call. From this
Jacobian the method approximates the loss's Hessian. Adam has the gradient alone, from `parameter_vjp`, and takes many cheaper
steps.

Needs fastjac, SciPy and matplotlib, and under half a minute. Writes `levenberg_marquardt.png` to `--output`, by default the
current directory.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import least_squares
from training import Adam, random_network

import fastjac as fj

SIZES = (2, 12, 12, 1)
SAMPLES = 400
COLOURS = {"Adam": "#e69f00", "Levenberg-Marquardt": "#0072b2"}


def samples(rng):
    """Inputs (400, 2) and what the network should give for them (400, 1)."""
    x = rng.uniform(-1.5, 1.5, (SAMPLES, 2))
    first, second = x[:, :1], x[:, 1:]
    return x, np.sin(3 * first) * np.cos(2 * second) + first * second


class Regression:
    """The residuals of a network with any parameters, their derivatives, and a record of the fit.

    history : at each evaluation, the time since the start (s) and the mean square of the residuals.
    """

    def __init__(self, net, x, target):
        self.net, self.x, self.target = net, x, target
        self.history, self.start = [], perf_counter()

    def residuals(self, theta):
        """The residuals (400,) of the network with parameters theta (n_parameters,)."""
        return self._evaluate(self.net.with_parameters(theta)).ravel()

    def jacobian(self, theta):
        """The residuals' derivatives by the parameters, (400, n_parameters)."""
        return self.net.with_parameters(theta).parameter_jacobian(self.x)[:, 0]

    def gradient(self, net):
        """The derivative of the residuals' mean square by the parameters of `net`, (n_parameters,)."""
        return net.parameter_vjp(self.x, 2 * self._evaluate(net) / len(self.x))[1]

    def _evaluate(self, net):
        residuals = net(self.x) - self.target
        self.history.append((perf_counter() - self.start, np.mean(residuals**2)))
        return residuals


def by_levenberg_marquardt(regression, evaluations):
    least_squares(
        regression.residuals,
        regression.net.parameters(),
        jac=regression.jacobian,
        method="lm",
        max_nfev=evaluations,
    )


def by_adam(regression, evaluations):
    net, adam = regression.net, Adam(0.1, evaluations)  # the best of several rates from 0.01 to 0.1
    for _ in range(evaluations):
        net = adam.step(net, regression.gradient(net))


def draw(path, histories):
    """Draw the best loss so far of each method, against evaluations and against time."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for name, history in histories.items():
        times, losses = np.transpose(history)
        best = np.minimum.accumulate(losses)
        left.loglog(np.arange(1, len(best) + 1), best, color=COLOURS[name], label=name)
        right.loglog(times, best, color=COLOURS[name], label=name)
    left.set_title("Best loss so far", loc="left")
    left.set(xlabel="evaluations of the network", ylabel="mean square of the residuals")
    right.set(xlabel="time (s)")
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main(argv=None):
    """Fit in both ways, print how small a loss each reaches, and save the picture."""
    parser = argparse.ArgumentParser(description="Fit a small network by Levenberg and Marquardt's method and by Adam.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    parser.add_argument("--evaluations", type=int, default=200, help="of Levenberg-Marquardt; Adam has 20 times as many")
    args = parser.parse_args(argv)
    path = args.output / "levenberg_marquardt.png"

    rng = np.random.default_rng(0)
    x, target = samples(rng)
    net = random_network(SIZES, fj.Tanh(), rng)
    for fit in (by_adam, by_levenberg_marquardt):
        fit(Regression(net, x, target), 2)  # compiles the kernels here, so that the times below leave compiling out
    histories = {}
    for name, fit, evaluations in (
        ("Adam", by_adam, 20 * args.evaluations),
        ("Levenberg-Marquardt", by_levenberg_marquardt, args.evaluations),
    ):
        regression = Regression(net, x, target)
        fit(regression, evaluations)
        histories[name] = regression.history
    for name, history in histories.items():
        times, losses = np.transpose(history)
        early = losses[: args.evaluations].min()
        print(f"{name}: loss {early:.1e} after {args.evaluations} evaluations, {losses.min():.1e} in the end, {times[-1]:.1f} s")
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, histories)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
