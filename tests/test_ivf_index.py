"""IVFIndex: what it finds with few lists, how it keeps its lists, and files that lie about them.

`tests/golden/v1_ivf.bitx` was written once, by bitindex 0.1.0, and must stay readable: see
`golden_index`.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from reference_index import ReferenceIndex, assert_same_answers, assert_same_content
from refusals import refused

import bitindex as bi
from bitindex import _core
from bitindex.storage import FileFormatError, read_file, write_file, writer

GOLDEN = Path(__file__).parent / "golden" / "v1_ivf.bitx"
N_BITS = 64


def clustered(rng, n, n_bits=N_BITS, n_clusters=60, flips=0.1):
    """Codes around some random ones."""
    centers = rng.random((n_clusters, n_bits)) < 0.5
    bits = centers[rng.integers(n_clusters, size=n)] ^ (rng.random((n, n_bits)) < flips)
    return np.packbits(bits, axis=1)


def exact(metric, codes, queries, k, ids=None, allowed=None):
    index = bi.FlatIndex(8 * codes.shape[1], metric)
    index.add(codes, ids)
    return index.search(queries, k, filter=allowed)


def recall(found, expected):
    """The share of results that are as near as the last expected one."""
    return float((found[0] <= expected[0][:, -1:]).mean())


@pytest.fixture(scope="module")
def codes():
    return clustered(np.random.default_rng(0), 20_000)


@pytest.fixture(scope="module")
def queries(codes):
    rng = np.random.default_rng(1)
    noise = np.packbits(rng.random((200, N_BITS)) < 0.1, axis=1)
    return codes[rng.integers(len(codes), size=200)] ^ noise


@pytest.mark.parametrize("metric", ["hamming", "jaccard", "dice", "cosine", "sdc1", "sdc2", "sdc4"])
def test_target_recall(codes, queries, metric):
    index = bi.IVFIndex(N_BITS, metric)
    index.add(codes)
    assert index.n_lists > 100
    assert index.nprobe < index.n_lists / 2
    expected = exact(metric, codes, queries, 10)
    assert recall(index.search(queries, 10), expected) >= 0.9
    steps = [recall(index.search(queries, 10, nprobe=n), expected) for n in (1, 4, 16, 64, 10**6)]
    assert steps == sorted(steps)
    assert steps[-1] == 1


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
def test_recall_with_filters(codes, queries, metric, share):
    index = bi.IVFIndex(N_BITS, metric)
    index.add(codes)
    allowed = np.flatnonzero(np.random.default_rng(2).random(len(codes)) < share)
    expected = exact(metric, codes, queries, 10, allowed=allowed)
    found = index.search(queries, 10, filter=allowed)
    assert np.isin(found[1], allowed).all()
    assert recall(found, expected) >= 0.95


def test_filters_of_far_rows(codes, queries):
    # All allowed rows are in lists that no query would look at.
    index = bi.IVFIndex(N_BITS, nprobe=1)
    far = ~queries[:1] ^ np.packbits(np.random.default_rng(3).random((500, 64)) < 0.05, axis=1)
    index.add(np.concatenate([codes, far]))
    allowed = np.arange(20_000, 20_500)
    distances, ids = index.search(queries[:1], 20, filter=allowed)
    assert np.isin(ids, allowed).all()
    expected = exact("hamming", far, queries[:1], 20)
    assert recall((distances, ids), expected) >= 0.95


@pytest.mark.parametrize("n_queries", [1, 4, 200])
def test_never_fewer_than_k(codes, queries, n_queries):
    index = bi.IVFIndex(N_BITS, n_lists=300, nprobe=1)
    index.add(codes)
    for k in (100, 3000, 20_000, 20_005):
        distances, ids = index.search(queries[:n_queries], k)
        found = min(k, 20_000)
        assert (ids[:, :found] >= 0).all()
        assert (ids[:, found:] == -1).all()
        assert (np.diff(distances.astype(np.int64), axis=1) >= 0).all()
        assert all(len(np.unique(row[:found])) == found for row in ids)


def test_threads_cuts_and_instruction_sets(codes, queries, use_isa):
    answers = []
    for isa in _core.supported_isas():
        use_isa(isa)
        index = bi.IVFIndex(N_BITS, n_lists=100, nprobe=5, seed=7)
        index.add(codes, np.random.default_rng(4).permutation(len(codes)))
        for threads in (1, 2, 5):
            answers.append(index.search(queries, 30, threads=threads))
        one_by_one = [index.search(query, 30) for query in queries]
        answers.append([np.concatenate(parts) for parts in zip(*one_by_one, strict=True)])
        _, _, ids = index.range_search(queries, 12)
        parts = [index.range_search(query, 12)[2] for query in queries]
        np.testing.assert_array_equal(np.concatenate(parts), ids)
    for answer in answers[1:]:
        assert_same_answers(answer, answers[0])


@pytest.mark.parametrize("n_bits", [13, 70, 192, 512, 4099])
def test_queries_that_share_lists_find_what_they_find_alone(use_isa, n_bits):
    rng = np.random.default_rng(12)
    codes = clustered(rng, 3000, n_bits, n_clusters=8)
    index = bi.IVFIndex(n_bits, n_lists=12, nprobe=3)
    index.add(codes[:2500], rng.permutation(3000)[:2500])
    index.add(codes[2500:])  # rows behind the lists
    index.update(index.ids[:100], codes[100:200])
    queries = clustered(rng, 60, n_bits, n_clusters=8)
    for isa in _core.supported_isas():
        use_isa(isa)
        for options in ({}, {"filter": range(0, 3000, 3)}):
            alone = [index.search(query, 20, **options) for query in queries]
            expected = [np.concatenate(parts) for parts in zip(*alone, strict=True)]
            assert_same_answers(index.search(queries, 20, **options), expected)
        within = [index.range_search(query, n_bits // 3)[2] for query in queries]
        found = index.range_search(queries, n_bits // 3)[2]
        np.testing.assert_array_equal(found, np.concatenate(within))


@pytest.mark.parametrize("k", [1, 7, 60])
def test_few_queries_over_long_lists_find_what_they_find_alone(k):
    # Each list is the first one of a query and a later one of others: all are looked at at once.
    rng = np.random.default_rng(13)
    codes = clustered(rng, 8000, 512, n_clusters=3)
    index = bi.IVFIndex(512, n_lists=3, nprobe=3)
    index.add(codes[:6000], rng.permutation(8000)[:6000])
    index.update(index.ids[:100], codes[100:200])
    index.add(codes[6000:])
    for first in range(0, 40, 4):
        queries = codes[first : first + 4] ^ np.packbits(rng.random((4, 512)) < 0.1, axis=1)
        alone = [index.search(query, k) for query in queries]
        expected = [np.concatenate(parts) for parts in zip(*alone, strict=True)]
        for threads in (1, 3):
            assert_same_answers(index.search(queries, k, threads=threads), expected)


def test_ties_go_to_the_smaller_id_though_rows_stand_in_lists():
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 4, (6000, 1), dtype=np.uint8) << 6
    index, model = bi.IVFIndex(2, n_lists=4, nprobe=4), ReferenceIndex(2)
    for some in np.array_split(codes, 3):
        index.add(some)
        model.add(some)
    asked = np.arange(4, dtype=np.uint8)[:, np.newaxis] << 6
    for k in (1, 10, 1000, 2000):
        assert_same_answers(index.search(asked, k), model.search(asked, k))


def test_a_changed_row_is_found_where_it_belongs_now(codes):
    index = bi.IVFIndex(N_BITS, n_lists=100, nprobe=1)
    index.add(codes)
    rng = np.random.default_rng(6)
    ids = rng.choice(len(codes), 3000, replace=False)
    for _ in range(3):  # into other lists, again, and back
        moved = codes[rng.permutation(ids)]
        index.update(ids, moved)
        distances, found = index.search(moved, 1)
        assert (distances == 0).all()
        assert (index.get(found[:, 0]) == moved).all()
    index.update(ids, codes[ids])
    assert_same_answers(
        index.search(codes[:50], 10, nprobe=100), exact("hamming", codes, codes[:50], 10)
    )


def test_a_long_life():
    rng = np.random.default_rng(7)
    index, model = bi.IVFIndex(16, n_lists=30, nprobe=30), ReferenceIndex(16)
    queries = rng.integers(0, 256, (5, 2), dtype=np.uint8)
    for turn in range(12):
        new = rng.integers(0, 256, (3000, 2), dtype=np.uint8)
        index.add(new)
        model.add(new)
        ids = rng.choice(index.ids, 1500, replace=False)
        changed = rng.integers(0, 256, (1500, 2), dtype=np.uint8)
        index.update(ids, changed)
        model.update(ids, changed)
        gone = rng.choice(index.ids, 1000 if turn != 8 else len(index) * 9 // 10, replace=False)
        assert index.remove(gone) == model.remove(gone)
        back = gone[::3]
        index.add(np.resize(changed, (len(back), 2)), back)
        model.add(np.resize(changed, (len(back), 2)), back)
        assert_same_content(index, model)
        answers = model.answers(queries)
        assert_same_answers(index.search(queries, 40), answers.nearest(40))
        assert_same_answers(index.search(queries[:1], 40), model.search(queries[:1], 40))
        assert_same_answers(index.range_search(queries, 4), answers.within(4))
    index.rebalance()
    assert_same_content(index, model)
    assert_same_answers(index.search(queries, 40), answers.nearest(40))


ADVERSARIAL = {
    "all equal": lambda rng: np.full((12_000, 8), 77, np.uint8),
    "few different": lambda rng: np.repeat(rng.integers(0, 256, (7, 8), dtype=np.uint8), 2000, 0),
    "sorted by similarity": lambda rng: np.sort(clustered(rng, 12_000).view(">u8"), axis=0).view(
        np.uint8
    ),
    "one far cluster": lambda rng: np.concatenate(
        [clustered(rng, 11_000, n_clusters=1), ~clustered(rng, 1000, n_clusters=1)]
    ),
    "empty sets": lambda rng: np.zeros((12_000, 8), np.uint8),
    "random": lambda rng: rng.integers(0, 256, (12_000, 8), dtype=np.uint8),
}


@pytest.mark.parametrize("metric", ["hamming", "jaccard", "sdc2"])
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_codes(name, metric):
    codes = ADVERSARIAL[name](np.random.default_rng(8))
    index = bi.IVFIndex(N_BITS, metric)
    for some in np.array_split(codes, 4):
        index.add(some)
    asked = codes[::800]
    expected = exact(metric, codes, asked, 10)
    assert recall(index.search(asked, 10), expected) >= 0.9
    assert_same_answers(index.search(asked, 10, nprobe=10**6), expected)
    half = range(0, len(codes), 2)
    found = index.search(asked, 10, filter=half)
    assert recall(found, exact(metric, codes, asked, 10, allowed=half)) >= 0.9


def test_few_rows_are_searched_exactly_and_lists_come_by_themselves(codes):
    index = bi.IVFIndex(N_BITS)
    index.add(codes[:9999])
    assert (index.n_lists, index.nprobe) == (0, 0)
    assert_same_answers(index.search(codes[:5], 9), exact("hamming", codes[:9999], codes[:5], 9))
    index.add(codes[9999:10_000])
    assert 150 < index.n_lists <= 200
    index.add(np.resize(codes, (30_000, 8)) ^ np.uint8(1))
    assert 350 < index.n_lists <= 400


def test_lists_of_other_codes(codes, queries):
    index = bi.IVFIndex(N_BITS, n_lists=50, nprobe=50)
    index.train(codes[:5000])
    assert index.n_lists == 50
    assert index.search(queries[:1], 1)[1].tolist() == [[-1]]
    index.add(codes[:500])
    index.add(codes[500:])
    assert index.n_lists == 50
    assert_same_answers(index.search(queries, 10), exact("hamming", codes, queries, 10))
    index.rebalance()
    index.train(codes[0])
    assert index.n_lists == 1
    assert_same_answers(index.search(queries, 10), exact("hamming", codes, queries, 10))
    with refused(ValueError, "codes must have at least one row, got none"):
        index.train([])
    with refused(ValueError, "codes must have 8 bytes per row"):
        index.train([[1, 2]])


@pytest.mark.parametrize("nprobe", ["auto", 3])
def test_files_keep_the_lists(codes, queries, tmp_path, nprobe):
    index = bi.IVFIndex(N_BITS, n_lists=90, nprobe=nprobe, target_recall=0.8, seed=3)
    index.add(codes[:15_000])
    index.add(codes[15_000:17_000])
    index.update(np.arange(500), codes[500:1000])
    index.remove(np.arange(700, 900))
    before = index.search(queries, 10)
    index.save(tmp_path / "index.bitx")
    assert_same_answers(index.search(queries, 10), before)
    for mmap in (False, True):
        loaded = bi.load(tmp_path / "index.bitx", mmap=mmap)
        assert repr(loaded) == repr(index)
        assert (loaded.n_lists, loaded.nprobe) == (index.n_lists, index.nprobe)
        assert_same_answers(loaded.search(queries, 10), before)
    with refused(ValueError, "the index is memory-mapped"):
        loaded.rebalance()
    with refused(ValueError, "the index is memory-mapped"):
        loaded.train(codes)


def golden_index():
    index = bi.IVFIndex(13, "dice", n_lists=4, nprobe=2, seed=1)
    numbers = np.arange(70, dtype=np.uint16) * 40 % 509 * 8
    index.add(numbers.astype(">u2").view(np.uint8).reshape(70, 2), np.arange(70)[::-1] * 3)
    index.remove([0, 3])
    return index


def test_golden_file(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_writer_name", lambda: "bitindex 0.1.0")
    golden_index().save(tmp_path / "a.bitx")
    assert (tmp_path / "a.bitx").read_bytes() == GOLDEN.read_bytes()
    queries = [[0, 8], [15, 240]]
    for mmap in (False, True):
        loaded = bi.load(GOLDEN, mmap=mmap)
        assert (loaded.n_lists, loaded.nprobe, len(loaded)) == (4, 2, 68)
        assert_same_answers(loaded.search(queries, 9), golden_index().search(queries, 9))


def lists_changed(name, change):
    def edit(sections):
        sections[f"structure/{name}"] = change(sections[f"structure/{name}"])

    return edit


WRONG_LISTS = {
    "short centroids": (lists_changed("centroids", lambda x: x[:-1]), "centroids' must hold 45"),
    "padding bit": (lists_changed("centroids", lambda x: x | 1), "set padding bit"),
    "float centroids": (
        lists_changed("centroids", lambda x: x.astype("f4")),
        "uint8 with ndim=1",
    ),
    "too many rows": (lists_changed("sizes", lambda x: x + np.uint32(2)), "at most 100 rows"),
    "huge lists": (lists_changed("sizes", lambda x: x + np.uint32(2**32 - 40)), "at most 100 rows"),
    "no list": (lists_changed("sizes", lambda x: x[:0]), "at least one"),
    "signed sizes": (
        lists_changed("sizes", lambda x: x.astype("i4")),
        "uint32 with ndim=1",
    ),
    "short radii": (lists_changed("radii", lambda x: x[:-1]), "radii' must hold 5"),
    "no radius": (lists_changed("radii", lambda x: x * np.float32("nan")), "must be finite"),
    "state": (lists_changed("state", lambda x: x - 10**6), "four or five numbers >= 0"),
    "short state": (lists_changed("state", lambda x: x[:3]), "four or five numbers >= 0"),
    "regions": (lists_changed("state", lambda x: np.append(x, 9)), "more lists than there"),
    "scales": (lambda x: x.update({"structure/scales": np.ones(5, "f4")}), "must hold 0 numbers"),
    "unknown": (lambda x: x.update({"structure/x": np.ones(5, "f4")}), "'structure/x' is unknown"),
}


@pytest.mark.parametrize("wrong", WRONG_LISTS)
def test_files_with_wrong_lists_are_refused(tmp_path, wrong):
    edit, problem = WRONG_LISTS[wrong]
    index = bi.IVFIndex(70, n_lists=5)
    index.add(np.packbits(np.random.default_rng(9).random((100, 70)) < 0.5, axis=1))
    assert index.n_lists == 5
    path = tmp_path / "index.bitx"
    index.save(path)
    stored = read_file(path)
    edit(stored.sections)
    write_file(path, stored.kind, stored.meta, stored.sections)
    with pytest.raises(FileFormatError, match=problem):
        bi.load(path)


def test_a_file_without_lists_is_searched_all_the_same(codes, queries, tmp_path):
    index = bi.IVFIndex(N_BITS)
    index.add(codes)
    path = tmp_path / "index.bitx"
    index.save(path)
    stored = read_file(path)
    rows_only = {k: v for k, v in stored.sections.items() if not k.startswith("structure/")}
    expected = exact("hamming", codes, queries, 10)
    write_file(path, stored.kind, stored.meta, rows_only)
    loaded = bi.load(path)
    assert_same_answers(loaded.search(queries, 10), expected)
    lists_changed("sizes", lambda sizes: sizes * np.uint32(0))(stored.sections)
    write_file(path, stored.kind, stored.meta, stored.sections)
    assert_same_answers(bi.load(path).search(queries, 10), expected)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_while_lists_are_made(run_python):
    run_python(
        """
import os, signal, threading, time
import numpy as np
import bitindex as bi
signal.signal(signal.SIGINT, signal.default_int_handler)
codes = np.random.default_rng(0).integers(0, 256, (150_000, 128), dtype=np.uint8)
index = bi.IVFIndex(1024, n_lists=9000, nprobe=3)

def interrupted(call, after):
    timer = threading.Timer(after, os.kill, [os.getpid(), signal.SIGINT])
    start = time.monotonic()
    timer.start()
    try:
        call()
    except KeyboardInterrupt:
        assert time.monotonic() - start < after + 1
    else:
        raise SystemExit("the call ended before the signal came")

for after in (0.3, 0.8):  # rows are there, and found one by one
    interrupted(lambda: index.rebalance() if len(index) else index.add(codes), after)
    assert len(index) == 150_000
    for i in (7, 140_000):
        assert index.search(codes[i], 1)[1].tolist() == [[i]]
"""
    )


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("rescore", [None, "float32"])
def test_embeddings(similarity, rescore):
    rng = np.random.default_rng(10)
    X = np.repeat(rng.standard_normal((100, 64)), 40, 0) + 0.5 * rng.standard_normal((4000, 64))
    X = X.astype(np.float32)
    Q = X[::40] + 0.3 * rng.standard_normal((100, 64)).astype(np.float32)
    found = {}
    for kind, options in (("flat", {}), ("ivf", {"n_lists": 60})):
        index = bi.EmbeddingIndex(
            bi.SignBinarizer(), kind=kind, similarity=similarity, rescore=rescore, **options
        ).fit(X)
        index.add(X[:3000])
        index.add(X[3000:])
        index.update(np.arange(100), X[:100])
        found[kind] = index
    flat, ivf = found.values()
    expected = flat.search(Q, 10)
    assert_same_answers(ivf.search(Q, 10, effort=60), expected)
    assert (ivf.search(Q, 10)[0] >= expected[0][:, -1:]).mean() >= 0.85
    assert (ivf.search(Q, 10, effort=1)[0] >= expected[0][:, -1:]).mean() >= 0.5


def test_embeddings_in_files(tmp_path):
    X = np.random.default_rng(11).standard_normal((500, 32)).astype(np.float32)
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(X), kind="ivf", similarity="l2", n_lists=9)
    index.add(X)
    index.save(tmp_path / "index.bitx")
    expected = index.search(X[:20], 5, effort=2)
    for mmap in (False, True):
        loaded = bi.load(tmp_path / "index.bitx", mmap=mmap)
        assert_same_answers(loaded.search(X[:20], 5, effort=2), expected)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_lists": 0}, ValueError, "n_lists must be >= 1, got 0"),
        ({"n_lists": 2**32}, ValueError, "n_lists must be <= 4294967295"),
        ({"n_lists": 2.0}, TypeError, "n_lists must be an integer, got float"),
        ({"nprobe": 0}, ValueError, "nprobe must be >= 1, got 0"),
        ({"nprobe": "all"}, ValueError, "nprobe must be an integer or 'auto', got 'all'"),
        ({"nprobe": None}, TypeError, "nprobe must be an integer, got NoneType"),
        ({"target_recall": 0}, ValueError, "above 0 and at most 1, got 0"),
        ({"target_recall": 1.1}, ValueError, "above 0 and at most 1, got 1.1"),
        ({"target_recall": "x"}, TypeError, "target_recall must be a number, got str"),
        ({"seed": -1}, ValueError, "seed must be >= 0, got -1"),
    ],
)
def test_wrong_options(options, error, message):
    with refused(error, message):
        bi.IVFIndex(64, **options)
    if "seed" not in options:
        with refused(error, message):
            bi.EmbeddingIndex(bi.SignBinarizer(), kind="ivf", **options)


def test_wrong_nprobe_of_a_search(codes):
    index = bi.IVFIndex(N_BITS)
    with refused(ValueError, "nprobe must be >= 1, got 0"):
        index.search(codes[0], nprobe=0)
    with refused(TypeError, "nprobe must be an integer, got str"):
        index.range_search(codes[0], 3, nprobe="auto")
