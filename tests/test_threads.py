"""Calls from many threads at once: right answers, whole writes, and none that waits forever."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from reference_index import (
    ReferenceIndex,
    assert_same_answers,
    assert_same_content,
    make_index,
    random_codes,
)

import bitindex as bi
from bitindex import _core

pytestmark = pytest.mark.usefixtures("_switch_between_threads_often")


@pytest.fixture
def default_threads():
    yield
    bi.set_num_threads(None)


@pytest.mark.parametrize("threads", [1, 2, 5, None])
def test_searches_together(kind, threads, run_together):
    rng = np.random.default_rng(1)
    index, model = make_index(kind, 64), ReferenceIndex(64)
    codes = random_codes(rng, 12_000, 64)
    index.add(codes)
    model.add(codes)
    queries = [random_codes(rng, n, 64) for n in (1, 1, 3, 40)]
    expected = [model.answers(part) for part in queries]

    def search(position):
        for _ in range(10):
            got = index.search(queries[position], 20, threads=threads)
            assert_same_answers(got, expected[position].nearest(20))
            got = index.range_search(queries[position], 15, threads=threads)
            assert_same_answers(got, expected[position].within(15))

    run_together(*[lambda position=position: search(position) for position in range(4)] * 2)


def test_searches_of_a_thread_pool_are_nested(kind):
    rng = np.random.default_rng(2)
    index, model = make_index(kind, 24, "jaccard"), ReferenceIndex(24, "jaccard")
    codes = random_codes(rng, 9000, 24)
    index.add(codes)
    model.add(codes)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda code: index.search(code, 5, threads=4), codes[:200]))
    expected = model.search(codes[:200], 5)
    assert_same_answers([np.concatenate(part) for part in zip(*found, strict=True)], expected)


def test_a_search_sees_whole_writes(kind, run_together):
    index = make_index(kind, 8)
    index.add(np.full((9000, 1), 255, np.uint8))  # enough for several tasks a search
    batch = np.zeros((500, 1), np.uint8)
    done = threading.Event()

    def write():
        for _ in range(40):
            ids = index.add(batch)
            index.update(ids, batch + 255)
            index.update(ids[::-1], batch)
            index.remove(ids)
            index.add(batch, ids)
            assert index.remove(ids) == 500
        done.set()

    def search(threads):
        while not done.is_set():
            n_near = len(index.range_search([0], 0, threads=threads)[1])
            assert n_near in (0, 500)
            ids = index.search([0], 501, threads=threads)[1][0]
            n_added = int((ids >= 9000).sum())
            assert n_added in (0, 500)

    def look():
        while not done.is_set():
            assert len(index) in (9000, 9500)
            assert len(index.ids) in (9000, 9500)

    run_together(write, lambda: search(1), lambda: search(3), look)
    assert len(index) == 9000


def test_writers_take_turns(kind, run_together):
    index = make_index(kind, 16)

    def add(value):
        for _ in range(100):
            ids = index.add(np.full((3, 2), value, np.uint8))
            assert index.get(ids).tolist() == [[value, value]] * 3
            index.remove(ids[:1])

    run_together(*[lambda value=value: add(value) for value in range(6)])
    assert len(index) == 6 * 100 * 2
    assert len(np.unique(index.ids)) == len(index)
    for value in range(6):
        assert len(index.range_search([value, value], 0)[2]) == 200


def test_a_writer_is_not_starved_by_searches(kind, run_together):
    rng = np.random.default_rng(3)
    index = make_index(kind, 256)
    index.add(random_codes(rng, 20_000, 256))
    queries = random_codes(rng, 100, 256)
    done = threading.Event()

    def search():
        while not done.is_set():
            index.search(queries, 3, threads=1)

    def write():
        for code in queries[:20]:
            index.add(code)
            index.remove(index.ids[-1:])
        done.set()

    run_together(write, *[search] * 4)
    assert len(index) == 20_000


def test_all_waiting_searches_go_before_the_next_writer(run_together):
    def meet():
        lock = _core.IndexLock()
        held, inside, met = threading.Event(), threading.Barrier(3), threading.Event()

        def hold():
            with lock.writing():
                held.set()
                time.sleep(0.1)  # until all the others wait

        def read():
            held.wait()
            with lock.reading():
                inside.wait(timeout=20)
            met.set()

        def write():
            held.wait()
            while not met.is_set():
                with lock.writing():
                    pass

        run_together(hold, read, read, read, write)

    for _ in range(10):
        meet()


def test_no_deadlock_of_the_gil_and_the_locks(kind, run_together, tmp_path):
    path = tmp_path / "index.bitx"
    saved = make_index(kind, 32)
    saved.add(np.arange(4 * 6000, dtype=np.uint32).view(np.uint8).reshape(-1, 4)[:6000])
    saved.save(path)
    deadline = time.monotonic() + 3

    for mmap in (False, True) * 20:
        if time.monotonic() > deadline:
            break
        # The first write lets go of the arrays of the file, which needs the GIL.
        index = bi.load(path, mmap=mmap)
        calls = [
            lambda index=index: index.search([[0, 0, 0, 0]] * 3, 5, threads=2),
            lambda index=index: (len(index), 5 in index, index.ids, index.get([7])),
            lambda index=index: index.save(tmp_path / "other.bitx"),
        ]
        if not mmap:
            calls.append(lambda index=index: index.remove(index.add([[1, 2, 3, 4]])))
        run_together(*[lambda call=call: [call() for _ in range(5)] for call in calls])
        assert len(bi.load(tmp_path / "other.bitx")) in (6000, 6001)


def test_an_index_goes_while_others_search(kind, run_together):
    def work():
        for _ in range(30):
            index = make_index(kind, 8)
            index.add(np.zeros((5000, 1), np.uint8))
            index.search([0], 3, threads=3)

    run_together(*[work] * 4)


@pytest.mark.usefixtures("default_threads")
def test_number_of_threads():
    before = bi.get_num_threads()
    assert 1 <= before <= os.cpu_count()
    for n_threads in (1, 3, np.int64(64), 10**6):
        bi.set_num_threads(n_threads)
        assert bi.get_num_threads() == n_threads
    with pytest.raises(ValueError, match="n_threads must be >= 1, got 0"):
        bi.set_num_threads(0)
    with pytest.raises(TypeError, match="n_threads must be an integer, got float"):
        bi.set_num_threads(2.0)
    assert bi.get_num_threads() == 10**6
    bi.set_num_threads(None)
    assert bi.get_num_threads() == before


@pytest.mark.usefixtures("default_threads")
@pytest.mark.parametrize("n_threads", [1, 2, 7, 10**9])
def test_answers_do_not_depend_on_the_default(kind, n_threads):
    rng = np.random.default_rng(4)
    index, model = make_index(kind, 40, "dice"), ReferenceIndex(40, "dice")
    codes = random_codes(rng, 9000, 40)
    index.add(codes)
    model.add(codes)
    bi.set_num_threads(n_threads)
    for queries in (codes[:1], codes[:30]):
        assert_same_answers(index.search(queries, 9), model.search(queries, 9))
    assert_same_content(index, model)


def test_environment_variable(run_python):
    program = "import bitindex as bi; print(bi.get_num_threads())"
    assert run_python(program, BITINDEX_NUM_THREADS="3") == "3\n"
    machine = run_python(program, BITINDEX_NUM_THREADS="")
    assert 1 <= int(machine) <= os.cpu_count()
    then = "; bi.set_num_threads(2); print(bi.get_num_threads())"
    then += "; bi.set_num_threads(None); print(bi.get_num_threads())"
    assert run_python(program + then, BITINDEX_NUM_THREADS="3") == "3\n2\n3\n"


@pytest.mark.parametrize("value", ["0", "-2", "two", "2.5", "3 threads", " ", "0x4"])
def test_bad_environment_variable(run_python, value):
    program = """
import bitindex as bi
index = bi.FlatIndex(8)
index.add([[1]])
def search(): index.search([1])
for call in (bi.get_num_threads, search, search):
    try:
        call()
    except ValueError as error:
        print(error)
index.search([1], threads=2)
bi.set_num_threads(2)
index.search([1])
"""
    message = f"BITINDEX_NUM_THREADS must be a positive number, got '{value}'\n"
    assert run_python(program, BITINDEX_NUM_THREADS=value) == message * 3
