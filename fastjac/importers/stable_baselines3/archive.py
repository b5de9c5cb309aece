"""Read an archive of stable-baselines3: its JSON, then the weights in policy.pth, then the network that the user wants."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import partial

import numpy as np

from ...errors import FormatError, OptionError, UnsupportedLayerError
from ..entries import ACTIVATIONS
from ..located import located
from ..options import Options
from ..parts import Imported, Part
from ..policies.checkpoints import check_named
from ..policies.mlp import STATE_LAYERS, Weights, given_activation
from ..reading import archive
from ..reading.limits import MOST_TEXT, check_count
from ..reading.probe import ZIP_SIGNATURE, Probe
from ..torch_file.checkpoint import state_dicts
from ..torch_file.container import zip_content
from ..torch_file.load import arrays_of
from ..torch_file.tensors import Tensors
from ..weights import imported_weights
from . import settings
from .networks import POLICIES, REFUSED, Agent, Policy
from .settings import Settings

JSON, WEIGHTS = "data", "policy.pth"
BY_CLASS = {name.replace("_", ""): name for name in ACTIVATIONS}
"""The names of activations, by the names of torch's classes in lower case."""
TORCH_ACTIVATIONS = "torch.nn.modules.activation."
PLAIN_EXTRACTORS = (
    "stable_baselines3.common.torch_layers.FlattenExtractor",
    "stable_baselines3.common.torch_layers.CombinedExtractor",
)
"""Features extractors that only join vectors to one."""
EXTRACTOR, NOISE_EXTRACTOR = "features_extractor", "sde_features_extractor"


def recognise(probe: Probe) -> bool:
    """Whether the file is a zip archive with the members that stable-baselines3 writes."""
    return JSON in probe.zip_names and WEIGHTS in probe.zip_names


def load(probe: Probe, options: Options) -> Imported:
    """Read the network that `options.policy` names, or the one that `options.layers` specifies.

    Raises OptionError where neither is given, or where nothing states the activation; UnsupportedLayerError for a policy that
    is none of POLICIES or has layers of its own; FormatError where the archive is damaged.
    """
    if options.layers is not None:
        options.refuse_all_but("layers", "order", "n_in")
        with archive.opened(probe.path) as found:
            return imported_weights(_weights(found, probe.size), options)
    options.refuse_all_but("policy", "activation")
    with archive.opened(probe.path) as found:
        check_count(found.size(JSON), MOST_TEXT, f"bytes in {JSON}")
        stated = settings.read(found.read(JSON))
        policy = _policy(stated, options)
        arrays = _weights(found, probe.size)
    weights = Weights(arrays)
    _check_extractors(stated, weights)
    make = partial(_activation, stated, policy, options)
    imported = policy.networks[str(options.policy)](Agent(weights, stated, make))
    return replace(imported, parts=(*imported.parts, _left_out(weights, imported)))


def _policy(stated: Settings, options: Options) -> Policy:
    """The class of policies, if it has the network that the user wants."""
    if stated.module not in POLICIES:
        unknown = f"a policy of {stated.module[:200]}, whose code would state what it computes; {STATE_LAYERS}"
        raise UnsupportedLayerError(f"it holds {REFUSED.get(stated.module, unknown)}")
    policy = POLICIES[stated.module]
    check_named(options, policy.networks, "an archive of stable-baselines3")
    return policy


def _weights(found: archive.Archive, size: int) -> OrderedDict[str, np.ndarray]:
    """The state dict of the policy, out of the torch file within the archive."""
    with located(WEIGHTS):
        content = found.read_stored(WEIGHTS)
        if not content.startswith(ZIP_SIGNATURE):
            raise FormatError(
                f'it is no zip archive, as torch writes since 1.6; take it out, zipfile.ZipFile(path).extract("{WEIGHTS}"), and '
                "load that with layers=[...]"
            )
        with archive.within(content) as inner:
            value, storages = zip_content(inner)
            return OrderedDict(arrays_of(state_dicts(value)[0].tensors(), Tensors(storages, size)))


def _check_extractors(stated: Settings, weights: Weights) -> None:
    """Raise UnsupportedLayerError where a features extractor does more to observations than flatten them."""
    learned = [name for name in weights.names if EXTRACTOR in name and NOISE_EXTRACTOR not in name]
    given = stated.class_name(f"{EXTRACTOR}_class")
    if any(".cnn." in f".{name}" for name in learned):
        raise UnsupportedLayerError(f"observations pass through convolutions ({learned[0]}), which fastjac does not have yet")
    if learned or given not in (None, *PLAIN_EXTRACTORS):
        named = given or learned[0]
        raise UnsupportedLayerError(f"observations pass through a features extractor of its own, {named}; {STATE_LAYERS}")


def _activation(stated: Settings, policy: Policy, options: Options) -> Part:
    """The activation between layers: the one that the user states, else the archive's, else the default of the policy's class."""
    if options.activation is not None:
        return given_activation(options.activation)
    name = stated.class_name("activation_fn")
    if name is None:
        return Part(f"{policy.activation} (default)", ACTIVATIONS[policy.activation], "the archive names no activation_fn")
    known = BY_CLASS.get(name.removeprefix(TORCH_ACTIVATIONS).lower())
    if known is None or not name.startswith(TORCH_ACTIVATIONS):
        raise OptionError(
            f"the archive names activation_fn {name}, which states no activation of torch; pass it, as in activation="
            f'"{policy.activation}" or activation=fastjac.ELU(0.5)'
        )
    return Part(f"{known} (activation_fn)", ACTIVATIONS[known])


def _left_out(weights: Weights, imported: Imported) -> Part:
    """A part that counts the weights of the archive's other networks."""
    used = {part.source.partition(" ")[0] for part in imported.parts}
    rest = len([name for name in weights.names if name not in used])
    return Part(f"{rest} groups of weights", (), "left out: they belong to other networks of the agent, or to its noise")
