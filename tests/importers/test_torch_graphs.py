"""Forwards that use a result twice, join results or take them apart, take several inputs or give several outputs."""

from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone writes it

import fastjac
from fastjac.errors import DtypeError, FastjacError, FormatError, LayerError, OptionError, UnsupportedLayerError

from .agreement import assert_agrees, assert_graph_agrees
from .test_torch import scramble
from .test_torch_forward import Own

N = 6


def linear(n_in, n_out):
    return nn.Linear(n_in, n_out)


class Dynamics(nn.Module):
    """x + dt f(x, u)"""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(7, 9), nn.Tanh(), nn.Linear(9, 9), nn.Tanh(), nn.Linear(9, 5))

    def forward(self, state, action):
        return state + 0.05 * self.net(torch.cat([state, action], dim=-1))


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList([nn.Sequential(nn.Linear(7, 8), nn.ReLU(), nn.Linear(8, 1)) for _ in range(2)])

    def forward(self, state, action):
        x = torch.cat((state, action), 1)
        return torch.minimum(*[branch(x) for branch in self.branches]).squeeze(-1)


class SwiGLU(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(5, 8), nn.Linear(5, 8), nn.Linear(8, 5)

    def forward(self, x):
        return x + self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.layers = (
            nn.LayerNorm(width),
            nn.Sequential(nn.Linear(width, 8), nn.ReLU(inplace=True), nn.Linear(8, width)),
        )
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.layers(self.norm(x))
        out += x
        return self.act(out)


class Dense(nn.Module):
    """Every layer takes what all before it gave."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(5 + 4 * number, 4) for number in range(3)])

    def forward(self, x):
        found = [x]
        for layer in self.layers:
            found.append(torch.tanh(layer(torch.cat(found, dim=-1))))
        return torch.cat(found[1:], dim=-1)


class Mixture(nn.Module):
    """Experts, each multiplied by its weight."""

    def __init__(self):
        super().__init__()
        self.gate, self.experts = nn.Linear(5, 3), nn.ModuleList([nn.Linear(5, 4) for _ in range(3)])

    def forward(self, x):
        weights = F.softmax(self.gate(x), dim=-1)
        return sum(weights[:, number : number + 1] * expert(x) for number, expert in enumerate(self.experts))


class DeepONet(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch, self.trunk = (nn.Sequential(nn.Linear(n, 6), nn.Tanh(), nn.Linear(6, 6)) for n in (5, 2))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, u, y):
        return torch.sum(self.branch(u) * self.trunk(y), dim=-1, keepdim=True) + self.bias


class Actor(nn.Module):
    """Two heads, one of them bounded."""

    def __init__(self):
        super().__init__()
        self.body, self.mean, self.deviation = nn.Linear(5, 6), nn.Linear(6, 2), nn.Linear(6, 2)

    def forward(self, x):
        h = torch.relu(self.body(x))
        return self.mean(h), torch.exp(self.deviation(h).clamp(-5, 2))


FAMILIES = {
    "residual dynamics": (Dynamics, (5, 2)),
    "critic": (Critic, (5, 2)),
    "gated": (SwiGLU, None),
    "residual blocks": (lambda: nn.Sequential(nn.Linear(4, 5), Block(5), Block(5), nn.Linear(5, 2)), None),
    "dense": (Dense, 5),
    "mixture": (Mixture, None),
    "two heads": (Actor, None),
    "DeepONet": (DeepONet, None),
}
SHAPES = {"residual dynamics": ((5,), (2,)), "critic": ((5,), (2,)), "DeepONet": ((5,), (2,)), "residual blocks": ((4,),)}


@pytest.mark.parametrize("name", FAMILIES)
def test_networks_as_people_write_them(name):
    make, input_shape = FAMILIES[name]
    module = scramble(make())
    assert_graph_agrees(fastjac.from_torch(module, input_shape), module, *SHAPES.get(name, ((5,),)))


class Between(nn.Module):
    """Two linear layers, a function of what they give, and a linear layer behind that."""

    def __init__(self, function, width):
        super().__init__()
        self.function = function
        self.a, self.b, self.last = nn.Linear(4, N), nn.Linear(4, N), nn.Linear(width, 3)

    def forward(self, x):
        return self.last(self.function(self.a(x), self.b(x)))


def number_of(x):
    return x.shape[-1] // 2


INDEX, MASK = torch.tensor([4, 0, 0]), torch.tensor([True, False, True, True, False, False])

CALLS = {
    "add": lambda a, b: a + b,
    "add with alpha": lambda a, b: torch.add(a, b, alpha=0.5),
    "add in place": lambda a, b: a.add_(b),
    "sub": lambda a, b: a - b,
    "sub with alpha": lambda a, b: a.sub(b, alpha=torch.tensor(2.0)),
    "subtract": lambda a, b: torch.subtract(a, b),
    "mul": lambda a, b: a * b,
    "mul by itself": lambda a, b: a * a - b,
    "mul by one feature": lambda a, b: a * b[:, 2:3] + b[:, :1] * b,
    "multiply": lambda a, b: torch.multiply(a, b),
    "div": lambda a, b: torch.div(a, 1 + b * b),
    "divide": lambda a, b: a.divide(2 + torch.tanh(b)),
    "true_divide": lambda a, b: torch.true_divide(a, torch.exp(b)),
    "truediv": lambda a, b: a / F.softplus(b),
    "maximum": torch.maximum,
    "minimum": lambda a, b: a.minimum(b),
    "max": lambda a, b: torch.max(a, other=b),
    "min": lambda a, b: a.min(b),
    "getitem": lambda a, b: a[:, 1:4] + b[..., 3:],
    "getitem one": lambda a, b: (a[:, 1] * b[..., -1])[:, None] * a,
    "getitem steps": lambda a, b: a[:, ::2] + b[:, -3:],
    "getitem a list": lambda a, b: a[:, [0, 3, 3]] + b[:, INDEX],
    "getitem a tensor": lambda a, b: a[..., INDEX] + b[:, MASK][:, :3],
    "getitem by the width": lambda a, b: a[:, : number_of(a)] - b[:, number_of(b) :],
    "getitem whole": lambda a, b: a[:] + b[...],
    "chunk": lambda a, b: a.chunk(2, dim=-1)[0] * torch.chunk(b, 2, 1)[1],
    "chunk unevenly": lambda a, b: a.chunk(4, 1)[2] + b.chunk(3, 1)[0],
    "split": lambda a, b: a.split(4, dim=1)[0] * torch.split(b, [4, 2], -1)[0],
    "split by name": lambda a, b: a.split(split_size=2, dim=1)[2] + b.split((2, 4), 1)[0],
    "unbind": lambda a, b: torch.stack([a.unbind(1)[0], torch.unbind(b, -1)[4]], 1),
    "narrow": lambda a, b: a.narrow(1, 2, 3) + torch.narrow(b, -1, 0, 3),
    "select": lambda a, b: (a.select(1, 2) * torch.select(b, -1, -1)).unsqueeze(-1),
    "index_select": lambda a, b: a.index_select(1, INDEX) + torch.index_select(b, -1, INDEX),
    "cat": lambda a, b: torch.cat([a, b, a], dim=-1),
    "cat one": lambda a, b: torch.cat((a,), 1) * b,
    "concat": lambda a, b: torch.concat((a, b), 1),
    "concatenate": lambda a, b: torch.concatenate([a, b], dim=1),
    "hstack": lambda a, b: torch.hstack([a, b]),
    "column_stack": lambda a, b: torch.column_stack((a[:, 0], b, a[:, 1:2])),
    "stack": lambda a, b: torch.stack([a[:, 1], b[:, 1] * a[:, 2]], dim=1),
    "sum": lambda a, b: (a * b).sum(-1, keepdim=True) * a,
    "sum to numbers": lambda a, b: torch.sum(a * b, dim=[1]).unsqueeze(1),
    "mean": lambda a, b: a - a.mean(dim=1, keepdim=True) * b,
    "stack of copies": lambda a, b: torch.stack((a[:, 1],) * 3, dim=-1) + b[:, :3],
}


def assert_call_agrees(function):
    width = function(torch.zeros(2, N, dtype=torch.float64), torch.zeros(2, N, dtype=torch.float64)).shape[-1]
    module = scramble(Between(function, width))
    assert_agrees(fastjac.from_torch(module), module, (4,), 1e-11)


@pytest.mark.parametrize("name", CALLS)
def test_one_call_of_two_results(name):
    assert_call_agrees(CALLS[name])


class Alone(nn.Module):
    """A function of all inputs by itself."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x, y):
        return self.function(x, y)


Pair = namedtuple("Pair", "first second")
OUTPUTS = {
    "tuple": lambda x, y: (x * y, x - y),
    "list": lambda x, y: [x + y, y[:, :1], x],
    "dictionary": lambda x, y: {"b": torch.tanh(x), "a": y},
    "named tuple": lambda x, y: Pair(x * 2, y),
    "bare numbers": lambda x, y: (x[:, 0], (y * x)[:, 1:]),
    "the same twice": lambda x, y: (x + y,) * 2,
    "an input": lambda x, y: (x, x / y),
    "parts": lambda x, y: torch.cat([x, y], 1).split([1, 5], dim=1),
    "one": lambda x, y: (x * y,),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_several_outputs_come_in_order(name):
    module = Alone(OUTPUTS[name])
    net = fastjac.from_torch(module, [3, (3,)])
    assert_graph_agrees(net, module, (3,), (3,))
    assert len(net.outputs) == (1 if name == "one" else 3 if name == "list" else 2)


def test_samples_of_several_axes_are_taken_flat():
    module = scramble(Between(lambda a, b: a * b, N))
    images = nn.Sequential(nn.Flatten(), module)
    assert_graph_agrees(fastjac.from_torch(images, (2, 2)), images, (2, 2))
    mean = torch.arange(4, dtype=torch.float64).reshape(1, 2, 2)
    scaled = Alone(lambda x, y: ((x - mean) * x).flatten(1) * y)
    assert_graph_agrees(fastjac.from_torch(scaled, ((1, 2, 2), 4)), scaled, (1, 2, 2), (4,))


def test_parts_are_made_flat_again():
    module = Alone(lambda x, y: torch.cat([x, y], 1).flatten(1) * y[:, :1])
    assert_graph_agrees(fastjac.from_torch(module, (3, 2)), module, (3,), (2,))


class Optional(nn.Module):
    def forward(self, x, u=None, gain: float = 2.0):
        return x * gain if u is None else x * gain + u


def test_an_argument_with_a_default_is_an_input_where_it_has_a_shape():
    module = Optional()
    assert fastjac.from_torch(module, 3).inputs == (3,)
    both = fastjac.from_torch(module, [(3,), (3,)])
    assert repr(both.plan(wrt="u")) == repr(both.plan(wrt=slice(3, 6)))
    assert_graph_agrees(fastjac.from_torch(module, [(3,), (3,)]), module, (3,), (3,))


STATED = {
    "n_in": {"n_in": (5, 2)},
    "a list": {"input_shape": [5, 2]},
    "shapes": {"input_shape": ((5,), torch.Size([2]))},
    "one alone": {"input_shape": (None, 2)},
}


@pytest.mark.parametrize("name", STATED)
def test_ways_to_state_shapes(name):
    module = scramble(Alone(lambda x, y: (module.linear(x), y)))
    module.linear = nn.Linear(5, 2).double()
    assert fastjac.from_torch(module, **STATED[name]).inputs == (5, 2)


def test_sizes_that_layers_state_need_not_be():
    module = Alone(lambda x, y: module.a(x * x) + module.b(y))
    module.a, module.b = nn.Linear(3, 2), nn.Linear(4, 2)
    module = scramble(module)
    assert_graph_agrees(fastjac.from_torch(module), module, (3,), (4,))


class Sized(nn.Module):
    """Two inputs and some layers that not all of them reach."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.two, self.three, self.five = nn.Linear(2, 2), nn.Linear(3, 1), nn.Linear(5, 2)

    def forward(self, x, y):
        return self.function(self, x, y)


ASKED = {
    "added": (lambda self, x, y: x + y, r"fails .* another shape, pass it: .*, input_shape=...\), one for each of x, y"),
    "joined": (lambda self, x, y: self.five(torch.cat([x, y], 1)), r"^five \(Linear\), .* another shape, pass it"),
    "taken apart": (lambda self, x, y: self.two(x[:, :2]) * y.sigmoid()[:, :1], "size of x and y"),
    "of half the width": (lambda self, x, y: x[:, : number_of(x)] * self.three(y), "the size of x; pass"),
}


@pytest.mark.parametrize("name", ASKED)
def test_sizes_that_nothing_states_are_asked_for(name):
    function, message = ASKED[name]
    module = scramble(Sized(function))
    with pytest.raises((LayerError, UnsupportedLayerError), match=message):
        fastjac.from_torch(module)
    sizes = (3, 3) if name == "added" else (2, 3)
    assert_graph_agrees(fastjac.from_torch(module, sizes), module, *((size,) for size in sizes))


STATED_WRONGLY = {
    "one of two": (5, OptionError, "takes 2 inputs, x, y; got 5"),
    "three of two": ((5, 2, 2), OptionError, "one shape for each input, and the module's forward takes 2 inputs, x, y"),
    "nothing": ((), OptionError, "takes 2 inputs"),
    "an empty shape": ((5, ()), DtypeError, "must hold a positive integer"),
    "half a shape": ((5, (None, 2)), DtypeError, "must hold a positive integer"),
    "a fraction": ((5, 2.0), DtypeError, "input_shape must be a positive integer, got 2.0"),
    "zero": ((0, 2), OptionError, "input_shape must be a positive integer, got 0"),
    "a word": ("5, 2", DtypeError, "input_shape must be a positive integer"),
    "what does not fit": (
        (5, 3),
        UnsupportedLayerError,
        r"^\(Alone\), .*: its forward fails on a batch of .* \(7, 5\), \(7, 3\)",
    ),
}


@pytest.mark.parametrize("name", STATED_WRONGLY)
def test_shapes_that_are_none_or_do_not_fit_are_reported(name):
    given, error, message = STATED_WRONGLY[name]
    with pytest.raises(error, match=message):
        fastjac.from_torch(Alone(lambda x, y: x + y), given)


def test_an_input_that_no_memory_holds_is_refused():
    with pytest.raises(FormatError, match="units in an input"):
        fastjac.from_torch(Alone(lambda x, y: x + y), (10**12, 10**12))


def test_shapes_are_stated_under_one_name():
    with pytest.raises(OptionError, match="n_in is another name for input_shape"):
        fastjac.from_torch(nn.Tanh(), 3, n_in=3)


def test_an_input_that_no_output_depends_on_is_left_out():
    net = fastjac.from_torch(Alone(lambda x, y: (y.tanh(), x * 2)[1]), (3, 2))
    np.testing.assert_array_equal(net.jacobian(np.zeros(3)), 2 * np.eye(3))


class Field(nn.Module):
    """A vector field that does not depend on time, as solvers of neural differential equations call it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, t, x, p):
        return torch.tanh(self.layer(x)) * self.layer(p)


def test_the_time_of_an_autonomous_vector_field_needs_no_shape():
    field = Field()
    net = fastjac.from_torch(field)
    assert net.inputs == (3, 3)
    x, p = torch.randn(2, 5, 3)
    np.testing.assert_allclose(net((x.numpy(), p.numpy())), field(None, x, p).detach(), rtol=1e-5, atol=1e-6)


REFUSED = {
    r"^\(Between\), .*: its forward fails .* The size of tensor a": lambda a, b: a[:3] + b,
    r"^torch.mul, .*: the number of units that it gives depends on the number of samples": lambda a, b: a[0] * b,
    r"^torch.alias, .*: its forward does something else to one sample": lambda a, b: a[:, : a.shape[0]] + b,
    r"split_with_sizes expects split_sizes to sum exactly to 6": lambda a, b: a.split([2, 2], 1)[0] * b,
    r"^torch.mm, .*: the number of units that it gives depends on": lambda a, b: torch.mm(a, b.T) @ b,
    r"^torch.sum, .*: it acts over axes 0, 1": lambda a, b: a - (a * b).sum(),
    r"^torch.sum, .*it rounds to float16": lambda a, b: a - b.sum(-1, True, dtype=torch.float16),
    r"^torch.mul, .*: it uses the places of the largest or smallest entries": lambda a, b: a * b.argmax(1, keepdim=True),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_joined_or_taken_is_refused_with_its_line(message):
    with pytest.raises(FastjacError, match=message) as caught:
        fastjac.from_torch(scramble(Between(REFUSED[message], N)))
    assert f" {__file__}, line " in str(caught.value)


def test_samples_that_stand_one_behind_another_are_refused():
    with pytest.raises(UnsupportedLayerError, match=r"\(2N, 3\), where the units of different samples of a batch take turns"):
        fastjac.from_torch(scramble(Between(lambda a, b: torch.cat([a, b]), N)))


def changed(a, b):
    a.relu_()
    return a * b


def changed_by_an_option(a, b):
    c = F.leaky_relu(a, 0.1, True)
    return a * b + c


def changed_by_a_module(a, b):
    c = nn.ReLU(inplace=True)(a.flatten(1))
    return c * b + a


def changed_behind_a_module(a, b):
    return a.add_(b) * a


def changed_with_another_name(a, b):
    c = a.view(-1, N)
    a += b
    return a * c


def changed_as_the_whole(a, b):
    part = a[:, :3]
    F.elu(a, inplace=True)
    return torch.cat([part * b[:, :3], a[:, 3:]], 1)


def copied_before(a, b):
    c = a.clone().relu_()
    return c * b + a


def changed_last(a, b):
    c = (a + b).mul_(2)
    return F.relu(c, inplace=True) + a


CHANGED = [
    changed,
    changed_by_an_option,
    changed_by_a_module,
    changed_behind_a_module,
    changed_with_another_name,
    changed_as_the_whole,
]


@pytest.mark.parametrize("function", [copied_before, changed_last, *CHANGED])
def test_changes_in_place_are_followed(function):
    assert_call_agrees(function)


def test_a_module_called_twice_is_one_layer():
    shared = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    module = Alone(lambda x, y: shared(x) * shared(y))
    module.shared = shared
    net = fastjac.from_torch(scramble(module))
    assert net.n_parameters == 16
    assert [type(layer).__name__ for layer in net.layers] == ["Affine", "Tanh", "Multiply"]
    assert_graph_agrees(net, module, (3,), (3,))


def test_other_weights_at_another_call_make_another_layer():
    def forward(self, x):
        replaced = {name: 2 * parameter for name, parameter in self.first.named_parameters()}
        return self.first(x) + torch.func.functional_call(self.first, replaced, (x,))

    module = scramble(Own(forward))
    net = fastjac.from_torch(module)
    assert net.n_parameters == 24
    assert_agrees(net, module, (3,))


def test_steps_that_nothing_uses_fall_away_and_a_chain_stays_a_sequence():
    def forward(self, x):
        self.second(x)
        return self.second(torch.tanh(self.first(x)))

    net = fastjac.from_torch(scramble(Own(forward)))
    assert [type(layer).__name__ for layer in net] == ["Affine", "Tanh", "Affine"]


def test_a_graph_inside_of_a_sequential_and_of_another_module():
    module = scramble(nn.Sequential(nn.Linear(5, 5), SwiGLU(), nn.Sequential(SwiGLU(), Mixture()), nn.Linear(4, 2)))
    assert_agrees(fastjac.from_torch(module), module, (5,))
    wrapped = nn.DataParallel(module[1])
    assert_agrees(fastjac.from_torch(wrapped), module[1], (5,))


def test_single_precision_stays():
    assert fastjac.from_torch(SwiGLU()).dtype == np.float32
    assert fastjac.from_torch(SwiGLU().half()).dtype == np.float32


def test_without_weights_a_network_is_of_double_precision():
    module = Alone(lambda x, y: x / torch.sqrt((y * y).sum(-1, keepdim=True) + 1e-6))
    assert_graph_agrees(fastjac.from_torch(module, (3, 3)), module, (3,), (3,))


def test_gradients_switched_off_for_one_branch_are_refused():
    def forward(self, x):
        with torch.no_grad():
            target = self.second(x)
        return self.first(x) - target

    with pytest.raises(UnsupportedLayerError, match=r"gradients are switched off for second .* and recorded for first"):
        fastjac.from_torch(Own(forward))


def test_what_parts_from_the_module_is_found_in_every_output():
    def forward(self, x):
        h = self.first(x)
        return h, self.second(h) * (1 if np.abs(h.detach().numpy()).max() < 9 else 2)

    with pytest.raises(UnsupportedLayerError, match="the module computes something else than the network read off it"):
        fastjac.from_torch(scramble(Own(forward)))


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, gradient):
        return gradient, -gradient


def test_a_derivative_that_parts_is_found_for_every_input():
    with pytest.raises(UnsupportedLayerError, match="another derivative than the network read off it"):
        fastjac.from_torch(Alone(lambda x, y: Reversed.apply(x, y)), (3, 3))


def test_a_graph_whose_sizes_depend_on_a_shape_that_a_layer_states():
    def forward(self, x):
        half = self.first(x).shape[-1] - 1
        return self.second(x)[:, :half] * x[:, half:]

    module = scramble(Own(forward))
    assert_agrees(fastjac.from_torch(module), module, (3,))
