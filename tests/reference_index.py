"""A slow, obvious index in NumPy: what every index over packed codes must answer."""

from typing import NamedTuple

import numpy as np
import pytest

from bitindex.index import INDEX_KINDS

LEVEL_METRICS = ["sdc1", "sdc2", "sdc3", "sdc4"]
METRICS = ["hamming", "jaccard", "dice", "cosine", *LEVEL_METRICS]
BIT_ORDERS = ["big", "little"]
# Options with which a kind that is not exact looks at every row.
EXACT = {
    "hnsw": {"ef": 2**31 - 1},
    "ivf": {"n_lists": 5, "nprobe": 5},
    "mih": {"fall_back": False},  # exact anyway; so it looks into its tables every time
}
WIDTHS = [1, 7, 8, 13, 64, 100, 256, 1000, 2048, 65536]


def bits_per_dim(metric):
    return int(metric[-1]) if metric in LEVEL_METRICS else 1


def fitting_width(n_bits, metric):
    """Return the next width from n_bits on that a metric takes; the largest is rounded down."""
    step = bits_per_dim(metric)
    return min(-(-n_bits // step), max(WIDTHS) // step) * step


def make_index(kind, n_bits, metric="hamming", bit_order="big"):
    """Return an empty index of a kind, set up so that its answers are exact."""
    if metric not in INDEX_KINDS[kind].metrics:
        pytest.skip(f"{kind} does not search by {metric}")
    return INDEX_KINDS[kind](n_bits, metric, bit_order=bit_order, **EXACT.get(kind, {}))


def random_codes(rng, n, n_bits, bit_order="big"):
    """Random codes, an empty and a full one among them, and pairs of the same so that some tie."""
    bits = rng.random((n, n_bits)) < rng.choice([0.1, 0.5, 0.9], (n, 1))
    bits[1 : n // 2 : 2] = bits[0 : n // 2 - n // 2 % 2 : 2]
    bits[n // 2 : n // 2 + 1] = False
    bits[n // 2 + 1 : n // 2 + 2] = True
    return np.packbits(bits, axis=1, bitorder=bit_order)


def clustered_codes(n):
    """Codes of 64 bits, each an eighth of them away from one of 50 centers."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (50, 8), dtype=np.uint8)[rng.integers(0, 50, n)]
    return codes ^ np.bitwise_and.reduce(rng.integers(0, 256, (3, *codes.shape), dtype=np.uint8))


def levels_of(metric, codes, n_bits, bit_order):
    """Return the levels that codes stand for, shape (n_codes, n_dims)."""
    bits = np.unpackbits(codes, axis=1, count=n_bits, bitorder=bit_order).astype(np.int64)
    places = 2 ** np.arange(bits_per_dim(metric))[::-1]
    numbers = bits.reshape(len(codes), n_bits // len(places), len(places)) @ places
    return 2 * numbers - places.sum()


def level_distances(metric, queries, codes, n_bits, bit_order):
    a, b = (levels_of(metric, x, n_bits, bit_order) for x in (queries, codes))
    # Floats, because only their matrix product is fast; all sums are whole numbers below 2**53.
    product = a.astype(np.float64) @ b.astype(np.float64).T
    if metric == "sdc1":
        return np.float32(n_bits - product) / np.float32(n_bits)
    squares = np.outer((a**2).sum(axis=1), (b**2).sum(axis=1))
    return np.float32(1 - np.sign(product) * np.sqrt(product**2 / squares))


def distances_between(metric, queries, codes, n_bits, bit_order):
    """Return all distances, shape (n_queries, n_codes)."""
    if metric in LEVEL_METRICS:
        return level_distances(metric, queries, codes, n_bits, bit_order)
    # Padding bits are zero on both sides, so they count for nothing; floats are exact for counts.
    a = np.unpackbits(queries, axis=1).astype(np.float32)
    b = np.unpackbits(codes, axis=1).astype(np.float32)
    overlap = (a @ b.T).astype(np.float64)
    size_a, size_b = (x.sum(axis=1, dtype=np.float64) for x in (a, b))
    size_a = size_a[:, np.newaxis]
    different = size_a + size_b - 2 * overlap
    if metric == "hamming":
        return different.astype(np.int32)
    with np.errstate(invalid="ignore", divide="ignore"):
        if metric == "jaccard":
            distances = np.float32(different) / np.float32(size_a + size_b - overlap)
        elif metric == "dice":
            distances = np.float32(different) / np.float32(size_a + size_b)
        else:
            distances = np.float32(1 - overlap / np.sqrt(size_a * size_b))
    distances[(size_a == 0) != (size_b == 0)] = 1
    distances[(size_a == 0) & (size_b == 0)] = 0
    return distances


class ReferenceIndex:
    """The contract of an index as a dictionary from id to code."""

    def __init__(self, n_bits, metric="hamming", bit_order="big"):
        self.metric = metric
        self.n_bits, self.bit_order = n_bits, bit_order
        self.n_bytes = (n_bits + 7) // 8
        self.rows = {}
        self.next_id = 0

    def add(self, codes, ids=None):
        if ids is None:
            ids = range(self.next_id, self.next_id + len(codes))
        for key, code in zip(ids, codes, strict=True):
            assert key not in self.rows
            self.rows[int(key)] = code
            self.next_id = max(self.next_id, int(key) + 1)

    def update(self, ids, codes):
        for key, code in zip(ids, codes, strict=True):
            assert key in self.rows
            self.rows[int(key)] = code

    def remove(self, ids):
        return sum(self.rows.pop(int(key), None) is not None for key in ids)

    def get(self, ids):
        return np.array([self.rows[int(key)] for key in ids], np.uint8).reshape(-1, self.n_bytes)

    def answers(self, queries, allowed=None):
        """Rank all allowed rows for each query."""
        ids = sorted(self.rows if allowed is None else allowed & self.rows.keys())
        codes = self.get(ids)
        distances = distances_between(self.metric, queries, codes, self.n_bits, self.bit_order)
        # The ids ascend, and a stable sort keeps them in that order where distances tie.
        order = np.argsort(distances, axis=1, kind="stable")
        return Answers(np.take_along_axis(distances, order, axis=1), np.array(ids, np.int64)[order])

    def search(self, queries, k, allowed=None):
        return self.answers(queries, allowed).nearest(k)

    def range_search(self, queries, radius, allowed=None):
        return self.answers(queries, allowed).within(radius)


class Answers(NamedTuple):
    """All rows for each query, nearest first: two arrays of shape (n_queries, n_rows)."""

    distances: np.ndarray
    ids: np.ndarray

    def nearest(self, k):
        missing = max(0, k - self.ids.shape[1])
        farthest = 2**31 - 1 if self.distances.dtype == np.int32 else np.inf
        return (
            np.pad(self.distances[:, :k], ((0, 0), (0, missing)), constant_values=farthest),
            np.pad(self.ids[:, :k], ((0, 0), (0, missing)), constant_values=-1),
        )

    def within(self, radius):
        found = self.distances <= np.float32(radius)
        lims = np.concatenate([[0], np.cumsum(found.sum(axis=1))]).astype(np.int64)
        return lims, self.distances[found], self.ids[found]


def assert_same_answers(got, expected):
    for got_array, expected_array in zip(got, expected, strict=True):
        assert got_array.dtype == expected_array.dtype
        np.testing.assert_array_equal(got_array, expected_array)


def recall_by_distance(found, exact):
    """Which share of the rows that were found is as near as the last of the exact answer."""
    return float((found[0] <= exact[0][:, -1:]).mean())


def assert_same_content(index, model):
    """The index holds the ids and the codes of the model, and says so in every way."""
    ids = index.ids
    assert ids.dtype == np.int64
    assert sorted(ids.tolist()) == sorted(model.rows)
    assert len(index) == len(model.rows)
    np.testing.assert_array_equal(index.get(ids), model.get(ids))


def assert_same_index(index, model, queries, allowed=None, **options):
    """The index answers some searches as the model does."""
    answers = model.answers(queries, allowed)
    n_rows = answers.ids.shape[1]
    for k in (0, 1, 10, n_rows, n_rows + 5):
        assert_same_answers(index.search(queries, k, **options), answers.nearest(k))
    middle = answers.distances[0, n_rows // 3] if n_rows > 0 else 0.5
    for radius in (0, 0.25, 1, np.inf, middle):
        got = index.range_search(queries, radius, **options)
        assert_same_answers(got, answers.within(radius))
