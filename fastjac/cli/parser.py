"""What the commands share: a parser whose errors are one line, how a command is added, and the types of options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ..planning.plan import ORDERS


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others are."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"fastjac: error: {message}; see `{self.prog} --help`\n")


def add_command(commands: Any, run: Callable[[argparse.Namespace], int], summary: str, example: str) -> argparse.ArgumentParser:
    """A parser for the command with the name of the function `run`, which carries it out."""
    parser: argparse.ArgumentParser = commands.add_parser(
        run.__name__,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  fastjac {run.__name__} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_mode(parser: argparse.ArgumentParser) -> None:
    """The option --mode."""
    parser.add_argument(
        "--mode", choices=tuple(ORDERS), default="auto", help="order of accumulation (default: auto, the cheapest)"
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """The option --threads."""
    parser.add_argument("--threads", metavar="N", type=int, help="most threads to use (default: all cores)")


def add_plot(parser: argparse.ArgumentParser, what: str) -> None:
    """The option --plot."""
    parser.add_argument("--plot", metavar="OUT.png", type=Path, help=f"also draw {what}; needs matplotlib")


def names(text: str) -> list[str]:
    """The type of an option that lists names."""
    return [name.strip() for name in text.split(",")]
