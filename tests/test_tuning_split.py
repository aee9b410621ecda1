"""What ``bitindex.tune`` holds out of the rows as queries, and what it searches."""

import numpy as np
import pytest
from small_embeddings import embeddings

from bitindex.tuning.split import hold_out

pytestmark = pytest.mark.once

FEW = {"k": 3, "similarity": "cosine", "n_sample": 50, "n_queries": 7, "random_state": 1}
X = embeddings(600, 24)


class TestHoldOut:
    def rows_of(self, rows):
        return [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in rows]

    def test_rows_are_base_or_queries_and_never_both(self):
        split = hold_out(X, None, **FEW)
        base, queries = self.rows_of(split.base), self.rows_of(split.queries)
        assert (len(base), len(queries)) == (50, 7)
        assert base == sorted(set(base))
        assert not {*base} & {*queries}

    def test_small_data_is_split_as_a_whole(self):
        split = hold_out(X[:15], None, **FEW)
        rows = self.rows_of(split.base) + self.rows_of(split.queries)
        assert sorted(rows) == list(range(15))
        assert len(split.queries) == 1

    def test_true_ids_are_the_nearest(self):
        split = hold_out(X, None, **FEW)
        unit = split.base / np.linalg.norm(split.base, axis=1, keepdims=True)
        np.testing.assert_array_equal(
            split.true_ids, np.argsort(-(split.queries @ unit.T), axis=1)[:, : split.k]
        )

    @pytest.mark.parametrize(
        ("n_sample", "k", "n_nearest"),
        [(50, 30, 3), (50, 3, 1), (300, 10, 5), (580, 10, 10), (1000, 10, 10)],
    )
    def test_a_sample_has_its_share_of_the_nearest(self, n_sample, k, n_nearest):
        split = hold_out(X, None, **FEW | {"n_sample": n_sample, "k": k})
        assert split.n_rows == 593
        assert split.k == n_nearest

    def test_given_queries_leave_all_rows_to_the_base(self):
        Q = embeddings(20, 24, seed=9)
        split = hold_out(X[:50], Q, **FEW)
        np.testing.assert_array_equal(split.base, X[:50])
        assert len(split.queries) == 7
        assert {query.tobytes() for query in split.queries} <= {row.tobytes() for row in Q}

    def test_all_sources_give_the_same_sample(self, tmp_path):
        np.save(tmp_path / "X.npy", X)
        wanted = hold_out(X, None, **FEW)
        batches = iter([X[:11], X[11:400], X[400:]])
        for source in (tmp_path / "X.npy", batches):
            split = hold_out(source, None, **FEW)
            np.testing.assert_array_equal(split.base, wanted.base)
            np.testing.assert_array_equal(split.queries, wanted.queries)
            assert split.n_rows == wanted.n_rows == 593

    def test_every_row_is_asked_as_often(self):
        counts = np.zeros(30, int)
        for seed in range(400):
            split = hold_out(X[:30], None, **FEW | {"random_state": seed})
            counts[self.rows_of(split.queries)] += 1
        assert counts.sum() == 1200
        # Each count is binomial with mean 40 and standard deviation 6.
        assert 16 < counts.min() <= counts.max() < 64
