"""What is built of the project, what an installation leaves behind, and what its metadata promise."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

import fastjac
from fastjac.kernels import cache
from tests.fresh_process import ROOT, environment_with, run_python

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
oldest = runpy.run_path(str(ROOT / ".ci" / "oldest.py"))["oldest"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source archive and the wheel, built without a network of a copy, so that nothing is written into this checkout."""
    copy, target = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("built")
    ignored = shutil.ignore_patterns(".git", ".nox", ".venv", "dist", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, copy, ignore=ignored, dirs_exist_ok=True)
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (archive,), (wheel,) = target.glob("*.tar.gz"), target.glob("*.whl")
    return archive, wheel


def test_the_source_archive_holds_what_a_developer_needs(built):
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    documents = {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "docs/benchmarks.md"}
    assert documents | {".ci/run", ".ci/oldest.py", "asv_benches/asv.conf.json", "noxfile.py", "pyproject.toml"} <= names
    for folder in ("fastjac", "tests", "examples"):
        sources = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py")}
        assert sources
        assert sources <= names


def test_the_wheel_is_typed_and_holds_the_package_alone(built):
    with zipfile.ZipFile(built[1]) as wheel:
        names = wheel.namelist()
    assert "fastjac/py.typed" in names
    assert {name.partition("/")[0] for name in names} == {"fastjac", f"fastjac-{fastjac.__version__}.dist-info"}


USED = """
import numpy as np
import fastjac
print(fastjac.Network([fastjac.Affine(np.eye(2))]).jacobian(np.ones(2)).tolist(), fastjac.__file__)
"""


def test_nothing_is_left_after_uninstalling(built, tmp_path):
    """Not even an empty folder, which Python would import as an empty package."""
    fastjac.Network([fastjac.Affine(np.eye(2))]).jacobian(np.ones(2))
    kept = cache.cache_directory()
    shutil.copytree(kept, tmp_path / "xdg" / "fastjac" / kept.name)
    run_python("-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    # By PYTHONPATH, in which Python does not look for links to packages that are installed to be edited, as this one is.
    needed = {"PYTHONPATH": str(Path(np.__file__).parents[1]), "XDG_CACHE_HOME": str(tmp_path / "xdg"), "NUMBA_CACHE_DIR": None}

    def run(*arguments):
        return subprocess.run(
            [python, *arguments], env=environment_with(needed), cwd=tmp_path, capture_output=True, text=True, check=False
        )

    def pip(*arguments):
        run_python("-m", "pip", "--python", python, "--disable-pip-version-check", *arguments, PYTHONPATH=None)

    pip("install", "--no-deps", "--no-index", built[1])
    used = run("-c", USED)
    assert used.stdout.startswith("[[1.0, 0.0], [0.0, 1.0]] " + str(tmp_path / "venv")), used.stderr
    pip("uninstall", "--yes", "fastjac")
    assert list((tmp_path / "venv").rglob("*fastjac*")) == []
    assert "ModuleNotFoundError: No module named 'fastjac'" in run("-c", "import fastjac").stderr


def test_the_version_is_said_alike_everywhere():
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)[1]
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited == fastjac.__version__ in headings[:2]  # the one that is released, or the one before what is coming


def test_every_requirement_declares_its_oldest_version():
    versions = oldest(PROJECT)
    assert {"numpy", "numba", "h5py", "safetensors", "onnx", "matplotlib", "scipy", "tqdm", "pytest", "torch"} <= set(versions)
    assert all(re.fullmatch(r"\d+(\.\d+)*", version) for version in versions.values())


def test_the_oldest_versions_are_those_of_pyproject():
    extras = {"a": ["x[y]>=1.2", "e-f==3; sys_platform == 'linux'"], "b": ["own[a]"]}
    assert oldest({"name": "own", "dependencies": ["n>=2.0"], "optional-dependencies": extras}) == {
        "n": "2.0",
        "x": "1.2",
        "e-f": "3",
    }
    with pytest.raises(ValueError, match="'n<3' declares no oldest version"):
        oldest({"name": "own", "dependencies": ["n<3"], "optional-dependencies": {}})


def test_the_oldest_python_is_the_first_of_the_classifiers():
    named = [line.rpartition(":: ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert PROJECT["requires-python"] == f">={named[0]}"
    assert len(named) > 1
