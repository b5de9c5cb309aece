"""What a commit must pass, in sessions: `nox --list` names them, `nox` runs the quick ones, `nox -s package` one of them.

Each makes an environment of its own; `nox --no-venv -s lint types` takes the one that is active. `.ci/run` goes through them all.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
CI, BUILT = ROOT / ".ci", ROOT / "dist"
PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))
"""Those that pyproject.toml names, oldest first. A session of one that is not here is skipped."""
WITHOUT_FRAMEWORKS = ["flatbuffers", "hypothesis", "ml_dtypes", "mpmath", "pytest", "threadpoolctl"]

pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
if pyenv.is_dir():
    # Otherwise its python3.12 fails where another version is the chosen one.
    os.environ["PYENV_VERSION"] = ":".join(sorted(version.name for version in pyenv.iterdir()))


def install(session: nox.Session, *packages: str) -> None:
    """Install packages where the session has an environment of its own."""
    if session.venv_backend != "none":
        session.install(*packages)


@nox.session
def tests(session: nox.Session) -> None:
    """The tests, but for those marked slow or long."""
    install(session, "-e", ".[test]")
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """The tests that take more than half a minute each."""
    install(session, "-e", ".[test]")
    session.run("python", "-m", "pytest", "-n", "2", "-m", "slow", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Rules and layout of the code."""
    install(session, "ruff")
    session.run("python", "-m", "ruff", "check", ".")
    session.run("python", "-m", "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types of the package."""
    install(session, "-e", ".", "mypy")
    session.run("python", "-m", "mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, whose code runs and whose links are checked, in docs/_build/html."""
    install(session, "-e", ".[docs]")
    options = ("--jobs", "2", "--fail-on-warning", "--keep-going", "--quiet")
    session.run("python", "-m", "sphinx", *options, "docs", "docs/_build/html")


@nox.session
def build(session: nox.Session) -> None:
    """The source archive and the wheel, in dist/."""
    install(session, "hatchling", "twine")
    session.run("python", "-m", "hatchling", "build", "--clean", "-d", str(BUILT))
    session.run("python", "-m", "twine", "check", "--strict", *map(str, BUILT.iterdir()))


@nox.session(python=PYTHONS, requires=["build"])
def package(session: nox.Session) -> None:
    """The wheel, then the source archive, in a new environment of each Python: the demo's network, its Jacobian and a check."""
    (wheel,), (archive,) = BUILT.glob("*.whl"), BUILT.glob("*.tar.gz")
    session.install(f"{wheel}[demo]")
    smoke(session)
    session.install("--force-reinstall", "--no-deps", str(archive))
    smoke(session)


@nox.session(python=PYTHONS[0], requires=["build"])
def oldest(session: nox.Session) -> None:
    """What needs no framework, with the oldest versions that pyproject.toml declares. Takes a folder of .ci/exchange.py."""
    constraints = Path(session.virtualenv.location) / "constraints.txt"
    with constraints.open("w") as file:
        session.run("python", str(CI / "oldest.py"), stdout=file)
    (archive,) = BUILT.glob("*.tar.gz")
    without_frameworks(session, archive, "--constraint", str(constraints))


@nox.session(python=PYTHONS[-1], requires=["build"])
def newest(session: nox.Session) -> None:
    """What needs no framework, with the newest versions of everything. Takes a folder of .ci/exchange.py."""
    (wheel,) = BUILT.glob("*.whl")
    without_frameworks(session, wheel)


def without_frameworks(session: nox.Session, built: Path, *options: str) -> None:
    """Install what was built, use it, read files that frameworks wrote elsewhere, and run the tests that need none."""
    session.install("--only-binary", ":all:", *options, f"{built}[demo,onnx,pandas,scipy]", *WITHOUT_FRAMEWORKS)
    session.run("python", "-m", "pip", "list")
    smoke(session)
    for folder in session.posargs:
        session.run("python", str(CI / "exchange.py"), "read", folder)
    # Releases of different years deprecate each other.
    session.run("python", "-m", "pytest", "-W", "ignore::DeprecationWarning", *(CI / "portable_tests").read_text().split())


def smoke(session: nox.Session) -> None:
    """Use the installation, from where the checkout is not found in its place."""
    with TemporaryDirectory() as folder, session.chdir(folder):
        session.run("python", str(CI / "smoke.py"))
        session.run("fastjac", "demo", silent=True)
