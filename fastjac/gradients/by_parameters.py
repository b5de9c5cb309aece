"""Steps of derivatives by the parameters that need no loss: the Jacobian by them, its factors, its product with a direction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..kernels.gradient_tables import DIRECTION
from ..kernels.tables import DENSE
from ..layers import Affine, Layer
from ..lowering.matrix import Matrix
from .emitter import GradientEmitter, array
from .layout import Layout
from .operations import Operation
from .passages import PartialPassage
from .rows import SeedRows


def write_features(layout: Layout, emitter: GradientEmitter, rows: SeedRows) -> None:
    """Write the inputs of every operation that has parameters, and the rows behind it; see `kernels.tangent_kernel`."""
    for op, cotangents in _with_parameters(layout, emitter, rows):
        start, row = layout.features[op], emitter.padded(op.n_out)
        emitter.copy(layout.inputs(op), array("features", 1, op.n_in, start))
        emitter.copy(cotangents, array("features", layout.seeds, op.n_out, start + emitter.padded(op.n_in), row))


def write_parameter_jacobian(layout: Layout, emitter: GradientEmitter, rows: SeedRows) -> None:
    """Write `dy / dtheta` (n_out, n_parameters), from rows pulled from the output."""
    seen: set[Layer | None] = set()
    whole = array("parameter_jacobian", layout.seeds, layout.unfolded.n_parameters)
    for op, cotangents in _with_parameters(layout, emitter, rows):
        inputs, places, repeats = layout.inputs(op), layout.positions(op), op.layer in seen
        seen.add(op.layer)
        if isinstance(op.map, Affine):
            emitter.weight_rows(cotangents, inputs, whole.part(places["weight"], op.n_in), repeats)
            if "bias" in places:
                target = whole.part(places["bias"], op.n_out)
                emitter.add(target, cotangents) if repeats else emitter.copy(cotangents, target)
            continue
        if not repeats:
            for place in places.values():
                emitter.clear(whole.part(place, op.n_in))
        emitter.pull_parameters(op, (inputs, cotangents, layout.same(layout.zeros, op.n_in)), whole, places)


def _with_parameters(layout: Layout, emitter: GradientEmitter, rows: SeedRows) -> Iterator[tuple[Operation, Matrix]]:
    """The operations that have parameters, each with the rows at its target, which are given back when the caller goes on."""
    for op in layout.unfolded.operations:
        if op.fields:
            found = rows.at(op.target)
            yield op, found
            emitter.release(found)


def push_direction(layout: Layout, emitter: GradientEmitter) -> None:
    """Push a direction of the parameters to the tangents of the outputs."""
    starts: dict[int, Matrix] = {}
    for op in layout.unfolded.operations:
        if op.fields:
            tangents = (_affine_tangents if isinstance(op.map, Affine) else _activation_tangents)(layout, emitter, op)
            total = starts.setdefault(op.target, tangents)
            if total is not tangents:
                emitter.add(total, tangents)
                emitter.release(tangents)
    result, values = array("y_tangent", 1, layout.n_out), range(len(layout.sizes))
    way = layout.way(layout.unfolded.operations, True, rows=1)
    if PartialPassage(emitter, way, values, starts=starts, result=result).run_from(None) is None:
        emitter.clear(result)


def _affine_tangents(layout: Layout, emitter: GradientEmitter, op: Operation) -> Matrix:
    """`v dW^T + db`."""
    places = layout.numbers[op.layer]
    weight, bias = places["transposed"].matrix(DIRECTION), places["bias"].matrix(DIRECTION)
    bias.row = 0  # the same for all samples
    target = emitter.take(1, op.n_out)
    emitter.contract(layout.inputs(op), weight, target, DENSE, bias)
    emitter.stack(weight)
    return target


def _activation_tangents(layout: Layout, emitter: GradientEmitter, op: Operation) -> Matrix:
    """`y_p dp + y_q dq`, y_p and y_q being the derivatives of the activation's values by p and by q."""
    n, row, places = op.n_in, emitter.padded(op.n_in), layout.numbers[op.layer]
    both = emitter.take(1, 2 * row)  # y_p and y_q, which are 0 for one that is not trained
    emitter.clear(both)
    by_values = layout.inputs(op), layout.same(layout.ones, n), layout.same(layout.zeros, n)
    emitter.pull_parameters(op, by_values, both, {name: row * "pq".index(name) for name in op.fields})
    direction = Matrix(2, n, DIRECTION, places["p"].offset, places["q"].offset - places["p"].offset, 1)
    tangents = emitter.by_slopes(replace(both, rows=2, columns=n, row=row), direction)
    emitter.release(both)
    return tangents
