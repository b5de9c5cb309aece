"""A number and a seed to the source text of a module, the same for ever."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template
from textwrap import indent

from .building import PRELUDE
from .grammar import (
    CHANGES,
    HOSTILE,
    HOSTILE_WRAPPERS,
    MEETINGS,
    READABLE,
    READABLE_WRAPPERS,
    RETURNS,
    Step,
)

STEPS: dict[str, Step] = READABLE | HOSTILE
WRAPPERS: dict[str, str] = READABLE_WRAPPERS | HOSTILE_WRAPPERS

LINEAR, NO_WRAPPER = "nn.Linear($n, $m)", "nothing"
FLAT, SEQUENTIAL, NESTED, PAIRED = "flat", "sequential", "nested", "of two inputs"


@dataclass(frozen=True)
class Drawn:
    """A module as it was drawn.

    name : of the file that it would stand in. steps : the names of its steps. wrapper : what was done to it in the end.
    form : how its steps are put together. sizes, dtype : of its inputs. source : the file that makes it.
    """

    name: str
    steps: tuple[str, ...]
    wrapper: str
    form: str
    sizes: tuple[int, ...]
    dtype: str
    source: str

    @property
    def n_in(self) -> int:
        """How many numbers it takes, in all inputs."""
        return sum(self.sizes)

    @property
    def input_shape(self) -> int | tuple[tuple[int, ...], ...]:
        """As from_torch takes it."""
        return tuple((size,) for size in self.sizes) if len(self.sizes) > 1 else self.sizes[0]

    @property
    def body(self) -> str:
        """What the source holds below the lines that all have."""
        return self.source[len(PRELUDE.format(dtype=self.dtype)) :]

    @property
    def is_readable(self) -> bool:
        """Whether fastjac must accept it."""
        return all(step in READABLE for step in self.steps) and self.wrapper in READABLE_WRAPPERS


def drawn(seed: int, number: int) -> Drawn:
    """The module of this number: in one of two cases all readable, else with one hostile step or wrapper, rarely more."""
    rng = random.Random(f"{seed} {number}")
    steps = [rng.choice(list(READABLE)) for _ in range(rng.choice((1, 2, 2, 3, 4)))]
    wrapper = rng.choice(list(READABLE_WRAPPERS)) if rng.random() < 0.4 else NO_WRAPPER
    kind = rng.random()
    if kind < 0.35:
        steps[rng.randrange(len(steps))] = rng.choice(list(HOSTILE))
    if kind < 0.05 or 0.35 < kind < 0.5:
        wrapper = rng.choice(list(HOSTILE_WRAPPERS))
    form = rng.choice((FLAT, SEQUENTIAL, NESTED) if wrapper != NO_WRAPPER else (FLAT, SEQUENTIAL, NESTED, PAIRED))
    dtype = rng.choice(("float64", "float64", "float64", "float32"))
    return put_together(f"<module {seed}:{number}>", steps, wrapper, form, dtype, rng)


def trained(seed: int, number: int) -> tuple[Drawn, str]:
    """A module that has parameters for certain, and what is changed between two calls of it."""
    rng = random.Random(f"training {seed} {number}")
    names = list(READABLE) if rng.random() < 0.8 else list(HOSTILE)
    steps = [LINEAR, *(rng.choice(list(READABLE)) for _ in range(rng.choice((0, 1, 2)))), rng.choice(names), LINEAR]
    wrapper = rng.choice(list(READABLE_WRAPPERS)) if rng.random() < 0.3 else NO_WRAPPER
    form, dtype = rng.choice((FLAT, SEQUENTIAL, NESTED)), rng.choice(("float64", "float32"))
    return put_together(f"<trained module {seed}:{number}>", steps, wrapper, form, dtype, rng), rng.choice(list(CHANGES))


def put_together(
    name: str,
    steps: Sequence[str],
    wrapper: str = NO_WRAPPER,
    form: str = FLAT,
    dtype: str = "float64",
    rng: random.Random | None = None,
) -> Drawn:
    """The module of these steps; widths are drawn from `rng`."""
    rng = rng or random.Random(0)
    widths, filled = [rng.choice((1, 2, 3, 4))], []
    for number, step in enumerate(STEPS[name] for name in steps):
        width = rng.choice((1, 2, 3, 4)) if step.widens else widths[-1]
        filled.append(step.filled(number, widths[-1], width))
        widths.append(width)
    tops = "\n\n".join(step.top for step in filled if step.top)
    sizes: tuple[int, ...] = (widths[0],)
    if form == PAIRED:
        sizes = (widths[0], rng.choice((1, 2, 3)))
        meeting = MEETINGS[rng.choice(list(MEETINGS))].filled(len(steps), *sizes)
        classes = f"{_class('Drawn', [meeting, *filled], 'x, u', rng.choice(RETURNS))}\n\nmake = Drawn\n"
    else:
        classes = {FLAT: _flat, SEQUENTIAL: _sequential, NESTED: _nested}[form](filled)
    around = Template(WRAPPERS[wrapper]).substitute(n=widths[0], m=widths[-1])
    source = (
        f"{PRELUDE.format(dtype=dtype)}{tops}\n\n{classes}\n\ndef build():\n{indent(_build(rng.randrange(1000), around), '    ')}"
    )
    return Drawn(name, tuple(steps), wrapper, form, sizes, dtype, source)


def _build(seed: int, around: str) -> str:
    return f"torch.manual_seed({seed})\nmodule = make().to(DTYPE).eval()\n{around}\nreturn module\n"


def _flat(steps: Sequence[Step]) -> str:
    return f"{_class('Drawn', steps)}\n\nmake = Drawn\n"


def _sequential(steps: Sequence[Step]) -> str:
    """Each step in a class of its own, one after the other in a Sequential."""
    classes = "\n\n".join(_class(f"Drawn{number}", [step]) for number, step in enumerate(steps))
    calls = ", ".join(f"Drawn{number}()" for number in range(len(steps)))
    return f"{classes}\n\n\ndef make():\n    return nn.Sequential({calls})\n"


def _nested(steps: Sequence[Step]) -> str:
    """All but the first step in an inner module."""
    inner = Step("x = self.inner(x)", "self.inner = Inner()")
    return f"{_class('Inner', steps[1:])}\n\n{_class('Drawn', [steps[0], inner])}\n\nmake = Drawn\n"


def _class(name: str, steps: Sequence[Step], inputs: str = "x", returned: str = "x") -> str:
    init = "\n".join(["super().__init__()", *(step.init for step in steps)])
    forward = "\n".join([*(step.forward for step in steps), f"return {returned}"])
    return (
        f"class {name}(nn.Module):\n    def __init__(self):\n{indent(init, ' ' * 8)}\n\n"
        f"    def forward(self, {inputs}):\n{indent(forward, ' ' * 8)}\n"
    )
