"""CHECKPOINTS: where libraries of reinforcement learning keep networks and statistics in their torch files."""

from __future__ import annotations

from collections.abc import Collection

from .checkpoints import Checkpoint
from .networks import MakeNetwork, PairCritics, Row, SquashedActor
from .normalizers import RL_GAMES, RSL_RL, SKRL


def recognised(names: Collection[str]) -> Checkpoint | None:
    """The checkpoint that has weights of these names."""
    return next((known for known in CHECKPOINTS if all(key in names for key in known.keys)), None)


def _within(root: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{root}.{name}" if root else name for name in names)


def _of_observations(actor: MakeNetwork, critic: MakeNetwork) -> dict[str, MakeNetwork]:
    """The networks of an agent whose critic takes the observation alone."""
    return {"actor": actor, "critic": critic, "value": critic}


def _rsl_rl(deviation: str, root: str = "model_state_dict") -> Checkpoint:
    """Versions up to 4: one state dict. The deviation of actions in it shows that the actor gives only their mean."""
    rows, normalizers = _within(root, "actor", "critic"), _within(root, "actor_obs_normalizer", "critic_obs_normalizer")
    old = ("obs_norm_state_dict", "critic_obs_norm_state_dict", "privileged_obs_norm_state_dict")
    networks = _of_observations(
        Row(rows[:1], normalizer=RSL_RL, before=(normalizers[0], *old[:1])),
        Row(rows[1:], normalizer=RSL_RL, before=(normalizers[1], *old[1:])),
    )
    keys = _within(root, "actor.0.weight", "critic.0.weight", deviation)
    return Checkpoint("rsl_rl", "elu", keys, (root,), (*rows, *normalizers), networks, old if root else ())


def _new_rsl_rl(deviation: str) -> Checkpoint:
    """Version 5: a state dict for each network."""
    roots = ("actor_state_dict", "critic_state_dict")
    rows = [Row(_within(root, "mlp"), normalizer=RSL_RL, before=_within(root, "obs_normalizer")) for root in roots]
    modules = [name for root in roots for name in _within(root, "mlp", "obs_normalizer", "distribution")]
    keys = (f"{roots[0]}.mlp.0.weight", f"{roots[1]}.mlp.0.weight", f"{roots[0]}.distribution.{deviation}")
    return Checkpoint("rsl_rl", "elu", keys, roots, tuple(modules), _of_observations(*rows))


def _rl_games() -> Checkpoint:
    root = "model.a2c_network"
    modules = _within(root, "actor_mlp", "critic_mlp", "mu", "sigma", "logits", "value")
    statistics = ("model.running_mean_std", "running_mean_std", "model.value_mean_std")
    note = "rl_games clips the mean of an action to [-1, 1] and scales it to the bounds of actions"
    networks = _of_observations(
        Row(_within(root, "actor_mlp"), _within(root, "mu", "logits"), RL_GAMES, statistics[:2], note=note),
        Row(_within(root, "critic_mlp", "actor_mlp"), _within(root, "value"), RL_GAMES, statistics[:2], statistics[2:]),
    )
    return Checkpoint("rl_games", "elu", _within(root, "actor_mlp.0.weight"), (root,), modules, networks, statistics)


def _skrl() -> Checkpoint:
    """Models that skrl makes from a configuration; where actor and critic are one model, both state dicts hold all of it."""
    roots, names = ("policy", "value"), ("net_container", "policy_layer", "value_layer", "output_layer")
    statistics = ("observation_preprocessor", "state_preprocessor", "value_preprocessor")
    note = "without what the configuration may put behind the last layer, as in output: tanh(ACTIONS)"
    rows = [
        Row(
            _within(root, "net_container"),
            _within(root, f"{root}_layer", "output_layer"),
            SKRL,
            statistics[:2],
            statistics[2:] if root == "value" else (),
            note,
        )
        for root in roots
    ]
    modules = [name for root in roots for name in _within(root, *names)]
    keys = ("policy.net_container.0.weight", "value.net_container.0.weight")
    return Checkpoint("skrl", "elu", keys, roots, tuple(modules), _of_observations(*rows), statistics)


def _clean_rl(actor: str) -> Checkpoint:
    """The scripts of PPO: actor and critic in one state dict."""
    note = "takes observations as the script's environment normalizes them, if it does; the file does not hold its statistics"
    rows = [Row((name,), note=note) for name in (actor, "critic")]
    return Checkpoint(
        "CleanRL", "tanh", (f"{actor}.0.weight", "critic.0.weight"), ("",), (actor, "critic"), _of_observations(*rows)
    )


def _clean_rl_values() -> Checkpoint:
    """The script of DQN: the value of each action."""
    row = Row(("network",), note="the value of each action, the largest of which is chosen")
    return Checkpoint("CleanRL", "relu", ("network.0.weight",), ("",), ("network",), {"actor": row, "critic": row})


def _clean_rl_pairs(mean: str) -> Checkpoint:
    """The scripts of SAC, TD3 and DDPG: a tuple of the actor and one critic or two."""
    actor, critics = SquashedActor("0", mean), ("1", "2")
    modules = [name for root in critics for name in _within(root, "fc1", "fc2", "fc3")]
    modules += _within("0", "fc1", "fc2", "fc_logstd", mean)
    networks: dict[str, MakeNetwork] = {"actor": actor, "critic": PairCritics(critics, actor)}
    return Checkpoint("CleanRL", "relu", ("0.fc1.weight", f"0.{mean}.weight"), ("0", *critics), tuple(modules), networks)


CHECKPOINTS = (
    *(_rsl_rl(deviation, root) for root in ("model_state_dict", "") for deviation in ("std", "log_std")),
    *(_new_rsl_rl(deviation) for deviation in ("std_param", "log_std_param")),
    _rl_games(),
    _skrl(),
    *(_clean_rl(actor) for actor in ("actor_mean", "actor")),
    _clean_rl_values(),
    *(_clean_rl_pairs(mean) for mean in ("fc_mean", "fc_mu")),
)
"""Every checkpoint that is read; a file belongs to the first whose keys it has."""
