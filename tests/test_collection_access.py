"""Collections: whom they let in, and what a reader sees of a writer."""

import pytest
from collection_model import assert_holds, embeddings, empty_index
from small_collection import MODEL, new_path, three_documents

import bitindex as bi
from bitindex.collection import schema

pytestmark = pytest.mark.once

path = pytest.fixture(new_path)
collection = pytest.fixture(three_documents)


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
