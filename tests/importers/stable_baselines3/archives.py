"""Archives as `model.save` of stable-baselines3 writes them, around torch modules that are built and named as its own are."""

import base64
import io
import json
import pickle
import zipfile
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from ..test_torch import scramble

LOW, HIGH = np.float32([-2, -1, 0.3]), np.float32([2, 0.5, 3.14159])
N_OBSERVATION, N_ACTION = 4, 3


class Harmful:
    """An object whose pickle asks for what runs code."""

    def __reduce__(self):
        return eval, ("1/0",)


SERIALIZED = base64.b64encode(pickle.dumps(Harmful())).decode()


def row(*widths, activation=nn.Tanh, ends=False, squash=False):
    """What `create_mlp` gives, as a Sequential."""
    parts = []
    for n_in, n_out in pairwise(widths):
        parts += [nn.Linear(n_in, n_out), activation()]
    if not ends:
        parts.pop()
    return nn.Sequential(*parts, *[nn.Tanh()] * squash)


def modules(**named):
    """A module with these inside."""
    made = nn.Module()
    for name, module in named.items():
        made.add_module(name, module)
    return made


def actor_critic(activation=nn.Tanh, widths=(6, 5), shared=(), n_action=N_ACTION):
    """PPO's and A2C's policy; `shared` as before version 1.8."""
    first = [N_OBSERVATION, *shared]
    extractor = modules(
        shared_net=row(*first, activation=activation, ends=True) if shared else nn.Sequential(),
        policy_net=row(first[-1], *widths, activation=activation, ends=True),
        value_net=row(first[-1], *widths[::-1], activation=activation, ends=True),
    )
    policy = modules(mlp_extractor=extractor, action_net=nn.Linear(widths[-1], n_action), value_net=nn.Linear(widths[0], 1))
    policy.log_std = nn.Parameter(torch.ones(n_action))
    return scramble(policy)


def mean_of(policy, x):
    extractor = policy.mlp_extractor
    return policy.action_net(extractor.policy_net(extractor.shared_net(x)))


def value_of(policy, x):
    extractor = policy.mlp_extractor
    return policy.value_net(extractor.value_net(extractor.shared_net(x)))


def critics(count, activation=nn.ReLU, n_out=1):
    rows = {f"qf{number}": row(N_OBSERVATION + N_ACTION, 7, 6, n_out, activation=activation) for number in range(count)}
    return modules(**rows)


def sac(activation=nn.ReLU, use_sde=False, n_critics=2, n_out=1):
    mean = nn.Linear(5, N_ACTION)
    actor = modules(
        latent_pi=row(N_OBSERVATION, 6, 5, activation=activation, ends=True),
        mu=nn.Sequential(mean, nn.Hardtanh(-2.0, 2.0)) if use_sde else mean,
        log_std=nn.Linear(5, N_ACTION),
    )
    both = critics(n_critics, activation, n_out)
    return scramble(modules(actor=actor, critic=both, critic_target=critics(n_critics, activation, n_out)))


def td3(activation=nn.ReLU, n_critics=2):
    def actor():
        return modules(mu=row(N_OBSERVATION, 6, 5, N_ACTION, activation=activation, squash=True))

    rows = critics(n_critics, activation)
    return scramble(modules(actor=actor(), actor_target=actor(), critic=rows, critic_target=critics(n_critics, activation)))


def dqn(activation=nn.ReLU):
    def network():
        return modules(q_net=row(N_OBSERVATION, 6, 5, N_ACTION, activation=activation))

    return scramble(modules(q_net=network(), q_net_target=network()))


def box(least=LOW, greatest=HIGH, **more):
    """The JSON of a space of arrays."""
    entries = {"dtype": str(least.dtype), "_shape": list(least.shape), "low": str(least), "high": str(greatest)}
    return serialized("gymnasium.spaces.box.Box", **(entries | more))


def discrete(count=N_ACTION):
    return serialized("gymnasium.spaces.discrete.Discrete", n=str(count), start="0", dtype="int64", _shape=[])


def serialized(kind, **entries):
    """What stable-baselines3 writes of an object that JSON does not have."""
    return {":type:": f"<class '{kind}'>", ":serialized:": SERIALIZED, **entries}


OBSERVATION = box(-np.ones(N_OBSERVATION, np.float32), np.ones(N_OBSERVATION, np.float32))


def described(module, options=None, action=None, observation=None):
    """The content of `data`."""
    return {
        "policy_class": serialized("abc.ABCMeta", __module__=module, __doc__="Policy class."),
        "policy_kwargs": options or {},
        "observation_space": observation or OBSERVATION,
        "action_space": action or box(),
        "n_envs": 4,
        "lr_schedule": serialized("function"),
    }


def saved(state, **options):
    """What torch.save writes."""
    target = io.BytesIO()
    torch.save(state, target, **options)
    return target.getvalue()


def write(path, policy, data, method=zipfile.ZIP_STORED, **members):
    """The whole archive, with the state of a module, and `members` in place of what they are called like."""
    state = policy if isinstance(policy, bytes) else saved(policy.state_dict())
    contents = {
        "data": data if isinstance(data, str) else json.dumps(data, indent=4),
        "pytorch_variables.pth": saved({}),
        "policy.pth": state,
        "policy.optimizer.pth": saved({"state": {}, "param_groups": []}),
        "_stable_baselines3_version": "2.7.0",
        "system_info.txt": "- OS: Linux\n",
    } | members
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def state_of(path):
    """The state dict in an archive, as torch reads it."""
    with zipfile.ZipFile(path) as archive:
        return torch.load(io.BytesIO(archive.read("policy.pth")), weights_only=True)
