"""Random chains of every layer, and inputs for them at which a Jacobian is well defined and well conditioned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from fastjac import layers as fl
from fastjac.layers import Layer
from tests import naive
from tests.activations import TWINS

Rng = np.random.Generator
BATCHES = (0, 1, 7, 64)
MAX_WIDTH = 300
PROBES = 8
"""Inputs that the builder watches."""
MAX_RMS = 10.0
"""An elementwise layer whose output would pass this is drawn again, so that runs of Exp stay of order 1."""
MIN_KINK_DISTANCE = 1e-4
"""A layer on whose kinks the units crowd (a ReLU after a TanhShrink) is drawn again."""
MIN_GAIN = 1e-4
"""A layer that shrinks the Jacobian below this share of it (a saturated softmax) is drawn again: only rounding would be left."""
KINK_MARGIN = 1e-5
MAX_ROUNDING = 2e-6
ROUNDINGS = 3
"""What makes an input fair; see `fair_inputs`. One rounding alone may by chance move little."""

ELEMENTWISE = tuple(draw for twin in TWINS.values() for draw in twin.draws)
DRAWN = set(fl.LAYERS.values()) - {kind for kind, twin in TWINS.items() if not twin.draws}
"""Every layer that random networks hold."""
NORMALIZERS: tuple[Callable[[Rng, int], Layer], ...] = (
    lambda rng, n: fl.Softmax(),
    lambda rng, n: fl.LogSoftmax(),
    lambda rng, n: fl.Sparsemax(),
    lambda rng, n: fl.LayerNorm(rng.uniform(0.5, 1.5, n), rng.standard_normal(n)),
    lambda rng, n: fl.LayerNorm(rng.uniform(0.5, 1.5, n), eps=1e-3),
    lambda rng, n: fl.LayerNorm(),
)


@dataclass(frozen=True)
class RandomNetwork:
    """A chain of layers, its number of inputs, and a batch size to try it with."""

    layers: tuple[Layer, ...]
    n_in: int
    batch: int


@cache
def random_network(seed: int) -> RandomNetwork:
    """The network of this seed: 1 to 8 Affines of widths 1 to 300 (small ones likelier), runs of 0 to 3 layers around them."""
    rng = np.random.default_rng(seed)
    widths = np.exp(rng.uniform(0, np.log(MAX_WIDTH + 1), rng.integers(2, 10))).astype(int)
    builder = _Builder(rng, rng.standard_normal((PROBES, widths[0])))
    builder.add_run()
    for n_out in widths[1:]:
        builder.add_affine(int(n_out))
        builder.add_run()
    return RandomNetwork(tuple(builder.layers), int(widths[0]), BATCHES[seed % len(BATCHES)])


class _Builder:
    """Appends layers while it watches what they do to a small batch, so that values stay of order 1 at any depth."""

    def __init__(self, rng: Rng, x: np.ndarray) -> None:
        self.rng = rng
        self.x = x
        self.jacobian = np.broadcast_to(np.eye(x.shape[-1]), (*x.shape, x.shape[-1]))
        self.layers: list[Layer] = []

    def add_affine(self, n_out: int) -> None:
        n_in = self.x.shape[-1]
        weight = self.rng.standard_normal((n_out, n_in)) / (np.sqrt(n_in) * (_rms(self.x) + 0.1))
        self._add(fl.Affine(weight, self.rng.standard_normal(n_out) if self.rng.random() < 0.8 else None))

    def add_run(self) -> None:
        """Elementwise layers and normalizers: most often one, at times none or several."""
        for _ in range(self.rng.choice(4, p=[0.15, 0.6, 0.15, 0.1])):
            self._add(self._draw())

    def _draw(self) -> Layer:
        n = self.x.shape[-1]
        while True:
            family = NORMALIZERS if self.rng.random() < 0.12 else ELEMENTWISE
            layer = family[self.rng.integers(len(family))](self.rng, n)
            if self._keeps_order_one(layer):
                return layer

    def _keeps_order_one(self, layer: Layer) -> bool:
        gain = _size(naive.push(layer, self.x, self.jacobian)) / max(_size(self.jacobian), 1e-300)
        crowded = np.median(kink_distance([layer], self.x)) < MIN_KINK_DISTANCE
        # Few units, fewer live: layer normalization then annihilates nearly every direction, and float32 keeps only rounding.
        too_narrow = isinstance(layer, fl.LayerNorm) and self.x.shape[-1] < 8
        return gain > MIN_GAIN and not (crowded or too_narrow) and _rms(naive.layer_value(layer, self.x)) < MAX_RMS

    def _add(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.jacobian = naive.push(layer, self.x, self.jacobian)
        self.x = naive.layer_value(layer, self.x)


def _size(jacobian: np.ndarray) -> float:
    """The largest entry of a sample's Jacobian, in the middle one of the samples."""
    return float(np.median(np.abs(jacobian).max(axis=(1, 2))))


def _rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))


def fair_inputs(layers: Sequence[Layer], n_in: int, batch: int, rng: Rng) -> np.ndarray:
    """`batch` inputs (batch, n_in), numbers of float32, whose Jacobian a careful program can compute.

    No layer's input lies within KINK_MARGIN of a kink. One exactly on a kink stays: it is what one clamp hands to the next
    (the 0 of a ReLU), and no rounding moves it. Nor does rounding to float32 between the layers move J by more than
    MAX_ROUNDING of it, which leaves the kernels themselves most of the 2e-5 that float32 is allowed.
    """
    found = np.empty((0, n_in))
    for _ in range(1000):
        if len(found) == batch:
            return found
        x = rng.standard_normal((batch - len(found), n_in)).astype(np.float32).astype(np.float64)
        x = x[kink_distance(layers, x) > KINK_MARGIN]
        found = np.concatenate([found, x[_well_conditioned(layers, x, rng)]])
    raise AssertionError(f"too few inputs are well conditioned and farther than {KINK_MARGIN} from the kinks of {layers}")


def _well_conditioned(layers: Sequence[Layer], x: np.ndarray, rng: Rng) -> np.ndarray:
    """For every input (batch,): whether J stays put while every value and every Jacobian on the way is rounded anew."""
    exact = naive.jacobian(layers, x)
    moved = np.max([np.abs(_rounded_jacobian(layers, x, rng) - exact).max(axis=(1, 2)) for _ in range(ROUNDINGS)], axis=0)
    return moved <= MAX_ROUNDING * np.abs(exact).max(axis=(1, 2))


def _rounded_jacobian(layers: Sequence[Layer], x: np.ndarray, rng: Rng) -> np.ndarray:
    y, rounded = x, np.broadcast_to(np.eye(x.shape[-1]), (*x.shape, x.shape[-1]))
    for layer in layers:
        rounded = _jitter(naive.push(layer, y, rounded), rng)
        y = _jitter(naive.layer_value(layer, y), rng)
    return rounded


def _jitter(a: np.ndarray, rng: Rng) -> np.ndarray:
    return a * (1 + rng.uniform(-1, 1, a.shape[1:]) * 2.0**-24)


def kink_distance(layers: Sequence[Layer], x: np.ndarray) -> np.ndarray:
    """For every input (batch,): how far the nearest unit is from a kink without being on it, infinite without kinks."""
    nearest = np.full(len(x), np.inf)
    for layer, at in zip(layers, naive.layer_inputs(layers, x), strict=False):
        for kink in _kinks(layer, at):
            distance = np.abs(at - kink)
            nearest = np.minimum(nearest, np.where(distance > 0, distance, np.inf).min(axis=-1))
    return nearest


def _kinks(layer: Layer, x: np.ndarray) -> Sequence[float | np.ndarray]:
    """Where the derivative jumps, the edge of Sparsemax's support included."""
    if isinstance(layer, fl.Sparsemax):
        support = naive.layer_value(layer, x) > 0
        edge = np.sum(x, axis=-1, where=support, keepdims=True) - 1
        return (edge / support.sum(axis=-1, keepdims=True),)
    return layer.kinks if isinstance(layer, fl.Activation) else ()
