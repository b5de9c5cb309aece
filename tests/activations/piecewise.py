"""The activations with kinks, and Scale."""

import mpmath as mp
import numpy as np
from mpmath import mpf

from fastjac import layers as fl

from .optional_torch import functional, torch
from .twin import Array, Bend, Twin, clip, ramp, tensor

SELU_SCALE = mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mpf("1.6732632423543772848170429916717")


def selu(layer: fl.SELU, x: Array) -> tuple[Array, Array]:
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * np.where(x > 0, x, alpha * np.expm1(x)), scale * np.where(x > 0, 1.0, alpha * np.exp(x))


def hard_swish(layer: fl.HardSwish, x: Array) -> tuple[Array, Array]:
    inside = np.where(x < 3, x / 3 + 0.5, 1.0)
    return x * np.clip(x / 6 + 0.5, 0.0, 1.0), np.where(x > -3, inside, 0.0)


def hard_shrink(layer: fl.HardShrink, x: Array) -> tuple[Array, Array]:
    dead = abs(x) <= layer.lambd
    return np.where(dead, 0.0, x), (abs(x) > layer.lambd) * 1.0


def soft_shrink(layer: fl.SoftShrink, x: Array) -> tuple[Array, Array]:
    dead = abs(x) <= layer.lambd
    return np.where(dead, 0.0, x - layer.lambd * np.sign(x)), (abs(x) > layer.lambd) * 1.0


def threshold(layer: fl.Threshold, x: Array) -> tuple[Array, Array]:
    dead = x <= layer.threshold
    return np.where(dead, layer.value, x), np.where(dead, 0.0, 1.0)


TWINS = {
    fl.ReLU: Twin(
        layers=[fl.ReLU()],
        naive=lambda layer, x: (np.maximum(x, 0.0), ~(x <= 0.0) * 1.0),
        torch=lambda layer, x: functional.relu(x),
        exact=lambda layer, x: max(x, 0),
        draws=[lambda rng, n: fl.ReLU()],
    ),
    fl.LeakyReLU: Twin(
        layers=[fl.LeakyReLU(0.2), fl.LeakyReLU(), fl.LeakyReLU(0.3)],
        naive=lambda layer, x: (np.where(x > 0, x, layer.negative_slope * x), np.where(x > 0, 1.0, layer.negative_slope)),
        torch=lambda layer, x: functional.leaky_relu(x, layer.negative_slope),
        exact=lambda layer, x: x if x > 0 else layer.negative_slope * x,
        draws=[lambda rng, n: fl.LeakyReLU(rng.uniform(0.01, 0.4))],
    ),
    fl.PReLU: Twin(
        layers=[fl.PReLU(), fl.PReLU(np.array([0.1]))],
        naive=lambda layer, x: (np.where(x > 0, x, layer.weight * x), np.where(x > 0, 1.0, layer.weight)),
        torch=lambda layer, x: functional.prelu(x, tensor(layer.weight).to(x.dtype).reshape(-1)),
        exact=lambda layer, x: x if x > 0 else layer.weight * x,
        draws=[lambda rng, n: fl.PReLU(rng.uniform(0.05, 0.5, n)), lambda rng, n: fl.PReLU(rng.uniform(0.05, 0.5))],
    ),
    fl.Abs: Twin(
        layers=[fl.Abs()],
        naive=lambda layer, x: (np.abs(x), np.sign(x)),
        torch=lambda layer, x: torch.abs(x),
        exact=lambda layer, x: abs(x),
        draws=[lambda rng, n: fl.Abs()],
    ),
    fl.ELU: Twin(
        layers=[fl.ELU(1.3), fl.ELU(), fl.ELU(0.5)],
        naive=lambda layer, x: (np.where(x > 0, x, layer.alpha * np.expm1(x)), np.where(x > 0, 1.0, layer.alpha * np.exp(x))),
        torch=lambda layer, x: functional.elu(x, layer.alpha),
        exact=lambda layer, x: x if x > 0 else layer.alpha * (mp.exp(x) - 1),
        draws=[lambda rng, n: fl.ELU(rng.uniform(0.5, 1.5))],
        bend=lambda layer: Bend(jumps=(0.0,)),
    ),
    fl.SELU: Twin(
        layers=[fl.SELU()],
        naive=selu,
        torch=lambda layer, x: functional.selu(x),
        exact=lambda layer, x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * (mp.exp(x) - 1)),
        draws=[lambda rng, n: fl.SELU()],
    ),
    fl.HardTanh: Twin(
        layers=[fl.HardTanh(-1.5, 2.0), fl.HardTanh(), fl.HardTanh(-0.5, 2.5)],
        naive=lambda layer, x: (np.clip(x, layer.min_val, layer.max_val), ((x > layer.min_val) & (x < layer.max_val)) * 1.0),
        torch=lambda layer, x: functional.hardtanh(x, layer.min_val, layer.max_val),
        exact=lambda layer, x: clip(x, layer.min_val, layer.max_val),
        draws=[lambda rng, n: fl.HardTanh(rng.uniform(-2.0, -0.5), rng.uniform(0.5, 2.0))],
    ),
    fl.ReLU6: Twin(
        layers=[fl.ReLU6()],
        naive=lambda layer, x: (np.clip(x, 0.0, 6.0), ((x > 0.0) & (x < 6.0)) * 1.0),
        torch=lambda layer, x: functional.relu6(x),
        exact=lambda layer, x: clip(x, 0, 6),
        draws=[lambda rng, n: fl.ReLU6()],
    ),
    fl.Clamp: Twin(
        layers=[fl.Clamp(-1.5, 2.0), fl.Clamp(), fl.Clamp(-0.5, 2.5), fl.Clamp(min_val=1.0)],
        naive=lambda layer, x: (np.clip(x, layer.min_val, layer.max_val), ((x >= layer.min_val) & (x <= layer.max_val)) * 1.0),
        torch=lambda layer, x: torch.clamp(x, layer.min_val, layer.max_val),
        exact=lambda layer, x: clip(x, layer.min_val, layer.max_val),
        draws=[lambda rng, n: fl.Clamp(rng.uniform(-2.0, -0.5), rng.uniform(0.5, 2.0))],
    ),
    fl.HardSigmoid: Twin(
        layers=[fl.HardSigmoid()],
        naive=lambda layer, x: (np.clip(x / 6 + 0.5, 0.0, 1.0), np.where(abs(x) < 3, 1 / 6, 0.0)),
        torch=lambda layer, x: ramp(x, 3.0),
        exact=lambda layer, x: clip(x / 6 + mpf(1) / 2, 0, 1),
        draws=[lambda rng, n: fl.HardSigmoid()],
    ),
    fl.HardSwish: Twin(
        layers=[fl.HardSwish()],
        naive=hard_swish,
        torch=lambda layer, x: functional.hardswish(x),
        exact=lambda layer, x: x * clip(x / 6 + mpf(1) / 2, 0, 1),
        draws=[lambda rng, n: fl.HardSwish()],
        bend=lambda layer: Bend(at_nan=0.0),
    ),
    fl.HardShrink: Twin(
        layers=[fl.HardShrink(0.75), fl.HardShrink()],
        naive=hard_shrink,
        torch=lambda layer, x: functional.hardshrink(x, layer.lambd),
        exact=lambda layer, x: x if abs(x) > layer.lambd else 0,
        draws=[lambda rng, n: fl.HardShrink(rng.uniform(0.1, 0.6))],
    ),
    fl.SoftShrink: Twin(
        layers=[fl.SoftShrink(0.75), fl.SoftShrink(0.25)],
        naive=soft_shrink,
        torch=lambda layer, x: functional.softshrink(x, layer.lambd),
        exact=lambda layer, x: mp.sign(x) * max(abs(x) - layer.lambd, 0),
        draws=[lambda rng, n: fl.SoftShrink(rng.uniform(0.1, 0.6))],
    ),
    fl.Threshold: Twin(
        layers=[fl.Threshold(0.5, 20.0), fl.Threshold(0.5, -2.0)],
        naive=threshold,
        torch=lambda layer, x: functional.threshold(x, layer.threshold, layer.value),
        exact=lambda layer, x: x if x > layer.threshold else layer.value,
        draws=[lambda rng, n: fl.Threshold(rng.uniform(-0.5, 0.5), rng.uniform(-1.0, 1.0))],
    ),
    fl.SparseSigmoid: Twin(
        layers=[fl.SparseSigmoid()],
        naive=lambda layer, x: (np.clip((x + 1) / 2, 0.0, 1.0), np.where(abs(x) < 1, 0.5, 0.0)),
        torch=lambda layer, x: ramp(x, 1.0),
        exact=lambda layer, x: clip((x + 1) / 2, 0, 1),
        draws=[lambda rng, n: fl.SparseSigmoid()],
    ),
    fl.Scale: Twin(
        layers=[fl.Scale(0.3, 1.7), fl.Scale(2.0, -1.0), fl.Scale(np.array([0.5]), np.array([3.0]))],
        naive=lambda layer, x: (layer.weight * x + layer.bias, np.asarray(layer.weight)),
        torch=lambda layer, x: tensor(layer.weight).to(x.dtype) * x + tensor(layer.bias).to(x.dtype),
        exact=lambda layer, x: layer.weight * x + layer.bias,
        draws=[
            lambda rng, n: fl.Scale(rng.uniform(0.5, 1.5, n), rng.standard_normal(n)),
            lambda rng, n: fl.Scale(rng.uniform(0.5, 1.5), rng.standard_normal(n)),
        ],
    ),
}
