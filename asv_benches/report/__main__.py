"""`python -m asv_benches.report`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..common import NETWORKS
from .measuring import FULL, QUICK, measure
from .rendering import render

DESCRIPTION = "Time fastjac and its peers in one run, and write what was found as Markdown."


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the report, and write it to `--output`."""
    parser = argparse.ArgumentParser(prog="python -m asv_benches.report", description=DESCRIPTION)
    parser.add_argument("--quick", action="store_true", help="small batches and few rounds: about a minute")
    parser.add_argument("--rows-only", action="store_true", help="the comparison with the peers and nothing else")
    parser.add_argument(
        "--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="NAME", help=", ".join(NETWORKS)
    )
    parser.add_argument("--output", type=Path, help="write the Markdown here too")
    arguments = parser.parse_args(argv)
    if all(NETWORKS[name].missing for name in arguments.networks):
        parser.error("; ".join(f"{name} {NETWORKS[name].missing}" for name in arguments.networks))
    text = render(measure(arguments.networks, QUICK if arguments.quick else FULL, arguments.rows_only))
    print(text)
    if arguments.output:
        arguments.output.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
