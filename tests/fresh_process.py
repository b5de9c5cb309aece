"""Python in a process of its own, for what a process does only once, what may kill it, and what its surroundings decide."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment_with(changes):
    """This process's environment, in which `import fastjac` finds this checkout, with some variables set or (None) removed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | changes
    return {name: value for name, value in environment.items() if value is not None}


def run_python(*arguments, timeout=120, **environment):
    """Run `python *arguments` to its end, which must be a good one. What it wrote is in the attributes stdout and stderr."""
    command = [sys.executable, *map(str, arguments)]
    finished = subprocess.run(command, env=environment_with(environment), capture_output=True, text=True, timeout=timeout)
    assert finished.returncode == 0, f"exit code {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
    return finished


def run_script(script, timeout=120, **environment):
    """Run the text of an indented script as `run_python` does; it imports nothing from the current directory."""
    return run_python("-P", "-c", textwrap.dedent(script), timeout=timeout, **environment)
