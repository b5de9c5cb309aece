"""Archives that are damaged, or made to hurt."""

import io
import json
import zipfile

import numpy as np
import pytest

import fastjac
from fastjac.errors import FormatError

from ..agreement import assert_agrees
from . import archives

COMMON = "stable_baselines3.common.policies"


def refuses(path, message, **options):
    with pytest.raises(FormatError, match=message):
        fastjac.load(path, **(options or {"policy": "actor"}))


@pytest.fixture
def policy():
    return archives.actor_critic()


@pytest.fixture
def data():
    return archives.described(COMMON)


def test_an_archive_that_was_packed_again(tmp_path, policy, data):
    path = archives.write(tmp_path / "a.zip", policy, data, zipfile.ZIP_DEFLATED)
    assert_agrees(fastjac.load(path, policy="value"), lambda x: archives.value_of(policy, x), (4,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy_class": "PPO"}, "data does not state policy_class"),
        ({"policy_class": {":type:": "x"}}, "data does not state policy_class"),
        ({"action_space": None}, "data does not state action_space"),
        ({"observation_space": 3}, "data does not state observation_space"),
        ({"action_space": archives.box(low="[a b c]")}, "an array in data must consist of numbers"),
        ({"action_space": archives.box(low="[0. 1.]")}, "has 2 numbers in low, the network gives 3"),
        ({"action_space": archives.box(archives.HIGH, archives.LOW)}, "a lower bound above its upper bound"),
        ({"action_space": archives.box(low="[nan 0. 0.]")}, "a lower bound above its upper bound"),
    ],
)
def test_json_that_does_not_state_what_it_must(tmp_path, policy, data, change, message):
    refuses(archives.write(tmp_path / "a.zip", policy, data | change), message)


def test_options_that_are_no_numbers(tmp_path):
    for value in ("two", True, float("inf"), None, [2.0]):
        data = archives.described("stable_baselines3.sac.policies", options={"clip_mean": value})
        path = archives.write(tmp_path / "a.zip", archives.sac(use_sde=True), data)
        refuses(path, "states clip_mean=.*which is no number")


def test_json_that_is_none(tmp_path, policy):
    for content in ("", "[1]", "{", json.dumps([0] * 600_000)):
        refuses(archives.write(tmp_path / "a.zip", policy, content), "data|values")


def test_weights_that_are_missing(tmp_path, policy, data):
    del policy.action_net
    refuses(archives.write(tmp_path / "a.zip", policy, data), "no weights of action_net")
    for module, make in (("sac", archives.sac), ("td3", archives.td3)):
        agent = make()
        del agent.critic
        path = archives.write(tmp_path / "a.zip", agent, archives.described(f"stable_baselines3.{module}.policies"))
        refuses(path, "no weights of critic.qf0", policy="critic")
        agent = make()
        del agent.actor
        path = archives.write(tmp_path / "a.zip", agent, archives.described(f"stable_baselines3.{module}.policies"))
        refuses(path, "no weights of actor.mu", policy="critic")
        refuses(path, "no weights of actor.mu|actor.mu holds no linear layer", policy="actor")


def test_members_within_that_are_no_torch_files(tmp_path, policy, data):
    refuses(archives.write(tmp_path / "a.zip", b"PK\x03\x04damaged", data), "policy.pth: .*truncated or damaged")
    refuses(archives.write(tmp_path / "a.zip", b"", data), "policy.pth: it is no zip archive")
    old = archives.saved(policy.state_dict(), _use_new_zipfile_serialization=False)
    refuses(
        archives.write(tmp_path / "a.zip", old, data), "policy.pth: it is no zip archive, as torch writes since 1.6; take it out"
    )
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as inner:
        inner.writestr("something", b"else")
    refuses(archives.write(tmp_path / "a.zip", empty.getvalue(), data), "policy.pth: it holds 0 pickles, no data.pkl")
    refuses(archives.write(tmp_path / "a.zip", archives.saved(3), data), "policy.pth: the file holds no state dict")


def test_a_bomb_within_the_archive(tmp_path, data):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_STORED) as inner:
        inner.writestr("archive/data.pkl", bytes(50_000_000))
    path = archives.write(tmp_path / "a.zip", bomb.getvalue(), data, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    refuses(path, "policy.pth claims to unpack to .* no archive of weights does")


def test_a_member_named_policy_pth_alone_is_no_archive_of_stable_baselines3(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("policy.pth", b"")
    refuses(tmp_path / "a.zip", r"a zip archive with a \.pth file in it", policy="actor")


def test_unknown_spaces_leave_the_outputs_as_they_are(tmp_path, policy):
    data = archives.described(COMMON, action=archives.serialized("__main__.Odd"), observation=archives.serialized("__main__.Odd"))
    net = fastjac.load(archives.write(tmp_path / "a.zip", policy, data), policy="actor")
    assert_agrees(net, lambda x: archives.mean_of(policy, x), (4,))
    assert net.dtype == np.float64
