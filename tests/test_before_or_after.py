"""Every kind of index: a search beside a writer answers as before the write, or as after it."""

import threading

import numpy as np
import pytest
from reference_index import random_codes

import bitindex as bi

N_ROWS, N_BITS, N_WRITES = 1200, 64, 40
ALL = 2**31 - 1

# With options that make answers exact, so that they do not depend on how the index came about.
PACKED = {
    "flat": lambda: bi.FlatIndex(N_BITS),
    "flat by popcount": lambda: bi.FlatIndex(N_BITS, "jaccard", sort_by="popcount"),
    "ivf": lambda: bi.IVFIndex(N_BITS, n_lists=8, nprobe=8),
    "hnsw": lambda: bi.HNSWIndex(N_BITS, m=4, ef_construction=8, ef=ALL),
    "mih": lambda: bi.MIHIndex(N_BITS, fall_back=False),
}
EMBEDDING = {
    "flat": {},
    "flat rescored": {"rescore": "float32"},
    "ivf": {"kind": "ivf", "n_lists": 8, "nprobe": 8},
    "hnsw rescored": {"kind": "hnsw", "m": 4, "ef_construction": 8, "ef": ALL, "rescore": "int8"},
}


pytestmark = [pytest.mark.once, pytest.mark.usefixtures("_switch_between_threads_often")]


def are_equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def check_switches(index, states, search, run_together):
    """One thread replaces all rows by those of the other state, two search."""
    ids = index.add(states[0])
    expected = []
    for state in states[::-1]:
        index.update(ids, state)
        expected.append(search(1))
    assert not are_equal(*expected)
    done = threading.Event()

    def write():
        for i in range(N_WRITES):
            index.update(ids, states[i % 2])
        done.set()

    def look(threads):
        while not done.is_set():
            got = search(threads)
            assert any(are_equal(got, answer) for answer in expected)

    run_together(write, lambda: look(1), lambda: look(3))
    assert are_equal(search(2), expected[N_WRITES % 2])


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("by_radius", [False, True])
def test_packed(kind, by_radius, run_together):
    rng = np.random.default_rng(0)
    states = [random_codes(rng, N_ROWS, N_BITS) for _ in range(2)]
    queries = random_codes(rng, 20, N_BITS)
    index = PACKED[kind]()
    radius = 0.5 if index.metric == "jaccard" else 20

    def search(threads):
        if by_radius:
            return index.range_search(queries, radius, threads=threads)
        return index.search(queries, 30, threads=threads)

    check_switches(index, states, search, run_together)


@pytest.mark.parametrize("kind", EMBEDDING)
def test_embeddings(kind, run_together):
    rng = np.random.default_rng(1)
    states = [rng.standard_normal((N_ROWS, N_BITS), dtype=np.float32) for _ in range(2)]
    queries = states[0][:20] + states[1][:20]
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(np.eye(N_BITS)), **EMBEDDING[kind])
    check_switches(
        index, states, lambda threads: index.search(queries, 30, threads=threads), run_together
    )
