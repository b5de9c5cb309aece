"""More than a thousand damaged files; `python -m tests.importers.fuzzing` tries as many as you like."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from .fuzzing import trial
from .fuzzing.mutation import damage_json
from .fuzzing.originals import Original

FILES = 1500
ROOT = Path(__file__).parents[2]


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_damaged_file_ends_in_a_network_or_in_an_error_of_fastjacs_own(tmp_path):
    # In a process of its own, whose memory is limited and which a crash would end.
    done = python("-m", "tests.importers.fuzzing", "--files", str(FILES), "--folder", str(tmp_path))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\nleft: {sorted(map(str, tmp_path.iterdir()))[:5]}"
    assert f"{FILES} files of " in done.stdout


def test_damage_is_the_same_for_ever_and_is_damage():
    original = Original("a.bin", bytes(range(200)))
    files = [trial.damaged(original, number) for number in range(200)]
    assert files == [trial.damaged(original, number) for number in range(200)]
    assert len(set(files)) > 150
    text = b'{"a": [1, {"b": 2}], "c": "d"}'
    changed = [json.loads(damage_json(text, random.Random(number))) for number in range(50)]
    assert sum(value != json.loads(text) for value in changed) > 30


SCRIPT = """
import sys
from pathlib import Path
import fastjac
from tests.importers.fuzzing import trial
from tests.importers.fuzzing.originals import Original

def load(path):
    if not Path(path).name.startswith("whole"):
        {body}

fastjac.load = load
trial.CPU_SECONDS, trial.HANG_SECONDS = 0.1, 1.0
print([find.outcome for find in trial.run([Original("a", b"abcd")], range(2), Path(sys.argv[1]))])
"""


@pytest.mark.parametrize(
    ("body", "printed"),
    [
        ("return", "[]"),
        ("raise fastjac.FastjacError('damaged')", "[]"),
        ("raise fastjac.FastjacError()", "['an error without a message', 'an error without a message']"),
        ("[0] * 10**8", "['MemoryError()', 'MemoryError()']"),
        ("while True: pass", "['took more than 0.1 s', 'took more than 0.1 s']"),
        ("1 // 0", "ZeroDivisionError"),
        ("sys.exit(3)", "SystemExit(3)"),
    ],
)
def test_a_trial_notices_what_breaks_the_rule(tmp_path, body, printed):
    done = python("-c", SCRIPT.format(body=body), str(tmp_path))
    assert printed in done.stdout, done.stderr
    left = [path for path in tmp_path.iterdir() if not path.name.startswith("whole")]
    assert len(left) == (0 if printed == "[]" else 2)


def test_compiled_code_that_hangs_ends_the_process_and_leaves_the_file(tmp_path):
    done = python("-c", SCRIPT.format(body="sum(range(10**12))"), str(tmp_path))
    assert done.returncode != 0
    assert "Timeout" in done.stderr
    assert (tmp_path / "0-a").exists()
