"""Compatible binarizers in a few lines, and what an index of several versions must answer."""

import numpy as np

import bitindex as bi
from bitindex.binarize import BINARIZERS

# Powers of two, so that all scores of binary queries are exact in float32, and many are equal.
WIDTHS = (8, 16, 32)


class PrefixBinarizer(bi.SignBinarizer):
    """Signs; the first dimensions of an embedding are that of an older, shorter model.

    It can search the codes of every shorter one, and scores them a little higher than its own.
    """

    def can_search(self, other):
        return isinstance(other, PrefixBinarizer) and other.n_bits_ <= self.n_bits_

    def queries_for(self, other, directions):
        constants = np.full(len(directions), shift_of(self.n_bits_, other.n_bits_), np.float32)
        return directions[:, : other.n_bits_], constants


def shift_of(n_query_dims, n_row_dims):
    return (n_query_dims - n_row_dims) / 64


def prefix_binarizer(n_dims, query="binary"):
    return PrefixBinarizer(query=query).fit(np.ones((1, n_dims)))


def versioned_index(widths=WIDTHS, query="binary"):
    """Return an empty index with a version for each width."""
    index = bi.EmbeddingIndex(prefix_binarizer(widths[0], query))
    for number, width in enumerate(widths[1:], 1):
        assert index.add_version(prefix_binarizer(width, query)) == number
    return index


def register(monkeypatch):
    """Let files hold these binarizers."""
    monkeypatch.setitem(BINARIZERS, "prefix", PrefixBinarizer)


def embeddings(n_rows, n_dims, seed=0):
    """Rows of which some are equal."""
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((n_rows, n_dims)).astype(np.float32)
    return rows[generator.integers(0, max(1, n_rows // 2), n_rows)]


class VersionsModel:
    """An index of several versions as a dictionary from id to version and signs."""

    def __init__(self, widths):
        self.widths = list(widths)
        self.rows = {}
        self.next_id = 0

    def put(self, ids, X, version):
        for key, x in zip(ids, X, strict=True):
            self.rows[int(key)] = (version, np.where(x > 0, 1, -1))
            self.next_id = max(self.next_id, int(key) + 1)

    def scores(self, Q, key):
        """The score of one row for each query, of any newer version."""
        version, signs = self.rows[key]
        n_dims = self.widths[version]
        dots = np.where(Q[:, :n_dims] > 0, 1, -1) @ signs
        return dots / n_dims + shift_of(Q.shape[1], n_dims)

    def search(self, Q, k, allowed=None):
        keys = sorted(self.rows if allowed is None else set(allowed) & self.rows.keys())
        scores = np.full((len(Q), len(keys) + k), -np.inf)
        for column, key in enumerate(keys):
            scores[:, column] = self.scores(Q, key)
        ids = np.concatenate([np.array(keys, np.int64), np.full(k, -1)])
        # The ids ascend, and a stable sort keeps them in that order where scores tie.
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, 1).astype(np.float32), ids[best]

    def assert_same(self, index, Q, k, allowed=None, **options):
        chosen = None if allowed is None else sorted(allowed)
        scores, ids = index.search(Q, k, filter=chosen, **options)
        expected_scores, expected_ids = self.search(Q, k, allowed)
        np.testing.assert_array_equal(ids, expected_ids)
        np.testing.assert_array_equal(scores, expected_scores)

    def assert_same_content(self, index):
        keys = sorted(self.rows)
        assert len(index) == len(keys)
        assert sorted(index.ids.tolist()) == keys
        expected = [self.rows[key][0] for key in keys]
        np.testing.assert_array_equal(index.versions_of(keys), expected)
        for version in range(len(self.widths)):
            ids = [key for key in keys if self.rows[key][0] == version]
            if ids:
                signs = np.array([self.rows[key][1] for key in ids])
                np.testing.assert_array_equal(index.get(ids), np.packbits(signs > 0, axis=1))
