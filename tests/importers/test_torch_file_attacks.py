"""Hostile torch files: each is refused by name, at once, and nothing that it names is run or read."""

import io
import os
import pickle
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch

import fastjac
from fastjac.errors import FastjacError, FormatError
from fastjac.importers.reading import opcodes

from .torch_files import (
    MAGIC,
    PROTO,
    call,
    dictionary,
    number,
    numbers,
    storage,
    tensor,
    text,
    write_legacy,
    write_zip,
)

WRITERS = {"zip": write_zip, "legacy": write_legacy}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pth"


def refuse(path, message):
    """Loading ends in an error with this message, at once."""
    start = time.process_time()
    with pytest.raises(FormatError, match=message) as caught:
        fastjac.load(path, ["identity"])
    assert str(caught.value).startswith(str(path))
    assert time.process_time() - start < 10.0  # the longest takes half a second


class Payload:
    """What the textbook attack is: an object that the pickle makes by running a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("place", ["in the state dict", "beside it", "around it"])
def test_a_command_is_not_run(place, legacy, path, tmp_path):
    payload, state = Payload(tmp_path / "pwned"), {"weight": torch.ones(2, 2)}
    value = {"in the state dict": state | {"bias": payload}, "beside it": {"model": state, "x": payload}, "around it": payload}[
        place
    ]
    torch.save(value, path, _use_new_zipfile_serialization=not legacy)
    refuse(path, r"the pickle asks for (posix|nt).system, which can run code and which no weights need; fastjac runs no pickle")
    assert not (tmp_path / "pwned").exists()


RUNS_CODE = ("os.popen", "subprocess.Popen", "builtins.eval", "__builtin__.exec", "runpy.run_path", "importlib.import_module")


@pytest.mark.parametrize("name", RUNS_CODE)
def test_what_runs_code_is_refused_even_beside_the_weights(name, path):
    write_zip(path, dictionary(weight=tensor(), x=call(name, b"(" + text("1") + b"t")))
    refuse(path, f"the pickle asks for {name.replace('__builtin__', 'builtins')}, which can run code")


def test_a_name_put_together_on_the_stack_is_refused(path):
    write_zip(path, dictionary(weight=tensor(), x=text("os") + text("system") + b"\x93"))
    refuse(path, "the pickle asks for os.system")
    write_zip(path, dictionary(weight=tensor(), x=number(1) + text("system") + b"\x93"))
    refuse(path, "names a class by something else than text")
    write_zip(path, dictionary(weight=tensor(), x=text("a" * 600) + text("b" * 600) + b"\x93"))
    refuse(path, "names a class by something else than text of up to 1000 letters")


def test_a_function_that_another_call_gives_is_not_called(path):
    chained = call("torch.hub.load", b")") + b")R"
    write_zip(path, dictionary(weight=chained, a=tensor()))
    refuse(path, "entry 'weight': the pickle asks for a computed function; fastjac runs no pickle, and a state dict needs")


@pytest.mark.parametrize("place", ["state", "beside"])
def test_other_objects_are_never_made(place, path):
    made = call("test_torch_file_attacks.Anything", b")") + text("state") + b"b"
    if place == "state":
        write_zip(path, dictionary(weight=tensor(), x=made))
        refuse(path, "entry 'x': the pickle asks for test_torch_file_attacks.Anything; fastjac runs no pickle")
    else:
        write_zip(path, dictionary(model=dictionary(weight=tensor()), x=made))
        assert fastjac.load(path, ["identity"]).n_in == 3


OPCODES = {
    "INST": (b"(ios\nsystem\n", "INST, which makes an object of any class"),
    "OBJ": (b"(cos.path\njoin\no", r"asks for os.path.join"),
    "OBJ of another class": (b"(ca\nb\no", "OBJ, which makes an object of any class"),
    "EXT1": (b"\x82\x01", "EXT1, which names a class by a number"),
    "EXT4": (b"\x84\x01\0\0\0", "EXT4"),
    "DUP of nothing": (b"2", "takes a value that is not there"),
    "PERSID": (b"P/etc/passwd\n", "PERSID"),
    "LONG4": (b"\x8b\xff\xff\xff\x7f", "the pickle has a number of 2147483647 bytes; fastjac reads those of up to 255"),
    "NEXT_BUFFER": (b"\x97", "NEXT_BUFFER, whose data stand outside the file"),
    "text alone": (b"S'a'\n", "the file holds no state dict, .*: it is str|storages that it lists are not those"),
    "no opcode": (b"\xff", r"b'\\xff', which no pickle has"),
    "BUILD on a dict": (b"}}b", "the pickle fills a dict"),
    "BUILD on nothing": (b"}b", "takes a value that is not there"),
    "APPEND to a dict": (b"}Na", "the pickle fills a dict"),
    "SETITEMS without a mark": (b"}u", "misses a mark"),
    "a key without a value": (b"}(Nu", "a key without a value"),
    "beyond a mark": (b"N(00", "the file holds no state dict|takes a value that is not there"),
    "REDUCE beyond a mark": (b"cos.x\ny\n", "asks for os.x.y"),
    "TUPLE2 of one": (b"N\x86", "takes a value that is not there"),
    "TUPLE2 across a mark": (b"NN(\x86", "takes a value that is not there"),
    "the memo is empty": (b"h\x07", "recalls value 7, which it has not stored"),
    "no STOP": (b"", "takes a value that is not there"),
    "text that is none": (b"X\x01\0\0\0\xff", "the pickle is damaged before byte"),
    "text longer than the file": (b"X\xff\xff\xff\xff", "ends at byte .* in the middle"),
    "text of 2**63 bytes": (b"\x8d" + b"\xff" * 8, "ends at byte .* in the middle"),
    "a name without an end": (b"c" + b"a" * 2000, "the name at byte .* of the pickle has no end"),
}


@pytest.mark.parametrize("name", OPCODES)
def test_opcodes_that_no_state_dict_has_are_refused(name, path):
    written, message = OPCODES[name]
    for write in WRITERS.values():
        write(path, written)
        refuse(path, message)


def doubling(levels, opcode):
    """A value in itself twice, on as many levels, of which 2**levels would be there if it were copied."""
    return b"]q\x00" + b"".join(
        b"(h" + bytes([level]) + b"h" + bytes([level]) + opcode + b"q" + bytes([level + 1]) for level in range(levels)
    )


BOMBS = {
    "tuples in tuples": doubling(200, b"t"),
    "tuples in tuples as a key": doubling(200, b"t") + b"}h\xc8Ns",
    "lists in lists": b"]q\x00"
    + b"".join(b"]q" + bytes([i + 1]) + b"(h" + bytes([i]) + b"h" + bytes([i]) + b"e" for i in range(200)),
    "dicts in dicts": b"}q\x00"
    + b"".join(
        b"}q" + bytes([i + 1]) + b"(" + text("a") + b"h" + bytes([i]) + text("b") + b"h" + bytes([i]) + b"u" for i in range(200)
    ),
    "a dict in itself": b"}q\x00" + text("a") + b"h\x00s",
    "a list in itself": b"]q\x00h\x00a",
}


@pytest.mark.parametrize("name", BOMBS)
def test_values_that_are_shared_are_not_multiplied(name, path):
    write_zip(path, BOMBS[name])
    refuse(path, "holds no state dict|has 101 levels of dicts within dicts")


def test_names_that_are_shared_are_not_multiplied(path):
    nested, key = dictionary(weight=tensor()), text("k" * 100_000) + b"q\x00"
    for level in range(50):
        nested = b"}" + (key if level == 49 else b"h\x00") + nested + b"s"
    write_zip(path, b"}" + text("a") + nested + b"s" + text("b") + dictionary(weight=tensor()) + b"s")
    refuse(path, r"it has 5000\d+ letters in the names of its tensors; fastjac reads files of up to 1048576")


@pytest.mark.parametrize("where", ["storage", "kind", "size", "function", "key", "count"])
def test_shared_values_are_not_multiplied_where_a_tensor_is_expected(where, path):
    bomb = doubling(100, b"t")
    bombed = {
        "storage": tensor(stored=bomb),
        "kind": tensor(stored=b"(" + text("storage") + bomb + text("0") + text("cpu") + number(6) + b"tQ"),
        "key": tensor(stored=b"(" + text("storage") + b"ctorch\nFloatStorage\n" + bomb + text("cpu") + number(6) + b"tQ"),
        "count": tensor(stored=b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + bomb + b"tQ"),
        "size": call("torch._utils._rebuild_tensor_v2", b"(" + storage() + number(0) + bomb + bomb + b"\x89Nt"),
        "function": call("torch._tensor._rebuild_from_type_v2", b"(" + bomb * 4 + b"t"),
    }
    write_zip(path, dictionary(weight=bombed[where]))
    refuse(path, "'weight': ")


LONGEST = {
    "dicts": b"}" * 301_000,
    "names": b"ca\nb\n" * 301_000,
    "calls": b"ca\nb\n" + b")R" * 151_000,
    "text": text("a") * 301_000,
}


@pytest.mark.parametrize("name", LONGEST)
def test_more_opcodes_than_any_checkpoint_has_are_refused(name, path):
    write_zip(path, LONGEST[name])
    refuse(path, "the pickle has more than 300000 opcodes")


def test_opcodes_take_little_memory():
    tracemalloc.start()
    with pytest.raises(FormatError, match="more than 30000 opcodes"):
        opcodes.interpret(LONGEST["calls"], most=30_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


@pytest.mark.parametrize(("part", "most"), [(1, 10), (2, 100), (4, 100_000)])
def test_no_pickle_of_a_stream_has_more_opcodes_than_it_needs(part, most, path):
    system = pickle.dumps({"little_endian": True}, 2)
    pickles = [MAGIC, pickle.dumps(1001, 2), system, PROTO + dictionary(weight=tensor()) + b".", b""]
    pickles[part] = PROTO + b"(" + b"N" * 150_000 + b"t."
    path.write_bytes(b"".join(pickles))
    refuse(path, f"the pickle has more than {most} opcodes")


def test_objects_nested_fifty_thousand_times_are_let_go(path):
    write_zip(path, b"ca\nb\n" + b")R" * 50_000)
    refuse(path, "the file holds no state dict, .*: it is a computed function, which was not made")
    write_zip(path, b")" + b"\x85" * 290_000)
    refuse(path, "the file holds no state dict, .*: it is tuple")


def test_a_parameter_of_a_parameter_of_a_parameter_is_refused(path):
    nested = tensor()
    for _ in range(5):
        nested = call("torch._utils._rebuild_parameter", b"(" + nested + b"\x88Nt")
    write_zip(path, dictionary(weight=nested))
    refuse(path, "'weight': a tensor is wrapped more than 4 times")


STORAGES = {
    "another file": (storage(key="../../../../etc/passwd"), "storage '../../../../etc/passwd'; torch names storages by numbers"),
    "an absolute path": (storage(key="/etc/passwd"), "torch names storages by numbers and nothing else"),
    "no number": (storage(key="²"), "torch names storages by numbers and nothing else"),
    "one that is not there": (storage(key="7"), "the archive holds no archive/data/7"),
    "another tag": (storage(tag="file"), "refers to something outside itself that is no storage"),
    "no tuple": (text("/etc/passwd") + b"Q", "refers to something outside itself that is no storage"),
    "another class": (storage(kind="load"), "storage of kind 'torch.load'; fastjac knows torch.DoubleStorage"),
    "too many numbers": (storage(count=7), "data/0 holds 24 bytes, the pickle claims 7 numbers of float32, 28 bytes"),
    "a trillion numbers": (
        storage(count=10**12),
        "holds 24 bytes, the pickle claims 1000000000000 numbers|tensors claims to unpack",
    ),
    "less than none": (storage(count=-1), "storage 0 has '-1' numbers"),
    "a view of another": (
        storage().replace(b"tQ", numbers((0, 0, 1)) + b"tQ"),
        "is a view of another, as torch before 0.4 wrote it",
    ),
    "no storage": (b"]", "a tensor is made from something that is no storage"),
}


@pytest.mark.parametrize("name", STORAGES)
def test_storages_that_are_none_are_refused(name, path):
    stored, message = STORAGES[name]
    write_zip(path, dictionary(weight=tensor(stored)))
    refuse(path, message)


LAYOUTS = {
    "beyond the end": ({"offset": 1}, r"'weight': with offset 1, size \(2, 3\) .* it reaches number 6 of a storage that has 6"),
    "a stride beyond the end": ({"stride": (4, 1)}, "reaches number 6 of a storage that has 6"),
    "a negative offset": ({"offset": -1}, "no counts that belong together"),
    "a negative stride": ({"stride": (-3, 1)}, "no counts that belong together"),
    "a negative size": ({"size": (-2, 3)}, "no counts that belong together"),
    "other axes": ({"stride": (1,)}, "no counts that belong together"),
    "64 axes": ({"size": (1,) * 64, "stride": (1,) * 64}, "it has 64 axes; fastjac reads files of up to 32"),
    "a trillion from one": ({"size": (10**6, 10**6), "stride": (0, 0)}, "tensors claims to unpack to 4000000000000 bytes"),
    "a trillion along an axis": ({"size": (10**12,), "stride": (0,)}, "has 1000000000000 entries along one axis"),
    "more than memory can count": ({"size": (2**24,) * 30, "stride": (0,) * 30}, "tensors claims to unpack to"),
    "nothing of that": ({"size": (0, 10**30), "stride": (1, 1)}, "entries along one axis"),
    "a stride of 10**60": ({"size": (2, 3), "stride": (10**60, 1)}, "reaches number 10{59}"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_that_do_not_fit_the_storage_are_refused(name, path):
    changes, message = LAYOUTS[name]
    for write in WRITERS.values():
        write(path, dictionary(weight=tensor(**changes)))
        refuse(path, message)


def test_an_axis_of_one_may_have_any_stride(path):
    write_zip(path, dictionary(weight=tensor(size=(1, 3), stride=(10**60, 1))))
    assert fastjac.load(path, ["identity"]).n_in == 3


def test_many_tensors_of_one_storage_count_together(path):
    many = {f"{i}.weight": tensor(size=(1000, 1000), stride=(0, 0)) for i in range(20)}
    write_zip(path, dictionary(**many))
    refuse(path, "'16.weight': the file's tensors claims to unpack to 68000024 bytes")


def test_storages_that_are_compressed_a_thousandfold_count_together(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        names = {str(i): tensor(storage(key=str(i), count=5_000_000)) for i in range(5)}
        archive.writestr("archive/data.pkl", PROTO + dictionary(**names) + b".")
        for i in range(5):
            archive.writestr(f"archive/data/{i}", bytes(20_000_000))
    refuse(path, "'3': the file's tensors claims to unpack to 80000096 bytes")


def test_tensors_that_are_called_otherwise_are_refused(path):
    write_zip(path, dictionary(weight=call("torch._utils._rebuild_tensor_v2", b")")))
    refuse(path, "torch._utils._rebuild_tensor_v2 is given other arguments than torch gives it")
    write_zip(path, dictionary(weight=call("torch._utils._rebuild_parameter", b"(Nt")))
    refuse(path, "a parameter is made from something that is no tensor")
    write_zip(path, dictionary(weight=call("torch._utils._rebuild_parameter", b"(" + call("a.b", b")") + b"t")))
    refuse(path, "'weight': the pickle asks for a.b to make a tensor; fastjac knows torch._utils._rebuild_tensor")


TRUE, FALSE = b"\x88", b"\x89"
ATTRIBUTES = dictionary(data=tensor())
CHANGED = {
    "metadata of another kind": (tensor(more=dictionary(scale=TRUE)), r"gives the tensor metadata \(scale\); fastjac knows conj"),
    "metadata that is no dict": (tensor(more=b"]"), r"gives the tensor metadata \(list\)"),
    "a bit that is a number": (tensor(more=dictionary(neg=number(1))), "gives the tensor metadata"),
    "a real number conjugated": (tensor(more=dictionary(conj=TRUE)), "puts off conj, which float32 numbers cannot have"),
    "an argument more": (tensor(more=b"NN"), "is given other arguments than torch gives it"),
    "a state": (tensor() + ATTRIBUTES + b"b", "changes the tensor after it has made it"),
    "an entry": (tensor() + number(0) + number(1) + b"s", "changes the tensor after it has made it"),
    "attributes of a parameter": (
        call("torch._utils._rebuild_parameter_with_state", b"(" + tensor() + b"\x88N" + ATTRIBUTES + b"t"),
        "replaces the tensor's numbers by its attribute data",
    ),
    "attributes in slots": (
        call("torch._utils._rebuild_parameter_with_state", b"(" + tensor() + b"\x88N" + b"(N" + ATTRIBUTES + b"tt"),
        "replaces the tensor's numbers by its attribute data",
    ),
    "attributes that are none": (
        call("torch._utils._rebuild_parameter_with_state", b"(" + tensor() + b"\x88N]t"),
        "attributes are a list and no dict",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_would_change_a_tensors_numbers_is_refused_where_it_is_not_understood(name, path):
    opcodes, message = CHANGED[name]
    for write in WRITERS.values():
        write(path, dictionary(weight=opcodes))
        refuse(path, message)


def test_bits_that_are_not_set_change_nothing(path):
    for write in WRITERS.values():
        write(path, dictionary(weight=tensor(more=dictionary(neg=FALSE, conj=FALSE))))
        np.testing.assert_array_equal(fastjac.load(path, ["identity"])[0].weight, np.arange(6.0).reshape(2, 3))
        write(path, dictionary(weight=tensor(more=dictionary(neg=TRUE))))
        np.testing.assert_array_equal(fastjac.load(path, ["identity"])[0].weight, -np.arange(6.0).reshape(2, 3))


CONTAINERS = {
    "two pickles": ({"other/data.pkl": b"\x80\x02}."}, "it holds 2 pickles, archive/data.pkl, archive/other/data.pkl"),
    "TorchScript elsewhere": ({"other/constants.pkl": b"\x80\x02)."}, "it holds a TorchScript archive beside or inside"),
    "a byte order of its own": ({"byteorder": b"middle"}, "archive/byteorder must say little or big, it says 'middle'"),
    "a long byte order": ({"byteorder": bytes(1000)}, "archive/byteorder must say little or big"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_archives_that_torch_does_not_write_are_refused(name, path):
    members, message = CONTAINERS[name]
    write_zip(path, dictionary(weight=tensor()), **members)
    refuse(path, message)


def test_a_torchscript_archive_that_holds_no_module_is_refused(path):
    write_zip(path, dictionary(weight=tensor()), **{"constants.pkl": b"\x80\x02)."})
    with pytest.raises(FormatError, match="its pickle holds a dict, and TorchScript writes a module"):
        fastjac.load(path)


def test_a_pickle_that_unpacks_to_gigabytes_is_refused(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(100_000_000))
    refuse(path, "it has 100000000 bytes in archive/data.pkl")


LEGACY = {
    "another version": ({"version": 1002}, "does not have version 1001 of torch's format before 1.6"),
    "big-endian": ({"system": [("little_endian", False)]}, "does not say that its numbers are little-endian"),
    "no storages": ({"keys": [], "counts": []}, "'weight': the file does not list storage 0"),
    "other storages": ({"keys": ["0", "1"]}, "the storages that it lists are not those that its pickle refers to"),
    "another count": ({"counts": [5, 5]}, "storage 0 has 5 numbers, the pickle claims 6"),
    "a file that ends before": ({"counts": [5]}, r"storage 0 is to end at byte \d+ of a file of \d+; it is truncated"),
}


@pytest.mark.parametrize("name", LEGACY)
def test_streams_that_do_not_hold_are_refused(name, path):
    changes, message = LEGACY[name]
    write_legacy(path, dictionary(weight=tensor()), **changes)
    refuse(path, message)


def test_a_huge_storage_in_a_stream_is_refused(path):
    write_legacy(path, dictionary(weight=tensor(storage(count=2**60))))
    refuse(path, r"tensors claims to unpack to \d+ bytes")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_whatever_bytes_change_the_end_is_a_network_or_an_error(legacy, path):
    buffer = io.BytesIO()
    torch.save({"model": torch.nn.Linear(3, 2).state_dict(), "epoch": 1}, buffer, _use_new_zipfile_serialization=not legacy)
    content, rng = buffer.getvalue(), np.random.default_rng(8)
    pickled = content.index(b"collections") if legacy else content.index(b"\x80\x02")
    for _ in range(300):
        changed = bytearray(content)
        for at in rng.integers(pickled, pickled + 600, size=3) % len(content):
            changed[at] = rng.integers(256)
        path.write_bytes(_with_sums(changed) if not legacy else changed)
        try:
            fastjac.load(path, ["identity"])
        except FastjacError as error:
            assert str(error)  # noqa: PT017  most end here, and some load


def _with_sums(changed):
    """The archive with the checksum of its pickle put right, which would hide what the reader itself does."""
    with zipfile.ZipFile(io.BytesIO(bytes(changed))) as archive:
        info = archive.infolist()[0]
    start = info.header_offset + 30 + len(info.filename) + struct.unpack("<H", changed[28:30])[0]
    return bytes(changed).replace(
        struct.pack("<I", info.CRC), struct.pack("<I", zipfile.crc32(changed[start : start + info.file_size]))
    )


def test_plain_pickles_are_recognised_and_not_opened(path):
    path.write_bytes(pickle.dumps({"weight": np.ones(2)}))
    refuse(path, "is a pickle; fastjac never unpickles")
