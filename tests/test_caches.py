"""The sizes of the caches, as systems describe them."""

import pytest

from fastjac.caches import DEFAULT, LEAST, MOST, Caches, believed, caches, on_linux

XEON = [("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "2048K"), ("3", "Unified", "491520K")]


def described(folder, entries):
    for number, entry in enumerate(entries):
        cache = folder / f"index{number}"
        cache.mkdir()
        for name, text in zip(("level", "type", "size"), entry, strict=True):
            (cache / name).write_text(f"{text}\n")
    return on_linux(folder)


def test_linux_lists_each_cache_in_a_folder(tmp_path):
    assert described(tmp_path, XEON) == (48 * 1024, 2048 * 1024)


@pytest.mark.parametrize("entries", [[], [("1", "Data", "")], [("one", "Data", "32K")], [("2", "Unified", "big")], XEON[1:2]])
def test_what_linux_does_not_say_is_taken_by_default(tmp_path, entries):
    assert believed(described(tmp_path, entries)) == DEFAULT


def test_a_cache_that_is_not_described_in_full_is_left_out(tmp_path):
    described(tmp_path, XEON)
    (tmp_path / "index2" / "size").unlink()
    assert on_linux(tmp_path) == (48 * 1024, 0)


def test_sizes_beyond_belief_are_bounded():
    assert believed((1, 1)) == LEAST
    assert believed((2**40, 2**40)) == MOST
    assert believed((48 * 1024, 1024 * 1024)) == Caches(48 * 1024, 1024 * 1024)


def test_this_machine_has_caches():
    assert LEAST <= caches() <= MOST
    assert caches() is caches()
