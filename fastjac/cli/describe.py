"""The commands that describe a network: info, convert and plan."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..importers import Imported
from ..network import Network
from ..table import format_name, format_table
from .network import add_network, load_network, read_network
from .parser import add_command, add_mode


def add_info(commands: Any) -> None:
    """The command `info`."""
    summary = "show what a file holds, what becomes of each part, and any weights that are nan or inf"
    add_network(add_command(commands, info, summary, "model.keras"))


def add_convert(commands: Any) -> None:
    """The command `convert`."""
    summary = "write a network to fastjac's own file, which is safe and needs no options to read"
    parser = add_command(commands, convert, summary, "model.pth model.safetensors --layers relu,relu,softmax")
    add_network(parser)
    parser.add_argument("output", metavar="OUT.safetensors", type=Path, help="the file to write")


def add_plan(commands: Any) -> None:
    """The command `plan`."""
    summary = "show in which order the Jacobian is multiplied, and its cost"
    parser = add_command(commands, plan, summary, "model.keras --mode mixed")
    add_network(parser)
    add_mode(parser)


def info(args: argparse.Namespace) -> int:
    """Print what a file holds."""
    kind, imported = read_network(args)
    net = imported.network
    print(f"{args.file}: {kind}\n")
    print("\n".join(_list_parts(imported)), end="\n\n")
    if net.feature_names:
        print(f"Inputs: {', '.join(f'{number} {format_name(name)}' for number, name in enumerate(net.feature_names))}\n")
    print(net)
    faults = list(_nonfinite_weights(net))
    print("\n".join(faults) if faults else "All parameters are finite.")
    return 0


def _list_parts(imported: Imported) -> list[str]:
    """What became of each part of the file, one line for each."""
    rows = [("part", "becomes", "")]
    for part in imported.parts:
        layers = ", ".join(type(layer).__name__ for layer in part.layers) or "nothing"
        rows.append((part.source, layers, part.note))
    return format_table(rows, left=3)


def _nonfinite_weights(net: Network) -> Iterable[str]:
    for position, layer in enumerate(net.layers):
        for name, array in layer.arrays.items():
            n_nan, n_inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
            if n_nan or n_inf:
                yield f"Layer {position} ({type(layer).__name__}): {n_nan} nan and {n_inf} inf of {array.size:,} in {name}"


def convert(args: argparse.Namespace) -> int:
    """Write a network to fastjac's own file."""
    net = load_network(args)
    net.save(args.output)
    print(f"Wrote {args.output}: {net!r}")
    return 0


def plan(args: argparse.Namespace) -> int:
    """Print the plan of a network."""
    print(load_network(args).plan(args.mode))
    return 0
