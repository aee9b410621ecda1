"""Rows of an EmbeddingIndex: added, replaced, removed, and searched meanwhile."""

import itertools
import threading

import numpy as np
import pytest
from small_embedding_index import PRECISIONS, SIMILARITIES, X, assert_same_results, new_index
from small_embeddings import embeddings

import bitindex as bi


def test_default_ids_are_the_next_free_integers():
    index = new_index(n_rows=3)
    assert index.add(X[3:5]).tolist() == [3, 4]
    assert index.add(X[5], ids=[100]).tolist() == [100]
    assert index.add(X[6:8]).tolist() == [101, 102]
    index.remove([102])
    assert index.add(X[8]).tolist() == [103]
    assert index.add([]).tolist() == []
    assert index.ids.tolist() == [0, 1, 2, 3, 4, 100, 101, 103]
    assert index.ids.dtype == np.int64


def test_contains_and_len():
    index = new_index(n_rows=3, ids=[5, 7, 2**63 - 2])
    assert len(index) == 3
    assert 5 in index
    assert np.int32(7) in index
    assert 2**63 - 2 in index
    for unknown in (6, -1, 2**63, 2**70):
        assert unknown not in index
    for wrong in ("5", 5.0, None, True):
        with pytest.raises(TypeError, match="an id must be an integer"):
            wrong in index  # noqa: B015


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([7, 5], ValueError, "id 5 is already in the index"),
        ([8, 8], ValueError, "ids must be distinct, got id 8 more than once"),
        ([-1, 8], ValueError, "ids must be >= 0, got -1"),
        ([8], ValueError, r"ids must have one id per row \(2 rows\), got 1"),
        ([[8, 9]], ValueError, r"ids must have shape \(n,\), got shape \(1, 2\)"),
        ([8, 2**63 - 1], ValueError, r"ids must be < 2\*\*63 - 1"),
        ([8.0, 9.0], TypeError, "ids must be integers, got float64"),
        (["a", "b"], TypeError, "ids must be integers"),
    ],
)
def test_refused_ids_add_nothing(ids, error, message):
    index = new_index(n_rows=3, ids=[3, 4, 5], similarity="l2", rescore="float32")
    before = index.search(X, k=5)
    with pytest.raises(error, match=message):
        index.add(X[:2], ids)
    assert index.ids.tolist() == [3, 4, 5]
    for left, right in zip(before, index.search(X, k=5), strict=True):
        np.testing.assert_array_equal(left, right)


def test_get_gives_the_codes():
    index = new_index()
    codes = index.binarizer.encode(X).packed
    np.testing.assert_array_equal(index.get([7, 3]), codes[[7, 3]])
    assert index.get([]).shape == (0, 3)
    with pytest.raises(KeyError, match="id 60 is not in the index"):
        index.get([0, 60])


def test_remove_is_exact_at_once():
    index = new_index(rescore="float32")
    assert index.remove([3, 4, 3, 1000]) == 2
    assert len(index) == 58
    assert 3 not in index
    _, ids = index.search(X, k=60)
    assert not np.isin([3, 4], ids).any()
    assert (ids[:, 58:] == -1).all()
    with pytest.raises(KeyError, match="id 3 is"):
        index.get([3])
    with pytest.raises(TypeError, match="ids must be integers, got float64"):
        index.remove([1.0])


@pytest.mark.parametrize("rescore", PRECISIONS)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_update_replaces_all_that_is_stored(similarity, rescore):
    index = new_index(similarity=similarity, rescore=rescore)
    new_rows = embeddings(3, seed=5) * 2
    index.update([10, 50, 0], new_rows)
    rows = X.copy()
    rows[[10, 50, 0]] = new_rows
    fresh = bi.EmbeddingIndex(index.binarizer, similarity=similarity, rescore=rescore)
    fresh.add(rows)
    assert_same_results(index, fresh)


def test_refused_updates_change_nothing():
    index, untouched = new_index(), new_index()
    for ids, rows, error, message in [
        ([0, 60], X[:2], KeyError, "id 60 is not in the index"),
        ([0, 0], X[:2], ValueError, "more than once"),
        ([0], X[:2], ValueError, "one id per row"),
        ([0], np.full((1, 20), np.nan), ValueError, "X must be finite"),
        ([0], np.ones((1, 19)), ValueError, r"X must have shape \(n, 20\)"),
        (None, X[:1], TypeError, "ids must be integers"),
    ]:
        with pytest.raises(error, match=message):
            index.update(ids, rows)
    assert_same_results(index, untouched)


def test_searches_see_whole_additions_and_updates(run_together):
    """Row id holds a one-hot vector of its batch; every state between writes looks like that."""
    n_batches, batch_rows = 40, 25
    basis = np.eye(n_batches, dtype=np.float32)
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(basis), similarity="dot", rescore="float32")
    finished = threading.Event()

    def write():
        for batch in range(n_batches):
            index.add(np.repeat(basis[batch : batch + 1], batch_rows, axis=0))
        for batch in range(0, n_batches, 2):
            index.remove(np.arange(batch_rows) + batch * batch_rows)
        finished.set()

    def read():
        while not finished.is_set():
            scores, ids = index.search(basis, k=batch_rows, oversample=1000, threads=1)
            matches = scores == 1
            counts = matches.sum(axis=1)
            assert np.isin(counts, [0, batch_rows]).all()
            batch = np.arange(n_batches)[:, np.newaxis]
            assert (ids // batch_rows == batch)[matches].all()

    run_together(write, read, read)
    assert len(index) == n_batches * batch_rows // 2


def test_additions_of_many_threads_get_ids_of_their_own(run_together):
    index = new_index(n_rows=0)
    given = [[] for _ in range(4)]

    def add(part):
        for _ in range(50):
            part.extend(index.add(X[:7]).tolist())

    run_together(*(lambda part=part: add(part) for part in given))
    assert sorted(itertools.chain(*given)) == list(range(4 * 50 * 7))
    assert len(index) == 4 * 50 * 7


@pytest.mark.parametrize(
    "source", [X, iter([X[:20], X[20:]]), X[0]], ids=["array", "batches", "row"]
)
def test_progress_is_shown_where_it_is_asked_for(source, capsys):
    index = new_index(n_rows=0)
    n_rows = len(index.add(source, progress=True))
    shown = capsys.readouterr()
    assert "encode" in shown.err
    assert f"{n_rows}" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("progress", [None, False])
def test_progress_is_not_shown_elsewhere(progress, capsys):
    new_index(n_rows=0).add(X, progress=progress)
    assert capsys.readouterr().err == ""
