"""Files of indexes with one and several versions.

Golden files stay readable for ever. `v1_embedding.bitx` was written by bitindex 0.1.0, before an
index could have versions; `v1_versions.bitx` when it could: see `golden_index`.
"""

from pathlib import Path

import numpy as np
import pytest
from prefix_binarizer import (
    WIDTHS,
    VersionsModel,
    embeddings,
    prefix_binarizer,
    register,
    versioned_index,
)

import bitindex as bi
from bitindex.storage import FileFormatError, read_file, write_file, writer

GOLDEN = Path(__file__).parent / "golden"
MODES = pytest.mark.parametrize("mmap", [False, True], ids=["read", "mapped"])
EMBEDDINGS = (np.arange(40).reshape(5, 8) * 7 % 11 - 5).astype(np.float32)


@pytest.fixture(autouse=True)
def _prefix_binarizers_can_be_saved(monkeypatch):
    register(monkeypatch)


def filled(widths=WIDTHS):
    index, model = versioned_index(widths), VersionsModel(widths)
    for version, width in enumerate(widths):
        X = embeddings(30, width)
        ids = np.arange(30)[::-1] * 5 + version
        index.add(X, ids, version=version)
        model.put(ids, X, version)
    return index, model


def golden_index():
    index = versioned_index((4, 8))
    index.add(EMBEDDINGS[:3, :4], ids=[3, 1, 4], version=0)
    index.add(EMBEDDINGS[3:], ids=[15, 9])
    return index


@MODES
def test_saved_and_loaded(tmp_path, mmap):
    index, model = filled()
    index.remove([0])
    del model.rows[0]
    index.save(tmp_path / "a.bitx")
    loaded = bi.load(tmp_path / "a.bitx", mmap=mmap)
    Q = embeddings(5, WIDTHS[-1])
    for each in (index, loaded):
        model.assert_same_content(each)
        model.assert_same(each, Q, 100)
        model.assert_same(each, Q, 10, allowed=range(0, 150, 4), threads=2)
    assert repr(loaded) == repr(index)
    assert [old.n_bits_ for old in loaded.versions] == list(WIDTHS)
    loaded.save(tmp_path / "b.bitx")
    assert (tmp_path / "a.bitx").read_bytes() == (tmp_path / "b.bitx").read_bytes()


def test_a_loaded_index_goes_on(tmp_path):
    index, model = filled()
    index.save(tmp_path / "a.bitx")
    loaded = bi.load(tmp_path / "a.bitx")
    X = embeddings(40, WIDTHS[-1], seed=1)
    ids = sorted(model.rows)[:40]
    loaded.upgrade(ids, X)
    model.put(ids, X, 2)
    model.put(loaded.add(X), X, 2)
    model.assert_same_content(loaded)
    model.assert_same(loaded, X[:3], 200)
    assert loaded.add_version(prefix_binarizer(64)) == 3


def test_a_mapped_index_cannot_be_changed(tmp_path):
    index, model = filled()
    index.save(tmp_path / "a.bitx")
    mapped = bi.load(tmp_path / "a.bitx", mmap=True)
    for change in (
        lambda: mapped.add_version(prefix_binarizer(64)),
        lambda: mapped.upgrade([0], embeddings(1, 32)),
        lambda: mapped.update([0], embeddings(1, 8), version=0),
        lambda: mapped.add(embeddings(1, 16), version=1),
        lambda: mapped.remove([0]),
    ):
        with pytest.raises(ValueError, match="is memory-mapped and cannot be changed"):
            change()
    model.assert_same_content(mapped)


def test_versions_without_rows(tmp_path):
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(np.eye(4)))
    index.add_version(prefix_binarizer(8))  # which cannot search the first
    index.save(tmp_path / "a.bitx")
    loaded = bi.load(tmp_path / "a.bitx")
    assert repr(loaded) == repr(index)
    assert loaded.add(embeddings(3, 8)).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="version 0 takes no more rows"):
        loaded.add(np.eye(4), version=0)


def test_a_file_of_one_version_is_as_it_was_before_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_writer_name", lambda: "bitindex 0.1.0")
    golden = GOLDEN / "v1_embedding.bitx"
    index = bi.EmbeddingIndex(bi.SignBinarizer("mean"), rescore="int8").fit(EMBEDDINGS)
    index.add(EMBEDDINGS, ids=[3, 1, 4, 15, 9])
    index.save(tmp_path / "a.bitx")
    assert (tmp_path / "a.bitx").read_bytes() == golden.read_bytes()
    for mmap in (False, True):
        loaded = bi.load(golden, mmap=mmap)
        assert loaded.ids.tolist() == [3, 1, 4, 15, 9]
        scores, ids = loaded.search(EMBEDDINGS[:2], k=3)
        assert ids.tolist() == [[3, 1, 15], [1, 3, 4]]
        np.testing.assert_allclose(scores[0], [1.0006562, 0.36761582, -0.10902032], rtol=1e-6)


def test_golden_file_of_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_writer_name", lambda: "bitindex 0.1.0")
    golden_index().save(tmp_path / "a.bitx")
    golden = GOLDEN / "v1_versions.bitx"
    assert (tmp_path / "a.bitx").read_bytes() == golden.read_bytes()
    for mmap in (False, True):
        loaded = bi.load(golden, mmap=mmap)
        assert loaded.versions_of([3, 1, 4, 15, 9]).tolist() == [0, 0, 0, 1, 1]
        for got, expected in zip(
            loaded.search(EMBEDDINGS, k=6), golden_index().search(EMBEDDINGS, k=6), strict=True
        ):
            np.testing.assert_array_equal(got, expected)


def test_every_damaged_byte_is_noticed(tmp_path):
    data = (GOLDEN / "v1_versions.bitx").read_bytes()
    path = tmp_path / "a.bitx"
    for position in range(0, len(data), 7):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(FileFormatError, match=r"a\.bitx: "):
            bi.load(path)
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(FileFormatError, match=r"a\.bitx: "):
            bi.load(path)


def refused(tmp_path, change, problem):
    stored = read_file(GOLDEN / "v1_versions.bitx")
    change(stored.meta, stored.sections)
    write_file(tmp_path / "a.bitx", stored.kind, stored.meta, stored.sections)
    with pytest.raises(FileFormatError, match=problem):
        bi.load(tmp_path / "a.bitx")


def test_what_does_not_fit_together_is_refused(tmp_path):
    ids = "versions/1/rows/ids"
    for change, problem in (
        (lambda meta, _: meta.update(versions=[]), "'versions' must not be empty"),
        (lambda meta, _: meta.update(versions=5), "not a valid 'embedding' file"),
        (lambda meta, _: meta.update(versions={"rows": 1}), "not a valid 'embedding' file"),
        (lambda meta, _: meta["versions"].append({}), "field 'binarizer' is missing"),
        (lambda meta, _: meta["versions"][1].pop("rows"), "field 'rows' is missing"),
        (lambda meta, _: meta["versions"].reverse(), "not a valid 'embedding' file"),
        (lambda meta, _: meta.update(similarity="l2"), "need similarity='cosine'"),
        (lambda meta, _: meta.update(rescore="int8"), "need an index with rescore=None"),
        (lambda _, arrays: arrays.pop(ids), "in more than one version|valid 'embedding'"),
        (lambda _, arrays: arrays[ids].fill(4), "distinct"),
        (lambda _, arrays: arrays.update({ids: np.array([4, 9])}), "id 4 is in more than one"),
    ):
        refused(tmp_path, change, problem)


def test_a_newest_version_that_cannot_search_all_rows_is_refused(tmp_path):
    def other_binarizer(meta, _):
        meta["versions"][1]["binarizer"]["name"] = "sign"

    refused(tmp_path, other_binarizer, "version 1 cannot search version 0")
