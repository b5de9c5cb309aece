"""Pictures without a screen, and none that stays open."""

import matplotlib
import pytest


@pytest.fixture(autouse=True)
def without_a_screen():
    matplotlib.use("Agg")
    yield
    matplotlib.pyplot.close("all")
