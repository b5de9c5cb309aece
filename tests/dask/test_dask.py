"""Jacobians of dask arrays, lazily, with the same bits and the labels of xarray. Worker processes: test_dask_processes.py."""

import pickle
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray

import fastjac as fj
import fastjac.dask
from fastjac.errors import DtypeError, OptionError, ShapeError
from fastjac.running.batch import Runner

RNG = np.random.default_rng(0)
NET = fj.Network([fj.Affine(RNG.standard_normal((6, 4))), fj.Tanh(), fj.Affine(RNG.standard_normal((3, 6)))])
SINGLE = NET.astype(np.float32)
X = RNG.standard_normal((250, 4))
CHUNKS = da.from_array(X, chunks=(60, -1))
J = NET.jacobian(X)

STATE, CONTROL = fj.Input(3), fj.Input(2)
HIDDEN = fj.Tanh()(fj.Affine(RNG.standard_normal((4, 5)))(fj.concatenate([STATE, CONTROL])))
GRAPH = fj.Network(inputs=(STATE, CONTROL), outputs=(STATE + HIDDEN[:3], HIDDEN))
STATES, CONTROLS = RNG.standard_normal((50, 3)), RNG.standard_normal((50, 2))
GRAPH_CHUNKS = (da.from_array(STATES, chunks=(20, 2)).rechunk({1: -1}), da.from_array(CONTROLS, chunks=(30, -1)))


@pytest.fixture(autouse=True)
def _on_two_threads() -> Any:
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


class TestLazily:
    def test_no_kernel_runs_before_compute(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def run(*arguments: Any) -> None:
            raise AssertionError("a kernel runs")

        for name in ("__call__", "alone", "copies"):
            monkeypatch.setattr(Runner, name, run)
        single = da.ones((250, 4), chunks=(100, -1), dtype=int)
        for found, shape, dtype in (
            (fastjac.dask.value(SINGLE, single), (250, 3), np.float32),
            (fastjac.dask.jacobian(SINGLE, single), (250, 3, 4), np.float32),
            (fastjac.dask.jacobian(NET, CHUNKS.reshape(50, 5, 4), wrt=[2, 0]), (50, 5, 3, 2), np.float64),
            (fastjac.dask.mean_jacobian(SINGLE, single, of=1), (1, 4), np.float64),
            (fastjac.dask.fisher(SINGLE, single, wrt=slice(3)), (3, 3), np.float64),
        ):
            assert (found.shape, found.dtype) == (shape, dtype)
            assert (type(found._meta), found._meta.shape, found._meta.dtype) == (np.ndarray, (0,) * len(shape), dtype)
        with pytest.raises(AssertionError, match="a kernel runs"):
            found.compute()

    def test_chunks_are_those_of_x(self) -> None:
        assert fastjac.dask.jacobian(NET, CHUNKS).chunks == ((60, 60, 60, 60, 10), (3,), (4,))
        assert fastjac.dask.value(NET, CHUNKS).chunks == ((60, 60, 60, 60, 10), (3,))


class TestBits:
    @pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
    def test_values_and_jacobians(self, scheduler: str) -> None:
        y, jacobians = dask.compute(fastjac.dask.value(NET, CHUNKS), fastjac.dask.jacobian(NET, CHUNKS), scheduler=scheduler)
        np.testing.assert_array_equal(y, NET(X))
        np.testing.assert_array_equal(jacobians, J)

    @pytest.mark.parametrize("lead", [(), (0,), (10, 25)], ids=str)
    def test_leading_shapes(self, lead: tuple[int, ...]) -> None:
        x = X.ravel()[: 4 * int(np.prod(lead))].reshape(*lead, 4)
        found = fastjac.dask.jacobian(NET, da.from_array(x, chunks=(*(4,) * len(lead), -1)))
        np.testing.assert_array_equal(found.compute(), NET.jacobian(x))

    def test_options(self) -> None:
        found = fastjac.dask.jacobian(NET, CHUNKS, "forward", wrt=[3, 0], of=-1, threads=None)
        np.testing.assert_array_equal(found.compute(), NET.jacobian(X, "forward", wrt=[3, 0], of=-1))

    def test_several_inputs_and_outputs(self) -> None:
        x = STATES, CONTROLS
        y, jacobians, one = dask.compute(
            fastjac.dask.value(GRAPH, GRAPH_CHUNKS),
            fastjac.dask.jacobian(GRAPH, GRAPH_CHUNKS),
            fastjac.dask.jacobian(GRAPH, GRAPH_CHUNKS, wrt=CONTROL),
        )
        for found, expected in (
            (y, GRAPH(x)),
            (one, GRAPH.jacobian(x, wrt=CONTROL)),
            *zip(jacobians, GRAPH.jacobian(x), strict=True),
        ):
            assert isinstance(found, tuple)
            for part, wanted in zip(found, expected, strict=True):
                np.testing.assert_array_equal(part, wanted)

    def test_chunks_of_unknown_sizes(self) -> None:
        found = CHUNKS[CHUNKS[:, 0] > 0]
        np.testing.assert_array_equal(fastjac.dask.jacobian(NET, found).compute(), J[X[:, 0] > 0])

    @pytest.mark.parametrize("threads", [1, None])
    def test_one_thread_for_each_task_unless_more_are_asked_for(
        self, threads: int | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        used, run, alone = [], Runner.__call__, Runner.alone
        monkeypatch.setattr(Runner, "__call__", lambda self, *arguments: (used.append(arguments[4]), run(self, *arguments)))
        # Few inputs go here where nobody asks for a number of threads.
        monkeypatch.setattr(Runner, "alone", lambda self, *arguments: (used.append(None), alone(self, *arguments)))
        more = {} if threads == 1 else {"threads": threads}
        dask.compute(
            fastjac.dask.jacobian(NET, CHUNKS, **more),
            fastjac.dask.mean_jacobian(NET, CHUNKS, **more),
            fastjac.dask.value(NET, CHUNKS, **more),
        )
        assert used == 15 * [threads]


class TestReductions:
    def test_means(self) -> None:
        for net, x in ((NET, CHUNKS), (NET, CHUNKS.reshape(50, 5, 4)), (SINGLE, CHUNKS), (NET, CHUNKS[0])):
            jacobians = net.jacobian(np.asarray(x)).reshape(-1, 3, 4).astype(float)
            found = dask.compute(fastjac.dask.mean_jacobian(net, x), fastjac.dask.mean_jacobian(net, x, absolute=True))
            np.testing.assert_allclose(found[0], jacobians.mean(0), rtol=1e-12)
            np.testing.assert_allclose(found[1], np.abs(jacobians).mean(0), rtol=1e-12)
            assert found[0].dtype == np.float64

    def test_fisher(self) -> None:
        factor = RNG.standard_normal((3, 3))
        matrix = factor @ factor.T
        for precision, full in ((None, np.eye(3)), (2.0, 2 * np.eye(3)), ([1, 2, 3], np.diag([1, 2, 3])), (matrix, matrix)):
            found = fastjac.dask.fisher(NET, CHUNKS, precision, wrt=[1, 2]).compute()
            part = J[..., [1, 2]]
            np.testing.assert_allclose(found, np.einsum("nia,ij,njb->ab", part, full, part), rtol=1e-12)
            np.testing.assert_array_equal(found, found.T)

    def test_of_several_inputs_and_outputs(self) -> None:
        whole = GRAPH.jacobian((STATES, CONTROLS), wrt=slice(None), of=slice(None))
        np.testing.assert_allclose(fastjac.dask.mean_jacobian(GRAPH, GRAPH_CHUNKS).compute(), whole.mean(0), rtol=1e-12)

    def test_bits_do_not_depend_on_who_computes(self) -> None:
        x = da.from_array(RNG.standard_normal((1000, 4)), chunks=(30, -1))
        lazy = fastjac.dask.mean_jacobian(NET, x)
        results = {
            lazy.compute(scheduler=name, num_workers=n).tobytes()
            for name, n in (("synchronous", 1), ("threads", 2), ("threads", 5))
        }
        assert len(results) == 1


def test_names_follow_from_content() -> None:
    again = pickle.loads(pickle.dumps(NET))
    assert dask.base.tokenize(again) == dask.base.tokenize(NET) != dask.base.tokenize(SINGLE)
    assert fastjac.dask.jacobian(NET, CHUNKS).name == fastjac.dask.jacobian(again, CHUNKS).name
    assert len({fastjac.dask.jacobian(NET, CHUNKS, wrt=wrt).name for wrt in (None, 0, 1)}) == 3


class TestLabels:
    TABLE = xarray.DataArray(
        CHUNKS,
        {
            "time": np.arange(250),
            "place": ("time", np.arange(250) % 7),
            "feature": list("abcd"),
            "unit": ("feature", list("mmss")),
        },
        ("time", "feature"),
    )

    def test_of_jacobians(self) -> None:
        found = fastjac.dask.jacobian(NET, self.TABLE)
        assert found.dims == ("time", "output", "feature")
        np.testing.assert_array_equal(found.sel(time=30, feature="c"), J[30, :, 2])
        assert found.unit.sel(feature="c") == "s"
        assert found.place[30] == 30 % 7
        some = fastjac.dask.jacobian(NET, self.TABLE, wrt=[3, 1])
        np.testing.assert_array_equal(some.sel(time=249, feature="b"), J[249, :, 1])

    def test_of_the_rest(self) -> None:
        y = fastjac.dask.value(NET, self.TABLE)
        assert (y.dims, set(y.coords)) == (("time", "output"), {"time", "place"})
        mean = fastjac.dask.mean_jacobian(NET, self.TABLE)
        assert (mean.dims, set(mean.coords)) == (("output", "feature"), {"feature", "unit"})
        fisher = fastjac.dask.fisher(NET, self.TABLE)
        assert fisher.dims == ("feature", "feature_2")
        np.testing.assert_allclose(fisher.sel(feature="a", feature_2="d"), np.vdot(J[..., 0], J[..., 3]), rtol=1e-12)

    def test_outputs_in_blocks(self) -> None:
        x = fj.Input(4)
        net = fj.Network(inputs=x, outputs=(fj.Tanh()(x), x[:2] * 2.0))
        _, doubled = fastjac.dask.jacobian(net, self.TABLE)
        assert doubled.sel(feature="b").isel(time=0).values.tolist() == [0.0, 2.0]

    def test_a_table_without_coordinates(self) -> None:
        found = fastjac.dask.jacobian(NET, xarray.DataArray(CHUNKS, dims=("n", "k")), wrt=0)
        assert (found.dims, found.shape, set(found.coords)) == (("n", "output", "k"), (250, 3, 1), set())


LABELLED = xarray.DataArray(X, dims=("sample", "feature"))
WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "units in chunks": (
        lambda: fastjac.dask.jacobian(NET, da.from_array(X, chunks=(100, 2))),
        ShapeError,
        r"x must have all 4 features of a sample in one chunk, got chunks of \(2, 2\); rechunk it: x.rechunk\(\{-1: -1\}\)",
    ),
    "features": (lambda: fastjac.dask.value(NET, CHUNKS.T), ShapeError, r"x must have shape \(..., 4\), .*transposed"),
    "an array": (lambda: fastjac.dask.value(NET, X), DtypeError, "x must be a dask array, got ndarray; make one by"),
    "a table": (lambda: fastjac.dask.value(NET, LABELLED), DtypeError, "got ndarray; .* of a DataArray by x.chunk"),
    "complex": (lambda: fastjac.dask.value(NET, CHUNKS * 1j), DtypeError, "x must hold real numbers, got dtype complex128"),
    "no network": (lambda: fastjac.dask.fisher(np.tanh, CHUNKS), DtypeError, "net must be a fastjac.Network, got ufunc"),
    "one array for two": (lambda: fastjac.dask.jacobian(GRAPH, CHUNKS), DtypeError, "x must be a tuple of 2 arrays"),
    "tables for two": (
        lambda: fastjac.dask.value(GRAPH, tuple(map(xarray.DataArray, GRAPH_CHUNKS))),
        DtypeError,
        r"x\[0\] must be a dask array, got DataArray; pass x\[0\].data",
    ),
    "no samples": (lambda: fastjac.dask.mean_jacobian(NET, CHUNKS[:0]), ShapeError, r"at least one sample, .* shape \(0, 4\)"),
    "unequal": (lambda: fastjac.dask.value(GRAPH, (GRAPH_CHUNKS[0], GRAPH_CHUNKS[1][1:])), ShapeError, "the same leading shape"),
    "mode": (lambda: fastjac.dask.jacobian(NET, CHUNKS, "fast"), OptionError, "mode"),
    "wrt": (lambda: fastjac.dask.jacobian(NET, CHUNKS, wrt=4), OptionError, "wrt must lie between -4 and 3"),
    "threads": (lambda: fastjac.dask.jacobian(NET, CHUNKS, threads=0), OptionError, "threads must be a positive integer"),
    "precision": (
        lambda: fastjac.dask.fisher(NET, CHUNKS, np.ones(2)),
        ShapeError,
        "precision must have 3 entries in a row",
    ),
    "unknown sizes": (
        lambda: fastjac.dask.mean_jacobian(NET, CHUNKS[CHUNKS[:, 0] > 0]),
        ShapeError,
        r"x must have chunks of known sizes, got shape \(nan, 4\); call x.compute_chunk_sizes\(\) before",
    ),
    "a dimension output": (
        lambda: fastjac.dask.jacobian(NET, xarray.DataArray(CHUNKS, dims=("output", "feature"))),
        OptionError,
        "x must have no dimension 'output', .* rename it",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_input(wrong: str) -> None:
    call, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        call()
