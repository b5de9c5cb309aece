"""The report as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

import llvmlite.binding
import numpy as np

from ..common import DTYPES
from ..floor import floor
from ..machine import Ceilings
from ..peers import PACKAGES, installed
from ..planner import Prediction
from . import targets
from .comparison import EXPERT, Row
from .figures import Figure
from .verdicts import geometric_mean, groups, met, over_floor, reaches_target, verdicts


@dataclass(frozen=True)
class Report:
    """All that one run has measured.

    before, after : the machine's rates at its start and its end.
    missing : a sentence for each network that could not be made here.
    predictions, figures : empty where only rows were asked for.
    """

    rows: Sequence[Row]
    before: Ceilings
    after: Ceilings
    missing: Sequence[str] = ()
    predictions: Sequence[Prediction] = ()
    figures: Sequence[Figure] = ()


def render(report: Report) -> str:
    """The whole report."""
    ceilings = report.before.at_best(report.after)
    paragraphs = [
        "# Jacobians, timed",
        _setting(),
        _rates(report.before, report.after, ceilings),
        _comparison(report.rows, ceilings),
        *(f"Left out: {sentence}." for sentence in report.missing),
        _means(report.rows, ceilings),
        "\n".join(f"- {sentence}" for sentence in verdicts(report.rows, ceilings)),
    ]
    if report.figures:
        paragraphs += ["## Latency, start, scaling, memory, planner", _figures(report.figures)]
    if report.predictions:
        paragraphs += ["## Cost that the plan counts, and time, both in units of auto's", _predictions(report.predictions)]
    return "\n\n".join(paragraphs) + "\n"


def _setting() -> str:
    packages = ", ".join(f"{PACKAGES[name]} {import_module(PACKAGES[name]).__version__}" for name in installed())
    return (
        f"{platform.system()}, {llvmlite.binding.get_host_cpu_name()}, {os.cpu_count()} cores; Python "
        f"{platform.python_version()}, {packages}. Medians of interleaved turns; every time includes a new result array."
    )


def _rates(before: Ceilings, after: Ceilings, best: Ceilings) -> str:
    gemms = []
    for dtype in DTYPES:
        size = best.multiply_adds(dtype)[1]
        rates = _before_after(2 * before.gemm[dtype, size], 2 * after.gemm[dtype, size])
        gemms.append(f"{rates} GFLOP/s {dtype} (size {size})")
    return (
        f"Ceilings before / after the run, on all cores: matrix multiply {', '.join(gemms)}; copy, in GB/s read and written, "
        f"by bytes moved: {_by_size(before.copied, after.copied)}; new array, in GB/s written, by its size: "
        f"{_by_size(before.written, after.written)}. The floor of a row is the largest of its live multiply-adds, the bytes of "
        "result, inputs and weights, and the bytes of a new result, each at the better of the two rates; a single input may "
        "use all cores too."
    )


def _by_size(before: Mapping[int, float], after: Mapping[int, float]) -> str:
    return ", ".join(f"{size / 2**20:.0f} MiB {_before_after(rate, after[size])}" for size, rate in before.items())


def _before_after(rate: float, later: float) -> str:
    return f"{rate / 1e9:.0f} / {later / 1e9:.0f}"


def _comparison(rows: Sequence[Row], ceilings: Ceilings) -> str:
    names = list(rows[0].seconds)
    header = ["network-batch", "dtype", *names, "best peer / fastjac", "target", "floor", "x floor", "error"]
    lines = []
    for row in rows:
        least = floor(row.work, row.dtype, ceilings)
        lines.append(
            [
                row.cell,
                row.dtype,
                *(format_seconds(row.seconds[name]) for name in names),
                f"{row.over_best:.2f}",
                f"{targets.over_best_peer(row.cell):g}, {met(reaches_target(row))}",
                f"{format_seconds(least.seconds)}, {least.bound}",
                f"{over_floor(row, ceilings):.2f}",
                f"{row.error:.1g}",
            ]
        )
    return table(header, lines, left=2)


def _means(rows: Sequence[Row], ceilings: Ceilings) -> str:
    lines = []
    for title, group in groups(rows).items():
        ratios = [(row.over_best, row.over_expert, over_floor(row, ceilings)) for row in group]
        lines.append([title, str(len(group)), *(f"{geometric_mean(column):.2f}" for column in zip(*ratios, strict=True))])
    return table(["geometric mean", "rows", "best peer / fastjac", f"{EXPERT} / fastjac", "x floor"], lines)


def _figures(figures: Iterable[Figure]) -> str:
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
                prediction.cell,
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


def table(header: Sequence[str], lines: Iterable[Sequence[str]], left: int = 1) -> str:
    """A Markdown table whose first `left` columns are aligned to the left."""
    rules = ["---" if column < left else "---:" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(fields)} |" for fields in (header, rules, *lines))


def format_seconds(seconds: float) -> str:
    """Three digits, in us or ms."""
    scale, unit = (1e6, "us") if seconds < 1e-3 else (1e3, "ms")
    digits = max(0, 2 - int(np.floor(np.log10(seconds * scale))))
    return f"{seconds * scale:.{digits}f} {unit}"
