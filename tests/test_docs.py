"""Documentation: every public docstring has an example, which runs, and the reference and the gallery leave nothing out."""

import doctest
import importlib
import inspect
import re

import numpy as np
import pytest

import fastjac as fj
import fastjac.casadi
import fastjac.dask
import fastjac.errors
import fastjac.numba
import fastjac.plot
import fastjac.scipy
import fastjac.torch
from tests.fresh_process import ROOT

DOCS = ROOT / "docs"
MODULES = (fastjac.casadi, fastjac.dask, fastjac.numba, fastjac.plot, fastjac.scipy, fastjac.torch)
"""Those that are imported by name, beside `fastjac.errors`."""

PROTOCOL = {"in_sequence", "with_layers"}
"""Methods by which blocks and networks work together, no user's business."""


def is_documented(value):
    return inspect.isclass(value) or inspect.isfunction(value)


def public_objects():
    """Every public class, function and method, by the name that the reference gives it."""
    found = {name: value for name, value in inspect.getmembers(fj, is_documented) if name in fj.__all__}
    for name, method in inspect.getmembers(fj.Network, inspect.isfunction):
        if name == "__call__" or not (name.startswith("_") or name in PROTOCOL):
            found[f"Network.{name}"] = method
    for module in MODULES:
        found |= {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}
    return found


PUBLIC = public_objects()
NAMES = {"np": np, "fj": fj} | {name: getattr(fj, name) for name in fj.__all__}
"""What examples need not import."""


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's on torch
@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_of_a_docstring_runs(name):
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(PUBLIC[name]), dict(NAMES), name, None, 0)
    assert test.examples, "a public docstring has an example"
    shown = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=shown.append)
    assert not shown, "".join(shown)


def test_the_reference_has_every_public_name():
    directive = re.compile(r"^\.\. (?:auto\w+|currentmodule|declared-layers):: (.+)$", re.MULTILINE)
    listed, module = set(), ""
    for page in sorted((DOCS / "api").glob("*.md")):
        for line in directive.finditer(page.read_text(encoding="utf-8")):
            if line[0].startswith(".. declared-layers"):
                listed |= set(importlib.import_module(f"fastjac.layers.{line[1]}").__all__)
            elif line[0].startswith((".. currentmodule", ".. automodule")):
                module = line[1]
            else:
                listed.add(f"{module}.{line[1]}".removeprefix("fastjac."))
    errors = {f"errors.{name}" for name, value in vars(fastjac.errors).items() if inspect.isclass(value)}
    properties = inspect.getmembers(fj.Network, lambda value: isinstance(value, property))
    attributes = {f"Network.{name}" for name, _ in properties if not name.startswith("_")}
    public = {name.removeprefix("fastjac.") for name in PUBLIC if name != "FastjacError"} | errors | attributes
    assert public - listed == set()


def test_the_gallery_shows_every_example():
    gallery = (DOCS / "gallery.md").read_text(encoding="utf-8")
    programs = [path.stem for path in (ROOT / "examples").glob("*.py") if "def main(" in path.read_text(encoding="utf-8")]
    assert [name for name in programs if f"`{name}.py`" not in gallery] == []
