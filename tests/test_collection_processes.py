"""Collections in many threads and processes."""

import os
import threading

import pytest
from collection_model import assert_holds, embeddings, empty_index

import bitindex as bi

pytestmark = pytest.mark.once

SEARCHERS = 3


@pytest.fixture
def path(tmp_path):
    return tmp_path / "documents"


def test_threads_search_beside_a_writer(path, run_together):
    """Each change swaps all documents, so that a search that mixes two states shows."""
    n_changes = 25
    ids = list(range(20))
    done = threading.Event()

    def write():
        try:
            for change in range(n_changes):
                names = [f"{change}-{i}" for i in ids]
                collection.upsert(
                    [*ids, *names], embeddings(ids * 2), metadata=[{"n": change}] * 40
                )
                collection.delete([f"{change - 1}-{i}" for i in ids])
        finally:
            done.set()

    def search():
        last = 0
        while not done.is_set():
            (hits,) = collection.search(embeddings([1]), k=100, where={"n": {"$gte": last}})
            changes = {hit.metadata["n"] for hit in hits}
            n_old = sum(str(hit.id).startswith(f"{max(changes)}-") for hit in hits)
            assert n_old == 20
            assert len(hits) in (40, 60)  # before and after the deletion
            assert len(changes) == len(hits) // 20 - 1
            assert max(changes) >= last
            last = max(changes)

    with bi.Collection.create(path, empty_index()) as collection:
        collection.upsert(
            [*ids, *(f"0-{i}" for i in ids)], embeddings(ids * 2), metadata=[{"n": 0}] * 40
        )
        run_together(write, *[search] * SEARCHERS)
        assert len(collection) == 40
        assert collection.check() == []


def test_threads_write_one_after_the_other(path, run_together):
    def writer(number):
        def write():
            for i in range(10):
                collection.add([f"{number}-{i}"], embeddings([i]))

        return write

    with bi.Collection.create(path, empty_index()) as collection:
        run_together(*[writer(number) for number in range(4)])
        assert sorted(collection) == sorted(f"{n}-{i}" for n in range(4) for i in range(10))


FORKS = """
import sys, os, threading
sys.path.insert(0, {tests!r})
import bitindex as bi
from collection_model import assert_holds, embeddings, empty_index

def in_child(function):
    child = os.fork()
    if child == 0:
        try:
            function()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(repr(error) + "\\n")
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0

MODEL = {{"a": (0, None, {{}}), "b": (1, None, {{}})}}
collection = bi.Collection.create({path!r}, empty_index())
collection.add(["a", "b"], embeddings([0, 1]))
"""


@pytest.fixture
def run_forks(path, run_python):
    start = FORKS.format(tests=os.path.dirname(__file__), path=str(path))  # noqa: PTH120
    # Newer versions of Python warn of a fork beside threads, such as those that search.
    return lambda program: run_python(start + program, "-W", "ignore::DeprecationWarning")


def test_a_forked_child_reads_and_cannot_write(run_forks):
    run_forks(
        "def child():\n"
        "    assert_holds(collection, MODEL)\n"
        "    for write in (lambda: collection.add(['c'], embeddings([2])), collection.compact):\n"
        "        try: write()\n"
        "        except ValueError as error: assert 'its child can only read' in str(error)\n"
        "        else: raise AssertionError('written')\n"
        "    try: bi.Collection.open(collection.path)\n"
        "    except BlockingIOError: pass\n"
        "    else: raise AssertionError('opened')\n"
        "    collection.close()\n"
        "in_child(child)\n"
        "collection.add(['c'], embeddings([2]))\n"
        "assert_holds(collection, MODEL | {'c': (2, None, {})})\n"
        "in_child(lambda: assert_holds(collection, MODEL | {'c': (2, None, {})}))\n"
        "assert collection.check() == []\n"
    )


def test_a_child_may_become_the_writer(run_forks):
    run_forks(
        "def child():\n"
        "    ready.read(1)\n"
        "    with bi.Collection.open(collection.path) as mine:\n"
        "        mine.add(['c'], embeddings([2]))\n"
        "import io\n"
        "reading, writing = os.pipe()\n"
        "ready = io.FileIO(reading)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    child()\n"
        "    os._exit(0)\n"
        "collection.close()\n"
        "os.write(writing, b'x')\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "with bi.Collection.open(collection.path) as again:\n"
        "    assert_holds(again, MODEL | {'c': (2, None, {})})\n"
    )


def test_a_child_sees_what_its_parent_writes_and_outlives_it(run_forks):
    """The child has locks of its own, so that the parent does not take the log from under it."""
    run_forks(
        "collection.search(embeddings([0]))\n"
        "to_child, from_parent = os.pipe()\n"
        "to_parent, from_child = os.pipe()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    model = dict(MODEL)\n"
        "    for number in range(5):\n"
        "        os.read(to_child, 1)\n"
        "        model[number] = (10 + number, None, {})\n"
        "        assert_holds(collection, model)\n"
        "        os.write(from_child, b'x')\n"
        "    os._exit(0)\n"
        "os.close(from_child)\n"
        "for number in range(5):\n"
        "    if number == 2:\n"
        "        collection.close()\n"
        "        collection = bi.Collection.open(collection.path)\n"
        "    collection.add([number], embeddings([10 + number]))\n"
        "    if number == 3: collection.compact()\n"
        "    os.write(from_parent, b'x')\n"
        "    assert os.read(to_parent, 1) == b'x'\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
    )


def test_processes_read_whole_states_beside_a_writer(run_forks):
    """Each change replaces all documents, between images that come and go."""
    run_forks(
        "N_CHANGES = 40\n"
        "def change(number):\n"
        "    collection.upsert(range(15), embeddings(range(15)), metadata=[{'n': number}] * 15)\n"
        "def read(opens_again):\n"
        "    reader, last = bi.Collection.open(collection.path, read_only=True), 0\n"
        "    while last < N_CHANGES:\n"
        "        if opens_again:\n"
        "            reader.close()\n"
        "            reader = bi.Collection.open(collection.path, read_only=True)\n"
        "        (hits,) = reader.search(embeddings([3]), k=50, where={'n': {'$gte': last}})\n"
        "        numbers = {hit.metadata['n'] for hit in hits}\n"
        "        assert len(hits) == 15 and len(numbers) == 1 and min(numbers) >= last\n"
        "        last = min(numbers)\n"
        "    os._exit(0)\n"
        "collection.delete(['a', 'b'])\n"
        "change(0)\n"
        "children = []\n"
        "for opens_again in (False, True):\n"
        "    children.append(os.fork())\n"
        "    if children[-1] == 0: read(opens_again)\n"
        "for number in range(1, N_CHANGES + 1):\n"
        "    change(number)\n"
        "    if number % 5 == 0: collection.compact()\n"
        "for child in children: assert os.waitpid(child, 0)[1] == 0\n"
    )


@pytest.mark.forks_beside_threads
def test_forks_wait_for_running_calls(run_forks):
    run_forks(
        "done = threading.Event()\n"
        "def search():\n"
        "    while not done.is_set(): collection.search(embeddings([0, 1]), k=2)\n"
        "threads = [threading.Thread(target=search) for _ in range(3)]\n"
        "for thread in threads: thread.start()\n"
        "for number in range(10):\n"
        "    collection.add([number], embeddings([number]))\n"
        "    in_child(lambda: collection.get(['a', number]))\n"
        "done.set()\n"
        "for thread in threads: thread.join()\n"
    )


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "TimeoutError"])
def test_ctrl_c_stops_the_database(run_forks, error):
    run_forks(
        "import signal\n"
        "def stop(*_):\n"
        f"    raise {error}\n"
        "signal.signal(signal.SIGALRM, stop)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
        "endless = 'WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) '\n"
        "try:\n"
        "    with collection._truth.change() as change:\n"
        "        change.delete([0])\n"
        "        change._connection.execute(endless + 'SELECT count(*) FROM n')\n"
        f"except {error}: pass\n"
        "else: raise AssertionError('it has ended')\n"
        "assert_holds(collection, MODEL)\n"
        "assert collection.check() == []\n"
    )


def test_a_killed_child_leaves_progress_bars_to_others(run_forks):
    """Those of tqdm share a lock with forked children."""
    run_forks(
        "import signal\n"
        "from tqdm import tqdm\n"
        "lock = tqdm.get_lock()\n"
        "reading, writing = os.pipe()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    lock.acquire()\n"
        "    os.write(writing, b'x')\n"
        "    signal.pause()\n"
        "os.read(reading, 1)\n"
        "os.kill(pid, signal.SIGKILL)\n"
        "os.waitpid(pid, 0)\n"
        "collection.add(['c'], embeddings([2]))\n"
    )


def test_a_reader_outlives_its_writer(path):
    with bi.Collection.create(path, empty_index()) as collection:
        collection.add(["a"], embeddings([0]))
        reader = bi.Collection.open(path, read_only=True)
    assert_holds(reader, {"a": (0, None, {})})
    with bi.Collection.open(path) as collection:
        collection.add(["b"], embeddings([1]))
    assert_holds(reader, {"a": (0, None, {}), "b": (1, None, {})})
    reader.close()
