"""Checkpoints of reinforcement learning, known by their names, against torch modules built as the libraries build them."""

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import DtypeError, FormatError, LayerError, OptionError, UnsupportedLayerError

from ..agreement import assert_agrees, assert_graph_agrees
from ..stable_baselines3.archives import modules
from ..test_torch import scramble
from . import agents

N_IN = (agents.N_IN,)


@pytest.fixture
def save(tmp_path):
    def write(value):
        torch.save(value, tmp_path / "agent.pt")
        return tmp_path / "agent.pt"

    return write


def agrees(path, actor, critic, **options):
    options = {"activation": "elu"} | options
    assert_agrees(fastjac.load(path, policy="actor", **options), actor, N_IN)
    for name in ("critic", "value"):
        assert_agrees(fastjac.load(path, policy=name, **options), critic, N_IN)


def test_rsl_rl(save):
    actor, critic, _, saved = agents.rsl_rl()
    agrees(save(saved), actor, critic)


def test_rsl_rl_with_its_normalizers(save):
    actor, critic, normal, saved = agents.rsl_rl(normalized=True)
    agrees(save(saved), agents.of_rsl_rl(actor, normal[0]), agents.of_rsl_rl(critic, normal[1]))


@pytest.mark.parametrize("name", ["critic_obs_norm_state_dict", "privileged_obs_norm_state_dict"])
def test_rsl_rl_with_normalizers_beside_the_agent_as_before_version_3(save, name):
    actor, critic, normal, saved = agents.rsl_rl()
    saved |= {"obs_norm_state_dict": normal[0], name: normal[1]}
    agrees(save(saved), agents.of_rsl_rl(actor, normal[0]), agents.of_rsl_rl(critic, normal[1]))


def test_rsl_rl_of_version_5(save):
    actor, critic, normal, saved = agents.new_rsl_rl()
    agrees(save(saved), agents.of_rsl_rl(actor, normal[0]), agents.of_rsl_rl(critic, normal[1]))


def test_the_state_dict_of_rsl_rl_alone_and_under_wrappers(save):
    actor, critic, _, saved = agents.rsl_rl()
    state = saved["model_state_dict"]
    agrees(save(state), actor, critic)
    agrees(save({"model_state_dict": {f"module._orig_mod.{name}": value for name, value in state.items()}}), actor, critic)


@pytest.mark.parametrize("separate", [False, True])
def test_rl_games(save, separate):
    actor, critic, saved = agents.rl_games(separate)
    agrees(save(saved), actor, critic)


def test_statistics_in_float64_leave_a_network_in_float32(save):
    actor, _, saved = agents.rl_games()
    for name, value in saved["model"].items():
        saved["model"][name] = value if "mean_std" in name else value.float()
    net = fastjac.load(save(saved), policy="actor", activation="elu")
    x = np.linspace(-2, 2, 5)
    assert net.dtype == np.float32
    np.testing.assert_allclose(net(x), actor(torch.from_numpy(x)[None]).detach().numpy()[0], rtol=2e-5, atol=2e-5)


def test_a_mean_far_from_zero_costs_no_digits_in_float32(save):
    actor, _, saved = agents.rl_games()
    saved["model"]["running_mean_std.running_mean"].round_().add_(1000.0)
    saved["model"]["running_mean_std.running_var"].mul_(1e-4)
    x = saved["model"]["running_mean_std.running_mean"] + torch.arange(-2, 3) / 128
    expected = actor(x[None]).detach().numpy()[0]
    for name, value in saved["model"].items():
        saved["model"][name] = value if "mean_std" in name else value.float()
    net = fastjac.load(save(saved), policy="actor", activation="elu")
    np.testing.assert_allclose(net(x.numpy()), expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("preprocessor", ["state_preprocessor", "observation_preprocessor"])
def test_skrl(save, shared, preprocessor):
    actor, critic, saved = agents.skrl(shared, preprocessor)
    agrees(save(saved), actor, critic)


def test_statistics_of_another_size_belong_to_another_network(save):
    actor, critic, saved = agents.skrl(preprocessor="observation_preprocessor")
    saved["state_preprocessor"] = agents.statistics((9,), "running_mean", "running_variance")
    agrees(save(saved), actor, critic)
    saved["state_preprocessor"] = saved["observation_preprocessor"]
    saved = {name: dict(value) for name, value in saved.items()}
    with pytest.raises(OptionError, match="observation_preprocessor and state_preprocessor have statistics of 5 numbers"):
        fastjac.load(save(saved), policy="actor", activation="elu")


@pytest.mark.parametrize("name", ["actor_mean", "actor"])
def test_ppo_of_clean_rl(save, name):
    actor, critic = agents.mlp(activation=nn.Tanh), agents.mlp(1, nn.Tanh)
    agent = modules(critic=critic, **{name: actor})
    agent.actor_logstd = nn.Parameter(torch.ones(1, 3))
    agrees(save(agent.state_dict()), actor, critic, activation="tanh")


def test_dqn_of_clean_rl(save):
    network = agents.mlp(activation=nn.ReLU)
    path = save(modules(network=network).state_dict())
    for name in ("actor", "critic"):
        assert_agrees(fastjac.load(path, policy=name, activation="relu"), network, N_IN)


@pytest.mark.parametrize("mean", ["fc_mean", "fc_mu"])
@pytest.mark.parametrize("count", [1, 2])
def test_sac_td3_and_ddpg_of_clean_rl(save, mean, count):
    actor, critics = scramble(agents.Actor(mean)), [scramble(agents.Critic()) for _ in range(count)]
    path = save((actor.state_dict(), *(critic.state_dict() for critic in critics)))
    assert_agrees(fastjac.load(path, policy="actor", activation="relu"), actor, N_IN)
    net = fastjac.load(path, policy="critic", activation="relu")
    assert_graph_agrees(net, lambda x, a: [critic(x, a) for critic in critics], (5,), (3,))


def test_layers_go_on_to_work_and_a_tuple_of_state_dicts_has_names(save):
    _, critic, _, saved = agents.rsl_rl()
    order = [f"model_state_dict.critic.{number}" for number in (0, 2, 4)]
    path = save(saved)
    assert_agrees(fastjac.load(path, ["elu", "elu", "identity"], order=[name.partition(".")[2] for name in order]), critic, N_IN)
    actor = scramble(agents.Actor("fc_mu"))
    path = save((actor.state_dict(), scramble(agents.Critic()).state_dict()))
    layers = ["relu", "relu", "tanh", fastjac.Scale(*(buffer[0].numpy() for buffer in actor.buffers()))]
    with pytest.raises(OptionError, match="layers has 4 entries for 3 affine layers"):
        fastjac.load(path, layers, order=["0.fc1", "0.fc2", "0.fc_mu"])
    layers = ["affine", "relu", "affine", "relu", "affine", *layers[2:]]
    assert_agrees(fastjac.load(path, layers, order=["0.fc1", "0.fc2", "0.fc_mu"]), actor, N_IN)


def test_a_known_checkpoint_asks_for_the_network_and_the_activation(save):
    path = save(agents.rsl_rl()[3])
    with pytest.raises(OptionError, match=r'checkpoint of rsl_rl, .* pass policy="actor" or policy="critic".*activation="elu"'):
        fastjac.load(path)
    with pytest.raises(OptionError, match=r'policy="value".*got \'q\''):
        fastjac.load(path, policy="q")
    with pytest.raises(
        OptionError, match=r'does not state which activation.* rsl_rl has elu in its examples, so pass activation="elu"'
    ):
        fastjac.load(path, policy="actor")
    with pytest.raises(OptionError, match="activation must be one of identity, abs, acos"):
        fastjac.load(path, policy="actor", activation="swoosh")
    with pytest.raises(DtypeError, match="activation must be a name"):
        fastjac.load(path, policy="actor", activation=nn.ELU())
    with pytest.raises(OptionError, match="leave n_in out; it takes policy and activation"):
        fastjac.load(path, policy="actor", activation="elu", n_in=5)


def test_what_stands_beside_the_agent_is_reported(save):
    path = save(agents.rsl_rl(normalized=True)[3])
    found = fastjac.importers.read(path, fastjac.importers.Options(policy="actor", activation="elu"))[1]
    sources = [part.source for part in found.parts]
    assert sources[:2] == ["optimizer_state_dict (dict)", "iter (int)"]
    assert sources[3:6] == [
        "model_state_dict.actor_obs_normalizer (normalizer)",
        "model_state_dict.actor.0 (Linear)",
        "elu (given)",
    ]


def test_a_checkpoint_that_nobody_knows(save):
    path = save({"agent": {"pi.0.weight": torch.eye(3)}, "other": {"q.0.weight": torch.eye(3)}})
    with pytest.raises(
        OptionError, match="agents of rsl_rl, rl_games, skrl, CleanRL, and the names in the file are those of none"
    ):
        fastjac.load(path, policy="actor", activation="elu")
    with pytest.raises(OptionError, match="leave policy out"):
        fastjac.load(path, ["identity"], order=["agent.pi.0"], policy="actor")


def test_modules_that_the_library_does_not_build_are_refused(save):
    saved = agents.rsl_rl()[3]
    saved["model_state_dict"]["encoder.0.weight"] = torch.eye(3)
    with pytest.raises(UnsupportedLayerError, match=r"holds model_state_dict.encoder.0, which may change"):
        fastjac.load(save(saved), policy="actor", activation="elu")
    saved = agents.rsl_rl()[3]
    saved["model_state_dict"]["memory_a.rnn.weight_ih_l0"] = torch.eye(3)
    with pytest.raises(UnsupportedLayerError, match=r"model_state_dict.memory_a.rnn is recurrent"):
        fastjac.load(save(saved), policy="actor", activation="elu")


def test_an_actor_that_may_give_deviations_too_is_not_taken_for_a_mean(save):
    saved = agents.rsl_rl()[3]
    del saved["model_state_dict"]["std"]
    with pytest.raises(OptionError, match="the names in the file are those of none"):
        fastjac.load(save(saved), policy="actor", activation="elu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"running_mean_std.running_mean": torch.ones(4)}, "running_mean has 4 numbers, the network beside it 5"),
        ({"running_mean_std.running_var": None}, "a normalizer has running_mean and running_var, it holds"),
    ],
)
def test_statistics_that_do_not_fit(save, change, message):
    saved = agents.rl_games()[2]
    for name, value in change.items():
        saved["model"][name] = value
        if value is None:
            del saved["model"][name]
    with pytest.raises(FormatError, match=message):
        fastjac.load(save(saved), policy="actor", activation="elu")


def test_pairs_that_are_damaged(save):
    actor, critic = agents.Actor("fc_mu").state_dict(), agents.Critic().state_dict()

    def refuses(error, message, states, policy="critic"):
        with pytest.raises(error, match=message):
            fastjac.load(save(states), policy=policy, activation="relu")

    refuses(FormatError, "holds no critic behind the actor", (actor,))
    refuses(FormatError, "of the linear layers fc1, fc2 and so on, 1 holds fc3", (actor, {"fc3.weight": torch.eye(3)}))
    small = critic | {"fc1.weight": torch.ones(7, 3)}
    refuses(LayerError, "the critics take 3 numbers, the actor gives 3", (actor, small))
    refuses(FormatError, "action_scale has 2 numbers, an action 3", (actor | {"action_scale": torch.ones(2)}, critic), "actor")
    del actor["action_bias"]
    refuses(FormatError, "holds no action_bias", (actor, critic), "actor")
