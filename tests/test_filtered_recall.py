"""Filters in approximate kinds of index: recall@10 where .1, 1, 10 and 50 % of rows are allowed.

On 20,000 rows like embeddings of text: topics within fields, variances that fall off by a power
law, rows of length 1. Whether what a filter allows has to do with the rows or not, it finds enough,
with as much effort as is enough without one.
"""

import copy

import numpy as np
import pytest

import bitindex as bi
from bitindex.index import INDEX_KINDS

N_ROWS = 20_000
N_QUERIES = 100
N_DIMS = 96
K = 10
TARGET = 0.95
SHARES = [0.001, 0.01, 0.1, 0.5]
APPROXIMATE = [name for name, kind in INDEX_KINDS.items() if kind.efforts]
EFFORTS = {"hnsw": 24}  # so few that half of the rows are not scanned


@pytest.fixture(scope="module")
def embeddings():
    """Rows, queries of their kind, and the topic of each row."""
    rng = np.random.default_rng(0)
    n = N_ROWS + N_QUERIES
    fields, topics = rng.standard_normal((20, N_DIMS)), rng.standard_normal((400, N_DIMS))
    topic = rng.integers(0, len(topics), n)
    spread = np.arange(1, N_DIMS + 1) ** -0.4
    drawn = fields[topic % len(fields)] + topics[topic] + 1.2 * rng.standard_normal((n, N_DIMS))
    drawn *= spread
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn[:N_ROWS].astype(np.float32), drawn[N_ROWS:].astype(np.float32), topic[:N_ROWS]


@pytest.fixture(scope="module")
def built(embeddings):
    """Return a function from a kind to its index of the rows, built once, and the exact one."""
    rows = embeddings[0]
    indexes = {}

    def index_of(kind):
        if kind not in indexes:
            binarizer = bi.LSHBinarizer(256, random_state=0).fit(rows)
            indexes[kind] = bi.EmbeddingIndex(binarizer, kind)
            indexes[kind].add(rows)
        return indexes[kind]

    return index_of


@pytest.fixture(scope="module")
def residuals(embeddings):
    """Return an index of what is left of rows, whose codes of 4 bits lose little themselves."""
    binarizer = bi.RotationBinarizer(bits_per_dim=4, random_state=0)
    index = bi.EmbeddingIndex(binarizer, "ivf", residuals=True).fit(embeddings[0])
    index.add(embeddings[0])
    return index


def allowed_rows(embeddings, share, form):
    """Some rows: drawn at random, by topic, or those that are farthest from what is asked for."""
    rows, queries, topic = embeddings
    n = int(N_ROWS * share)
    rng = np.random.default_rng(1)
    order = {
        "random": lambda: rng.permutation(N_ROWS),
        "topics": lambda: np.argsort(rng.permutation(400)[topic], kind="stable"),
        "far": lambda: np.argsort(rows @ queries.mean(axis=0)),
    }[form]()
    return np.sort(order[:n])


def recall(found, exact):
    """The share of scores that are no lower than that of the last exact result."""
    return float((found[0] >= exact[0][:, -1:]).mean())


@pytest.mark.parametrize("form", ["random", "topics", "far"])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("kind", APPROXIMATE)
def test_recall(embeddings, built, kind, share, form):
    queries = embeddings[1]
    index, exact = built(kind), built("flat")
    effort = EFFORTS.get(kind)
    assert TARGET <= recall(index.search(queries, K, effort=effort), exact.search(queries, K)) < 1
    allowed = allowed_rows(embeddings, share, form)
    found = index.search(queries, K, filter=allowed, effort=effort)
    assert np.isin(found[1], allowed).all()
    assert recall(found, exact.search(queries, K, filter=allowed)) >= TARGET


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_recall_of_codes(embeddings, built, kind):
    binarizer = built("flat").binarizer
    codes, queries = (binarizer.encode(rows).packed for rows in embeddings[:2])
    index, exact = INDEX_KINDS[kind](256), bi.FlatIndex(256)
    for each in (index, exact):
        each.add(codes)
    rng = np.random.default_rng(2)
    for allowed in (None, *(rng.random(N_ROWS) < share for share in SHARES)):
        found, nearest = (each.search(queries, K, allowed)[0] for each in (index, exact))
        assert (found <= nearest[:, -1:]).mean() >= TARGET


@pytest.mark.parametrize("form", ["random", "far"])
@pytest.mark.parametrize("kind", APPROXIMATE)
def test_recall_after_most_rows_have_gone(embeddings, built, kind, form):
    queries = embeddings[1]
    gone = np.random.default_rng(3).permutation(N_ROWS)[: N_ROWS * 9 // 10]
    index, exact = (copy.copy(built(name)) for name in (kind, "flat"))
    for each in (index, exact):
        each.remove(gone)
    for share in SHARES:
        allowed = allowed_rows(embeddings, share, form)
        found, nearest = (each.search(queries, K, filter=allowed) for each in (index, exact))
        assert recall(found, nearest) >= TARGET


@pytest.mark.parametrize("form", ["random", "topics", "far"])
def test_recall_of_residuals(embeddings, residuals, form):
    # Of what floats find, as many lists as "auto" stands for lose little that all lists find.
    rows, queries = embeddings[:2]
    for share in SHARES:
        allowed = allowed_rows(embeddings, share, form)
        true_ids = allowed[bi.evaluate.exact_search(queries, rows[allowed], k=K)[1]]
        ids, of_all = (
            residuals.search(queries, K, filter=allowed, effort=effort)[1]
            for effort in (None, 10**6)
        )
        assert np.isin(ids, allowed).all()
        found, in_all = (bi.evaluate.recall_at_k(part, true_ids, k=K) for part in (ids, of_all))
        assert found >= TARGET * in_all
