"""The commands that compute at given inputs: jacobian and check."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from ..check import check_jacobian
from ..errors import OptionError, ShapeError
from ..network import Network
from ..streaming.progress import can_draw
from ..tabular.arrayfile import read_array, write_array
from .network import add_network, load_network
from .parser import add_command, add_mode, add_plot, add_threads

AS_ONE_MATRIX: dict[str, Any] = {"wrt": slice(None), "of": slice(None)}
"""Asks for J of all inputs and outputs as one matrix, whatever their number."""
CHECKED_INPUTS = 8
"""How many random inputs `check` takes where no file gives any."""


def add_jacobian(commands: Any) -> None:
    """The command `jacobian`."""
    summary = "compute the Jacobians at the inputs in a .npy file"
    parser = add_command(commands, jacobian, summary, "model.keras inputs.npy -o jac.npy")
    add_network(parser)
    parser.add_argument("input", metavar="INPUT.npy", type=Path, help="inputs, an array of shape (..., features)")
    what = "where to write the array of shape (..., outputs, features)"
    parser.add_argument("-o", "--output", metavar="OUT.npy", type=Path, required=True, help=what)
    add_plot(parser, "the Jacobian at the first input")
    add_mode(parser)
    add_threads(parser)
    parser.add_argument("--dtype", choices=("float32", "float64"), help="precision to compute in (default: that of the file)")


def add_check(commands: Any) -> None:
    """The command `check`."""
    summary = "compare the Jacobians with central differences; exit with 1 if they differ"
    parser = add_command(commands, check, summary, "model.keras inputs.npy")
    add_network(parser)
    what = f"inputs (default: {CHECKED_INPUTS} random normal ones)"
    parser.add_argument("input", metavar="INPUT.npy", type=Path, nargs="?", help=what)
    parser.add_argument("--rtol", metavar="R", type=float, help="largest relative error allowed (default: 1e-6, float32 1e-4)")
    parser.add_argument("--seed", metavar="N", type=_seed, default=0, help="of the random inputs and directions (default: 0)")


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be an integer from 0 on, got {text!r}")
    return int(text)


def jacobian(args: argparse.Namespace) -> int:
    """Write the Jacobians at all inputs of a file."""
    net = load_network(args)
    if args.dtype is not None:
        net = net.astype(args.dtype)
    x = _read_inputs(args.input, net)
    points = x.reshape(-1, net.n_in)
    if args.plot is not None:
        _draw(args, net, points)
    options = {"mode": args.mode, "threads": args.threads, **AS_ONE_MATRIX}
    blocks = net.jacobian_blocks(net._inputs.split(points, -1), progress=can_draw(), **options)
    shape = (*x.shape[:-1], net.n_out, net.n_in)
    write_array(args.output, (jacobians for _, jacobians in blocks), shape, net.dtype)
    print(f"Wrote {args.output}: {net.dtype} Jacobians of shape {shape}, J[..., i, j] = d y_i / d x_j")
    return 0


def _draw(args: argparse.Namespace, net: Network, points: np.ndarray) -> None:
    """Draw the Jacobian at the first input, before the other inputs take their time."""
    from .. import plot

    if not len(points):
        raise OptionError(f"{args.input} holds no input, so there is no Jacobian to draw; leave --plot out")
    with plot.picture(args.plot) as ax:
        plot.jacobian(net.jacobian(net._inputs.split(points[0], -1), args.mode, **AS_ONE_MATRIX), ax=ax)
    print(f"Wrote {args.plot}: the Jacobian at the first input")


def check(args: argparse.Namespace) -> int:
    """Compare the Jacobians with central differences."""
    net = load_network(args)
    if args.input is None:
        x = np.random.default_rng(args.seed).standard_normal((CHECKED_INPUTS, net.n_in))
    else:
        x = _read_inputs(args.input, net)
    x = net._inputs.split(x, -1)
    report = check_jacobian(net, x, rtol=args.rtol, seed=args.seed, progress=can_draw())
    print(report)
    return 0 if report else 1


def _read_inputs(path: Path, net: Network) -> np.ndarray:
    x = read_array(path)
    if x.ndim == 0 or x.shape[-1] != net.n_in:
        raise ShapeError(f"{path} must have shape (..., {net.n_in}), one feature for each input of the network, got {x.shape}")
    return x
