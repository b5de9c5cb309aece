"""One module after another is drawn, imported and judged."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from .building import CannotBuildError
from .drawing import Drawn, drawn
from .judge import ACCEPTED, Verdict, judge

HANG_SECONDS = 60.0

ENDING = """

if __name__ == "__main__":
    import fastjac

    # {fault}: {detail}
    print(fastjac.from_torch(build(), {n_in}))
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


def run(seed: int, numbers: Iterable[int]) -> Tally:
    """Judge the modules of these numbers; the process ends with a traceback where one hangs."""
    torch.set_num_threads(1)
    tally = Tally()
    for number in numbers:
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        module = drawn(seed, number)
        try:
            tally.add(module, judge(module))
        except CannotBuildError:
            continue
        finally:
            faulthandler.cancel_dump_traceback_later()
    return tally


def leave(tally: Tally, folder: Path) -> list[Path]:
    """Write each find to a file that runs."""
    paths = []
    for module, verdict in tally.finds:
        path = folder / f"{module.name.strip('<>').replace(' ', '-').replace(':', '-')}.py"
        path.write_text(
            module.source + ENDING.format(fault=verdict.fault, detail=" ".join(verdict.detail.split()), n_in=module.n_in)
        )
        paths.append(path)
    return paths
