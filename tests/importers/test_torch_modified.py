"""Weights that torch computes from others are taken as it computes them in evaluation, and the module stays as it is."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import fastjac
from fastjac.errors import FormatError, UnsupportedLayerError

from .agreement import assert_agrees


def linear(n_in=4, n_out=3):
    torch.manual_seed(1)
    return nn.Linear(n_in, n_out)


def weight_norm(dim):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(linear(), dim=dim)


def pruned():
    module = prune.random_unstructured(linear(), "weight", 5)
    return prune.l1_unstructured(prune.random_unstructured(module, "bias", 1), "weight", 3)


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def own_parametrization():
    module = linear()
    parametrize.register_parametrization(module, "weight", Doubled())
    parametrize.register_parametrization(module, "weight", nn.Tanh())
    return parametrizations.weight_norm(module, "bias", dim=None)


MODIFIED = {
    "weight_norm by a hook": lambda: weight_norm(0),
    "weight_norm by a hook, along the other axis": lambda: weight_norm(1),
    "weight_norm by a hook, as a whole": lambda: weight_norm(None),
    "weight_norm": lambda: parametrizations.weight_norm(linear()),
    "spectral_norm by a hook": lambda: nn.utils.spectral_norm(linear()),
    "spectral_norm": lambda: parametrizations.spectral_norm(linear()),
    "orthogonal": lambda: parametrizations.orthogonal(linear()),
    "orthogonal, Cayley": lambda: parametrizations.orthogonal(linear(4, 4), orthogonal_map="cayley", use_trivialization=False),
    "prune": pruned,
    "parametrizations of one's own": own_parametrization,
}


@pytest.mark.parametrize("name", MODIFIED)
def test_weights_are_taken_as_they_are_computed(name):
    module = nn.Sequential(MODIFIED[name](), nn.Tanh()).double()
    module(torch.ones(1, 4, dtype=torch.float64))  # a hook's weight becomes float64 when it is computed
    module.eval()
    state = copy.deepcopy(module.state_dict())
    attributes = {key: id(value) for key, value in vars(module[0]).items()}
    net = fastjac.from_torch(module)
    assert {key: id(value) for key, value in vars(module[0]).items()} == attributes
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert_agrees(net, module, (4,))


def test_a_weight_that_a_hook_has_not_computed_since_is_not_taken():
    module = weight_norm(0).double().eval()
    with torch.no_grad():
        module.weight_g.mul_(3)
    net = fastjac.from_torch(module)
    assert_agrees(net, module, (4,))


class Raw(nn.Module):
    """Uses a parametrized weight of its own, without a module around it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 4))

    def forward(self, x):
        return x @ self.weight.T


@pytest.mark.parametrize("parametrization", [parametrizations.spectral_norm, parametrizations.weight_norm])
def test_a_parametrized_weight_in_a_forward_of_ones_own(parametrization):
    module = parametrization(Raw().double()).eval()
    assert_agrees(fastjac.from_torch(module), module, (4,))


def test_spectral_norm_in_training_mode_is_refused():
    by_hook = nn.Sequential(nn.utils.spectral_norm(linear()))
    with pytest.raises(FormatError, match=r"^0 \(Linear\): it is in training mode, .* call .eval\(\) on the whole module first"):
        fastjac.from_torch(by_hook)
    parametrized = nn.Sequential(nn.ReLU(), parametrizations.spectral_norm(linear()))
    before = parametrized[1].parametrizations.weight[0]._u.clone()
    with pytest.raises(FormatError, match=r"^1.parametrizations.weight is in training mode, .* call .eval\(\)"):
        fastjac.from_torch(parametrized)
    assert torch.equal(parametrized[1].parametrizations.weight[0]._u, before)


def test_random_weights_are_refused():
    module = linear()
    parametrize.register_parametrization(module, "weight", nn.Dropout(0.5))
    with pytest.raises(UnsupportedLayerError, match=r"it draws random numbers, .* or call .eval\(\) on it"):
        fastjac.from_torch(module)


def test_weight_norm_in_training_mode_is_what_it_is_in_evaluation():
    module = parametrizations.weight_norm(linear().double())
    assert_agrees(fastjac.from_torch(module), module, (4,))


def test_another_hook_is_refused():
    module = weight_norm(0)
    module.register_forward_pre_hook(lambda module, inputs: None)
    with pytest.raises(
        UnsupportedLayerError, match=r"^\(Linear\): it has the pre-hook <function .*>, which may change what it computes"
    ):
        fastjac.from_torch(module)


def test_a_hook_on_a_module_of_ones_own_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        module = nn.utils.weight_norm(Raw())
    with pytest.raises(UnsupportedLayerError, match=r"^\(Raw\): it has the pre-hook <.*WeightNorm"):
        fastjac.from_torch(module)
    assert isinstance(module.weight, torch.Tensor)


HOOKS = {
    "hook": ("register_forward_hook", lambda module, inputs, output: 2 * output),
    "pre-hook": ("register_forward_pre_hook", lambda module, inputs: (2 * inputs[0],)),
    "backward hook": ("register_full_backward_hook", lambda module, by_input, by_output: (3 * by_input[0],)),
    "backward pre-hook": ("register_full_backward_pre_hook", lambda module, by_output: (3 * by_output[0],)),
}
HOLDERS = {
    "Linear": lambda module: module,
    "DataParallel": nn.DataParallel,
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
    "OptimizedModule": lambda module: torch.compile(module, backend="eager"),
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("kind", HOOKS)
def test_hooks_are_refused_on_modules_and_wrappers_alone_and_inside(kind, holder):
    register, hook = HOOKS[kind]
    hooked = HOLDERS[holder](linear()).eval()
    getattr(hooked, register)(hook)
    with pytest.raises(UnsupportedLayerError, match=rf"^\({holder}\): it has the {kind} <function .*; remove it first"):
        fastjac.from_torch(hooked)
    with pytest.raises(UnsupportedLayerError, match=rf"^1 \({holder}\): it has the {kind} <function"):
        fastjac.from_torch(nn.Sequential(nn.Tanh(), hooked))


@pytest.mark.parametrize("kind", HOOKS)
def test_hooks_for_all_modules_are_refused(kind):
    _, hook = HOOKS[kind]
    handle = getattr(nn.modules.module, f"register_module_{HOOKS[kind][0].removeprefix('register_')}")(hook)
    try:
        with pytest.raises(UnsupportedLayerError, match=rf"^torch has the {kind} <function .* for all modules"):
            fastjac.from_torch(linear())
    finally:
        handle.remove()
    assert fastjac.from_torch(linear()).n_in == 4


@pytest.mark.parametrize("holder", [name for name in HOLDERS if name != "Linear"])
def test_a_wrapper_whose_forward_was_replaced_is_what_its_forward_computes(holder):
    inner = linear().double()
    wrapper = HOLDERS[holder](inner).eval()
    wrapper.forward = lambda x: 3 * inner(x)
    assert_agrees(fastjac.from_torch(wrapper), lambda x: 3 * inner(x), (4,))
    assert_agrees(fastjac.from_torch(nn.Sequential(nn.Tanh(), wrapper)), lambda x: 3 * inner(torch.tanh(x)), (4,))


def test_a_quantized_module_is_refused_by_name():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.ao.quantization.quantize_dynamic(nn.Sequential(linear(), nn.ReLU()), {nn.Linear})
    with pytest.raises(UnsupportedLayerError, match=r"^0 \(Linear\): it is quantized, .* pass the module before quantization"):
        fastjac.from_torch(module)
