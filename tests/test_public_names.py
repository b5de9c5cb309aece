"""What users see of the package: names that are exported, how objects print, and what a type checker says."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import fastjac as fj
import fastjac.engine
import fastjac.numba
from fastjac.layers import LAYERS
from tests.fresh_process import ROOT, run_script

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


def test_what_is_imported_on_purpose_is_exported_and_nothing_else():
    public = {name: getattr(fj, name) for name in dir(fj) if not name.startswith("_") and name != "TYPE_CHECKING"}
    imported = {name for name, value in public.items() if not inspect.ismodule(value)}
    assert sorted(fj.__all__) == sorted(imported)
    assert {"Network", "Layer", "load", "check_jacobian", "Mode", *LAYERS} <= imported
    assert issubclass(fj.ReLU, fj.Layer)


def test_importers_are_loaded_at_their_first_use():
    shown = run_script("""
        import sys, fastjac
        print("fastjac.importers" in sys.modules, fastjac.from_torch is fastjac.from_torch, "fastjac.importers" in sys.modules)
    """)
    assert shown.stdout == "False True True\n"
    with pytest.raises(AttributeError, match="module 'fastjac' has no attribute 'from_nothing'") as caught:
        _ = fj.from_nothing
    assert caught.value.obj is fj


def test_a_misspelt_name_is_answered_by_the_right_one():
    shown = run_script("""
        import sys, fastjac
        try:
            fastjac.Relu
        except AttributeError:
            sys.__excepthook__(*sys.exc_info())
    """)
    assert "Did you mean: 'ReLU'?" in shown.stderr


def test_help_opens_with_calls_that_are_there():
    for name in re.findall(r"\bnet\.(\w+)", fj.__doc__):
        assert callable(getattr(fj.Network, name))
    for name in re.findall(r"^    fastjac\.(\w+) ", fj.__doc__, re.MULTILINE):
        importlib.import_module(f"fastjac.{name}")
    assert ".py" not in fj.__doc__


def test_the_engines_account_names_every_module_and_none_that_is_gone():
    named = set(re.findall(r"\b[a-z]\w+(?:\.py|(?=/))", fastjac.engine.__doc__))
    there = {path.name for path in (ROOT / "fastjac").rglob("*") if path.suffix == ".py" or path.is_dir()}
    top = {path.name for path in (ROOT / "fastjac").iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert named - there == set()
    assert top - named - {"engine.py"} == set()


def test_imports_point_down_the_engines_account():
    listed = re.findall(r"^    ([a-z]\w+)(?:\.py|/) ", fastjac.engine.__doc__, re.MULTILINE)
    depth = {room: place for place, room in enumerate(listed)}
    found = {
        pair for path in (ROOT / "fastjac").rglob("*.py") for pair in imports_between_rooms(path.relative_to(ROOT / "fastjac"))
    }
    assert len(found) > 100
    assert {(room, target) for room, target in found if depth[room] > depth[target]} == set()


def imports_between_rooms(path):
    """Pairs of rooms: the module's own, and another that it imports from when it is imported itself."""
    room, *_ = path.with_suffix("").parts
    if room in ("__init__", "__main__", "engine"):
        return
    package = ["fastjac", *path.parent.parts]
    for statement in ast.parse((ROOT / "fastjac" / path).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.ImportFrom) and statement.level:
            within = [*package[: len(package) - statement.level + 1], *(statement.module or "").split(".")]
            for name in statement.names:
                target = [part for part in (*within, name.name) if part][1]
                if target not in (room, "__version__"):
                    yield room, target


TYPED_USE = "tests/typed_use.py"


def errors_of_mypy():
    """Line by line, what it says; and all that it printed."""
    command = ["mypy", "--config-file", "pyproject.toml", "--no-error-summary", TYPED_USE]
    finished = run_tool(*command)
    lines = [line.split(":", 3) for line in finished.stdout.splitlines() if ": error:" in line]
    return {int(line[1]): line[3] for line in lines}, finished.stdout + finished.stderr


def errors_of_pyright():
    finished = run_tool("basedpyright", "--pythonpath", sys.executable, "--outputjson")
    found = [note for note in json.loads(finished.stdout)["generalDiagnostics"] if note["severity"] == "error"]
    return {1 + error["range"]["start"]["line"]: error["message"] for error in found}, finished.stdout + finished.stderr


def run_tool(*command):
    # In the root, where it finds this checkout and its settings, and its own cache of NumPy's types.
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("errors_of", [errors_of_mypy, errors_of_pyright])
def test_a_type_checker_knows_what_calls_give_and_which_strings_they_take(errors_of):
    lines = (ROOT / TYPED_USE).read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert wrong
    errors, output = errors_of()
    assert set(errors) == wrong, output
    assert all(any(word in message for word in ("Literal", "jacobain", "Never")) for message in errors.values())
