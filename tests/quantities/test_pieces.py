"""A batch in pieces: all of it once, in an order and in sizes that do not depend on threads, few results at a time."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastjac.quantities.pieces import MOST_PIECES, PIECE_BYTES, PIECE_COST, in_order, most_workers, pieces_of
from fastjac.running.sharing import CALL_COST


@given(st.integers(0, 10**4), st.floats(1, 1e11), st.integers(8, 10**9), st.floats(0, 1e12))
def test_pieces_cover_the_batch_within_bounds(n, cost, sample_bytes, overhead):
    pieces = pieces_of(n, cost, sample_bytes, overhead)
    stops = [piece.stop for piece in pieces]
    assert [piece.start for piece in pieces] == [0, *stops][: len(pieces)]
    assert (stops[-1] if stops else 0) == n
    for piece in pieces:
        size = piece.stop - piece.start
        assert size == 1 or (size * sample_bytes <= PIECE_BYTES and size * cost <= CALL_COST)


def test_a_batch_is_cut_where_the_pieces_are_worth_a_thread():
    assert len(pieces_of(1000, PIECE_COST / 2000, 8, 0)) == 1
    assert len(pieces_of(1000, PIECE_COST / 100, 8, 0)) == 10
    assert len(pieces_of(1000, PIECE_COST, 8, 0)) == MOST_PIECES - 1
    assert len(pieces_of(1000, PIECE_COST / 100, 8, PIECE_COST)) == 5


@pytest.mark.parametrize(("count", "threads", "workers"), [(0, None, 1), (1, 8, 1), (9, 1, 1)])
def test_workers(count, threads, workers):
    assert most_workers(count, threads) == workers


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_and_few_wait(workers):
    begun, pieces = [], [slice(n, n + 1) for n in range(50)]

    def take(piece):
        begun.append(piece.start)
        time.sleep(0.001 * (piece.start % 3))
        return piece.start

    for expected, result in enumerate(in_order(take, pieces, workers)):
        assert result == expected
        assert len(begun) <= expected + 1 + 2 * workers
    assert expected == 49


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_ends_all_threads(workers):
    before, pieces = threading.active_count(), [slice(n, n + 1) for n in range(50)]

    def take(piece):
        if piece.start == 10:
            raise KeyboardInterrupt
        return piece.start

    with pytest.raises(KeyboardInterrupt):
        list(in_order(take, pieces, workers))
    assert threading.active_count() == before
