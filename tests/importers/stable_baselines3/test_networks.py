"""The actor and the critic of each algorithm, against torch modules that are built as stable-baselines3 builds them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import FormatError, LayerError, OptionError, UnsupportedLayerError

from ..agreement import assert_agrees, assert_graph_agrees
from . import archives

COMMON, SAC, TD3, DQN = (f"stable_baselines3.{name}.policies" for name in ("common", "sac", "td3", "dqn"))
LOW, HIGH = (torch.tensor(bound, dtype=torch.float64) for bound in ([-2, -1, 0.3], [2, 0.5, 3.14159]))
N_IN = (archives.N_OBSERVATION,)
PENDULUM = Path(__file__).resolve().parents[4] / "shared" / "data" / "ppo-Pendulum-v1.zip"


def clip(action):
    """What `predict` does with a mean."""
    return torch.maximum(torch.minimum(action, HIGH), LOW)


def unscale(action):
    """What `predict` does with a squashed action, `BasePolicy.unscale_action`."""
    return LOW + 0.5 * (action + 1.0) * (HIGH - LOW)


def write(tmp_path, policy, module=COMMON, **entries):
    return archives.write(tmp_path / "agent.zip", policy, archives.described(module, **entries))


def activation_fn(name):
    """policy_kwargs that name an activation."""
    return archives.serialized("dict", activation_fn=f"<class '{name}'>", net_arch=[6, 5])


def test_ppo_clips_the_mean_to_the_bounds_of_actions(tmp_path):
    policy = archives.actor_critic()
    path = write(tmp_path, policy)
    assert_agrees(fastjac.load(path, policy="actor"), lambda x: clip(archives.mean_of(policy, x)), N_IN)


@pytest.mark.parametrize("name", ["critic", "value"])
def test_ppo_values(tmp_path, name):
    policy = archives.actor_critic()
    net = fastjac.load(write(tmp_path, policy), policy=name)
    assert_agrees(net, lambda x: archives.value_of(policy, x), N_IN)


def test_bounds_that_all_actions_have_are_one_clamp(tmp_path):
    policy = archives.actor_critic()
    net = fastjac.load(write(tmp_path, policy, action=archives.box(-np.ones(3), np.ones(3))), policy="actor")
    assert repr(net[-1]) == repr(fastjac.Clamp(-1.0, 1.0))
    assert_agrees(net, lambda x: torch.clamp(archives.mean_of(policy, x), -1, 1), N_IN)


def test_bounds_that_leave_one_action_only(tmp_path):
    policy = archives.actor_critic()
    low, high = np.array([-1.0, 0.25, 0.0]), np.array([1.0, 0.25, 2.0])
    y = fastjac.load(write(tmp_path, policy, action=archives.box(low, high)), policy="actor")(np.ones((5, 4)))
    np.testing.assert_array_equal(y[:, 1], 0.25)


def test_bounds_that_numpy_left_out_leave_the_mean(tmp_path):
    policy = archives.actor_critic()
    path = write(tmp_path, policy, action=archives.box(low="[-1. -1. ... -1.]"))
    found = fastjac.importers.read(path, fastjac.importers.Options(policy="actor"))[1]
    assert any("does not state the bounds of actions" in part.note for part in found.parts)
    assert_agrees(found.network, lambda x: archives.mean_of(policy, x), N_IN)


def test_layers_shared_by_actor_and_critic_as_before_version_1_8(tmp_path):
    policy = archives.actor_critic(shared=(7,))
    path = write(tmp_path, policy)
    assert_agrees(fastjac.load(path, policy="actor"), lambda x: clip(archives.mean_of(policy, x)), N_IN)
    assert_agrees(fastjac.load(path, policy="critic"), lambda x: archives.value_of(policy, x), N_IN)


def test_discrete_actions_give_what_the_largest_is_chosen_of(tmp_path):
    policy = archives.actor_critic()
    net = fastjac.load(write(tmp_path, policy, action=archives.discrete()), policy="actor")
    assert_agrees(net, lambda x: archives.mean_of(policy, x), N_IN)


def test_squash_output_of_ppo(tmp_path):
    policy = archives.actor_critic()
    net = fastjac.load(write(tmp_path, policy, options={"squash_output": True}), policy="actor")
    assert_agrees(net, lambda x: unscale(torch.tanh(archives.mean_of(policy, x))), N_IN)


def test_images_as_vectors_are_divided_by_255(tmp_path):
    policy = archives.actor_critic()
    image = archives.box(np.zeros((1, 2, 2), np.uint8), np.full((1, 2, 2), 255, np.uint8))
    net = fastjac.load(write(tmp_path, policy, observation=image), policy="critic")
    assert_agrees(net, lambda x: archives.value_of(policy, x / 255), N_IN)
    net = fastjac.load(write(tmp_path, policy, observation=image, options={"normalize_images": "False"}), policy="critic")
    assert_agrees(net, lambda x: archives.value_of(policy, x), N_IN)


@pytest.mark.parametrize("use_sde", [False, True])
def test_sac_squashes_the_mean_and_scales_it(tmp_path, use_sde):
    policy = archives.sac(use_sde=use_sde)
    actor = policy.actor
    net = fastjac.load(write(tmp_path, policy, SAC), policy="actor")
    assert_agrees(net, lambda x: unscale(torch.tanh(actor.mu(actor.latent_pi(x)))), N_IN)


def test_clip_mean_of_sac(tmp_path):
    policy = archives.sac(use_sde=True)
    actor = policy.actor
    net = fastjac.load(write(tmp_path, policy, SAC, options={"clip_mean": 0.5, "use_sde": True}), policy="actor")
    assert_agrees(net, lambda x: unscale(torch.tanh(actor.mu[0](actor.latent_pi(x)).clamp(-0.5, 0.5))), N_IN)


@pytest.mark.parametrize(("make", "module"), [(archives.sac, SAC), (archives.td3, TD3)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_critics_take_an_observation_and_an_action(tmp_path, make, module, count):
    policy = make(n_critics=count)
    net = fastjac.load(write(tmp_path, policy, module), policy="critic")
    assert net.inputs == (4, 3)
    assert net.outputs == (1,) * count

    def expected(observation, action):
        joined = torch.cat([observation, action], dim=1)
        return [critic(joined) for critic in policy.critic.children()]

    assert_graph_agrees(net, expected, (4,), (3,))


def test_critics_of_tqc_give_quantiles(tmp_path):
    policy = archives.sac(n_out=5)
    net = fastjac.load(write(tmp_path, policy, "sb3_contrib.tqc.policies"), policy="critic")
    assert net.outputs == (5, 5)


def test_td3_and_ddpg(tmp_path):
    policy = archives.td3(n_critics=1)
    net = fastjac.load(write(tmp_path, policy, TD3, options={"n_critics": 1}), policy="actor")
    assert_agrees(net, lambda x: unscale(policy.actor.mu(x)), N_IN)


@pytest.mark.parametrize("name", ["actor", "critic"])
def test_dqn_gives_the_value_of_each_action(tmp_path, name):
    policy = archives.dqn()
    net = fastjac.load(write(tmp_path, policy, DQN, action=archives.discrete()), policy=name)
    assert_agrees(net, policy.q_net.q_net, N_IN)


@pytest.mark.parametrize(
    ("torch_name", "activation"), [("ELU", nn.ELU), ("LeakyReLU", nn.LeakyReLU), ("PReLU", nn.PReLU), ("SiLU", nn.SiLU)]
)
def test_the_activation_that_the_archive_names(tmp_path, torch_name, activation):
    policy = archives.actor_critic(activation)
    options = activation_fn(f"torch.nn.modules.activation.{torch_name}")
    net = fastjac.load(write(tmp_path, policy, options=options), policy="critic")
    assert_agrees(net, lambda x: archives.value_of(policy, x), N_IN)


@pytest.mark.parametrize("name", ["__main__.Swoosh", "torch.nn.modules.activation.MultiheadAttention"])
def test_an_activation_that_nobody_knows_is_asked_for(tmp_path, name):
    policy = archives.actor_critic(lambda: nn.ELU(0.5))
    path = write(tmp_path, policy, options=activation_fn(name))
    with pytest.raises(OptionError, match=f"names activation_fn {name}, .* pass it, as in activation="):
        fastjac.load(path, policy="critic")
    net = fastjac.load(path, policy="critic", activation=fastjac.ELU(0.5))
    assert_agrees(net, lambda x: archives.value_of(policy, x), N_IN)


def test_the_users_activation_comes_first(tmp_path):
    policy = archives.actor_critic(nn.GELU)
    net = fastjac.load(write(tmp_path, policy), policy="critic", activation="gelu")
    assert_agrees(net, lambda x: archives.value_of(policy, x), N_IN)


def test_parts_say_what_was_assumed_and_left_out(tmp_path):
    path = write(tmp_path, archives.actor_critic())
    parts = fastjac.importers.read(path, fastjac.importers.Options(policy="actor"))[1].parts
    notes = {part.source: part.note for part in parts}
    assert notes["tanh (default)"] == "the archive names no activation_fn"
    assert "VecNormalize" in notes["observation (Box)"]
    assert notes["action"] == "clipped to its bounds"
    assert notes["4 groups of weights"].startswith("left out")  # log_std among them


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("sb3_contrib.common.recurrent.policies", "a recurrent policy, whose action depends on earlier observations"),
        ("sb3_contrib.crossq.policies", "a policy of CrossQ, whose batch renormalization"),
        ("sb3_contrib.qrdqn.policies", "a policy of QR-DQN"),
        ("__main__", "a policy of __main__, whose code would state what it computes; state the layers yourself"),
    ],
)
def test_other_policies_are_refused_by_name(tmp_path, module, message):
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.load(write(tmp_path, archives.actor_critic(), module), policy="actor")


@pytest.mark.parametrize(("module", "known"), [(COMMON, '"critic" or policy="value"'), (SAC, '"actor" or policy="critic"')])
def test_the_network_must_be_named(tmp_path, module, known):
    path = write(tmp_path, archives.actor_critic(), module)
    for wrong in (None, "q"):
        with pytest.raises(OptionError, match=f"several networks, so pass .*{known}"):
            fastjac.load(path, policy=wrong)


def test_layers_of_the_users_own(tmp_path):
    policy = archives.actor_critic()
    order = ["mlp_extractor.value_net.0", "mlp_extractor.value_net.2", "value_net"]
    path = write(tmp_path, policy, "__main__")
    net = fastjac.load(path, ["tanh", "tanh", "identity"], order=order)
    assert_agrees(net, lambda x: archives.value_of(policy, x), N_IN)
    with pytest.raises(OptionError, match="leave policy out"):
        fastjac.load(path, ["tanh", "tanh", "identity"], order=order, policy="critic")


def test_convolutions_and_extractors_of_the_users_own_are_refused(tmp_path):
    policy = archives.actor_critic()
    policy.features_extractor = archives.modules(cnn=nn.Sequential(nn.Conv2d(1, 2, 3)))
    with pytest.raises(UnsupportedLayerError, match=r"convolutions \(features_extractor.cnn.0\)"):
        fastjac.load(write(tmp_path, policy), policy="actor")
    policy.features_extractor = archives.modules(net=nn.Sequential(nn.Linear(4, 4)))
    with pytest.raises(UnsupportedLayerError, match=r"features extractor of its own, features_extractor.net.0"):
        fastjac.load(write(tmp_path, policy), policy="actor")
    options = archives.serialized("dict", features_extractor_class="<class '__main__.Mine'>")
    with pytest.raises(UnsupportedLayerError, match=r"features extractor of its own, __main__.Mine"):
        fastjac.load(write(tmp_path, archives.actor_critic(), options=options), policy="actor")


def test_the_noises_own_extractor_does_not_matter(tmp_path):
    policy = archives.actor_critic()
    policy.sde_features_extractor = nn.Sequential(nn.Linear(4, 4))
    assert_agrees(fastjac.load(write(tmp_path, policy), policy="value"), lambda x: archives.value_of(policy, x), N_IN)


@pytest.mark.parametrize(
    ("middle", "error", "message"),
    [
        (
            [nn.Linear(6, 6), nn.Dropout(), nn.Tanh(), nn.Linear(6, 5), nn.Tanh()],
            UnsupportedLayerError,
            "2 modules stand between",
        ),
        ([nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 5)], UnsupportedLayerError, "neither linear nor an activation"),
        ([nn.Sequential(nn.Linear(4, 5))], UnsupportedLayerError, "no module of a plain Sequential"),
        ([nn.PReLU()], FormatError, "holds no linear layer"),
        ([nn.Linear(4, 6), nn.Tanh(), nn.Linear(3, 5)], LayerError, "6"),
    ],
)
def test_rows_that_the_library_does_not_build_are_refused(tmp_path, middle, error, message):
    policy = archives.actor_critic()
    policy.mlp_extractor.policy_net = nn.Sequential(*middle)
    with pytest.raises(error, match=message):
        fastjac.load(write(tmp_path, policy), policy="actor")


def test_a_trained_agent_of_others():
    if not PENDULUM.exists():
        pytest.skip("the file ppo-Pendulum-v1.zip is not among this checkout's shared data")
    state = {name: value.double() for name, value in archives.state_of(PENDULUM).items()}
    policy = archives.modules(
        mlp_extractor=archives.modules(
            policy_net=archives.row(3, 64, 64, ends=True), value_net=archives.row(3, 64, 64, ends=True)
        ),
        action_net=nn.Linear(64, 1),
        value_net=nn.Linear(64, 1),
    ).double()
    policy.load_state_dict(state, strict=False)
    policy.mlp_extractor.shared_net = nn.Sequential()
    actor, critic = (fastjac.load(PENDULUM, policy=name).astype(np.float64) for name in ("actor", "critic"))
    assert_agrees(actor, lambda x: torch.clamp(archives.mean_of(policy, x), -2.0, 2.0), (3,))
    assert_agrees(critic, lambda x: archives.value_of(policy, x), (3,))
