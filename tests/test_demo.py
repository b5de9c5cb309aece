"""The demo's measurement and picture; `test_cli` runs it as a whole."""

import time

import numpy as np
from matplotlib.figure import Figure

from fastjac import demo
from fastjac.demo.picture import draw


def test_the_time_is_that_of_a_usual_call(monkeypatch):
    """Where kernels compile, the first two calls may take longer than the whole measurement."""
    monkeypatch.setattr(demo, "MEASURED_SECONDS", 0.1)
    calls = []

    def slow_at_first():
        time.sleep(0.002 if len(calls) > 1 else 0.15)
        calls.append(1)

    assert 0.002 <= demo._median_seconds(slow_at_first) < 0.05
    assert len(calls) > 10


def test_every_map_has_its_own_scale_and_none_is_blank(monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **kwargs: figures.append(figure))
    rng = np.random.default_rng(0)
    # The probabilities of one class hardly depend on the pixels.
    jacobians = rng.standard_normal((10, 10, 64)) * np.where(np.arange(10) == 4, 1e-6, 1.0)[:, None]
    draw("unused.png", rng.random((10, 64)), np.arange(10), np.eye(10), jacobians)
    maps = [axis.images[0] for axis in figures[0].axes[10:]]
    assert len(maps) == 10
    for k, image in enumerate(maps):
        largest = np.abs(jacobians[k, k]).max()
        assert image.get_clim() == (-largest, largest)
