"""Searches while rows move between versions: each row is found once, and moves are whole."""

import sys
import threading

import numpy as np
import pytest
from prefix_binarizer import embeddings, prefix_binarizer, versioned_index

import bitindex as bi

N_ROWS, N_MOVED = 3000, 300


pytestmark = pytest.mark.usefixtures("_switch_between_threads_often")


def test_a_search_finds_each_row_once_and_sees_whole_moves(run_together):
    index = versioned_index((8, 32))
    index.add(-np.ones((N_ROWS - N_MOVED, 8), np.float32), version=0)
    moved = index.add(np.ones((N_MOVED, 8), np.float32), version=0)
    ones = np.ones((N_MOVED, 32), np.float32)
    done = threading.Event()

    def move():
        for _ in range(60):
            index.upgrade(moved, ones)
            index.upgrade(moved[::2], ones[::2])
            index.update(moved, ones[:, :8], version=0)
        done.set()

    def search(threads):
        old_score = 1 + (32 - 8) / 64
        while not done.is_set():
            scores, ids = index.search(np.ones(32), N_ROWS + 1, threads=threads)
            assert ids[0, -1] == -1
            np.testing.assert_array_equal(np.sort(ids[0, :-1]), np.arange(N_ROWS))
            np.testing.assert_array_equal(ids[0, :N_MOVED], moved)
            assert set(scores[0, :N_MOVED].tolist()) in ({1.0}, {old_score})

    def look():
        while not done.is_set():
            assert len(index) == N_ROWS
            np.testing.assert_array_equal(np.sort(index.ids), np.arange(N_ROWS))
            assert len(set(index.versions_of(moved).tolist())) == 1
            assert len(index.get(moved)) == N_MOVED
            assert moved[0] in index

    run_together(move, lambda: search(1), lambda: search(2), look)
    assert index.versions_of(index.ids).tolist() == [0] * N_ROWS


def test_a_version_is_added_while_others_search(run_together):
    X = embeddings(500, 32)
    index = bi.EmbeddingIndex(prefix_binarizer(32))
    index.add(X)
    done = threading.Event()

    def add_versions():
        for _ in range(12):
            index.add_version(prefix_binarizer(32))
            for first in range(0, 500, 100):
                index.upgrade(range(first, first + 100), X[first : first + 100])
        done.set()

    expected = index.search(X[:3], 500)

    def search():
        while not done.is_set():
            for got, array in zip(index.search(X[:3], 500), expected, strict=True):
                np.testing.assert_array_equal(got, array)

    run_together(add_versions, search, search)
    assert index.versions_of(index.ids).tolist() == [12] * 500


def test_writers_take_turns(run_together, tmp_path):
    index = versioned_index((8, 32))
    rows = {version: embeddings(20, width) for version, width in enumerate((8, 32))}

    def add(version):
        for _ in range(40):
            ids = index.add(rows[version], version=version)
            index.upgrade(ids[:10], rows[1][:10])
            assert index.remove(ids[5:]) == 15

    def save():
        for _ in range(20):
            index.search(rows[1], 5)
            with pytest.raises(TypeError, match="is no binarizer of bitindex"):
                index.save(tmp_path / "index.bitx")

    run_together(lambda: add(0), lambda: add(1), lambda: add(0), save)
    assert len(index) == len(np.unique(index.ids)) == 3 * 40 * 5
    assert index.versions_of(index.ids).tolist() == [1] * 600


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.forks_beside_threads
def test_fork_during_a_move_is_told(run_python):
    program = """
import os, threading, warnings
import numpy as np
import bitindex as bi
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks with threads
index = bi.EmbeddingIndex(bi.SignBinarizer().fit(np.eye(8)))
index.add(np.eye(8))
moving, forked = threading.Event(), threading.Event()
def move():
    with index._core.lock.writing():
        moving.set()
        forked.wait()
def child(expected):
    pid = os.fork()
    if pid == 0:
        try:
            index.search(np.ones(8))
            got = "answer"
        except RuntimeError as error:
            got = str(error)
        os._exit(0 if expected in got else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
thread = threading.Thread(target=move)
thread.start()
moving.wait()
print(child("being changed by another thread when this process was forked"))
forked.set()
thread.join()
print(child("answer"))
"""
    assert run_python(program) == "0\n0\n"
