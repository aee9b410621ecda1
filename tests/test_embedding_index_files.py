"""An EmbeddingIndex in a file."""

import itertools

import numpy as np
import pytest
from small_embedding_index import PRECISIONS, SIMILARITIES, X, assert_same_results, new_index

import bitindex as bi


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
