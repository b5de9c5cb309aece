"""Keras in float64, on the torch backend, whose derivatives torch.func gives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

KERAS_OWN_WARNING = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keras itself warns when it saves from its torch backend."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(KERAS_OWN_WARNING))


@pytest.fixture
def keras_float64() -> Iterator[None]:
    """Keras computes in float64."""
    from .keras_models import float64

    with float64():
        yield
