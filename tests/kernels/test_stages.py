"""Which kernels a request of the gradient kernel asks for."""

import numpy as np
import pytest

from fastjac.kernels import gradient_tables
from fastjac.kernels.gradient_tables import REQUEST
from fastjac.kernels.stages import STAGES, kernels_for

FORWARD = {"evaluate", "differentiate", "move"}
BACK = {"go_back_through_rows", "second_order", "go_back_through_values"}
ASKED = {
    "x y": {"evaluate"},
    "x y jacobian": FORWARD | {"write_jacobians"},
    "x y direction y_tangent": {"evaluate", "push_direction", "move"},
    "x y y_gradient sums": {"evaluate", "go_back_through_values", "move"},
    "x y_gradient jacobian_gradient x_gradient sums": FORWARD | BACK,
    "x parameter_jacobian": FORWARD | {"write_parameter_jacobian"},
    "x features": FORWARD | {"write_features"},
    "x features right_features tangent_kernel": {"write_tangent_kernel"},
    "parameters sources": {"whole"},
    "sums parameter_gradient": {"whole"},
}


@pytest.mark.parametrize("asked", ASKED)
def test_a_request_gets_the_kernels_of_what_it_asks_for(asked):
    kernels = kernels_for(frozenset(asked.split()), np.dtype(np.float64))
    assert kernels.keys() == ASKED[asked]
    assert all(kernels.values())
    assert kernels.keys() <= set(REQUEST.names)


def test_values_that_meet_others_need_a_kernel_more():
    """Where derivatives move; values are made by other kernels."""
    for asked, more in (("x y", set()), ("x y jacobian", {"join"}), ("x y y_gradient sums", {"join"})):
        chain, graph = (kernels_for(frozenset(asked.split()), np.dtype(np.float64), has_joins) for has_joins in (False, True))
        assert graph.keys() - chain.keys() == more


def test_every_stage_has_a_kernel_of_its_name():
    assert [*STAGES, "write_tangent_kernel"] == list(gradient_tables.STAGES)
    assert [kernel.py_func.__name__ for kernel, _ in STAGES.values()] == list(STAGES)


def test_the_stages_of_a_request_lie_side_by_side():
    places = [REQUEST.fields[name][1] for name in gradient_tables.STAGES]
    assert np.diff(places).tolist() == [8] * (len(places) - 1)
