"""Filters: every way to say which ids may be returned, in every index kind."""

import numpy as np
import pytest
from reference_index import METRICS, ReferenceIndex, assert_same_index, make_index, random_codes

N_BITS = 24  # a multiple of every number of bits per dimension
IDS = {
    "row_numbers": np.arange(400),
    "ascending": np.arange(400) * 7 + 3,
    "shuffled": np.random.default_rng(0).permutation(1000)[:400],
    "huge": np.append(2**63 - 2 - np.arange(200) * 2**40, np.arange(200)),
}


def filters(ids):
    """Pairs of a filter and the set of ids that it allows."""
    rng = np.random.default_rng(1)
    some = rng.choice(ids, 60, replace=False)
    mask = rng.random(300) < 0.3
    yield None, None
    for allowed_mask in (mask, mask[:5], np.ones(5000, bool), np.zeros(5000, bool), mask[::-2]):
        yield allowed_mask, set(np.flatnonzero(allowed_mask).tolist())
    yield mask.tolist(), set(np.flatnonzero(mask).tolist())
    with_unknown = [*some.tolist(), *some[:9].tolist(), 999_999, -1, -(2**63), 2**63 - 2]
    yield with_unknown, set(with_unknown)
    yield tuple(with_unknown), set(with_unknown)
    yield set(with_unknown), set(with_unknown)
    yield frozenset(with_unknown), set(with_unknown)
    yield {np.int32(5), np.int64(3)}, {3, 5}
    for dtype in (np.uint8, np.int16, ">i4", np.uint64):
        yield np.array([3, 100, 5, 3], dtype), {3, 100, 5}
    yield np.repeat(some, 3)[::-2], set(np.repeat(some, 3)[::-2].tolist())
    for nothing in ([], (), set(), np.array([], np.int64), np.zeros(0, bool), range(0)):
        yield nothing, set()
    yield np.arange(500)[np.newaxis, :, np.newaxis][0, :, 0], set(range(500))


RANGES = [
    range(10),
    range(5, 350),
    range(5, 350, 7),
    range(-5, 350),
    range(-5, 350, 3),
    range(-4, 350, 3),
    range(-300, -5),
    range(350, 5, -7),
    range(350, -20, -3),
    range(349, -1, -1),
    range(50, 20),
    range(3, 4, 10**30),
    range(0, 2**63 - 1, 2**40),
    range(2**63 - 2, -1, -(2**40)),
    range(-(2**70), 100, 2**66 + 1),
    range(-(2**70), 2**70),
    range(2**70, 2**71),
    range(0, 2**71, 2**65),
]
SLICES = [
    slice(None),
    slice(10),
    slice(30, None),
    slice(5, 350, 7),
    slice(350, 5, -7),
    slice(None, None, -3),
    slice(None, 5, -1),
    slice(40, 20),
    slice(2**70, None),
    slice(0, 2**70, 2),
    slice(np.int64(5), np.uint8(200)),
]


def ids_in(numbers, ids):
    return {key for key in ids.tolist() if key in numbers}


def ids_of_slice(bounds, ids):
    return ids_in(range(*bounds.indices(2**63 - 1)), ids)


def filled(kind, ids, metric="hamming"):
    rng = np.random.default_rng(2)
    index, model = make_index(kind, N_BITS, metric), ReferenceIndex(N_BITS, metric)
    codes = random_codes(rng, len(ids), N_BITS)
    index.add(codes, ids)
    model.add(codes, ids)
    return index, model, random_codes(rng, 4, N_BITS)


@pytest.mark.parametrize("n_queries", [1, 4])
@pytest.mark.parametrize("removed", [False, True], ids=["all_rows", "rows_removed"])
@pytest.mark.parametrize("layout", IDS)
def test_every_form_of_filter(kind, layout, removed, n_queries):
    ids = IDS[layout]
    index, model, queries = filled(kind, ids)
    if removed:
        assert index.remove(ids[::5]) == model.remove(ids[::5])
    for allowed, expected in filters(ids):
        assert_same_index(index, model, queries[:n_queries], expected, filter=allowed)
    for numbers in RANGES:
        assert_same_index(index, model, queries[:n_queries], ids_in(numbers, ids), filter=numbers)
    for bounds in SLICES:
        expected = ids_of_slice(bounds, ids)
        assert_same_index(index, model, queries[:n_queries], expected, filter=bounds)


@pytest.mark.parametrize("metric", METRICS[1:])
def test_filters_of_other_metrics(kind, metric):
    index, model, queries = filled(kind, IDS["shuffled"], metric)
    for allowed, expected in filters(IDS["shuffled"]):
        assert_same_index(index, model, queries, expected, filter=allowed)


@pytest.mark.parametrize("share", [0.0002, 0.01, 0.5, 0.999])
def test_many_rows_and_threads(kind, share):
    rng = np.random.default_rng(3)
    n = 20_000
    index, model, queries = filled(kind, rng.permutation(n), "jaccard")
    gone = rng.choice(n, 2000, replace=False)
    assert index.remove(gone) == model.remove(gone)
    mask = rng.random(n) < share
    allowed = set(np.flatnonzero(mask).tolist())
    for threads in (1, 2, 5):
        assert_same_index(index, model, queries, allowed, filter=mask, threads=threads)
        assert_same_index(index, model, queries[:1], allowed, filter=mask, threads=threads)


def test_a_filter_is_of_ids_and_not_of_rows(kind):
    index = make_index(kind, 8)
    index.add([[0], [1], [3]], [30, 10, 20])
    assert index.search([0], 3, filter=range(15))[1].tolist() == [[10, -1, -1]]
    mask = np.zeros(31, bool)
    mask[[10, 30]] = True
    assert index.search([0], 3, filter=mask)[1].tolist() == [[30, 10, -1]]
    assert index.search([0], 3, filter=mask[:30])[1].tolist() == [[10, -1, -1]]
