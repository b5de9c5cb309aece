"""One module after another is drawn, imported and judged."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from .building import CannotBuildError
from .drawing import Drawn, drawn, trained
from .judge import ACCEPTED, Verdict, judge
from .training import judge_training

HANG_SECONDS = 100.0
TRAINED = 10
"""One in so many numbers stands for a second module, which fastjac.torch differentiates."""

ENDING = """

if __name__ == "__main__":
    import fastjac

    # {fault}: {detail}
    print(fastjac.from_torch(build(), {input_shape}))
"""
"""What stands below a module that is left in a file."""


@dataclass
class Tally:
    """What became of many modules.

    tried : those that torch makes. readable : those that fastjac should accept. finds : those that it fails.
    """

    tried: int = 0
    accepted: int = 0
    readable: int = 0
    readable_accepted: int = 0
    finds: list[tuple[Drawn, Verdict]] = field(default_factory=list)

    def add(self, module: Drawn, verdict: Verdict) -> None:
        """Count one more."""
        is_accepted = verdict.end == ACCEPTED
        self.tried += 1
        self.accepted += is_accepted
        self.readable += module.is_readable
        self.readable_accepted += module.is_readable and is_accepted
        if verdict.fault:
            self.finds.append((module, verdict))

    def __str__(self) -> str:
        return (
            f"{self.tried} modules, {self.accepted} accepted, {self.readable_accepted} of {self.readable} readable ones, "
            f"{len(self.finds)} finds"
        )


def run(seed: int, numbers: Iterable[int]) -> tuple[Tally, Tally]:
    """Judge the modules of these numbers with from_torch, and some more with fastjac.torch.

    The process ends with a traceback where one hangs.
    """
    torch.set_num_threads(1)
    imported, differentiated = Tally(), Tally()
    for number in numbers:
        for tally, module, verdict in _verdicts(seed, number, imported, differentiated):
            tally.add(module, verdict)
    return imported, differentiated


def _verdicts(seed: int, number: int, imported: Tally, differentiated: Tally) -> Iterator[tuple[Tally, Drawn, Verdict]]:
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
    try:
        module = drawn(seed, number)
        yield imported, module, judge(module)
        if number % TRAINED == 0:
            module, change = trained(seed, number)
            yield differentiated, module, judge_training(module, change)
    except CannotBuildError:
        pass
    finally:
        faulthandler.cancel_dump_traceback_later()


def leave(tally: Tally, folder: Path) -> list[Path]:
    """Write each find to a file that runs."""
    paths = []
    for module, verdict in tally.finds:
        path = folder / f"{module.name.strip('<>').replace(' ', '-').replace(':', '-')}.py"
        ending = ENDING.format(fault=verdict.fault, detail=" ".join(verdict.detail.split()), input_shape=module.input_shape)
        path.write_text(module.source + ending)
        paths.append(path)
    return paths
