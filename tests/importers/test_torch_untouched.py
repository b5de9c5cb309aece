"""A forward that changes what stays between calls is refused, and nothing of it is left in the module or the process."""

import random
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import UnsupportedLayerError

from .agreement import assert_agrees
from .test_torch import scramble


class Stateful(nn.Module):
    """Things that a forward may change."""

    kept_by_class = 1

    def __init__(self, forward):
        super().__init__()
        self.function = forward
        self.linear = nn.Linear(3, 3)
        self.register_buffer("buffer", torch.ones(3))
        self.count, self.array, self.items, self.options, self.cache = 1, np.ones(3), [1.0], {"scale": 2.0}, None
        self.generator, self.torch_generator = np.random.default_rng(5), torch.Generator().manual_seed(5)
        self.state, self.old = random.Random(5), np.random.RandomState(5)
        self.activation = nn.Tanh()

    def forward(self, x):
        return self.function(self, x)


def counts(self, x):
    self.count += 1
    return self.linear(x) * self.count


def counts_by_class(self, x):
    type(self).kept_by_class += 1
    return self.linear(x) * self.kept_by_class


def changes_buffer(self, x):
    self.buffer += 1
    return self.linear(x) + self.buffer


def changes_data(self, x):
    self.buffer.data.fill_(4)
    return self.linear(x) + self.buffer


def changes_buffer_through_numpy(self, x):
    self.buffer.numpy()[...] += 1
    return self.linear(x) + self.buffer


def changes_array(self, x):
    self.array += 1
    return self.linear(x) + torch.from_numpy(self.array)


def changes_list(self, x):
    self.items.append(2.0)
    return self.linear(x) * sum(self.items)


def changes_dict(self, x):
    self.options["scale"] *= 2
    return self.linear(x) * self.options["scale"]


def changes_module(self, x):
    self.activation = nn.ReLU()
    return self.activation(self.linear(x))


def changes_class_of_module(self, x):
    x = self.activation(self.linear(x))
    self.activation.__class__ = nn.Sigmoid
    return x


def fills_cache(self, x):
    if self.cache is None:
        self.cache = torch.full((3,), 2.0, dtype=torch.float64)
    return self.linear(x) * self.cache


CHANGED = {
    counts: "its forward changes count,",
    counts_by_class: "its forward changes Stateful.kept_by_class,",
    changes_buffer: r"it changes a tensor of shape \(3,\) in place \(add_\)",
    changes_data: r"it changes a tensor of shape \(3,\) in place \(fill_\)",
    changes_buffer_through_numpy: "its forward changes buffer,",
    changes_array: "its forward changes array,",
    changes_list: "its forward changes items,",
    changes_dict: "its forward changes options,",
    changes_module: "its forward changes _modules,",
    changes_class_of_module: "its forward changes activation.__class__,",
    fills_cache: "its forward changes cache, .* if it only keeps a constant for later calls, call it once before",
    lambda self, x: self.linear(x) * self.generator.random(): "its forward changes generator,",
    lambda self, x: self.linear(x) * self.old.rand(): "its forward changes old,",
    lambda self, x: self.linear(x) * self.state.random(): "its forward changes state,",
    lambda self, x: self.linear(x) + torch.rand(3, generator=self.torch_generator): "its forward changes torch_generator,",
    lambda self, x: self.linear(x) * np.random.rand(): "it draws random numbers",  # noqa: NPY002  as users do
    lambda self, x: self.linear(x) * random.random(): "it draws random numbers",
    lambda self, x: self.linear(x) + torch.rand(3, dtype=torch.float64): "it draws random numbers",
}


def everything(module):
    """What a forward may change, as text, with the random numbers of the process."""
    states = (module.generator.bit_generator.state, module.torch_generator.get_state(), module.state.getstate())
    process = (torch.get_rng_state().sum(), np.random.get_state(), random.getstate())  # noqa: NPY002
    attributes = {name: value for name, value in vars(module).items() if name not in ("function", "_modules")}
    return str((attributes, module, module.kept_by_class, states, module.old.get_state(), process))


@pytest.mark.parametrize(("forward", "message"), CHANGED.items())
def test_a_forward_that_changes_something_is_refused_and_leaves_no_trace(forward, message):
    module = Stateful(forward).double()
    before = everything(module)
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.from_torch(module)
    assert everything(module) == before


def test_a_generator_that_the_module_does_not_hold_is_noticed_by_its_numbers():
    generator = np.random.default_rng(1)
    with pytest.raises(UnsupportedLayerError, match=r"is not the same for each sample of a batch"):
        fastjac.from_torch(Stateful(lambda self, x: self.linear(x) * generator.random()))


def recurs(self, x):
    x = self.linear(x) + (0 if self.cache is None else self.cache)
    self.cache = x
    return x


def test_a_result_kept_for_the_next_call_is_refused_if_it_is_used_there():
    module = Stateful(recurs).double()
    with pytest.raises(UnsupportedLayerError, match=r"cannot be evaluated at random inputs"):
        fastjac.from_torch(module)
    assert module.cache is None


def notes(self, x):
    self.noted = x = torch.tanh(self.linear(x))
    self.items.append(x)
    return x


def test_a_result_that_is_only_noted_does_no_harm():
    module = scramble(Stateful(notes))
    net = fastjac.from_torch(module)
    assert "noted" not in vars(module)
    assert module.items == [1.0]
    assert_agrees(net, lambda x: torch.tanh(module.linear(x)), (3,))


def test_a_cache_that_is_full_is_a_constant():
    module = scramble(Stateful(fills_cache))
    module(torch.ones(1, 3, dtype=torch.float64))
    assert_agrees(fastjac.from_torch(module), module, (3,))


def test_tensors_made_in_a_forward_may_be_changed():
    def forward(self, x):
        total = torch.zeros(3, dtype=torch.float64)
        for k in range(3):
            total += k * self.buffer
        total[0] = 7
        return self.linear(x) + total

    module = scramble(Stateful(forward))
    assert_agrees(fastjac.from_torch(module), module, (3,))


def test_another_thread_may_draw_torchs_random_numbers_meanwhile():
    module, stop = scramble(Stateful(lambda self, x: torch.tanh(self.linear(x)))), threading.Event()

    def draw():
        while not stop.is_set():
            torch.rand(1)
            time.sleep(1e-4)

    drawing = threading.Thread(target=draw)
    drawing.start()
    try:
        for _ in range(20):
            assert fastjac.from_torch(module).n_in == 3
    finally:
        stop.set()
        drawing.join()
