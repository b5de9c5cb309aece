"""The long run; see CONTRIBUTING.md."""

from __future__ import annotations

import argparse
import faulthandler
import sys
import tempfile
from pathlib import Path

from . import modules, trial
from .originals import write_all


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.importers.fuzzing", description="Load files with random damage.")
    parser.add_argument("--files", type=int, default=200_000, help="how many (default: 200,000)")
    parser.add_argument("--modules", type=int, help="instead of files, import so many live torch modules, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the modules; another one draws others (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first, to go on from or to repeat one (default: 0)")
    parser.add_argument("--only", metavar="NAME", help="only files made of the original of this name")
    parser.add_argument("--folder", type=Path, help="where what is found is left (default: a new folder)")
    args = parser.parse_args()
    faulthandler.enable()
    folder = args.folder or Path(tempfile.mkdtemp(prefix="fastjac-fuzzing-"))
    folder.mkdir(parents=True, exist_ok=True)
    return _files(args, folder) if args.modules is None else _modules(args, folder)


def _files(args: argparse.Namespace, folder: Path) -> int:
    originals = [original for original in write_all() if args.only in (None, original.name)]
    finds = trial.run(originals, range(args.first, args.first + args.files), folder)
    for find in finds:
        print(f"{folder}/{find.number}-{find.original}: {find.outcome}")
    print(f"{args.files} files of {len(originals)} originals, {len(finds)} finds")
    return 1 if finds else 0


def _modules(args: argparse.Namespace, folder: Path) -> int:
    imported, differentiated = modules.run(args.seed, range(args.first, args.first + args.modules))
    for tally in (imported, differentiated):
        for path, (module, verdict) in zip(modules.leave(tally, folder), tally.finds, strict=True):
            print(f"{path}: {' | '.join(module.steps)} | {module.wrapper}: {verdict.fault}: {verdict.detail}")
    print(f"from_torch: {imported}\nfastjac.torch: {differentiated}")
    return 1 if imported.finds or differentiated.finds else 0


if __name__ == "__main__":
    sys.exit(main())
