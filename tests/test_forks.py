"""Forks: children that go on with an index, and those that hold half a change."""

import sys

import pytest

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
# The pool's threads may still free memory when a search has returned.
FORKS = pytest.mark.forks_beside_threads

INDEX = """
import numpy as np
import bitindex as bi
rng = np.random.default_rng(0)
codes = rng.integers(0, 256, (20_000, 32), dtype=np.uint8)
index = bi.FlatIndex(256)
index.add(codes)
expected = index.search(codes[:9], 5, threads=4)

def check(threads=4):
    for got, right in zip(index.search(codes[:9], 5, threads=threads), expected):
        np.testing.assert_array_equal(got, right)
    assert index.range_search(codes[5], 0, threads=threads)[2].tolist() == [5]
"""

# A child that hangs is ended by its alarm, which no code of the child needs to run for.
FORK = """
import os, signal, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of every fork with threads

def in_child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            work()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert status == 0, f"the child hung or failed: {status}"
"""


@POSIX
@FORKS
def test_fork_after_a_search(run_python):
    run_python(
        INDEX
        + FORK
        + """
def work():
    check()
    index.add(codes[:2])
    index.remove([3])
    index.update([4], codes[3:4])
    assert len(index) == 20_001
    in_child(check_grandchild)

def check_grandchild():
    assert index.search(codes[3], 1, threads=4)[1].tolist() == [[4]]

for _ in range(5):
    in_child(work)
    check()
"""
    )


@POSIX
@FORKS
def test_fork_while_others_search_and_write(run_python):
    run_python(
        INDEX
        + FORK
        + """
import threading, time
other = bi.FlatIndex(8)
other.add(np.zeros((50, 1), np.uint8))
stop = threading.Event()

def search():
    while not stop.is_set():
        index.search(codes[:3], 5, threads=2)
        other.search([0], 1, threads=1)

def write():
    while not stop.is_set():
        other.update(np.arange(50), np.zeros((50, 1), np.uint8))

def work():
    check()
    try:
        other.search([0], 1)
        assert len(other) == 50
    except RuntimeError as error:
        assert "being changed by another thread when this process was forked" in str(error)

threads = [threading.Thread(target=f, daemon=True) for f in (search, search, write)]
for thread in threads: thread.start()
end = time.monotonic() + 2
while time.monotonic() < end:
    in_child(work)
stop.set()
for thread in threads: thread.join()
check()
"""
    )


@POSIX
@FORKS
def test_fork_during_a_write_is_told(run_python):
    program = """
import threading
big = bi.FlatIndex(65536, "jaccard")
big.add(np.zeros((3000, 8192), np.uint8))
big.remove(np.arange(600))
new = np.zeros((3000, 8192), np.uint8)
ids = np.arange(3000)
told = []

def write():
    while not told:
        big.add(new[:600], ids[:600])
        big.remove(ids[:600])

def work():
    try:
        assert len(big) in (2400, 3000)
    except RuntimeError as error:
        for call in (lambda: big.search(new[0], 1), lambda: big.add(new[:1])):
            try:
                call()
            except RuntimeError:
                continue
            os._exit(1)

thread = threading.Thread(target=write, daemon=True)
thread.start()
for _ in range(20):
    in_child(work)
told.append(True)
thread.join()
assert len(big) == 2400
"""
    run_python(INDEX + FORK + program)


@POSIX
@FORKS
def test_pool_of_forked_processes(run_python):
    output = run_python(
        INDEX
        + FORK
        + """
import multiprocessing

def nearest(i):
    return index.search(codes[i], 1, threads=2)[1].item()

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(3) as pool:
        print(pool.map_async(nearest, range(50)).get(timeout=30) == list(range(50)))
"""
    )
    assert output == "True\n"


KINDS = {
    "flat": "bi.FlatIndex(64)",
    "flat by popcount": "bi.FlatIndex(64, 'jaccard', sort_by='popcount')",
    "ivf": "bi.IVFIndex(64, n_lists=20, nprobe=20)",
    "hnsw": "bi.HNSWIndex(64, m=8, ef_construction=16)",
    "mih": "bi.MIHIndex(64, fall_back=False)",
    "embedding": "bi.EmbeddingIndex(bi.SignBinarizer().fit(rows), kind='hnsw', rescore='int8')",
}


@POSIX
@FORKS
@pytest.mark.parametrize("kind", KINDS)
def test_a_child_goes_on_with_any_kind(run_python, kind):
    program = f"""
import numpy as np
import bitindex as bi
bi.set_num_threads(3)
rows = np.random.default_rng(0).choice([-1, 1], (4000, 64)).astype(np.float32)
rows /= 8
index = {KINDS[kind]}
if not isinstance(index, bi.EmbeddingIndex):
    rows = np.packbits(rows > 0, axis=1)
index.add(rows)

def check(n_rows):
    assert len(index) == n_rows
    found = index.search(rows[:50], 1, threads=3)[1]
    assert (found[:, 0] == np.arange(50)).mean() > 0.9

def work():
    check(4000)
    index.add(rows[-1500:])
    index.update(np.arange(60, 90), rows[60:90])
    index.remove(np.arange(2000, 3500))
    check(4000)

check(4000)
for _ in range(2):
    in_child(work)
    check(4000)
work()
"""
    run_python(FORK + program)
