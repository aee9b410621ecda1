"""HNSWIndex while it is built: interrupted, searched meanwhile; and under an EmbeddingIndex."""

import numpy as np
import pytest
from test_signals import LONG, POSIX

import bitindex as bi


@POSIX
@pytest.mark.parametrize("threads", [1, 3])
def test_ctrl_c_during_a_build(run_python, threads):
    run_python(
        LONG
        + f"""
bi.set_num_threads({threads})
index = bi.HNSWIndex(256, ef_construction=200)
rows = rng.integers(0, 256, (400_000, 32), dtype=np.uint8)
interrupted_by(KeyboardInterrupt, lambda: index.add(rows))
n_linked = len(index._core.structure()["links"])
assert n_linked < len(index) == 400_000
some = np.linspace(0, 399_999, 50).astype(int)
distances, ids = index.search(rows[some], 2)
assert ids[:, 0].tolist() == some.tolist()
assert (np.diff(index.range_search(rows[some], 0)[0]) == 1).all()
assert index.remove(some[:10]) == 10
interrupted_by(KeyboardInterrupt, lambda: index.add(rows[:1], [10**6]))
assert len(index._core.structure()["links"]) >= n_linked
assert index.search(rows[some[20:]], 1)[1][:, 0].tolist() == some[20:].tolist()
"""
    )


@POSIX
def test_ctrl_c_during_an_update(run_python):
    run_python(
        LONG
        + """
index = bi.HNSWIndex(64, ef_construction=200)
rows = rng.integers(0, 256, (9000, 8), dtype=np.uint8)
index.add(rows)
ids, others = np.arange(0, 9000, 3), ~rows[::3]
interrupted_by(KeyboardInterrupt, lambda: [index.update(ids, others) for _ in range(99)])
assert len(index._core.structure()["pending"]) > 0
distances, found = index.search(others, 1, ef=20)
assert (distances == 0).mean() > .9
assert (index.search(rows[1::3], 1, ef=20)[0] == 0).mean() > .9
index.update([0], rows[:1])
assert len(index._core.structure()["pending"]) == 0
assert index.search(rows[:1], 1)[1][0, 0] == 0
assert index._core.n_unreached() == 0
"""
    )


def test_searches_during_additions_and_removals(run_together):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (8000, 8), dtype=np.uint8)
    index = bi.HNSWIndex(64, ef=16)
    index.add(rows[:3000])

    def write():
        for first in range(3000, 8000, 500):
            index.add(rows[first : first + 500], range(first, first + 500))
            index.remove(range(first - 1500, first - 1250))

    def search():
        while len(index) < 5500:
            distances, ids = index.search(rows[:200], 5, threads=2)
            assert (ids >= 0).all()
            assert (distances[:, 0] == 0).mean() > 0.8

    run_together(write, search, search)
    assert index._core.n_unreached() == 0


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("rescore", [None, "int8"])
def test_embeddings(similarity, rescore):
    rng = np.random.default_rng(1)
    centers = rng.standard_normal((40, 48))
    X = centers[rng.integers(0, 40, 6200)] + 0.6 * rng.standard_normal((6200, 48))
    X = X.astype(np.float32)
    binarizer = bi.RotationBinarizer().fit(X[:6000])
    found = {}
    for kind, options in (("flat", {}), ("hnsw", {"m": 12, "ef": 40})):
        index = bi.EmbeddingIndex(binarizer, kind, similarity, rescore, **options)
        index.add(X[:6000])
        found[kind] = index.search(X[6000:], 10)
    worst = found["flat"][0][:, -1:]
    assert np.mean(found["hnsw"][0] >= worst) >= 0.95
    assert repr(index).startswith("EmbeddingIndex(RotationBinarizer(")
    # How far to look, in a search as in the constructor.
    exact = index.search(X[6000:], 10, effort=10**6)
    for got, expected in zip(exact, found["flat"], strict=True):
        np.testing.assert_array_equal(got, expected)
    near = index.search(X[6000:], 1, effort=1, oversample=1)[0]
    assert (near < found["flat"][0][:, :1]).any()


def test_embeddings_of_the_same_code():
    rng = np.random.default_rng(2)
    X = np.repeat(np.sign(rng.standard_normal((400, 32))), 10, axis=0)
    X *= rng.uniform(0.5, 2, (4000, 1))  # the code is that of the direction, the score is not
    found = []
    for kind, options in (("flat", {}), ("hnsw", {"ef": 25})):
        index = bi.EmbeddingIndex(bi.SignBinarizer("zero").fit(X), kind, "dot", **options)
        index.add(X)
        found.append(index.search(X[::40], 5))
    assert np.mean(found[1][0] >= found[0][0][:, -1:]) >= 0.95


def test_file_of_embeddings(tmp_path):
    X = np.random.default_rng(3).standard_normal((5000, 32), dtype=np.float32)
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(X), "hnsw", ef=20, m=8)
    index.add(X)
    index.save(tmp_path / "a.bitx")
    for mmap in (False, True):
        loaded = bi.load(tmp_path / "a.bitx", mmap=mmap)
        for got, expected in zip(loaded.search(X[:50]), index.search(X[:50]), strict=True):
            np.testing.assert_array_equal(got, expected)
