"""The scan where its short cuts could go wrong: large k, ties, filters, many ranges of rows."""

import numpy as np
import pytest
from reference_index import ReferenceIndex, assert_same_answers, random_codes

import bitindex as bi

N_BITS = 64
N_ROWS = 20_000
# Of every so many rows one is in the sample that guesses limits.
SAMPLE_SHARE = 32


def sampled_rows(n_rows):
    """The rows that the core samples: for each 64, five words of SplitMix64 and-ed together."""
    mask = 2**64 - 1
    state, rows = 0, []
    for word in range(-(-n_rows // 64)):
        chosen = mask
        for _ in range(SAMPLE_SHARE.bit_length() - 1):
            state = (state + 0x9E3779B97F4A7C15) & mask
            x = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & mask
            x = ((x ^ x >> 27) * 0x94D049BB133111EB) & mask
            chosen &= x ^ x >> 31
        rows += [64 * word + bit for bit in range(64) if chosen >> bit & 1]
    return np.array([row for row in rows if row < n_rows])


def with_near_rows(rng, near_rows, n_near_bits=3):
    """Random codes of which some differ from zero in a few bits only."""
    bits = rng.random((N_ROWS, N_BITS)) < 0.5
    bits[near_rows] = rng.random((len(near_rows), N_BITS)) < n_near_bits / N_BITS
    return np.packbits(bits, axis=1)


def check(codes, queries, ks, ids=None, metric="hamming", **options):
    index, model = bi.FlatIndex(N_BITS, metric), ReferenceIndex(N_BITS, metric)
    index.add(codes, ids)
    model.add(codes, ids)
    answers = model.answers(queries, options.pop("allowed", None))
    for k in ks:
        for threads in (1, 3):
            got = index.search(queries, k, threads=threads, **options)
            assert_same_answers(got, answers.nearest(k))


@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
@pytest.mark.parametrize("shuffled_ids", [False, True])
@pytest.mark.parametrize("n_queries", [1, 5])
def test_large_k(n_queries, shuffled_ids, metric):
    rng = np.random.default_rng(0)
    ids = rng.permutation(N_ROWS) if shuffled_ids else None
    codes = random_codes(rng, N_ROWS, N_BITS)
    check(codes, codes[:n_queries], [63, 64, 500, 3000, N_ROWS], ids, metric)


def test_the_sample_is_what_this_file_says():
    share = len(sampled_rows(N_ROWS)) / N_ROWS
    assert share == pytest.approx(1 / SAMPLE_SHARE, rel=0.2)


@pytest.mark.parametrize("in_sample", [False, True])
def test_a_misleading_sample_loses_nothing(in_sample):
    # All near rows are in the sample, so that it promises far more of them than there are, or none.
    rng = np.random.default_rng(1)
    sample = sampled_rows(N_ROWS)
    near = sample if in_sample else np.setdiff1d(np.arange(0, N_ROWS, 7), sample)
    codes = with_near_rows(rng, near)
    queries = np.packbits(rng.random((6, N_BITS)) < 0.02, axis=1)
    check(codes, queries, [64, 200, 1000])


@pytest.mark.parametrize("order", ["nearest first", "nearest last", "all alike"])
@pytest.mark.parametrize("descending_ids", [False, True])
def test_rows_in_an_unfriendly_order(order, descending_ids):
    rng = np.random.default_rng(2)
    codes = np.packbits(rng.random((N_ROWS, N_BITS)) < rng.random((N_ROWS, 1)), axis=1)
    by_distance = np.argsort(bi.popcount(codes), kind="stable")
    codes = codes[by_distance if order == "nearest first" else by_distance[::-1]]
    if order == "all alike":
        codes[:] = codes[0]
    ids = np.arange(N_ROWS)[::-1] if descending_ids else None
    queries = np.zeros((7, N_BITS // 8), np.uint8)
    check(codes, queries, [1, 10, 100], ids)


@pytest.mark.parametrize("n_queries", [1, 5])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.99])
def test_filters_sparse_and_dense(n_queries, share):
    rng = np.random.default_rng(3)
    codes = random_codes(rng, N_ROWS, N_BITS)
    mask = rng.random(N_ROWS + 100) < share  # ids that no row has among them
    mask[4000:9000] = False
    mask[12_000:14_500] = True
    allowed = set(np.flatnonzero(mask).tolist())
    for form in (mask, np.flatnonzero(mask)):
        check(codes, codes[:n_queries], [10, 500], allowed=allowed, filter=form)


@pytest.mark.parametrize("limits", [(0, 0, 1), (63, 64, 1), (1, 9_999, 1), (5, N_ROWS + 9, 7)])
def test_filter_ranges(limits):
    rng = np.random.default_rng(4)
    codes = random_codes(rng, N_ROWS, N_BITS)
    allowed = set(range(*limits))
    for ids in (None, np.arange(N_ROWS) * 2, rng.permutation(N_ROWS)):
        check(codes, codes[:5], [10], ids, allowed=allowed, filter=range(*limits))


def test_filters_pass_over_removed_rows():
    rng = np.random.default_rng(5)
    codes = random_codes(rng, N_ROWS, N_BITS)
    index = bi.FlatIndex(N_BITS)
    index.add(codes)
    index.remove(np.arange(0, N_ROWS, 5))
    model = ReferenceIndex(N_BITS)
    model.add(codes)
    model.remove(range(0, N_ROWS, 5))
    for n_queries in (1, 5):
        for allowed in (None, set(range(100, 15_000)), set(range(0, N_ROWS, 3))):
            form = None if allowed is None else sorted(allowed)
            answers = model.search(codes[:n_queries], 100, allowed)
            assert_same_answers(index.search(codes[:n_queries], 100, filter=form), answers)


@pytest.mark.parametrize("isa", bi._core.supported_isas())
def test_slices_of_every_width(isa, use_isa):
    # Enough rows and few enough results that a limit is found and the rest is counted in slices.
    use_isa(isa)
    rng = np.random.default_rng(6)
    for n_bits in [*range(1, 601), 10_007, 65_536]:
        metric = ("hamming", "jaccard")[n_bits % 2]
        codes = random_codes(rng, 150, n_bits)
        index, model = bi.FlatIndex(n_bits, metric), ReferenceIndex(n_bits, metric)
        index.add(codes)
        model.add(codes)
        # So many queries share slices, more of short codes.
        n_queries = max(7, 224 // len(codes[0]))
        queries = np.resize(codes[::-1], (n_queries, len(codes[0])))
        answers = model.answers(queries)
        assert_same_answers(index.search(queries, 4), answers.nearest(4))
        radius = answers.distances[0, 20]
        assert_same_answers(index.range_search(queries, radius), answers.within(radius))


def test_ties_with_what_another_thread_has_found():
    # The first range of rows ends in rows as near as those at the start of the others, and has
    # not come to them when the others set the limit.
    codes = np.zeros((40_000, N_BITS // 8), np.uint8)
    codes[:8100] = 255
    index = bi.FlatIndex(N_BITS)
    index.add(codes)
    queries = np.zeros((64, N_BITS // 8), np.uint8)
    expected = np.tile(np.arange(8100, 8150), (64, 1))
    for _ in range(20):
        distances, ids = index.search(queries, 50, threads=3)
        np.testing.assert_array_equal(ids, expected)
        assert not distances.any()


@pytest.mark.parametrize("metric", bi._core.metric_names())
@pytest.mark.parametrize("n_queries", [1, 5, 15])
def test_the_nearest_are_the_first_of_all(metric, n_queries):
    # A search for all rows has no limit, and none of the short cuts that come with one.
    codes = np.random.default_rng(8).integers(0, 256, (N_ROWS, 15), dtype=np.uint8)
    index = bi.FlatIndex(120, metric)
    index.add(codes)
    queries = codes[:n_queries] ^ 17
    for got, everything in zip(
        index.search(queries, 30), index.search(queries, N_ROWS), strict=True
    ):
        np.testing.assert_array_equal(got, everything[:, :30])


@pytest.mark.parametrize("query", ["float", "binary"])
@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
def test_the_most_similar_are_the_first_of_all(similarity, query):
    rng = np.random.default_rng(9)
    X = rng.standard_normal((N_ROWS, 32), dtype=np.float32)
    index = bi.EmbeddingIndex(bi.SignBinarizer("mean", query), similarity=similarity).fit(X)
    index.add(X)
    queries = rng.standard_normal((20, 32), dtype=np.float32)
    for got, everything in zip(
        index.search(queries, 30), index.search(queries, N_ROWS), strict=True
    ):
        np.testing.assert_array_equal(got, everything[:, :30])
