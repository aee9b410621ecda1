"""What becomes of calls where the system gives no more memory: MemoryError, and nothing else."""

import sys

import pytest
from test_forks import KINDS

pytestmark = pytest.mark.once

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS and /proc")

# As much more as a call may have: none of its large arrays fits, small ones and messages do.
LIMIT = """
import contextlib, resource
import numpy as np
import bitindex as bi

@contextlib.contextmanager
def memory(n_more):
    pages = int(open("/proc/self/statm").read().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + n_more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))

def refused(call, n_more=4 << 20):
    try:
        with memory(n_more):
            call()
    except MemoryError:
        return
    raise SystemExit("there was enough memory")
"""


@LINUX
@pytest.mark.parametrize("kind", KINDS)
def test_an_index_stays_as_it_was(run_python, tmp_path, kind):
    run_python(
        LIMIT
        + f"""
bi.set_num_threads(3)
rows = np.random.default_rng(0).choice([-1, 1], (4000, 64)).astype(np.float32) / 8
index = {KINDS[kind]}
n_more = 4_000_000
if isinstance(index, bi.EmbeddingIndex):
    more = np.ones((n_more // 16, 64), np.float32)
else:
    rows = np.packbits(rows > 0, axis=1)
    more = np.zeros((n_more, 8), np.uint8)
index.add(rows)
index.search(rows[:100], 3)
path = {str(tmp_path / "index.bitx")!r}

def state():
    return index.ids, index.get(index.ids), *index.search(rows[:50], 3)

before = state()
refused(lambda: index.add(more))
refused(lambda: index.search(rows, 4000))
refused(lambda: index.search(rows[0], 5, filter=np.ones(2**31, bool)))
for got, expected in zip(state(), before):
    np.testing.assert_array_equal(got, expected)
index.remove(index.add(rows[:2]))
big = bi.FlatIndex(4096)
big.add(np.zeros((30_000, 512), np.uint8))
big.save(path)
refused(lambda: bi.load(path))
assert len(bi.load(path)) == 30_000
"""
    )


@LINUX
def test_fits_and_codes(run_python):
    run_python(
        LIMIT
        + """
X = np.random.default_rng(0).standard_normal((20_000, 128), dtype=np.float32)
for binarizer in (bi.SignBinarizer(), bi.ITQBinarizer(64), bi.LSHBinarizer(4096)):
    binarizer.fit(X[:200])
    expected = binarizer.encode(X[:200]).packed
    refused(lambda: binarizer.fit(X.astype(np.float64)))
    refused(lambda: binarizer.encode(np.tile(X, (3, 1))))
    np.testing.assert_array_equal(binarizer.encode(X[:200]).packed, expected)
bits = np.ones((20_000, 2048), bool)
codes = bi.pack(bits)
refused(lambda: bi.unpack(codes, 2048))
refused(lambda: bi.hamming(codes, codes))
assert bi.unpack(codes[:3], 2048).all()
"""
    )
