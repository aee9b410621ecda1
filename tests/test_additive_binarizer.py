"""Additive codes: what they find, beside the codes that they must beat, and what is stored."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import bitindex as bi


def scifact_recall(binarizer, data, similarity="cosine"):
    index = bi.EmbeddingIndex(binarizer, similarity=similarity).fit(data.doc_embeddings)
    index.add(data.doc_embeddings)
    _, ids = index.search(data.query_embeddings, k=10)
    _, true_ids = bi.evaluate.exact_search(
        data.query_embeddings, data.doc_embeddings, k=10, similarity=similarity
    )
    return bi.evaluate.recall_at_k(ids, true_ids, k=10), index.bytes_per_vector


@pytest.mark.once
def test_more_recall_than_rotation_at_one_bit_a_dimension(scifact):
    additive, n_bytes = scifact_recall(bi.AdditiveBinarizer(), scifact)
    rotation, rotation_bytes = scifact_recall(bi.RotationBinarizer(), scifact)
    assert n_bytes == 48 < rotation_bytes
    assert additive > rotation + 0.04


def estimates(binarizer, similarity, rows, queries):
    """Return the recall@10 of an index, its bytes a row, and its scores beside the true ones."""
    index = bi.EmbeddingIndex(binarizer, similarity=similarity).fit(rows)
    index.add(rows)
    scores, ids = index.search(queries, k=10)
    true_scores, true_ids = bi.evaluate.exact_search(queries, rows, 10, similarity=similarity)
    recall = bi.evaluate.recall_at_k(ids, true_ids, k=10)
    return recall, index.bytes_per_vector, scores, true_scores, ids


@pytest.fixture(scope="module")
def uneven(scifact):
    """Return rows and queries off the center, rows of lengths from .5 to 2 around it."""
    lengths = np.random.default_rng(0).uniform(0.5, 2, (len(scifact.doc_embeddings), 1))
    rows = (scifact.doc_embeddings * lengths + 1).astype(np.float32)[:2000]
    return rows, scifact.query_embeddings + np.float32(1)


@pytest.mark.once
@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
def test_similarities_of_rows_of_any_length(uneven, similarity):
    rows, queries = uneven
    recall, n_bytes, scores, true_scores, ids = estimates(
        bi.AdditiveBinarizer(192, n_rounds=3), similarity, rows, queries
    )
    assert n_bytes == 24 + 4 + 4  # the length, and an offset
    assert recall > 0.55
    if similarity == "dot":  # the scores are estimates of the similarity itself
        found = np.einsum("id,ijd->ij", queries, rows[ids])
        assert np.abs(scores - found).mean() < 0.2 * true_scores.std() + 0.5


@pytest.mark.once
def test_stored_lengths_find_more_by_distance_than_coded_ones(uneven):
    recalls = {}
    for store_lengths, n_bits in ((True, 192), (False, 224)):
        binarizer = bi.AdditiveBinarizer(n_bits, n_rounds=3, store_lengths=store_lengths)
        recalls[store_lengths], n_bytes, *_ = estimates(binarizer, "l2", *uneven)
        assert n_bytes == 32
    assert recalls[True] > recalls[False] + 0.05


def test_lengths_are_stored_where_they_differ(uneven, scifact):
    rows, _ = uneven
    even = scifact.doc_embeddings[:800]
    assert bi.AdditiveBinarizer(8, n_rounds=0).fit(rows).stores_lengths_
    assert not bi.AdditiveBinarizer(8, n_rounds=0).fit(even).stores_lengths_
    assert bi.AdditiveBinarizer(8, n_rounds=0, store_lengths=True).fit(even).stores_lengths_


def test_a_stored_length_is_that_of_the_row_from_the_center(uneven):
    rows, _ = uneven
    binarizer = bi.AdditiveBinarizer(40, n_rounds=1).fit(rows)
    special = np.stack([rows[0], binarizer.center_, binarizer.center_ + 1e15])
    codes = binarizer.encode(special)
    lengths = np.linalg.norm((special - binarizer.center_).astype(np.float64), axis=1)
    np.testing.assert_allclose(codes.factors[:, 0], lengths, rtol=1e-6)
    np.testing.assert_array_equal(binarizer.decode(codes)[1], binarizer.center_)
    double = (2 * rows[:1] - binarizer.center_).astype(np.float32)  # the same direction
    np.testing.assert_array_equal(binarizer.encode(double).packed, codes.packed[:1])


@pytest.mark.once
def test_new_rows_are_coded_nearly_as_well_as_those_of_the_training(scifact):
    binarizer = bi.AdditiveBinarizer(n_rounds=4).fit(scifact.doc_embeddings[::2])

    def relative_error(rows):
        left = rows - binarizer.decode(binarizer.encode(rows))
        return (left**2).sum() / ((rows - binarizer.center_) ** 2).sum()

    seen, new = (relative_error(scifact.doc_embeddings[first::2]) for first in (0, 1))
    assert new < 1.5 * seen
    assert new < 0.35


@pytest.mark.once
@pytest.mark.parametrize("n_rows", [10, 130, 380])
@pytest.mark.parametrize("similarity", ["cosine", "l2"])
def test_fewer_rows_than_dimensions(scifact, uneven, n_rows, similarity):
    if similarity == "cosine":
        rows, queries = scifact.doc_embeddings[:2000], scifact.query_embeddings
    else:
        rows, queries = uneven
    assert n_rows < rows.shape[1]
    true_ids = bi.evaluate.exact_search(queries, rows, k=10, similarity=similarity)[1]
    recalls = {}
    for binarizer in (bi.AdditiveBinarizer(), bi.RotationBinarizer()):
        index = bi.EmbeddingIndex(binarizer, similarity=similarity).fit(rows[:n_rows])
        index.add(rows)
        _, ids = index.search(queries, k=10)
        recalls[type(binarizer)] = bi.evaluate.recall_at_k(ids, true_ids, k=10), index
    additive, rotation = recalls.values()
    assert additive[1].bytes_per_vector == rotation[1].bytes_per_vector
    assert additive[0] >= rotation[0] - 0.01


def test_a_new_fit_copies_and_other_arrays_change_the_codes(uneven):
    rows, _ = uneven
    binarizer = bi.AdditiveBinarizer(40, n_rounds=1, store_lengths=False).fit(rows[:500])
    first = binarizer.encode(rows).packed
    twins = [copy.copy(binarizer), copy.deepcopy(binarizer), pickle.loads(pickle.dumps(binarizer))]
    binarizer.store_lengths = True
    second = binarizer.fit(rows[500:1500]).encode(rows).packed
    assert (first != second).any()
    for twin in twins:
        np.testing.assert_array_equal(twin.encode(rows).packed, first)
        twin.center_ = twin.center_ + np.float32(1)
        assert (twin.encode(rows).packed != first).any()
    np.testing.assert_array_equal(binarizer.encode(rows).packed, second)


def test_threads_that_encode_first_at_once_get_the_same_codes(uneven):
    rows, _ = uneven
    binarizer = bi.AdditiveBinarizer(40, n_rounds=1).fit(rows)
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: binarizer.encode(rows[:50]).packed, range(4)))
    for packed in codes:
        np.testing.assert_array_equal(packed, binarizer.encode(rows).packed[:50])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_bits": 0}, "n_bits must be >= 1, got 0"),
        ({"n_bits": 65537}, "n_bits must be <= 65536, got 65537"),
        ({"n_rounds": -1}, "n_rounds must be >= 0, got -1"),
        ({"patience": -1}, "patience must be >= 0, got -1"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        bi.AdditiveBinarizer(**parameters).fit(np.eye(8, dtype=np.float32))


def test_store_lengths_must_be_a_bool():
    with pytest.raises(TypeError, match="store_lengths must be"):
        bi.AdditiveBinarizer(store_lengths="yes").fit(np.eye(8, dtype=np.float32))
