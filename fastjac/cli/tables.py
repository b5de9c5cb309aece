"""The command that takes a table: sensitivity."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from ..tabular import sensitivity as statistics_of
from ..tabular.csvfile import read_csv, write_csv
from ..tabular.derivatives import NanPolicy, Units
from ..tabular.result import COLUMNS
from .network import add_network, load_network
from .parser import add_command, add_plot, add_threads, names


def add_sensitivity(commands: Any) -> None:
    """The command `sensitivity`."""
    summary = "show how much each output depends on each input, over the rows of a table"
    parser = add_command(commands, sensitivity, summary, "model.joblib table.csv --units standard --plot bars.png")
    add_network(parser)
    what = "rows of inputs, a column each; the first line holds their names unless all of it are numbers"
    parser.add_argument("table", metavar="TABLE.csv", type=Path, help=what)
    columns = "the columns to take, in the network's order (default: those that it names, or all if it names none)"
    parser.add_argument("--columns", metavar="A,B,...", type=names, help=columns)
    units = "derivatives as they are, in standard deviations, or d log y / d log x (default: raw)"
    parser.add_argument("--units", choices=get_args(Units), default="raw", help=units)
    policy = "what to do about nan: say where it is and stop, or leave it out and count the others (default: raise)"
    parser.add_argument("--nan-policy", choices=get_args(NanPolicy), default="raise", help=policy)
    parser.add_argument("--output-names", metavar="A,B,...", type=names, help="what the outputs are called (default: y0,y1,...)")
    parser.add_argument("-o", "--output", metavar="OUT.csv", type=Path, help="where to write all of it")
    add_plot(parser, "the inputs that matter most")
    add_threads(parser)


def sensitivity(args: argparse.Namespace) -> int:
    """Print, and write and draw if asked, the statistics of the derivatives at the rows of a table."""
    net = load_network(args)
    found = statistics_of(
        net,
        read_csv(args.table, args.columns, net.feature_names),
        units=args.units,
        nan_policy=args.nan_policy,
        output_names=args.output_names,
        threads=args.threads,
    )
    print(found)
    if args.output is not None:
        write_csv(args.output, COLUMNS, found.lines())
        print(f"\nWrote {args.output}: a line for each output and input")
    if args.plot is not None:
        from .. import plot

        with plot.picture(args.plot) as ax:
            plot.sensitivity(found, ax=ax)
        print(f"\nWrote {args.plot}: the inputs that matter most")
    return 0
