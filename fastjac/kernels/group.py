"""Samples that take each step together: where their matrices, vectors and lists lie, and the part of their work to do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .contract import even_piece
from .jit import piece
from .meeting import share_of
from .memory import WORD, WORD_BYTES, itemsize, tuple_reader, tuple_type, view
from .state import STATE, state_at
from .tables import COLUMNS, DENSE, INDEX, INDEX_BYTES


class Group(NamedTuple):
    """Samples that take each step together: addresses for the first sample, and bytes from one sample to the next.

    room : the number of samples that each matrix of the workspace has room for, one behind the other.
    places : the address of two words for each place of a matrix, as `tables` numbers them: the address of the first sample's
        matrices, and the bytes to the next sample's; or OWN where each matrix has its own stride, as in a workspace.
    work : the thread's own workspace, for scratch. Where threads share the first one's workspace, that thread's scratch is there
        too, since matrices that a step reads lie elsewhere.
    state : the block's state, as `state` reads it.  first : the group's first sample in the block.
    lists, own_lists, list_stride : all lists, the first sample's lists, and the bytes to the next sample's.
    """

    samples: int
    room: int
    places: int
    work: int
    state: tuple[int, int, int]
    first: int
    lists: int
    own_lists: int
    list_stride: int


read_group = tuple_reader(tuple_type(Group, state=3))
OWN = -1
"""In place of the bytes from one sample to the next: each matrix has room for the samples of a group, one behind the other."""


@piece
def places_of(program, layout, arrays, sample, work):
    """The words of `Group.places`, for the samples from this one on; arrays as `run` has them."""
    _, seed, _, out, seed_stride = arrays
    size = itemsize(program.zero)
    out_stride = layout.out_size * size
    own = work + layout.own * size
    return program.parameters, 0, own, OWN, seed + sample * seed_stride, seed_stride, out + sample * out_stride, out_stride


@piece
def group_of(layout, places, samples, memory, own_work):
    """Samples that take each step together; memory as `run` has it, with the block's state.

    places : the address of the words that `places_of` gives.  samples : the first one in the block, and how many.
    own_work : the thread's own workspace, where the one in `memory` is shared.
    """
    lists = memory[1]
    return Group(
        samples[1], layout.group, places,
        own_work, memory[STATE:], samples[0],
        lists, lists + layout.own_lists * INDEX_BYTES, layout.own_lists_size * INDEX_BYTES,
    )  # fmt: skip


@piece
def matrix_of(program, group, place, offset, first, stride):
    """The address of the first sample's matrix, and the bytes to the next one's.

    offset, first : where a region starts in its place, and the matrix in the region.  stride : counts only in a workspace.
    """
    size = itemsize(program.zero)
    words = view(WORD, group.places + place * 2 * WORD_BYTES, 2)
    if words[1] == OWN:
        return words[0] + (offset * group.room + first) * size, stride * size
    return words[0] + (offset + first) * size, words[1]


@piece
def operand_of(program, group, step):
    """The address of the first sample's left operand, or source, and the bytes to the next one's."""
    return matrix_of(program, group, step.a_place, step.a, step.a_first, step.a_sample)


@piece
def right_of(program, group, step):
    """The address of the first sample's right operand, and the bytes to the next one's."""
    return matrix_of(program, group, step.b_place, step.b, step.b_first, step.b_sample)


@piece
def start_of(program, group, step):
    """The address of the first sample's matrix from which a step starts, and the bytes to the next one's."""
    return matrix_of(program, group, step.start_place, step.start, step.start_first, step.start_sample)


@piece
def result_of(program, group, step):
    """The address of the first sample's result, and the bytes to the next one's."""
    return matrix_of(program, group, step.c_place, step.c, step.c_first, step.c_sample)


@piece
def operand_at(program, group, step, sample):
    """The address of a sample's left operand, or source."""
    first, to_next = operand_of(program, group, step)
    return first + sample * to_next


@piece
def result_at(program, group, step, sample):
    """The address of a sample's result."""
    first, to_next = result_of(program, group, step)
    return first + sample * to_next


@piece
def sample_state(program, record, group, sample):
    """The address of the Jacobian's vectors that a record names, for this sample of the group."""
    return state_at(program.zero, record, group.state, group.first + sample)


@piece
def samples_together(stacked, group):
    """How many samples make one stack, at most `stacked`: the stacks of a group are nearly equal."""
    if stacked == 0:
        return 1
    return even_piece(group.samples, stacked)


@piece
def live_list(group, offset, sample):
    """A live list: its length as an array of one, and the address of its units."""
    address = group.own_lists + sample * group.list_stride + offset * INDEX_BYTES
    return view(INDEX, address, 1), address + INDEX_BYTES


@piece
def extent_of(group, live, size, sample):
    """How many units there are, and the address of their numbers: those of a live list, or else the first `size` units."""
    if live == DENSE:
        return size, group.lists
    count, units = live_list(group, live, sample)
    return np.intp(count[0]), units


@piece
def own_matrix(program, layout, group, offset):
    """The address of a matrix that this thread alone works on."""
    return group.work + (layout.own + offset * group.room) * itemsize(program.zero)


@piece
def rows_of(step, rows, share):
    """The first of the rows that a piece of a step computes, and where they end."""
    return (0, rows) if step.cut == COLUMNS else share_of(rows, 1, share)


@piece
def columns_of(step, columns, tile_columns, share):
    """The first of the columns that a piece of a step computes, in whole tiles, and where they end."""
    return share_of(columns, tile_columns, share) if step.cut == COLUMNS else (0, columns)
