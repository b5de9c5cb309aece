"""Live torch modules, drawn at random: each is computed rightly or refused with an error of fastjac's own.

    python -m tests.importers.fuzzing --modules 20000 --seed 1

names what does otherwise, each left in a file that runs. The way of a module:

    grammar/       what it may be made of, as text: steps of a forward, readable and hostile, and what is done to a whole module
    drawing.py     number and seed to the source text of a module
    building.py    source text to a module
    reference.py   what the module itself gives: values, Jacobians, and where those jump
    traces.py      what an import must leave as it was
    judge.py       from_torch: equal to the module's own output, or an error of fastjac's own
    training.py    fastjac.torch: values, Jacobians and gradients, also after the module was changed
    trial.py       many of them
"""

from .trial import leave, run

__all__ = ["leave", "run"]
