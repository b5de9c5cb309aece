"""Train a model of a mechanical system, 12-64-64-8 with tanh, in plain NumPy, and save it with fastjac.

    python examples/dynamics_train.py

The system is a row of four pendulums, neighbours joined by springs, each with a motor: 8 states (angles and angular
velocities) and 4 inputs (torques) give the 8 derivatives of the states. The network learns them from random samples.

Needs NumPy and safetensors, and about ten seconds. The file that it writes, `dynamics.safetensors` in `--output`, is in the
repository, so the script is needed only to train anew.
"""

import argparse
from pathlib import Path

import numpy as np

import fastjac as fj

HERE = Path(__file__).resolve().parent
N_PENDULUMS = 4
N_STATES = 2 * N_PENDULUMS
GRAVITY, DAMPING, STIFFNESS = 9.81, 0.3, 4.0  # per unit of inertia
LARGEST = np.repeat([2.0, 4.0, 6.0], N_PENDULUMS)  # the largest angles, velocities and torques in the samples
BATCH = 256
SPRINGS = STIFFNESS * (np.eye(4, k=1) + np.eye(4, k=-1) - np.diag([1.0, 2.0, 2.0, 1.0]))


def pendulums(z):
    """The derivatives (..., 8) of the states for `z (..., 12)`: angles, angular velocities, torques."""
    angles, velocities, torques = np.split(z, 3, axis=-1)
    accelerations = torques - GRAVITY * np.sin(angles) - DAMPING * velocities + angles @ SPRINGS
    return np.concatenate([velocities, accelerations], axis=-1)


def train(z, target, epochs, rng):
    """Weights and biases of the 12-64-64-8 tanh network, trained by Adam on the mean squared error."""
    sizes = [(64, 12), (64, 64), (8, 64)]
    parameters = [rng.standard_normal(size) / np.sqrt(size[1]) for size in sizes] + [np.zeros(size[0]) for size in sizes]
    first, second = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    n_steps = epochs * (len(z) // BATCH)
    for step in range(1, n_steps + 1):
        batch = rng.integers(len(z), size=BATCH)
        rate = 4e-3 * 0.5 * (1.0 + np.cos(np.pi * step / n_steps))
        for p, g, m, v in zip(parameters, gradients(parameters, z[batch], target[batch]), first, second, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    return parameters[:3], parameters[3:]


def gradients(parameters, z, target):
    """The loss's gradient by every parameter: backpropagation by hand."""
    w1, w2, w3, b1, b2, b3 = parameters
    a1 = np.tanh(z @ w1.T + b1)
    a2 = np.tanh(a1 @ w2.T + b2)
    g3 = 2.0 * (a2 @ w3.T + b3 - target) / target.size
    g2 = (g3 @ w3) * (1.0 - a2**2)
    g1 = (g2 @ w2) * (1.0 - a1**2)
    return g1.T @ z, g2.T @ a1, g3.T @ a2, g1.sum(0), g2.sum(0), g3.sum(0)


def main(argv=None):
    """Train, print the error on new samples, and write `dynamics.safetensors`."""
    parser = argparse.ArgumentParser(description="Train the dynamics model of four coupled pendulums.")
    parser.add_argument("--output", type=Path, default=HERE)
    parser.add_argument("--epochs", type=int, default=250)
    args = parser.parse_args(argv)

    rng = np.random.default_rng(0)
    z = rng.uniform(-LARGEST, LARGEST, (20_000, LARGEST.size))
    target = pendulums(z)
    scale = target.std(axis=0)
    (w1, w2, w3), (b1, b2, b3) = train(z / LARGEST, target / scale, args.epochs, rng)

    # The scaling of inputs and outputs goes into the outer weights, so that the network takes and gives physical units.
    net = fj.Network(
        [
            fj.Affine(w1 / LARGEST, b1),
            fj.Tanh(),
            fj.Affine(w2, b2),
            fj.Tanh(),
            fj.Affine(w3 * scale[:, None], b3 * scale),
        ]
    )
    new = rng.uniform(-LARGEST, LARGEST, (1000, LARGEST.size))
    error = np.sqrt(np.mean((net(new) - pendulums(new)) ** 2)) / np.sqrt(np.mean(pendulums(new) ** 2))
    print(net)
    print(f"Error on 1000 new samples: {error:.2%} of the derivatives' size")
    net.save(args.output / "dynamics.safetensors")


if __name__ == "__main__":
    main()
