"""HDF5 files that are damaged or built to do harm are refused by name, before memory is taken."""

import struct
import zlib

import h5py
import numpy as np
import pytest

from fastjac.errors import FileError, FormatError
from fastjac.importers.reading import hdf5, hdf5_account
from fastjac.importers.reading.limits import EXPANSION_FLOOR, MOST_LAYERS

from .hdf5_refusal import refuses


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.h5"


def read_a(root):
    return root.array("a").read()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i8", "u1"])
def test_arrays_are_read_by_path_and_from_memory(dtype, path):
    values = np.arange(6, dtype=dtype).reshape(2, 3)
    with h5py.File(path, "w") as file:
        file["g/a"] = values
    for source in (path, path.read_bytes()):
        with hdf5.opened(source, "file.h5") as root:
            array = root.array("g/a")
            assert (array.name, array.shape, array.is_float) == ("/g/a", (2, 3), "f" in dtype)
            np.testing.assert_array_equal(array.read(), values)


@pytest.mark.parametrize(
    "options", [{"compression": "gzip", "shuffle": True}, {"compression": "gzip", "fletcher32": True}, {"fletcher32": True}]
)
def test_compressed_arrays_are_read(options, path):
    values = np.random.default_rng(0).normal(size=(40, 30))
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=values, **options)
    with hdf5.opened(path, "file.h5") as root:
        np.testing.assert_array_equal(read_a(root), values)


def test_bfloat16_is_widened(path):
    with h5py.File(path, "w") as file:
        file["a"] = np.array([0x3F80, 0xC048], "<u2").view("V2")
    with hdf5.opened(path, "file.h5") as root:
        np.testing.assert_array_equal(read_a(root), np.float32([1.0, -3.125]))
        assert root.array("a").is_float


def test_members_and_texts(path):
    with h5py.File(path, "w") as file:
        file["g/h/a"] = 1.0
        file.attrs.update(text="ä", fixed=np.bytes_("b"), empty=np.array([]), texts=["c", "d"])
        file.attrs.update(part0=[b"e"], part1=np.array(["f", "g"], object))
    with hdf5.opened(path, "file.h5") as root:
        assert root.names() == ["g"]
        assert root.group("g", "h").name == "/g/h"
        assert root.group("g", "i", "j") is None
        assert root.member("i") is None
        assert root.member("g").group().name == "/g"
        assert (root.text("text"), root.text("fixed"), root.text("none")) == ("ä", "b", None)
        assert (root.texts("texts"), root.texts("empty"), root.texts("none")) == (["c", "d"], [], None)
        assert root.texts("part") == ["e", "f", "g"]


LINKS = {
    "external": (h5py.ExternalLink("/etc/passwd", "/a"), "//a is an external link to elsewhere, which fastjac does not follow"),
    "soft": (h5py.SoftLink("/b"), "//a is a soft link to elsewhere"),
}


@pytest.mark.parametrize(("link", "message"), LINKS.values(), ids=LINKS)
def test_links_are_not_followed(link, message, path):
    with h5py.File(path, "w") as file:
        file["b"] = 1.0
        file["a"] = link
    refuses(path, message, read_a)
    refuses(path, message, lambda root: root.group("a"))
    refuses(path, message, lambda root: root.array("a/b"))


def test_a_name_that_is_a_path_is_refused_since_it_may_lead_through_links(path):
    with h5py.File(path, "w") as file:
        file["g/a"] = 1.0
        file["b"] = h5py.ExternalLink("/etc/passwd", "/")
    for name in ("g/a", "b/a", "/g"):
        refuses(path, f"/ is said to hold '{name}', which can be no name of a member", lambda root, name=name: root.member(name))


def test_a_virtual_dataset_is_not_followed(path, tmp_path):
    """Not even for its shape, which is that of its source here."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        source = h5py.VirtualSource(file.create_dataset("a", data=np.ones(7), maxshape=(None,)))
        layout = h5py.VirtualLayout((7,), "f8", maxshape=(None,))
        layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("a", layout)
    with h5py.File(path) as file:
        assert file["a"].shape == (7,)
    refuses(path, "/a keeps its entries outside the file", lambda root: root.array("a"))


def test_external_storage_is_not_followed(path, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret__")
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (2,), "f4", external=[(str(tmp_path / "secret"), 0, 8)])
    refuses(path, "/a keeps its entries outside the file", read_a)


def create(name="a", shape=(4,), dtype="f4", **options):
    return lambda file: file.create_dataset(name, shape, dtype, **options)


def grown(file):
    """A dataset with large chunks of which next to nothing is used."""
    file.create_dataset("a", data=np.zeros((2, 2), "f4"), chunks=(4096, 4097), maxshape=(None, None), compression="gzip")


CLAIMS = {
    "never written": (create(shape=(1 << 20, 1 << 20)), "/a claims to hold 4398046511104 bytes, 0 are stored"),
    "never written, in chunks": (create(shape=(1 << 40,), chunks=(100,)), "/a claims to hold 4398046511104 bytes, 0 are stored"),
    "a size beyond 64 bits": (create(shape=(1 << 40, 1 << 30), chunks=(1, 1)), "/a claims to hold 4722366482869645213696 bytes"),
    "compressed, never written": (
        create(shape=(1 << 40,), chunks=(100,), compression="gzip"),
        "/a claims to unpack to 4398046511104 bytes from 0; fastjac does not open such a file",
    ),
    "a bomb": (
        lambda file: file.create_dataset("a", data=np.zeros(EXPANSION_FLOOR // 4 + 1, "f4"), compression="gzip"),
        "/a claims to unpack to 67108868 bytes from",
    ),
    "chunks larger than what is in them": (grown, "/a claims to unpack to 67125248 bytes from"),
    "text": (lambda file: file.create_dataset("a", data=np.full(3, b"text")), "/a holds entries of type .S4, though weights are"),
    "texts of any length": (lambda file: file.create_dataset("a", data=["x", "y"]), "/a holds entries of type object"),
    "references": (lambda file: file.create_dataset("a", data=file.ref, dtype=h5py.ref_dtype), "/a holds entries of type object"),
    "records": (lambda file: file.create_dataset("a", data=np.zeros(2, "f4,f4")), "/a holds entries of type"),
    "entries of a gigabyte": (create(dtype="V1000000000", chunks=(1,)), "/a holds entries of type .V1000000000"),
    "rows as entries": (create(dtype=np.dtype(("f4", (3,)))), "/a (holds entries of type|claims)"),
    "complex numbers": (create(dtype="c16"), "/a holds entries of type complex128"),
    "no shape": (lambda file: file.create_dataset("a", data=h5py.Empty("f4")), "/a is no array, though one is expected there"),
    "a type": (lambda file: file.__setitem__("a", np.dtype("f4")), "/a is no array|cannot be read as HDF5"),
    "a group": (lambda file: file.create_group("a"), "/a is no array, though one is expected there"),
    "nothing": (lambda file: None, "/ holds no a, though it says so"),
}


@pytest.mark.parametrize(("make", "message"), CLAIMS.values(), ids=CLAIMS)
def test_what_is_no_array_of_stored_numbers_is_refused(make, message, path):
    with h5py.File(path, "w") as file:
        make(file)
    refuses(path, message, read_a)


def test_lzf_is_refused_since_nothing_bounds_what_it_unpacks_to(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=np.zeros(4, "f4"), compression="lzf")
    refuses(path, "/a is compressed by filter 32000; fastjac reads deflate, shuffle, fletcher32 only", read_a)


def test_another_filter_is_refused_since_hdf5_would_look_for_a_library(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=np.zeros(4, "f4"), chunks=(4,), scaleoffset=3)
    refuses(path, "/a is compressed by filter 6; fastjac reads deflate, shuffle, fletcher32 only", read_a)


def with_chunk(path, packed, **options):
    """A file with an array of four numbers in a chunk that holds these bytes."""
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("a", (4,), "f4", chunks=(4,), **options)
        dataset.id.write_direct_chunk((0,), packed)


@pytest.mark.parametrize("options", [{}, {"shuffle": True, "fletcher32": True}])
def test_a_chunk_that_unpacks_to_more_than_it_has_is_refused_before_hdf5_unpacks_it(options, path):
    # Packed to less than 64 KB, as far as older HDF5 counts the bytes of so small a chunk.
    with_chunk(path, zlib.compress(bytes(10_000_000), 9), compression="gzip", **options)
    refuses(path, "/a has a chunk that unpacks to more than its 16 bytes", read_a)


def test_a_chunk_that_was_left_unpacked_is_read(path):
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("a", (4,), "f4", chunks=(4,), compression="gzip")
        dataset.id.write_direct_chunk((0,), np.arange(4, dtype="<f4").tobytes(), filter_mask=1)
    with hdf5.opened(path, "file.h5") as root:
        np.testing.assert_array_equal(read_a(root), np.arange(4))


def test_filters_in_an_order_that_nobody_uses_are_refused(path):
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((4,))
        plan.set_deflate(1)
        plan.set_shuffle()
        h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((4,)), plan)
    refuses(path, r"/a is compressed by the filters \[1, 2\] one after the other", read_a)


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}])
def test_chunks_are_counted_over_all_arrays(options, path, monkeypatch):
    monkeypatch.setattr(hdf5_account, "MOST_CHUNKS", 5)
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=np.zeros((2, 2), "f4"), chunks=(1, 1), **options)
        file.create_dataset("b", data=np.zeros((2, 1), "f4"), chunks=(1, 1), **options)
    with hdf5.opened(path, "file.h5") as root:
        read_a(root)
    message = "it has 6 chunks in the arrays that are read; fastjac reads files of up to 5"
    refuses(path, message, lambda root: (read_a(root), root.array("b").read()))


def test_a_million_chunks_that_were_never_written_are_refused_in_little_time(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (4000, 4000), "f4", chunks=(1, 1), compression="gzip")[0, 0] = 1.0
    refuses(path, "it has 16000000 chunks in the arrays", read_a)


def test_lookups_are_counted_however_the_file_asks_for_them(path, monkeypatch):
    monkeypatch.setattr(hdf5_account, "MOST_VISITS", 10)
    with h5py.File(path, "w") as file:
        file.attrs["t"] = "a"
        for i in range(6):
            file[f"g/h{i}"] = file  # a file of groups that go round
    with hdf5.opened(path, "file.h5") as root:
        for _ in range(100):
            assert root.group("g", "h1") is root.member("g").member("h1")  # what is known is not looked up again
    message = "it has 11 groups, arrays and attributes, counted as often as they are looked up; fastjac reads files of up to 10"
    refuses(path, message, lambda root: root.group(*["g", "h1"] * 6))
    refuses(path, message, lambda root: [root.text("t") for _ in range(11)])


def test_a_group_with_more_attributes_than_any_is_refused(path):
    with h5py.File(path, "w") as file:
        for i in range(1001):
            file.attrs[f"a{i}"] = np.int8(0)
    refuses(path, "it has 1001 attributes of /; fastjac reads files of up to 1000", lambda root: root.text("a"))


def test_a_file_that_is_open_is_not_said_to_be_damaged(path):
    with h5py.File(path, "w") as file:
        file["a"] = 1.0
        message = "file.h5 is open already, here or for writing in another process; close it there first"
        with pytest.raises(FileError, match=message), hdf5.opened(path, "file.h5"):
            pass
    with hdf5.opened(path, "file.h5") as root:
        assert root.array("a").read() == 1.0


def test_many_small_bombs_are_one(path):
    """Each may unpack to as much as any; together they may not."""
    with h5py.File(path, "w") as file:
        for i in range(3):
            file.create_dataset(f"a{i}", data=np.zeros(EXPANSION_FLOOR // 8, "f4"), compression="gzip")
    with hdf5.opened(path, "file.h5") as root:
        for i in (0, 1):
            root.array(f"a{i}").read()
        with pytest.raises(FormatError, match="what is read of the file up to /a2 claims to unpack to 100663296 bytes from"):
            root.array("a2").read()


def test_a_contiguous_size_that_the_file_makes_up_is_refused(path):
    """The size of the stored bytes is but a number in the file too."""
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=np.ones(1000, "f4"))
    content = path.read_bytes()
    eight_exabytes = struct.pack("<Q", 1 << 60)
    path.write_bytes(content.replace(struct.pack("<Q", 4000), eight_exabytes).replace(struct.pack("<Q", 1000), eight_exabytes))
    refuses(path, "/a claims to hold|cannot be read as HDF5", read_a)


BAD_NAMES = {
    "a gap": (["0", "2"], "its weights are called 0, 2; a built-in layer's are numbered from 0"),
    "another name": (["0", "kernel"], "its weights are called 0, kernel;"),
    "too many": ([str(i) for i in range(101)], "it has 101 arrays in /; fastjac reads files of up to 100"),
}


@pytest.mark.parametrize(("names", "message"), BAD_NAMES.values(), ids=BAD_NAMES)
def test_arrays_that_are_not_numbered_are_refused(names, message, path):
    with h5py.File(path, "w") as file:
        for name in names:
            file[name] = 1.0
    refuses(path, message, lambda root: root.numbered())


def test_arrays_come_in_the_order_of_their_numbers(path):
    with h5py.File(path, "w") as file:
        for i in reversed(range(12)):
            file[str(i)] = float(i)
    with hdf5.opened(path, "file.h5") as root:
        assert [array.read() for array in root.numbered()] == list(range(12))


def test_a_path_through_an_array_is_refused(path):
    with h5py.File(path, "w") as file:
        file["a"] = 1.0
    refuses(path, "/a is an array, though a group is expected there", lambda root: root.array("a/b"))
    refuses(path, "it has 101 groups around an array of /; fastjac reads files of up to 100", lambda root: root.array("a/" * 101))


def test_a_group_with_too_many_members_is_refused(path, monkeypatch):
    monkeypatch.setattr(hdf5, "MOST_LAYERS", 3)
    with h5py.File(path, "w") as file:
        for i in range(4):
            file.create_group(f"g{i}")
    refuses(path, "it has 4 members in /; fastjac reads files of up to 3", lambda root: root.names())


BAD_TEXTS = {
    "a number": (lambda attributes: attributes.update(a=1.0), "the attribute a of / must hold text"),
    "a reference": (lambda attributes: attributes.create("a", h5py.Reference(), dtype=h5py.ref_dtype), "must hold text"),
    "two": (lambda attributes: attributes.update(a=["b", "c"]), "the attribute a of / must hold one text, it holds 2"),
    "none": (lambda attributes: attributes.update(a=np.array([])), "must hold one text, it holds 0"),
    "no UTF-8": (lambda attributes: attributes.update(a=np.bytes_(b"\xff")), "the attribute a of / cannot be read as HDF5"),
    "many": (
        lambda attributes: attributes.update(a=np.full(MOST_LAYERS + 1, b"b")),
        "it has 10001 entries in the attribute a of /; fastjac reads files of up to 10000",
    ),
}


@pytest.mark.parametrize(("make", "message"), BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_an_attribute_that_is_no_text_is_refused(make, message, path):
    with h5py.File(path, "w") as file:
        make(file.attrs)
    refuses(path, message, lambda root: root.text("a"))


def test_a_member_whose_name_is_no_text_is_refused(path):
    with h5py.File(path, "w") as file:
        file[b"\xffa"] = 1.0
    refuses(path, r"/ holds a member called b'\\xffa', which is no text", lambda root: root.names())
    refuses(path, r"/ holds a member called b'\\xffa', which is no text", lambda root: root.numbered())


def test_names_in_too_many_parts_are_refused(path, monkeypatch):
    monkeypatch.setattr(hdf5, "MOST_LAYERS", 3)
    with h5py.File(path, "w") as file:
        file.attrs.update(a0=["b", "c"], a1=["d", "e"])
    refuses(path, "it has 4 entries in a of /; fastjac reads files of up to 3", lambda root: root.texts("a"))


def test_texts_in_more_attributes_than_names_ever_take_are_refused(path):
    with h5py.File(path, "w") as file:
        for i in range(100):
            file.attrs[f"a{i}"] = [b"b"]
    refuses(path, "it has 21 parts of a of /; fastjac reads files of up to 20", lambda root: root.texts("a"))


def test_the_same_texts_read_again_and_again_are_refused(path, monkeypatch):
    monkeypatch.setattr("fastjac.importers.reading.limits.EXPANSION_FLOOR", 1000)
    monkeypatch.setattr("fastjac.importers.reading.limits.EXPANSION", 1)
    with h5py.File(path, "w") as file:
        file.attrs["a"] = np.array([b"12345678"] * 10)
    size = path.stat().st_size
    with hdf5.opened(path, "file.h5") as root:
        for _ in range(max(1000, size) // 80):
            assert len(root.texts("a")) == 10
        with pytest.raises(FormatError, match="the attribute a of / claims to unpack to"):
            root.texts("a")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_truncated_file_is_reported(share, path):
    with h5py.File(path, "w") as file:
        file["a"] = np.ones(1000)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refuses(path, "file.h5 cannot be read as HDF5 .*; it is truncated or damaged", read_a)
