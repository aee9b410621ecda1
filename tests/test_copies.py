"""Copies of an index are indexes of their own; pickles are refused, and the message says why."""

import copy
import pickle

import numpy as np
import pytest
from reference_index import assert_same_answers, make_index, random_codes
from refusals import refused

import bitindex as bi


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_shares_nothing(kind, copied):
    rng = np.random.default_rng(0)
    codes = random_codes(rng, 1500, 40)
    index = make_index(kind, 40)
    next_id = 1 + index.add(codes, rng.permutation(4000)[:1500]).max()
    index.remove(index.ids[:300])
    index.update(index.ids[:20], codes[:20])
    twin = copied(index)
    assert repr(twin) == repr(index)
    assert twin.ids.tolist() == index.ids.tolist()
    answers = index.search(codes[:30], 7)
    assert_same_answers(twin.search(codes[:30], 7), answers)
    assert twin.add(codes[:3]).tolist() == [next_id, next_id + 1, next_id + 2]
    twin.remove(twin.ids[:600])
    twin.update(twin.ids[:100], codes[:100])
    assert_same_answers(index.search(codes[:30], 7), answers)
    assert index.add(codes[:1]).tolist() == [next_id]


def test_a_copy_of_a_mapped_index_can_be_changed(kind, tmp_path):
    index = make_index(kind, 16)
    index.add([[1, 2], [3, 4]])
    index.save(tmp_path / "a.bitx")
    mapped = bi.load(tmp_path / "a.bitx", mmap=True)
    twin = copy.deepcopy(mapped)
    twin.add([[5, 6]])
    assert twin.search([5, 6], 1)[1].tolist() == [[2]]
    with refused(ValueError, "the index is memory-mapped"):
        mapped.add([[5, 6]])


@pytest.mark.parametrize(
    "options", [{}, {"kind": "hnsw"}, {"kind": "ivf", "residuals": True, "rescore": "int8"}]
)
def test_a_copy_of_embeddings(options):
    X = np.random.default_rng(1).standard_normal((600, 24), dtype=np.float32)
    index = bi.EmbeddingIndex(bi.RotationBinarizer(), **options).fit(X)
    index.add(X)
    answers = index.search(X[:9], 5)
    twin = copy.copy(index)
    assert repr(twin) == repr(index)
    assert_same_answers(twin.search(X[:9], 5), answers)
    twin.update(twin.ids[:300], X[300:])
    assert_same_answers(index.search(X[:9], 5), answers)


def test_pickles_are_refused(kind):
    embeddings = bi.EmbeddingIndex(bi.SignBinarizer())
    for index in (make_index(kind, 8), embeddings):
        with refused(TypeError, f"{type(index).__name__} cannot be pickled; save(path) writes"):
            pickle.dumps(index)
