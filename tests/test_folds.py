"""FlatIndex(sort_by="popcount") by folded codes: few bits set, few queries, the same answers."""

import threading

import numpy as np
import pytest
from reference_index import (
    BIT_ORDERS,
    ReferenceIndex,
    assert_same_answers,
    assert_same_content,
    assert_same_index,
)

import bitindex as bi

EVERY_METRIC = pytest.mark.parametrize("metric", ["jaccard", "dice", "cosine"])
# Codes too short for folds, with short ones only, with both lengths, and ends that fill no word.
WIDTHS = [248, 256, 1000, 1024, 2051]


def enough_rows(n_bits):
    """Return so many that a query looks at folds: of fewer rows all are looked at plainly."""
    return 1_700_000 * 8 // n_bits


def fingerprints(rng, n, n_bits, bit_order="big"):
    """Return families of sparse rows; some bits are frequent, and relatives differ in few."""
    chances = rng.permutation(4.0 / (np.arange(n_bits) + 5.0) ** 0.85).astype(np.float32)
    sizes = rng.lognormal(0, 0.3, (n, 1)).astype(np.float32)
    bits = rng.random((n, n_bits), np.float32) < np.minimum(chances * sizes, 0.9)
    own = rng.random((n, n_bits), np.float32) < rng.choice([0.0, 0.03, 0.1, 0.2, 1.0], (n, 1))
    return np.packbits(np.where(own, bits, bits[rng.integers(0, n, n)]), axis=1, bitorder=bit_order)


def both(n_bits, metric, codes, bit_order="big"):
    index = bi.FlatIndex(n_bits, metric, sort_by="popcount", bit_order=bit_order)
    model = ReferenceIndex(n_bits, metric, bit_order)
    for each in (index, model):
        each.add(codes)
    return index, model


@EVERY_METRIC
@pytest.mark.parametrize("bit_order", BIT_ORDERS)
@pytest.mark.parametrize("n_bits", WIDTHS)
def test_answers(metric, bit_order, n_bits):
    rng = np.random.default_rng(n_bits)
    n = enough_rows(n_bits) if n_bits >= 256 else 2600
    codes = fingerprints(rng, n, n_bits, bit_order)
    codes[100:103] = 0
    index, model = both(n_bits, metric, codes, bit_order)
    queries = codes[[100, 7, 2000, n - 1]]
    answers = model.answers(queries)
    for radius in (0.1, 0.2, 0.4, 0.6, answers.distances[1, 20]):
        expected = answers.within(radius)
        for threads in (1, 3):
            assert_same_answers(index.range_search(queries, radius, threads=threads), expected)
    for i in (0, 2):
        assert_same_index(index, model, queries[i : i + 1])


@EVERY_METRIC
def test_rows_at_the_very_bound_are_found(metric):
    n_bits = 1024
    # Intervals of bits: two of them differ in fewer than 64 bits next to each other, or in more.
    first, size = (x.ravel() for x in np.meshgrid(np.arange(0, 60, 4), np.arange(0, 160, 2)))
    places = np.arange(n_bits)
    bits = (places >= first[:, np.newaxis]) & (places < (first + size)[:, np.newaxis])
    index, model = both(n_bits, metric, np.tile(np.packbits(bits, axis=1), (12, 1)))
    queries = model.get([0, 17, 300, 599, 901, 1199])
    answers = model.answers(queries)
    for q, query in enumerate(queries[:, np.newaxis]):
        one = type(answers)(answers.distances[q : q + 1], answers.ids[q : q + 1])
        for radius in np.unique(one.distances)[:-1:9]:
            for bound in (radius, np.nextafter(radius, np.float32(-1))):
                if bound >= 0:
                    assert_same_answers(index.range_search(query, bound), one.within(bound))
        for k in (1, 2, 30):
            assert_same_answers(index.search(query, k), one.nearest(k))


@EVERY_METRIC
def test_numbers_of_queries(metric):
    rng = np.random.default_rng(1)
    index, model = both(1024, metric, fingerprints(rng, enough_rows(1024), 1024))
    sparse = fingerprints(rng, 150, 1024)
    dense = rng.integers(0, 256, (150, 128), dtype=np.uint8)
    for queries in (sparse, dense, np.concatenate([sparse[:75], dense[:75]])):
        answers = model.answers(queries)
        for n in (0, 1, 2, 3, 9, 150):
            some = type(answers)(answers.distances[:n], answers.ids[:n])
            for threads in (1, 4):
                got = index.search(queries[:n], 5, threads=threads)
                assert_same_answers(got, some.nearest(5))
                got = index.range_search(queries[:n], 0.3, threads=threads)
                assert_same_answers(got, some.within(0.3))


@pytest.mark.parametrize("n_bits", [256, 1024])
def test_folds_that_tell_nothing_apart_and_then_do(n_bits):
    rng = np.random.default_rng(2)
    n_bytes = n_bits // 8
    query = np.packbits(rng.random((1, n_bits)) < 0.06, axis=1)
    # As many bits as the query has; the rows that are near stand together, before others and after.
    n = max(30_000, enough_rows(n_bits))
    others = np.zeros((n, n_bits), bool)
    size = int(bi.popcount(query)[0])
    others[np.arange(len(others))[:, np.newaxis], rng.integers(0, n_bits, (n, size))] = True
    codes = np.packbits(others, axis=1)
    codes[9_000:20_000] = query
    codes[9_000:20_000, rng.integers(n_bytes, size=3)] ^= 5
    index, model = both(n_bits, "jaccard", codes)
    answers = model.answers(query)
    for radius in (0.2, 0.5):
        assert_same_answers(index.range_search(query, radius), answers.within(radius))
    for k in (1, 10_999, 11_500):
        assert_same_answers(index.search(query, k), answers.nearest(k))


@pytest.mark.parametrize("n_bits", [256, 1024])
def test_filters(n_bits):
    rng = np.random.default_rng(3)
    n = enough_rows(n_bits)
    index, model = both(n_bits, "jaccard", fingerprints(rng, n, n_bits))
    query = model.get([5])
    for share in (0.003, 0.03, 0.2, 0.95):
        allowed = set(rng.permutation(n)[: int(n * share)].tolist())
        mask = np.isin(np.arange(n), list(allowed))
        assert_same_index(index, model, query, allowed, filter=mask)
        for radius in (0.2, 0.4):
            got = index.range_search(query, radius, filter=mask)
            assert_same_answers(got, model.range_search(query, radius, allowed))


@EVERY_METRIC
def test_changes_between_searches(metric):
    rng = np.random.default_rng(4)
    n = enough_rows(1024)
    codes = fingerprints(rng, n + 3000, 1024)
    index, model = both(1024, metric, codes[:n])
    queries = codes[[3, 1500, n + 1000]]

    def check():
        assert_same_content(index, model)
        for query in queries[:, np.newaxis]:
            answers = model.answers(query)
            for k in (1, 10):
                assert_same_answers(index.search(query, k), answers.nearest(k))
            for radius in (0.15, 0.4):
                assert_same_answers(index.range_search(query, radius), answers.within(radius))

    def for_each(change):
        change(index)
        change(model)
        check()

    check()
    for_each(lambda each: each.add(codes[n : n + 100]))
    # Rows that are loose because others have come to their place, behind the others, and back.
    for_each(lambda each: each.update([3, 4, n + 50], codes[[n + 1000, 1500, n + 1000]]))
    for_each(lambda each: each.update(np.arange(100, 300), codes[n + 2000 : n + 2200]))
    for_each(lambda each: each.update([3, 4], codes[[3, 4]]))
    for_each(lambda each: each.remove([3, 1500, *range(200, 250)]))
    for_each(lambda each: each.add(codes[[n + 1000, 3]], [3, 1500]))
    for_each(lambda each: each.remove(np.arange(1000, 2600)))
    for_each(lambda each: each.add(codes[n + 100 :]))
    for_each(lambda each: each.remove(np.arange(2 * n)))
    for_each(lambda each: each.add(codes[:n]))


@pytest.mark.parametrize("mmap", [False, True])
def test_saved_and_loaded(mmap, tmp_path):
    rng = np.random.default_rng(5)
    codes = fingerprints(rng, enough_rows(2048), 2048)
    index, model = both(2048, "jaccard", codes)
    assert_same_index(index, model, codes[:1])
    index.save(tmp_path / "a.bitx")
    size = (tmp_path / "a.bitx").stat().st_size
    loaded = bi.load(tmp_path / "a.bitx", mmap=mmap)
    assert_same_index(loaded, model, codes[:1])
    loaded.save(tmp_path / "b.bitx")
    assert (tmp_path / "b.bitx").stat().st_size == size
    if not mmap:
        for each in (loaded, model):
            each.update([0, 2999], codes[[10, 20]])
            each.add(codes[:100], np.arange(15_000, 15_100))
        assert_same_index(loaded, model, codes[:1])


def test_the_first_searches_of_several_threads():
    rng = np.random.default_rng(6)
    codes = fingerprints(rng, enough_rows(256), 256)
    model = ReferenceIndex(256, "dice")
    model.add(codes)
    queries = codes[:40]
    expected = model.search(queries, 10)
    for _ in range(5):
        index = bi.FlatIndex(256, "dice", sort_by="popcount")
        index.add(codes)
        found = [None] * 8
        start = threading.Barrier(len(found))

        def search(i, index=index, found=found, start=start):
            start.wait()
            mine = [index.search(q[np.newaxis], 10, threads=1) for q in queries[i::8]]
            found[i] = [np.concatenate(part) for part in zip(*mine, strict=True)]

        threads = [threading.Thread(target=search, args=(i,)) for i in range(len(found))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i, got in enumerate(found):
            assert_same_answers(got, [part[i::8] for part in expected])


@pytest.mark.parametrize(("n_bits", "expected"), [(248, 0), (256, 8), (1016, 8), (1024, 40)])
def test_memory_of_a_row(n_bits, expected):
    n = enough_rows(n_bits)
    codes = fingerprints(np.random.default_rng(7), n, n_bits)
    index, _ = both(n_bits, "jaccard", codes)
    before = index._core.memory_bytes()
    for _ in range(2):
        index.search(codes[:1], 1)
        assert index._core.memory_bytes() - before == expected * n
