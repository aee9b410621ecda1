"""What residuals=True keeps in files, and what it refuses.

`tests/golden/v1_residuals.bitx` was written once, by bitindex 0.1.0, and must stay readable: see
`golden_index`.
"""

from pathlib import Path

import numpy as np
import pytest
from reference_index import assert_same_answers
from refusals import refused
from residual_index import N_LISTS, SIMILARITIES, Q, X, filled_index, lists_of, shared_index

import bitindex as bi
from bitindex import _core
from bitindex.storage import FileFormatError, read_file, write_file, writer

GOLDEN = Path(__file__).parent / "golden" / "v1_residuals.bitx"


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_files(tmp_path, similarity):
    index = filled_index(similarity, rescore="int8")
    index.update(np.arange(100), X[100:200])
    index.remove(np.arange(500, 700))
    before = index.search(Q, 10)
    index.save(tmp_path / "a.bitx")
    assert_same_answers(index.search(Q, 10), before)
    for mmap in (False, True):
        loaded = bi.load(tmp_path / "a.bitx", mmap=mmap)
        assert repr(loaded) == repr(index)
        assert loaded.bytes_per_vector == index.bytes_per_vector
        assert_same_answers(loaded.search(Q, 10), before)
    with refused(ValueError, "the index is memory-mapped"):
        loaded.add(X)
    again = bi.load(tmp_path / "a.bitx")
    for one in (index, again):
        one.add(X[:50])
    assert_same_answers(again.search(Q, 10), index.search(Q, 10))


def golden_index():
    # Clusters of 16 rows of whole numbers: their means, and all that follows, are exact floats.
    rows = np.arange(48 * 8).reshape(48, 8) * 7 % 11 - 5 + 40 * np.eye(3, 8)[np.arange(48) % 3]
    index = bi.EmbeddingIndex(
        bi.SignBinarizer(), "ivf", "l2", residuals=True, n_lists=3, nprobe=2, seed=1
    )
    index.fit(rows.astype(np.float32)).add(rows[::-1].astype(np.float32), np.arange(48) * 3)
    index.remove([0, 3])
    return index


def test_golden_file(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_writer_name", lambda: "bitindex 0.1.0")
    golden_index().save(tmp_path / "a.bitx")
    assert (tmp_path / "a.bitx").read_bytes() == GOLDEN.read_bytes()
    queries = np.array([[1, 2, -3, 4, -5, 0, 1, 2], [30, 1, 1, -2, 0, 5, 1, 0]], np.float32)
    for mmap in (False, True):
        loaded = bi.load(GOLDEN, mmap=mmap)
        assert (len(loaded), loaded.residuals) == (46, True)
        assert_same_answers(loaded.search(queries, 9), golden_index().search(queries, 9))


def changed(name, change):
    def edit(stored):
        stored.sections[name] = change(stored.sections[name])

    return edit


WRONG = {
    "narrow centroids": (changed("lists/centroids", lambda x: x[:, :-1]), "centroids must have"),
    "no centroids": (changed("lists/centroids", lambda x: x[:0]), "centroids must have"),
    "infinite": (changed("lists/centroids", lambda x: x * np.float32("inf")), "finite float32"),
    "doubles": (changed("lists/centroids", lambda x: x.astype("f8")), "finite float32"),
    "fewer lists": (changed("rows/structure/sizes", lambda x: x[1:]), "sizes' must hold 40"),
    "too many rows": (changed("rows/structure/sizes", lambda x: x + np.uint32(1)), "at most 3000"),
    "too few rows": (changed("rows/structure/sizes", lambda x: x // 2), "must add up to 3000 rows"),
    "no sizes": (lambda stored: stored.sections.pop("rows/structure/sizes"), "sizes' is missing"),
    "no lists": (lambda stored: stored.sections.pop("lists/centroids"), "centroids"),
    "no probes": (lambda stored: stored.meta.pop("lists"), "lists"),
    "wrong probes": (lambda stored: stored.meta["lists"].update(n_probes=0), "n_probes must be"),
    "another kind": (lambda stored: stored.meta.update(kind="flat", options={}), "kind='ivf'"),
    "no residuals": (lambda stored: stored.meta.pop("residuals"), "centroids"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_files_with_wrong_lists_are_refused(tmp_path, wrong):
    edit, problem = WRONG[wrong]
    path = tmp_path / "a.bitx"
    shared_index().save(path)
    stored = read_file(path)
    edit(stored)
    write_file(path, stored.kind, stored.meta, stored.sections)
    with pytest.raises(FileFormatError, match=problem):
        bi.load(path)


def test_refusals():
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(X), "ivf", residuals=True)
    for call in (lambda: index.add(X), lambda: index.search(Q)):
        with refused(ValueError, "residuals=True needs fit(X) first"):
            call()
    assert len(index) == 0
    with refused(ValueError, "residuals=True needs kind='ivf', got kind='flat'"):
        bi.EmbeddingIndex(bi.SignBinarizer(), residuals=True)
    with refused(TypeError, "residuals must be a bool, got int"):
        bi.EmbeddingIndex(bi.SignBinarizer(), "ivf", residuals=1)
    with refused(ValueError, "residuals=True needs float queries"):
        bi.EmbeddingIndex(bi.SignBinarizer(query="binary"), "ivf", residuals=True).fit(X)
    index = filled_index("cosine")
    with refused(ValueError, "several versions need an index with residuals=False"):
        index.add_version(bi.SignBinarizer().fit(X))
    with refused(ValueError, "fit must come before add"):
        index.fit(X)
    before = index.search(Q, 5)
    with refused(ValueError, "id 7 is already in the index"):
        index.add(X[:1], [7])
    with refused(KeyError, "id 3000 is not in the index"):
        index.update([3, 3000], X[:2])
    with refused(ValueError, "Q must have shape"):
        index.search(Q[:, 1:])
    assert_same_answers(index.search(Q, 5), before)
    assert index.search(Q[:0], 5)[1].shape == (0, 5)


def test_the_core_refuses_lists_that_are_not_there():
    index = shared_index("dot")
    core = index._core.versions[0].core
    columns = lists_of(index).encode(X[:2])
    columns["lists"] = columns["lists"] + np.uint32(N_LISTS)
    with refused(ValueError, "lists must be < 40"):
        core.add(ids=np.array([9000, 9001]), **columns)
    columns.pop("lists")
    with refused(ValueError, "lists must be given"):
        core.add(ids=np.array([9000, 9001]), **columns)
    with refused(ValueError, "codes of residuals have no distances"):
        core.range_search(columns["codes"], 3.0, None, 1)
    with refused(ValueError, "codes of residuals have no distances"):
        core.search(columns["codes"], 3, None, 1)
    flat = _core.FlatIndex(8)
    with refused(ValueError, "lists are not kept by this index"):
        flat.add(np.zeros((1, 1), np.uint8), np.arange(1), lists=np.zeros(1, np.uint32))
