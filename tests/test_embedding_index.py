import itertools
import threading

import numpy as np
import pytest

import bitindex as bi
from bitindex.datasets import load_scifact
from bitindex.evaluate import exact_search, ndcg_at_k

SIMILARITIES = ["cosine", "dot", "l2"]
PRECISIONS = [None, "int8", "float16", "float32"]


def embeddings(n_rows, n_dims=20, seed=0):
    rows = np.random.default_rng(seed).standard_normal((n_rows, n_dims)) + 0.3
    return rows.astype(np.float32)


X = embeddings(60)


def new_index(n_rows=60, ids=None, **arguments):
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(X), **arguments)
    index.add(X[:n_rows], ids)
    return index


def assert_same_results(a, b, Q=X, **arguments):
    for left, right in zip(a.search(Q, **arguments), b.search(Q, **arguments), strict=True):
        np.testing.assert_array_equal(left, right)


def test_properties():
    binarizer = bi.SignBinarizer().fit(X)
    index = bi.EmbeddingIndex(binarizer, similarity="l2", rescore="int8")
    assert index.binarizer is binarizer
    assert (index.kind, index.similarity, index.rescore) == ("flat", "l2", "int8")
    assert len(index) == 0
    assert repr(index) == (
        "EmbeddingIndex(SignBinarizer(threshold='zero', query='float'), kind='flat', "
        "similarity='l2', rescore='int8') with 0 embeddings"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"binarizer": "sign"}, TypeError, r"a Binarizer such as SignBinarizer\(\), got str"),
        ({"binarizer": bi.SignBinarizer}, TypeError, "must be a Binarizer .*, got ABCMeta"),
        ({"kind": "tree"}, ValueError, "kind must be one of flat.*, got 'tree'"),
        ({"similarity": "l1"}, ValueError, "similarity must be one of cosine, dot, l2, got 'l1'"),
        ({"similarity": None}, TypeError, "similarity must be a string, got NoneType"),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        bi.EmbeddingIndex(**{"binarizer": bi.SignBinarizer(), **arguments})


@pytest.mark.parametrize("rescore", PRECISIONS)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_bytes_per_vector(similarity, rescore):
    vector = {None: 0, "int8": 20 + 4, "float16": 40, "float32": 80}[rescore]
    factors = {"cosine": 0, "dot": 4, "l2": 8}[similarity]
    index = new_index(similarity=similarity, rescore=rescore)
    assert index.bytes_per_vector == 3 + factors + vector


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


FILTERS = {
    "mask": np.arange(60) % 7 == 2,
    "short mask": np.arange(30) % 7 == 2,
    "array": np.array([2, 9, 16, 1000]),
    "list": [2, 9, 16],
    "set": {2, 9, 16},
    "range": range(2, 60, 7),
    "slice": slice(2, None, 7),
    "nothing": [],
}


@pytest.mark.parametrize("filter", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("rescore", [None, "float32"])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_filters_keep_all_that_they_allow(similarity, rescore, filter):
    index = new_index(similarity=similarity, rescore=rescore)
    allowed = np.flatnonzero(FILTERS["mask"])
    if filter is FILTERS["short mask"]:
        allowed = allowed[allowed < 30]
    elif isinstance(filter, np.ndarray | list | set) and filter is not FILTERS["mask"]:
        allowed = np.array(sorted(filter), np.int64)
        allowed = allowed[allowed < 60]
    scores, ids = index.search(X[:9], k=60)
    some_scores, some_ids = index.search(X[:9], k=12, oversample=1, filter=filter)
    for query in range(9):
        kept = np.isin(ids[query], allowed)
        n = min(12, len(allowed))
        np.testing.assert_array_equal(some_ids[query, :n], ids[query, kept][:n])
        np.testing.assert_array_equal(some_scores[query, :n], scores[query, kept][:n])
        assert (some_ids[query, n:] == -1).all()
        assert (some_scores[query, n:] == -np.inf).all()


def test_shapes_and_types_of_results():
    index = new_index(n_rows=2)
    for Q, n_queries in ((X, 60), (X[0], 1), ([], 0), (np.empty((0, 20)), 0)):
        scores, ids = index.search(Q, k=5)
        assert scores.shape == ids.shape == (n_queries, 5)
        assert (scores.dtype, ids.dtype) == (np.float32, np.int64)
    empty = new_index(n_rows=0)
    scores, ids = empty.search(X, k=3)
    np.testing.assert_array_equal(ids, np.full((60, 3), -1))
    np.testing.assert_array_equal(scores, np.full((60, 3), -np.inf))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"Q": X[:, :5]}, ValueError, r"Q must have shape \(n, 20\), got shape \(60, 5\)"),
        ({"Q": X > 0}, TypeError, "Q must be floats, got bool"),
        ({"Q": np.full(20, np.nan)}, ValueError, "Q must be finite in float32"),
        ({"k": -1}, ValueError, "k must be >= 0, got -1"),
        ({"k": 2**64}, ValueError, "k must be < "),
        ({"k": 1.5}, TypeError, "k must be an integer, got float"),
        ({"threads": 0}, ValueError, "threads must be >= 1, got 0"),
        ({"filter": "all"}, TypeError, "filter must be None"),
    ],
)
def test_bad_searches_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        new_index().search(**{"Q": X, **arguments})


def test_not_fitted():
    index = bi.EmbeddingIndex(bi.SignBinarizer())
    assert len(index) == 0
    assert 0 not in index
    for use in (
        lambda: index.add(X),
        lambda: index.search(X),
        lambda: index.update([0], X[:1]),
        lambda: index.remove([0]),
        lambda: index.get([0]),
        lambda: index.ids,
        lambda: index.bytes_per_vector,
        lambda: index.save("nowhere.bitx"),
    ):
        with pytest.raises(
            ValueError, match=r"SignBinarizer is not fitted yet: call fit\(X\) first"
        ):
            use()


def test_a_binarizer_may_be_fitted_after_the_index_was_made():
    binarizer = bi.SignBinarizer()
    index = bi.EmbeddingIndex(binarizer)
    binarizer.fit(X)
    index.add(X)
    assert len(index) == 60


def test_fit_is_that_of_the_binarizer_on_prepared_rows():
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    for similarity, rows in (("cosine", units), ("dot", X), ("l2", X)):
        binarizer = bi.SignBinarizer("mean")
        index = bi.EmbeddingIndex(binarizer, similarity=similarity)
        assert index.fit(X) is index
        expected = bi.SignBinarizer("mean").fit(rows).center_
        np.testing.assert_allclose(binarizer.center_, expected, rtol=1e-5, atol=1e-7)


def test_a_center_of_longer_rows_is_refused_for_the_cosine():
    X = np.random.default_rng(0).normal(5.0, 1.0, (50, 16))
    binarizer = bi.SignBinarizer(threshold="mean").fit(X)
    with pytest.raises(ValueError, match=r"fit it with EmbeddingIndex\(\.\.\.\)\.fit\(X\)"):
        bi.EmbeddingIndex(binarizer)
    bi.EmbeddingIndex(binarizer, similarity="l2").add(X)
    index = bi.EmbeddingIndex(bi.SignBinarizer(threshold="mean")).fit(X)
    assert len(index.add(X)) == 50


def test_fit_again_is_allowed_until_rows_are_added():
    index = bi.EmbeddingIndex(bi.SignBinarizer("mean")).fit(X[:, :5]).fit(X)
    index.add(X)
    with pytest.raises(ValueError, match="fit must come before add: the index holds 60 rows"):
        index.fit(X)
    assert len(index) == 60
    index.remove(np.arange(60))
    index.fit(X[:, :7])
    assert index.add(X[:, :7]).tolist() == list(range(60))


@pytest.mark.parametrize("rescore", PRECISIONS)
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("threshold", ["zero", "mean"])
def test_saved_and_loaded(tmp_path, similarity, rescore, threshold):
    for query, ids in itertools.product(("float", "binary"), (None, np.arange(60)[::-1] * 3)):
        binarizer = bi.SignBinarizer(threshold, query)
        index = bi.EmbeddingIndex(binarizer, similarity=similarity, rescore=rescore).fit(X)
        index.add(X, ids)
        index.remove([0, 9])
        index.save(tmp_path / "index.bitx")
        for mmap in (False, True):
            loaded = bi.load(tmp_path / "index.bitx", mmap=mmap)
            assert repr(loaded) == repr(index)
            assert loaded.bytes_per_vector == index.bytes_per_vector
            np.testing.assert_array_equal(loaded.ids, index.ids)
            np.testing.assert_array_equal(loaded.get(loaded.ids), index.get(index.ids))
            assert_same_results(loaded, index)
            assert_same_results(loaded, index, filter=range(0, 60, 2), k=50)
        loaded = bi.load(tmp_path / "index.bitx")
        for each in (loaded, index):
            each.add(X[:5])
            each.update(each.ids[:2], X[2:4])
            each.remove(each.ids[3:5])
        np.testing.assert_array_equal(loaded.ids, index.ids)
        assert_same_results(loaded, index)


def test_a_mapped_index_cannot_be_changed(tmp_path):
    path = tmp_path / "index.bitx"
    new_index(rescore="float16").save(path)
    mapped = bi.load(path, mmap=True)
    for change in (
        lambda: mapped.add(X),
        lambda: mapped.update([0], X[:1]),
        lambda: mapped.remove([0]),
        lambda: mapped.fit(X),
    ):
        with pytest.raises(ValueError, match="is memory-mapped and cannot be changed"):
            change()
    mapped.save(path)  # over its own file
    assert_same_results(mapped, bi.load(path))
    assert_same_results(mapped, new_index(rescore="float16"))


def test_an_empty_index_can_be_saved(tmp_path):
    index = bi.EmbeddingIndex(bi.SignBinarizer("median"), rescore="int8").fit(X)
    index.save(tmp_path / "index.bitx")
    loaded = bi.load(tmp_path / "index.bitx")
    assert len(loaded) == 0
    loaded.add(X)
    index.add(X)
    assert_same_results(loaded, index)


def test_a_binarizer_of_ones_own_is_not_saved(tmp_path):
    class Mine(bi.SignBinarizer):
        pass

    index = bi.EmbeddingIndex(Mine().fit(X))
    index.add(X)
    path = tmp_path / "index.bitx"
    with pytest.raises(TypeError, match="Mine is no binarizer of bitindex"):
        index.save(path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def scifact():
    return load_scifact()


@pytest.mark.parametrize(
    ("query", "rescore", "expected", "tolerance"),
    [
        ("binary", None, 0.5876, 5e-5),
        ("float", None, 0.6180, 5e-5),
        ("float", "float32", 0.6425, 0.0055),
        ("float", "float16", 0.6425, 0.0055),
        ("float", "int8", 0.6425, 0.0055),
    ],
)
def test_scifact(scifact, query, rescore, expected, tolerance):
    index = bi.EmbeddingIndex(bi.SignBinarizer(query=query), rescore=rescore)
    index.fit(scifact.doc_embeddings).add(scifact.doc_embeddings)
    _, ids = index.search(scifact.query_embeddings, k=10, oversample=4)
    ndcg = ndcg_at_k(ids, scifact.qrels, doc_ids=scifact.doc_ids)
    assert ndcg == pytest.approx(expected, abs=tolerance)


def test_scifact_with_all_candidates_is_the_float_search(scifact):
    index = bi.EmbeddingIndex(bi.SignBinarizer(), rescore="float32")
    index.fit(scifact.doc_embeddings).add(scifact.doc_embeddings)
    _, ids = index.search(scifact.query_embeddings, k=10, oversample=600)
    _, exact = exact_search(scifact.query_embeddings, scifact.doc_embeddings, 10)
    assert np.mean(ids == exact) > 0.999  # two scores may be equal in float32
    ndcg = ndcg_at_k(ids, scifact.qrels, doc_ids=scifact.doc_ids)
    assert ndcg == pytest.approx(0.6451, abs=5e-5)


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
