"""What the rows say together, and which targets are met."""

import pytest

from asv_benches import common, isa
from asv_benches.report import targets, verdicts

from .rows import CEILINGS, row


def test_summary_has_the_mean_the_least_and_how_many_are_barely_ahead():
    rows = [row("seed-1"), row("seed-64", fastjac=4.5e-5), row("seed-1024", fastjac=5e-5)]
    mean, least, barely = verdicts.summary(rows)
    assert mean == "Geometric mean of best peer / fastjac over 3 rows: 1.41."
    assert least == "Least rows: seed-1024 float64 (1.00), seed-64 float64 (1.11), seed-1 float64 (2.50)."
    assert barely == "Rows under 1.2: 2 of 3."


def test_summary_names_only_the_least_rows():
    assert verdicts.summary([row("seed-1")] * 10)[1].count("seed-1") == verdicts.LEAST_ROWS


def test_summary_counts_peers_that_are_not_held_apart(monkeypatch):
    rows = [row("seed-1", fastjac=5e-5), row("seed-1", "float32", fastjac=5e-5)]
    assert not any("held" in sentence for sentence in verdicts.summary(rows))
    monkeypatch.setenv(isa.HELD, isa.AVX2)
    # expert NumPy takes 1.2 times as long as fastjac in float64, where JAX does not count, and JAX 1.0 times in float32.
    assert verdicts.summary(rows)[-1] == (
        "Without JAX in float64, whose products are not held to AVX2, the mean is 1.10, and 1 rows are under 1.2."
    )
    assert not any("held" in sentence for sentence in verdicts.summary(rows[1:]))


def test_every_cell_has_a_target():
    assert targets.OVER_BEST_PEER.keys() == common.NETWORKS.keys()
    for name, recipe in common.NETWORKS.items():
        assert len(targets.OVER_BEST_PEER[name]) == len(recipe.batches)
    assert targets.over_best_peer(common.CELLS["acasxu-real-64"]) == 8.0
    assert targets.over_best_peer(common.CELLS["seed-1024"]) == 2.0
    assert [str(cell) for cell in common.CELLS.values() if targets.is_large_batch(cell)] == [
        f"{name}-{recipe.batches[2]}" for name, recipe in common.NETWORKS.items() if len(recipe.batches) == 3
    ]


def test_verdicts_name_the_rows_that_miss():
    rows = [row("square-1"), row("seed-1"), row("seed-1024", fastjac=7e-5, multiply_adds=5.1e4), row("seed-1024", "float32")]
    text = "\n".join(verdicts.verdicts(rows, CEILINGS))
    assert "fastjac: 1.83, target 3.5 (missed)" in text
    assert "met on 2 of 4 rows; missed on: seed-1 float64 (2.50 of 4), seed-1024 float64 (0.71 of 2)." in text
    assert "under 1.8 of the best peer: seed-1024 float64 (0.71)." in text
    assert "behind expert NumPy: seed-1024 float64 (0.86)." in text
    assert "above 1.4 floors, 1 of 2: seed-1024 float32 (2.00)." in text
    assert "dense" not in text


def test_verdicts_of_rows_that_reach_everything():
    text = "\n".join(verdicts.verdicts([row("square-1", fastjac=1e-5)], CEILINGS))
    assert "fastjac: 5.00, target 3.5 (met)" in text
    assert "Targets met on 1 of 1 rows; missed on: none." in text
    assert "large batches" not in text


@pytest.mark.parametrize(("share", "verdict"), [(0.4, "met"), (0.6, "missed")])
def test_square_network_is_held_against_a_dense_sweep(share, verdict):
    dense = 64 * 5 * 256**3 / 1e9
    text = verdicts.verdicts([row("square-64", "float32", fastjac=share * dense)], CEILINGS)[-1]
    assert f"square-64 float32 takes {share:.2f} of a perfect dense reverse sweep" in text
    assert f"{1e3 * dense:.1f} ms; target 0.5 ({verdict})" in text
