"""Large new arrays begin at a page, and no two that somebody holds share memory."""

import gc
import threading

import numpy as np
import pytest

import fastjac as fj
from fastjac import pages
from fastjac.pages import KEPT_BY_C, LARGE, MOST_IDLE, PAGE_BYTES, new_array

FLOAT32 = np.dtype(np.float32)
KEPT = (KEPT_BY_C // 4 + 5,)
"""The shape of an array whose memory is kept."""


@pytest.fixture(autouse=True)
def nothing_idle(monkeypatch):
    monkeypatch.setattr(pages, "_idle", [])


def idle_bytes():
    return sum(memory.nbytes for memory in pages._idle)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
@pytest.mark.parametrize(
    "size", [0, LARGE - 8, LARGE, LARGE + 8, 3 * PAGE_BYTES, KEPT_BY_C - 8, KEPT_BY_C, KEPT_BY_C + 8, MOST_IDLE]
)
def test_an_array_is_as_any_other(size, dtype):
    shape = (2, size // (2 * dtype.itemsize), 1)
    array = new_array(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    assert array.flags.carray
    array[...] = 1.0
    assert array.sum() == array.size


@pytest.mark.parametrize(
    "size", [LARGE, LARGE + 8, 3 * PAGE_BYTES + 4, KEPT_BY_C - 4, KEPT_BY_C, MOST_IDLE - PAGE_BYTES, 2 * MOST_IDLE]
)
def test_a_large_array_begins_at_a_page_and_its_last_page_is_whole(size):
    array = new_array((size // 4,), FLOAT32)
    memory = array.base
    assert array.ctypes.data % PAGE_BYTES == 0
    end = array.ctypes.data + -(-size // PAGE_BYTES) * PAGE_BYTES
    assert memory.ctypes.data <= array.ctypes.data
    assert end <= memory.ctypes.data + memory.nbytes


def test_memory_that_nobody_refers_to_is_taken_again():
    address = new_array(KEPT, FLOAT32).ctypes.data
    first = new_array(KEPT, FLOAT32)
    second = new_array(KEPT, FLOAT32)
    assert first.ctypes.data == address
    assert not np.may_share_memory(first, second)
    del first
    # As in `J = net.jacobian(x)`, where the former J is alive while the next one is computed.
    assert new_array(KEPT, FLOAT32).ctypes.data == address


@pytest.mark.parametrize(
    "part",
    [
        lambda a: a[3:5],
        lambda a: a.reshape(-1, 1).T,
        lambda a: a.view(np.uint8)[1:],
        lambda a: memoryview(a),
        lambda a: a[None].real,
    ],
)
def test_memory_that_a_view_refers_to_is_not_taken(part):
    array = new_array(KEPT, FLOAT32)
    array[...] = 7.0
    held = part(array)
    expected = np.array(held)
    del array
    gc.collect()
    for _ in range(3):
        new_array(KEPT, FLOAT32)[...] = 1.0
    np.testing.assert_array_equal(np.asarray(held), expected)


def test_idle_memory_is_bounded():
    held = [new_array(KEPT, FLOAT32) for _ in range(5)]
    assert len({array.ctypes.data for array in held}) == len(held)
    assert idle_bytes() == 0
    del held
    assert 0 < idle_bytes() <= MOST_IDLE
    for size in (LARGE, MOST_IDLE, 2 * MOST_IDLE):
        new_array((size // 4,), FLOAT32)
        assert len(pages._idle) == 1


def test_much_memory_is_not_lent_to_little():
    large = new_array(((MOST_IDLE - PAGE_BYTES) // 4,), FLOAT32).ctypes.data
    assert new_array(KEPT, FLOAT32).ctypes.data == large
    pages._idle[:] = [np.empty(5 * KEPT_BY_C, np.uint8)]
    new = new_array(KEPT, FLOAT32)
    assert not np.may_share_memory(new, pages._idle[0])


def test_threads_that_take_memory_at_once_share_none():
    wrong = []

    def work(number):
        for _ in range(20):
            array = new_array(KEPT, FLOAT32)
            array[:: 2**16] = number
            if not (array[:: 2**16] == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert idle_bytes() <= MOST_IDLE


def test_a_jacobian_that_is_held_stays_as_it_is():
    net = fj.Network([fj.Affine(np.random.default_rng(0).standard_normal((300, 200))), fj.Tanh()])
    x = np.linspace(-1.0, 1.0, 90)[:, None] * np.ones(200)
    first = net.jacobian(x)
    assert KEPT_BY_C < first.nbytes < MOST_IDLE - PAGE_BYTES
    copy = first.copy()
    for _ in range(3):
        net.jacobian(-2.0 * x)
    np.testing.assert_array_equal(first, copy)
    address = first.ctypes.data
    del first
    held = [net.jacobian(x), net.jacobian(x)]
    assert address in {jacobian.ctypes.data for jacobian in held}
    np.testing.assert_array_equal(held, [copy, copy])
