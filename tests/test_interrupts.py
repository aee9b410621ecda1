"""Ctrl-C in the midst of what takes long besides searching: at once, and nothing is half done."""

import pytest
from test_signals import LONG, POSIX

pytestmark = [pytest.mark.once, POSIX]

# Each call is repeated, so that a quick machine does not end it before the signal comes.
AGAIN = """
def interrupt(call):
    interrupted_by(KeyboardInterrupt, lambda: [call() for _ in range(1000)])
"""


def test_packed_indexes(run_python, tmp_path):
    run_python(
        LONG
        + AGAIN
        + f"""
path = {str(tmp_path)!r} + "/index.bitx"
rows = np.unique(rng.integers(0, 256, (200_000, 8), dtype=np.uint8), axis=0)
n = len(rows)

def check(index):
    assert index.search(rows[[5, 77]], 1)[0].tolist() == [[0], [0]]

mih = bi.MIHIndex(64)
interrupt(lambda: mih.add(rows))
assert len(mih) > 0 and len(mih) % n == 0
check(mih)

ivf = bi.IVFIndex(64, n_lists=2000)
interrupt(lambda: ivf.train(rows))
ivf.train(rows[:5000])
ivf.add(rows)
check(ivf)

interrupt(lambda: ivf.save(path))
assert os.listdir({str(tmp_path)!r}) in ([], ["index.bitx"])
ivf.save(path)
assert len(bi.load(path)) == n
interrupt(lambda: bi.load(path))

hnsw = bi.HNSWIndex(64, m=4, ef_construction=8)
hnsw.add(rows[:20_000])
gone = np.arange(100, 20_000, 3)
def remove_and_add():
    hnsw.remove(gone)
    hnsw.add(rows[gone], gone)
for _ in range(3):
    interrupt(remove_and_add)
    assert len(hnsw) in (20_000, 20_000 - len(gone))
    hnsw.remove(gone)
    assert (hnsw.search(rows[:100], 1)[0] == 0).mean() > .8
    hnsw.add(rows[gone], gone)
assert (hnsw.search(rows[gone], 1)[0] == 0).mean() > .7  # .76 of a graph with so few links
"""
    )


def test_embeddings(run_python):
    run_python(
        LONG
        + AGAIN
        + """
X = rng.standard_normal((20_000, 64), dtype=np.float32)
index = bi.EmbeddingIndex(bi.LSHBinarizer(4096).fit(X))
interrupt(lambda: index.add(X))
assert len(index) % 20_000 == 0

class Newer(bi.SignBinarizer):
    def can_search(self, other):
        return True
    def queries_for(self, other, directions):
        return directions, np.zeros(len(directions), np.float32)

index = bi.EmbeddingIndex(bi.SignBinarizer().fit(X), kind="hnsw", ef_construction=200)
index.add(X)
index.add_version(Newer().fit(X))
index.update(np.arange(0, 20_000, 40), X[::40])
gone = np.arange(0, 20_000, 3)
def remove_and_add():
    index.remove(gone)
    index.add(X[gone], gone, version=0)
interrupt(remove_and_add)
assert len(index) in (20_000, 20_000 - len(gone))
index.remove(gone)
index.add(X[gone], gone, version=0)
interrupted_by(KeyboardInterrupt, lambda: index.upgrade(index.ids, X))
assert sorted(index.ids.tolist()) == list(range(20_000))
assert set(index.versions_of(gone).tolist()) in ({0}, {1})
found = index.search(X[:3], 20_000)[1]
assert np.array_equal(np.sort(found, axis=1), np.tile(np.arange(20_000), (3, 1)))
"""
    )


def test_fits(run_python):
    run_python(
        LONG
        + AGAIN
        + """
X = rng.standard_normal((3000, 64), dtype=np.float32)
for binarizer in (
    bi.ITQBinarizer(64),
    bi.AdditiveBinarizer(128),
    bi.RecurrentBinarizer(64, n_epochs=1),
):
    binarizer.fit(X[:100])  # imports what it needs, or the signal would come during that
    interrupt(lambda: binarizer.fit(X))
    assert len(binarizer.encode(X)) == 3000
interrupt(lambda: bi.tune(X))
"""
    )


def test_the_lock_of_writers_is_never_left_taken(run_python):
    run_python(
        """
import random, signal
import bitindex as bi
class Stop(Exception): pass
def stop(*_): raise Stop
signal.signal(signal.SIGALRM, stop)
random.seed(0)
index = bi.FlatIndex(8)
for _ in range(300):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 1e-3))
        while True:
            with index._writing():
                pass
    except Stop:
        assert index._write_lock.lock.acquire(timeout=5)
        index._write_lock.lock.release()
"""
    )
