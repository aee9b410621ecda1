"""HNSWIndex where it does walk over its graph: what it finds, and that no row is lost.

Searches keep so few rows (`EF`) that none of these indexes is scanned instead.
"""

import numpy as np
import pytest
from reference_index import METRICS, fitting_width

import bitindex as bi

N_ROWS = 6000
EF = 32
K = 10


def flipped(rng, codes, share):
    """Codes of which about this share of the bits is flipped."""
    flips = rng.random((len(codes), 8 * codes.shape[1])) < share
    return codes ^ np.packbits(flips, axis=1)


def clustered(rng, n, n_bytes=16, n_clusters=60):
    """Codes about centers that lie about fewer centers."""
    roots = rng.integers(0, 256, (max(1, n_clusters // 10), n_bytes), dtype=np.uint8)
    centers = flipped(rng, roots[rng.integers(0, len(roots), n_clusters)], 0.2)
    return flipped(rng, centers[rng.integers(0, n_clusters, n)], 0.12)


def filled(codes, metric="hamming", ids=None, **options):
    index = bi.HNSWIndex(8 * codes.shape[1], metric, **{"ef": EF} | options)
    index.add(codes, ids)
    return index


def flat(index):
    """Return an exact index with the same rows."""
    exact = bi.FlatIndex(index.n_bits, index.metric)
    exact.add(index.get(index.ids), index.ids)
    return exact


def recall(index, queries, k=K, filter=None, **options):
    """The share of the k results that are as near as the k nearest."""
    farthest = flat(index).search(queries, k, filter)[0][:, -1:]
    distances, ids = index.search(queries, k, filter, **options)
    assert all(len(set(row)) == k for row in ids.tolist())
    return np.mean(distances <= farthest)


def unreached(index):
    return index._core.n_unreached()


@pytest.fixture(scope="module")
def codes():
    return clustered(np.random.default_rng(0), N_ROWS + 200)


@pytest.fixture(scope="module")
def built(codes):
    return filled(codes[:N_ROWS])


@pytest.mark.parametrize("metric", METRICS)
def test_recall(codes, metric):
    n_bits = fitting_width(120, metric)
    rows = codes[:, : n_bits // 8]
    index = filled(rows[:N_ROWS], metric)
    queries = rows[N_ROWS:]
    assert recall(index, queries) >= 0.95
    assert recall(index, queries, ef=12) < 1
    assert unreached(index) == 0
    # What was found has the distances that it has.
    distances, ids = index.search(queries, K)
    expected = flat(index).search(queries, N_ROWS)
    for row in range(len(queries)):
        order = np.argsort(expected[1][row], kind="stable")
        np.testing.assert_array_equal(expected[0][row][order][ids[row]], distances[row])
        assert (np.diff(distances[row]) >= 0).all()
        ties = np.diff(distances[row]) == 0
        assert (np.diff(ids[row])[ties] > 0).all()


def test_effort_in_the_constructor_is_that_of_searches(codes):
    queries = codes[N_ROWS:]
    index = filled(codes[:N_ROWS], ef=20)
    for expected, got in zip(
        index.search(queries, K, ef=20), index.search(queries, K), strict=True
    ):
        np.testing.assert_array_equal(got, expected)
    exact = flat(index).search(queries, K)
    for expected, got in zip(exact, index.search(queries, K, ef=2**62), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_same_graph_for_any_number_of_threads_and_instruction_set(codes, built, use_isa):
    expected = built._core.structure()
    answers = built.search(codes[N_ROWS:], K)
    before = bi.get_num_threads()
    for threads, isa in [(1, "generic"), (5, built._core.isa)]:
        use_isa(isa)
        bi.set_num_threads(threads)
        try:
            index = filled(codes[:N_ROWS])
        finally:
            bi.set_num_threads(before)
        for name, array in index._core.structure().items():
            np.testing.assert_array_equal(array, expected[name])
        for cut in (1, 7, 200):
            parts = [
                index.search(codes[N_ROWS:][first : first + cut], K, threads=threads)
                for first in range(0, 200, cut)
            ]
            for got, whole in zip(zip(*parts, strict=True), answers, strict=True):
                np.testing.assert_array_equal(np.concatenate(got), whole)


def test_seed(codes, built):
    other = filled(codes[:N_ROWS], seed=7)
    assert not np.array_equal(
        other._core.structure()["upper_rows"], built._core.structure()["upper_rows"]
    )
    assert recall(other, codes[N_ROWS:]) >= 0.95


def test_rows_one_by_one_and_in_parts(codes):
    index = filled(codes[:3000])
    for first, last in [(3000, 3001), (3001, 3100), (3100, 3101), (3101, N_ROWS)]:
        index.add(codes[first:last])
    for row in range(N_ROWS, N_ROWS + 50):
        index.add(codes[row])
    assert recall(index, codes[N_ROWS:]) >= 0.95
    assert index.search(codes[N_ROWS : N_ROWS + 50], 1)[0].max() == 0


def test_rows_in_the_order_of_their_similarity(codes):
    distances = bi.hamming(codes[:N_ROWS], codes[:1])[:, 0]
    rows = codes[:N_ROWS][np.argsort(distances, kind="stable")]
    index = filled(rows)
    assert recall(index, codes[N_ROWS:]) >= 0.95
    assert unreached(index) == 0


def test_one_far_cluster(codes):
    rng = np.random.default_rng(1)
    far = flipped(rng, np.repeat(~codes[:1], 300, axis=0), 0.02)
    for rows in (np.concatenate([codes[:N_ROWS], far]), np.concatenate([far, codes[:N_ROWS]])):
        index = filled(rows)
        assert recall(index, flipped(rng, far[:50], 0.02)) >= 0.95
        assert recall(index, codes[N_ROWS:]) >= 0.95
        assert unreached(index) == 0


@pytest.mark.parametrize("metric", ["hamming", "jaccard", "sdc2"])
def test_all_codes_equal(metric):
    index = filled(np.full((5000, 8), 0b01100110, np.uint8), metric)
    assert unreached(index) == 0
    distances, ids = index.search(np.full((3, 8), 0b01100110, np.uint8), 20)
    assert (distances == 0).all()
    assert all(len(set(row)) == 20 for row in ids.tolist())


@pytest.mark.parametrize("n_each", [3, 40, 300])
def test_all_codes_come_again(codes, n_each, tmp_path):
    n_distinct = N_ROWS // n_each
    for rows in (
        np.repeat(codes[:n_distinct], n_each, axis=0),
        np.tile(codes[:n_distinct], (n_each, 1)),
    ):
        index = filled(rows)
        assert unreached(index) == 0
        assert recall(index, codes[N_ROWS:]) >= 0.95
        assert index.search(codes[:n_distinct], 3)[0].max() == 0
        gone = np.random.default_rng(6).permutation(N_ROWS)[:3000]
        index.remove(gone)
        assert unreached(index) == 0
        assert recall(index, codes[N_ROWS:]) >= 0.95
        some = np.delete(np.arange(N_ROWS), gone)[:500]
        index.update(some, codes[N_ROWS - 500 : N_ROWS])
        index.add(np.repeat(codes[:n_distinct], n_each, axis=0)[gone], gone)
        assert recall(index, codes[N_ROWS:]) >= 0.95
        assert recall(index, codes[N_ROWS:], filter=range(0, N_ROWS, 2)) >= 0.95
        assert unreached(index) == 0
        index.save(tmp_path / "a.bitx")
        assert recall(bi.load(tmp_path / "a.bitx"), codes[N_ROWS:]) >= 0.95  # the graph is whole


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5])
def test_filters(codes, built, share):
    queries = codes[N_ROWS:]
    rng = np.random.default_rng(2)
    allowed = np.sort(rng.permutation(N_ROWS)[: max(K, int(N_ROWS * share))])
    mask = np.isin(np.arange(N_ROWS), allowed)
    for form in (allowed, mask):
        assert recall(built, queries, filter=form) >= 0.95
        assert np.isin(built.search(queries, K, form)[1], allowed).all()
    assert built.search(queries, 50, filter=allowed[:3])[1][:, 3:].max() == -1


def test_filter_that_allows_what_is_far(codes, built):
    distances = bi.hamming(codes[N_ROWS : N_ROWS + 1], codes[:N_ROWS])[0]
    far = np.argsort(distances)[-N_ROWS // 2 :]
    assert recall(built, codes[N_ROWS : N_ROWS + 1], filter=np.sort(far)) >= 0.9


@pytest.mark.parametrize("radius", [0, 10, 25, 45, 128])
def test_radius(codes, built, radius):
    queries = codes[N_ROWS:]
    for allowed in (None, range(0, N_ROWS, 2)):
        lims, distances, ids = built.range_search(queries, radius, allowed)
        exact_lims, _, exact_ids = flat(built).range_search(queries, radius, allowed)
        assert distances.dtype == np.int32
        assert (distances <= radius).all()
        assert len(ids) >= 0.95 * len(exact_ids)
        for row in range(len(queries)):
            got = ids[lims[row] : lims[row + 1]]
            expected = exact_ids[exact_lims[row] : exact_lims[row + 1]]
            assert len(set(got)) == len(got)
            assert np.isin(got, expected).all()


def test_removed_rows_go_on_to_lead_searches(codes):
    index = filled(codes[:N_ROWS])
    assert index.remove(np.arange(0, N_ROWS, 6)) == 1000  # too few for the others to move
    ids = index.search(codes[N_ROWS:], K)[1]
    assert (ids % 6 != 0).all()
    assert recall(index, codes[N_ROWS:]) >= 0.95


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 1.0])
def test_rows_that_are_removed_and_come_back(codes, share):
    rng = np.random.default_rng(3)
    index = filled(codes[:N_ROWS])
    gone = rng.permutation(N_ROWS)[: int(share * N_ROWS)]
    assert index.remove(gone) == len(gone)
    assert unreached(index) == 0
    if share < 1:
        assert recall(index, codes[N_ROWS:], ef=16) >= 0.9
    index.add(codes[gone], gone)
    assert unreached(index) == 0
    assert recall(index, codes[N_ROWS:]) >= 0.95
    np.testing.assert_array_equal(index.get(np.arange(N_ROWS)), codes[:N_ROWS])


@pytest.mark.parametrize("n_updated", [1, 40, 1500, 5000])
def test_updated_rows(codes, n_updated):
    rng = np.random.default_rng(4)
    index = filled(codes[:N_ROWS])
    for _ in range(2):
        ids = rng.permutation(N_ROWS)[:n_updated]
        index.update(ids, clustered(rng, n_updated))
    fresh = filled(index.get(np.arange(N_ROWS)))
    assert recall(index, codes[N_ROWS:]) >= recall(fresh, codes[N_ROWS:]) - 0.01
    assert (index.search(index.get(ids), 1)[0] == 0).mean() >= 0.95
    assert unreached(index) == 0


def test_ids_that_do_not_ascend(codes):
    ids = np.random.default_rng(5).permutation(10**6)[:N_ROWS]
    index = filled(codes[:N_ROWS], ids=ids)
    assert recall(index, codes[N_ROWS:]) >= 0.95
    index.remove(ids[:2000])
    assert recall(index, codes[N_ROWS:]) >= 0.95


@pytest.mark.parametrize("mmap", [False, True])
def test_file(codes, built, tmp_path, mmap):
    built.save(tmp_path / "a.bitx")
    loaded = bi.load(tmp_path / "a.bitx", mmap=mmap)
    assert repr(loaded) == repr(built)
    for expected, got in zip(
        built.search(codes[N_ROWS:], K), loaded.search(codes[N_ROWS:], K), strict=True
    ):
        np.testing.assert_array_equal(got, expected)
    if mmap:
        assert loaded._core.memory_bytes() < 0.1 * built._core.memory_bytes()
        return
    loaded.add(codes[N_ROWS:])
    assert recall(loaded, codes[N_ROWS:]) >= 0.95


def test_memory_is_what_the_docstring_says(built):
    expected = 16 + 8 * 16 + (4 * 16 + 8) / 15
    assert built._core.memory_bytes() / N_ROWS == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"m": 1}, ValueError, "m must be >= 2, got 1"),
        ({"m": 513}, ValueError, "m must be <= 512, got 513"),
        ({"m": 2.0}, TypeError, "m must be an integer, got float"),
        ({"ef_construction": 0}, ValueError, "ef_construction must be >= 1, got 0"),
        ({"ef": 0}, ValueError, "ef must be >= 1, got 0"),
        ({"ef": True}, TypeError, "ef must be an integer, got bool"),
        ({"seed": -1}, ValueError, "seed must be >= 0, got -1"),
        ({"seed": 2**63}, ValueError, r"seed must be < 2\*\*63"),
    ],
)
def test_options_that_are_refused(built, arguments, error, message):
    with pytest.raises(error, match=message):
        bi.HNSWIndex(64, **arguments)
    with pytest.raises(error, match=message):
        bi.EmbeddingIndex(bi.SignBinarizer(), kind="hnsw", **arguments)
    if "ef" in arguments:
        with pytest.raises(error, match=message):
            built.search(np.zeros(16, np.uint8), **arguments)
        with pytest.raises(error, match=message):
            built.range_search(np.zeros(16, np.uint8), 5, **arguments)


@pytest.mark.parametrize(
    ("options", "least"),
    [({"m": 2}, 0.5), ({"m": 512}, 1), ({"ef_construction": 1}, 0.95), ({"ef": 1}, 0.8)],
)
def test_options_at_their_ends(codes, options, least):
    index = filled(codes[:N_ROWS], **options)
    assert unreached(index) == 0
    assert (index.search(codes[:200], 1)[0] == 0).mean() >= least


def test_ties_among_what_is_found_go_to_the_smaller_id():
    rng = np.random.default_rng(11)
    index = bi.HNSWIndex(24, ef=20)
    index.add(rng.integers(0, 256, (6000, 3), dtype=np.uint8), rng.permutation(6000))
    queries = rng.integers(0, 256, (200, 3), dtype=np.uint8)
    distances, ids = index.search(queries, 20)
    assert (distances[:, 1:] == distances[:, :-1]).mean() > 0.5
    order = np.lexsort((ids, distances), axis=1)
    np.testing.assert_array_equal(np.take_along_axis(ids, order, axis=1), ids)
    lims, distances, ids = index.range_search(queries, 4)
    of_query = np.repeat(np.arange(len(queries)), np.diff(lims))
    np.testing.assert_array_equal(np.lexsort((ids, distances, of_query)), np.arange(len(ids)))
