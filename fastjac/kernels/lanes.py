"""Samples along the vector lanes: a narrow network evaluated and differentiated for as many samples as a tile is wide.

A row of fewer units than a register has lanes leaves most of the register idle. Here every number has a row of its own, which
holds that number for one sample after another: values lie as [unit][sample], tangents and cotangents as [row][unit][sample]. A
weight is the left operand of the contraction, and its bias is a column in front of it, which meets a row of ones. Each sum runs
in the same order as for one sample alone, so that its bits are the same.

Each row of the table is an affine factor with the activation behind it. For the factor it has `n_in`, `row`, which is the number
of its outputs, and `weight` and `panel`, the place of `[b | W]` and the elements from row to row. For the activation it has
`rule`, `p`, `q`, `state` and `skip`, whether its units can be dead. A `rank` means that a softmax stands there.
"""

from __future__ import annotations

from .accumulate import take_steps
from .contract import Contraction, tile_rows_of
from .elementary import exp
from .floating import of_order_key, order_key
from .group import group_of, matrix_of, places_of
from .jit import kernel, piece
from .meeting import ALONE
from .memory import NUMBER, call_address, itemsize, numbers, stored, view
from .operators import scale_columns
from .state import with_state
from .sweep import ones, store_values, sweep, zeros
from .tables import DENSE, Tables, read_layout, read_primal


@kernel(numbers(5), NUMBER, numbers(5), NUMBER, numbers(5))
def take_lanes(zero, addresses, task, arrays, first, memory):
    """Values, Jacobians or both of `layout.lane_samples` samples from the first one on; arrays and memory as `run` has them.

    A link behind the last factor that is not in the table takes them row by row.
    """
    program = Tables(zero, *addresses)
    layout = read_layout(program.layout, task)
    x, _, y, out, _ = arrays
    size, count = itemsize(zero), layout.lane_samples
    memory = with_state(zero, layout, memory, first)
    work = memory[0] + layout.lane_work * size
    all_values, last = y != 0 or layout.lane_primal < layout.state_primal, layout.last_lane
    if not all_values and read_primal(program.primal, last - 1).state == DENSE:
        last -= 1  # It makes the outputs alone, which are not wanted.
    values = _evaluate(program, layout, x + first * layout.n_in * size, last, work, memory[1])
    if all_values:
        # Steps behind the last factor change the values in place.
        _copy(program, layout, (values, 1, count), (memory[0] + layout.values * size, layout.values_row), count, layout.n_out)
        sweep(program, addresses, task, (layout.lane_primal, layout.n_primal), x, count, memory, ALONE)
        store_values(program, layout, memory, y, (first, count))
    if out == 0:
        return
    buffers = work + 2 * layout.lane_buffer * size, work + (2 * layout.lane_buffer + layout.lane_matrix) * size
    places = stored(places_of(program, layout, arrays, first, memory[0]))
    group = group_of(layout, places, (0, count), memory, memory[0])
    result = matrix_of(program, group, layout.lane_place, layout.lane_c, 0, layout.lane_sample)
    if layout.lane_forward:
        _store(program, layout, _push(program, layout, work, buffers, memory[1]), result)
    else:
        _store(program, layout, _pull(program, layout, work, buffers, memory[1]), result)
    take_steps(program, addresses, task, group, layout.lane_step, ALONE)


@piece
def _evaluate(program, layout, x, last, work, lists):
    """Compute values and slopes up to the factor before `last`, a row of the table; returns the address of the last values."""
    zero, samples = program.zero, layout.lane_samples
    size = itemsize(zero)
    line = samples * size
    here, there = work, work + layout.lane_buffer * size
    for buffer in (here, there):
        first = view(zero, buffer, samples)
        for j in range(samples):
            first[j] = 1.0
    _copy(program, layout, (x, 1, layout.n_in), (here + line, samples), layout.n_in, samples)
    for number in range(layout.first_lane, last):
        step = read_primal(program.primal, number)
        left = (program.parameters + step.weight * size, step.panel, 1)
        _multiply(program, layout, (step.row, step.n_in + 1), left, here, there + line, lists)
        if step.rank:
            _softmax(program, layout, step, there + line, work)
        elif step.state != DENSE:
            p, q = program.parameters + step.p * size, program.parameters + step.q * size
            call_address(step.rule, (zero, there + line, p, q, _slopes(program, step, work), step.row * samples))
        here, there = there, here
    return here + line


@piece
def _push(program, layout, work, buffers, lists):
    """Push the tangents of every input to the output; returns their address."""
    size, line = itemsize(program.zero), layout.lane_samples * itemsize(program.zero)
    here, there = buffers
    step = read_primal(program.primal, layout.first_lane)
    weight = (program.parameters + (step.weight + 1) * size, 1, step.panel)
    _spread(program, layout, weight, (step.n_in, step.row), _slopes(program, step, work), here)
    for number in range(layout.first_lane + 1, layout.last_lane):
        step = read_primal(program.primal, number)
        left = (program.parameters + (step.weight + 1) * size, step.panel, 1)
        for t in range(layout.lane_rows):
            source, target = here + t * step.n_in * line, there + t * step.row * line
            _multiply(program, layout, (step.row, step.n_in), left, source, target, lists)
        if step.rank:
            _normalize(program, layout, step, work, there)
        elif number < layout.last_lane - 1 or layout.lane_scales:
            _scale(program, layout, step, work, there)
        here, there = there, here
    return here


@piece
def _pull(program, layout, work, buffers, lists):
    """Pull the cotangents of every output to the input; returns their address."""
    size, line = itemsize(program.zero), layout.lane_samples * itemsize(program.zero)
    here, there = buffers
    step = read_primal(program.primal, layout.last_lane - 1)
    weight = (program.parameters + (step.weight + 1) * size, step.panel, 1)
    slopes = _slopes(program, read_primal(program.primal, layout.last_lane - 2), work)
    _spread(program, layout, weight, (step.row, step.n_in), slopes, here)
    for number in range(layout.last_lane - 2, layout.first_lane - 1, -1):
        step = read_primal(program.primal, number)
        left = (program.parameters + (step.weight + 1) * size, 1, step.panel)
        for o in range(layout.lane_rows):
            source, target = here + o * step.row * line, there + o * step.n_in * line
            _multiply(program, layout, (step.n_in, step.row), left, source, target, lists)
        if number > layout.first_lane:
            _scale(program, layout, read_primal(program.primal, number - 1), work, there)
        here, there = there, here
    last = read_primal(program.primal, layout.last_lane - 1)
    if last.rank:
        _normalize(program, layout, last, work, here)
    elif layout.lane_scales:
        for o in range(last.row):
            for i in range(layout.n_in):
                row, d = here + (o * layout.n_in + i) * line, work + last.state * size + o * line
                scale_columns(program.zero, row, layout.lane_samples, 1, view(program.zero, d, layout.lane_samples), False)
    return here


@piece
def _slopes(program, step, work):
    """The address of the slopes (units, samples) of the activation behind a factor, or 0 if there is none."""
    return 0 if step.state == DENSE else work + step.state * itemsize(program.zero)


@piece
def _spread(program, layout, weight, shape, slopes, target):
    """Write the first rows of every sample: the rows of a weight, times the slopes of their units.

    weight : its address, and the strides from row to row and from unit to unit.  shape : rows and units.
    """
    zero, samples = program.zero, layout.lane_samples
    size = itemsize(zero)
    for i in range(shape[0]):
        for k in range(shape[1]):
            row = view(zero, target + (i * shape[1] + k) * samples * size, samples)
            factor = view(zero, weight[0] + (i * weight[1] + k * weight[2]) * size, 1)[0]
            if slopes == 0:
                for j in range(samples):
                    row[j] = factor
            else:
                d = view(zero, slopes + k * samples * size, samples)
                for j in range(samples):
                    row[j] = factor * d[j]


@piece
def _multiply(program, layout, shape, left, source, target, lists):
    """`C = A B` for B with a row of all samples for each inner unit.

    shape : rows and inner units.  left : A's address and strides.
    """
    operands = Contraction(
        shape[0], layout.lane_samples,
        left[0], left[1], left[2], lists,
        source, layout.lane_samples, 1, lists, shape[1],
        zeros(program, layout), 0, ones(program, layout),
        target, layout.lane_samples,
    )  # fmt: skip
    rows = tile_rows_of(program.zero, shape[0], layout.lane_samples)
    call_address(layout.contract, (program.zero, operands, rows, layout.lane_samples))


@piece
def _scale(program, layout, step, work, rows):
    """Multiply rows by the slopes of the activation behind a factor, if there is one; a dead unit makes 0 of anything."""
    slopes = _slopes(program, step, work)
    if slopes == 0:
        return
    numbers = step.row * layout.lane_samples
    scale_columns(program.zero, rows, numbers, layout.lane_rows, view(program.zero, slopes, numbers), step.skip)


@piece
def _softmax(program, layout, step, values, work):
    """Write the softmax of the values, in place and as its Jacobian's vector, as `normalizers.softmax` does for a short row."""
    zero, samples = program.zero, layout.lane_samples
    line = samples * itemsize(zero)
    slopes = _slopes(program, step, work)
    # The first of two lines behind the slopes.
    keys = view(order_key(zero), slopes + step.row * line, samples)
    totals = view(zero, slopes + (step.row + 1) * line, samples)
    first = view(zero, values, samples)
    for j in range(samples):
        keys[j] = order_key(first[j])
        totals[j] = zero
    for i in range(1, step.row):
        z = view(zero, values + i * line, samples)
        for j in range(samples):
            keys[j] = max(keys[j], order_key(z[j]))
    for i in range(step.row):
        z, s = view(zero, values + i * line, samples), view(zero, slopes + i * line, samples)
        for j in range(samples):
            s[j] = exp(z[j] - of_order_key(keys[j]))
            totals[j] += s[j]
    for i in range(step.row):
        z, s = view(zero, values + i * line, samples), view(zero, slopes + i * line, samples)
        for j in range(samples):
            s[j] /= totals[j]
            z[j] = s[j]


@piece
def _normalize(program, layout, step, work, rows):
    """Multiply the rows behind the softmax by its Jacobian, `diag(s) (I - 1 s^T)`, for every input."""
    zero, samples = program.zero, layout.lane_samples
    line = samples * itemsize(zero)
    slopes = _slopes(program, step, work)
    totals = view(zero, slopes + (step.row + 1) * line, samples)
    by_output, by_input = _strides(program, layout)
    for t in range(layout.n_in):
        for j in range(samples):
            totals[j] = zero
        for o in range(step.row):
            s = view(zero, slopes + o * line, samples)
            m = view(zero, rows + (o * by_output + t * by_input) * itemsize(zero), samples)
            for j in range(samples):
                totals[j] += s[j] * m[j]
        for o in range(step.row):
            s = view(zero, slopes + o * line, samples)
            m = view(zero, rows + (o * by_output + t * by_input) * itemsize(zero), samples)
            for j in range(samples):
                m[j] = (m[j] - totals[j]) * s[j]


@piece
def _strides(program, layout):
    """Elements of a Jacobian with samples along the lanes from one output, and from one input, to the next."""
    if layout.lane_forward:
        return layout.lane_samples, layout.n_out * layout.lane_samples
    return layout.n_in * layout.lane_samples, layout.lane_samples


@piece
def _store(program, layout, rows, result):
    """Write every sample's Jacobian from its rows, in the strides of the matrix that is wanted.

    result : the address of the first sample's, and the bytes to the next one's.
    """
    size = itemsize(program.zero)
    stride = result[1] // size
    by_output, by_input = _strides(program, layout)
    if layout.lane_column == 1:
        for o in range(layout.n_out):
            target = result[0] + o * layout.lane_row * size
            _copy(program, layout, (rows + o * by_output * size, 1, by_input), (target, stride), layout.lane_samples, layout.n_in)
        return
    for i in range(layout.n_in):
        target = result[0] + i * layout.lane_column * size
        _copy(program, layout, (rows + i * by_input * size, 1, by_output), (target, stride), layout.lane_samples, layout.n_out)


@piece
def _copy(program, layout, source, target, rows, columns):
    """Copy a matrix; source : address and both strides.  target : address and stride from row to row."""
    copied = (source[0], source[1], source[2], target[0], target[1], rows, columns, ones(program, layout))
    call_address(layout.copy, (program.zero, *copied))
