"""`python -m asv_benches.report`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..common import NETWORKS, Cell, cells
from ..draws import random_networks
from . import isa
from .measuring import FULL, QUICK, RANDOM, Extent, measure
from .rendering import render

DESCRIPTION = "Time fastjac and its peers in one run, and write what was found as Markdown."


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog=f"python -m {__package__}", description=DESCRIPTION)
    made.add_argument("--quick", action="store_true", help="small batches and few rounds: about a minute")
    made.add_argument("--rows-only", action="store_true", help="the comparison with the peers and nothing else")
    made.add_argument("--only", nargs="+", metavar="NAME", help="these networks, or single rows such as seed-64")
    made.add_argument("--random", type=int, metavar="N", help="N networks drawn at random instead of the known eight; rows only")
    made.add_argument("--seed", type=int, default=0, help="which networks are drawn at random (default: 0)")
    made.add_argument(
        "--isa",
        choices=(isa.NATIVE, isa.AVX2),
        default=isa.NATIVE,
        help="avx2 holds fastjac and its peers to AVX2 on a machine with wider vectors",
    )
    made.add_argument("--targets", action="store_true", help="beside each figure, what the project set itself to reach")
    made.add_argument("--output", type=Path, help="write the Markdown here too")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the report, and write it to `--output`."""
    argv = sys.argv[1:] if argv is None else argv
    command = parser()
    arguments = command.parse_args(argv)
    if arguments.targets and arguments.random:
        command.error("--targets: networks drawn at random have none")
    if arguments.isa == isa.AVX2 and isa.held() != isa.AVX2:
        if lacking := isa.lacking():
            command.error(f"--isa avx2: {lacking}")
        return isa.report_held_to_avx2(argv)
    chosen, extent = choose(arguments)
    if not chosen:
        command.error(f"--only: {' '.join(arguments.only)} names neither a network nor a row")
    if all(cell.recipe.missing for cell in chosen):
        command.error("; ".join(f"{cell} {cell.recipe.missing}" for cell in chosen))
    text = render(measure(chosen, extent, arguments.rows_only or arguments.random is not None), arguments.targets)
    print(text)
    if arguments.output:
        arguments.output.write_text(text)
    return 0


def choose(arguments: argparse.Namespace) -> tuple[list[Cell], Extent]:
    """The cells to measure, and how much."""
    drawn = arguments.random is not None
    networks = random_networks(arguments.random, arguments.seed) if drawn else NETWORKS
    extent = QUICK if arguments.quick else RANDOM if drawn else FULL
    found = [cell for cell in cells(networks) if cell.batch in cell.recipe.batches[: extent.batches]]
    if arguments.only:
        found = [cell for cell in cells(networks) if {cell.network, str(cell)} & set(arguments.only)]
    return found, extent


if __name__ == "__main__":
    raise SystemExit(main())
