"""What users see of the package: names that are exported, how objects print, and what a type checker says."""

import inspect
import subprocess
import sys

import numpy as np
import pytest

import fastjac as fj
import fastjac.numba
from fastjac.layers import LAYERS
from tests.fresh_process import ROOT

DEEP = fj.Network([layer for _ in range(500) for layer in (fj.Affine(np.eye(20), np.zeros(20)), fj.ReLU())])
STATE, CONTROL = fj.Input(8, "state"), fj.Input(4)
NEXT = STATE + 0.1 * fj.Affine(np.ones((8, 12)))(fj.concatenate([STATE, CONTROL]))
NET = fj.Network([fj.Affine(np.ones((30, 20)), np.ones(30)), fj.Tanh(), fj.Affine(np.ones((4, 30)))])
X = np.ones((50, 20))
PULLBACK = NET.jacobian_vjp(X)[2]
LINEARIZATION = fj.Network([fj.Affine(np.ones((32, 20))), fj.Tanh(), fj.Affine(np.ones((4, 32)))]).linearize(X)

SHOWN = {
    "Network(20-30-4, 3 layers, float64)": NET,
    "Network(20-20-20-20-20-20-...-20-20-20-20-20-20, 1000 layers, float64)": DEEP,
    "Affine(weight(30, 20), bias(30,))": NET[0],
    "Input(8, 'state')": STATE,
    "Node(Add(Input 'state', Scale(Affine(Concatenate(...)))), size 8)": NEXT,
    "Network(8+4 -> 8, 4 layers, float64)": fj.Network(inputs=(STATE, CONTROL), outputs=NEXT),
    "Residual([ReLU()], shortcut=[Tanh()])": fj.Residual([fj.ReLU()], shortcut=fj.Tanh()),
    "Parallel([[ReLU(), Tanh()], []], join='multiply')": fj.Parallel([[fj.ReLU(), fj.Tanh()], []], join="multiply"),
    "Plan(reverse, 20-30-4, 1 step, 2,400 multiply-adds)": NET.plan(),
    "Plan(forward, 20-20-20-20-20-20-...-20-20-20-20-20-20, 499 steps, 1,996,000 multiply-adds)": DEEP.plan("forward"),
    "JacobianReport(passed, 4,000 derivatives, largest error 0.0e+00, rtol 1.0e-06)": fj.JacobianReport(
        1e-6, 0.0, n_compared=4000
    ),
    "JacobianReport(FAILED, 0 derivatives, nothing to compare)": fj.JacobianReport(1e-6),
    "Sensitivity(20 inputs -> 4 outputs, raw, 50 rows)": fj.sensitivity(NET, X),
    "Pullback(gy (50, 4), gJ (50, 4, 20), float64)": PULLBACK,
    "Linearization(x (50, 20), y (50, 4), float64, 448 bytes an input)": LINEARIZATION,
    "<200x1000 JacobianOperator with dtype=float64>": LINEARIZATION.operator(),
    "Gradient(x (50, 20), parameters (750,), 3 layers, float64)": PULLBACK(np.ones((50, 4))),
    "Program(20 -> 4, 6 steps, float64)": NET.program(),
    "Tape(0 of 3 inputs, 128 bytes, float64)": fastjac.numba.Tape(np.zeros(16), np.array([3, 0, 0])),
    "Scratch(6,460 bytes, float64)": fastjac.numba.Scratch(np.zeros(800), np.zeros(15, np.int32)),
    "<200x750 ParameterOperator with dtype=float64>": NET.parameter_operator(X),
}


@pytest.mark.parametrize(("shown", "value"), SHOWN.items(), ids=[type(value).__name__ for value in SHOWN.values()])
def test_a_public_object_prints_in_one_line(shown, value):
    assert repr(value) == shown


def test_every_public_class_is_among_them():
    classes = [getattr(fj, name) for name in fj.__all__ if inspect.isclass(getattr(fj, name))]
    for public in classes:
        assert issubclass(public, Exception) or any(
            isinstance(value, public) or issubclass(public, fj.Layer) for value in SHOWN.values()
        )


def test_all_names_are_there():
    assert {"Network", "Layer", "load", "check_jacobian", "Mode", *LAYERS} <= set(fj.__all__)
    assert not {"types", "typing", "layers", "LAYERS"} & set(fj.__all__)
    assert [name for name in fj.__all__ if not hasattr(fj, name)] == []
    assert issubclass(fj.ReLU, fj.Layer)


CHECKED = """\
import numpy as np
import fastjac as fj

def report(layer: fj.Layer, mode: fj.Mode) -> fj.JacobianReport:
    net, x = fj.Network([layer], n_in=3), np.ones(3)
    net.jacobian(x, "mixed"), net.jacobian(x, mode=mode), net.plan("auto"), net.program(mode)
    net.jacobian(x, "sideways")  # wrong
    net.value_and_jacobian(x, mode="sideways")  # wrong
    net.plan("sideways")  # wrong
    net.program("")  # wrong
    fj.from_nnet("n.nnet", scaling="clipped"), fj.load("n.nnet", scaling="none")
    fj.from_nnet("n.nnet", scaling="raw")  # wrong
    fj.load("n.nnet", scaling="raw")  # wrong
    fj.GELU("tanh"), fj.GELU(approximate="none")
    fj.GELU("sometimes")  # wrong
    fj.Parallel([layer, fj.Tanh()], join="multiply")
    fj.Parallel([layer, fj.Tanh()], join="sum")  # wrong
    node = np.ones(2) - 2.0 * layer(fj.Input(3, "x"))[1:] / fj.concatenate([fj.Input(1), fj.Input(1)])
    net.jacobian(x, wrt=[0, 2], of=node), net.plan(wrt=slice(2), of=0), net.program(wrt=np.arange(2))
    fj.Residual([layer])(node), net(node), fj.Network([layer, fj.Residual([fj.Tanh()]), net])
    fj.sensitivity(net, x, units="elasticity", nan_policy="omit").top(3, "y0").to_frame()
    fj.sensitivity(net, x, units="percent")  # wrong
    fj.check_jacobian(net, x, directions="all"), fj.check_jacobian(net, x, directions=7)
    return fj.check_jacobian(net, x, directions="some")  # wrong
"""


def test_a_type_checker_knows_the_strings_that_an_option_takes(tmp_path):
    path = tmp_path / "checked.py"
    path.write_text(CHECKED)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary", str(path)]
    # In the root, where it finds this checkout, and its own cache of NumPy's types.
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    wrong = [number for number, line in enumerate(CHECKED.splitlines(), 1) if line.endswith("# wrong")]
    found = [int(line.split(":")[1]) for line in finished.stdout.splitlines() if ": error:" in line]
    assert found == wrong, finished.stdout + finished.stderr
    assert finished.stdout.count('; expected "Literal[') == len(wrong)
