"""The whole comparison in one run, as one Markdown table: `python -m asv_benches.report [--quick] [--output FILE]`.

Every network, batch and dtype; fastjac and each installed peer take turns in one process (see `timing`), so the ratios
hold even where the machine drifts. Every Jacobian is compared with a float64 reference before it is timed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import llvmlite.binding
import numpy as np

from . import machine
from .common import CELLS, DTYPES, NETWORKS, relative_error, tolerance
from .peers import PACKAGES, installed, prepare
from .timing import interleaved

EXPERT = "expert NumPy"


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds and seconds for each row, and how many of each network's batch sizes."""

    rounds: int
    seconds: float
    batches: int


FULL = Effort(rounds=21, seconds=6.0, batches=3)
QUICK = Effort(rounds=5, seconds=0.5, batches=2)


@dataclass(frozen=True)
class Row:
    """One cell in one dtype: median seconds of each contender, and fastjac's relative error."""

    cell: str
    dtype: str
    seconds: dict[str, float]
    error: float

    @property
    def over_best(self) -> float:
        """Time of the fastest peer over fastjac's."""
        return min(time for name, time in self.seconds.items() if name != "fastjac") / self.seconds["fastjac"]

    @property
    def over_expert(self) -> float:
        """Time of expert NumPy over fastjac's."""
        return self.seconds[EXPERT] / self.seconds["fastjac"]


def measure(cell: str, dtype: str, effort: Effort) -> Row:
    """Check and time every installed contender in one cell; a RuntimeError names one that is wrong."""
    recipe, batch = CELLS[cell]
    x = recipe.inputs(batch, dtype)
    reference = prepare(EXPERT, cell, "float64")(recipe.inputs(batch, "float64"))
    functions = {name: prepare(name, cell, dtype) for name in installed()}
    errors = {name: relative_error(jacobian(x), reference) for name, jacobian in functions.items()}
    for name, error in errors.items():
        if not error <= tolerance(dtype):
            raise RuntimeError(f"{name} is off by {error:.1e} in cell {cell}, {dtype}; at most {tolerance(dtype):.0e} is right")
    calls = {name: _call(jacobian, x) for name, jacobian in functions.items()}
    return Row(cell, dtype, interleaved(calls, effort.rounds, effort.seconds), errors["fastjac"])


def _call(jacobian: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: jacobian(x)


def ceilings() -> dict[str, float]:
    """The machine's rates now: matrix multiplies in GFLOP/s, memory traffic in GB/s."""
    works = {dtype: machine.gemm(dtype) for dtype in DTYPES}
    seconds = interleaved({**works, "copy": machine.copy()}, rounds=9, seconds=3.0)
    amounts = {**dict.fromkeys(DTYPES, machine.GEMM_FLOPS), "copy": machine.COPY_TRAFFIC}
    return {name: amounts[name] / seconds[name] / 1e9 for name in amounts}


def render(rows: Sequence[Row], before: dict[str, float], after: dict[str, float]) -> str:
    """The report as Markdown."""
    names = list(rows[0].seconds)
    header = ["network-batch", "dtype", *names, "best peer / fastjac", f"{EXPERT} / fastjac", "error"]
    lines = [_line(header), _line(["---", "---", *["---:"] * (len(header) - 2)])]
    for row in rows:
        times = [_format_seconds(row.seconds[name]) for name in names]
        lines.append(_line([row.cell, row.dtype, *times, f"{row.over_best:.2f}", f"{row.over_expert:.2f}", f"{row.error:.1g}"]))
    return "\n".join(["# Jacobians, timed", "", *_machine_text(before, after), "", *lines, "", *_summary(rows)]) + "\n"


def _line(fields: Iterable[str]) -> str:
    return "| " + " | ".join(fields) + " |"


def _format_seconds(seconds: float) -> str:
    scale, unit = (1e6, "us") if seconds < 1e-3 else (1e3, "ms")
    digits = max(0, 2 - int(np.log10(seconds * scale)))
    return f"{seconds * scale:.{digits}f} {unit}"


def _machine_text(before: dict[str, float], after: dict[str, float]) -> list[str]:
    packages = ", ".join(f"{PACKAGES[name]} {import_module(PACKAGES[name]).__version__}" for name in installed())
    rates = [f"{before[name]:.0f} / {after[name]:.0f}" for name in (*DTYPES, "copy")]
    return [
        f"{platform.system()}, {llvmlite.binding.get_host_cpu_name()}, {os.cpu_count()} cores; Python "
        f"{platform.python_version()}, {packages}. Medians of interleaved turns; every time includes a new result array.",
        "",
        f"Ceilings before / after the run: matrix multiply {rates[0]} GFLOP/s float32 and {rates[1]} float64, "
        f"copy {rates[2]} GB/s read and written.",
    ]


def _summary(rows: Sequence[Row]) -> list[str]:
    groups = {
        "all rows": rows,
        **{dtype: [row for row in rows if row.dtype == dtype] for dtype in DTYPES},
        "one input": [row for row in rows if CELLS[row.cell][1] == 1],
        "batches": [row for row in rows if CELLS[row.cell][1] > 1],
    }
    lines = [_line(["geometric mean", "rows", "best peer / fastjac", f"{EXPERT} / fastjac"]), _line(["---", *["---:"] * 3])]
    for title, group in groups.items():
        if group:
            means = [_geometric_mean(row.over_best for row in group), _geometric_mean(row.over_expert for row in group)]
            lines.append(_line([title, str(len(group)), *(f"{mean:.2f}" for mean in means)]))
    return [
        *lines,
        "",
        _behind(rows, EXPERT, lambda row: row.over_expert),
        _behind(rows, "the best peer", lambda row: row.over_best),
    ]


def _geometric_mean(ratios: Iterable[float]) -> float:
    return float(np.exp(np.mean(np.log(list(ratios)))))


def _behind(rows: Sequence[Row], whom: str, ratio: Callable[[Row], float]) -> str:
    behind = [f"{row.cell} {row.dtype} ({ratio(row):.2f})" for row in rows if ratio(row) < 1.0]
    return f"- Rows on which fastjac is behind {whom}: {', '.join(behind) or 'none'}."


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the report, and write it to `--output`."""
    parser = argparse.ArgumentParser(prog="python -m asv_benches.report", description=__doc__.partition(":")[0] + ".")
    parser.add_argument("--quick", action="store_true", help="small batches and few rounds: about a minute")
    parser.add_argument(
        "--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="NAME", help=", ".join(NETWORKS)
    )
    parser.add_argument("--output", type=Path, help="write the Markdown here too")
    arguments = parser.parse_args(argv)
    effort = QUICK if arguments.quick else FULL
    cells = [f"{name}-{batch}" for name in arguments.networks for batch in NETWORKS[name].batches[: effort.batches]]
    before, rows = ceilings(), []
    for number, cell in enumerate(cells, start=1):
        print(f"{number}/{len(cells)} {cell}", file=sys.stderr, flush=True)
        rows += [measure(cell, dtype, effort) for dtype in DTYPES]
        prepare.cache_clear()
    text = render(rows, before, ceilings())
    print(text)
    if arguments.output:
        arguments.output.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
