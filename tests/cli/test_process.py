"""The command line as a process of its own: signals, pipes and exit codes."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import fastjac as fj
from fastjac.streaming.blockwise import BLOCK_BYTES


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.safetensors"
    fj.Network([fj.Affine(np.eye(3)), fj.Tanh()]).save(path)
    return str(path)


def _as_process(*argv, **options):
    return subprocess.Popen([sys.executable, "-m", "fastjac", *argv], stderr=subprocess.PIPE, text=True, **options)


def _interruptible(*argv, **options):
    """A process that takes SIGINT even where that is ignored around it, as in a shell's background jobs."""
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from fastjac.cli import main; sys.exit(main())"
    return subprocess.Popen([sys.executable, "-c", code, *argv], stderr=subprocess.PIPE, text=True, **options)


def test_python_m_fastjac(model):
    with _as_process("info", model, stdout=subprocess.PIPE) as process:
        out, err = process.communicate()
    assert process.returncode == 0
    assert "\nNetwork, float64\n" in out
    assert err == ""


def test_ctrl_c_in_a_long_job_leaves_nothing_behind(tmp_path):
    net = fj.Network([fj.Affine(np.zeros((400, 64))), fj.Tanh(), fj.Affine(np.zeros((64, 400)))])
    net.save(tmp_path / "net.safetensors")
    n = 50 * BLOCK_BYTES // (64 * 64 * 8)
    np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float64, (n, 64))  # zeros, which take no room on the disk
    before = sorted(tmp_path.iterdir())
    with _interruptible("jacobian", "net.safetensors", "x.npy", "-o", "jac.npy", cwd=tmp_path) as process:
        while not any(path.stat().st_size > BLOCK_BYTES // 4 for path in tmp_path.glob(".fastjac-*")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert err.endswith("fastjac: interrupted\n")
    assert sorted(tmp_path.iterdir()) == before


def test_a_reader_that_leaves_is_no_error(model):
    read, write = os.pipe()
    os.close(read)
    with _as_process("info", model, stdout=write) as process:
        os.close(write)
        err = process.communicate()[1]
    assert (process.returncode, err) == (0, "")
