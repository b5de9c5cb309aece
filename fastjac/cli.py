"""The command `fastjac`: what a saved network is, its plan, its Jacobians, and a check of them.

Results go to stdout, progress to stderr. Exit codes: 0 for success, 1 for a check that failed, 2 for anything wrong with
the command or its files, told in one line, and 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from . import __version__
from .arrayfile import read_array, write_array
from .check import check_jacobian
from .ends import whole
from .errors import FastjacError, ShapeError
from .importers import FORMATS, Imported, Options, read
from .network import Network
from .plan import ORDERS
from .steps import Mode
from .table import format_name, format_table

DESCRIPTION = "Exact Jacobians of trained feed-forward networks, in NumPy and without a deep-learning framework."
EXAMPLES = """\
examples:
  fastjac demo                                            try it on a network and inputs that come with fastjac
  fastjac info model.keras                                which layers the file holds, and what becomes of them
  fastjac convert model.onnx model.safetensors            the same network in fastjac's own file
  fastjac jacobian model.keras inputs.npy -o jac.npy      J[b, i, j] = d output i / d input j for every input b
  fastjac check model.keras inputs.npy                    compare the Jacobians with central differences

FILE is told by its content: {formats}.
INPUT.npy holds an array of shape (..., features), as numpy.save writes it: the features of all inputs where there are several.
"""
BLOCK_BYTES = 2**24
"""Jacobians computed between two steps of the progress bar."""

CHECKED_INPUTS = 8
"""Random inputs for `check` where no file gives any."""


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


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others are."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"fastjac: error: {message}; see `{self.prog} --help`\n")


def _parser() -> argparse.ArgumentParser:
    epilog = EXAMPLES.format(formats=", ".join(known.name for known in FORMATS))
    parser = _Parser("fastjac", description=DESCRIPTION, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"fastjac {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_info, _add_convert, _add_plan, _add_jacobian, _add_check, _add_demo):
        add(commands)
    return parser


def _add_info(commands: Any) -> None:
    summary = "show what a file holds, what becomes of each part, and any weights that are nan or inf"
    parser = _command(commands, _info, summary, "model.keras")
    _add_network(parser)


def _add_convert(commands: Any) -> None:
    summary = "write a network to fastjac's own file, which is safe and needs no options to read"
    parser = _command(commands, _convert, summary, "model.pth model.safetensors --layers relu,relu,softmax")
    _add_network(parser)
    parser.add_argument("output", metavar="OUT.safetensors", type=Path, help="the file to write")


def _add_plan(commands: Any) -> None:
    parser = _command(commands, _plan, "show in which order the Jacobian is multiplied, and its cost", "model.keras --mode mixed")
    _add_network(parser)
    _add_mode(parser)


def _add_jacobian(commands: Any) -> None:
    summary = "compute the Jacobians at the inputs in a .npy file"
    parser = _command(commands, _jacobian, summary, "model.keras inputs.npy -o jac.npy")
    _add_network(parser)
    parser.add_argument("input", metavar="INPUT.npy", type=Path, help="inputs, an array of shape (..., features)")
    what = "where to write the array of shape (..., outputs, features)"
    parser.add_argument("-o", "--output", metavar="OUT.npy", type=Path, required=True, help=what)
    _add_mode(parser)
    parser.add_argument("--threads", metavar="N", type=int, help="most threads to use (default: all cores)")
    parser.add_argument("--dtype", choices=("float32", "float64"), help="precision to compute in (default: that of the file)")


def _add_check(commands: Any) -> None:
    summary = "compare the Jacobians with central differences; exit with 1 if they differ"
    parser = _command(commands, _check, summary, "model.keras inputs.npy")
    _add_network(parser)
    what = f"inputs (default: {CHECKED_INPUTS} random normal ones)"
    parser.add_argument("input", metavar="INPUT.npy", type=Path, nargs="?", help=what)
    parser.add_argument("--rtol", metavar="R", type=float, help="largest relative error allowed (default: 1e-6, float32 1e-4)")
    parser.add_argument("--seed", metavar="N", type=_seed, default=0, help="of the random inputs and directions (default: 0)")


def _add_demo(commands: Any) -> None:
    summary = "compute and draw the Jacobians of a digits classifier that comes with fastjac"
    parser = _command(commands, _demo, summary, "--output results")
    what = "where to put jac.npy and jac.png (default: here)"
    parser.add_argument("--output", metavar="DIR", type=Path, default=Path(), help=what)


def _command(commands: Any, run: Callable[[argparse.Namespace], int], summary: str, example: str) -> argparse.ArgumentParser:
    name = run.__name__.removeprefix("_")
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  fastjac {name} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be an integer from 0 on, got {text!r}")
    return int(text)


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the network, in any format that fastjac reads")
    weights = parser.add_argument_group("for files that do not tell all of a network")
    weights.add_argument("--layers", metavar="A,B,...", type=_names, help="its layers, as for fastjac.from_state_dict")
    weights.add_argument("--order", metavar="A,B,...", type=_names, help="the names of its groups of weights, input first")
    weights.add_argument("--n-in", metavar="N", type=int, help="its number of inputs")
    weights.add_argument("--config", metavar="CONFIG.json", type=Path, help="the config of Keras weights: model.to_json()")
    weights.add_argument("--external-data", action="store_true", help="read an ONNX file's weights from files beside it")
    scaling = "what stands around a .nnet file's layers: linear (the default), none or clipped"
    weights.add_argument("--scaling", metavar="KIND", help=scaling)
    weights.add_argument("--inputs", metavar="A,B,...", type=_names, help="a graph's inputs, in the order to take them in")
    weights.add_argument("--outputs", metavar="A,B,...", type=_names, help="the outputs of a graph that are wanted")
    weights.add_argument("--policy", metavar="NAME", help="which network of an agent: actor, critic or value")
    weights.add_argument("--activation", metavar="NAME", help="what stands between an agent's layers, such as elu")
    classes = "what classes of your own do in a torch module, as for fastjac.load: a dict of lists"
    weights.add_argument("--classes", metavar="CLASSES.json", type=_classes, help=classes)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _classes(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"{path} is no JSON: {error}") from error


def _read(args: argparse.Namespace) -> tuple[str, Imported]:
    config = None if args.config is None else args.config.read_text(encoding="utf-8")
    return read(
        args.file,
        Options(
            layers=args.layers,
            order=args.order,
            n_in=args.n_in,
            config=config,
            external_data=args.external_data,
            scaling=args.scaling,
            inputs=args.inputs,
            outputs=args.outputs,
            policy=args.policy,
            activation=args.activation,
            classes=args.classes,
        ),
    )


def _load(args: argparse.Namespace) -> Network:
    return _read(args)[1].network


def _add_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mode", choices=tuple(ORDERS), default="auto", help="order of accumulation (default: auto, the cheapest)"
    )


def _info(args: argparse.Namespace) -> int:
    kind, imported = _read(args)
    net = imported.network
    print(f"{args.file}: {kind}\n")
    print("\n".join(_told_parts(imported)), end="\n\n")
    if net.feature_names:
        names = ", ".join(f"{number} {format_name(name)}" for number, name in enumerate(net.feature_names))
        print(f"Inputs: {names}\n")
    print(net)
    faults = list(_nonfinite_weights(net))
    print("\n".join(faults) if faults else "All parameters are finite.")
    return 0


def _told_parts(imported: Imported) -> list[str]:
    """What became of each part of the file, one line for each."""
    rows = [("part", "becomes", "")]
    for part in imported.parts:
        layers = ", ".join(type(layer).__name__ for layer in part.layers) or "nothing"
        rows.append((part.source, layers, part.note))
    return format_table(rows, left=3)


def _convert(args: argparse.Namespace) -> int:
    net = _load(args)
    net.save(args.output)
    print(f"Wrote {args.output}: {net!r}")
    return 0


def _nonfinite_weights(net: Network) -> Iterable[str]:
    for position, layer in enumerate(net.layers):
        for name, array in layer.arrays.items():
            n_nan, n_inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
            if n_nan or n_inf:
                yield f"Layer {position} ({type(layer).__name__}): {n_nan} nan and {n_inf} inf of {array.size:,} in {name}"


def _plan(args: argparse.Namespace) -> int:
    print(_load(args).plan(args.mode))
    return 0


def _jacobian(args: argparse.Namespace) -> int:
    net = _load(args)
    if args.dtype is not None:
        net = net.astype(args.dtype)
    x = _read_inputs(args.input, net)
    points = x.reshape(-1, net.n_in)
    size = max(1, BLOCK_BYTES // (net.n_out * net.n_in * net.dtype.itemsize))
    starts = _progress(range(0, len(points), size), "Jacobians")
    blocks = (_jacobians(net, points[start : start + size], args.mode, args.threads) for start in starts)
    shape = (*x.shape[:-1], net.n_out, net.n_in)
    write_array(args.output, blocks, shape, net.dtype)
    print(f"Wrote {args.output}: {net.dtype} Jacobians of shape {shape}, J[..., i, j] = d y_i / d x_j")
    return 0


def _jacobians(net: Network, points: np.ndarray, mode: Mode, threads: int | None) -> np.ndarray:
    """J for all inputs and outputs of a network, each end as one vector."""
    return whole(net.jacobian(net._inputs.split(points, -1), mode, threads=threads), net._outputs, net._inputs)


def _check(args: argparse.Namespace) -> int:
    net = _load(args)
    if args.input is None:
        x = np.random.default_rng(args.seed).standard_normal((CHECKED_INPUTS, net.n_in))
    else:
        x = _read_inputs(args.input, net)
    x = net._inputs.split(x, -1)
    report = check_jacobian(net, x, rtol=args.rtol, seed=args.seed, progress=lambda samples: _progress(samples, "check"))
    print(report)
    return 0 if report else 1


def _demo(args: argparse.Namespace) -> int:
    from .demo import run

    run(args.output)
    return 0


def _read_inputs(path: Path, net: Network) -> np.ndarray:
    x = read_array(path)
    if x.ndim == 0 or x.shape[-1] != net.n_in:
        raise ShapeError(f"{path} must have shape (..., {net.n_in}), one feature for each input of the network, got {x.shape}")
    return x


def _progress(steps: range, what: str) -> Iterable[int]:
    """`steps` under a progress bar, where stderr is a terminal and tqdm is installed; the bar is all that needs it."""
    try:
        from tqdm import tqdm
    except ImportError:
        return steps
    # The delay, which the first step outlasts, keeps the word before kernels compile on a line of its own.
    return tqdm(steps, desc=what, disable=None, leave=False, delay=1e-3)
