"""The word before kernels compile: given where nothing is cached, and only there."""

import numpy as np

import fastjac as fj
from fastjac import coldstart


def test_a_machine_without_compiled_kernels_is_told(monkeypatch, capsys, tmp_path):
    (tmp_path / "run.run_parallel-fastjac.py311.nbi").touch()
    for directory in (tmp_path, None):
        monkeypatch.setattr(coldstart, "cache_directory", lambda directory=directory: directory)
        coldstart.announce_compilation()
        captured = capsys.readouterr()
        assert captured.err == "fastjac: compiling kernels, once for this machine and dtype; about 15 s\n"
        assert captured.out == ""


def test_after_a_first_jacobian_there_is_nothing_to_tell(capsys):
    fj.Network([fj.Affine(np.eye(2))]).jacobian(np.ones(2))
    coldstart.announce_compilation()
    assert capsys.readouterr().err == ""
