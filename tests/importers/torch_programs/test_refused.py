"""What a program of torch may hold and a network of fastjac may not is refused by its name, with what to do."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import fastjac
from fastjac.errors import LayerError, OptionError, UnsupportedLayerError

from .archives import body, module, write
from .models import TORCH_WARNS, assert_agrees, build, save_exported, save_scripted, save_traced

pytestmark = pytest.mark.filterwarnings(*TORCH_WARNS)
DATA = Path(__file__).parents[3] / "../shared/data"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "program.pt2"


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0)


class First(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x[0])


class Largest(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * x.argmax(1, keepdim=True)


class Writing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.tanh(x)
        y[:, 0] = 0.0
        return y


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if bool(x[0, 0] > 0) else x


class Alias(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.tanh(x)
        half = y[:, :2]
        half.mul_(2.0)
        return y


class Moving(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = 2.0 * x
        y[:, torch.tensor([0, 1])] = y[:, torch.tensor([1, 2])]
        return y


class Rounding(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x.half()).float()


REFUSED = {
    "the mean of a batch": (
        Mean(),
        r"for a batch of samples, x of shape \(N, ...\), .*torch.mean: it acts over axis 0",
    ),
    "one sample of a batch": (First(), r"for a batch of samples.*one sample of fixed shape"),
    "places of entries": (Largest(), "it uses the places of the largest or smallest entries"),
    "writing into a part": (Writing(), "it writes into a part of a tensor; build the tensor by torch.cat"),
    "a way that the input chooses": (Branching(), "for a batch of samples.*torch.gt"),
    "a tensor under another name": (
        Alias(),
        "it uses a tensor that was changed in place .*without inplace=True",
    ),
    "entries that change places": (Moving(), "torch.index_put_: it moves entries within a tensor in place; make another tensor"),
    "half precision": (Rounding(), "it rounds to float16; fastjac computes in float32 or float64 throughout"),
}


@pytest.mark.parametrize(("refused", "message"), REFUSED.values(), ids=REFUSED)
def test_what_no_network_is_is_named(refused, message, path):
    save_scripted(refused.eval(), (), path)
    with pytest.raises(UnsupportedLayerError, match=message) as caught:
        fastjac.load(path, n_in=4)
    assert str(caught.value).startswith(str(path))


def test_a_way_that_the_only_sample_chooses_is_refused(path):
    write(path, body("if torch.gt(torch.sum(x, [1]), 0.):", "  y = x", "else:", "  y = torch.neg(x)", "return y"))
    with pytest.raises(UnsupportedLayerError, match="it goes one way or another by a value that depends on the network's input"):
        fastjac.load(path, n_in=3)
    write(path, body("if bool(torch.gt(torch.sum(x, [1]), 0.)):", "  y = x", "else:", "  y = torch.neg(x)", "return y"))
    with pytest.raises(UnsupportedLayerError, match=r"it takes a number out of a tensor .* choose by torch.where"):
        fastjac.load(path, n_in=3)


def test_places_that_nothing_uses_are_left_out(path):
    save_scripted(nn.Sequential(nn.Linear(3, 3)).eval(), (), path)

    class Both(nn.Module):
        def forward(self, x):
            return torch.tanh(x), x.argmax(1)

    save_traced(Both(), (torch.ones(2, 3, dtype=torch.float64),), path)
    _, imported = fastjac.importers.read(path, fastjac.importers.Options())
    assert len(imported.network.outputs) == 1
    assert "1 (output)" in [part.source for part in imported.parts]


def test_training_mode_is_refused(path):
    save_scripted(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)).train(), (), path)
    with pytest.raises(fastjac.FastjacError, match=r"it is in training mode, .*; call .eval\(\) on the module before"):
        fastjac.load(path)


def test_a_missing_operator_of_an_export_is_counted(path):
    class Missing(nn.Module):
        def forward(self, x):
            return torch.special.bessel_j0(x) + torch.special.bessel_j0(torch.lgamma(x))

    save_exported(Missing(), (torch.ones(2, 3),), path)
    with pytest.raises(UnsupportedLayerError, match=r"'special_bessel_j0'; it has .*; in all 3 nodes .*bessel_j0.default \(2\)"):
        fastjac.load(path)


def test_quantized_modules_are_refused(path):
    write(path, body("return ops.quantized.linear(x, self.weight, 1.0, 0)"))
    with pytest.raises(UnsupportedLayerError, match=r"it calls quantized::linear, .* it is quantized; fastjac takes"):
        fastjac.load(path, n_in=3)


def test_objects_of_c_are_refused_by_name(path):
    packed = b"c__torch__.torch.classes.quantized\nLinearPackedParamsBase\n)\x81"
    write(path, pickle=module(weight=packed))
    with pytest.raises(UnsupportedLayerError, match=r"weight is a __torch__.torch.classes.quantized.Linear"):
        fastjac.load(path, n_in=3)


def test_what_the_module_refuses_itself_is_said(path):
    write(path, body('ops.prim.RaiseException("no such kind", "builtins.ValueError")', "return x"))
    with pytest.raises(UnsupportedLayerError, match=r"Net.forward line 6: the module refuses its input: no such kind"):
        fastjac.load(path, n_in=3)


def test_the_size_of_an_input_is_asked_for(path):
    save_scripted(nn.Tanh(), (), path)
    with pytest.raises(LayerError, match="the program does not show how many entries its input 'input' has; pass it as n_in"):
        fastjac.load(path)
    assert fastjac.load(path, n_in=3).n_in == 3
    save_scripted(build("dynamics")[0], (), path)
    with pytest.raises(
        LayerError,
        match=r"its input 'x' has; pass the shape of one sample for each of x, u: input_shape=\(\(n_x,\), \(n_u,\)\); None",
    ):
        fastjac.load(path)
    with pytest.raises(OptionError, match=r"n_in is the size of one input, .* leave n_in out, or pass the shape .* of x, u:"):
        fastjac.load(path, n_in=3)


def test_ints_are_the_sizes_of_several_inputs(path):
    save_scripted(build("dynamics")[0], (), path)
    net = fastjac.load(path, input_shape=(3, 1))
    assert net.inputs == fastjac.load(path, input_shape=[(3,), (1,)]).inputs == (3, 1)
    assert net.jacobian((np.ones(3), np.ones(1)), wrt="u").shape == (net.n_out, 1)


def test_the_size_that_a_trace_has_recorded_is_held_against_n_in(path):
    made, inputs = build("chain")
    save_traced(made, inputs, path)
    assert fastjac.load(path, n_in=3).n_in == 3
    with pytest.raises(LayerError, match="n_in=4 was given, but the program was traced with inputs of 3 entries"):
        fastjac.load(path, n_in=4)


def test_a_vector_that_was_traced_is_one_sample(path):
    class Vector(nn.Module):
        def forward(self, x):
            return torch.cat([x[:2], x[2:] * x[0]])

    save_traced(Vector(), (torch.ones(5, dtype=torch.float64),), path)
    assert_agrees(fastjac.load(path), lambda x: Vector()(x[0]), (torch.randn(4, 5, dtype=torch.float64),))


def test_an_export_of_a_fixed_batch_is_one_sample(path):
    made, inputs = build("gated")
    torch.export.save(torch.export.export(made, (inputs[0][:2],)), path)
    net = fastjac.load(path)
    x = inputs[0][:2]
    np.testing.assert_allclose(net(x.numpy().ravel()), made(x).detach().numpy().ravel(), rtol=1e-12)


def test_inputs_and_outputs_by_name(path):
    made, inputs = build("dynamics")
    save_traced(made, inputs, path)
    net = fastjac.load(path, inputs=["u", "x"])
    y = net(tuple(x.numpy() for x in inputs[::-1]))
    np.testing.assert_allclose(y, made(*inputs).detach().numpy(), rtol=1e-12)
    with pytest.raises(OptionError, match="inputs must name x, u of forward's parameters x, u; got x"):
        fastjac.load(path, inputs=["x"])
    made, inputs = build("policy")
    save_traced(made, inputs, path)
    net = fastjac.load(path, outputs=["1"])
    np.testing.assert_allclose(net(inputs[0].numpy()), made(*inputs)[1].detach().numpy(), rtol=1e-12)
    with pytest.raises(OptionError, match="outputs must name some of the program's, which are '0', '1'; got 'mean'"):
        fastjac.load(path, outputs=["mean"])


def test_an_optional_input_that_is_named(path):
    made, inputs = build("choosing")
    save_scripted(made, inputs, path)
    assert len(fastjac.load(path).inputs) == 1
    with pytest.raises(LayerError, match="how many entries its input 'shift' has"):
        fastjac.load(path, inputs=["x", "shift"])


class Heads(nn.Module):
    """A module that gives a dict, whose keys are in no order."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        hidden = self.layer(x)
        return {"mean": torch.tanh(hidden), "deviation": torch.exp(hidden)}


@pytest.mark.parametrize("save", [save_scripted, save_exported])
def test_the_keys_of_a_dict_name_the_outputs(save, path):
    heads, x = Heads(), torch.randn(4, 3)
    save(heads, (x,), path)
    mean, deviation = fastjac.load(path)(x.numpy())
    np.testing.assert_allclose(mean, heads(x)["mean"].detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(deviation, heads(x)["deviation"].detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(fastjac.load(path, outputs=["deviation"])(x.numpy()), deviation)
    with pytest.raises(OptionError, match="which are 'mean', 'deviation'; got 'std'"):
        fastjac.load(path, outputs=["std"])


class OfDict(nn.Module):
    """A module that takes a dict."""

    def forward(self, x: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.tanh(x["a"]) + x["b"]


def test_a_dict_of_inputs_is_refused_with_what_to_do(path):
    torch.jit.script(OfDict()).save(path)
    with pytest.raises(UnsupportedLayerError, match="wrap the module in one whose forward takes these tensors one by one"):
        fastjac.load(path)


class Field(torch.nn.Module):
    """A vector field that does not depend on time."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 3)

    def forward(self, t, x):
        return torch.tanh(self.layer(x))


def save_field(field, how, path):
    given = (torch.zeros(()), torch.randn(4, 3))
    if how == "export":
        sizes = (None, {0: torch.export.Dim("n")})
        torch.export.save(torch.export.export(field, given, dynamic_shapes=sizes), path)
    else:
        made = torch.jit.script(field) if how == "script" else torch.jit.trace(field, given)
        made.save(path)


@pytest.mark.parametrize("how", ["script", "trace", "export"])
@pytest.mark.parametrize("inputs", [None, ["x"]])
def test_an_input_that_no_output_depends_on_is_left_out(how, inputs, path):
    field = Field()
    save_field(field, how, path)
    x = torch.randn(5, 3)
    net = fastjac.load(path, inputs=inputs)
    np.testing.assert_allclose(net(x.numpy()), field(None, x).detach().numpy(), rtol=1e-5, atol=1e-6)
    with pytest.raises(LayerError, match=r"'t'.*, reaches no output; leave it out of inputs"):
        fastjac.load(path, inputs=["t", "x"])
    with pytest.raises(OptionError, match=r"inputs must name .*x of forward's parameters t, x; got "):
        fastjac.load(path, inputs=["x", "y"])


def test_a_real_actuator_network():
    path = DATA / "unitree_go1_actuator.pt"
    if not path.exists():
        pytest.skip("the file of a network that others trained is not in ../shared/data")
    net = fastjac.load(path)
    actuator = torch.jit.load(path, map_location="cpu")
    assert [type(layer).__name__ for layer in net.layers] == ["Affine", "Softsign", "Affine", "Softsign", "Affine"]
    x = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    y, jac = net.value_and_jacobian(x.numpy())
    np.testing.assert_allclose(y, actuator(x).detach().numpy(), rtol=2e-5, atol=2e-5)
    jacobians = [torch.autograd.functional.jacobian(actuator, sample).numpy() for sample in x]
    np.testing.assert_allclose(jac, np.stack(jacobians), rtol=2e-5, atol=2e-5)
