"""EmbeddingIndex(kind="ivf", residuals=True): scores, lists, changes."""

import numpy as np
import pytest
from reference_index import assert_same_answers
from residual_index import (
    ALL,
    BINARIZERS,
    N_DIMS,
    N_LISTS,
    SIMILARITIES,
    Q,
    X,
    clustered,
    filled_index,
    lists_of,
    residual_index,
    shared_index,
)

import bitindex as bi
from bitindex import _core
from bitindex.clustering import NearestCentroids, learn_centroids


def prepared(rows, similarity):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True) if similarity == "cosine" else rows


def true_scores(queries, rows, similarity):
    queries, rows = (prepared(x.astype(np.float64), similarity) for x in (queries, rows))
    if similarity == "l2":
        return -((queries[:, np.newaxis] - rows) ** 2).sum(axis=2)
    return queries @ rows.T


def expected_scores(index, queries, rows, similarity):
    """What queries score by the codes of rows: a centroid and what is decoded add up."""
    queries, rows = (prepared(x, similarity) for x in (queries, rows))
    centroids, binarizer = lists_of(index).centroids, index.binarizer
    distances = ((rows[:, np.newaxis].astype(np.float64) - centroids) ** 2).sum(axis=2)
    numbers = distances.argmin(axis=1)
    codes = binarizer.encode(rows - centroids[numbers] + binarizer.center_)
    directions = binarizer._decode_rows(codes.packed).astype(np.float64)
    of_lists = centroids[numbers].astype(np.float64)
    left = rows - of_lists
    if not binarizer.reconstructs and codes.factors is None:
        directions *= ((left**2).sum(axis=1) / (directions * left).sum(axis=1))[:, np.newaxis]
    elif codes.factors is not None:
        directions *= codes.factors[:, :1]
    from_centroid = queries.astype(np.float64)[:, np.newaxis] - of_lists
    if similarity == "l2":
        lengths = (from_centroid**2).sum(axis=2) + (left**2).sum(axis=1)
        return 2 * (from_centroid * directions).sum(axis=2) - lengths
    return (of_lists * left).sum(axis=1) + (
        queries @ of_lists.T + (from_centroid * directions).sum(axis=2)
    )


def all_scores(index, queries):
    """What every row scores, by its id."""
    scores, ids = index.search(queries, len(index), effort=ALL)
    by_id = np.empty_like(scores)
    np.put_along_axis(by_id, ids, scores, axis=1)
    return by_id


def ranked(scores, k):
    ids = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, ids, axis=1), ids


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("name", BINARIZERS)
def test_scores_are_those_of_the_decoded_rows(similarity, name):
    index = shared_index(similarity, name)
    expected = expected_scores(index, Q, X, similarity)
    scores = all_scores(index, Q)
    # Tables are rounded to 8 bits for two bytes of a code; the rest is rounding of floats.
    assert np.abs(scores - expected).max() < 0.02 * np.ptp(expected)
    assert np.abs(scores - expected).mean() < 0.003 * np.ptp(expected)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("name", BINARIZERS)
def test_scores_are_nearer_the_truth_than_those_of_whole_rows(similarity, name):
    truth = true_scores(Q, X, similarity)
    whole = bi.EmbeddingIndex(BINARIZERS[name](), similarity=similarity).fit(X)
    whole.add(X)
    errors, found = [], []
    for index in (whole, shared_index(similarity, name)):
        scores, ids = index.search(Q, 10, effort=ALL)
        errors.append(np.abs(scores - np.take_along_axis(truth, ids, axis=1)).mean())
        best = np.sort(truth, axis=1)[:, -10:]
        found.append((np.take_along_axis(truth, ids, axis=1) >= best[:, :1]).mean())
    assert errors[1] < 0.8 * errors[0]
    assert found[1] > found[0]


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_query_looks_at_the_rows_of_its_best_lists(similarity):
    index = shared_index(similarity)
    scores = all_scores(index, Q)
    lists = lists_of(index)
    queries = prepared(Q, similarity).astype(np.float32)
    of_rows = NearestCentroids(lists.centroids).of(prepared(X, similarity).astype(np.float32))
    order = np.argsort(-lists.similarities(queries) * lists.factors, axis=1, kind="stable")
    for n_probes in (3, 10, 39):
        seen = (of_rows[np.newaxis, :, np.newaxis] == order[:, np.newaxis, :n_probes]).any(axis=2)
        assert seen.sum(axis=1).min() >= 10
        expected = ranked(np.where(seen, scores, -np.inf), 10)
        assert_same_answers(index.search(Q, 10, effort=n_probes), expected)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_filters(similarity):
    index = shared_index(similarity, nprobe=3)
    scores = all_scores(index, Q)
    rng = np.random.default_rng(3)
    few = rng.choice(3000, 100, replace=False)
    for allowed in (few, range(50, 60), [7], []):
        mask = np.isin(np.arange(3000), allowed)
        k = min(12, int(mask.sum()))
        found = index.search(Q, 12, filter=allowed)
        assert_same_answers([x[:, :k] for x in found], ranked(np.where(mask, scores, -np.inf), k))
        assert (found[1][:, k:] == -1).all()
    half = rng.random(3000) < 0.5
    found = index.search(Q, 10, filter=half)[1]
    assert half[found].all()
    best = ranked(np.where(half, scores, -np.inf), 10)[1]
    assert np.mean([np.isin(a, b).mean() for a, b in zip(found, best, strict=True)]) > 0.9


def test_never_fewer_than_k():
    index = shared_index(nprobe=1)
    for k in (500, 3000, 3005):
        ids = index.search(Q, k)[1]
        assert (np.sort(ids, axis=1)[:, max(0, k - 3000) :] >= 0).all()
        assert (ids[:, 3000:] == -1).all()


def test_threads_cuts_and_instruction_sets(use_isa):
    answers = []
    index = residual_index("l2", "rotation", nprobe=6)
    fitted = index.binarizer, lists_of(index)
    for isa in _core.supported_isas():
        use_isa(isa)
        index._first_binarizer, index._lists = fitted
        index._core_or_none = index._new_core()
        for part in np.array_split(np.arange(3000), 3):
            index.add(X[part], part)
        answers += [index.search(Q, 30, threads=threads) for threads in (1, 2, 5)]
        one_by_one = [index.search(query, 30) for query in Q]
        answers.append([np.concatenate(parts) for parts in zip(*one_by_one, strict=True)])
    for answer in answers[1:]:
        assert_same_answers(answer, answers[0])


@pytest.mark.parametrize("rescore", [None, "float32"])
def test_a_long_life_ends_as_if_all_had_been_added_at_once(tmp_path, rescore):
    empty = residual_index("cosine", rescore=rescore, nprobe=5)
    empty.save(tmp_path / "empty.bitx")
    index, rows = bi.load(tmp_path / "empty.bitx"), {}
    rng = np.random.default_rng(4)
    for turn in range(4):
        new = clustered(10 + turn, 2500)
        rows |= dict(zip(index.add(new).tolist(), new, strict=True))
        for change in (index.update, index.upgrade):
            ids = rng.choice(index.ids, 700, replace=False)
            changed = clustered(20 + turn, 700)
            change(ids, changed)
            rows |= dict(zip(ids.tolist(), changed, strict=True))
        gone = rng.choice(index.ids, 600 if turn != 2 else len(rows) // 2, replace=False)
        assert index.remove(gone) == len(gone)
        back = gone[:100]
        rows = {i: row for i, row in rows.items() if i not in set(gone.tolist())}
        index.add(np.resize(changed, (100, N_DIMS)), back)
        rows |= dict(zip(back.tolist(), changed[:100], strict=True))
        fresh = bi.load(tmp_path / "empty.bitx")
        ids = np.array(sorted(rows))
        fresh.add(np.array([rows[i] for i in ids.tolist()]), ids)
        assert sorted(index.ids.tolist()) == ids.tolist()
        assert_same_answers(index.search(Q, 20), fresh.search(Q, 20))
        assert_same_answers(index.search(Q, 20, effort=ALL), fresh.search(Q, 20, effort=ALL))
        asked = rng.choice(ids, 300, replace=False)
        assert (index.get(asked) == fresh.get(asked)).all()


@pytest.mark.parametrize("oversample", [8, "auto"])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_rescoring(similarity, oversample):
    index = filled_index(similarity, "sign", rescore="float32")
    truth = true_scores(Q, X, similarity)
    scores, ids = index.search(Q, 10, oversample=oversample, effort=ALL)
    np.testing.assert_allclose(scores, np.take_along_axis(truth, ids, axis=1), rtol=1e-4, atol=1e-4)
    assert np.mean(ids == np.argsort(-truth, axis=1)[:, :10]) > 0.9


def test_probes_for_a_target():
    probes = [
        lists_of(residual_index("l2", target_recall=target)).n_probes
        for target in (0.2, 0.9, 0.99, 1)
    ]
    assert probes == sorted(probes)
    assert 1 <= probes[0] < probes[2] < N_LISTS
    index = shared_index("l2")
    all_lists, few = (index.search(Q, 10, effort=effort)[1] for effort in (ALL, None))
    assert np.mean([np.isin(a, b).mean() for a, b in zip(few, all_lists, strict=True)]) > 0.9


def test_how_many_lists():
    assert len(lists_of(residual_index(n_lists=None)).centroids) == 109  # 2 sqrt(3000)
    assert len(lists_of(residual_index(n_lists=1000)).centroids) == 187  # 16 rows for each
    index = bi.EmbeddingIndex(bi.SignBinarizer(), "ivf", residuals=True).fit(X[:1])
    index.add(X[:3])
    assert index.search(X[1], 3)[1].shape == (1, 3)
    batches = bi.EmbeddingIndex(bi.SignBinarizer(), "ivf", residuals=True, n_lists=9)
    batches.fit(iter(np.array_split(X, 4)))
    assert (
        lists_of(batches).centroids
        == lists_of(residual_index("cosine", "sign", n_lists=9)).centroids
    ).all()


def test_equal_rows_and_rows_of_zeros():
    same = np.repeat(X[:2], 200, axis=0)
    same[::7] = 0
    for similarity in SIMILARITIES:
        index = bi.EmbeddingIndex(
            bi.SignBinarizer(), "ivf", similarity, residuals=True, n_lists=10
        ).fit(same)
        index.add(same)
        scores, ids = index.search(same[:20], 400, effort=ALL)
        assert np.isfinite(scores).all()
        assert (np.sort(ids, axis=1) == np.arange(400)).all()
        ties = scores[:, 1:] == scores[:, :-1]
        assert ties.mean() > 0.9
        assert (np.diff(ids, axis=1)[ties] > 0).all()


def test_centroids_are_means_of_the_rows_that_are_nearest_to_them():
    rows = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    centroids = learn_centroids(rows, 3, seed=0)
    assert np.unique(NearestCentroids(centroids).of(rows)).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(centroids[NearestCentroids(centroids).of(rows)], rows)
    centroids = learn_centroids(X, 30, seed=1)
    nearest = NearestCentroids(centroids).of(X)
    distances = ((X[:, np.newaxis].astype(np.float64) - centroids) ** 2).sum(axis=2)
    assert (
        np.take_along_axis(distances, nearest[:, np.newaxis].astype(int), 1)[:, 0]
        <= distances.min(axis=1) + 1e-4
    ).all()
    spread = distances.min(axis=1).sum()
    first = X[np.random.default_rng(1).permutation(3000)[:30]]
    assert spread < 0.8 * ((X[:, np.newaxis] - first) ** 2).sum(axis=2).min(axis=1).sum()
