"""Random graphs of every operator agree with the ONNX project's own evaluator in values, and with its differences."""

import numpy as np

import fastjac
from fastjac.errors import FastjacError

from .graphs import STEP, joined, reference_of
from .random_graphs import random_graph

N_GRAPHS = 250
BATCHES = (1, 2, 7)
TOLERANCE = 1e-11


def checked(seed: int) -> str:
    """Compare the network of one graph with the evaluator: "" if it agrees, else why fastjac refuses it."""
    proto, shapes = random_graph(seed)
    rng = np.random.default_rng(seed)
    try:
        net = fastjac.from_onnx(proto)
    except FastjacError as error:
        return str(error)
    for batch in BATCHES:
        inputs = {name: rng.normal(size=(batch, *shape)) for name, shape in shapes.items()}
        flat = np.concatenate([array.reshape(batch, -1) for array in inputs.values()], axis=1)
        y, jac = joined(net, flat)
        expected = np.concatenate(reference_of(proto, inputs), axis=1)
        scale = 1.0 + np.abs(expected)
        assert np.all((np.abs(y - expected) <= TOLERANCE * scale) | (y == expected)), f"seed {seed}: values differ"
    assert_slopes(proto, shapes, flat, jac, seed)
    return ""


def assert_slopes(proto, shapes, flat, jac, seed):
    """The Jacobian times a random direction is the difference along it, but near a kink."""
    direction = np.random.default_rng(seed).normal(size=flat.shape)

    def evaluated(t):
        parts = np.split(flat + t * direction, np.cumsum([int(np.prod(s)) for s in shapes.values()])[:-1], axis=1)
        given = {name: part.reshape(-1, *shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        return np.concatenate(reference_of(proto, given), axis=1)

    slope = np.einsum("boi,bi->bo", jac, direction)
    differences = [(evaluated(t) - evaluated(-t)) / (2 * t) for t in (STEP, STEP / 8)]
    scale = 1.0 + np.abs(slope) + np.abs(evaluated(0.0))
    wild = np.abs(differences[0] - differences[1]) > 1e-7 * scale
    near = np.abs(slope - differences[0]) <= 1e-5 * scale
    assert np.all(near | wild), f"seed {seed}: Jacobians differ"


def test_random_graphs_agree():
    refused = {seed: reason for seed in range(N_GRAPHS) if (reason := checked(seed))}
    assert len(refused) <= N_GRAPHS // 50, refused
