"""Rows of the same code in HNSWIndex where rows have few links: each twin keeps its place.

A file is refused unless each twin has its link from the row that it hangs from, so an index that
lost one could be saved, and never loaded again.
"""

import numpy as np
import pytest

import bitindex as bi


def saved_and_loaded(index, path):
    index.save(path)
    loaded = bi.load(path)
    queries = index.get(index.ids[:20])
    for found, expected in zip(
        loaded.range_search(queries, 3), index.range_search(queries, 3), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    return loaded


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_rows_that_become_twins_by_update(tmp_path, m):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        codes = rng.integers(0, 256, (300, 8), dtype=np.uint8)
        index = bi.HNSWIndex(64, m=m, ef_construction=(1, 4, 16)[seed % 3], ef=2)
        index.add(codes)
        for n in (30, 150, 300):
            index.update(rng.permutation(300)[:n], codes[rng.integers(0, 3, n)])
            index = saved_and_loaded(index, tmp_path / "a.bitx")


@pytest.mark.parametrize("m", [2, 4])
def test_twins_that_are_added_and_removed(tmp_path, m):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        codes = rng.integers(0, 256, (200, 8), dtype=np.uint8)
        index = bi.HNSWIndex(64, m=m, ef_construction=4, ef=2)
        index.add(codes)
        for n in (100, 600, 30):
            index.add(codes[rng.integers(0, 5, n)])
            index.remove(rng.permutation(index.ids)[: n // 3])
            index = saved_and_loaded(index, tmp_path / "a.bitx")


@pytest.mark.parametrize("metric", ["sdc2", "sdc3"])
def test_other_codes_of_the_same_direction(tmp_path, metric):
    # Their distance is 0 too, but they are no twins: to other codes, they are not equally far.
    rng = np.random.default_rng(0)
    index = bi.HNSWIndex(12, metric, m=4, ef_construction=8, ef=64)
    codes = bi.pack(rng.integers(0, 2, (1500, 12)).astype(bool))
    ids = index.add(codes)
    index.save(tmp_path / "a.bitx")
    loaded = bi.load(tmp_path / "a.bitx")
    distances, nearest = loaded.range_search(codes, 1e-6)[1:]
    assert (distances <= 1e-6).all()
    assert np.isin(ids, nearest).all()


@pytest.mark.parametrize(("m", "least"), [(3, 0.85), (4, 0.95), (8, 0.95)])
@pytest.mark.parametrize("n_each", [8, 30])
def test_twins_leave_links_that_lead_on(m, least, n_each):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        codes = rng.integers(0, 256, (100, 4), dtype=np.uint8)
        index = bi.HNSWIndex(32, m=m, ef_construction=16, ef=16)
        index.add(codes[rng.permutation(np.repeat(np.arange(100), n_each))])
        assert index._core.n_unreached() == 0
        assert (index.search(codes, 3)[0] == 0).mean() >= least


def test_links_that_give_way_in_turns_are_looked_for_farther_away():
    rng = np.random.default_rng(30)
    index = bi.HNSWIndex(32, "jaccard", m=2, ef_construction=2)
    index.add(rng.integers(0, 256, (8, 4), dtype=np.uint8)[rng.integers(8, size=30)])
    assert index._core.n_unreached() == 0
