"""torch's two containers around a pickle that a test writes by hand, as torch.save never would."""

import pickle
import struct
import zipfile

import numpy as np

PROTO = b"\x80\x02"
MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)


def text(value):
    """The opcodes that push a string."""
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value):
    """The opcodes that push an integer of any size."""
    encoded = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def numbers(values):
    """The opcodes that push a tuple of integers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def call(name, arguments):
    """The opcodes that call a function on a tuple, which other opcodes push."""
    module, _, function = name.rpartition(".")
    return b"c" + module.encode() + b"\n" + function.encode() + b"\n" + arguments + b"R"


def storage(key="0", kind="FloatStorage", count=6, tag="storage"):
    """The opcodes that refer to a storage."""
    return b"(" + text(tag) + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(stored=None, offset=0, size=(2, 3), stride=(3, 1), more=b""):
    """The opcodes that make a tensor; `more` pushes arguments behind those that every tensor has."""
    arguments = b"(" + (stored or storage()) + number(offset) + numbers(size) + numbers(stride) + b"\x89N" + more + b"t"
    return call("torch._utils._rebuild_tensor_v2", arguments)


def dictionary(**entries):
    """The opcodes that push a dict of what other opcodes push."""
    return b"}(" + b"".join(text(name) + value for name, value in entries.items()) + b"u"


def write_zip(path, opcodes, storages=None, **members):
    """A zip archive as torch writes it, with the pickle that `opcodes` are."""
    contents = {"data/0": np.arange(6, dtype="<f4").tobytes()} if storages is None else storages
    contents = {"data.pkl": PROTO + opcodes + b"."} | contents | members
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"archive/{name}", content)


def write_legacy(path, opcodes, keys=("0",), counts=(6,), system=(("little_endian", True),), version=1001):
    """The stream that torch wrote before 1.6."""
    pickles = [
        MAGIC,
        pickle.dumps(version, 2),
        pickle.dumps(dict(system), 2),
        PROTO + opcodes + b".",
        pickle.dumps(list(keys), 2),
    ]
    stored = b"".join(struct.pack("<q", count) + np.arange(count, dtype="<f4").tobytes() for count in counts)
    path.write_bytes(b"".join(pickles) + stored)
