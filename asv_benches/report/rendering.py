"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..common import DTYPES, NETWORKS
from ..floor import floor
from ..machine import Ceilings
from ..peers import EXPERT
from ..planner import Prediction
from ..recipe import Recipe
from . import targets
from .comparison import Row
from .figures import Figure
from .graph_rows import Graphs, paragraphs_of
from .host import describe
from .tables import bullets, format_seconds, table
from .verdicts import geometric_mean, groups, met, over_floor, reaches_target, summary, verdicts

FLOOR = (
    "The floor of a row is the largest of its live multiply-adds, the bytes of result, inputs and weights, and the bytes of a "
    "new result, each at the better of the two rates; a single input may use all cores too."
)


@dataclass(frozen=True)
class Report:
    """All measurements of one run.

    before, after : the machine's rates at its start and its end.
    seconds : how long the run took.
    missing : a sentence for each network that could not be made here.
    predictions, figures : empty where the user chose only rows.
    graphs : None where the user chose no graphs; if `rows` is empty, there are rows of graphs.
    """

    rows: Sequence[Row]
    before: Ceilings
    after: Ceilings
    seconds: float
    missing: Sequence[str] = ()
    predictions: Sequence[Prediction] = ()
    figures: Sequence[Figure] = ()
    graphs: Graphs | None = None


def render(title: str, report: Report, with_targets: bool) -> str:
    """The whole report as one section; with the project's targets if `with_targets`."""
    ceilings = report.before.at_best(report.after)
    paragraphs = [f"## {title}", _setting(report), _rates(report.before, report.after, ceilings)]
    if report.rows:
        paragraphs += [FLOOR, _comparison(report.rows, ceilings, with_targets), *_notes(report), _means(report.rows, ceilings)]
    if report.graphs:
        paragraphs += paragraphs_of(report.graphs, with_targets)
    if report.figures:
        paragraphs += ["### Latency, start, scaling, memory, planner", _figures(report.figures, with_targets)]
    if report.predictions:
        paragraphs += ["### Cost that the plan counts, and time, both in units of auto's", _predictions(report.predictions)]
    if report.rows:
        if with_targets:
            paragraphs += ["### Targets", bullets(verdicts(report.rows, ceilings))]
        paragraphs += ["### Summary", bullets(summary(report.rows))]
    return "\n\n".join(paragraphs) + "\n"


def _setting(report: Report) -> str:
    timing = "Medians of interleaved turns; every time includes a new result array."
    rows = report.rows or (report.graphs.rows if report.graphs else ())
    return bullets([*describe(list(rows[0].seconds)), f"{timing} The run took {report.seconds / 60:.1f} minutes."])


def _notes(report: Report) -> list[str]:
    """Notes for a reader of the table: the drawn networks, batches that were cut in pieces, networks left out."""
    drawn = {row.cell.network: row.cell.recipe for row in report.rows if row.cell.network not in NETWORKS}
    networks = [f"{name}: {in_words(recipe)}" for name, recipe in drawn.items()]
    pieces = [
        f"{row.cell} {row.dtype}: {name} took the batch in {count} pieces, for want of memory."
        for row in report.rows
        for name, count in row.pieces.items()
    ]
    notes = [*networks, *pieces, *(f"Left out: {sentence}." for sentence in report.missing)]
    return [bullets(notes)] if notes else []


def in_words(recipe: Recipe) -> str:
    """A network's sizes, activation and end: "12-64-64-8 tanh, softmax"."""
    activation = f" {recipe.activation}" if recipe.n_affine > 1 else ""
    return f"{'-'.join(map(str, recipe.widths))}{activation}{', softmax' if recipe.softmax else ''}"


def _rates(before: Ceilings, after: Ceilings, best: Ceilings) -> str:
    gemms = []
    for dtype in DTYPES:
        size = best.multiply_adds(dtype)[1]
        rates = _before_after(2 * before.gemm[dtype, size], 2 * after.gemm[dtype, size])
        gemms.append(f"{rates} GFLOP/s {dtype} (size {size})")
    return (
        f"Ceilings before / after the run, on all cores: matrix multiply {', '.join(gemms)}; copy, in GB/s read and written, "
        f"by bytes moved: {_by_size(before.copied, after.copied)}; new array, in GB/s written, by its size: "
        f"{_by_size(before.written, after.written)}."
    )


def _by_size(before: Mapping[int, float], after: Mapping[int, float]) -> str:
    return ", ".join(f"{size / 2**20:.0f} MiB {_before_after(rate, after[size])}" for size, rate in before.items())


def _before_after(rate: float, later: float) -> str:
    return f"{rate / 1e9:.0f} / {later / 1e9:.0f}"


def _comparison(rows: Sequence[Row], ceilings: Ceilings, with_targets: bool) -> str:
    names = list(rows[0].seconds)
    target = ["target"] if with_targets else []
    header = ["network-batch", "dtype", "schedule", *names, "best peer / fastjac", *target, "floor", "x floor", "error"]
    lines = []
    for row in rows:
        least = floor(row.work, row.dtype, ceilings)
        lines.append(
            [
                str(row.cell),
                row.dtype,
                row.schedule,
                *(format_seconds(row.seconds[name]) for name in names),
                f"{row.over_best:.2f}",
                *([f"{targets.over_best_peer(row.cell):g}, {met(reaches_target(row))}"] if with_targets else []),
                f"{format_seconds(least.seconds)}, {least.bound}",
                f"{over_floor(row, ceilings):.2f}",
                f"{row.error:.1g}",
            ]
        )
    return table(header, lines, left=3)


def _means(rows: Sequence[Row], ceilings: Ceilings) -> str:
    lines = []
    for title, group in groups(rows).items():
        ratios = [(row.over_best, row.over_expert, over_floor(row, ceilings)) for row in group]
        lines.append([title, str(len(group)), *(f"{geometric_mean(column):.2f}" for column in zip(*ratios, strict=True))])
    return table(["geometric mean", "rows", "best peer / fastjac", f"{EXPERT} / fastjac", "x floor"], lines)


def _figures(figures: Iterable[Figure], with_targets: bool) -> str:
    if not with_targets:
        return table(["figure", "measured"], ([figure.what, figure.value] for figure in figures))
    lines = []
    for figure in figures:
        verdict = "" if figure.met is None else met(figure.met)
        lines.append([figure.what, figure.value, ", ".join(filter(None, (figure.target, verdict)))])
    return table(["figure", "measured", "target"], lines)


def _predictions(predictions: Iterable[Prediction]) -> str:
    modes = ("forward", "reverse", "mixed")
    lines = []
    for prediction in predictions:
        pairs = ((prediction.costs.get(mode), prediction.seconds.get(mode)) for mode in modes)
        lines.append(
            [
                str(prediction.cell),
                prediction.dtype,
                prediction.order,
                *(
                    "" if cost is None else f"{cost / prediction.costs['auto']:.2f}, {seconds / prediction.seconds['auto']:.2f}"
                    for cost, seconds in pairs
                ),
                f"{100 * prediction.slower:.0f} %",
            ]
        )
    return table(["network-batch", "dtype", "auto is", *modes, "auto slower by"], lines, left=3)
