"""What a fresh process pays before its first Jacobian, its kernels already in the disk cache."""

from __future__ import annotations

from .common import NETWORKS


class Startup:
    """Each sample is a process of its own; the start of the interpreter and of NumPy is not counted."""

    timeout = 300.0

    def setup(self) -> None:
        # Compiles the kernels into the disk cache where they are not there yet.
        NETWORKS["seed"].network("float64").jacobian(NETWORKS["seed"].inputs(1, "float64"))

    def timeraw_import(self) -> tuple[str, str]:
        return "import fastjac", "import numpy"

    def timeraw_first_jacobian(self) -> tuple[str, str]:
        statement = """
            import fastjac as fj
            net = fj.Network([fj.Affine(w1), fj.ReLU(), fj.Affine(w2), fj.Softmax()])
            net.jacobian(x)
        """
        setup = """
            import numpy as np
            random = np.random.default_rng(0)
            w1, w2, x = random.normal(size=(100, 500)), random.normal(size=(10, 100)), random.normal(size=500)
        """
        return statement, setup
