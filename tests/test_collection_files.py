"""Collections on disks that are full or damaged, and in machines that are switched off."""

import errno
import itertools
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from collection_model import assert_holds, embeddings, empty_index

import bitindex as bi

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs limits of POSIX")

DATABASE, LOG, IMAGE = "documents.sqlite3", "documents.sqlite3-wal", "index.bitx"
IDS = list(range(30))
MODEL = {i: (i, f"text {i}" * 20, {"number": i}) for i in IDS}


def columns(model):
    seeds, texts, metadata = zip(*model.values(), strict=True)
    return list(model), embeddings(seeds), texts, metadata


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "documents"
    with bi.Collection.create(path, empty_index()) as collection:
        collection.add(*columns(MODEL))
    return path


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
        assert_holds(reader, MODEL)
        (problem,) = reader.check()
        assert problem.startswith("the image of the index is damaged, and will be made again: ")
    if damage == "directory":
        image.rmdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        bi.Collection.open(path).close()
    with bi.Collection.open(path) as collection:
        assert_holds(collection, MODEL)
        assert collection.check() == []
    assert len(bi.load(image)) == len(IDS)


def test_a_plain_index_is_no_image(path):
    """Its name is missing, so nobody knows what state it has."""
    index = empty_index()
    index.add(embeddings([5]))
    index.save(path / IMAGE)
    with bi.Collection.open(path) as collection:
        assert_holds(collection, MODEL)


def test_damage_of_the_database_is_refused_or_harmless(path):
    """Never a crash, and never another document than what was written."""
    content = (path / DATABASE).read_bytes()
    written = {name: (name, *fields[1:]) for name, fields in MODEL.items()}
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
        assert_holds(collection, MODEL)


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
        assert collection.get([2]) == [(2, *MODEL[2][1:])]
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


class FullDisk:
    """Within it, no file of this process can grow beyond a number of bytes."""

    def __init__(self, n_bytes):
        self.n_bytes = n_bytes

    def __enter__(self):
        _, self.hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.n_bytes, self.hard))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.hard, self.hard))


NEW = {i: (i, f"new text {i}" * 200, {}) for i in range(20, 40)}
CHANGES = {
    "upsert": (
        lambda collection: collection.upsert(*columns(NEW)),
        {i: MODEL[i] for i in range(20)} | NEW,
    ),
    "delete": (
        lambda collection: collection.delete(range(10)),
        {i: MODEL[i] for i in range(10, 30)},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_full_disk_leaves_the_old_state(path, change):
    make, after = CHANGES[change]
    with bi.Collection.open(path) as collection:
        n_refused = 0
        for n_bytes in range(0, 400_000, 4096 if change == "upsert" else 2048):
            try:
                with FullDisk(n_bytes):
                    make(collection)
                break
            except OSError:
                n_refused += 1
                if n_refused % 5 == 1:
                    assert_holds(collection, MODEL)
        assert n_refused > 2
        assert_holds(collection, after)
        assert collection.check() == []
    with bi.Collection.open(path) as collection:
        assert_holds(collection, after)


def test_a_database_that_may_not_grow_is_a_full_disk(path):
    with bi.Collection.open(path) as collection:
        with collection._truth.connection() as connection:
            (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {n_pages}")
        with pytest.raises(OSError, match="database or disk is full") as refused:
            collection.upsert(*columns(NEW))
        assert refused.value.errno == errno.ENOSPC
        assert refused.value.filename == str(path / DATABASE)
        assert_holds(collection, MODEL)


@pytest.mark.parametrize("n_bytes", [0, 1000, 5000, 30_000])
def test_a_full_disk_makes_no_half_collections(path, tmp_path, n_bytes):
    with bi.Collection.open(path) as collection, FullDisk(n_bytes):
        with pytest.raises(OSError):  # noqa: PT011
            collection.backup(tmp_path / "copy")
        with pytest.raises(OSError):  # noqa: PT011
            bi.Collection.create(tmp_path / "new", empty_index())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["documents"]


def test_a_name_that_cannot_be_synced_is_taken_back(path, tmp_path, monkeypatch):
    def fail_for_parent(directory):
        if directory == tmp_path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(directory))

    with bi.Collection.open(path) as collection:
        with monkeypatch.context() as disk:
            disk.setattr("bitindex.collection.directory.sync_directory", fail_for_parent)
            for call in (
                lambda: collection.backup(tmp_path / "copy"),
                lambda: bi.Collection.create(tmp_path / "new", empty_index()),
            ):
                with pytest.raises(OSError, match=os.strerror(errno.EIO)):
                    call()
            assert sorted(each.name for each in tmp_path.iterdir()) == ["documents"]
        collection.backup(tmp_path / "copy")
    with bi.Collection.open(tmp_path / "copy") as copy:
        assert_holds(copy, MODEL)


def test_images_that_cannot_be_written_do_no_harm(path):
    """The change is committed; closing leaves out the image, and compact says why it cannot."""
    more = MODEL | {100: (100, None, {})}
    with bi.Collection.open(path) as collection:
        collection.upsert([100], embeddings([100]))
        with FullDisk(0), pytest.raises(OSError):  # noqa: PT011
            collection.compact()
        assert_holds(collection, more)
        with FullDisk(0):
            collection.close()
    with bi.Collection.open(path) as collection:
        assert_holds(collection, more)
        assert collection.check() == []


def copy_after_power_cut(path, copy, n_log_bytes, garbage):
    """Copy what a disk holds of which the log was written up to there only."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    shutil.copyfile(path / DATABASE, copy / DATABASE)
    log = (path / LOG).read_bytes()
    lost = len(log) - n_log_bytes
    rest = {"cut": b"", "zeros": bytes(lost), "noise": random.Random(lost).randbytes(lost)}
    (copy / LOG).write_bytes(log[:n_log_bytes] + rest[garbage])


@pytest.mark.parametrize("garbage", ["cut", "zeros", "noise"])
def test_a_power_cut_leaves_what_was_acknowledged(path, tmp_path, garbage):
    """Of the log, all is on the disk that was synced when a call returned; of the rest anything."""
    moments = random.Random(garbage)
    models, sizes = [MODEL], [0]
    with bi.Collection.open(path) as collection:
        for number in range(4):
            collection.upsert(
                [number, 50 + number], embeddings([60, 70 + number]), ["x" * 9000] * 2
            )
            after = {name: fields for name, fields in models[-1].items() if name != number}
            new = {number: (60, "x" * 9000, {}), 50 + number: (70 + number, "x" * 9000, {})}
            models.append(after | new)
            sizes.append((path / LOG).stat().st_size)
        for before, (first, last) in enumerate(itertools.pairwise(sizes)):
            for n_log_bytes in (first, moments.randrange(first, last), last - 1, last):
                copy_after_power_cut(path, tmp_path / "copy", n_log_bytes, garbage)
                with bi.Collection.open(tmp_path / "copy") as after_cut:
                    assert_holds(after_cut, models[before + (n_log_bytes == last)])
                    assert after_cut.check() == []


def test_killed_writers_lose_nothing():
    script = Path(__file__).parent / "collection_kills.py"
    finished = subprocess.run(
        [sys.executable, script, "--kills", "12"], capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "0 lost, 0 files unreadable" in finished.stdout
