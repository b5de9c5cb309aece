"""What libraries of reinforcement learning save, around torch modules that are built and named as theirs are."""

from collections import OrderedDict

import numpy as np
import torch
from torch import nn

from ..stable_baselines3.archives import modules, row
from ..test_torch import scramble

N_IN, N_OUT = 5, 3
rng = np.random.default_rng(3)


def mlp(n_out=N_OUT, activation=nn.ELU, n_in=N_IN, ends=False):
    widths = (n_in, 7, 6) if ends else (n_in, 7, 6, n_out)
    return scramble(row(*widths, activation=activation, ends=ends))


def statistics(size, *names):
    """A mean, positive spreads, and a count, as arrays of an axis of samples or none."""
    arrays = [rng.normal(size=size), *(rng.uniform(0.5, 3.0, size=size) for _ in names[1:])]
    state = OrderedDict((name, torch.from_numpy(array)) for name, array in zip(names, arrays, strict=True))
    state["count"] = torch.tensor(12)
    return state


def prefixed(prefix, state):
    return OrderedDict((f"{prefix}.{name}", value) for name, value in state.items())


def rsl_rl(normalized=False):
    """Up to version 4: model_state_dict; with the normalizers that version 3 keeps in it."""
    actor, critic = mlp(), mlp(1)
    agent = modules(actor=actor, critic=critic)
    agent.std = nn.Parameter(torch.ones(N_OUT))
    state = agent.state_dict()
    normal = [statistics((1, N_IN), "_mean", "_var", "_std") for _ in range(2)]
    if normalized:
        state |= prefixed("actor_obs_normalizer", normal[0]) | prefixed("critic_obs_normalizer", normal[1])
    return (
        actor,
        critic,
        normal,
        {"model_state_dict": state, "optimizer_state_dict": {"state": {0: {}}}, "iter": 3, "infos": None},
    )


def new_rsl_rl():
    """Version 5: a state dict for each network."""
    actor, critic = mlp(), mlp(1)
    normal = [statistics((1, N_IN), "_mean", "_var", "_std") for _ in range(2)]
    states = [
        prefixed("obs_normalizer", each) | prefixed("mlp", m.state_dict())
        for each, m in zip(normal, (actor, critic), strict=True)
    ]
    states[0]["distribution.std_param"] = torch.ones(N_OUT)
    return actor, critic, normal, {"actor_state_dict": states[0], "critic_state_dict": states[1], "iter": 1}


def of_rsl_rl(module, normal):
    """With the normalization of `EmpiricalNormalization` before it."""
    return lambda x: module((x - normal["_mean"]) / (normal["_std"] + 1e-2))


def rl_games(separate=True):
    network = modules(actor_mlp=mlp(ends=True), mu=nn.Linear(6, N_OUT), value=nn.Linear(6, 1))
    network.critic_mlp = mlp(ends=True) if separate else nn.Sequential()
    scramble(network).sigma = nn.Parameter(torch.zeros(N_OUT))
    observed, valued = (statistics((size,), "running_mean", "running_var") for size in (N_IN, 1))
    state = prefixed("a2c_network", network.state_dict())
    state |= prefixed("running_mean_std", observed) | prefixed("value_mean_std", valued)

    def seen(x):
        return ((x - observed["running_mean"]) / torch.sqrt(observed["running_var"] + 1e-5)).clamp(-5, 5)

    def value(x):
        y = network.value((network.critic_mlp if separate else network.actor_mlp)(seen(x))).clamp(-5, 5)
        return torch.sqrt(valued["running_var"] + 1e-5) * y + valued["running_mean"]

    return lambda x: network.mu(network.actor_mlp(seen(x))), value, {"model": state, "epoch": 4, "last_mean_rewards": 1.0}


def skrl(shared=False, preprocessor="state_preprocessor"):
    if shared:
        agent = scramble(modules(net_container=mlp(ends=True), policy_layer=nn.Linear(6, N_OUT), value_layer=nn.Linear(6, 1)))
        states = [agent.state_dict(), agent.state_dict()]
        policy, value = (nn.Sequential(agent.net_container, head) for head in (agent.policy_layer, agent.value_layer))
    else:
        policy, value = mlp(), mlp(1)
        states = [prefixed("net_container", module.state_dict()) for module in (policy, value)]
    states[0]["log_std_parameter"] = torch.zeros(N_OUT)
    observed, valued = (statistics((size,), "running_mean", "running_variance") for size in (N_IN, 1))
    saved = {"policy": states[0], "value": states[1], preprocessor: observed, "value_preprocessor": valued, "optimizer": {}}

    def seen(x):
        return ((x - observed["running_mean"]) / (torch.sqrt(observed["running_variance"]) + 1e-8)).clamp(-5, 5)

    def valuation(x):
        return torch.sqrt(valued["running_variance"]) * value(seen(x)).clamp(-5, 5) + valued["running_mean"]

    return lambda x: policy(seen(x)), valuation, saved


class Actor(nn.Module):
    """CleanRL's actor of SAC (fc_mean), TD3 and DDPG (fc_mu)."""

    def __init__(self, mean):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(N_IN, 7), nn.Linear(7, 6)
        self.add_module(mean, nn.Linear(6, N_OUT))
        self.mean = mean
        if mean == "fc_mean":
            self.fc_logstd = nn.Linear(6, N_OUT)
        self.register_buffer("action_scale", torch.tensor([[2.0, 0.5, 1.0]]))
        self.register_buffer("action_bias", torch.tensor([[0.0, 0.5, -1.0]]))

    def forward(self, x):
        hidden = torch.relu(self.fc2(torch.relu(self.fc1(x))))
        return torch.tanh(getattr(self, self.mean)(hidden)) * self.action_scale + self.action_bias


class Critic(nn.Module):
    """CleanRL's Q(observation, action)."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(N_IN + N_OUT, 7), nn.Linear(7, 6), nn.Linear(6, 1)

    def forward(self, observation, action):
        hidden = torch.cat([observation, action], 1)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(hidden)))))
