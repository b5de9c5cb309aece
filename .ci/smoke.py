"""What an installation must do, wherever this is run: load the demo's network, compute its Jacobian, check it, write a file.

python .ci/smoke.py
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import fastjac as fj


def main() -> None:
    """Raises AssertionError where something is wrong."""
    package = Path(fj.__file__).parent
    assert package.is_relative_to(sys.prefix), f"{package} is not the installation in {sys.prefix}"
    x = np.load(package / "demo" / "digits.npy")
    net = fj.load(package / "demo" / "digits.keras")
    y, jacobian = net.value_and_jacobian(x)
    assert jacobian.shape == (*y.shape, x.shape[-1])
    report = fj.check_jacobian(net, x[:5])
    assert report.passed, report
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.safetensors"
        net.save(path)
        np.testing.assert_array_equal(fj.load(path).jacobian(x), jacobian)
    print(f"fastjac {fj.__version__}, NumPy {np.__version__}, Python {sys.version.split()[0]}: {report}")


if __name__ == "__main__":
    main()
