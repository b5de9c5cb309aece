"""Pictures of what fastjac computes, by matplotlib.

    import fastjac.plot

    fastjac.plot.saliency(net, x)               which pixels raise and lower an output
    fastjac.plot.jacobian(J)                    one Jacobian as a map
    fastjac.plot.sensitivity(result)            how much outputs depend on inputs, as fastjac.sensitivity gives it
    fastjac.plot.distributions(net, table)      the derivatives behind that statistic, a dot for each row
    fastjac.plot.singular_spectrum(net, x)      the singular values of Jacobians
    fastjac.plot.plan(net.plan())               what the steps of a plan cost
    fastjac.plot.graph(net)                     the network itself

    with fastjac.plot.picture(path) as ax:      axes that end in a file

Each draws on `ax`, an Axes of matplotlib, and returns it. Without one it draws on a new figure of pyplot's, which a notebook
shows, and which needs no screen. Positive is red and negative blue, and the colour-blind can distinguish all colours.
"""

# axes.py         new axes, files, and what several pictures share
# maps.py         saliency and jacobian
# statistics.py   sensitivity, and swarm.py: distributions
# spectrum.py     singular_spectrum
# steps.py        plan
# boxes.py        graph; layout.py says what stands where

from .axes import picture
from .boxes import graph
from .maps import jacobian, saliency
from .spectrum import singular_spectrum
from .statistics import sensitivity
from .steps import plan
from .swarm import distributions

__all__ = ["distributions", "graph", "jacobian", "picture", "plan", "saliency", "sensitivity", "singular_spectrum"]
