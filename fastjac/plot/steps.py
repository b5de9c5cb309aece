"""What the steps of a plan cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError
from ..planning.steps import Plan
from .axes import COLOURS, GREY, axes_for, bare

MOST_NAMED = 40
"""Most steps for which each is named."""


def plan(plan: Plan, *, ax: Any = None) -> Any:
    """Draw the multiply-adds of each step of a plan, as `net.plan()` gives it, in the order in which they are done.

    Returns the Axes.

    >>> import fastjac.plot
    >>> net = fj.Network([fj.Affine([[1.0, -2.0, 3.0, 0.5]]), fj.Tanh()])
    >>> fastjac.plot.plan(net.plan()).get_xlabel()
    'multiply-adds for one input'
    """
    if not isinstance(plan, Plan):
        raise DtypeError(f"plan must be a Plan, as net.plan() gives it, got {type(plan).__name__}")
    ax = axes_for(ax, (8.0, 1.4 + 0.3 * min(MOST_NAMED, len(plan.steps))))
    costs = [step.multiply_adds for step in plan.steps]
    places = np.arange(1, len(costs) + 1)
    bars = ax.barh(places, costs, color=COLOURS[0], alpha=0.75)
    if len(costs) <= MOST_NAMED:
        ax.set_yticks(places, [plan.product(step) for step in plan.steps])
        ax.bar_label(bars, [f"{cost:,.0f}" for cost in costs], padding=3, color=GREY, fontsize="small")
        ax.margins(x=0.12)
    else:
        ax.set_ylabel("step")
    if not costs:
        ax.text(0.5, 0.5, "one affine layer or none: nothing to contract", ha="center", transform=ax.transAxes, color=GREY)
    ax.invert_yaxis()
    ax.set(xlabel="multiply-adds for one input", xlim=(0, None))
    ax.set_title(f"Plan: {plan.order}, {plan.multiply_adds:,.0f} multiply-adds for one input")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    bare(ax)
    return ax
