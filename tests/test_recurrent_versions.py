"""Recurrent codes of two versions of embeddings: new queries on old codes."""

import numpy as np
import pytest
import torch

import bitindex as bi
from bitindex.binarize.recurrent_network import unit_rows
from bitindex.binarize.recurrent_training.start import directions_near

RNG = np.random.default_rng(2)
# Unequal variances, as of real embeddings; the old ones are the first dimensions of the new.
X_NEW = unit_rows((RNG.standard_normal((1200, 24)) / np.arange(3, 27)).astype(np.float32))
X_OLD = unit_rows(X_NEW[:, :16])
Q_NEW, Q_OLD, B_NEW, B_OLD = X_NEW[:200], X_OLD[:200], X_NEW[200:], X_OLD[200:]
NEAREST = np.argsort(-(Q_NEW @ B_NEW.T), axis=1)[:, :10]
PARAMS = {"n_epochs": 4, "batch_size": 128, "hidden_dim": 16, "bits_per_dim": 3}
KINDS = {"float": ("float", False), "binary": ("binary", False), "prefix": ("binary", True)}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def versions(request):
    query, prefix = request.param
    old = bi.RecurrentBinarizer(query=query, **PARAMS).fit(B_OLD)
    new = bi.RecurrentBinarizer(query=query, **PARAMS)
    return old, new.fit_compatible(B_NEW, old=old, X_old=B_OLD, prefix=prefix)


def scores_of(queries, codes_of, Q, B):
    """What an index of the codes would say, without its rounded tables."""
    codes = codes_of.encode(B)
    weights, constants = queries.queries_for(codes_of, Q)
    assert weights.shape == (len(Q), codes_of.n_bits_)
    assert weights.dtype == constants.dtype == np.float32
    bits = np.where(bi.unpack(codes.packed, codes.n_bits), 1.0, -1.0)
    return weights @ bits.T * codes.factors[:, 0] + constants[:, np.newaxis]


def recall(scores):
    found = np.argsort(-scores, axis=1)[:, :10]
    return np.mean([len({*a} & {*b}) / 10 for a, b in zip(found, NEAREST, strict=True)])


def test_new_queries_find_at_least_as_much_in_old_codes_as_old_ones(versions):
    old, new = versions
    old_on_old = recall(scores_of(old, old, Q_OLD, B_OLD))
    new_on_old = recall(scores_of(new, old, Q_NEW, B_OLD))
    new_on_new = recall(scores_of(new, new, Q_NEW, B_NEW))
    assert old_on_old - 0.01 < new_on_old < new_on_new


def test_scores_of_both_versions_are_comparable(versions):
    old, new = versions
    on_old = np.take_along_axis(scores_of(new, old, Q_NEW, B_OLD), NEAREST, axis=1)
    on_new = np.take_along_axis(scores_of(new, new, Q_NEW, B_NEW), NEAREST, axis=1)
    assert on_old.mean() == pytest.approx(on_new.mean(), abs=0.01)
    # One ranking of rows of which each is there in one version.
    mixed = scores_of(new, new, Q_NEW, B_NEW)
    mixed[:, ::2] = scores_of(new, old, Q_NEW, B_OLD)[:, ::2]
    lowest = recall(scores_of(new, old, Q_NEW, B_OLD))
    assert recall(mixed) > lowest - 0.02


def test_own_codes(versions):
    _, new = versions
    weights, constants = new.queries_for(new, Q_NEW)
    np.testing.assert_array_equal(weights, new.query_weights(Q_NEW))
    np.testing.assert_array_equal(constants, 0)


@pytest.mark.parametrize("query", ["float", "binary"])
def test_without_a_prefix_new_codes_are_those_of_fit(query):
    old = bi.RecurrentBinarizer(bits_per_dim=1, n_epochs=1).fit(B_OLD)
    new = bi.RecurrentBinarizer(query=query, **PARAMS)
    new.fit_compatible(B_NEW, old=old, X_old=B_OLD)
    alone = bi.RecurrentBinarizer(query=query, **PARAMS).fit(B_NEW)
    np.testing.assert_array_equal(new.encode(Q_NEW).packed, alone.encode(Q_NEW).packed)
    assert (
        recall(scores_of(new, old, Q_NEW, B_OLD)) > recall(scores_of(old, old, Q_OLD, B_OLD)) - 0.02
    )


def test_binary_queries_compare_the_first_dimensions():
    old = bi.RecurrentBinarizer(query="binary", **PARAMS).fit(B_OLD)
    new = bi.RecurrentBinarizer(query="binary", **PARAMS)
    new.fit_compatible(B_NEW, old=old, X_old=B_OLD, prefix=True)
    levels = new.network.codes(Q_NEW, 0)[1][:, :16].astype(np.float64)
    old_levels = old.network.codes(B_OLD, 0)[1].astype(np.float64)
    cosines = unit_rows(levels) @ unit_rows(old_levels).T
    scores = scores_of(new, old, Q_NEW, B_OLD)
    alpha, beta = new._compatible.alpha, new._compatible.beta
    np.testing.assert_allclose(scores, alpha * cosines + beta, atol=1e-5)


def test_who_can_search_whose_codes(versions, tmp_path):
    old, new = versions
    other = bi.RecurrentBinarizer(query=old.query, **PARAMS | {"random_state": 5}).fit(B_OLD)
    assert new.can_search(new)
    assert new.can_search(old)
    assert old.can_search(old)
    assert not old.can_search(new)
    assert not new.can_search(other)
    assert not new.can_search(bi.SignBinarizer().fit(B_OLD))
    assert not new.can_search(bi.RecurrentBinarizer())
    with pytest.raises(ValueError, match="cannot search codes of"):
        new.queries_for(other, Q_NEW)
    loaded = []
    for binarizer in (old, new):
        bi.EmbeddingIndex(binarizer).save(tmp_path / "index.bitx")
        loaded.append(bi.load(tmp_path / "index.bitx").binarizer)
    assert loaded[1].can_search(loaded[0])
    for a, b in zip(
        loaded[1].queries_for(loaded[0], Q_NEW), new.queries_for(old, Q_NEW), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    new_again = bi.RecurrentBinarizer(**new.get_params()).fit(B_NEW)
    assert not new_again.can_search(old)


def test_an_index_of_both_versions_answers_as_one(versions, tmp_path):
    old, new = versions
    index = bi.EmbeddingIndex(old)
    ids = index.add(B_OLD)
    found = [bi.evaluate.recall_at_k(index.search(Q_OLD, k=10)[1], NEAREST, k=10)]
    index.add_version(new)
    for part in (ids[:0], ids[::2], ids):
        index.upgrade(part, B_NEW[part])
        scores, nearest = index.search(Q_NEW, k=10)
        found.append(bi.evaluate.recall_at_k(nearest, NEAREST, k=10))
        # Scores on one scale: those of the codes alone, but for tables that are rounded.
        of_old, of_new = scores_of(new, old, Q_NEW, B_OLD), scores_of(new, new, Q_NEW, B_NEW)
        wanted = np.where(index.versions_of(ids) == 0, of_old, of_new)
        wanted = np.take_along_axis(wanted, nearest, axis=1)
        np.testing.assert_allclose(scores, wanted, atol=0.03)
        index.save(tmp_path / "versions.bitx")
        again = bi.load(tmp_path / "versions.bitx").search(Q_NEW, k=10)
        np.testing.assert_array_equal(again, (scores, nearest))
    old_alone, new_on_old, mixed, new_alone = found
    assert old_alone - 0.02 < new_on_old < mixed + 0.03
    assert max(old_alone, new_on_old, mixed) < new_alone


def test_labels_and_a_longer_code():
    labels = RNG.integers(0, 9, len(B_NEW))
    old = bi.RecurrentBinarizer(query="binary", code_dim=10, **PARAMS).fit(B_OLD, labels=labels)
    new = bi.RecurrentBinarizer(query="binary", code_dim=40, **PARAMS)
    new.fit_compatible(B_NEW, old=old, X_old=B_OLD, labels=labels, prefix=True)
    assert new.n_bits_ == 120
    assert scores_of(new, old, Q_NEW, B_OLD).shape == (200, 1000)


def test_directions_begin_near_the_old_codes():
    torch.manual_seed(0)
    turn = torch.linalg.qr(torch.randn(24, 10))[0]
    rows = torch.from_numpy(X_NEW)
    directions = directions_near(rows, rows @ turn, 24)
    np.testing.assert_allclose(directions[:, :10], turn, atol=0.2)
    np.testing.assert_allclose(directions.T @ directions, np.eye(24), atol=1e-4)


@pytest.mark.parametrize(
    ("params", "arguments", "error", "message"),
    [
        ({}, {"old": bi.SignBinarizer()}, TypeError, "old must be a RecurrentBinarizer"),
        ({}, {"old": bi.RecurrentBinarizer()}, ValueError, "is not fitted yet"),
        ({}, {"prefix": True}, ValueError, "prefix=True needs query='binary'"),
        ({}, {"prefix": 1}, TypeError, "prefix must be a bool, got int"),
        ({}, {"X_old": B_OLD[1:]}, ValueError, r"a row for each of X_new \(1000\), got 999"),
        ({}, {"X_old": B_NEW}, ValueError, r"X_old must have shape \(n, 16\)"),
    ],
)
def test_refusals(params, arguments, error, message):
    old = bi.RecurrentBinarizer(**PARAMS | {"n_epochs": 0}).fit(B_OLD)
    new = bi.RecurrentBinarizer(**PARAMS | params)
    with pytest.raises(error, match=message):
        new.fit_compatible(B_NEW, **{"old": old, "X_old": B_OLD} | arguments)
    assert not hasattr(new, "n_bits_")


def test_refusals_of_a_prefix():
    old = bi.RecurrentBinarizer(query="binary", **PARAMS | {"n_epochs": 0}).fit(B_OLD)
    arguments = {"old": old, "X_old": B_OLD, "prefix": True}
    with pytest.raises(ValueError, match="old must have bits_per_dim=2, got 3"):
        bi.RecurrentBinarizer(query="binary").fit_compatible(B_NEW, **arguments)
    short = bi.RecurrentBinarizer(code_dim=5, query="binary", **PARAMS)
    with pytest.raises(ValueError, match="code_dim must be >= that of the old codes, 16, got 5"):
        short.fit_compatible(B_NEW, **arguments)
