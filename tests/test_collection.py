"""Collections: what they keep, whom they let in, and what they refuse."""

import itertools
import shutil

import numpy as np
import pytest
from collection_model import N_DIMS, assert_holds, embeddings, empty_index

import bitindex as bi
from bitindex.collection import Document, schema, written_documents


@pytest.fixture
def path(tmp_path):
    return tmp_path / "documents"


@pytest.fixture
def collection(path):
    """Three documents, which must be the same at the end of a test of refusals."""
    with bi.Collection.create(path, empty_index()) as made:
        made.add(["a", 1, "1"], embeddings([0, 1, 2]), ["A", None, ""], [{"x": 1}, None, {}])
        yield made


MODEL = {"a": (0, "A", {"x": 1}), 1: (1, None, {}), "1": (2, "", {})}


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


def test_a_reader_sees_commits_at_its_next_call(collection, path):
    with bi.Collection.open(path, read_only=True) as reader:
        assert_holds(reader, MODEL)
        collection.upsert(["b", 1], embeddings([3, 4]), ["B", "one"])
        collection.delete(["a"])
        expected = {"1": MODEL["1"], "b": (3, "B", {}), 1: (4, "one", {})}
        assert_holds(reader, expected)
        assert repr(reader) == f"Collection({str(path)!r}, read_only=True) with 3 documents"
        collection.delete(["b"])
        assert [hit.id for hit in reader.search(embeddings([3]), k=3)[0]] != ["b"]
        assert len(reader.search(embeddings([3]), k=3)[0]) == 2


def test_a_reader_that_slept_for_long_finds_the_way(collection, path):
    with bi.Collection.open(path, read_only=True) as reader:
        reader.search(embeddings([0]))
        model = dict(MODEL)
        for number in range(5):  # each forgets what was deleted before the image before
            collection.upsert(["a"], embeddings([10 + number]), [str(number)])
            del model["a"]
            model["a"] = (10 + number, str(number), {})
            collection.compact()
        assert_holds(reader, model)


def test_there_is_one_writer(collection, path, run_python):
    with pytest.raises(BlockingIOError, match="another writer has this collection open; close it"):
        bi.Collection.open(path)
    program = (
        "import bitindex as bi\n"
        f"try: bi.Collection.open({str(path)!r}).close()\n"
        "except BlockingIOError as error: print('refused')\n"
        "else: print('opened')\n"
    )
    assert run_python(program) == "refused\n"
    collection.close()
    assert run_python(program) == "opened\n"


def test_the_writer_that_was_refused_leaves_no_lock(path):
    bi.Collection.create(path, empty_index()).close()
    damaged = path / "documents.sqlite3"
    content = damaged.read_bytes()
    damaged.write_bytes(b"x" * len(content))
    with pytest.raises(OSError, match="file is not a database"):
        bi.Collection.open(path)
    damaged.write_bytes(content)
    bi.Collection.open(path).close()


def test_a_reader_changes_nothing(collection, path):
    with bi.Collection.open(path, read_only=True) as reader:
        for change in (
            lambda: reader.add(["b"], embeddings([3])),
            lambda: reader.upsert(["b"], embeddings([3])),
            lambda: reader.delete(["a"]),
            lambda: reader.create_field_index("x"),
            reader.compact,
        ):
            with pytest.raises(
                ValueError, match="opened with read_only=True and cannot be changed"
            ):
                change()
    assert_holds(collection, MODEL)


X2 = embeddings([3, 4])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["b", "a"], X2), ValueError, "id 'a' is already in the collection"),
        (([2, 1], X2), ValueError, "id 1 is already in the collection"),
        ((["b", "b"], X2), ValueError, "ids must be distinct, got id 'b' more than once"),
        (("bc", X2), TypeError, "ids must be a list of str or int, got str"),
        ((5, X2), TypeError, "ids must be a list of str or int, got int"),
        (([True, "b"], X2), TypeError, "an id must be a str or an int, got bool"),
        (([np.bool_(True), "b"], X2), TypeError, "an id must be a str or an int, got bool"),
        (([1.0, "b"], X2), TypeError, "an id must be a str or an int, got float"),
        (([None, "b"], X2), TypeError, "an id must be a str or an int, got NoneType"),
        (([2**63, "b"], X2), ValueError, "an id must be an integer of 64 bits, got 9223372036854"),
        ((["b\0", "b"], X2), ValueError, r"an id must not contain the character U\+0000"),
        ((["\ud800", "b"], X2), ValueError, "an id must be valid Unicode"),
        ((["b"], X2), ValueError, "embeddings must have one row for each of 1 ids, got 2"),
        ((["b", "c"], X2[:, :5]), ValueError, "16"),
        ((["b", "c"], X2 * np.nan), ValueError, "(?i)nan"),
        ((["b", "c"], X2, ["B"]), ValueError, "texts must have one item per row"),
        ((["b", "c"], X2, "BC"), TypeError, "texts must be a list with one item per row, got str"),
        ((["b", "c"], X2, ["B", 1]), TypeError, "texts must be str or None, got int at 1"),
        ((["b", "c"], X2, ["\ud800" * 99, ""]), ValueError, r"a text must be valid .*\.\.\.'"),
        ((["b", "c"], X2, None, {}), TypeError, "metadata must be a list with one item per row"),
        ((["b", "c"], X2, None, [{}, []]), TypeError, "metadata must be dicts or None, got list"),
        ((["b", "c"], X2, None, [{}]), ValueError, r"metadata must .* \(2 rows\), got 1"),
    ],
)
def test_what_is_refused_changes_nothing(collection, arguments, error, message):
    with pytest.raises(error, match=message):
        collection.add(*arguments)
    assert_holds(collection, MODEL)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (float("nan"), ValueError, "metadata must hold finite numbers, got nan at 'x'"),
        (float("inf"), ValueError, "metadata must hold finite numbers, got inf at 'x'"),
        (2**63, ValueError, "metadata at 'x' must be an integer of 64 bits"),
        ("\0", ValueError, r"metadata at 'x' must not contain the character U\+0000"),
        ({"y": ["\ud800"]}, ValueError, "metadata at 'x/y/0' must be valid Unicode"),
        (np.int64(1), TypeError, "lists and dicts, got int64 at 'x'"),
        ((1, 2), TypeError, "lists and dicts, got tuple at 'x'"),
        ({1: 2}, TypeError, "names of fields must be str, got int at 'x'"),
        ({"\ud800": 2}, ValueError, "the name of a field must be valid Unicode"),
        (b"x", TypeError, "lists and dicts, got bytes at 'x'"),
    ],
)
def test_metadata_must_be_json(collection, value, error, message):
    with pytest.raises(error, match=message):
        collection.upsert(["a", "b"], X2, metadata=[{}, {"x": value}])
    assert_holds(collection, MODEL)


def test_metadata_must_not_be_endless(collection):
    endless = {}
    endless["again"] = endless
    with pytest.raises(ValueError, match="metadata must have at most 100 levels"):
        collection.upsert(["a"], X2[:1], metadata=[endless])


def test_unknown_ids(collection):
    with pytest.raises(KeyError, match="id 'b' is not in the collection"):
        collection.get(["a", "b"])
    with pytest.raises(ValueError, match="ids must be distinct"):
        collection.get(["a", "a"])
    with pytest.raises(TypeError, match="an id must be a str or an int, got float"):
        1.0 in collection  # noqa: B015
    assert collection.delete(["b", 5]) == 0
    assert collection.delete(["b", "a"]) == 1
    assert list(collection) == [1, "1"]


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


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        ("flat", TypeError, "index must be an EmbeddingIndex or a Binarizer, got str"),
        (bi.FlatIndex(8), TypeError, "index must be an EmbeddingIndex or a Binarizer, got FlatI"),
        (bi.SignBinarizer(), ValueError, "fit"),
        (bi.EmbeddingIndex(bi.SignBinarizer()), ValueError, "fit"),
    ],
)
def test_create_refuses(path, index, error, message):
    with pytest.raises(error, match=message):
        bi.Collection.create(path, index)
    assert list(path.parent.iterdir()) == []


def test_create_refuses_an_index_with_rows(path):
    index = empty_index()
    index.add(X2)
    with pytest.raises(ValueError, match="index must have no rows, got 2"):
        bi.Collection.create(path, index)
    assert list(path.parent.iterdir()) == []


def test_create_replaces_nothing(path):
    path.mkdir()
    bi.Collection.create(path, empty_index()).close()
    with pytest.raises(FileExistsError):
        bi.Collection.create(path, empty_index())
    file = path.parent / "file"
    file.write_text("content")
    with pytest.raises(FileExistsError):
        bi.Collection.create(file, empty_index())
    with pytest.raises(FileNotFoundError):
        bi.Collection.create(path.parent / "missing" / "documents", empty_index())
    assert sorted(each.name for each in path.parent.iterdir()) == ["documents", "file"]


def test_open_refuses(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        bi.Collection.open(path)
    with pytest.raises(FileNotFoundError):
        bi.Collection.open(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TypeError, match=r"path must be a str .*, got int"):
        bi.Collection.open(5)
    with pytest.raises(TypeError, match="read_only must be a bool, got str"):
        bi.Collection.open(path, read_only="yes")


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


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("application_id = 5", "Not the database of a collection"),
        (
            f"user_version = {schema.FORMAT_VERSION + 1}",
            "Has format version 2; this",
        ),
    ],
)
def test_databases_of_others_are_refused(collection, path, pragma, message):
    with collection._truth.connection() as connection:
        connection.execute(f"PRAGMA {pragma}")
    with pytest.raises(OSError, match=message):
        bi.Collection.open(path, read_only=True)


def test_dimensions_are_those_of_the_binarizer():
    assert embeddings([0]).shape == (1, N_DIMS)
    assert all(
        not np.array_equal(a, b) for a, b in itertools.combinations(embeddings(range(20)), 2)
    )
