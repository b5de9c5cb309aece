"""A user's own forward is followed, and refused with its line where it is no network; the module stays as it is."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  as everyone writes it

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .agreement import assert_agrees
from .test_torch import scramble
from .torch_programs.models import assert_agrees as assert_programs_agree


class Classifier(nn.Module):
    """What people write."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 6))
        self.register_buffer("std", torch.ones(6))
        self.hidden = nn.ModuleList([nn.Linear(6, 5), nn.Linear(5, 5)])
        self.norm = nn.BatchNorm1d(5)
        self.head = nn.Sequential(nn.Linear(5, 4), nn.Dropout(), nn.GELU())
        self.weight = nn.Parameter(torch.zeros(3, 4))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x, temperature=2.0, *, normalize=True):
        batch, *_ = x.size(0), None
        x = x.view(batch, -1)
        assert x.shape[1] == 6, "six features"
        if normalize:
            x = (x - self.mean) / (self.std.abs() + 0.1)
        for layer in self.hidden:
            x = F.relu(layer(x), inplace=True)
        x = F.dropout(self.norm(x), 0.2, training=self.training)
        x = nn.Tanh()(nn.LeakyReLU(0.2)(self.head(x)))
        x = nn.LeakyReLU(0.4)(x)
        x = x @ self.weight.T + self.bias
        return F.softmax(x / temperature, dim=-1)


def test_a_forward_of_ones_own():
    module = scramble(Classifier())
    assert_agrees(fastjac.from_torch(module), module, (2, 3))


def test_it_may_stand_in_a_sequential():
    module = scramble(nn.Sequential(nn.Linear(4, 6), Classifier(), nn.Linear(3, 2)))
    assert_agrees(fastjac.from_torch(module), module, (4,))


def test_in_training_mode_its_module_is_named():
    with pytest.raises(FormatError, match=rf"^norm \(BatchNorm1d\), {__file__}, line \d+: it is in training mode"):
        fastjac.from_torch(Classifier())


def test_the_module_stays_as_it_is():
    module = scramble(Classifier())
    before, state = dict(vars(module)), copy.deepcopy(module.state_dict())
    fastjac.from_torch(module)
    assert vars(module) == before
    assert module.state_dict().keys() == state.keys()
    assert all(torch.equal(module.state_dict()[name], value) for name, value in state.items())
    assert all(parameter.requires_grad for parameter in module.parameters())


class Own(nn.Module):
    """A forward that is given; `self.first` and the rest of Classifier's parts are there."""

    def __init__(self, forward):
        super().__init__()
        self.function = forward
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.function(self, x)


def in_place(self, x):
    x = self.first(x)
    F.relu(x, inplace=True)
    return self.second(x)


def decides(self, x):
    if x.sum() > 0:
        return self.first(x)
    return self.second(x)


def decides_by_the_batch(self, x):
    return self.first(x) - 1 if len(x) > 1 else self.first(x) + 1


def decides_by_rank(self, x):
    if x.dim() > 2:
        x = x.flatten(1)
    return self.first(x)


def summed(self, x):
    total = torch.zeros(len(x), 3, dtype=x.dtype)
    for layer in (self.first, self.second):
        total += layer(x)
    return total


def copied(self, x):
    y = torch.empty(len(x), 3, dtype=x.dtype)
    y.copy_(self.first(x))
    return y.mul_(2) + y


def writes_into_what_samples_share(self, x):
    y = torch.zeros(3, dtype=x.dtype)
    y[:2] = self.first(x)[0, 1:]
    return x * y


def writes_by_a_comparison(self, x):
    y = self.first(x)
    y[y < 0] = self.second(x)[y < 0]
    return y


def changes_a_part(self, x):
    y = self.first(x)
    part = y[:, :2]
    part.mul_(2)
    y += 1
    return y * part.sum(1, keepdim=True)


def changes_what_lies_otherwise(self, x):
    y = self.first(x).t().clone().t()
    y[:, 0] += 1
    y[:, 1] = 0
    return y.tanh()


def skew_matrix(self, x):
    w = self.first(x)
    matrix = torch.zeros(len(x), 3, 3, dtype=x.dtype)
    matrix[:, 0, 1], matrix[:, 0, 2], matrix[:, 1, 2] = -w[:, 2], w[:, 1], -w[:, 0]
    return (matrix - matrix.transpose(1, 2)).flatten(1)


def lower_triangle(self, x):
    rows, columns = torch.tril_indices(2, 2)
    lower = torch.empty(len(x), 2, 2, dtype=x.dtype).fill_(0.5)
    lower[:, rows, columns] = self.first(x)
    return torch.bmm(lower, lower.transpose(1, 2)).flatten(1)


def steps_along_another_axis(self, x):
    out = torch.empty(4, len(x), 3, dtype=x.dtype)
    for step in range(4):
        x = torch.tanh(self.first(x) + step)
        out[step] = x
    return out.permute(1, 0, 2).flatten(1)


def writes_where_a_comparison_holds(self, x):
    y = self.first(x)
    y[y < 0.1] = 0.25
    y[:, torch.tensor([2, 0])] = self.second(x)[:, [0, 1]]
    return y


def differentiates(self, x):
    return torch.autograd.grad(self.first(x).sum(), x)[0]


def guards(self, x):
    if torch.isnan(x).any() or x.abs().max().item() > 1e6:
        raise ValueError("not such numbers")
    assert not torch.isinf(x).any()
    if not torch.isfinite(x).all():
        raise ValueError("nor such")
    return self.first(x)


def looks_up(self, x):
    return self.first(x["position"])


def misspelt(self, x):
    return self.frist(x)


REFUSED = {
    r"^torch.copy_, .*: it writes what depends on .* into a tensor that all samples share": writes_into_what_samples_share,
    r"^torch.index, .*: it": writes_by_a_comparison,
    r"^torch.is_nonzero, .*test_torch_forward.py, line \d+: it takes a number out of a tensor .* choose by torch.where": decides,
    r"^\(Own\), .*, line \d+: its forward fails .*: AttributeError: 'Own' object has no attribute 'frist'": misspelt,
    r"^the output: it returns several things, and number 1 is of type int instead of a tensor": lambda self, x: {
        "y": self.first(x),
        "n": 3,
    },
    r"^the output: .* and number 1 is a tensor that is constant": lambda self, x: (self.first(x), self.first.weight),
    r"^the output: it returns something that does not depend on its input, of type Tensor": lambda self, x: self.first(
        torch.ones(1, 3)
    ),
    r"^it draws random numbers": lambda self, x: self.first(x) + torch.randn(3),
    r"^it draws random numbers, so": lambda self, x: torch.randn_like(self.first(x)),
    r"^torch.lgamma, .*, line \d+: fastjac does not have torch's operator 'lgamma'": lambda self, x: torch.lgamma(self.first(x)),
    r"^torch.matmul, .* it uses the result of torch.detach, .*, which cuts off the gradient": lambda self, x: (
        self.first(x).detach() @ torch.ones(3, 1)
    ),
    r"^\(Own\), .* fails .*; a forward whose input is a dictionary, .* must be wrapped: import a module whose": looks_up,
    r"^\(Own\), .* does not require grad .*; a forward that differentiates is no network: import": differentiates,
    r"^torch.bucketize, .*: it looks up between which constants": lambda self, x: torch.bucketize(self.first(x), torch.ones(1)),
    r"^torch.mul, .*: it uses the places of the largest or smallest entries": lambda self, x: self.first(x) * x.topk(1)[1],
    r"^the output: it uses the places of the largest": lambda self, x: self.first(x).argmax(1),
    r"^torch.mean, .*: it acts over axis 0 .* mixes samples; fastjac takes a forward that is given a batch": lambda self, x: (
        self.first(x) - x.mean(0)
    ),
    r"^torch.mul, .*, line \d+: its operand is not the same for each sample of a batch": lambda self, x: self.first(x) * len(x),
    r"^torch.sub, .*: its forward does something else to one sample of a batch than to several": decides_by_the_batch,
}


@pytest.mark.parametrize(("message", "forward"), REFUSED.items(), ids=REFUSED)
def test_a_forward_that_is_no_network_is_refused_with_its_line(message, forward):
    with pytest.raises(UnsupportedLayerError, match=message) as raised:
        fastjac.from_torch(Own(forward))
    assert raised.type is UnsupportedLayerError


ACCEPTED = {
    "in place": in_place,
    "by rank": decides_by_rank,
    "outputs inside outputs": lambda self, x: (self.first(x), [x, {"y": self.second(x)}]),
    "a sum that starts with zeros": summed,
    "a distribution that checks its parameters": lambda self, x: (
        torch.distributions.Normal(self.first(x), self.second(x).exp()).mean
    ),
    "a tensor that is filled as a whole": copied,
    "a part that changes in place": changes_a_part,
    "a part of what lies otherwise": changes_what_lies_otherwise,
    "a matrix that is filled by entries": skew_matrix,
    "a triangle that is filled by a list of places": lower_triangle,
    "a sequence that is filled by steps": steps_along_another_axis,
    "places where a comparison holds, and a list of them": writes_where_a_comparison_holds,
    "conditions that guard an exception": guards,
    "by its name": lambda self, x: getattr(F, "tanh")(self.first(x)),  # noqa: B009
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_runs_is_followed_as_it_runs(name):
    module = scramble(Own(ACCEPTED[name]))
    net = fastjac.from_torch(module)
    assert len(net.outputs) == (3 if name == "outputs inside outputs" else 1)
    assert_programs_agree(net, module, (torch.randn(4, 3, dtype=torch.float64),))


def test_a_module_without_a_forward_is_reported():
    with pytest.raises(UnsupportedLayerError, match=r"its forward fails .*missing the required \"forward\" function"):
        fastjac.from_torch(nn.Module())


class Doubled(nn.Linear):
    def forward(self, x):
        return F.linear(x, 2 * self.weight, self.bias)


class Named(nn.Linear):
    """Computes what Linear does."""


def test_a_subclass_is_what_its_forward_computes():
    module = scramble(nn.Sequential(Doubled(4, 3), nn.Tanh(), Named(3, 2)))
    net = fastjac.from_torch(module)
    assert_agrees(net, module, (4,))
    assert_agrees(fastjac.from_torch(module[2]), module[2], (3,))


def test_a_forward_that_one_object_has_is_followed():
    module = scramble(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)))
    module.forward = lambda x: module[1](torch.tanh(module[0](x)))
    assert_agrees(fastjac.from_torch(module), module, (4,))
    inner = scramble(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)))
    inner[1].forward = lambda x: F.linear(torch.sigmoid(x), inner[1].weight)
    assert_agrees(fastjac.from_torch(inner), inner, (4,))


def test_modules_kept_in_a_list_are_distinguished():
    slopes = [nn.LeakyReLU(0.1), nn.LeakyReLU(0.2)]
    net = fastjac.from_torch(Own(lambda self, x: slopes[1](self.first(slopes[0](x)))))
    assert [net[0].negative_slope, net[2].negative_slope] == [0.1, 0.2]


def test_what_is_computed_from_weights_alone_is_a_constant():
    module = Own(lambda self, x: F.linear(x, torch.linalg.inv(self.first.weight), self.second(self.first.bias)))
    module = scramble(module)
    assert_agrees(fastjac.from_torch(module), module, (3,))


def test_images_may_be_normalized_pixel_by_pixel_before_they_are_flattened():
    generator = torch.Generator().manual_seed(2)
    mean = torch.randn(1, 2, 3, generator=generator, dtype=torch.float64)
    linear = scramble(nn.Linear(6, 3))
    module = Own(lambda self, x: linear(torch.flatten((x - mean) * mean[0], 1)))
    assert_agrees(fastjac.from_torch(module), module, (2, 3))


def test_widths_that_do_not_fit_a_reshape_are_reported():
    wide = nn.Linear(3, 4)
    with pytest.raises(
        UnsupportedLayerError, match=r"^second \(Linear\), .*, line \d+: its forward fails .* mat1 and mat2 shapes"
    ):
        fastjac.from_torch(Own(lambda self, x: self.second(wide(x).flatten(1))))


WRAPPERS = {
    "compiled": lambda module: torch.compile(module, backend="eager"),
    "DataParallel": nn.DataParallel,
    "averaged": torch.optim.swa_utils.AveragedModel,
    "compiled twice": lambda module: torch.compile(nn.DataParallel(module), backend="eager"),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers_fall_away(name):
    module = scramble(nn.Sequential(nn.Linear(4, 3), nn.Tanh()))
    assert_agrees(fastjac.from_torch(WRAPPERS[name](module).eval()), module, (4,))
    inside = nn.Sequential(WRAPPERS[name](module).eval(), nn.ReLU())
    assert_agrees(fastjac.from_torch(inside), nn.Sequential(module, nn.ReLU()), (4,))
