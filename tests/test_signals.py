"""Ctrl-C and other signals during long calls, and the end of the program during them."""

import sys

import pytest

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

CALLS = {
    "search": "index.search(queries, 10, threads=threads)",
    "range_search": "index.range_search(queries, 400, threads=threads)",
    "all_rows": "index.search(queries[:100], len(index), threads=threads)",
    "filter": "index.search(queries, 10, filter=range(0, 10**6, 2), threads=threads)",
    "one_query_after_another": "[index.search(q, 10, threads=threads) for q in queries]",
}
LONG = """
import os, signal, sys, threading, time
import numpy as np
import bitindex as bi
# A shell's background job starts with SIGINT ignored, and Python then leaves it so.
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
index = bi.FlatIndex(1024)
index.add(rng.integers(0, 256, (150_000, 128), dtype=np.uint8))
queries = rng.integers(0, 256, (30_000, 128), dtype=np.uint8)
sent = []

def send(signal_number):
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal_number)

def interrupted_by(exception, call, signal_number=signal.SIGINT):
    timer = threading.Timer(0.3, send, [signal_number])
    timer.start()
    try:
        call()
    except exception:
        waited = time.monotonic() - sent[-1]
        assert waited < 1, f"stopped after {waited} s"
    else:
        timer.cancel()
        sys.exit("the call ended before the signal came")
"""


@POSIX
@pytest.mark.parametrize("threads", [1, 3])
def test_ctrl_c(run_python, threads):
    run_python(
        LONG
        + f"threads = {threads}\n"
        + "".join(f"interrupted_by(KeyboardInterrupt, lambda: {call})\n" for call in CALLS.values())
        + """
code = index.get([77])
assert index.search(code, 1)[1].tolist() == [[77]]
index.remove([77])
assert index.search(code, 1)[0][0, 0] > 0
index.add(code)
assert len(index) == 150_000
"""
    )


@POSIX
def test_ctrl_c_gives_the_rows_of_an_embedding_index_free(run_python):
    run_python(
        LONG
        + """
X = rng.standard_normal((150_000, 256), dtype=np.float32)
index = bi.EmbeddingIndex(bi.SignBinarizer().fit(X))
index.add(X)
interrupted_by(KeyboardInterrupt, lambda: [index.search(X[:9000], 10) for _ in range(900)])
index.remove([77])  # which a search that still had the lock would keep waiting
assert len(index) == 149_999
"""
    )


@POSIX
@pytest.mark.parametrize("threads", [1, 3])
def test_ctrl_c_while_rows_are_encoded(run_python, threads):
    run_python(
        LONG
        + f"""
X = rng.standard_normal((12_000, 1024), dtype=np.float32)
binarizer = bi.LSHBinarizer(20_000).fit(X[:10])
interrupted_by(KeyboardInterrupt, lambda: binarizer.encode(X, threads={threads}))
assert len(binarizer.encode(X[:20])) == 20
"""
    )


@POSIX
def test_other_signals(run_python):
    output = run_python(
        LONG
        + """
class Stop(Exception): pass

def stop(*_): raise Stop

def count(*_): print("handled", flush=True)

signal.signal(signal.SIGUSR1, stop)
signal.signal(signal.SIGUSR2, count)
interrupted_by(Stop, lambda: index.search(queries, 10), signal.SIGUSR1)
code = index.get([77])
threading.Timer(0.2, send, [signal.SIGUSR2]).start()
end = time.monotonic() + 1
while time.monotonic() < end:
    assert index.search(np.repeat(code, 500, axis=0), 1)[1].tolist() == [[77]] * 500
"""
    )
    assert output == "handled\n"


@POSIX
def test_ctrl_c_while_another_thread_searches(run_python):
    run_python(
        LONG
        + """
answers = []
def search(): answers.append(index.search(queries[:2000], 3, threads=2))
thread = threading.Thread(target=search)
thread.start()
interrupted_by(KeyboardInterrupt, lambda: time.sleep(20))
thread.join()
assert answers[0][1].shape == (2000, 3)
"""
    )


@pytest.mark.parametrize("n_queries", [1, 20, 20_000])
def test_end_of_the_program_during_searches(run_python, n_queries):
    # A daemon thread that comes back from the core finds the interpreter shut down.
    output = run_python(
        LONG
        + f"""
def search():
    while True:
        index.search(queries[:{n_queries}], 10, threads=2)

def look():
    while True:
        assert len(index) == 150_000

for work in (search, search, look):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print("the end")
"""
    )
    assert output == "the end\n"


def test_handlers_of_signals_are_left_alone(run_python):
    run_python(
        """
import signal
before = [signal.getsignal(number) for number in signal.valid_signals()]
import bitindex as bi
index = bi.FlatIndex(8)
index.add([[0]] * 9000)
index.search([1], 3, threads=3)
assert before == [signal.getsignal(number) for number in signal.valid_signals()]
"""
    )
