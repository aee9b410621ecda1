"""Collections whose files are damaged: mended, or refused, and never another document."""

import random
import sqlite3
import warnings

import pytest
from collection_model import assert_holds, embeddings, empty_index
from small_collection import MANY, many_documents

import bitindex as bi

pytestmark = pytest.mark.once

path = pytest.fixture(many_documents)

DATABASE, IMAGE = "documents.sqlite3", "index.bitx"


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other", "directory"])
def test_a_damaged_image_is_made_again(path, damage):
    image = path / IMAGE
    content = image.read_bytes()
    if damage == "flip":
        flipped = len(content) // 2
        image.write_bytes(
            content[:flipped] + bytes([content[flipped] ^ 1]) + content[flipped + 1 :]
        )
    elif damage == "cut":
        image.write_bytes(content[:-1])
    elif damage == "empty":
        image.write_bytes(b"")
    elif damage == "other":
        image.unlink()
        bi.FlatIndex(8).save(image)
    else:
        image.unlink()
        image.mkdir()
    with pytest.warns(RuntimeWarning, match="nothing is lost: the index is made again from the"):
        reader = bi.Collection.open(path, read_only=True)
    with reader:
        assert_holds(reader, MANY)
        (problem,) = reader.check()
        assert problem.startswith("the image of the index is damaged, and will be made again: ")
    if damage == "directory":
        image.rmdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        bi.Collection.open(path).close()
    with bi.Collection.open(path) as collection:
        assert_holds(collection, MANY)
        assert collection.check() == []
    assert len(bi.load(image)) == len(MANY)


def test_a_plain_index_is_no_image(path):
    """Its name is missing, so nobody knows what state it has."""
    index = empty_index()
    index.add(embeddings([5]))
    index.save(path / IMAGE)
    with bi.Collection.open(path) as collection:
        assert_holds(collection, MANY)


def test_damage_of_the_database_is_refused_or_harmless(path):
    """Never a crash, and never another document than what was written."""
    content = (path / DATABASE).read_bytes()
    written = {name: (name, *fields[1:]) for name, fields in MANY.items()}
    # Most of the rest is empty.
    places = [place for place, byte in enumerate(content) if byte]
    n_refused = 0
    for place in [0, 20, 60, *random.Random(0).sample(places, 60)]:
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        (path / DATABASE).write_bytes(damaged)
        (path / IMAGE).unlink(missing_ok=True)
        try:
            with bi.Collection.open(path) as collection:
                n_refused += bool(collection.check())
                for name in collection:
                    assert collection.get([name]) == [written[name]]
        except (OSError, KeyError):
            n_refused += 1
    assert n_refused > 30
    (path / DATABASE).write_bytes(content)
    with bi.Collection.open(path) as collection:
        assert_holds(collection, MANY)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM contents WHERE row = 3", "the document of row 3 is missing"),
        ("DELETE FROM documents WHERE row = 3", "there are 29 documents instead of 30"),
        ("UPDATE documents SET row = 1000 WHERE row = 3", "the document of row 1000 is missing"),
        ("UPDATE documents SET metadata = '{' WHERE row = 3", "document 3 is damaged"),
        ("UPDATE documents SET id = '3' WHERE row = 3", "document '3' is damaged"),
        ("UPDATE contents SET text = NULL WHERE row = 3", "document 3 is damaged"),
        ("UPDATE contents SET code = x'00' WHERE row = 3", "the code of row 3 is damaged"),
        ("INSERT INTO contents VALUES (-1, x'00', x'00', NULL)", "the code of row -1 is damaged"),
    ],
)
def test_check_finds_what_disagrees(path, statement, problem):
    with sqlite3.connect(path / DATABASE) as connection:
        connection.execute(statement)
    connection.close()
    with bi.Collection.open(path, read_only=True) as collection:
        assert any(problem in found for found in collection.check())


def test_damaged_documents_are_not_returned(path):
    with sqlite3.connect(path / DATABASE) as connection:
        connection.execute("UPDATE contents SET text = 'another text' WHERE row = 3")
        connection.execute("DELETE FROM documents WHERE row = 4")
    connection.close()
    with bi.Collection.open(path, read_only=True) as collection:
        assert collection.get([2]) == [(2, *MANY[2][1:])]
        with pytest.raises(OSError, match="document 3 is damaged"):
            collection.get([2, 3])
        with pytest.raises(OSError, match="document 3 is damaged"):
            collection.search(embeddings([3]))
        with pytest.raises(OSError, match="the document of row 4 is missing"):
            collection.search(embeddings([4]), k=1)


@pytest.mark.parametrize("statement", ["DELETE FROM state", "UPDATE state SET n_documents = 31"])
def test_a_damaged_state_is_refused(path, statement):
    with sqlite3.connect(path / DATABASE) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(OSError, match="the state of the documents is damaged"):
        bi.Collection.open(path)


@pytest.mark.parametrize("code", ["x'00'", "'text'"])
def test_damaged_codes_are_refused(path, code):
    (path / IMAGE).unlink()
    with sqlite3.connect(path / DATABASE) as connection:
        connection.execute(f"UPDATE contents SET code = {code} WHERE row = 3")
    connection.close()
    with pytest.raises(OSError, match=r"the code of row 3 is damaged.*documents\.sqlite3"):
        bi.Collection.open(path)


def test_a_damaged_recipe_is_refused(path):
    (path / IMAGE).unlink()
    with sqlite3.connect(path / DATABASE) as connection:
        connection.execute("UPDATE recipe SET stored = x'00'")
    connection.close()
    with pytest.raises(OSError, match=r"The recipe of the index is damaged: .*documents\.sqlite3"):
        bi.Collection.open(path)
