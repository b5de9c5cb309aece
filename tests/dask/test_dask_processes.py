"""Jacobians on dask's worker processes: a network is sent to each once, and a worker that is killed loses nothing."""

import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import Any

import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster

import fastjac as fj
import fastjac.dask

RNG = np.random.default_rng(0)
NET = fj.Network([fj.Affine(RNG.standard_normal((6, 4))), fj.Tanh(), fj.Affine(RNG.standard_normal((3, 6)))])
X = RNG.standard_normal((400, 4))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_network_is_sent_once_and_a_killed_worker_loses_nothing() -> None:
    def count_networks() -> None:
        """In a worker: count the networks that are made there."""
        set_up = fj.Network._set_up
        fj.Network.made = 0  # type: ignore[attr-defined]

        def counted(self: fj.Network, *arguments: Any) -> None:
            fj.Network.made += 1  # type: ignore[attr-defined]
            set_up(self, *arguments)

        fj.Network._set_up = counted  # type: ignore[method-assign]

    def slowly(chunk: np.ndarray) -> np.ndarray:
        time.sleep(0.1)
        return chunk

    def count_jacobians(keys: Iterable[Any]) -> int:
        return sum("jacobian" in str(key) for key in keys)

    x = da.from_array(X, chunks=(5, -1)).map_blocks(slowly, meta=X[:0])
    jacobians = fastjac.dask.jacobian(NET, x)
    expected = NET.jacobian(X)  # compiled here, so that no worker compiles while the other computes all
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(count_networks)
        future = client.compute(jacobians)
        while not future.done() and min(map(count_jacobians, client.has_what().values())) < 3:
            time.sleep(0.05)
        made = client.run(lambda: fj.Network.made)  # type: ignore[attr-defined]
        assert set(made.values()) == {1}
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        assert not future.done()
        np.testing.assert_array_equal(future.result(timeout=60), expected)
