"""What every test shares: quiet, repeatable libraries around fastjac."""

import contextlib
import gc
import os
import zlib

import hypothesis
import numpy as np
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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Function) -> None:
    """Let the test draw the same numbers whatever tests ran before it in its process: a module's generator starts anew."""
    for generator in vars(item.module).values():
        if isinstance(generator, np.random.Generator):
            generator.bit_generator.state = np.random.default_rng(zlib.crc32(item.nodeid.encode())).bit_generator.state
