"""Collections: what they refuse, and that nothing has changed then."""

import numpy as np
import pytest
from collection_model import assert_holds, empty_index
from small_collection import MODEL, X2, new_path, three_documents

import bitindex as bi

pytestmark = pytest.mark.once

path = pytest.fixture(new_path)
collection = pytest.fixture(three_documents)


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
