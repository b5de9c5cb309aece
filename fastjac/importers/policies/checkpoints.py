"""Torch checkpoints of reinforcement learning, recognized by the names of their weights, and the network that the user wants."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...errors import OptionError, UnsupportedLayerError
from ..options import Options
from ..parts import Imported, Part
from .mlp import STATE_LAYERS, Weights, given_activation
from .networks import MakeNetwork

WRAPPERS = re.compile(r"(?<![^.])(?:_orig_mod|module)\.")
"""What torch.compile and DistributedDataParallel put into names."""
RECURRENT = "weight_ih_l"


@dataclass(frozen=True)
class Checkpoint:
    """The form of the checkpoints that a library writes.

    library : its name.
    activation : the activation between layers in its examples.
    keys : the weights by which its checkpoints are recognized; each checkpoint has all of them.
    agent : the keys that lead to the state dicts of the agent; "" if the file is one.
    modules : the full names of what may stand in these. Anything else may change what a network computes, so it is refused.
    networks : what makes each network, by the user's name for it.
    statistics : the groups of normalizers that stand elsewhere.
    """

    library: str
    activation: str
    keys: tuple[str, ...]
    agent: tuple[str, ...]
    modules: tuple[str, ...]
    networks: Mapping[str, MakeNetwork]
    statistics: tuple[str, ...] = ()

    def reads(self, name: str) -> bool:
        """Whether a weight of this name belongs to the agent or to its statistics."""
        return _is_below(name, (*self.agent, *self.statistics))

    def check(self, weights: Weights) -> None:
        """Raise UnsupportedLayerError where the agent is recurrent, or holds a module that the library does not build."""
        for name in weights.names:
            if any(field.startswith(RECURRENT) for field in weights.fields(name)):
                raise UnsupportedLayerError(f"{name} is recurrent; fastjac takes networks without a state")
            if name not in self.agent and not _is_below(f"{name}.", (*self.modules, *self.statistics)):
                raise UnsupportedLayerError(
                    f"it holds {name}, which may change what a network computes and is none of what {self.library} itself "
                    f"builds; {STATE_LAYERS}"
                )


def without_wrappers(name: str) -> str:
    """The name of a weight, without what wrappers of modules put into it."""
    return WRAPPERS.sub("", name)


def check_policy(found: Checkpoint, options: Options) -> None:
    """Raise OptionError where the user names none of the networks, or gives options that have no meaning beside it."""
    advice = f', with the activation as in activation="{found.activation}"; or {STATE_LAYERS}'
    check_named(options, found.networks, f"it is a checkpoint of {found.library}, which", advice)
    options.refuse_all_but("policy", "activation")


def check_named(options: Options, networks: Collection[str], holder: str, advice: str = "") -> None:
    """Raise OptionError where `options.policy` names none of the networks; the message begins with `holder`, which holds them."""
    if options.policy not in networks:
        got = "" if options.policy is None else f", got {options.policy!r:.80}"
        known = " or ".join(f'policy="{name}"' for name in networks)
        raise OptionError(f"{holder} holds several networks, so pass {known}{got}{advice}")


def imported_agent(found: Checkpoint, arrays: Mapping[str, np.ndarray], options: Options) -> Imported:
    """The network that `options.policy` names, out of the arrays that belong to the checkpoint.

    Raises OptionError where the activation is needed and not given, UnsupportedLayerError for what the library does not build,
    FormatError where arrays are missing or do not fit.
    """
    weights = Weights(arrays)
    found.check(weights)
    return found.networks[str(options.policy)](weights, partial(_activation, found, options))


def _activation(found: Checkpoint, options: Options) -> Part:
    if options.activation is None:
        raise OptionError(
            f"the file does not state which activation stands between layers; {found.library} has {found.activation} in its "
            f'examples, so pass activation="{found.activation}", or what the configuration of the training says'
        )
    return given_activation(options.activation)


def _is_below(name: str, starts: Collection[str]) -> bool:
    return any(name.startswith(f"{start}." if start else "") for start in starts)
