"""A stand-in for a scientist's emulator and data: a spectrum of 500 points by six parameters, and a network that learns it."""

import numpy as np

import fastjac as fj

NAMES = ("amplitude", "tilt", "peak distance", "contrast", "damping", "foreground")
MEAN, WIDTH = np.array([1000, 0.96, 300, 0.4, 1200, 60]), np.array([100, 0.05, 4, 0.05, 80, 20])  # of the parameters' prior
L = np.arange(10, 2010, 4)  # multipoles at which the spectrum is measured
N_UNITS, N_SPECTRA = 400, 4000


def simulate(theta):
    """Spectra (..., 500) for parameters (..., 6): peaks under a damped power law, and a foreground."""
    amplitude, tilt, distance, contrast, damping, foreground = np.moveaxis(theta[..., None], -2, 0)
    peaks = 1 + contrast * np.cos(2 * np.pi * (L / distance - 0.75))
    return amplitude * (L / 500) ** (tilt - 1) * peaks * np.exp(-((L / damping) ** 1.5)) + foreground * (L / 1000) ** 2


def train(rng):
    """An emulator of `simulate` with the gate of the CosmoPower family; its first layer is drawn, its last one is fitted."""
    weight = rng.normal(size=(N_UNITS, len(MEAN))) / (4 * WIDTH)
    gate = fj.GatedSwish(floor=rng.uniform(0, 0.5, N_UNITS), beta=rng.uniform(1, 4, N_UNITS))
    hidden = fj.Network([fj.Affine(weight, rng.normal(size=N_UNITS) - weight @ MEAN), gate])
    theta = MEAN + WIDTH * rng.uniform(-3, 3, (N_SPECTRA, len(MEAN)))
    last = np.linalg.lstsq(np.column_stack([hidden(theta), np.ones(N_SPECTRA)]), simulate(theta), rcond=None)[0]
    return fj.Network([hidden, fj.Affine(last[:-1].T, last[-1])])


def noise():
    """The covariance (500, 500) of a measured spectrum: independent noise, and calibration to 1%, which correlates all points."""
    spectrum = simulate(MEAN)
    independent = (spectrum + 20 * np.exp((L / 1500) ** 2)) / np.sqrt(2 * L + 1)
    return np.diag(independent**2) + np.outer(0.01 * spectrum, 0.01 * spectrum)
