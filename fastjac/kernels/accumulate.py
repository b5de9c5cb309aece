"""The accumulation: the step table, walked for a group of samples.

Each entry is one sum over the inner index in its order, so its bits do not depend on the batch. The samples of a group take each
step together. So they share the decoded step, the strip of a large weight in the cache, and the tiles of a stacked step.
"""

from __future__ import annotations

from .compress import list_nonzero, pack_nonzero
from .contract import Contraction, tile_rows_of, tile_shape
from .group import (
    columns_of,
    extent_of,
    live_list,
    operand_at,
    operand_of,
    own_matrix,
    read_group,
    result_at,
    result_of,
    right_of,
    rows_of,
    sample_state,
    samples_together,
    start_of,
)
from .jit import kernel, piece
from .low_rank import normalize_rows
from .meeting import take_pieces
from .memory import NUMBER, call_address, itemsize, numbers, stored, view
from .operators import (
    add_scaled,
    add_units,
    clear,
    copy_vector,
    normalize_columns,
    scale_columns,
    scale_rows,
)
from .sweep import ones, zeros
from .tables import DENSE, INDEX, Tables, read_layout, read_live, read_step

TAKEN = (numbers(5), NUMBER, NUMBER, NUMBER, numbers(2))
"""What a step takes: the Program's addresses, the task, the step's number, the address of a group, and which of how many pieces
of the step to do."""


@piece
def list_live(program, layout, group):
    """List the live units of every diagonal that a step of the task runs over."""
    for number in range(layout.first_live, layout.last_live):
        diagonal = read_live(program.live, number)
        together = samples_together(diagonal.stacked, group)
        for sample in range(0, group.samples, together):
            count, places = live_list(group, diagonal.list, sample)
            slopes = sample_state(program, diagonal, group, sample)
            if together > 1:
                slopes = _union(program, layout, diagonal, group, slopes, min(together, group.samples - sample))
            count[0] = list_nonzero(program.zero, slopes, diagonal.size, places)


@piece
def take_steps(program, addresses, task, group, first, team):
    """Take every step of the task from step `first` on."""
    place, layout = stored(group), read_layout(program.layout, task)
    for number in range(first, layout.last_step):
        step, order = read_step(program.steps, number), layout.n_primal + number - layout.first_step
        take_pieces(team, order, step.pieces, step.kernel, (program.zero, addresses, task, number, place))


@piece
def _union(program, layout, diagonal, group, slopes, samples):
    """The address of a row that is 0 where the slopes of all samples are 0; the first sample's slopes lie at address `slopes`."""
    zero = program.zero
    size = itemsize(zero)
    address = group.work + layout.spare * size
    union = view(zero, address, diagonal.size)
    copy_vector(zero, slopes, address, diagonal.size)
    for sample in range(1, samples):
        row = view(zero, slopes + sample * diagonal.state_row * size, diagonal.size)
        for j in range(diagonal.size):
            union[j] = row[j] if row[j] != zero else union[j]
    return address


@kernel(*TAKEN)
def contract_step(zero, addresses, task, number, group, share):
    """Multiply by one strip of the right operand after another, so that the group reads each strip from memory once."""
    program = Tables(zero, *addresses)
    layout, step, group = read_layout(program.layout, task), read_step(program.steps, number), read_group(group)
    size = itemsize(zero)
    stacked, together = step.stacked != 0, samples_together(step.stacked, group)
    tile_rows, tile_columns = tile_shape(zero, step.rows * together, min(step.strip, step.columns))
    jump = 1
    if step.b_panel != DENSE:
        tile_rows, tile_columns, jump = tile_rows_of(zero, step.rows * together, step.b_panel), step.b_panel, step.depth
    first_a, next_a = operand_of(program, group, step)
    first_b, next_b = right_of(program, group, step)
    first_c, next_c = result_of(program, group, step)
    scales = step.state != DENSE and not stacked
    begin, end = columns_of(step, step.columns, tile_columns, share)
    for strip in range(begin, end, step.strip):
        for sample in range(0, group.samples, together):
            count = min(together, group.samples - sample)
            depth, units = extent_of(group, step.live, step.depth, sample)
            its_rows, _ = extent_of(group, step.rows_live, step.rows * count, sample)
            first_row, last_row = rows_of(step, its_rows, share)
            j, last_column = strip, min(end, strip + step.strip)
            if step.columns_live != DENSE:
                # They lie side by side, in one strip.
                live_columns, _ = extent_of(group, step.columns_live, step.columns, sample)
                j, last_column = columns_of(step, live_columns, tile_columns, share)
            columns = last_column - j
            c, c_row = first_c + sample * next_c + (first_row * step.c_row + j) * size, step.c_row
            if step.turned != DENSE:
                c, c_row = own_matrix(program, layout, group, step.turned), step.strip
            start, start_row = _start_of(program, layout, step, group, sample, first_row, j)
            operands = Contraction(
                last_row - first_row, columns,
                first_a + sample * next_a + first_row * step.a_row * size, step.a_row, step.a_column,
                group.lists if step.a_packed else units,
                first_b + sample * next_b + j * jump * size, step.b_row, jump, group.lists if step.b_packed else units, depth,
                start, start_row,
                sample_state(program, step, group, sample) + j * size if scales else ones(program, layout),
                c, c_row,
            )  # fmt: skip
            call_address(layout.contract, (zero, operands, tile_rows, tile_columns))
            if stacked:
                _finish_stacked(program, layout, step, group, (sample, count), (c, c_row), (j, columns))
            elif step.turned != DENSE:
                _turn(program, layout, step, group, sample, (c, c_row), (j, columns), last_row)


@piece
def _start_of(program, layout, step, group, sample, first_row, column):
    """The matrix to which a product is added: the address of its first row at this column, and its elements from row to row."""
    if step.start_place == DENSE:
        return zeros(program, layout), 0
    start, to_next = start_of(program, group, step)
    return start + sample * to_next + (first_row * step.start_row + column) * itemsize(program.zero), step.start_row


@piece
def _turn(program, layout, step, group, sample, source, columns, rows):
    """Store some columns of a sample's result, which lies transposed.

    source : the address of its rows, and the stride from row to row.  columns : the first column, and how many.
    """
    zero, (first, count) = program.zero, columns
    target = result_at(program, group, step, sample) + first * step.c_row * itemsize(zero)
    call_address(layout.copy, (zero, source[0], 1, source[1], target, step.c_row, count, rows, ones(program, layout)))


@piece
def _finish_stacked(program, layout, step, group, samples, source, columns):
    """Scale, and turn round, stacked rows sample by sample, because a diagonal and a place belong to one sample.

    samples : the first sample, and how many.  source : the address of its rows, and the stride from row to row.
    columns : the first column, and how many.
    """
    zero = program.zero
    size = itemsize(zero)
    for number in range(samples[1]):
        sample, c = samples[0] + number, source[0] + number * step.rows * source[1] * size
        if step.state != DENSE:
            d = view(zero, sample_state(program, step, group, sample) + columns[0] * size, columns[1])
            scale_columns(zero, c, source[1], step.rows, d, step.masked)
        if step.turned != DENSE:
            _turn(program, layout, step, group, sample, (c, source[1]), columns, step.rows)


@kernel(*TAKEN)
def copy_step(zero, addresses, task, number, group, share):
    """Copy a matrix, scaled by a diagonal."""
    program = Tables(zero, *addresses)
    layout, step, group = read_layout(program.layout, task), read_step(program.steps, number), read_group(group)
    size, (first, last) = itemsize(zero), rows_of(step, step.rows, share)
    for sample in range(group.samples):
        a = operand_at(program, group, step, sample) + first * step.a_row * size
        c = result_at(program, group, step, sample) + first * step.c_row * size
        scale = ones(program, layout) if step.state == DENSE else sample_state(program, step, group, sample)
        call_address(layout.copy, (zero, a, step.a_row, step.a_column, c, step.c_row, last - first, step.columns, scale))


@kernel(*TAKEN)
def pack_step(zero, addresses, task, number, group, share):
    """Copy the live columns of the live rows of a weight side by side."""
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    size = itemsize(zero)
    for sample in range(group.samples):
        source = operand_at(program, group, step, sample)
        target = result_at(program, group, step, sample)
        state = sample_state(program, step, group, sample)
        rows, places = extent_of(group, step.live, step.rows, sample)
        units = view(INDEX, places, rows)
        first, last = rows_of(step, rows, share)
        for i in range(first, last):
            row = source + units[i] * step.a_row * size
            pack_nonzero(zero, state, step.columns, row, target + i * step.c_row * size)


@kernel(*TAKEN)
def scale_step(zero, addresses, task, number, group, share):
    """Multiply a matrix by a diagonal, in place."""
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    size, (first, last) = itemsize(zero), rows_of(step, step.rows, share)
    for sample in range(group.samples):
        matrix = result_at(program, group, step, sample) + first * step.c_row * size
        d = sample_state(program, step, group, sample)
        if step.units_on_columns:
            scale_columns(zero, matrix, step.c_row, last - first, view(zero, d, step.columns), step.masked)
        else:
            scale_rows(zero, matrix, step.c_row, step.columns, view(zero, d + first * size, last - first))


@kernel(*TAKEN)
def normalize_columns_step(zero, addresses, task, number, group, share):
    """Multiply a matrix, whose units lie along its columns, by the Jacobian of a normalizer, in place."""
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    first, last = rows_of(step, step.rows, share)
    for sample in range(group.samples):
        matrix = result_at(program, group, step, sample) + first * step.c_row * itemsize(zero)
        state = sample_state(program, step, group, sample)
        normalize_columns(zero, matrix, step.c_row, last - first, state, step.columns, step.rank, step.forward)


@kernel(*TAKEN)
def normalize_rows_step(zero, addresses, task, number, group, share):
    """Multiply a matrix, whose units lie along its rows, by the Jacobian of a normalizer: in place, or into another matrix."""
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    for sample in range(group.samples):
        source = operand_at(program, group, step, sample), step.a_row
        target = result_at(program, group, step, sample), step.c_row
        state = sample_state(program, step, group, sample)
        normalize_rows(zero, source, target, step.columns, state, step.rows, step.rank, step.forward)


@kernel(*TAKEN)
def clear_step(zero, addresses, task, number, group, share):
    """Fill a matrix with zeros."""
    program = Tables(zero, *addresses)
    step, group = read_step(program.steps, number), read_group(group)
    for sample in range(group.samples):
        matrix = result_at(program, group, step, sample)
        for i in range(*rows_of(step, step.rows, share)):
            clear(zero, matrix + i * step.c_row * itemsize(zero), step.columns)


@kernel(*TAKEN)
def sum_step(zero, addresses, task, number, group, share):
    """`C += A diag(d)`, for some columns of either matrix where the step lists them."""
    program = Tables(zero, *addresses)
    layout, step, group = read_layout(program.layout, task), read_step(program.steps, number), read_group(group)
    size = itemsize(zero)
    for sample in range(group.samples):
        a = operand_at(program, group, step, sample)
        c = result_at(program, group, step, sample)
        scale = ones(program, layout) if step.state == DENSE else sample_state(program, step, group, sample)
        d = view(zero, scale, step.columns)
        for i in range(*rows_of(step, step.rows, share)):
            source, target = a + i * step.a_row * size, c + i * step.c_row * size
            if step.units == DENSE:
                add_scaled(zero, target, source, d)
            else:
                units = view(INDEX, program.parameters + step.units * size, step.columns)
                add_units(zero, target, source, units, step.scatters)
