"""Arrays that nothing can write to, whoever sets their flags, and those that are the caller's own."""

import copy
import pickle

import numpy as np
import pytest

import fastjac as fj
from fastjac.frozen import frozen

WEIGHT = np.arange(12.0).reshape(3, 4)
LAYERS = [
    fj.Scale(np.ones(4), np.ones(4)),
    fj.Affine(WEIGHT, np.ones(3)),
    fj.PReLU(np.ones(3)),
    fj.LayerNorm(np.ones(3), np.ones(3)),
    fj.Affine(np.asfortranarray(WEIGHT)[::-1, :3]),
]
NET = fj.Network(LAYERS)
WAYS = {
    "built": NET,
    "float32": NET.astype(np.float32),
    "slice": NET[1:],
    "with_parameters": NET.with_parameters(NET.parameters()),
    "copy": copy.deepcopy(NET),
    "pickle": pickle.loads(pickle.dumps(NET)),
}


def assert_nothing_can_write_to(array: np.ndarray) -> None:
    """Neither it, nor a view of it, nor what it is itself a view of."""
    with pytest.raises(ValueError, match="read-only"):
        array[...] = array
    for view in (array, array[:], array.T, array.view(np.uint8)):
        with pytest.raises(ValueError, match="cannot set WRITEABLE flag"):
            view.flags.writeable = True
    base = array
    while isinstance(base, np.ndarray):
        assert not base.flags.writeable
        base = base.base
    assert memoryview(base).readonly


@pytest.mark.parametrize("way", WAYS)
def test_nothing_can_write_to_parameters(way: str) -> None:
    for layer in WAYS[way]:
        for array in layer.arrays.values():
            assert_nothing_can_write_to(array)
            assert array.flags.c_contiguous
            assert array.flags.aligned


@pytest.mark.parametrize("way", WAYS)
def test_nothing_can_write_to_a_program(way: str) -> None:
    for array in WAYS[way].program():
        assert_nothing_can_write_to(array)


def test_what_a_call_gives_is_the_callers_own() -> None:
    x = np.ones(4)
    gradient = NET.jacobian_vjp(x)[2](np.ones(3))
    for array in (NET.parameters(), *NET.value_and_jacobian(x), gradient.x, gradient.parameters):
        array[...] = 0
    assert NET.parameters().any()


@pytest.mark.parametrize("array", [WEIGHT, WEIGHT.T, WEIGHT[:0], np.float32(2.0) + np.zeros(()), WEIGHT[::-2, 1::2]])
def test_a_frozen_array_is_a_copy(array: np.ndarray) -> None:
    copied = frozen(array)
    np.testing.assert_array_equal(copied, array)
    assert copied.dtype == array.dtype
    assert not np.may_share_memory(copied, array)
