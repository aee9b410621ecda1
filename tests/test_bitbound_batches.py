"""FlatIndex(sort_by="popcount"): one by one or together, many ties, the same answers."""

import numpy as np
import pytest
from reference_index import ReferenceIndex, assert_same_answers

import bitindex as bi

METRICS = ["jaccard", "dice", "cosine"]
BATCHES = (1, 2, 8, 40, 130)


def random_codes(rng, n, n_bits, share):
    return np.packbits(rng.random((n, n_bits), np.float32) < share, axis=1)


def both(n_bits, metric, codes, ids=None):
    index = bi.FlatIndex(n_bits, metric, sort_by="popcount")
    model = ReferenceIndex(n_bits, metric)
    for each in (index, model):
        each.add(codes, ids)
    return index, model


def check(index, model, queries, ks, radii, allowed=None, **options):
    answers = model.answers(queries, allowed)
    for n in BATCHES:
        some = type(answers)(answers.distances[:n], answers.ids[:n])
        for threads in (1, 3):
            for k in ks:
                got = index.search(queries[:n], k, threads=threads, **options)
                assert_same_answers(got, some.nearest(k))
            for radius in radii:
                got = index.range_search(queries[:n], radius, threads=threads, **options)
                assert_same_answers(got, some.within(radius))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("order", ["ascending", "permuted"])
def test_many_rows_with_the_same_distance(metric, order):
    # Of each popcount many rows with few codes, whose ids are mixed with those of other popcounts.
    rng = np.random.default_rng(0)
    n = 6000
    distinct = random_codes(rng, 40, 256, rng.choice([0.1, 0.3, 0.5], (40, 1)))
    codes = distinct[rng.integers(0, len(distinct), n)]
    ids = np.arange(n) * 3 if order == "ascending" else rng.permutation(n)
    index, model = both(256, metric, codes, ids)
    queries = codes[rng.integers(0, n, max(BATCHES))]
    queries[::3, 0] ^= 5
    radii = np.unique(model.answers(queries[:1]).distances)[[0, 5, 12]]
    check(index, model, queries, (1, 10, 200), radii)
    allowed = set(ids[rng.permutation(n)[: n // 2]].tolist())
    check(index, model, queries, (10, 200), radii[1:2], allowed, filter=allowed)


# Of fewer rows none would be better off alone.
N_ENOUGH = 40_000


@pytest.mark.parametrize("n_bits", [512, 1024])
def test_queries_of_which_some_are_better_off_alone(n_bits):
    # Folds tell rows with few bits apart, and none with many: the batch goes on together.
    rng = np.random.default_rng(1)
    n = N_ENOUGH
    shares = np.repeat([0.02, 0.5], n // 2)[:, np.newaxis]
    codes = random_codes(rng, n, n_bits, shares)
    index, model = both(n_bits, "jaccard", codes)
    sparse, dense = codes[rng.integers(0, n // 2, 30)], codes[rng.integers(n // 2, n, 30)]
    dense[::2, 1] ^= 9
    for some in (sparse, sparse[:10]):
        queries = np.concatenate([some, dense])[:40]
        check(index, model, rng.permutation(queries), (1, 10), (0.1, 0.5))


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_changed_rows_and_many_queries(share):
    rng = np.random.default_rng(2)
    codes = random_codes(rng, 9000, 512, share * rng.choice([0.5, 1.0], (9000, 1)))
    codes[3000:6000] = codes[:3000]
    index, model = both(512, "jaccard", codes[:8000])
    queries = codes[rng.integers(0, 9000, max(BATCHES))]
    radii = model.answers(queries[:1]).distances[0, [3, 400]]
    for each in (index, model):
        each.add(codes[8000:8300])
        each.update(np.arange(100, 160), codes[8300:8360])
        each.remove(np.arange(2900, 3100))
    check(index, model, queries, (1, 100), radii)
    for each in (index, model):
        each.add(codes[100:400], np.arange(20_300, 20_000, -1))
    check(index, model, queries, (1, 100), radii)
    for each in (index, model):
        each.remove(np.arange(4000, 8300))
    check(index, model, queries, (1, 100), radii)


def test_all_rows_equal():
    codes = np.tile(random_codes(np.random.default_rng(3), 1, 1024, 0.5), (3000, 1))
    index, model = both(1024, "dice", codes)
    check(index, model, np.tile(codes[:1], (max(BATCHES), 1)), (1, 100), (0.0, 0.5))


@pytest.mark.parametrize("k", [1, 2])
def test_queries_that_go_on_together_before_the_one_that_was_tried(k):
    # The one in the middle is a row and better off alone; smaller ones have no rows near them.
    rng = np.random.default_rng(4)
    codes = random_codes(rng, N_ENOUGH, 1024, rng.choice([0.3, 0.35], (N_ENOUGH, 1)))
    codes[: N_ENOUGH // 2] = codes[N_ENOUGH // 2 :]
    index, model = both(1024, "jaccard", codes)
    queries = np.concatenate([random_codes(rng, 8, 1024, 0.2), codes[:8]])
    answers = model.answers(queries)
    for _ in range(3):
        assert_same_answers(index.search(queries, k, threads=1), answers.nearest(k))
