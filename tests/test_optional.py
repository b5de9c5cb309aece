"""A package that is missing, or that does not import, is named, with what helps wherever fastjac came from."""

import re
import tomllib
from pathlib import Path

import pytest

import fastjac
from fastjac.errors import MissingDependencyError
from fastjac.optional import optional

SOURCES = {path: path.read_text(encoding="utf-8") for path in Path(fastjac.__file__).parent.rglob("*.py")}
EXTRAS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
USES = [use for text in SOURCES.values() for use in re.findall(r'optional\("(\w+)[\w.]*", "to [^"]+", "(\w+)"\)', text)]


def test_a_package_that_is_not_installed():
    message = (
        "frobnicate is needed to frob; install it with: pip install --upgrade frobnicate, "
        "or, in a clone of fastjac: pip install --upgrade '.[frob]'"
    )
    with pytest.raises(MissingDependencyError, match=f"^{re.escape(message)}$"):
        optional("frobnicate.frobs", "to frob", "frob")


@pytest.mark.parametrize("error", ["ImportError", "ValueError", "AttributeError", "ModuleNotFoundError"])
def test_a_package_that_does_not_import(tmp_path, monkeypatch, error):
    """As h5py 3.10 beside NumPy 2: to install it would not help."""
    name = f"frob_{error.lower()}"
    (tmp_path / f"{name}.py").write_text(f"raise {error}('numpy.dtype size changed')")
    monkeypatch.syspath_prepend(tmp_path)
    message = rf"^{name} does not import \({error}: numpy.dtype size changed\), but is needed to frob; upgrade it with: pip"
    with pytest.raises(MissingDependencyError, match=message):
        optional(name, "to frob", "frob")


def test_a_submodule_is_imported():
    assert optional("xml.dom.minidom", "to frob", "frob").dom.minidom.__name__ == "xml.dom.minidom"


def test_there_are_uses():
    assert {package for package, _ in USES} == {
        "casadi",
        "dask",
        "h5py",
        "matplotlib",
        "onnx",
        "pandas",
        "safetensors",
        "scipy",
        "sympy",
        "tqdm",
    }


@pytest.mark.parametrize(("package", "extra"), USES)
def test_the_extra_that_is_named_holds_the_package(package, extra):
    assert any(re.match(rf"{package}\b", requirement) for requirement in EXTRAS[extra])


def test_no_message_counts_on_a_package_index():
    assert [path.name for path, text in SOURCES.items() if "install fastjac" in text or "install 'fastjac" in text] == []
