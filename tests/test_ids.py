"""Ids in any order: told apart, and found once somebody looks for one."""

import numpy as np
import pytest
from reference_index import assert_same_answers, make_index, random_codes
from refusals import refused

import bitindex as bi

N_ROWS = 3000
CODES = random_codes(np.random.default_rng(0), N_ROWS, 64)
IDS = np.random.default_rng(1).permutation(5 * N_ROWS)[:N_ROWS]
UNKNOWN = np.setdiff1d(np.arange(5 * N_ROWS), IDS)[:50]


@pytest.fixture
def loaded(kind, tmp_path):
    index = make_index(kind, 64)
    index.add(CODES, IDS)
    index.save(tmp_path / "a.bitx")
    return bi.load(tmp_path / "a.bitx")


def add_known(index):
    with refused(ValueError, f"id {IDS[7]} is already in the index"):
        index.add(CODES[:2], [UNKNOWN[0], IDS[7]])


def add_unknown(index):
    index.add(CODES[:50], UNKNOWN)
    np.testing.assert_array_equal(index.get(UNKNOWN), CODES[:50])


def update(index):
    index.update(IDS[::-3], CODES[::3])
    np.testing.assert_array_equal(index.get(IDS[::-3]), CODES[::3])


def remove(index):
    assert index.remove(np.concatenate([IDS[:20], UNKNOWN])) == 20
    assert set(index.ids) == set(IDS[20:])


def look(index):
    assert [i in index for i in (*IDS[:5], *UNKNOWN[:5])] == [True] * 5 + [False] * 5


def get(index):
    np.testing.assert_array_equal(index.get(IDS[::-1]), CODES[::-1])
    with refused(KeyError, f"id {UNKNOWN[0]} is not in the index"):
        index.get(UNKNOWN[:1])


def search_some(index):
    allowed = np.concatenate([IDS[5::7], UNKNOWN])
    model = bi.FlatIndex(64)
    model.add(CODES[5::7], IDS[5::7])
    got = index.search(CODES[:30], 5, filter=allowed)
    assert_same_answers(got, model.search(CODES[:30], 5))


CALLS = [add_known, add_unknown, update, remove, look, get, search_some]


@pytest.mark.parametrize("call", CALLS)
def test_any_call_may_be_the_first_to_look_for_ids(loaded, call):
    call(loaded)


def test_threads_look_for_ids_at_once(loaded, run_together):
    run_together(*[lambda call=call: call(loaded) for call in (look, get, search_some) * 3])


def test_searches_of_a_loaded_index_need_no_table_of_ids(loaded):
    before = loaded._core.memory_bytes()
    loaded.search(CODES[:10], 5)
    loaded.search(CODES[:10], 5, filter=range(100, 2000))
    loaded.range_search(CODES[:10], 9, filter=np.arange(5 * N_ROWS) % 2 == 0)
    assert loaded._core.memory_bytes() == before
    look(loaded)
    assert 4 * N_ROWS < loaded._core.memory_bytes() - before <= 16 * N_ROWS


@pytest.mark.parametrize("spacing", [1, 3, 2**40])
@pytest.mark.parametrize("n", [2, 1000, 200_000])
def test_large_sets_of_ids_are_told_apart(n, spacing):
    rng = np.random.default_rng(n)
    ids = rng.permutation(n) * spacing
    codes = np.zeros((n, 1), np.uint8)
    for first, second in ((0, n - 1), (n // 3, n // 3 + 1)):
        index = bi.FlatIndex(8)
        twice = ids.copy()
        twice[second] = twice[first]
        with refused(ValueError, f"ids must be distinct, got id {twice[first]} more than once"):
            index.add(codes, twice)
        assert len(index) == 0
    assert len(index.add(codes, ids)) == n
    assert index.remove(ids[::2]) == len(ids[::2])
