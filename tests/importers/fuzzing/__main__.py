"""The long run; see CONTRIBUTING.md."""

from __future__ import annotations

import argparse
import faulthandler
import sys
import tempfile
from pathlib import Path

from .originals import write_all
from .trial import run


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.importers.fuzzing", description="Load files with random damage.")
    parser.add_argument("--files", type=int, default=200_000, help="how many (default: 200,000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first, to go on from or to repeat one (default: 0)")
    parser.add_argument("--only", metavar="NAME", help="only files made of the original of this name")
    parser.add_argument("--folder", type=Path, help="where what is found is left (default: a new folder)")
    args = parser.parse_args()
    faulthandler.enable()
    folder = args.folder or Path(tempfile.mkdtemp(prefix="fastjac-fuzzing-"))
    originals = [original for original in write_all() if args.only in (None, original.name)]
    finds = run(originals, range(args.first, args.first + args.files), folder)
    for find in finds:
        print(f"{folder}/{find.number}-{find.original}: {find.outcome}")
    print(f"{args.files} files of {len(originals)} originals, {len(finds)} finds")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
