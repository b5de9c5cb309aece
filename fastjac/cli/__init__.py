"""The command `fastjac`: describes a saved network, prints its plan, computes and checks Jacobians, and their statistics.

    parser.py     the arguments that all commands share
    network.py    the file of a network, and the options that state how to read it
    describe.py   info, convert and plan
    compute.py    jacobian and check
    tables.py     sensitivity

Results go to stdout, progress to stderr. Exit codes: 0 for success, 1 for a check that failed, 2 for anything wrong with
the command or its files, with an error of one line, and 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import FastjacError
from ..importers import FORMATS
from .compute import add_check, add_jacobian
from .describe import add_convert, add_info, add_plan
from .parser import Parser, add_command
from .tables import add_sensitivity

DESCRIPTION = "Exact Jacobians of trained feed-forward networks, in NumPy and without a deep-learning framework."
EXAMPLES = """\
examples:
  fastjac demo                                            try it on a network and inputs that come with fastjac
  fastjac info model.keras                                which layers the file holds, and what becomes of them
  fastjac convert model.onnx model.safetensors            the same network in fastjac's own file
  fastjac jacobian model.keras inputs.npy -o jac.npy      J[b, i, j] = d output i / d input j for every input b
  fastjac sensitivity model.joblib table.csv              how much each output depends on each column
  fastjac check model.keras inputs.npy                    compare the Jacobians with central differences

FILE is recognised by its content: {formats}.
INPUT.npy holds an array of shape (..., features), as numpy.save writes it: the features of all inputs where there are several.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (by default the process's own) and return its exit code."""
    try:
        args = _parser().parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever reads stdout has left (`fastjac info FILE | head`); give Python nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (FastjacError, OSError, MemoryError) as error:
        print(f"fastjac: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fastjac: interrupted", file=sys.stderr)
        return 130


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _parser() -> argparse.ArgumentParser:
    epilog = EXAMPLES.format(formats=", ".join(known.name for known in FORMATS))
    parser = Parser("fastjac", description=DESCRIPTION, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"fastjac {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (add_info, add_convert, add_plan, add_jacobian, add_sensitivity, add_check, _add_demo):
        add(commands)
    return parser


def _add_demo(commands: Any) -> None:
    summary = "compute and draw the Jacobians of a digits classifier that comes with fastjac"
    parser = add_command(commands, demo, summary, "--output results")
    what = "where to put jac.npy and jac.png (default: here)"
    parser.add_argument("--output", metavar="DIR", type=Path, default=Path(), help=what)


def demo(args: argparse.Namespace) -> int:
    """Run the demo; only this command needs what it imports."""
    from ..demo import run

    run(args.output)
    return 0
