"""Which sweeps through networks a piece of code takes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from fastjac import Network

KINDS = ("__call__", "jacobian", "value_and_jacobian", "jvp", "vjp", "linearize")


@contextmanager
def counted_sweeps() -> Iterator[list[str]]:
    """A list to which the name of each method is added that runs a network on arrays."""
    calls: list[str] = []
    with ExitStack() as stack:
        for name in KINDS:
            stack.enter_context(patch.object(Network, name, _counted(name, getattr(Network, name), calls)))
        yield calls


def _counted(name: str, method: Any, calls: list[str]) -> Any:
    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        return method(*arguments, **options)

    return counted
