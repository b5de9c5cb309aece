"""Every torch module and option that fastjac reads agrees with torch in values and Jacobians; everything else is refused."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import DtypeError, FormatError, LayerError, UnsupportedLayerError

from .agreement import TOLERANCE, TORCH_ROUNDS_DERIVATIVE, assert_agrees

N = 5


def scramble(module: nn.Module) -> nn.Module:
    """The module in float64 and evaluation mode, all weights random, variances positive."""
    generator = torch.Generator().manual_seed(11)
    for name, tensor in module.double().state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=torch.float64))
        if name.endswith("running_var"):
            tensor.abs_().add_(0.1)
    return module.eval()


ONE_MODULE = {
    "Linear": lambda: nn.Linear(N, N),
    "Linear without bias": lambda: nn.Linear(N, N, bias=False),
    "BatchNorm1d": lambda: nn.BatchNorm1d(N, eps=1e-3),
    "BatchNorm1d bare": lambda: nn.BatchNorm1d(N, affine=False),
    "LayerNorm": lambda: nn.LayerNorm(N, eps=1e-3),
    "LayerNorm without bias": lambda: nn.LayerNorm(N, bias=False),
    "LayerNorm bare": lambda: nn.LayerNorm(N, elementwise_affine=False),
    "GroupNorm": lambda: nn.GroupNorm(1, N, eps=1e-3),
    "GroupNorm bare": lambda: nn.GroupNorm(1, N, affine=False),
    "SyncBatchNorm": lambda: nn.SyncBatchNorm(N),
    "Identity": nn.Identity,
    "Flatten": nn.Flatten,
    "Dropout": nn.Dropout,
    "Dropout1d": nn.Dropout1d,
    "AlphaDropout": nn.AlphaDropout,
    "FeatureAlphaDropout": nn.FeatureAlphaDropout,
    "ReLU": nn.ReLU,
    "ReLU in place": lambda: nn.ReLU(inplace=True),
    "LeakyReLU": lambda: nn.LeakyReLU(0.3),
    "PReLU": lambda: nn.PReLU(N),
    "PReLU shared": nn.PReLU,
    "RReLU": lambda: nn.RReLU(0.1, 0.4),
    "ReLU6": nn.ReLU6,
    "ELU": lambda: nn.ELU(0.7),
    "SELU": nn.SELU,
    "CELU": lambda: nn.CELU(0.7),
    "GELU": nn.GELU,
    "GELU tanh": lambda: nn.GELU("tanh"),
    "SiLU": nn.SiLU,
    "Mish": nn.Mish,
    "Tanh": nn.Tanh,
    "Sigmoid": nn.Sigmoid,
    "Hardtanh": lambda: nn.Hardtanh(-0.3, 0.8),
    "Hardsigmoid": nn.Hardsigmoid,
    "Hardswish": nn.Hardswish,
    "Softplus": lambda: nn.Softplus(beta=2.0, threshold=3.0),
    "Softsign": nn.Softsign,
    "LogSigmoid": nn.LogSigmoid,
    "Hardshrink": lambda: nn.Hardshrink(0.3),
    "Softshrink": lambda: nn.Softshrink(0.3),
    "Tanhshrink": nn.Tanhshrink,
    "Threshold": lambda: nn.Threshold(0.3, -2.0),
    "Softmax": lambda: nn.Softmax(dim=-1),
    "Softmax on dim 1": lambda: nn.Softmax(dim=1),
    "Softmin": lambda: nn.Softmin(dim=1),
    "LogSoftmax": lambda: nn.LogSoftmax(dim=-1),
}


@pytest.mark.filterwarnings("ignore:There is a performance drop because:UserWarning")
@pytest.mark.parametrize("name", ONE_MODULE)
def test_one_module_between_two_linear_ones(name):
    module = scramble(nn.Sequential(nn.Linear(4, N), ONE_MODULE[name](), nn.Linear(N, 3)))
    tolerance = 1e-7 if name in TORCH_ROUNDS_DERIVATIVE else TOLERANCE
    assert_agrees(fastjac.from_torch(module), module, (4,), tolerance)


def test_nested_sequentials_and_named_children():
    inner = nn.Sequential(OrderedDict(hidden=nn.Linear(5, 6), act=nn.Tanh(), deep=nn.Sequential(nn.Linear(6, 4), nn.ReLU())))
    module = scramble(nn.Sequential(nn.Flatten(), nn.Linear(6, 5), inner, nn.Linear(4, 3)))
    assert_agrees(fastjac.from_torch(module), module, (2, 3))


def test_a_module_that_stands_twice_comes_twice():
    linear = nn.Linear(4, 4)
    module = scramble(nn.Sequential(linear, nn.Tanh(), linear))
    net = fastjac.from_torch(module)
    assert len(net) == 3
    assert_agrees(net, module, (4,))


def test_a_single_module():
    linear = scramble(nn.Linear(4, 3))
    assert_agrees(fastjac.from_torch(linear), linear, (4,))
    assert_agrees(fastjac.from_torch(nn.Tanh(), n_in=3), nn.Tanh(), (3,))


def test_a_width_that_nothing_states_is_asked_for():
    with pytest.raises(LayerError, match=r"pass it: fastjac.from_torch\(module, input_shape=...\)"):
        fastjac.from_torch(nn.Sequential(nn.Tanh()))


def test_a_module_that_leaves_no_layer_is_reported():
    with pytest.raises(LayerError, match=r"no layer is left: .* such as dropout"):
        fastjac.from_torch(nn.Sequential(nn.Dropout()).eval(), n_in=3)


def test_a_child_that_is_none_is_reported():
    with pytest.raises(
        UnsupportedLayerError, match=r"^\(Sequential\): its forward fails .* TypeError: 'NoneType' object is not call"
    ):
        fastjac.from_torch(nn.Sequential(nn.Linear(2, 2), None))


BEFORE_A_FLATTEN = {
    "Softmax": lambda: nn.Softmax(-1),
    "Softmin": lambda: nn.Softmin(1),
    "LogSoftmax": lambda: nn.LogSoftmax(2),
    "LayerNorm": lambda: nn.LayerNorm(3),
    "LayerNorm of two axes": lambda: nn.LayerNorm((2, 3)),
    "BatchNorm1d": lambda: nn.BatchNorm1d(2),
    "GroupNorm": lambda: nn.GroupNorm(2, 2),
    "PReLU": lambda: nn.PReLU(2),
    "Linear": lambda: nn.Linear(3, 3),
}


@pytest.mark.parametrize("name", BEFORE_A_FLATTEN)
def test_samples_have_the_axes_that_are_stated(name):
    module = scramble(nn.Sequential(BEFORE_A_FLATTEN[name](), nn.Flatten(), nn.Linear(6, 2)))
    assert_agrees(fastjac.from_torch(module, (2, 3)), module, (2, 3))


def test_what_acts_on_single_units_may_stand_before_a_flatten():
    module = scramble(nn.Sequential(nn.Tanh(), nn.PReLU(), nn.Flatten(), nn.Linear(6, 2)))
    assert_agrees(fastjac.from_torch(module), module, (2, 3))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_single_and_half_precision_give_float32(dtype):
    linear = nn.Linear(4, 3).to(dtype)
    net = fastjac.from_torch(linear)
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net[0].weight, linear.weight.detach().float().numpy())


@pytest.mark.parametrize(("dtype", "expected"), [(torch.float32, np.float32), (torch.float64, np.float64)])
def test_a_slope_that_all_units_share_counts_for_the_precision(dtype, expected):
    module = nn.Sequential(nn.PReLU(), nn.LayerNorm(3, elementwise_affine=False)).to(dtype)
    assert fastjac.from_torch(module).dtype == expected
    assert fastjac.from_torch(nn.Sequential(nn.PReLU()).to(dtype), n_in=3).dtype == expected


def test_the_weights_are_copied():
    linear = nn.Linear(4, 3)
    net = fastjac.from_torch(linear)
    before = net(np.ones(4))
    scramble(linear)
    np.testing.assert_array_equal(net(np.ones(4)), before)


def hooked():
    module = nn.Linear(2, 2)
    module.register_forward_hook(lambda module, inputs, output: 2 * output)
    return module


def hooked_sequential():
    module = nn.Sequential(nn.Linear(2, 2))
    module.register_forward_pre_hook(lambda module, inputs: None)
    return module


REFUSED = {
    r"^0 \(Conv2d\): its forward fails .* Expected 3D .* if samples are of another shape, pass it: .*input_shape": lambda: (
        nn.Conv2d(1, 2, 3)
    ),
    r"^0.1 \(GLU\): its forward fails .* Halving dimension must be even": lambda: nn.Sequential(nn.Linear(2, 3), nn.GLU()),
    r"^0 \(ModuleList\): its forward fails .* missing the required \"forward\"": lambda: nn.ModuleList([nn.ReLU()]),
    r"^0 \(Linear\): it has the hook <function hooked.*>, which may change": hooked,
    r"^0 \(Sequential\): it has the pre-hook <function hooked_sequential.*>, which may change": hooked_sequential,
    r"^0 \(LazyLinear\): its sizes are not known yet; call the module once": lambda: nn.LazyLinear(2),
    r"^0 \(Softmax\): it acts over axis 0 of a value of shape \(N, 2\), .* mixes samples": lambda: nn.Softmax(dim=0),
    r"^0 \(LogSoftmax\): its forward fails .* Dimension out of range": lambda: nn.LogSoftmax(dim=2),
    r"^1 \(Linear\): its forward fails .* mat1 and mat2 shapes": lambda: nn.Flatten(0),
    r"^0 \(BatchNorm1d\): without running statistics": lambda: nn.BatchNorm1d(2, track_running_stats=False),
}


@pytest.mark.parametrize(("message", "make"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_honoured_is_refused(message, make):
    with pytest.raises(UnsupportedLayerError, match=message):
        fastjac.from_torch(nn.Sequential(make(), nn.Linear(2, 2)).eval())


@pytest.mark.parametrize("module", [nn.Dropout(0.5), nn.BatchNorm1d(4), nn.RReLU()])
def test_training_mode_is_refused_with_the_fix(module):
    stack = nn.Sequential(nn.Linear(4, 4), module)
    with pytest.raises(FormatError, match=r"^1 \(\w+\): it is in training mode.* call .eval\(\) on the whole module"):
        fastjac.from_torch(stack.train())
    assert fastjac.from_torch(stack.eval()).n_in == 4


def test_training_mode_is_fine_where_it_changes_nothing():
    assert len(fastjac.from_torch(nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.0), nn.ReLU()).train())) == 2


@pytest.mark.parametrize("module", [nn.Linear(7, 2), nn.LayerNorm(7, elementwise_affine=False)])
def test_modules_that_do_not_chain_are_reported(module):
    with pytest.raises(UnsupportedLayerError, match=rf"^1 \({type(module).__name__}\): its forward fails on a batch of"):
        fastjac.from_torch(nn.Sequential(nn.Linear(4, 3), module))


def test_a_module_that_is_scripted_or_traced_is_what_it_computes():
    module = scramble(nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)))
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        compiled = [torch.jit.script(module), torch.jit.trace(module, torch.ones(2, 4, dtype=torch.float64))]
    for one in compiled:
        assert_agrees(fastjac.from_torch(one), module, (4,))


def test_weights_without_entries_are_reported():
    with pytest.raises(DtypeError, match=r"\(Linear\): the tensor is on the meta device, so it has a shape but no numbers"):
        fastjac.from_torch(nn.Linear(4, 3, device="meta"))
    sparse = nn.Linear(4, 3)
    sparse.weight = nn.Parameter(sparse.weight.detach().to_sparse())
    with pytest.raises(DtypeError, match=r"\(Linear\): the tensor is sparse; pass tensor.to_dense\(\)"):
        fastjac.from_torch(sparse)


def test_a_weight_whose_sign_is_put_off_is_read_with_its_sign():
    linear = nn.Linear(4, 3).double()
    linear.weight = nn.Parameter(torch.randn(3, 4, dtype=torch.complex128).conj().imag)
    assert linear.weight.is_neg()
    np.testing.assert_array_equal(fastjac.from_torch(linear)[0].weight, linear.weight.detach().resolve_neg().numpy())


def test_something_else_is_reported():
    with pytest.raises(DtypeError, match=r"from_torch takes a torch.nn.Module, got collections.OrderedDict"):
        fastjac.from_torch(nn.Linear(2, 2).state_dict())
