"""Torch's own threads, on which `fastjac.torch` runs: each chunk once, with the crew's bits, and on no more than torch uses."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import fastjac.torch
from fastjac.gradients.runner import GradientRunner, addresses_of, fill
from fastjac.kernels.call import HANDLE_WORDS, KERNEL, N_IN, REQUESTED, TASK
from fastjac.kernels.gradient import SIGNATURE
from fastjac.kernels.jit import address_of_compiled, jit
from fastjac.kernels.memory import WORD, view
from fastjac.running import crew
from fastjac.running.crew import Crew, Team
from fastjac.torch import team as torch_team
from fastjac.torch.known import chain_of
from fastjac.torch.team import team_of_torch
from tests.bits import assert_same_bits
from tests.fresh_process import run_script
from tests.gradients import seeded
from tests.gradients.test_runner import NET, arrays_for
from tests.torch.test_torch import assert_agrees, loss_of, perceptron, points

N = 5000
"""Samples that are enough for a call to be shared, and too few for torch to share what it makes of the results."""
MOST = 4
COUNTS, SEEN = HANDLE_WORDS - 2, HANDLE_WORDS - 1
"""Words of a handle of `count`."""


@jit
def count(handle, thread, chunk, chunks):
    """A kernel that counts how often each chunk is run, and how many each thread has."""
    words = view(WORD, handle, HANDLE_WORDS)
    view(WORD, words[COUNTS], chunks)[chunk] += 1
    view(WORD, words[SEEN], MOST)[thread] += 1


@pytest.fixture
def team() -> Iterator[torch_team.Team]:
    """The team, of `MOST` threads on however few cores."""
    team, before = team_of_torch(), torch.get_num_threads()
    if team is None:
        pytest.skip("no OpenMP library of torch's is found here")
    torch.set_num_threads(MOST)
    yield team
    torch.set_num_threads(before)


def counted(team: Team, threads: int, chunks: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each chunk was run, and how many each thread had."""
    counts, seen, handle = np.zeros(chunks, np.int64), np.zeros(MOST, np.int64), np.zeros(HANDLE_WORDS, np.int64)
    kernel = address_of_compiled(count, SIGNATURE)
    handle[[KERNEL, TASK, N_IN, COUNTS, SEEN]] = kernel, REQUESTED, 1, counts.ctypes.data, seen.ctypes.data
    assert team.share(threads, chunks, handle)
    return counts, seen


@pytest.mark.parametrize("threads", range(1, MOST + 1))
def test_each_chunk_is_run_once_by_threads_that_may(team: torch_team.Team, threads: int) -> None:
    for chunks in [*range(1, 21), 1000]:
        counts, seen = counted(team, threads, chunks)
        assert (counts == 1).all()
        assert seen.sum() == chunks
        assert not seen[threads:].any()


def test_other_threads_take_part(team: torch_team.Team) -> None:
    """However busy the machine, they do so soon."""
    end = time.monotonic() + 60
    while not counted(team, MOST, 10_000)[1][1:].any():
        assert time.monotonic() < end


def results_of(team: Team, threads: int, chunks: int) -> tuple[np.ndarray, np.ndarray]:
    """The gradient by x, and that by all parameters, of a request that is shared."""
    runner = GradientRunner(seeded.runner(NET).lowered, NET.layers, team)
    memory, given = runner._take(MOST), arrays_for(500)
    by_x, gradient = np.full((500, 5), np.nan), np.full(NET.n_parameters, np.nan)
    sums = runner._sums(memory, chunks)
    request, scratch_size = runner._request(addresses_of(x_gradient=by_x, **given) | {"sums": sums})
    memory.make_room(MOST, scratch_size, NET.dtype)
    fill(request, memory.words | {"n": 500, "block": 10, "blocks": 50, "starts_sums": True})
    runner._share(request, threads, chunks)
    runner._add_up(sums, chunks, gradient.ctypes.data, 1)
    return by_x, gradient


@pytest.fixture(scope="module")
def expected() -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """The same for each number of chunks, on a crew."""
    crew = Crew()
    crew.most_threads = MOST
    return {chunks: results_of(crew, MOST, chunks) for chunks in range(1, 21)}


@pytest.mark.parametrize("threads", range(1, MOST + 1))
def test_the_same_bits_as_on_the_crew(team: torch_team.Team, expected: dict, threads: int) -> None:
    for chunks, results in expected.items():
        assert_same_bits(results_of(team, threads, chunks), results)


def test_python_threads_at_once(team: torch_team.Team, expected: dict) -> None:
    calls = [(threads, chunks) for threads in (1, 2, MOST) for chunks in (1, 7, 16, 20)] * 3
    with ThreadPoolExecutor(4) as pool:
        shared = pool.map(lambda call: results_of(team, *call), calls)
        alone = pool.map(lambda call: counted(team, *call), calls)
        for (_, chunks), found, (counts, _) in zip(calls, shared, alone, strict=True):
            assert_same_bits(found, expected[chunks])
            assert (counts == 1).all()


def gradients() -> list[Tensor]:
    """Of a step of training that is large enough to be shared."""
    module = perceptron()
    loss = loss_of(*fastjac.torch.value_and_jacobian(module, points(N, 2)))
    return torch.autograd.grad(loss, list(module.parameters()))


def are_equal(found: list[Tensor], expected: list[Tensor]) -> bool:
    return all(map(torch.equal, found, expected))


def test_no_more_threads_than_torch_uses(team: torch_team.Team, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, share = [], team.share
    monkeypatch.setattr(team, "share", lambda threads, *call: asked.append(threads) or share(threads, *call))
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        assert team.most_threads == threads
        found.append(gradients())
        assert set(asked) == ({threads} if threads > 1 else set())
        asked.clear()
    assert are_equal(found[1], found[0])
    assert are_equal(found[2], found[0])


FOREIGN = "7f0 r-xp 0 fe:00 1   /opt/solver/lib/libgomp.so.1\n"
"""A line of a list of mapped files."""
OTHER = "7f1 r-xp 0 fe:00 2   /opt/other one/libiomp5.so\n7f1 rw-p 0 00:00 0\n7f2 r--p 0 fe:00 2   /opt/other one/libiomp5.so\n"
TORCH = Path(torch.__file__).resolve().parent
BROUGHT = str(TORCH / "lib" / "libgomp.so.1")
OWN = f"7f3 r-xp 0 fe:00 3   {BROUGHT}\n"


@pytest.fixture
def mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What stands for the list of mapped files; the team is found anew while a test lasts, and after it."""
    mapped = tmp_path / "maps"
    monkeypatch.setattr(torch_team, "MAPPED", mapped)
    team_of_torch.cache_clear()
    yield mapped
    team_of_torch.cache_clear()


needs_openmp = pytest.mark.skipif("backend: OpenMP" not in torch.__config__.parallel_info(), reason="torch uses no OpenMP here")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("", [], id="none"),
        pytest.param("7f0 r-xp 0 fe:00 1   /usr/lib/libm.so.6\n7f0 rw-p 0 00:00 0   [heap]\n", [], id="others"),
        pytest.param(FOREIGN, ["/opt/solver/lib/libgomp.so.1"], id="the only one"),
        pytest.param(OTHER, ["/opt/other one/libiomp5.so"], id="the only one, several times"),
        pytest.param(FOREIGN + OTHER, [], id="two that are not torch's"),
        pytest.param(FOREIGN + OWN + OTHER, [BROUGHT], id="torch's among others"),
    ],
)
@needs_openmp
def test_the_library_is_torchs_or_the_only_one(lines: str, expected: list[str], mapped: Path) -> None:
    mapped.write_text(lines)
    assert torch_team._runtimes() == expected


@needs_openmp
def test_torch_may_lie_behind_a_link(mapped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = mapped.with_name("torch")
    link.symlink_to(TORCH, target_is_directory=True)
    monkeypatch.setattr(torch, "__file__", str(link / "__init__.py"))
    mapped.write_text(FOREIGN + OWN)
    assert torch_team._runtimes() == [BROUGHT]


def test_a_torch_that_does_not_use_openmp_has_no_team(mapped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped.write_text(OWN)
    monkeypatch.setattr(torch.__config__, "parallel_info", lambda: "ATen parallel backend: native thread pool")
    assert team_of_torch() is None


@pytest.mark.parametrize("lines", ["", FOREIGN + OTHER, None], ids=["none", "two that are not torch's", "no list"])
def test_without_a_library_calls_run_on_the_crew(lines: str | None, mapped: Path) -> None:
    if lines is not None:
        mapped.write_text(lines)
    assert team_of_torch() is None
    module = perceptron()
    assert_agrees(module, points(N, 2))
    (runner,) = chain_of(module, points(N, 2))[0].runners.values()
    assert runner._team is crew.crew


FORK = """
    import os, signal
    import torch
    from fastjac.torch.team import team_of_torch
    from tests.torch.test_team import are_equal, gradients

    torch.set_num_threads(2)
    expected = gradients()
    torch.ones(1_000_000).add(1)
    child = os.fork()
    if not child:
        signal.alarm(10)
        torch.set_num_threads({threads})
        {before_use}
        os._exit(0 if are_equal(gradients(), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
    print(are_equal(gradients(), expected))
"""
"""Torch's threads are not there in a child, where its OpenMP library waits for them for ever; the alarm ends that."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("before_use", ["pass", "team_of_torch.cache_clear()"], ids=["the parent's team", "a team of its own"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_child(team: torch_team.Team, threads: int, before_use: str) -> None:
    assert run_script(FORK.format(threads=threads, before_use=before_use)).stdout == "True\n"
