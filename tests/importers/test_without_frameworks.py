"""Every file is read where no framework can be imported and nothing can be unpickled."""

import gzip
import json
import subprocess
import sys

import numpy as np
import pytest

import fastjac
from fastjac.importers.reading.packed import SIGNATURE

from .fuzzing.originals import Original, write_all

SCRIPT = """
import json, pickle, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras", "tf_keras", "tensorflow", "torch", "jax", "sklearn", "joblib", "onnxruntime"):
            raise AssertionError(f"{name} is imported")

def refuse(*args, **kwargs):
    raise AssertionError("something is unpickled")

sys.meta_path.insert(0, Blocked())
import fastjac
import numpy as np
pickle.Unpickler = pickle._Unpickler = pickle.load = pickle.loads = refuse
networks = {path: fastjac.load(path, **options) for path, options in json.loads(sys.argv[1]).items()}
print(json.dumps({path: str(net) for path, net in networks.items()}))
"""


@pytest.fixture(scope="module")
def originals() -> list[Original]:
    return write_all()


def test_files_are_read_without_any_framework_or_pickle(tmp_path, originals):
    expected, options = {}, {}
    for original in originals:
        path = tmp_path / original.name
        path.write_bytes(original.content)
        options[str(path)] = original.options
        expected[str(path)] = str(fastjac.load(path, **original.options))
    done = subprocess.run([sys.executable, "-c", SCRIPT, json.dumps(options)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


def test_the_originals_are_of_every_format(tmp_path, originals):
    kinds = set()
    for original in originals:
        path = tmp_path / original.name
        path.write_bytes(original.content)
        kinds.add(fastjac.importers.read(path, fastjac.importers.Options(**original.options))[0])
    assert kinds == {known.name for known in fastjac.importers.FORMATS}


def test_weights_that_several_files_hold_give_one_network(tmp_path, originals):
    jacobians = []
    for original in originals:
        if "layers" in original.options:
            path = tmp_path / original.name
            path.write_bytes(original.content)
            jacobians.append(fastjac.load(path, **original.options).astype(np.float32).jacobian(np.ones(4)))
    assert len(jacobians) == 8
    for other in jacobians[1:]:
        np.testing.assert_array_equal(other, jacobians[0])


def test_files_packed_by_gzip_are_read_as_if_they_were_not(tmp_path, originals):
    for original in (original for original in originals if not original.content.startswith(SIGNATURE)):
        path = tmp_path / original.name
        path.write_bytes(original.content)
        expected = fastjac.load(path, **original.options)
        path.write_bytes(gzip.compress(original.content))
        found = fastjac.load(path, **original.options)
        x = tuple(np.ones(size, found.dtype) for size in found.inputs)
        jacobians = [net.jacobian(x if len(x) > 1 else x[0]) for net in (found, expected)]
        np.testing.assert_equal(*jacobians, err_msg=original.name)


def test_a_blocked_import_would_be_noticed(tmp_path):
    script = SCRIPT.replace("networks =", "import torch\nnetworks =")
    done = subprocess.run([sys.executable, "-c", script, "{}"], capture_output=True, text=True, check=False)
    assert "torch is imported" in done.stderr
