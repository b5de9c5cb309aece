"""Jacobians of many samples, part by part: every kind of x and of out, interruptions, and what cannot be done."""

import errno
import os
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import fastjac as fj
from asv_benches.memory import PEAK_RESET
from fastjac.errors import DtypeError, FileError, OptionError, ShapeError
from fastjac.streaming import blockwise
from tests.fresh_process import run_script

RNG = np.random.default_rng(0)
NET = fj.Network([fj.Affine(RNG.standard_normal((6, 4))), fj.Tanh(), fj.Affine(RNG.standard_normal((3, 6)))])
X = RNG.standard_normal((250, 4))
J = NET.jacobian(X)
ENTRY_BYTES = 8 * (4 + 2 * 12)
"""What max_bytes counts for a sample of NET."""

STATE, CONTROL = fj.Input(3), fj.Input(2)
HIDDEN = fj.Tanh()(fj.Affine(RNG.standard_normal((4, 5)))(fj.concatenate([STATE, CONTROL])))
GRAPH = fj.Network(inputs=(STATE, CONTROL), outputs=(STATE + HIDDEN[:3], HIDDEN))
STATES, CONTROLS = RNG.standard_normal((50, 3)), RNG.standard_normal((50, 2))


class DataSet:
    """An array on disk, as far as fastjac sees: it is read and written by index, and says how. It may fail."""

    def __init__(self, array: np.ndarray, chunks: Any = None, fails: Callable[[slice], Any] = lambda index: None) -> None:
        self.array, self.chunks, self.fails = array, chunks, fails
        self.shape, self.dtype = array.shape, array.dtype
        self.taken: list[slice] = []

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise AssertionError("read as a whole")

    def __getitem__(self, index: slice) -> np.ndarray:
        self._take(index)
        return self.array[index].copy()

    def __setitem__(self, index: slice, value: np.ndarray) -> None:
        self._take(index)
        self.array[index] = value

    def _take(self, index: slice) -> None:
        self.fails(index)
        self.taken.append(index)


def from_the_100th(error: BaseException) -> Callable[[slice], None]:
    """Fails where the 100th sample or one behind it is taken."""

    def fails(index: slice) -> None:
        if index.stop > 100:
            raise error

    return fails


def mixed() -> Iterator[Any]:
    """X in batches of many lengths, of single samples, and of more axes than one."""
    yield from (X[:7], X[7], X[8:8], X[8].tolist(), X[9:129].reshape(3, 40, 4), X[129:].astype(">f8"))


def h5(tmp_path: Any, array: np.ndarray, **options: Any) -> h5py.Dataset:
    return h5py.File(tmp_path / f"{len(os.listdir(tmp_path))}.h5", "w").create_dataset("data", data=array, **options)


def zarr_array(tmp_path: Any, array: np.ndarray, **options: Any) -> zarr.Array:
    return zarr.create_array(tmp_path / f"{len(os.listdir(tmp_path))}.zarr", data=array, **options)


SOURCES = {
    "array": lambda path: X,
    "lists": lambda path: X.tolist(),
    "transposed": lambda path: np.asfortranarray(X),
    "data set": lambda path: DataSet(X),
    "hdf5": lambda path: h5(path, X),
    "zarr": lambda path: zarr_array(path, X, chunks=(300, 4)),
    "memmap": lambda path: np.memmap(path / "x", mode="w+", shape=X.shape, dtype=X.dtype) + X,
    "samples": lambda path: iter(X),
    "batches": lambda path: (X[start : start + 60] for start in range(0, 250, 60)),
    "both": lambda path: mixed(),
}


class TestBlocks:
    @pytest.mark.parametrize("source", SOURCES)
    def test_every_kind_of_x(self, source: str, tmp_path: Any) -> None:
        found = list(NET.jacobian_blocks(SOURCES[source](tmp_path), 100 * ENTRY_BYTES + 50))
        assert [part for part, _ in found] == [slice(0, 100), slice(100, 200), slice(200, 250)]
        np.testing.assert_array_equal(np.concatenate([block for _, block in found]), J)

    def test_a_leading_shape_is_cut_along_its_first_axis(self) -> None:
        x = X[:240].reshape(6, 40, 4)
        found = list(NET.jacobian_blocks(x, 100 * ENTRY_BYTES))
        assert [part for part, _ in found] == [slice(0, 2), slice(2, 4), slice(4, 6)]
        np.testing.assert_array_equal(np.concatenate([block for _, block in found]), NET.jacobian(x))

    def test_options_are_those_of_jacobian(self) -> None:
        options: dict[str, Any] = {"mode": "forward", "wrt": [3, 0], "of": 1, "threads": 1}
        found = [block for _, block in NET.jacobian_blocks(X, 10_000, **options)]
        assert len(found) == 2
        np.testing.assert_array_equal(np.concatenate(found), NET.jacobian(X, **options))

    @pytest.mark.parametrize("kind", ["arrays", "items"])
    def test_several_inputs_and_outputs(self, kind: str) -> None:
        x = (STATES, CONTROLS) if kind == "arrays" else zip(STATES, CONTROLS, strict=True)
        found = [blocks for _, blocks in GRAPH.jacobian_blocks(x, 10_000)]
        assert len(found) == 4
        for i, row in enumerate(GRAPH.jacobian((STATES, CONTROLS))):
            for j, block in enumerate(row):
                np.testing.assert_array_equal(np.concatenate([blocks[i][j] for blocks in found]), block)

    def test_an_input_that_all_samples_share(self) -> None:
        expected = GRAPH.jacobian((STATES, CONTROLS[0]), wrt=STATE, of=0)
        for shared in (CONTROLS[0], CONTROLS[:1]):
            found = [block for _, block in GRAPH.jacobian_blocks((DataSet(STATES), shared), 4_000, wrt=STATE, of=0)]
            assert len(found) > 1
            np.testing.assert_array_equal(np.concatenate(found), expected)

    def test_whole_chunks_are_read_where_they_fit(self) -> None:
        for chunk, expected in ((32, 96), (100, 100), (128, 100)):
            x = DataSet(X, chunks=(chunk, 2))
            part, _ = next(NET.jacobian_blocks(x, 100 * ENTRY_BYTES))
            assert [part] == x.taken == [slice(0, expected)]

    def test_no_samples(self) -> None:
        for x in (X[:0], DataSet(X[:0]), iter(())):
            assert list(NET.jacobian_blocks(x)) == []

    def test_progress(self) -> None:
        for x, total in ((X, 250), (mixed(), None)):
            seen: list[Any] = []
            for part, _ in NET.jacobian_blocks(x, 100 * ENTRY_BYTES, progress=lambda *state, seen=seen: seen.append(state)):
                assert len(seen) == part.start // 100
            assert seen == [(100, total), (200, total), (250, total)]

    def test_an_interrupt_says_how_many_are_done(self) -> None:
        x = DataSet(X, fails=from_the_100th(KeyboardInterrupt()))
        parts = []
        with pytest.raises(KeyboardInterrupt) as caught:
            parts.extend(part for part, _ in NET.jacobian_blocks(x, 40 * ENTRY_BYTES))
        assert caught.value.__notes__ == ["Jacobians: the first 80 of 250 samples are done, and whole"]


class TestOut:
    @pytest.fixture(autouse=True)
    def _in_parts_of_forty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(blockwise, "BLOCK_BYTES", 40 * ENTRY_BYTES)

    @pytest.mark.parametrize("x", [X, DataSet(X), "both"], ids=["array", "data set", "iterable"])
    def test_every_kind_of_out(self, x: Any, tmp_path: Any) -> None:
        mapped = np.memmap(tmp_path / "out", mode="w+", shape=J.shape, dtype=J.dtype)
        targets = [
            mapped,
            DataSet(np.zeros_like(J)),
            h5(tmp_path, np.zeros_like(J)),
            h5(tmp_path, np.zeros_like(J), chunks=(30, 2, 2)),
            zarr_array(tmp_path, np.zeros_like(J), chunks=(15, 3, 4), shards=(30, 3, 4)),
        ]
        for out in targets:
            assert NET.jacobian(mixed() if isinstance(x, str) else x, out=out) is out
            np.testing.assert_array_equal(out[0:250], J)
        assert targets[1].taken[:2] == [slice(0, 40), slice(40, 80)]
        np.testing.assert_array_equal(np.fromfile(tmp_path / "out").reshape(J.shape), J)

    def test_blocks_of_several_inputs_and_outputs(self) -> None:
        expected = GRAPH.jacobian((STATES, CONTROLS))
        out = tuple(tuple(DataSet(np.zeros_like(block)) for block in row) for row in expected)
        assert GRAPH.jacobian((STATES, CONTROLS), out=out) is out
        for row, wanted in zip(out, expected, strict=True):
            for found, block in zip(row, wanted, strict=True):
                np.testing.assert_array_equal(found.array, block)
                assert len(found.taken) > 1

    def test_one_sample(self, tmp_path: Any) -> None:
        for out in (np.memmap(tmp_path / "out", mode="w+", shape=J.shape[1:], dtype=J.dtype), h5(tmp_path, np.zeros_like(J[0]))):
            np.testing.assert_array_equal(NET.jacobian(X[3], out=out)[...], J[3])

    def test_progress_in_memory(self) -> None:
        seen: list[Any] = []
        for x, out in ((X, None), (X, np.empty_like(J)), (X.reshape(125, 2, 4), None)):
            seen.clear()
            found = NET.jacobian(x, out=out, progress=lambda *state: seen.append(state))
            np.testing.assert_array_equal(found.reshape(J.shape), J)
            assert found is out or out is None
            assert seen[0][0] in (20, 40)
            assert seen[-1] == (len(x), len(x))
        assert [block.shape for block in GRAPH.jacobian((STATES, CONTROLS), progress=lambda *state: None)[1]] == [
            (50, 4, 3),
            (50, 4, 2),
        ]

    def test_a_disk_that_fills_up(self) -> None:
        out = DataSet(np.zeros_like(J), fails=from_the_100th(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(FileError, match="cannot write to out: No space left on device") as caught:
            NET.jacobian(X, out=out)
        assert caught.value.__notes__ == ["Jacobians: the first 80 of 250 samples are done, and whole"]
        np.testing.assert_array_equal(out.array[:80], J[:80])
        assert not out.array[80:].any()

    def test_a_disk_without_room_for_a_mapped_file(self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*arguments: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        out = np.memmap(tmp_path / "out", mode="w+", shape=J.shape, dtype=J.dtype)
        monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
        with pytest.raises(FileError, match=f"cannot write {tmp_path / 'out'}: No space left on device"):
            NET.jacobian(X, out=out)
        NET.jacobian(X[:10], out=out[:10])  # of which the file holds more
        os.remove(tmp_path / "out")
        np.testing.assert_array_equal(NET.jacobian(X, out=out), J)  # the file lives on without a name

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("the tape is torn")], ids=["interrupt", "reading"])
    def test_what_is_written_before_an_interrupt_stays(self, error: BaseException, tmp_path: Any) -> None:
        out = np.memmap(tmp_path / "out", mode="w+", shape=J.shape, dtype=J.dtype)
        with pytest.raises(type(error)) as caught:
            NET.jacobian(DataSet(X, fails=from_the_100th(error)), out=out)
        assert caught.value is error
        assert error.__notes__ == ["Jacobians: the first 80 of 250 samples are done, and whole"]
        np.testing.assert_array_equal(np.fromfile(tmp_path / "out").reshape(J.shape)[:80], J[:80])


class Short:
    """An iterable that has fewer items than it says."""

    def __len__(self) -> int:
        return 9

    def __iter__(self) -> Iterator[Any]:
        return iter(X[:7])


ROOM = np.zeros_like(J)
NOT_BLOCKS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "max_bytes": (lambda: NET.jacobian_blocks(X, 223), OptionError, "max_bytes must be at least 224, .* got 223; wrt= and of="),
    "max_bytes 0": (lambda: NET.jacobian_blocks(X, 0), OptionError, "max_bytes must be a positive integer, got 0"),
    "max_bytes float": (lambda: NET.jacobian_blocks(X, 1e6), DtypeError, "max_bytes must be a positive integer, got 1000000.0"),
    "one sample": (lambda: NET.jacobian_blocks(X[0]), ShapeError, "x must have an axis of samples before its 4 features"),
    "a number": (lambda: NET.jacobian_blocks(1.5), DtypeError, "x must be an array, a data set .* or an iterable .*, got float"),
    "transposed": (lambda: NET.jacobian_blocks(DataSet(X.T)), ShapeError, r"x must have shape \(..., 4\), .*got \(4, 250\)"),
    "one array for two": (lambda: GRAPH.jacobian_blocks(np.ones((9, 5))), DtypeError, "x must be a tuple of 2 .*; split it"),
    "unequal": (lambda: GRAPH.jacobian_blocks((STATES, CONTROLS[1:])), ShapeError, "leading dimensions of all arrays in x must"),
    "mode": (lambda: NET.jacobian_blocks(X, mode="fast"), OptionError, "mode"),  # type: ignore[arg-type]
    "wrt": (lambda: NET.jacobian_blocks(X, wrt=4), OptionError, "wrt must lie between -4 and 3"),
    "threads": (lambda: NET.jacobian_blocks(X, threads=0), OptionError, "threads must be a positive integer, got 0"),
    "progress": (lambda: NET.jacobian_blocks(X, progress="yes"), DtypeError, "progress must be True, False or a function"),  # type: ignore[arg-type]
    "ragged items": (
        lambda: list(NET.jacobian_blocks(iter([X[:7], X[7], X[:2, :3]]))),
        ShapeError,
        r"^x\[2\] must have shape \(\.\.\., 4\), .* got \(2, 3\)",
    ),
    "ragged tuples": (
        lambda: list(GRAPH.jacobian_blocks(iter([(STATES[0], CONTROLS[0]), (STATES[1], CONTROLS[1, :1])]))),
        ShapeError,
        r"^x\[1\]\[1\] must have shape \(\.\.\., 2\), .* got \(1,\)",
    ),
    "items without numbers": (lambda: list(NET.jacobian_blocks("abc")), DtypeError, r"^x\[0\] must hold real numbers"),
    "an early end": (
        lambda: list(NET.jacobian_blocks(Short())),
        ShapeError,
        r"x must have 9 items, as its len\(\) says, but ended",
    ),
    "an iterable without out": (
        lambda: NET.jacobian(iter(X), progress=print),
        DtypeError,
        "x is a .*; pass out=, or use jacobian_bl",
    ),
    "an iterable that ends": (
        lambda: NET.jacobian(iter(X[:9]), out=DataSet(ROOM)),
        ShapeError,
        "the 250 samples .* ended after 9",
    ),
    "an iterable that goes on": (
        lambda: NET.jacobian(iter(X), out=DataSet(ROOM[1:])),
        ShapeError,
        "the 249 samples .* brings more",
    ),
    "too small": (
        lambda: NET.jacobian(X, out=DataSet(ROOM[1:])),
        ShapeError,
        r"out must have shape \(250, 3, 4\), got \(249, 3, 4\)",
    ),
    "dtype": (
        lambda: NET.jacobian(X, out=DataSet(ROOM.astype("f4"))),
        DtypeError,
        "out must have the network's dtype float64, got",
    ),
    "in blocks": (lambda: GRAPH.jacobian((STATES, CONTROLS), out=DataSet(ROOM)), DtypeError, "out must be a tuple of 2"),
    "progress of jacobian": (lambda: NET.jacobian(X, progress=None), DtypeError, "progress must be True"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("wrong", NOT_BLOCKS)
def test_bad_input(wrong: str) -> None:
    call, error, message = NOT_BLOCKS[wrong]
    with pytest.raises(error, match=message):
        call()


def test_files_that_are_open_for_reading_alone(tmp_path: Any) -> None:
    np.zeros_like(J).tofile(tmp_path / "out")
    mapped = np.memmap(tmp_path / "out", mode="r", shape=J.shape, dtype=J.dtype)
    with pytest.raises(OptionError, match=r'out must be writeable, .* mapped to a file; open the file with mode="r\+"'):
        NET.jacobian(X, out=mapped)
    h5(tmp_path, ROOM).file.close()
    with (
        h5py.File(tmp_path / "1.h5") as file,
        pytest.raises(OptionError, match="out must be writeable, got a read-only data set"),
    ):
        NET.jacobian(X, out=next(iter(file.values())))

    stored = zarr_array(tmp_path, ROOM)
    with pytest.raises(OptionError, match="out must be writeable, got a read-only data set"):
        NET.jacobian(X, out=zarr.open_array(stored.store.root, mode="r"))


def test_out_must_not_lie_where_later_samples_are_read(tmp_path: Any) -> None:
    memory = np.memmap(tmp_path / "both", mode="w+", shape=4000, dtype=np.float64)
    with pytest.raises(OptionError, match="out must not overlap x"):
        NET.jacobian(memory[2000:3000].reshape(250, 4), out=memory[:3000].reshape(250, 3, 4))


PEAK = """
    import h5py, sys
    import numpy as np
    import fastjac as fj
    from fastjac.streaming import blockwise

    blockwise.BLOCK_BYTES = 2**24

    def memory(field):
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) // 1024 for line in status if line.startswith(field))

    rng = np.random.default_rng(0)
    net = fj.Network([fj.Affine(rng.standard_normal((10, 20)).astype("f4")), fj.Tanh()])
    x = np.memmap("x", mode="w+", shape=(100_000, 20), dtype="f4")
    small = x[:1000]
    out = h5py.File("out.h5", "w").create_dataset("J", (len(x), 10, 20), "f4")
    list(net.jacobian_blocks(small)), net.jacobian(small, out=out[:1000])
    with open("/proc/self/clear_refs", "w") as references:
        references.write("5")
    before = memory("VmRSS")
    total = sum(float(J[0, 0, 0]) for part, J in net.jacobian_blocks(x))
    net.jacobian(x, out=out)
    print(memory("VmHWM") - before)
"""


@pytest.mark.skipif(not os.access(PEAK_RESET, os.W_OK), reason="this system does not let a process reset its peak")
def test_a_large_batch_takes_no_more_memory_than_a_block(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """80 MB of Jacobians, by blocks of 16 MB and to a file, of inputs that are mapped into memory and take 8 MB there."""
    monkeypatch.chdir(tmp_path)
    assert float(run_script(PEAK).stdout) < 8 + 16 + 16
