import numpy as np
import pytest

import bitindex as bi

SIMILARITIES = ["cosine", "dot", "l2"]
ISAS = bi._core.supported_isas()
THRESHOLDS = ["zero", "mean", "median"]
QUERIES = ["float", "binary"]


def embeddings(kind, n_rows, n_dims, seed=0):
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((n_rows, n_dims))
    if kind == "off-centre":
        rows = 5 * rows + 20 * np.linspace(-1, 1, n_dims)
    elif kind == "non-negative":
        rows = np.abs(rows)
    elif kind == "uneven lengths":
        rows *= 10 ** generator.uniform(-3, 3, (n_rows, 1))
    return rows.astype(np.float32)


def fitted_index(X, similarity, threshold="zero", query="float"):
    index = bi.EmbeddingIndex(bi.SignBinarizer(threshold, query), similarity=similarity).fit(X)
    index.add(X)
    return index


def all_scores(index, Q):
    """Scores of all rows in the order of their ids 0, 1, 2, ..., and checks of their ranking."""
    scores, ids = index.search(Q, k=len(index))
    assert np.isfinite(scores).all()
    for query_scores, query_ids in zip(scores, ids, strict=True):
        order = np.lexsort((query_ids, -query_scores))
        np.testing.assert_array_equal(order, np.arange(len(order)))
    np.testing.assert_array_equal(np.sort(ids, axis=1), np.tile(np.arange(len(index)), (len(Q), 1)))
    in_order = np.empty_like(scores)
    np.put_along_axis(in_order, ids, scores, axis=1)
    return in_order


def units(rows):
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros(rows.shape), where=norms > 0).astype(np.float32)


def divide(numerator, denominator):
    out = np.zeros(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)))
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def slow_scores(X, Q, similarity, center, query):
    """The formula of bitindex/similarity.py in float64, and how far off the tables may be."""
    rows, queries = (units(X), units(Q)) if similarity == "cosine" else (X, Q)
    center = center.astype(np.float64)
    codes = np.where(rows > center, 1.0, -1.0)
    r_x, r_q = rows - center, queries - center
    n_dims = X.shape[1]
    x_squared, q_squared = (r_x**2).sum(1), (r_q**2).sum(1)[:, None]
    scale = divide(x_squared, np.abs(r_x).sum(1))
    if query == "binary":
        signs = np.where(queries > center, 1.0, -1.0)
        agreement = signs @ codes.T
        if similarity == "cosine":
            return agreement / n_dims, np.zeros((len(Q), 1))
        sums = divide(q_squared, np.abs(r_q).sum(1)[:, None]) * agreement
        error_of_sums = np.zeros((len(Q), 1))
    else:
        sums = r_q @ codes.T
        weights = np.pad(np.abs(r_q), ((0, 0), (0, -n_dims % 16)))  # two bytes are added in 8 bits
        step = 2 * weights.reshape(len(Q), -1, 16).sum(2).max(axis=1, keepdims=True) / 253
        error_of_sums = step / 2 * np.ceil(n_dims / 4)
    if similarity == "cosine":
        lengths = np.sqrt(q_squared * n_dims)
        return divide(sums, lengths), divide(error_of_sums, lengths)
    if similarity == "dot":
        return (queries @ center)[:, None] + r_x @ center + scale * sums, scale * error_of_sums
    return -q_squared - x_squared + 2 * scale * sums, 2 * scale * error_of_sums


def rounding(X, Q, similarity, center):
    """What float32 may lose: a few of its units in the last place of the largest terms."""
    if similarity == "cosine":
        return 1e-5
    r_x, r_q = (np.linalg.norm(rows - center.astype(np.float64), axis=1) for rows in (X, Q))
    q_length, c_length = np.linalg.norm(Q.astype(np.float64), axis=1), np.linalg.norm(center)
    product = r_q[:, None] * r_x * np.sqrt(X.shape[1])
    if similarity == "dot":
        return 1e-6 * (product + q_length[:, None] * c_length + r_x * c_length)
    return 1e-6 * (product + r_q[:, None] ** 2 + r_x**2)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("kind", ["off-centre", "non-negative", "uneven lengths"])
def test_scores_follow_the_formula(kind, similarity, threshold, query):
    for n_dims in (1, 2, 3, 7, 12, 24, 100, 129):
        X = embeddings(kind, 150, n_dims)
        Q = embeddings(kind, 5, n_dims, seed=1)
        index = fitted_index(X, similarity, threshold, query)
        center = index.binarizer.center_
        expected, bound = slow_scores(X, Q, similarity, center, query)
        slack = rounding(X, Q, similarity, center)
        assert (np.abs(all_scores(index, Q) - expected) <= bound + slack).all(), n_dims


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_search_of_one_query_equals_the_search_of_many(similarity):
    X = embeddings("off-centre", 5000, 40)
    index = fitted_index(X, similarity, "mean")
    scores, ids = index.search(X[:1000], k=7)
    for query in (0, 1, 500, 999):
        one_scores, one_ids = index.search(X[query], k=7)
        np.testing.assert_array_equal(one_scores[0], scores[query])
        np.testing.assert_array_equal(one_ids[0], ids[query])


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equal_rows_tie_wherever_they_were_added(similarity, query):
    for n_dims in (9, 384):
        X = embeddings("off-centre", 400, n_dims)
        X[::3] = X[7]
        index = bi.EmbeddingIndex(bi.SignBinarizer("mean", query), similarity=similarity).fit(X)
        index.add(X[:250])
        for row in X[250:]:
            index.add(row)
        scores, ids = index.search(X[7], k=len(X))
        copies = np.isin(ids[0], np.append(np.arange(0, 400, 3), 7))
        assert len(np.unique(scores[0, copies])) == 1
        assert (np.diff(ids[0, copies]) > 0).all()


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_scores_are_the_same_on_every_instruction_set(similarity, use_isa):
    X = embeddings("uneven lengths", 3000, 90)
    results = []
    for isa in ISAS:
        use_isa(isa)
        index = fitted_index(X, similarity, "mean")
        results += [
            index.search(X[:n], k=50, threads=threads) for n in (1, 40) for threads in (1, 3)
        ]
    for scores, ids in results:
        np.testing.assert_array_equal(scores[:1], results[0][0])
        np.testing.assert_array_equal(ids[:1], results[0][1])


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_zero_vectors(similarity, query):
    X = embeddings("plain", 20, 12)
    X[5] = 0
    index = fitted_index(X, similarity, query=query)
    Q = np.concatenate([np.zeros((1, 12), np.float32), X[:2]])
    scores = all_scores(index, Q)
    if similarity == "dot":
        np.testing.assert_array_equal(scores[0], 0)
        np.testing.assert_array_equal(scores[:, 5], 0)
    if similarity == "l2":
        np.testing.assert_allclose(scores[0], -(X.astype(np.float64) ** 2).sum(1), rtol=1e-6)
        assert scores[0, 5] == 0
    if similarity == "cosine" and query == "float":
        np.testing.assert_array_equal(scores[0], 0)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_all_rows_zero(similarity):
    X = np.zeros((10, 5), np.float32)
    for threshold in THRESHOLDS:
        scores = all_scores(fitted_index(X, similarity, threshold), X[:2])
        np.testing.assert_array_equal(scores, 0)
        assert not np.signbit(scores).any()


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("magnitude", [1e-44, 1e-38, 1e-30, 1e-15, 1e15])
def test_tiny_and_huge_numbers_give_finite_scores(magnitude, similarity, threshold, query):
    X = embeddings("off-centre", 30, 10).astype(np.float64) / 100 * magnitude
    index = fitted_index(X, similarity, threshold, query)
    all_scores(index, X[:4])


@pytest.mark.parametrize("magnitude", [1e-30, 1e-15, 1e15, 1e30])
@pytest.mark.parametrize("query", QUERIES)
def test_cosine_does_not_depend_on_length(magnitude, query):
    X = embeddings("off-centre", 50, 30)
    index = fitted_index(X, "cosine", "mean", query)
    _, expected = index.search(X[:5], k=10)
    scaled = bi.EmbeddingIndex(index.binarizer)
    scaled.add(X * np.float32(magnitude))
    scores, ids = scaled.search(X[:5] * np.float32(magnitude), k=10)
    assert np.isfinite(scores).all()
    assert np.mean(ids == expected) > 0.9  # the last bit of a number may turn over


@pytest.mark.parametrize("similarity", ["dot", "l2"])
def test_numbers_whose_products_exceed_float32_are_refused(similarity):
    X = embeddings("plain", 10, 8)
    index = fitted_index(X, similarity)
    message = f"norms of at most 1e\\+17 with similarity='{similarity}', got "
    with pytest.raises(ValueError, match=message):
        index.add(X * np.float32(1e30))
    with pytest.raises(ValueError, match=message):
        index.search(X * np.float32(1e30))
    with pytest.raises(ValueError, match=message):
        bi.EmbeddingIndex(bi.SignBinarizer(), similarity=similarity).fit(X * np.float32(1e30))
    assert len(index) == 10


def test_weights_that_are_denormal_still_rank():
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(np.ones((1, 1))), similarity="dot")
    index.add([[-1.0], [1.0]])
    scores, ids = index.search([[1e-38]], k=2)
    assert ids.tolist() == [[1, 0]]
    np.testing.assert_allclose(scores, [[1e-38, -1e-38]], rtol=1e-3)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_the_stored_numbers_beside_a_code(similarity):
    X = embeddings("off-centre", 30, 16)
    stored = {
        threshold: fitted_index(X, similarity, threshold).bytes_per_vector - 2
        for threshold in ("zero", "mean")
    }
    assert (
        stored
        == {
            "cosine": {"zero": 0, "mean": 0},
            "dot": {"zero": 4, "mean": 8},
            "l2": {"zero": 8, "mean": 8},
        }[similarity]
    )
