"""Additive codes against slow NumPy, and against the codes that they must beat."""

import itertools

import numpy as np
import pytest

import bitindex as bi
from bitindex import _core
from bitindex.binarize.additive import _columns_of_bits


def scifact_recall(binarizer, data, similarity="cosine"):
    index = bi.EmbeddingIndex(binarizer, similarity=similarity).fit(data.doc_embeddings)
    index.add(data.doc_embeddings)
    _, ids = index.search(data.query_embeddings, k=10)
    _, true_ids = bi.evaluate.exact_search(
        data.query_embeddings, data.doc_embeddings, k=10, similarity=similarity
    )
    return bi.evaluate.recall_at_k(ids, true_ids, k=10), index.bytes_per_vector


@pytest.fixture(scope="module")
def scifact():
    return bi.datasets.load_scifact()


def random_coder(n_dims, n_bits, seed=0, along_weight=0.3):
    rng = np.random.default_rng(seed)
    decoder = rng.standard_normal((n_dims, n_bits)).astype(np.float32)
    root = rng.standard_normal((n_dims, n_dims))
    weights = (root @ root.T / n_dims + np.eye(n_dims)).astype(np.float32)
    return {
        "center": rng.standard_normal(n_dims).astype(np.float32),
        "along_center": rng.standard_normal(n_dims).astype(np.float32),
        "decoder": decoder,
        "weighted": np.ascontiguousarray(weights @ decoder),
        "evidence": np.ascontiguousarray(weights @ decoder),
        "feedback": np.triu(rng.standard_normal((n_bits, n_bits)), 1).astype(np.float32),
        "along_weight": along_weight,
    }, weights


def errors(coder, weights, row, codes):
    """Return the error of codes of shape (n, m) with entries +-1, as additive.h defines it."""
    direction = row - coder["center"]
    left = direction - codes @ coder["decoder"].T.astype(np.float64)
    along = left @ (direction + coder["along_center"])
    return np.einsum("ij,jk,ik->i", left, weights, left) + coder["along_weight"] * along**2


def encode(coder, rows, patience, first=None):
    packed = _core.encode_additive(rows, **coder, patience=patience, first=first, threads=1)
    n_bits = coder["decoder"].shape[1]
    return np.where(bi.unpack(packed, n_bits), 1.0, -1.0)


def flips_of(code):
    return code * (1 - 2 * np.eye(len(code)))


@pytest.mark.parametrize("n_bits", [1, 7, 16, 33, 70])
def test_no_single_flip_is_better(n_bits):
    coder, weights = random_coder(13, n_bits)
    rows = np.random.default_rng(1).standard_normal((40, 13)).astype(np.float32) * 3
    for row, code in zip(rows, encode(coder, rows, patience=0), strict=True):
        here = errors(coder, weights, row, code[np.newaxis])[0]
        assert errors(coder, weights, row, flips_of(code)).min() > here * (1 - 1e-4) - 1e-4


@pytest.mark.parametrize(("n_dims", "n_bits"), [(1, 1), (13, 37), (40, 7), (3, 130), (70, 96)])
def test_codes_depend_on_the_rows_alone(n_dims, n_bits, use_isa):
    coder, _ = random_coder(n_dims, n_bits)
    rng = np.random.default_rng(1)
    scales = 10.0 ** rng.integers(-20, 16, (300, 1))
    rows = (rng.standard_normal((300, n_dims)) * scales + coder["center"]).astype(np.float32)
    rows[::50] = 0
    rows[1::50] = coder["center"]
    for patience in (0, 20):
        expected = encode(coder, rows, patience)
        for isa in _core.supported_isas():
            use_isa(isa)
            np.testing.assert_array_equal(encode(coder, rows, patience), expected, err_msg=isa)
        one_by_one = [encode(coder, row[np.newaxis], patience)[0] for row in rows[:40]]
        np.testing.assert_array_equal(one_by_one, expected[:40])


def test_rows_far_from_the_center_get_the_signs_of_their_direction():
    coder, weights = random_coder(20, 30, along_weight=0.0)
    rows = np.random.default_rng(1).standard_normal((30, 20)).astype(np.float32) * np.float32(1e15)
    products = rows @ (weights @ coder["decoder"]).astype(np.float64)
    clear = np.abs(products) > 1e-2 * np.abs(products).max()
    np.testing.assert_array_equal(encode(coder, rows, 50)[clear], np.sign(products)[clear])


def test_the_start_feeds_decided_bits_back():
    coder, _ = random_coder(13, 37)
    coder["decoder"] *= 0  # no flip changes anything, so the search stays where it starts
    coder["weighted"] *= 0
    rows = np.random.default_rng(1).standard_normal((20, 13)).astype(np.float32)
    for row, code in zip(rows, encode(coder, rows, patience=0), strict=True):
        evidence = (row - coder["center"]) @ coder["evidence"].astype(np.float64)
        for i in range(37):
            # The core computes with numbers of 16 bits.
            assert abs(evidence[i]) < 5e-3 or code[i] == np.sign(evidence[i])
            evidence -= code[i] * coder["feedback"][i]


def test_a_patient_search_finds_the_best_codes():
    coder, weights = random_coder(9, 10)
    rows = np.random.default_rng(1).standard_normal((60, 9)).astype(np.float32) * 3
    every = np.array(list(itertools.product([-1.0, 1.0], repeat=10)))
    n_best = {0: 0, 100: 0}
    for patience in n_best:
        for row, code in zip(rows, encode(coder, rows, patience), strict=True):
            best = errors(coder, weights, row, every).min()
            n_best[patience] += errors(coder, weights, row, code[np.newaxis])[0] < best * 1.0001
    assert n_best[0] < n_best[100]
    assert n_best[100] >= 45


def test_the_search_starts_from_given_codes():
    coder, weights = random_coder(13, 40)
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((30, 13)).astype(np.float32)
    first = bi.pack(rng.random((30, 40)) < 0.5)
    starts = np.where(bi.unpack(first, 40), 1.0, -1.0)
    for row, start, code in zip(rows, starts, encode(coder, rows, 0, first), strict=True):
        before, after = errors(coder, weights, row, np.array([start, code]))
        assert after <= before


def test_more_recall_than_rotation_at_one_bit_a_dimension(scifact):
    additive, n_bytes = scifact_recall(bi.AdditiveBinarizer(), scifact)
    rotation, rotation_bytes = scifact_recall(bi.RotationBinarizer(), scifact)
    assert n_bytes == 48 < rotation_bytes
    assert additive > rotation + 0.04


@pytest.mark.parametrize(("similarity", "n_bytes"), [("cosine", 28), ("dot", 28), ("l2", 28)])
def test_similarities_of_rows_of_any_length(scifact, similarity, n_bytes):
    lengths = np.random.default_rng(0).uniform(0.5, 2, (len(scifact.doc_embeddings), 1))
    scaled = (scifact.doc_embeddings * lengths + 1).astype(np.float32)
    queries = scifact.query_embeddings + np.float32(1)
    index = bi.EmbeddingIndex(bi.AdditiveBinarizer(192), similarity=similarity).fit(scaled)
    index.add(scaled)
    scores, ids = index.search(queries, k=10)
    true_scores, true_ids = bi.evaluate.exact_search(queries, scaled, 10, similarity=similarity)
    assert index.bytes_per_vector == n_bytes
    assert bi.evaluate.recall_at_k(ids, true_ids, k=10) > 0.5
    found = np.einsum("id,ijd->ij", queries, scaled[ids])
    if similarity == "dot":  # the scores are estimates of the similarity itself
        assert np.abs(scores - found).mean() < 0.2 * true_scores.std() + 0.5


def test_new_rows_are_coded_nearly_as_well_as_those_of_the_training(scifact):
    binarizer = bi.AdditiveBinarizer(n_rounds=4).fit(scifact.doc_embeddings[::2])

    def relative_error(rows):
        left = rows - binarizer.decode(binarizer.encode(rows))
        return (left**2).sum() / ((rows - binarizer.center_) ** 2).sum()

    seen, new = (relative_error(scifact.doc_embeddings[first::2]) for first in (0, 1))
    assert new < 1.5 * seen
    assert new < 0.35


@pytest.mark.parametrize("n_bits", [1, 8, 20, 100, 800])
def test_columns_of_one_energy_lie_in_different_bytes(n_bits):
    columns = _columns_of_bits(n_bits)
    assert sorted(columns) == list(range(n_bits))
    n_bytes = -(-n_bits // 8)
    heaviest = np.flatnonzero(columns < n_bytes)
    assert len(set(heaviest // 8)) == n_bytes


def test_fewer_rows_than_dimensions(scifact):
    few = scifact.doc_embeddings[::40]
    assert len(few) < few.shape[1]
    recalls = {}
    for binarizer in (bi.AdditiveBinarizer(), bi.RotationBinarizer()):
        index = bi.EmbeddingIndex(binarizer).fit(few)
        index.add(scifact.doc_embeddings)
        _, ids = index.search(scifact.query_embeddings, k=10)
        _, true_ids = bi.evaluate.exact_search(
            scifact.query_embeddings, scifact.doc_embeddings, k=10
        )
        recalls[type(binarizer)] = bi.evaluate.recall_at_k(ids, true_ids, k=10)
    assert recalls[bi.AdditiveBinarizer] >= recalls[bi.RotationBinarizer]


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
