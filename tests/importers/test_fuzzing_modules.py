"""Hundreds of live torch modules; `python -m tests.importers.fuzzing --modules N` tries as many as you like."""

import random
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import fastjac
import fastjac.torch

from .fuzzing import modules as fuzzing_modules
from .fuzzing.modules import drawing
from .fuzzing.modules.building import CannotBuildError, built
from .fuzzing.modules.drawing import drawn, put_together
from .fuzzing.modules.grammar import CHANGES, HOSTILE, HOSTILE_WRAPPERS, READABLE, READABLE_WRAPPERS
from .fuzzing.modules.judge import ACCEPTED, REFUSED, Verdict, judge
from .fuzzing.modules.training import judge_training
from .fuzzing.modules.trial import TRAINED, Tally

MODULES = 500
ROOT = Path(__file__).parents[2]
LINEAR = "nn.Linear($n, $m)"


def test_every_module_is_computed_rightly_or_refused(tmp_path):
    # In processes of their own, since modules change what belongs to the process; one for each half, at the same time.
    command = [sys.executable, "-m", "tests.importers.fuzzing", "--folder", tmp_path, "--modules", str(MODULES // 2), "--first"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    halves = [subprocess.Popen([*command, first], cwd=ROOT, **pipes) for first in ("0", str(MODULES // 2))]
    outputs = [half.communicate()[0] for half in halves]
    assert [half.returncode for half in halves] == [0, 0], "\n".join(outputs)
    tallies = [
        re.findall(r": (\d+) modules, (\d+) accepted, (\d+) of (\d+) readable ones, 0 finds", output) for output in outputs
    ]
    counts = np.sum([[[int(count) for count in tally] for tally in half] for half in tallies], axis=0)
    for (tried, accepted, readable_accepted, readable), n_drawn in zip(counts, (MODULES, MODULES // TRAINED), strict=True):
        assert tried > 0.9 * n_drawn
        assert accepted > 0.4 * tried
        assert readable > 0.4 * tried
        assert readable_accepted > 0.7 * readable


def verdicts(drawn_modules):
    """What became of each, by what it is made of; those that torch does not make are left out."""
    found = {}
    for module in drawn_modules:
        try:
            found[module.steps, module.wrapper] = judge(module)
        except CannotBuildError:
            continue
    return found


def faults(found):
    return {what: verdict for what, verdict in found.items() if verdict.fault}


def test_each_readable_step_is_accepted_and_right():
    between = verdicts(put_together("<step>", [LINEAR, name, LINEAR]) for name in READABLE)
    assert len(between) == len(READABLE)
    assert not faults(between)
    assert not [what for what, verdict in between.items() if verdict.end != ACCEPTED]


def test_each_hostile_step_is_refused_or_right():
    alone = verdicts(put_together("<step>", [name]) for name in HOSTILE)
    assert len(alone) > 0.95 * len(HOSTILE)
    assert not faults(alone)


def test_each_wrapper_is_refused_or_right_and_each_readable_one_accepted():
    steps = [LINEAR, "nn.Tanh()", LINEAR]
    found = verdicts(put_together("<wrapper>", steps, wrapper) for wrapper in drawing.WRAPPERS)
    assert len(found) == len(drawing.WRAPPERS)
    assert not faults(found)
    assert all(found[tuple(steps), wrapper].end == ACCEPTED for wrapper in READABLE_WRAPPERS)


def test_no_step_is_both_readable_and_hostile():
    assert not READABLE.keys() & HOSTILE.keys()
    assert not READABLE_WRAPPERS.keys() & HOSTILE_WRAPPERS.keys()


def test_a_module_is_the_same_for_ever():
    modules = [drawn(3, number) for number in range(300)]
    assert modules == [drawn(3, number) for number in range(300)]
    assert len({module.source for module in modules}) > 290
    assert modules[0] != drawn(4, 0)
    assert {module.form for module in modules} == {drawing.FLAT, drawing.SEQUENTIAL, drawing.NESTED, drawing.PAIRED}
    assert {module.dtype for module in modules} == {"float32", "float64"}


@pytest.mark.parametrize("form", [drawing.SEQUENTIAL, drawing.NESTED])
def test_every_form_of_the_same_steps_computes_the_same(form):
    outputs = []
    for module in (put_together("<form>", ["x.tanh()", "x - 0.5", "nn.SiLU()"], form=form) for form in (drawing.FLAT, form)):
        with built(module.source, module.name) as (made, _):
            outputs.append(made(torch.ones(2, module.n_in, dtype=torch.float64)))
    assert torch.equal(*outputs)


def test_the_source_of_a_find_runs_by_itself(tmp_path, capsys):
    module = put_together("<module 5:7>", [LINEAR, "nn.Tanh()"])
    (path,) = fuzzing_modules.leave(Tally(finds=[(module, Verdict(ACCEPTED, "other values", "1\ninstead of 2"))]), tmp_path)
    assert path.name == "module-5-7.py"
    assert "# other values: 1 instead of 2" in path.read_text()
    runpy.run_path(str(path), run_name="__main__")
    assert "Tanh" in capsys.readouterr().out


READ = fastjac.from_torch
BRANCH = "a branch by x.sum() > 0"


class Steeper:
    """A network with right values and wrong derivatives."""

    def __init__(self, network):
        self.network, self.dtype = network, network.dtype

    def value_and_jacobian(self, x):
        y, jacobians = self.network.value_and_jacobian(x)
        return y, 1.01 * jacobians


def raising(error):
    def read(module, n_in):
        raise error

    return read


def followed_by(layer):
    return lambda module, n_in: fastjac.Network([*READ(module, n_in).layers, layer])


BREAKING = {
    "right": (READ, [LINEAR, "nn.Tanh()"], ""),
    "refused": (raising(fastjac.FastjacError("no")), ["nn.Tanh()"], ""),
    "doubled": (followed_by(fastjac.Scale(2.0)), [LINEAR], "other values"),
    "shifted at large inputs": (followed_by(fastjac.HardTanh(-100.0, 100.0)), [LINEAR], "other values"),
    "wider": (followed_by(fastjac.Affine(np.ones((7, 4)))), ["nn.Tanh()"], "other values"),
    "steeper": (lambda module, n_in: Steeper(READ(module, n_in)), [LINEAR], "other derivatives"),
    "at a kink": (
        lambda module, n_in: fastjac.Network([fastjac.LeakyReLU(0.0)], n_in=n_in),
        ["x.clamp(min=0)"],
        "other derivatives",
    ),
    "one branch": (lambda module, n_in: fastjac.Network([fastjac.Tanh()], n_in=n_in), [BRANCH], "other values"),
    "one of many": (lambda module, n_in: fastjac.Network([fastjac.Tanh()], n_in=n_in), ["a count that is used"], "no function"),
    "random": (lambda module, n_in: fastjac.Network([fastjac.Tanh()], n_in=n_in), ["torch.rand_like(x)"], "no function"),
    "a string": (lambda module, n_in: fastjac.Network([fastjac.Tanh()], n_in=n_in), ["returns a string"], "no function"),
    "one of two outputs": (
        lambda module, n_in: fastjac.Network([fastjac.Tanh()], n_in=n_in),
        ["returns a tuple"],
        "other values",
    ),
    "what raises": (lambda module, n_in: fastjac.Network([fastjac.Tanh()], n_in=n_in), ["x + None"], "no function"),
    "a foreign error": (raising(KeyError("weight")), [LINEAR], "a foreign error"),
    "no message": (raising(fastjac.FastjacError()), [LINEAR], "an error without a message"),
}


@pytest.mark.parametrize("name", BREAKING)
def test_the_judge_notices_what_breaks_the_rule(monkeypatch, name):
    importer, steps, fault = BREAKING[name]
    monkeypatch.setattr(fastjac, "from_torch", importer)
    verdict = judge(put_together("<judged>", steps))
    assert verdict.fault == fault, verdict.detail


TRACES = {
    "torch's random numbers": lambda module: torch.rand(1),
    "NumPy's random numbers": lambda module: np.random.rand(),  # noqa: NPY002  the old ones are those of the process
    "Python's random numbers": lambda module: random.random(),
    "default dtype": lambda module: torch.set_default_dtype(torch.float64),
    "gradient mode": lambda module: torch.set_grad_enabled(False),
    "autocast": lambda module: torch.set_autocast_enabled("cpu", True),
    "s0._parameters, version of s0.weight": lambda module: module.s0.weight.detach().mul_(2),
    "s0._parameters": lambda module: module.s0.weight.requires_grad_(False),
    ".training": lambda module: setattr(module, "training", True),
    ".seen": lambda module: setattr(module, "seen", []),
    "s0._forward_hooks": lambda module: module.s0._forward_hooks.update({7: print}),
}


@pytest.mark.parametrize("place", TRACES)
def test_the_judge_notices_a_trace(monkeypatch, place):
    def importer(module, n_in):
        network = READ(module, n_in)
        TRACES[place](module)
        return network

    monkeypatch.setattr(fastjac, "from_torch", importer)
    assert judge(put_together("<judged>", [LINEAR])) == Verdict(ACCEPTED, "a trace left", place)


def test_what_the_code_of_a_user_does_outside_of_the_module_is_no_trace(monkeypatch):
    def importer(module, n_in):
        module(torch.zeros(2, n_in, dtype=torch.float64))
        raise fastjac.FastjacError("it changes a global")

    monkeypatch.setattr(fastjac, "from_torch", importer)
    assert judge(put_together("<judged>", ["a count in a global"])) == Verdict(REFUSED)
    assert judge(put_together("<judged>", ["a count that is used"])) == Verdict(REFUSED, "a trace left", ".n0")


def test_each_change_of_a_module_is_seen_or_refused():
    steps = [
        LINEAR,
        "nn.LeakyReLU(0.3)",
        "x * self.v$i",
        "an array of the object",
        "a buffer",
        "scrambled(nn.BatchNorm1d($n))",
        LINEAR,
    ]
    module = put_together("<changed>", steps, form=drawing.SEQUENTIAL)
    assert not faults({change: judge_training(module, change) for change in CHANGES})


def stale(module, x, known={}):  # noqa: B006  to remember is the point
    """The values of the first call, with the derivatives of this one."""
    y, jacobians = computed(module, x)
    return y + (known.setdefault(module, y.detach()) - y).detach(), jacobians


def without_gradients(module, x):
    return computed(module, x.detach())


def too_steep(module, x):
    y, jacobians = computed(module, x)
    return y, 1.01 * jacobians


computed = fastjac.torch.value_and_jacobian
MISTRAINED = {
    "right": (computed, "parameters in place", ""),
    "stale": (stale, "buffers by data", "other values"),
    "stale weights": (stale, "parameters in place", "other values"),
    "without gradients": (without_gradients, "nothing", "other gradients"),
    "too steep": (too_steep, "nothing", "other derivatives"),
    "a foreign error": (raising(KeyError("weight")), "nothing", "a foreign error"),
}


@pytest.mark.parametrize("name", MISTRAINED)
def test_the_judge_of_training_notices_what_breaks_the_rule(monkeypatch, name):
    function, change, fault = MISTRAINED[name]
    monkeypatch.setattr(fastjac.torch, "value_and_jacobian", function)
    verdict = judge_training(put_together("<trained>", [LINEAR, "a buffer", "nn.Tanh()", LINEAR]), change)
    assert verdict.fault == fault, verdict.detail
