"""Every way of a training step gives the same gradients, and a speed is a ratio of times."""

import numpy as np
import pytest
import torch

from asv_benches import timing, training
from asv_benches.timing import Effort


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(training.TASKS, "small tanh", training.Task((3, 5, 2), "tanh", 4))
    monkeypatch.setitem(training.TASKS, "small relu", training.Task((4, 6, 6, 3), "relu", 5))


@pytest.mark.parametrize("name", ["small tanh", "small relu"])
def test_all_ways_give_the_same_gradients(small, monkeypatch, name):
    modules = []
    drawn = training._drawn

    def remembered(*args):
        result = drawn(*args)
        modules.append(result[1])
        return result

    monkeypatch.setattr(training, "_drawn", remembered)
    gradients = []
    for step in training.steps(name, "float64").values():
        step()
        gradients.append([parameter.grad.clone() for parameter in modules[-1].parameters()])
    assert len(gradients) == 3
    assert all(gradient.abs().max() > 0.0 for gradient in gradients[0][::2])
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["small tanh", "small relu"])
def test_all_ways_give_the_same_parameter_jacobian(small, name):
    fast, in_place, slow = (compute() for compute in training.parameter_jacobians(name, "float64").values())
    assert in_place.tobytes() == fast.tobytes()
    expected = np.concatenate([part.reshape(*fast.shape[:2], -1).numpy() for part in slow.values()], axis=2)
    np.testing.assert_allclose(fast, expected, rtol=1e-12, atol=1e-14)


def test_a_speed_is_the_better_other_way_over_fastjac(small, monkeypatch):
    turns = iter([2.0, 8.0, 6.0, 2.0, 1.0, 4.0])
    monkeypatch.setattr(timing, "turn", lambda function: next(turns))
    effort = Effort(1, 0.0, least_rounds=1)
    assert training.step_speed("small tanh", "float64", effort) == 3.0
    assert training.parameter_jacobian_speeds("small tanh", "float64", effort) == (2.0, 4.0)
