"""What every test shares: quiet, repeatable libraries around fastjac."""

import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import Iterator

import hypothesis
import pytest
import threadpoolctl

os.environ.setdefault("KERAS_BACKEND", "torch")
# The references run on one core, so that they do not fight with fastjac's own threads, nor wait for a core that is busy.
with contextlib.suppress(ImportError):  # .ci/run has environments without torch, for tests that do without
    import torch

    torch.set_num_threads(1)
threadpoolctl.threadpool_limits(1, "blas")
# Examples follow from the test alone, so that a run on one machine is a run on all; compiling takes longer than any deadline.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")
# Compilers and frameworks fill memory with objects that stay; to walk through them again and again takes a tenth of the time.
gc.set_threshold(50_000)

WHOLE_SUITE = 1000
"""Tests, of which a run of so many has use for every kernel."""
GRADIENT_KERNELS = """
import numpy as np
from fastjac import Affine, Network
for dtype in (np.float32, np.float64):
    Network([Affine(np.eye(2, dtype=dtype))]).jacobian_vjp(np.ones(2))
"""
"""These take the longest to compile, and the first tests have no use for them."""


@pytest.fixture(scope="session", autouse=True)
def _kernels_compile_on_the_other_core(request: pytest.FixtureRequest) -> Iterator[None]:
    """Two compile beside the first tests of a whole suite, which then finds them on disk: most of a minute less."""
    if len(request.session.items) < WHOLE_SUITE or (os.cpu_count() or 1) < 2:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", GRADIENT_KERNELS], stderr=subprocess.DEVNULL) as compiling:
        yield
        compiling.kill()
