"""Collections: what they keep."""

import itertools
import shutil

import numpy as np
import pytest
from collection_model import N_DIMS, assert_holds, embeddings, empty_index
from small_collection import MODEL, X2, new_path, three_documents

import bitindex as bi
from bitindex.collection import Document, written_documents

pytestmark = pytest.mark.once

path = pytest.fixture(new_path)
collection = pytest.fixture(three_documents)


def test_a_collection_outlives_the_process(path, run_python):
    bi.Collection.create(path, empty_index()).close()
    run_python(
        "import sys, bitindex as bi\n"
        f"sys.path.insert(0, {__file__.rpartition('/')[0]!r})\n"
        "from collection_model import embeddings\n"
        f"collection = bi.Collection.open({str(path)!r})\n"
        "collection.add(['a', 1], embeddings([0, 1]), ['A', None], [{'x': 1}, None])\n"
        "collection.add(['1'], embeddings([2]), [''])\n"
        "import os; os._exit(0)\n"
    )
    for read_only in (True, False):  # either of them may be the first to read what was left
        with bi.Collection.open(path, read_only) as collection:
            assert_holds(collection, MODEL)
            assert collection.check() == []


def test_what_documents_are(collection, path):
    assert "a" in collection
    assert 1 in collection
    assert np.int64(1) in collection
    assert 2 not in collection
    assert collection.get([1, "a"]) == [Document(1, None, {}), Document("a", "A", {"x": 1})]
    assert collection.get([]) == []
    assert collection.path == path
    assert not collection.read_only
    assert repr(collection) == f"Collection({str(path)!r}) with 3 documents"
    collection.close()
    collection.close()
    assert repr(collection) == f"Collection({str(path)!r}), closed"
    for call in (len, list, lambda c: c.get([]), lambda c: c.search(embeddings([0])), repr_of_add):
        with pytest.raises(ValueError, match="the collection is closed"):
            call(collection)


def repr_of_add(collection):
    collection.add(["b"], embeddings([3]))


def test_hits(collection):
    ((first, second, third),) = collection.search(embeddings([1]), k=5)
    assert (first.id, first.text, first.metadata) == (1, None, {})
    assert first.score >= second.score >= third.score
    assert {second.id, third.id} == {"a", "1"}
    assert [len(hits) for hits in collection.search(embeddings([0, 1, 2]), k=1)] == [1, 1, 1]
    assert collection.search(embeddings([0]), k=0) == [[]]
    assert collection.search(embeddings([]), k=3) == []
    assert collection.search(embeddings([0]), where={"x": 2}) == [[]]


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf"])
@pytest.mark.parametrize(
    ("similarity", "rescore"), [("cosine", None), ("dot", "float16"), ("l2", "int8")]
)
@pytest.mark.parametrize("kept", ["image", "documents"])
def test_searches_are_those_of_the_index(path, kind, similarity, rescore, kept):
    X, Q = embeddings(range(300)), embeddings(range(1000, 1010))
    index = empty_index(kind=kind, similarity=similarity, rescore=rescore)
    with bi.Collection.create(path, index) as made:
        made.add(range(300), X)
    index.add(X)
    if kept == "documents":
        (path / "index.bitx").unlink()
    with bi.Collection.open(path, read_only=True) as collection:
        found = collection.search(Q, k=7, effort=300)
        assert collection.check() == []
    scores, ids = index.search(Q, k=7, effort=300)
    assert [[hit.id for hit in hits] for hits in found] == ids.tolist()
    assert [[hit.score for hit in hits] for hits in found] == scores.tolist()


@pytest.mark.parametrize(
    "binarizer",
    [
        bi.RotationBinarizer(bits_per_dim=2),
        bi.AdditiveBinarizer(n_bits=32),
        bi.SignBinarizer(threshold="mean", query="binary"),
    ],
)
def test_other_binarizers(path, binarizer):
    X = embeddings(range(200))
    binarizer.fit(X / np.linalg.norm(X, axis=1, keepdims=True))
    with bi.Collection.create(path, binarizer) as made:
        made.add(range(200), X)
    (path / "index.bitx").unlink()
    index = bi.EmbeddingIndex(binarizer)
    index.add(X)
    with bi.Collection.open(path) as collection:
        found = collection.search(X[:5], k=3)
    scores, ids = index.search(X[:5], k=3)
    assert [[hit.id for hit in hits] for hits in found] == ids.tolist()
    assert [[hit.score for hit in hits] for hits in found] == scores.tolist()


def test_texts_are_kept_as_they_are(collection):
    texts = ["\0", "a\0b", "\r\n", "\U0001f600", " x ", "x" * 100_000]
    ids = [f"text {number}" for number in range(len(texts))]
    collection.add(ids, embeddings(range(len(texts))), texts)
    assert [document.text for document in collection.get(ids)] == texts
    assert collection.check() == []


def test_embeddings_may_come_in_batches(collection):
    collection.add(iter(["b", "c"]), iter([embeddings([3]), embeddings([4])]), texts=("B", "C"))
    assert_holds(collection, MODEL | {"b": (3, "B", {}), "c": (4, "C", {})})


def test_ids_may_be_changed_while_they_are_read(collection, monkeypatch):
    monkeypatch.setattr("bitindex.collection.stored_documents._IDS_AT_ONCE", 2)
    seen = []
    for name in collection:
        seen.append(name)
        collection.upsert([name], X2[:1])
    assert seen == ["a", 1, "1"]
    rest = iter(collection)
    assert next(rest) == "a"
    collection.delete([1, "1"])
    assert list(rest) == [1]  # two at a time are read ahead


def test_backup(collection, path, tmp_path):
    copy = tmp_path / "copy"
    with bi.Collection.open(path, read_only=True) as reader:
        reader.backup(copy)
    collection.compact()
    collection.backup(tmp_path / "with an image")
    with pytest.raises(FileExistsError):
        collection.backup(copy)
    collection.upsert(["a"], X2[:1])
    for place in (copy, tmp_path / "with an image"):
        with bi.Collection.open(place) as restored:
            assert restored.check() == []
            assert_holds(restored, MODEL)
            restored.delete(["a"])
    assert not list(tmp_path.glob("*.tmp"))


def test_an_image_of_another_history_is_passed_over(collection, path, tmp_path):
    """The database of a backup is put back alone, and changed differently."""
    collection.backup(tmp_path / "copy")
    collection.upsert(["b", "c"], X2)
    collection.close()
    shutil.copyfile(tmp_path / "copy" / "documents.sqlite3", path / "documents.sqlite3")
    with bi.Collection.open(path) as again:
        assert_holds(again, MODEL)
        again.upsert(["c", "b"], X2)
        assert_holds(again, MODEL | {"c": (3, None, {}), "b": (4, None, {})})
        assert again.check() == []


def test_images_are_written_now_and_then(path, monkeypatch):
    monkeypatch.setattr(written_documents, "_CHANGES_BEFORE_IMAGE", 10)
    image = path / "index.bitx"
    with bi.Collection.create(path, empty_index()) as collection:
        collection.add(range(10), embeddings(range(10)))
        assert not image.exists()
        collection.add(range(10, 60), embeddings(range(10, 60)))
        assert len(bi.load(image)) == 60
        collection.delete(range(11))
        assert len(bi.load(image)) == 60
        collection.delete(range(11, 20))
        assert len(bi.load(image)) == 40
    with bi.Collection.open(path) as collection:
        assert_holds(collection, {i: (i, None, {}) for i in range(20, 60)})


def test_compact_gives_space_back(path):
    with bi.Collection.create(path, empty_index()) as collection:
        for first in range(0, 1000, 500):
            ids = range(first, first + 500)
            collection.add(ids, embeddings(ids), texts=["long" * 200] * 500)
        collection.delete(range(900))
        before = sum(file.stat().st_size for file in path.iterdir())
        collection.compact()
        assert sum(file.stat().st_size for file in path.iterdir()) < before / 3
        assert_holds(collection, {i: (i, "long" * 200, {}) for i in range(900, 1000)})
        assert collection.check() == []


def test_an_acknowledged_change_has_been_synced(collection):
    with collection._truth.connection() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_dimensions_are_those_of_the_binarizer():
    assert embeddings([0]).shape == (1, N_DIMS)
    assert all(
        not np.array_equal(a, b) for a, b in itertools.combinations(embeddings(range(20)), 2)
    )
