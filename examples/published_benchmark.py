"""A published benchmark: the Jacobian of affine-ReLU-affine-softmax, 500-100-10, at one input, computed in six ways.

    python examples/published_benchmark.py

The network and the question are those of J. Herzen, "Computing the Jacobian matrix of a neural network in Python" (Unit8,
2018). Central differences, a formula written by hand in NumPy, autograd, torch.func, JAX and fastjac must give the same
10 x 500 matrix; then each is timed. A library that is not installed is left out, and a line says so.
"""

import argparse
import importlib.util
import time
import timeit

import numpy as np

import fastjac as fj

N_IN, N_HIDDEN, N_OUT = 500, 100, 10
EXACT = 1e-12  # how far two exact methods may differ, relative to the largest entry of the Jacobian
NUMERICAL = 1e-6  # how far central differences may differ, relative to the same entry
STEP = 1e-6


def random_parameters(seed):
    """Weights and biases of both affine layers, `w1, b1, w2, b2`, in float64."""
    random = np.random.default_rng(seed)
    w1, w2 = random.normal(size=(N_HIDDEN, N_IN)), random.normal(size=(N_OUT, N_HIDDEN))
    return w1 * np.sqrt(2 / N_IN), random.normal(size=N_HIDDEN), w2 * np.sqrt(2 / N_HIDDEN), random.normal(size=N_OUT)


def network(xp, parameters, x):
    """The output `(10,)` for one input `(500,)`; `xp` is any library with NumPy's functions, torch among them."""
    w1, b1, w2, b2 = parameters
    hidden = w1 @ x + b1
    scores = w2 @ (hidden * (hidden > 0)) + b2
    powers = xp.exp(scores - scores.max())
    return powers / powers.sum()


def with_fastjac(parameters):
    w1, b1, w2, b2 = parameters
    return fj.Network([fj.Affine(w1, b1), fj.ReLU(), fj.Affine(w2, b2), fj.Softmax()]).jacobian


def by_hand(parameters):
    """`J = (diag(s) - s s^T) W2 diag(h > 0) W1`, multiplied from the left, where the matrices are smallest."""
    w1, b1, w2, b2 = parameters

    def jacobian(x):
        hidden = w1 @ x + b1
        scores = w2 @ np.maximum(hidden, 0) + b2
        s = np.exp(scores - scores.max())
        s /= s.sum()
        return (s[:, None] * (w2 - s @ w2) * (hidden > 0)) @ w1

    return jacobian


def with_autograd(parameters):
    import autograd
    import autograd.numpy as anp

    return autograd.jacobian(lambda x: network(anp, parameters, x))


def with_torch(parameters):
    import torch

    tensors = [torch.from_numpy(array) for array in parameters]
    jacobian = torch.func.jacrev(lambda x: network(torch, tensors, x))
    return lambda x: jacobian(torch.from_numpy(x)).numpy()


def with_jax(parameters):
    import jax

    jax.config.update("jax_enable_x64", True)
    arrays = [jax.numpy.asarray(array) for array in parameters]
    jacobian = jax.jit(jax.jacrev(lambda x: network(jax.numpy, arrays, x)))
    return lambda x: np.asarray(jacobian(x))


def by_differences(parameters):
    """Column j is `(f(x + h e_j) - f(x - h e_j)) / 2h`: two evaluations for each of the 500 inputs."""

    def jacobian(x):
        steps = STEP * np.eye(N_IN)
        columns = [network(np, parameters, x + step) - network(np, parameters, x - step) for step in steps]
        return np.stack(columns, axis=1) / (2 * STEP)

    return jacobian


METHODS = [  # name, the package it needs, how to make the function from x to J, how far it may differ
    ("fastjac", "fastjac", with_fastjac, EXACT),
    ("NumPy by hand", "numpy", by_hand, EXACT),
    ("JAX", "jax", with_jax, EXACT),
    ("torch.func", "torch", with_torch, EXACT),
    ("autograd", "autograd", with_autograd, EXACT),
    ("central differences", "numpy", by_differences, NUMERICAL),
]


def seconds_per_call(function):
    """The mean over at least 0.2 s of calls."""
    time.sleep(0.01)  # threads of the library timed before are still spinning and would slow this one
    function()
    calls, seconds = timeit.Timer(function).autorange()
    return seconds / calls


def main(argv=None):
    """Compare all methods that are installed, and print a table of differences and times."""
    parser = argparse.ArgumentParser(description="The Jacobian of a 500-100-10 network, computed and timed in six ways.")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights and the input")
    seed = parser.parse_args(argv).seed
    parameters = random_parameters(seed)
    x = np.random.default_rng(seed + 1).normal(size=N_IN)
    expected = by_hand(parameters)(x)

    rows, left_out = [], []
    for name, package, make, tolerance in METHODS:
        if importlib.util.find_spec(package) is None:
            left_out.append(f"{name} is left out: it is not installed (pip install {package}).")
            continue
        jacobian = make(parameters)
        difference = np.abs(jacobian(x) - expected).max() / np.abs(expected).max()
        assert difference <= tolerance, f"{name} differs by {difference:.1e}, where at most {tolerance:.0e} is right"
        rows.append((name, difference, seconds_per_call(lambda jacobian=jacobian: jacobian(x))))

    print(f"The {N_OUT} x {N_IN} Jacobian at one input, float64; differences are relative to NumPy by hand.\n")
    print(f"{'method':<20} {'difference':>10} {'time':>12} {'time / fastjac':>15}")
    for name, difference, seconds in rows:
        print(f"{name:<20} {difference:>10.1e} {seconds * 1e6:>9,.1f} us {seconds / rows[0][2]:>15,.1f}")
    print("", *left_out, sep="\n")


if __name__ == "__main__":
    main()
