"""POLICIES: the networks of each class of policies, out of the weights that its archive holds.

The actor gives what `policy.predict(observation, deterministic=True)` does, before the largest entry is chosen where actions
are discrete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ... import layers as fl
from ...errors import FormatError
from ..ir.assembly import assemble_row
from ..parts import Imported, Part
from ..policies.mlp import STATE_LAYERS, MakeActivation, Weights, numbered
from ..policies.networks import pair_network
from .actions import as_given, chosen, squashed
from .settings import Settings

CLIP_MEAN = 2.0
"""Where SAC under use_sde clips the mean of an action, unless an option says otherwise."""
OBSERVATIONS = {
    "Discrete": "as a one-hot vector",
    "MultiDiscrete": "as one-hot vectors, one after another",
    "Dict": "all entries one after another, in the order of the observation space, each flat",
}
"""What the network takes in place of an observation that is no array of numbers, by the kind of the space of observations."""
AS_SEEN = "flat, as the policy sees it: normalized first where training used VecNormalize, whose statistics are another file"


@dataclass(frozen=True)
class Agent:
    """What an archive holds: the weights, the settings, and what makes the activation between layers."""

    weights: Weights
    settings: Settings
    activation: MakeActivation

    def row(self, name: str, ends: bool = False) -> list[Part]:
        """The layers of the row of this name; none where the row is empty, as with net_arch=[]."""
        return self.weights.row(name, self.activation, ends) if self.weights.below(name) else []

    def network(self, parts: Sequence[Part]) -> Imported:
        """The network of parts in a row, the first of which takes the observation."""
        return assemble_row((self.observation(), *parts), None, "n_in=...")

    def observation(self) -> Part:
        """What is done to an observation before the first layer."""
        space = self.settings.observation
        source = f"observation ({space.kind})"
        if space.is_image and self.settings.flag("normalize_images", True):
            return Part(source, (fl.Scale(1 / 255),), f"an image, divided by 255; {AS_SEEN}")
        return Part(source, (), OBSERVATIONS.get(space.kind, AS_SEEN))


@dataclass(frozen=True)
class Policy:
    """A class of policies: its default activation, and what makes each of its networks, by the user's name for it."""

    activation: str
    networks: Mapping[str, Callable[[Agent], Imported]]


def _mean_actor(agent: Agent) -> Imported:
    """PPO, A2C, TRPO: a row of layers, perhaps behind one that it shares with the critic."""
    parts = [*_latent(agent, "policy_net"), agent.weights.affine("action_net")]
    return agent.network(as_given(parts, agent.settings))


def _value(agent: Agent) -> Imported:
    """V(observation)"""
    return agent.network([*_latent(agent, "value_net"), agent.weights.affine("value_net")])


def _latent(agent: Agent, row: str) -> list[Part]:
    return [part for name in ("shared_net", row) for part in agent.row(f"mlp_extractor.{name}", ends=True)]


def _squashed_actor(agent: Agent) -> Imported:
    """SAC, TQC: the mean of a Gaussian, squashed; under use_sde it is clipped first."""
    parts = agent.row("actor.latent_pi", ends=True)
    if agent.weights.get("actor.mu.0") is None:
        return agent.network(squashed([*parts, agent.weights.affine("actor.mu")], agent.settings))
    clip = agent.settings.number("clip_mean", CLIP_MEAN)
    parts += [agent.weights.affine("actor.mu.0"), Part("actor.mu.1 (Hardtanh)", (fl.HardTanh(-clip, clip),))]
    return agent.network(squashed(parts, agent.settings))


def _deterministic_actor(agent: Agent) -> Imported:
    """TD3, DDPG"""
    return agent.network(squashed(agent.weights.row("actor.mu", agent.activation), agent.settings))


def _critics(agent: Agent) -> Imported:
    """Q(observation, action), with an output for each critic."""
    names = {group.name.split(".")[1] for group in agent.weights.below("critic")}
    rows = [agent.weights.row(f"critic.qf{number}", agent.activation) for number in numbered(names, "qf")]
    if not rows:
        raise FormatError("it holds no weights of critic.qf0; the archive is damaged")
    action = Part("action", (), "in [-1, 1]: what the actor gives before it is scaled to the bounds of actions")
    return pair_network(rows, _action_size(agent), agent.observation(), action)


def _action_size(agent: Agent) -> int:
    """How many numbers an action has."""
    rows = [group for group in agent.weights.below("actor.mu") if group.is_affine]
    last = agent.weights.get("actor.mu") or (rows[-1] if rows else None)
    if last is None or "weight" not in last.fields:
        raise FormatError("it holds no weights of actor.mu; the archive is damaged")
    return len(last.fields["weight"])


def _q_values(agent: Agent) -> Imported:
    """DQN: Q(observation, .) of all actions."""
    return agent.network([*agent.weights.row("q_net.q_net", agent.activation), chosen(agent.settings)])


ACTOR_CRITIC = {"actor": _mean_actor, "critic": _value, "value": _value}
SQUASHED = {"actor": _squashed_actor, "critic": _critics}
POLICIES = {
    "stable_baselines3.common.policies": Policy("tanh", ACTOR_CRITIC),  # PPO, A2C and sb3-contrib's TRPO
    "stable_baselines3.dqn.policies": Policy("relu", {"actor": _q_values, "critic": _q_values}),
    "stable_baselines3.sac.policies": Policy("relu", SQUASHED),
    "stable_baselines3.td3.policies": Policy("relu", {"actor": _deterministic_actor, "critic": _critics}),  # and DDPG
    "sb3_contrib.common.maskable.policies": Policy("tanh", ACTOR_CRITIC),
    "sb3_contrib.tqc.policies": Policy("relu", SQUASHED),
}
"""The policies that are read, by the module that defines them."""

REFUSED = {
    "sb3_contrib.common.recurrent.policies": (
        "a recurrent policy, whose action depends on earlier observations; fastjac takes networks without a state"
    ),
    "sb3_contrib.qrdqn.policies": f"a policy of QR-DQN, which gives quantiles of each action's value; {STATE_LAYERS}",
    "sb3_contrib.ars.policies": f"a policy of ARS; {STATE_LAYERS}",
    "sb3_contrib.crossq.policies": (
        "a policy of CrossQ, whose batch renormalization fastjac does not read; export it to ONNX by torch.onnx.export"
    ),
}
"""Policies that are recognized and not read: what they are, and what to do."""
