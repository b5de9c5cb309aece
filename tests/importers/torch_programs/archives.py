"""TorchScript archives written by hand, from the text of a program and a pickle of its module."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .. import torch_files

LINEAR = """class Net(Module):
  __parameters__ = ["weight", ]
  weight : Tensor
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    return torch.linear(x, self.weight)
"""


def module(**attributes: bytes) -> bytes:
    """The opcodes of a pickle for an object of the class Net, with attributes as opcodes."""
    return torch_files.PROTO + b"c__torch__\nNet\n)\x81" + torch_files.dictionary(**attributes) + b"b."


def write(
    path: Path, program: str = LINEAR, pickle: bytes | None = None, constants: bytes = b"\x80\x02).", **members: bytes
) -> None:
    """An archive with a program and, unless another pickle is given, a module that has one tensor (2, 3)."""
    with zipfile.ZipFile(path, "w") as archive:
        files: Mapping[str, bytes] = {
            "data.pkl": module(weight=torch_files.tensor()) if pickle is None else pickle,
            "constants.pkl": constants,
            "code/__torch__.py": program.encode(),
            "data/0": np.arange(6, dtype="<f4").tobytes(),
        }
        for name, content in files.items():
            archive.writestr(f"net/{name}", content)


def body(*lines: str) -> str:
    """The program of a module whose forward consists of these lines."""
    return LINEAR.replace("    return torch.linear(x, self.weight)\n", "".join(f"    {line}\n" for line in lines))
