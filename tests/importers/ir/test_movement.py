"""What moves entries moves those of a network's tensors as NumPy moves arrays, for one sample and for a batch of any axis."""

from functools import partial

import numpy as np
import pytest

from fastjac.errors import FormatError, UnsupportedLayerError
from fastjac.importers.ir import joining as jn
from fastjac.importers.ir import movement as mv
from fastjac.importers.ir.account import Account, accounting
from fastjac.importers.ir.values import Constant, Single, constant

from .tensors import SAMPLES, arrays_of, assert_moved, entries, flow_of

INDEX = np.array([[2, -1], [0, 0]])
MOVES = {
    "reshape": (lambda v: mv.reshape(v, [-1, 6]), lambda a: a.reshape(-1, 6)),
    "reshape that keeps": (lambda v: mv.reshape(v, [0, 0, -1, 1], zero_keeps=True), lambda a: a.reshape(*a.shape[:2], -1, 1)),
    "flatten": (mv.flatten, lambda a: a.reshape(len(a), -1)),
    "flatten of axis -1": (lambda v: mv.flatten(v, -1), lambda a: a.reshape(-1, a.shape[-1])),
    "flatten of all": (lambda v: mv.flatten(v, 3), lambda a: a.reshape(-1, 1)),
    "unsqueeze": (lambda v: mv.unsqueeze(v, [1, -1]), lambda a: np.expand_dims(a, (1, -1))),
    "squeeze": (lambda v: mv.squeeze(mv.unsqueeze(v, [1]), [1]), lambda a: a),
    "transpose": (lambda v: mv.transpose(v, [0, 2, 1]), lambda a: a.transpose(0, 2, 1)),
    "transpose of the batch": (lambda v: mv.transpose(v, [1, 0, 2]), lambda a: a.transpose(1, 0, 2)),
    "transpose without an order": (mv.transpose, np.transpose),
    "swap_axes": (lambda v: mv.swap_axes(v, 1, -1), lambda a: a.swapaxes(1, -1)),
    "slice": (lambda v: mv.part(v, 2, 1, 99), lambda a: a[:, :, 1:]),
    "slice from the end": (lambda v: mv.part(v, -1, -2, -1), lambda a: a[..., -2:-1]),
    "slice by steps": (
        lambda v: mv.slice_(v, *(constant(np.array([n])) for n in (-1, -(2**63), 2, -2))),
        lambda a: a[:, :, ::-2],
    ),
    "gather": (lambda v: mv.gather(v, constant(INDEX), 2), lambda a: a[:, :, INDEX]),
    "gather of a number": (lambda v: mv.gather(v, constant(np.array(-1)), 1), lambda a: a[:, -1]),
    "expand": (
        lambda v: mv.expand(mv.unsqueeze(v, [1]), [1, 4, 1, 1]),
        lambda a: np.broadcast_to(a[:, None], (len(a), 4, *a.shape[1:])),
    ),
    "tile": (lambda v: mv.tile(v, [1, 2, 3]), lambda a: np.tile(a, (1, 2, 3))),
    "flip": (lambda v: mv.flip(v, [1, 2]), lambda a: a[:, ::-1, ::-1]),
    "pad by the edge": (
        lambda v: jn.pad(v, [0, 1, 0], [0, 0, 2], constant(0.0), "edge"),
        lambda a: np.pad(a, [(0, 0), (1, 0), (0, 2)], mode="edge"),
    ),
    "pad by reflection": (
        lambda v: jn.pad(v, [0, 1, 0], [0, 0, 2], constant(0.0), "reflect"),
        lambda a: np.pad(a, [(0, 0), (1, 0), (0, 2)], mode="reflect"),
    ),
    "pad that takes away": (lambda v: jn.pad(v, [0, -1, 0], [0, 0, -1], constant(0.0)), lambda a: a[:, 1:, :-1]),
    "concatenate": (lambda v: jn.concatenate([v, v], 2), lambda a: np.concatenate([a, a], 2)),
    "stack": (lambda v: jn.stack([v, v], -1), lambda a: np.stack([a, a], -1)),
    "the second part of a split": (lambda v: mv.split(v, 2, [1, 2])[1], lambda a: a[:, :, 1:]),
}


@pytest.mark.parametrize("name", MOVES)
def test_entries_are_moved_as_numpy_moves_them(name):
    function, twin = MOVES[name]
    assert_moved(function, twin, (1, 2, 3))


@pytest.mark.parametrize(
    "name", [name for name in MOVES if name not in ("reshape", "pad that takes away") and "flatten" not in name]
)
def test_where_the_file_fixes_the_batch_all_axes_are_those_of_one_sample(name):
    function, twin = MOVES[name]
    assert_moved(function, twin, (2, 2, 3), None)


@pytest.mark.parametrize(("axis", "shape"), [(1, (2, 1, 3)), (2, (2, 3, 1))])
def test_samples_may_lie_along_any_axis(axis, shape):
    assert_moved(mv.transpose, np.transpose, shape, axis)
    assert_moved(lambda v: mv.part(v, 0, 1, 2), lambda a: a[1:2], shape, axis)


def test_random_moves_one_after_another():
    steps = [pair for name, pair in MOVES.items() if name.startswith(("transpose", "swap", "flip", "tile", "slice from"))]
    for seed in range(30):
        rng = np.random.default_rng(seed)
        chosen = [steps[i] for i in rng.integers(len(steps), size=4)]
        fits = [pair for pair in chosen if pair[1] is not np.transpose or seed % 2]

        def moved(value, part=0, fits=fits):
            for pair in fits:
                value = pair[part](value)
            return value

        assert_moved(moved, partial(moved, part=1), (1, 2, 4))


def test_shapes_know_what_of_them_the_batch_changes():
    flow = flow_of((1, 2, 3))
    whole = mv.shape_of(flow)
    assert whole.alone.tolist() == [1, 2, 3]
    assert whole.batch.tolist() == [SAMPLES, 2, 3]
    rest = mv.shape_of(flow, 1)
    assert rest.batch is rest.alone
    assert mv.count_of(flow).batch.item() == 6 * SAMPLES


def test_what_fits_one_sample_only_is_read_for_one():
    result = mv.reshape(flow_of((1, 2, 3)), [1, 6])
    assert isinstance(result.batch, Single)
    assert "a value of shape (7, 2, 3) cannot take the shape (1, 6)" in result.batch.reason


def test_constants_are_moved_too():
    array = np.arange(6.0).reshape(1, 2, 3)
    for name, (function, twin) in MOVES.items():
        result = function(constant(array))
        assert isinstance(result, Constant), name
        np.testing.assert_array_equal(result.alone, twin(array), err_msg=name)


def test_entries_by_numbers_for_each_place():
    flow = flow_of((2, 3), None)
    numbers = np.array([[0, -1], [2, 1]])
    alone, _ = arrays_of(flow, None)
    found, _ = entries(mv.gather_elements(flow, constant(numbers), 1), alone.reshape(1, -1))
    np.testing.assert_array_equal(found, np.take_along_axis(alone, numbers % 3, 1))


REFUSED = {
    "it picks entries by numbers that depend on": lambda v: mv.gather(v, v),
    "it starts or ends where the network's input says": lambda v: mv.slice_(v, v, v),
    "a shape depends on the network's input": lambda v: mv.reshape(v, v),
    "it pads by 'mirror'": lambda v: jn.pad(v, [0, 0, 1], [0, 0, 0], constant(0.0), "mirror"),
}
DAMAGED = {
    "axis 3 is none of a value of 3 axes": lambda v: mv.gather(v, constant(np.array(0)), 3),
    "axes .1, 1. name an axis twice": lambda v: mv.flip(v, [1, 1]),
    "perm=.0, 0, 1. is no order of 3 axes": lambda v: mv.transpose(v, [0, 0, 1]),
    "are not all of size 1": lambda v: mv.squeeze(v, [1]),
    "it has 18 axes in a value": lambda v: mv.unsqueeze(v, range(15)),
    "it splits 3 entries along axis 2 into .1, 1.": lambda v: mv.split(v, 2, [1, 1]),
    "it joins tensors, and takes none": lambda v: jn.concatenate([], 0),
    "it takes all entries away": lambda v: jn.pad(v, [0, -2, 0], [0, 0, 1], constant(0.0)),
    "it pads 1 axes of a value of 3": lambda v: jn.pad(v, [1], [1], constant(0.0)),
    "cannot be computed from operands of shapes": lambda v: mv.gather(v, constant(np.array(9)), 1),
}


@pytest.mark.parametrize(
    ("kind", "message", "function"),
    [*((UnsupportedLayerError, *one) for one in REFUSED.items()), *((FormatError, *one) for one in DAMAGED.items())],
)
def test_what_cannot_be_moved_is_reported(kind, message, function):
    with pytest.raises(kind, match=message):
        function(flow_of((1, 2, 3)))


@pytest.mark.parametrize(
    "function",
    [
        lambda v: mv.expand(v, [1 << 20, 2, 3]),
        lambda v: mv.tile(v, [1, 1 << 20, 1 << 20]),
        lambda v: jn.pad(v, [0, 1 << 40, 0], [0, 0, 0], constant(0.0), "edge"),
        lambda v: mv.gather(v, constant(np.zeros(1 << 20, int)), 1),
    ],
)
def test_copies_without_bound_are_not_made(function):
    def often():
        for _ in range(8):
            function(flow_of((1, 2, 3)))

    with accounting(Account()), pytest.raises(FormatError, match="claims to unpack to"):
        often()
