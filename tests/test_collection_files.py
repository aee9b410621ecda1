"""Collections on disks that are full, and in machines that are switched off."""

import errno
import itertools
import os
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from collection_model import assert_holds, embeddings, empty_index
from small_collection import MANY, columns, many_documents

import bitindex as bi

path = pytest.fixture(many_documents)
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(os.name != "posix", reason="needs limits of POSIX"),
]

DATABASE, LOG = "documents.sqlite3", "documents.sqlite3-wal"


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
        {i: MANY[i] for i in range(20)} | NEW,
    ),
    "delete": (
        lambda collection: collection.delete(range(10)),
        {i: MANY[i] for i in range(10, 30)},
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
                    assert_holds(collection, MANY)
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
        assert_holds(collection, MANY)


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
        assert_holds(copy, MANY)


def test_images_that_cannot_be_written_do_no_harm(path):
    """The change is committed; closing leaves out the image, and compact says why it cannot."""
    more = MANY | {100: (100, None, {})}
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
    models, sizes = [MANY], [0]
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
