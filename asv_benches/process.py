"""Run code in a Python process of its own, for what can be measured only there: a start, a peak of memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import fastjac


def run_fresh(code: str, *arguments: object, environment: Mapping[str, str] | None = None) -> list[float]:
    """The numbers that `code` prints, run with these arguments and with the fastjac of this process.

    environment : variables to set beside those of this process.
    """
    # The path is given, so that neither the working directory nor another installation decides which fastjac is measured.
    paths = [str(Path(fastjac.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(environment or {})}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=variables).stdout
    return [float(number) for number in printed.split()]
