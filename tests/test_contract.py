"""Every index kind against slow, obvious NumPy: the same distances and the same ids, exactly."""

import time

import numpy as np
import pytest
from reference_index import (
    BIT_ORDERS,
    METRICS,
    WIDTHS,
    ReferenceIndex,
    assert_same_answers,
    assert_same_content,
    assert_same_index,
    fitting_width,
    make_index,
    random_codes,
)

import bitindex as bi
from bitindex import _core

EVERY_METRIC = pytest.mark.parametrize("metric", METRICS)
EVERY_ORDER = pytest.mark.parametrize("bit_order", BIT_ORDERS)


def sparse_ids(rng, n):
    """Distinct ids that neither ascend nor follow one another, the smallest and the largest too."""
    ids = rng.choice(4 * n + 2, n, replace=False) * np.int64(2**40)
    ids[:2] = [2**63 - 2, 0][: len(ids[:2])]
    return np.unique(ids)[rng.permutation(len(np.unique(ids)))]


def filled(kind, rng, n, n_bits, metric="hamming", bit_order="big", ids=None):
    """Return an index and its model with the same n random codes."""
    index = make_index(kind, n_bits, metric, bit_order)
    model = ReferenceIndex(n_bits, metric, bit_order)
    codes = random_codes(rng, n, n_bits, bit_order)
    added = index.add(codes, ids)
    model.add(codes, ids)
    assert added.dtype == np.int64
    assert added.tolist() == list(model.rows)
    return index, model


@EVERY_METRIC
@EVERY_ORDER
@pytest.mark.parametrize("n_bits", WIDTHS)
def test_searches(kind, metric, bit_order, n_bits):
    n_bits = fitting_width(n_bits, metric)
    rng = np.random.default_rng(n_bits)
    for n in [0, 1, 31, 32, 33] if n_bits < 65535 else [0, 33]:
        queries = random_codes(rng, 6, n_bits, bit_order)
        for ids in (None, sparse_ids(rng, n)) if n_bits < 65535 else (None,):
            n_rows = n if ids is None else len(ids)
            index, model = filled(kind, rng, n_rows, n_bits, metric, bit_order, ids)
            assert_same_content(index, model)
            assert_same_index(index, model, queries)
            assert_same_index(index, model, queries[3:4])


@EVERY_METRIC
@pytest.mark.parametrize(("n_bits", "n"), [(7, 5000), (100, 1000), (256, 5000), (1000, 1000)])
def test_many_rows(kind, metric, n_bits, n):
    n_bits = fitting_width(n_bits, metric)
    rng = np.random.default_rng(n_bits)
    index, model = filled(kind, rng, n, n_bits, metric)
    assert_same_content(index, model)
    queries = random_codes(rng, 9, n_bits)
    assert_same_index(index, model, queries)
    assert_same_index(index, model, queries[:1])


# One of each way to score: by counts, by fractions of counts, by levels.
@pytest.mark.parametrize("metric", ["hamming", "cosine", "sdc2"])
def test_more_rows_than_a_task_of_the_scan(kind, metric):
    rng = np.random.default_rng(1)
    n_bits = fitting_width(64, metric)
    for ids in (None, rng.permutation(20_000)):
        index, model = filled(kind, rng, 20_000, n_bits, metric, ids=ids)
        queries = random_codes(rng, 7, n_bits)
        for n_queries in (1, 7):
            answers = model.answers(queries[:n_queries])
            for threads in (1, 2, 5, None):
                got = index.search(queries[:n_queries], 50, threads=threads)
                assert_same_answers(got, answers.nearest(50))
                got = index.range_search(queries[:n_queries], 0.4, threads=threads)
                assert_same_answers(got, answers.within(0.4))


@pytest.mark.parametrize(
    ("n_bits", "n_rows", "n_queries"),
    [(8, 300, 6500), (256, 5000, 300), (2048, 40, 2100), (65536, 40, 65), (65536, 70, 130)],
)
def test_more_queries_than_a_batch_of_tables(kind, n_bits, n_rows, n_queries):
    rng = np.random.default_rng(2)
    for metric in ("hamming", "jaccard", "sdc2"):
        index, model = filled(kind, rng, n_rows, n_bits, metric)
        queries = random_codes(rng, n_queries, n_bits)
        expected = model.search(queries, 12)
        for threads in (1, 3):
            assert_same_answers(index.search(queries, 12, threads=threads), expected)


@EVERY_METRIC
@pytest.mark.parametrize("n_bits", [13, 64, 256, 1000])
def test_every_instruction_set(kind, metric, n_bits, use_isa):
    n_bits = fitting_width(n_bits, metric)
    for isa in _core.supported_isas():
        use_isa(isa)
        rng = np.random.default_rng(3)
        index, model = filled(kind, rng, 1100, n_bits, metric)
        assert index._core.isa == isa
        queries = random_codes(rng, 9, n_bits)
        for n_queries in (1, 2, 9):
            assert_same_index(index, model, queries[:n_queries])


@EVERY_METRIC
@pytest.mark.parametrize("order_of_ids", ["ascending", "descending", "shuffled"])
def test_ties_go_to_the_smaller_id(kind, metric, order_of_ids):
    rng = np.random.default_rng(4)
    n, n_bits = 9000, fitting_width(3, metric)
    ids = {"ascending": np.arange(n) * 3, "descending": np.arange(n)[::-1]}.get(order_of_ids)
    index, model = make_index(kind, n_bits, metric), ReferenceIndex(n_bits, metric)
    codes = rng.integers(0, 8, (n, 1), dtype=np.uint8) << 5
    ids = rng.permutation(n) if ids is None else ids
    index.add(codes, ids)
    model.add(codes, ids)
    queries = np.arange(8, dtype=np.uint8)[:, np.newaxis] << 5
    answers = model.answers(queries)
    for k in (1, 63, 64, 65, 200, 3000):
        expected = answers.nearest(k)
        for threads in (1, 5):
            assert_same_answers(index.search(queries, k, threads=threads), expected)
            one = [part[2:3] for part in expected]
            assert_same_answers(index.search(queries[2:3], k, threads=threads), one)


@pytest.mark.parametrize("metric", ["hamming", "jaccard", "dice", "cosine"])
@EVERY_ORDER
def test_distances_by_hand(kind, metric, bit_order):
    sets = [[], [0], [0, 1], [0, 1, 2, 8], [9], list(range(10))]
    bools = np.zeros((len(sets), 10), bool)
    for row, members in zip(bools, sets, strict=True):
        row[members] = True
    index = make_index(kind, 10, metric, bit_order)
    index.add(bi.pack(bools, bit_order=bit_order))
    expected = {
        "hamming": [2, 1, 0, 2, 3, 8],
        "jaccard": [1, 1 / 2, 0, 1 / 2, 1, 8 / 10],
        "dice": [1, 1 / 3, 0, 2 / 6, 1, 8 / 12],
        "cosine": [1, 1 - 1 / 2**0.5, 0, 1 - 2 / 8**0.5, 1, 1 - 2 / 20**0.5],
    }[metric]
    distances, ids = index.search(bi.pack(bools[2], bit_order=bit_order), 6)
    by_id = distances[0, np.argsort(ids[0])]
    np.testing.assert_array_equal(by_id, np.array(expected, by_id.dtype))
    distances, ids = index.search(bi.pack(bools[0], bit_order=bit_order), 6)
    assert (distances[0, 0], ids[0, 0]) == (0, 0)
    if metric != "hamming":
        assert distances[0, 1:].tolist() == [1] * 5


@EVERY_METRIC
def test_add_remove_update_get(kind, metric):
    rng = np.random.default_rng(5)
    n_bits = fitting_width(13, metric)
    index, model = filled(kind, rng, 300, n_bits, metric)
    queries = random_codes(rng, 5, n_bits)

    def check():
        assert_same_content(index, model)
        assert_same_index(index, model, queries)

    gone = rng.choice(300, 40, replace=False)
    assert index.remove(gone) == model.remove(gone) == 40
    assert index.remove(gone) == 0
    check()
    codes = random_codes(rng, 30, n_bits)
    left = rng.permutation(index.ids)[:30]
    index.update(left, codes)
    model.update(left, codes)
    check()
    back = np.concatenate([rng.permutation(gone)[:20], [1000, 500, 2000]])
    codes = random_codes(rng, 23, n_bits)
    index.add(codes, back)
    model.add(codes, back)
    check()
    assert index.add(codes[:3]).tolist() == [2001, 2002, 2003]
    model.add(codes[:3])
    check()
    for known in (2003, np.int16(500)):
        assert known in index
    for unknown in (2004, -1, 2**63 - 1, 2**80, min(set(gone.tolist()) - model.rows.keys())):
        assert unknown not in index
    assert index.get([2003, 500, 2003]).tolist() == model.get([2003, 500, 2003]).tolist()
    assert index.remove(index.ids) == model.remove(list(model.rows))
    check()
    assert index.add(codes[:2]).tolist() == [2004, 2005]
    model.add(codes[:2])
    check()


@pytest.mark.parametrize("shuffled", [False, True], ids=["row_numbers", "shuffled_ids"])
@pytest.mark.parametrize("metric", ["hamming", "cosine", "sdc4"])
def test_removed_rows_are_compacted(kind, metric, shuffled):
    rng = np.random.default_rng(6)
    n = 5000
    index, model = filled(kind, rng, n, 16, metric, ids=rng.permutation(n) if shuffled else None)
    queries = random_codes(rng, 3, 16)
    for n_gone in (1, 1000, 700, 1500):
        gone = rng.permutation(index.ids)[:n_gone]
        assert index.remove(gone) == model.remove(gone) == n_gone
        assert_same_content(index, model)
        assert_same_index(index, model, queries)
        back, codes = gone[:5], random_codes(rng, min(n_gone, 5), 16)
        index.add(codes, back)
        model.add(codes, back)
        assert_same_content(index, model)
        assert_same_index(index, model, queries)
    assert index.add(codes[:1]).tolist() == [n]


def test_many_small_additions(kind):
    rng = np.random.default_rng(7)
    index, model = make_index(kind, 40), ReferenceIndex(40)
    for code in random_codes(rng, 500, 40):
        index.add(code)
        model.add(code[np.newaxis])
    assert_same_content(index, model)
    assert_same_index(index, model, random_codes(rng, 4, 40))


def test_ids_that_share_their_low_bits_are_no_slower(kind):
    # Times and shard numbers stand in high bits. A hash of low bits needs a minute for these.
    ids = np.random.default_rng(8).permutation(200_000) << 44
    index = make_index(kind, 8)
    start = time.process_time()
    index.add(np.zeros((len(ids), 1), np.uint8), ids)
    assert index.remove(ids[:1000]) == 1000
    assert time.process_time() - start < 10
    assert ids[1000] in index
    assert ids[999] not in index


def test_memory_layouts_and_containers(kind):
    rng = np.random.default_rng(9)
    codes = random_codes(rng, 40, 24)
    index, model = make_index(kind, 24), ReferenceIndex(24)
    wide = np.zeros((40, 9), np.uint8)
    wide[:, 1:7:2] = codes
    read_only = codes.copy()
    read_only.flags.writeable = False
    ways = {
        "Fortran order": np.asfortranarray(codes),
        "strides": wide[:, 1:7:2],
        "negative strides": codes[::-1].copy()[::-1],
        "reversed columns": codes[:, ::-1].copy()[:, ::-1],
        "read-only": read_only,
        "lists": codes.tolist(),
        "tuples": tuple(map(tuple, codes.tolist())),
        "list of arrays": list(codes),
        "Codes": bi.Codes(codes, None, 24),
    }
    for position, way in enumerate(ways.values()):
        ids = np.arange(position, 400 + position, 10)[:40]
        index.add(way, np.stack([ids, ids], axis=1)[:, 0])
        model.add(codes, ids)
    assert_same_content(index, model)
    expected = model.search(codes, 20)
    for name, way in ways.items():
        assert_same_answers(index.search(way, 20), expected), name
    one = [part[:1] for part in expected]
    assert_same_answers(index.search(codes[0], 20), one)
    assert_same_answers(index.search(codes[0].tolist(), np.int64(20), threads=np.int8(1)), one)
    for ids in ([3, 13], (3, 13), np.array([3, 13], ">i4"), np.array([3, 13], np.uint64)):
        np.testing.assert_array_equal(index.get(ids), model.get([3, 13]))


def test_empty_inputs(kind):
    index = make_index(kind, 24)
    for codes in ([], (), np.zeros((0, 3), np.uint8)):
        assert index.add(codes).shape == (0,)
        assert index.add(codes, []).shape == (0,)
        index.update([], codes)
        distances, ids = index.search(codes, 4)
        assert (distances.shape, ids.shape) == ((0, 4), (0, 4))
        lims, distances, ids = index.range_search(codes, 4)
        assert (lims.tolist(), distances.shape, ids.shape) == ([0], (0,), (0,))
    assert index.remove([]) == 0
    assert index.get([]).shape == (0, 3)
    assert (len(index), index.ids.tolist()) == (0, [])
    assert index.search([1, 2, 3], 2)[1].tolist() == [[-1, -1]]
    assert index.range_search([[1, 2, 3]] * 2, 24)[0].tolist() == [0, 0, 0]


def test_results_are_fresh_arrays(kind):
    index = make_index(kind, 8)
    codes = np.arange(4, dtype=np.uint8)[:, np.newaxis]
    ids = np.arange(4)
    index.add(codes, ids)
    codes[:], ids[:] = 255, 7
    index.ids[:] = 9
    index.get([0])[:] = 77
    index.search([0], 4)[1][:] = 5
    assert index.ids.tolist() == [0, 1, 2, 3]
    assert index.get([0, 1, 2, 3]).tolist() == [[0], [1], [2], [3]]


def test_what_an_index_says_of_itself(kind):
    index = make_index(kind, 12, "dice", "little")
    index.add([[1, 2]])
    assert (index.n_bits, index.metric, index.bit_order) == (12, "dice", "little")
    assert "(n_bits=12, metric='dice', bit_order='little'" in repr(index)
    assert repr(index).endswith(") with 1 codes")
