"""`python -m asv_benches.report`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import isa
from ..common import NETWORKS, Cell, cells
from ..draws import random_networks
from ..graphs.recipes import GRAPH_CELLS, GRAPHS, GraphCell
from . import graph_rows
from .host import machine
from .measuring import FULL, QUICK, RANDOM, Chosen, Extent, left_out, measure
from .rendering import render
from .sections import write_section

ALL_GRAPHS = "graphs"
"""The name that stands for all networks that are no chains."""
DESCRIPTION = "Time fastjac and its peers in one run, and write what was found as Markdown."


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog=f"python -m {__package__}", description=DESCRIPTION)
    made.add_argument("--quick", action="store_true", help="small batches and few rounds")
    made.add_argument("--rows-only", action="store_true", help="the comparison with the peers and nothing else")
    made.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="these networks or single rows, such as seed-64, or all graphs"
    )
    made.add_argument("--random", type=int, metavar="N", help="N networks drawn at random instead of the known ones; rows only")
    made.add_argument("--seed", type=int, default=0, help="which networks are drawn at random (default: 0)")
    made.add_argument(
        "--isa",
        choices=(isa.NATIVE, isa.AVX2),
        default=isa.NATIVE,
        help="avx2 holds fastjac and its peers to AVX2 on a machine with wider vectors",
    )
    made.add_argument("--targets", action="store_true", help="what the project set itself to reach beside each figure")
    made.add_argument(
        "--output", type=Path, help="write the Markdown here too, in the place of a section of the same title if there is one"
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the report, and write it to `--output`."""
    argv = sys.argv[1:] if argv is None else argv
    command = parser()
    arguments = command.parse_args(argv)
    if arguments.targets and arguments.random is not None:
        command.error("--targets: networks drawn at random have none")
    if arguments.isa == isa.AVX2 and isa.held() != isa.AVX2:
        if lacking := isa.lacking():
            command.error(f"--isa avx2: {lacking}")
        return isa.run_held_to_avx2(__package__, argv)
    try:
        chosen = choose(arguments)
    except ValueError as error:
        command.error(str(error))
    text = render(title(arguments), measure(chosen, extent(arguments)), arguments.targets)
    print(text)
    if arguments.output:
        write_section(arguments.output, text)
    return 0


def extent(arguments: argparse.Namespace) -> Extent:
    """How much to measure."""
    return QUICK if arguments.quick else FULL if arguments.random is None else RANDOM


def choose(arguments: argparse.Namespace) -> Chosen:
    """What to measure; raises a ValueError if that is nothing, or if a name stands for nothing."""
    known, only = arguments.random is None, set(arguments.only)
    networks = NETWORKS if known else random_networks(arguments.random, arguments.seed)
    found, graphs = list(cells(networks)), list(GRAPH_CELLS.values()) if known else []
    if unknown := only.difference(*map(names, found), *map(names, graphs)):
        listed = ", ".join([*networks, *([*GRAPHS, ALL_GRAPHS] if known else [])])
        raise ValueError(f"--only: no network or row is called {', '.join(sorted(unknown))}; there are {listed}")
    if only:
        found = [cell for cell in found if names(cell) & only]
        graphs = [cell for cell in graphs if names(cell) & only]
    else:
        found = [cell for cell in found if cell.batch in cell.recipe.batches[: extent(arguments).batches]]
    lacking = [*left_out(found), *graph_rows.left_out(graphs)]
    if all(cell.recipe.missing for cell in found) and (lacking or not graphs):
        raise ValueError("; ".join(lacking) or "--random: at least one network is needed")
    all_graphs = known and (not only or ALL_GRAPHS in only)
    return Chosen(found, graphs, columns=all_graphs, rows_only=arguments.rows_only or not known or bool(only))


def names(cell: Cell | GraphCell) -> set[str]:
    """The names by which `--only` may choose a cell."""
    return {cell.network, str(cell), *([ALL_GRAPHS] if isinstance(cell, GraphCell) else [])}


def title(arguments: argparse.Namespace) -> str:
    """The machine and what was measured on it."""
    drawn = arguments.random is not None
    networks = f"{arguments.random} networks drawn with seed {arguments.seed}" if drawn else "the known networks"
    only = f", {' and '.join(arguments.only)} alone" if arguments.only else ""
    return f"{machine()}: {networks}{only}{', quick' if arguments.quick else ''}"


if __name__ == "__main__":
    raise SystemExit(main())
