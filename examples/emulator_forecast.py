"""Forecast, fit and sample the parameters of a spectrum with an emulator: Fisher matrix, least squares, Hamiltonian Monte Carlo.

    python examples/emulator_forecast.py --output pictures

The emulator is a network from 6 parameters to 500 points of a spectrum, with the gated activation of cosmology's emulators (see
emulator.py). The noise of all points is correlated. The Fisher matrix forecasts how well the parameters can be known,
`least_squares` finds the best parameters for data, and Monte Carlo draws from the parameters' distribution, to see whether the
forecast holds.

Needs fastjac, SciPy and matplotlib. Writes `emulator_forecast.png` to `--output`, by default the current directory.
"""

import argparse
from pathlib import Path

import numpy as np
from emulator import MEAN, NAMES, WIDTH, noise, simulate, train
from matplotlib.figure import Figure
from scipy.optimize import least_squares

import fastjac as fj
import fastjac.scipy as fs


def sample(residuals, z, rng, n_draws=40, n_steps=5, step=0.4):
    """Draw from exp(-|residuals(z)|^2 / 2) by Hamiltonian Monte Carlo, a chain from each row of z; yield the chains' places."""

    def log_density(z):
        lin = residuals.linearize(z)  # one sweep for the value and its gradient
        return -0.5 * np.sum(lin.value**2, axis=-1), -lin.vjp(lin.value)

    for _ in range(n_draws):
        (before, slope), start, new = log_density(z), rng.normal(size=z.shape), z
        momentum = start + 0.5 * step * slope
        for _ in range(n_steps):  # leapfrog
            new = new + step * momentum
            after, slope = log_density(new)
            momentum = momentum + step * slope
        gain = after - before + 0.5 * np.sum(start**2 - (momentum - 0.5 * step * slope) ** 2, axis=-1)
        z = np.where(np.log(rng.uniform(size=gain.shape))[:, None] < gain[:, None], new, z)
        yield z


def draw(path, draws, truth, best, covariance):
    """Plot the draws in each plane of two parameters, and the ellipses that the forecast's covariance puts around the fit."""
    figure = Figure(figsize=(10, 9.5), layout="constrained")
    axes = figure.subplots(5, 5, sharex="col", sharey="row")
    turn = np.append(np.linspace(0, 2 * np.pi, 100), np.nan)  # nan, so that no line joins the two ellipses
    circles = np.outer([np.cos(turn), np.sin(turn)], [1.52, 2.49]).reshape(2, -1, 2).swapaxes(1, 2).reshape(2, -1)
    for i, j in zip(*np.tril_indices(5), strict=True):
        pair, axis = [j, i + 1], axes[i, j]
        axis.plot(*draws[:, pair].T, ".", color="#56b4e9", markersize=2, label="drawn by Monte Carlo")
        ellipses = best[pair, None] + np.linalg.cholesky(covariance[np.ix_(pair, pair)]) @ circles
        axis.plot(*ellipses, color="#d55e00", label="forecast around the fit: 68% and 95%")
        axis.plot(*truth[pair], "k+", markersize=12, label="truth")
        axis.set(xlabel=NAMES[j] if i == 4 else None, ylabel=NAMES[i + 1] if j == 0 else None)
        axis.locator_params(nbins=3)
    for axis in axes[np.triu_indices(5, 1)]:
        axis.remove()
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc=(0.45, 0.8), frameon=False, fontsize=13)
    figure.savefig(path, dpi=80)


def main(argv=None):
    """Print the forecast beside the fit and the draws, and save the picture."""
    parser = argparse.ArgumentParser(description="Forecast, fit and sample parameters with an emulator.")
    parser.add_argument("--output", type=Path, default=Path(), help="directory for the picture (default: the current one)")
    path = parser.parse_args(argv).output / "emulator_forecast.png"

    rng = np.random.default_rng(0)
    net, prior, truth = train(rng), fs.Gaussian(MEAN, sigma=WIDTH), rng.normal(MEAN, WIDTH)
    forecast = np.linalg.inv(net.fisher(truth, np.linalg.inv(noise())) + np.diag(WIDTH**-2.0))

    data = fs.Gaussian(rng.multivariate_normal(simulate(truth), noise()), covariance=noise())
    residuals = fs.Residuals(fs.Function(net), data, prior)
    fit = least_squares(residuals, MEAN, jac=residuals.jac, x_scale=WIDTH)

    # The same residuals for coordinates z in which the forecast's deviation is 1 in every direction, which suits the chains.
    start = fj.Affine(np.linalg.cholesky(forecast), fit.x)
    whitened = fj.Network([start, fj.Parallel([[net, data.layer()], [prior.layer()]], join="concatenate")])
    draws = fj.Network([start])(np.concatenate([*sample(whitened, rng.normal(size=(64, 6)), rng)]))

    for name, *row in zip(NAMES, truth, fit.x, np.sqrt(np.diag(forecast)), draws.std(axis=0), strict=True):
        print("{:13} is {:.4g}; fit {:.4g}, deviation forecast {:.2g}, drawn {:.2g}".format(name, *row))
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path, draws, truth, fit.x, forecast)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
