"""Files of every format, written where the frameworks are and read where they are not, by other versions of everything.

python .ci/exchange.py write FOLDER      with the frameworks: the files, and what their networks compute
python .ci/exchange.py read FOLDER       with fastjac and its extras alone: that they compute the same here
"""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
import fastjac

TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


def write(folder: Path) -> None:
    """Write each file, the options with which it loads, and values and Jacobians at a few inputs."""
    from tests.importers.fuzzing.originals import write_all

    folder.mkdir()
    for original in write_all():
        path = folder / original.name
        path.write_bytes(original.content)
        net = fastjac.load(path, **original.options)
        x = np.random.default_rng(0).standard_normal((3, net.n_in))
        y, jacobians = computed(net, x)
        Path(f"{path}.expected").write_text(json.dumps([original.options, x.tolist(), y.tolist(), jacobians.tolist()]))


def computed(net: fastjac.Network, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, n_out) and Jacobians (n, n_out, n_in) at x (n, n_in), all inputs, or outputs, one after another."""
    inputs = tuple(np.split(x, np.cumsum(net.inputs)[:-1], axis=-1))
    y, jacobians = net.value_and_jacobian(inputs if len(inputs) > 1 else x, wrt=slice(None), of=slice(None))
    return np.concatenate(y, axis=-1) if len(net.outputs) > 1 else y, jacobians


def read(folder: Path) -> None:
    """Load each file, and compare. AssertionError where one computes something else."""
    expectations = sorted(folder.glob("*.expected"))
    assert expectations, f"there are no files in {folder}"
    for expectation in expectations:
        options, x, y, jacobians = json.loads(expectation.read_text())
        net = fastjac.load(expectation.with_suffix(""), **options)
        for found, expected in zip(computed(net, np.array(x)), (y, jacobians), strict=True):
            np.testing.assert_allclose(found, expected, TOLERANCE[net.dtype], TOLERANCE[net.dtype], err_msg=expectation.stem)
    print(f"{len(expectations)} files compute what they computed where they were written")


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
