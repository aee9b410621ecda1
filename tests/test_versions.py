"""Several versions of an embedding model in one index: what it answers, takes and refuses."""

import numpy as np
import pytest
from prefix_binarizer import (
    WIDTHS,
    PrefixBinarizer,
    VersionsModel,
    embeddings,
    prefix_binarizer,
    versioned_index,
)

import bitindex as bi

ROWS = {version: embeddings(20, width, seed=version) for version, width in enumerate(WIDTHS)}
QUERIES = {version: embeddings(7, width, seed=9) for version, width in enumerate(WIDTHS)}
NEWEST = len(WIDTHS) - 1


def filled():
    """An index and its model, whose versions have ids that lie between each other's."""
    index, model = versioned_index(), VersionsModel(WIDTHS)
    for version, X in ROWS.items():
        ids = np.arange(20)[::-1] * 3 + version
        index.add(X, ids, version=version)
        model.put(ids, X, version)
    return index, model


def state(index):
    """All that a refused call must leave alone."""
    ids = np.sort(index.ids)
    found = [part.tolist() for part in index.search(QUERIES[NEWEST], len(index))]
    return ids.tolist(), index.versions_of(ids).tolist(), len(index.versions), found


def test_properties():
    first, second = prefix_binarizer(8), prefix_binarizer(16)
    index = bi.EmbeddingIndex(first)
    assert (index.versions, index.binarizer) == ((first,), first)
    index.add(ROWS[0])
    assert index.add_version(second) == 1
    assert (index.versions, index.binarizer) == ((first, second), second)
    assert index.bytes_per_vector == 2
    index.add(ROWS[1])
    assert (len(index), index.ids.tolist()) == (40, list(range(40)))
    assert repr(index) == (
        "EmbeddingIndex(PrefixBinarizer(threshold='zero', query='binary'), kind='flat', "
        "similarity='cosine', rescore=None) with 40 embeddings, by version: 20, 20"
    )
    assert bi.EmbeddingIndex(bi.SignBinarizer()).versions[0].threshold == "zero"


@pytest.mark.parametrize("threads", [1, 3, None])
@pytest.mark.parametrize("k", [0, 1, 10, 59, 60, 70])
def test_one_answer_over_all_versions(k, threads):
    index, model = filled()
    model.assert_same_content(index)
    model.assert_same(index, QUERIES[NEWEST], k, threads=threads)
    for allowed in (set(), {0, 1, 2, 100}, set(range(0, 60, 2)), set(range(0, 60, 3))):
        model.assert_same(index, QUERIES[NEWEST], k, allowed, threads=threads)
    scores, ids = index.search(np.empty((0, 32), np.float32), k)
    assert scores.shape == ids.shape == (0, k)


def test_equal_scores_of_different_versions_go_to_the_smaller_id():
    # Eight ones against a shift of 8 / 64 make what all but one of sixteen bits make.
    index, model = versioned_index((8, 16)), VersionsModel((8, 16))
    short, long = np.ones((2, 8), np.float32), np.ones((2, 16), np.float32)
    long[:, 0] = short[:, 0] = -1
    for version, X, ids in ((0, short, [5, 0]), (1, long, [3, 9])):
        index.add(X, ids, version=version)
        model.put(ids, X, version)
    scores, ids = index.search(np.ones(16), k=4)
    assert scores.tolist() == [[0.875] * 4]
    assert ids.tolist() == [[0, 3, 5, 9]]
    model.assert_same(index, np.ones((1, 16), np.float32), 3)


def test_float_queries_are_merged_as_each_version_answers():
    index = versioned_index(query="float")
    alone = [versioned_index(query="float") for _ in WIDTHS]
    for version, X in ROWS.items():
        ids = np.arange(20) * 3 + version
        index.add(X, ids, version=version)
        alone[version].add(X, ids, version=version)
    found = [part.search(QUERIES[NEWEST], 20) for part in alone]
    scores, ids = (np.concatenate(part, axis=1) for part in zip(*found, strict=True))
    best = np.lexsort((ids, -scores), axis=1)[:, :25]
    got_scores, got_ids = index.search(QUERIES[NEWEST], 25)
    np.testing.assert_array_equal(got_ids, np.take_along_axis(ids, best, 1))
    np.testing.assert_array_equal(got_scores, np.take_along_axis(scores, best, 1))
    # The oldest codes: the cosine of the first dimensions and the code, and the shift.
    first = QUERIES[NEWEST][:, :8].astype(np.float64)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    expected = first @ np.where(ROWS[0] > 0, 1, -1).T / np.sqrt(8) + 24 / 64
    got = np.take_along_axis(found[0][0], np.argsort(found[0][1], axis=1), 1)
    np.testing.assert_allclose(got, expected, atol=0.02)  # tables are rounded


def test_scales_and_offsets_of_older_codes_count():
    class Longer(bi.RotationBinarizer):
        def can_search(self, other):
            return other is self or not isinstance(other, Longer)

        def queries_for(self, other, directions):
            if other is self:
                return super().queries_for(other, directions)
            weights = other.query_weights(directions[:, :16])
            return weights / 2, np.arange(len(directions), dtype=np.float32)

    X = embeddings(50, 24)
    old = bi.RotationBinarizer(2).fit(X[:, :16] / 10)
    index = bi.EmbeddingIndex(old)
    index.add(X[:, :16])
    index.add_version(Longer(center=False).fit(X))
    units = X[:5] / np.linalg.norm(X[:5], axis=1, keepdims=True)
    scores, ids = index.search(X[:5], 50)
    codes = bi.unpack(index.get(np.arange(50)), 32) * 2.0 - 1
    norms = np.linalg.norm(X[:, :16], axis=1, keepdims=True)
    factors = old.encode(X[:, :16] / norms).factors[:, 0]
    offsets = (X[:, :16] / norms - old.center_) @ old.center_
    weights = old.query_weights(np.ascontiguousarray(units[:, :16])) / 2
    expected = factors * (weights @ codes.T) + offsets + np.arange(5)[:, np.newaxis]
    in_order = np.take_along_axis(scores, np.argsort(ids, axis=1), 1)
    np.testing.assert_allclose(in_order, expected, atol=0.02)  # tables are rounded


def test_queries_of_an_older_version():
    index, model = filled()
    with pytest.raises(ValueError, match=r"version 1 cannot search the 20 rows of version 2"):
        index.search(QUERIES[1], version=1)
    index.remove(np.arange(20) * 3 + 2)
    model.rows = {key: row for key, row in model.rows.items() if row[0] < 2}
    model.assert_same(index, QUERIES[1], 30, version=1)
    model.assert_same(index, QUERIES[2], 30, version=np.int64(2))
    with pytest.raises(ValueError, match=r"version 0 cannot search the 20 rows of version 1"):
        index.search(QUERIES[0], version=0)
    with pytest.raises(ValueError, match=r"Q must have shape \(n, 32\), got shape \(7, 16\)"):
        index.search(QUERIES[1])


@pytest.mark.parametrize("use", ["add", "update", "search"])
@pytest.mark.parametrize(
    ("version", "error", "message"),
    [
        (3, ValueError, "version must be < 3, the number of versions, got 3"),
        (-1, ValueError, "version must be >= 0, got -1"),
        (1.0, TypeError, "version must be an integer, got float"),
        ("1", TypeError, "version must be an integer, got str"),
        (True, TypeError, "version must be an integer, got bool"),
    ],
)
def test_numbers_of_versions_are_checked(use, version, error, message):
    index, _ = filled()
    before = state(index)
    arguments = {"add": (ROWS[0],), "update": ([0], ROWS[0][:1]), "search": (ROWS[0],)}[use]
    with pytest.raises(error, match=message):
        getattr(index, use)(*arguments, version=version)
    assert state(index) == before


def test_default_ids_are_free_in_all_versions():
    index = versioned_index()
    assert index.add(ROWS[2][:2]).tolist() == [0, 1]
    assert index.add(ROWS[0][:2], version=0).tolist() == [2, 3]
    assert index.add(ROWS[1][:1], [10], version=1).tolist() == [10]
    index.upgrade([3], ROWS[2][:1])
    index.remove([10])
    assert index.add(ROWS[2][:1]).tolist() == [11]


@pytest.mark.parametrize("version", range(len(WIDTHS)))
def test_an_id_of_any_version_is_taken(version):
    index, _ = filled()
    before = state(index)
    for taken in (0, 1, 2):
        with pytest.raises(ValueError, match=f"^id {taken} is already in the index"):
            index.add(ROWS[version][:3], [100, taken, 101], version=version)
    assert state(index) == before


def test_upgrade_moves_rows():
    index, model = filled()
    for ids in ([0, 1, 30], [2, 57, 4], np.arange(60)):  # of older versions, of all, and again
        X_new = embeddings(len(ids), 32, seed=len(ids))
        index.upgrade(ids, X_new)
        model.put(ids, X_new, 2)
        model.assert_same_content(index)
        model.assert_same(index, QUERIES[2], 60)
    assert index.versions_of(index.ids).tolist() == [2] * 60
    index.add_version(prefix_binarizer(64))
    assert index.upgrade([], np.empty((0, 64), np.float32)) is None


def test_upgrade_takes_batches():
    index, model = filled()
    X_new = embeddings(60, 32)
    index.upgrade(range(60), (X_new[first : first + 25] for first in (0, 25, 50)), progress=False)
    model.put(range(60), X_new, 2)
    model.assert_same_content(index)


@pytest.mark.parametrize("version", [None, 0, 1, 2])
def test_update_brings_rows_to_its_version(version):
    index, model = filled()
    number = 2 if version is None else version
    X = embeddings(30, WIDTHS[number], seed=5)
    ids = np.random.default_rng(0).permutation(60)[:30]
    index.update(ids, X, version)
    model.put(ids, X, number)
    model.assert_same_content(index)
    model.assert_same(index, QUERIES[2], 60)


@pytest.mark.parametrize("change", ["update", "upgrade"])
def test_replaced_rows_take_no_more_memory(change):
    index = versioned_index((8,))
    X = embeddings(5000, 8)
    ids = index.add(X)
    (version,) = index._core.versions
    before = version.core.memory_bytes()
    getattr(index, change)(ids[::-1], X)
    assert version.core.memory_bytes() == before
    np.testing.assert_array_equal(index.get(ids), index.binarizer.encode(X[::-1]).packed)


def test_a_removed_id_may_come_back_in_another_version():
    index, model = filled()
    assert index.remove([0, 1, 2, 0, 1000]) == 3
    for key in range(3):
        del model.rows[key]
    model.assert_same_content(index)
    index.add(ROWS[0][:3], [2, 1, 0], version=0)
    model.put([2, 1, 0], ROWS[0][:3], 0)
    index.upgrade([1], ROWS[2][:1])
    model.put([1], ROWS[2][:1], 2)
    model.assert_same_content(index)
    model.assert_same(index, QUERIES[2], 60)


@pytest.mark.parametrize("change", ["upgrade", "update"])
def test_refused_moves_change_nothing(change):
    index, _ = filled()
    before = state(index)
    X = embeddings(2, 32)
    for ids, rows, error, message in [
        ([0, 60], X, KeyError, "id 60 is not in the index"),
        ([0, 0], X, ValueError, "got id 0 more than once"),
        ([2, 2], X, ValueError, "got id 2 more than once"),
        ([0], X, ValueError, r"one id per row \(2 rows\), got 1"),
        ([0, 1], X[:, :16], ValueError, r"X must have shape \(n, 32\)"),
        ([0, 1], X * np.nan, ValueError, "X must be finite"),
        ([0.0, 1.0], X, TypeError, "ids must be integers"),
        ([0, -1], X, KeyError, "id -1 is not in the index"),
    ]:
        with pytest.raises(error, match=message):
            getattr(index, change)(ids, rows)
    assert state(index) == before


def test_get_and_contains():
    index, _ = filled()
    assert [key in index for key in (0, 1, 2, 60)] == [True, True, True, False]
    assert index.get([4, 1]).shape == (2, 2)
    assert index.get([]).shape == (0, 4)
    with pytest.raises(ValueError, match="got ids of versions 0, 2: versions_of"):
        index.get([0, 3, 2])
    with pytest.raises(KeyError, match="id 60 is not in the index"):
        index.get([0, 60])
    with pytest.raises(KeyError, match="id 60 is not in the index"):
        index.versions_of([0, 60])
    with pytest.raises(TypeError, match="ids must be integers"):
        index.versions_of(["a"])
    assert index.versions_of([5, 0, 5]).tolist() == [2, 0, 2]
    assert index.versions_of([]).dtype == np.int64


class TestAddVersion:
    def refused(self, index, binarizer, error, message):
        before = index.versions
        with pytest.raises(error, match=message):
            index.add_version(binarizer)
        assert index.versions == before

    def test_only_a_fitted_binarizer(self):
        index, _ = filled()
        self.refused(index, "sign", TypeError, "must be a Binarizer .*, got str")
        self.refused(index, PrefixBinarizer(), ValueError, "is not fitted yet")
        self.refused(index, index.versions[1], ValueError, "is a version of this index already")
        unfitted = bi.EmbeddingIndex(PrefixBinarizer())
        self.refused(unfitted, prefix_binarizer(8), ValueError, "is not fitted yet")

    def test_only_a_compatible_binarizer(self):
        index, _ = filled()
        incompatible = bi.SignBinarizer().fit(np.ones((1, 32)))
        message = r"cannot search the 20 rows of version 0, PrefixBinarizer\(.*\): fit it to be"
        self.refused(index, incompatible, ValueError, message)
        self.refused(index, prefix_binarizer(8), ValueError, "20 rows of version 1")
        index.add_version(prefix_binarizer(32))  # equal, but not the same

    def test_only_in_an_index_of_cosines(self):
        for options, message in (
            ({"rescore": "int8"}, "need an index with rescore=None.*got rescore='int8'"),
            ({"similarity": "dot"}, "need similarity='cosine'.*got similarity='dot'"),
            ({"similarity": "l2"}, "need similarity='cosine'.*got similarity='l2'"),
        ):
            index = bi.EmbeddingIndex(prefix_binarizer(8), **options)
            self.refused(index, prefix_binarizer(16), ValueError, message)

    def test_a_center_of_longer_rows_is_refused(self):
        index = bi.EmbeddingIndex(prefix_binarizer(8))
        far = PrefixBinarizer("mean").fit(np.full((3, 16), 5.0))
        self.refused(index, far, ValueError, "encodes rows of length 1")

    def test_not_before_fit(self):
        index = versioned_index((8, 16))
        with pytest.raises(ValueError, match="fit must come before add_version"):
            index.fit(ROWS[1])

    def test_a_version_without_rows_need_not_be_searched(self):
        index = bi.EmbeddingIndex(bi.SignBinarizer().fit(ROWS[0]))
        index.add_version(prefix_binarizer(16))
        index.add(ROWS[1])
        for use in (
            lambda: index.add(ROWS[0], version=0),
            lambda: index.update([0], ROWS[0][:1], version=0),
        ):
            with pytest.raises(ValueError, match="version 0 takes no more rows"):
                use()
        index.add_version(prefix_binarizer(32))
        model = VersionsModel((8, 16, 32))
        model.put(range(20), ROWS[1], 1)
        model.assert_same(index, QUERIES[2], 20)
        model.assert_same_content(index)


def test_binarizers_search_only_themselves_by_default():
    first, second = (bi.SignBinarizer("mean").fit(ROWS[0]) for _ in range(2))
    assert first.can_search(first)
    assert not first.can_search(second)
    with pytest.raises(ValueError, match="cannot search codes of"):
        first.queries_for(second, ROWS[0])
