import numpy as np
import pytest

import bitindex as bi
from bitindex.evaluate import exact_search
from bitindex.rescoring import stored_vectors

SIMILARITIES = ["cosine", "dot", "l2"]
ISAS = bi._core.supported_isas()
PRECISIONS = ["int8", "float16", "float32"]
EVERYTHING = 1e6  # candidates per result: more than there are rows


def embeddings(n_rows, n_dims, seed=0):
    rows = np.random.default_rng(seed).standard_normal((n_rows, n_dims)) * 3 + 1
    return rows.astype(np.float32)


def rescored(X, similarity="cosine", rescore="float32", ids=None):
    index = bi.EmbeddingIndex(bi.SignBinarizer("mean"), similarity=similarity, rescore=rescore)
    index.fit(X).add(X, ids)
    return index


def exact_scores(Q, X, similarity):
    """Scores of all pairs, shape (nq, n)."""
    scores, ids = exact_search(Q, X, len(X), similarity)
    in_order = np.empty_like(scores)
    np.put_along_axis(in_order, ids, scores, axis=1)
    return in_order


@pytest.mark.parametrize("n_dims", [1, 5, 16, 100])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_float32_with_all_candidates_is_exact(similarity, n_dims):
    X, Q = embeddings(500, n_dims), embeddings(20, n_dims, seed=1)
    scores, ids = rescored(X, similarity).search(Q, k=10, oversample=EVERYTHING)
    expected_scores, expected_ids = exact_search(Q, X, 10, similarity)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5, atol=1e-5)
    assert (np.diff(scores) <= 0).all()
    if n_dims > 1 or similarity == "l2":  # one dimension leaves two cosines, and ties of dots
        np.testing.assert_array_equal(ids, expected_ids)


@pytest.mark.parametrize("rescore", PRECISIONS)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_scores_are_off_by_the_rounding_of_the_stored_vectors(similarity, rescore):
    X, Q = embeddings(200, 48), embeddings(10, 48, seed=1)
    scores, ids = rescored(X, similarity, rescore).search(Q, k=200, oversample=1)
    if similarity == "cosine":
        X, Q = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (X, Q))
    relative = {"float32": 2.0**-24, "float16": 2.0**-11, "int8": 0.5 / 127}[rescore]
    largest = np.abs(X) if rescore == "float16" else np.abs(X).max(axis=1, keepdims=True)
    error_of_x = np.broadcast_to(relative * largest, X.shape)
    if similarity == "l2":
        difference = np.abs(Q[:, None] - X)
        error = (2 * difference * error_of_x + error_of_x**2).sum(2)
    else:
        error = np.abs(Q) @ error_of_x.T
    expected = exact_scores(Q, X, similarity)
    found, allowed = (np.take_along_axis(values, ids, axis=1) for values in (expected, error))
    assert (np.abs(scores - found) <= allowed + 1e-5 * np.maximum(1, np.abs(found))).all()
    assert (np.sort(ids, axis=1) == np.arange(200)).all()


@pytest.mark.parametrize("rescore", PRECISIONS)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_results_do_not_depend_on_machine_threads_or_batch(similarity, rescore, use_isa):
    X, Q = embeddings(2000, 50), embeddings(1000, 50, seed=1)
    expected = rescored(X, similarity, rescore).search(Q, k=10, threads=1)
    for isa in ISAS:
        use_isa(isa)
        index = rescored(X, similarity, rescore)
        for threads in (1, 2, 7):
            for n_queries in (1, 1000) if isa == ISAS[-1] else (1, 50):
                results = index.search(Q[:n_queries], k=10, threads=threads)
                for result, value in zip(results, expected, strict=True):
                    np.testing.assert_array_equal(result, value[:n_queries])


def test_many_candidates_of_one_query_are_shared_among_threads():
    X = embeddings(3000, 20)
    index = rescored(X)
    one, many = (index.search(X[0], k=1000, oversample=3, threads=n) for n in (1, 5))
    np.testing.assert_array_equal(one[0], many[0])
    np.testing.assert_array_equal(one[1], many[1])


@pytest.mark.parametrize("rescore", PRECISIONS)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equal_vectors_tie(similarity, rescore):
    X = embeddings(300, 37)
    X[::2] = X[4]
    ids = np.random.default_rng(0).permutation(300)
    index = rescored(X[:100], similarity, rescore, ids[:100])
    for row in range(100, 300):
        index.add(X[row], [ids[row]])
    scores, found = index.search(X[4], k=150, oversample=EVERYTHING)
    if similarity != "dot":
        assert len(np.unique(scores)) == 1
        np.testing.assert_array_equal(found[0], np.sort(ids[::2]))
    copies = np.isin(found[0], ids[::2])
    assert len(np.unique(scores[0, copies])) <= 1
    assert (np.diff(found[0, copies]) > 0).all()


@pytest.mark.parametrize("rescore", PRECISIONS)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_vectors_stay_with_their_ids(similarity, rescore):
    """Against a dictionary, through removals, updates, additions of removed ids, and compaction."""
    generator = np.random.default_rng(0)
    pool = embeddings(10_000, 9)
    index = rescored(pool[:4000], similarity, rescore)
    held = dict(enumerate(pool[:4000]))
    for step in range(6):
        gone = generator.choice(list(held), 700, replace=False)
        assert index.remove(gone) == 700
        removed = {row_id: held.pop(row_id) for row_id in gone.tolist()}
        changed = generator.choice(list(held), 50, replace=False)
        rows = pool[4000 + 900 * step :][:50]
        index.update(changed, rows)
        held.update(zip(changed.tolist(), rows, strict=True))
        back = generator.choice(list(removed), 100, replace=False)
        rows = pool[4050 + 900 * step :][:100]
        index.add(rows, back)
        held.update(zip(back.tolist(), rows, strict=True))

        assert len(index) == len(held)
        assert set(index.ids.tolist()) == set(held)
        ids = np.array(sorted(held))
        X = np.array([held[row_id] for row_id in ids])
        queries = X[::150]
        scores, found = index.search(queries, k=3, oversample=EVERYTHING)
        fresh_scores, fresh_found = rescored_like(index, X, ids).search(
            queries, k=3, oversample=EVERYTHING
        )
        np.testing.assert_array_equal(scores, fresh_scores)
        np.testing.assert_array_equal(found, fresh_found)


def rescored_like(index, X, ids):
    fresh = bi.EmbeddingIndex(index.binarizer, similarity=index.similarity, rescore=index.rescore)
    fresh.add(X, ids)
    return fresh


@pytest.mark.parametrize("oversample", [1, 1.0, np.float32(1.5), 2, 3.7, 100])
def test_oversample_candidates_are_scored_again(oversample):
    X, Q = embeddings(400, 24), embeddings(8, 24, seed=1)
    by_code = bi.EmbeddingIndex(bi.SignBinarizer("mean"), similarity="l2").fit(X)
    by_code.add(X)
    k = 7
    n_candidates = int(np.ceil(k * float(oversample)))
    _, candidates = by_code.search(Q, k=n_candidates)
    scores, ids = rescored(X, "l2").search(Q, k=k, oversample=oversample)
    exact = exact_scores(Q, X, "l2")
    for query in range(len(Q)):
        rows = candidates[query][candidates[query] >= 0]
        best = rows[np.lexsort((rows, -exact[query, rows]))][:k]
        np.testing.assert_array_equal(ids[query], best)
        np.testing.assert_allclose(scores[query], exact[query, best], rtol=1e-5)


@pytest.mark.parametrize(
    ("oversample", "error"),
    [
        (0.5, ValueError),
        (0.999, ValueError),
        (0, ValueError),
        (-4, ValueError),
        (np.nan, ValueError),
        (np.inf, ValueError),
        (10**400, ValueError),
        ("4", ValueError),
        ("foo", ValueError),
        ("", ValueError),
        (None, TypeError),
        (True, TypeError),
        (1j, TypeError),
        (np.ones(2), TypeError),
    ],
)
@pytest.mark.parametrize("rescore", [None, "float32"])
def test_oversample_is_checked(oversample, error, rescore):
    index = rescored(embeddings(10, 4), rescore=rescore)
    with pytest.raises(error, match="oversample must be a"):
        index.search(embeddings(1, 4), oversample=oversample)


def test_oversample_beyond_all_bounds():
    X = embeddings(10, 4)
    for oversample in (1e300, 10**30, np.finfo(np.float64).max):
        assert (np.sort(rescored(X).search(X, k=10, oversample=oversample)[1]) == range(10)).all()


def test_k_of_0_and_k_beyond_the_rows():
    X = embeddings(5, 6)
    index = rescored(X, "l2")
    scores, ids = index.search(X, k=0)
    assert scores.shape == ids.shape == (5, 0)
    scores, ids = index.search(X, k=8)
    np.testing.assert_array_equal(ids[:, 5:], -1)
    np.testing.assert_array_equal(scores[:, 5:], -np.inf)
    assert (np.sort(ids[:, :5]) == np.arange(5)).all()
    scores, ids = index.search(X, k=3, filter=[4])
    np.testing.assert_array_equal(ids, [[4, -1, -1]] * 5)
    np.testing.assert_array_equal(scores[:, 1:], -np.inf)


def test_an_exact_match_has_distance_0_and_no_sign():
    X = embeddings(5, 6)
    scores, _ = rescored(X, "l2").search(X, k=1)
    np.testing.assert_array_equal(scores, 0)
    assert not np.signbit(scores).any()


def test_filters_choose_before_the_candidates_are_counted():
    X, Q = embeddings(1000, 12), embeddings(5, 12, seed=1)
    allowed = np.arange(3, 1000, 100)
    _, ids = rescored(X, "l2").search(Q, k=10, oversample=1, filter=allowed)
    _, expected = exact_search(Q, X[allowed], 10, "l2")
    np.testing.assert_array_equal(ids, allowed[expected])


def test_int8_keeps_multiples_of_a_scale():
    rows = np.array([[127, -1, 0.4], [0, 0, 0], [1e-45, 0, 0], [3e38, -3e38, 1]], np.float32)
    stored = stored_vectors(rows, "int8")
    assert stored.shape == (4, 7)
    np.testing.assert_array_equal(stored[:, :3].view(np.int8)[:2], [[127, -1, 0], [0, 0, 0]])
    scales = stored[:, 3:].copy().view(np.float32)[:, 0]
    np.testing.assert_allclose(scales[[0, 1, 3]], [1, 0, 3e38 / 127], rtol=1e-6)
    decoded = stored[:, :3].view(np.int8).astype(np.float64) * scales[:, None].astype(np.float64)
    assert (np.abs(decoded - rows) <= np.maximum(scales[:, None] * 0.5001, 1e-44)).all()


@pytest.mark.parametrize(("rescore", "width"), [("int8", 7), ("float16", 6), ("float32", 12)])
def test_stored_vectors_take_the_bytes_that_are_documented(rescore, width):
    assert stored_vectors(np.ones((2, 3), np.float32), rescore).shape == (2, width)
    assert stored_vectors(np.empty((0, 3), np.float32), rescore).shape == (0, width)
    index = rescored(embeddings(4, 3), rescore=rescore)
    assert index.bytes_per_vector == 1 + width


def test_numbers_too_large_for_float16_are_refused():
    index = rescored(embeddings(3, 4), "dot", "float16")
    index.add(np.full((1, 4), 65504.0))
    for row in (np.full((1, 4), 65505.0), -np.full((1, 4), 1e9)):
        with pytest.raises(ValueError, match="rescore='float16' holds numbers up to 65504, got "):
            index.add(row)
    assert len(index) == 4
    rescored(embeddings(3, 4) * 1e9, "cosine", "float16")  # of length 1 when they are stored


def test_candidates_come_from_the_codes():
    """Without oversampling only the order of the best k by code may change."""
    X, Q = embeddings(500, 16), embeddings(10, 16, seed=1)
    by_code = bi.EmbeddingIndex(bi.SignBinarizer("mean")).fit(X)
    by_code.add(X)
    _, candidates = by_code.search(Q, k=10)
    _, ids = rescored(X).search(Q, k=10, oversample=1)
    np.testing.assert_array_equal(np.sort(ids), np.sort(candidates))


def test_unknown_precisions_are_refused():
    with pytest.raises(
        ValueError, match="rescore must be one of float32, float16, int8, got 'int4"
    ):
        bi.EmbeddingIndex(bi.SignBinarizer(), rescore="int4")
    with pytest.raises(TypeError, match="rescore must be a string, got int"):
        bi.EmbeddingIndex(bi.SignBinarizer(), rescore=8)
