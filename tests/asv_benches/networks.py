"""Test parameters for the suite's networks; one whose data are not here is skipped, and says why."""

import pytest

from asv_benches.common import NETWORKS


def with_data(name):
    missing = NETWORKS[name].missing
    return pytest.param(name, marks=pytest.mark.skipif(missing is not None, reason=f"{name} {missing}"))


AVAILABLE = [with_data(name) for name in NETWORKS]
