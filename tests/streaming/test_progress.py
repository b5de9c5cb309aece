"""Progress of long calls: a bar, a function, and the note on what ends them early."""

import re
import sys
import time

import pytest

from fastjac.errors import DtypeError, MissingDependencyError
from fastjac.streaming.progress import Report, can_draw


def test_a_function_is_called_and_an_error_is_noted():
    reported = []

    def interrupted():
        with Report(lambda *state: reported.append(state), 3000, "Jacobians") as report:
            report(1000)
            report(2500)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted()
    assert reported == [(1000, 3000), (2500, 3000)]
    assert caught.value.__notes__ == ["Jacobians: the first 2,500 of 3,000 samples are done, and whole"]


def test_a_bar_on_stderr_goes_at_the_end(capsys):
    with Report(True, 4, "Jacobians") as report:
        report(1)
        time.sleep(0.12)  # it is drawn ten times a second at most
        report(4)
        drawn = capsys.readouterr()
    assert re.search(r"Jacobians: 100%.* 4/4", drawn.err)
    assert drawn.out == ""
    assert capsys.readouterr().err.strip() == ""


def test_without_progress_nothing_is_drawn(capsys):
    with Report(False, None, "Jacobians") as report:
        report(3)
    assert report.done == 3
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("progress", [None, 1, "yes", [print]])
def test_progress_of_a_wrong_kind(progress):
    with pytest.raises(DtypeError, match=r"progress must be True, False or a function of \(done, total\), got"):
        Report(progress, 3, "Jacobians")


def test_a_bar_needs_tqdm_and_the_command_a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert can_draw()
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert not can_draw()
    with pytest.raises(MissingDependencyError, match=r"tqdm is needed to draw a progress bar.*'\.\[cli\]'"):
        Report(True, 3, "Jacobians")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert not can_draw()
