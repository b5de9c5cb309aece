"""The file of a network on the command line, and the options for files that do not hold all of a network."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..importers import Imported, Options, read
from ..network import Network
from .parser import names


def add_network(parser: argparse.ArgumentParser) -> None:
    """FILE, and the options that go with it."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the network, in any format that fastjac reads")
    weights = parser.add_argument_group("for files that do not describe a network in full")
    weights.add_argument("--layers", metavar="A,B,...", type=names, help="its layers, as for fastjac.from_state_dict")
    weights.add_argument("--order", metavar="A,B,...", type=names, help="the names of its groups of weights, input first")
    weights.add_argument("--n-in", metavar="N", type=int, help="its number of inputs")
    weights.add_argument("--config", metavar="CONFIG.json", type=Path, help="the config of Keras weights: model.to_json()")
    weights.add_argument("--external-data", action="store_true", help="read an ONNX file's weights from files beside it")
    scaling = "what stands around a .nnet file's layers: linear (the default), none or clipped"
    weights.add_argument("--scaling", metavar="KIND", help=scaling)
    weights.add_argument("--inputs", metavar="A,B,...", type=names, help="a graph's inputs, in the order to take them in")
    weights.add_argument("--outputs", metavar="A,B,...", type=names, help="the outputs of a graph that are wanted")
    weights.add_argument("--policy", metavar="NAME", help="which network of an agent: actor, critic or value")
    weights.add_argument("--activation", metavar="NAME", help="what stands between an agent's layers, such as elu")
    classes = "what classes of your own do in a torch module, as for fastjac.load: a dict of lists"
    weights.add_argument("--classes", metavar="CLASSES.json", type=_classes, help=classes)


def _classes(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"{path} is no JSON: {error}") from error


def read_network(args: argparse.Namespace) -> tuple[str, Imported]:
    """The name of the file's format, and its network with the parts that it came from."""
    # `add_network` calls its arguments as the options are called.
    known = {field.name for field in fields(Options)}
    options = {name: value for name, value in vars(args).items() if name in known}
    if args.config is not None:
        options["config"] = args.config.read_text(encoding="utf-8")
    return read(args.file, Options(**options))


def load_network(args: argparse.Namespace) -> Network:
    """The network of the file."""
    return read_network(args)[1].network
