"""What faiss and usearch ask of their binary indexes in their own tests, asked of ours.

Their expectations, of data like theirs: faiss's test_index_binary, test_binary_hashindex,
test_binary_io, test_binary_search_params and test_clone; usearch's test_index and test_sparse.
"""

import copy

import numpy as np
import pytest
from reference_index import assert_same_answers
from refusals import refused

import bitindex as bi
from bitindex.index import INDEX_KINDS

N_BITS = 32
OPTIONS = {"ivf": {"n_lists": 8, "nprobe": 4}, "hnsw": {"ef": 8}}


def codes_like_theirs(n, n_queries, n_bits=N_BITS):
    """As their sets of binary data: random bits of unequal frequency that are partly repeated."""
    rng = np.random.default_rng(n_bits)
    bits = rng.random((n + n_queries, n_bits)) < rng.random(n_bits)
    copied = rng.random(n + n_queries) < 0.5
    bits[copied] = bits[rng.integers(0, n, copied.sum())] ^ (rng.random((copied.sum(), 1)) < 0.05)
    codes = bi.pack(bits)
    return codes[:n], codes[n:]


def made(kind, codes, ids=None, **options):
    index = INDEX_KINDS[kind](8 * codes.shape[1], **OPTIONS.get(kind, {}) | options)
    index.add(codes, ids)
    return index


@pytest.fixture(scope="module")
def data():
    return codes_like_theirs(1500, 500)


@pytest.fixture(scope="module")
def exact(data):
    return made("flat", data[0])


# faiss


def test_what_is_found_is_as_far_as_is_said(kind, data):
    codes, queries = data
    distances, ids = made(kind, codes).search(queries, 3)
    counts = np.unpackbits(queries[:, np.newaxis] ^ codes[ids], axis=2).sum(axis=2)
    np.testing.assert_array_equal(distances, counts)
    assert (distances[:, 1:] >= distances[:, :-1]).all()


def test_nothing_is_found_where_nothing_is(kind, data):
    codes, queries = data
    empty = made(kind, codes[:0])
    gone = made(kind, codes)
    gone.remove(gone.ids)
    trained = bi.IVFIndex(N_BITS, n_lists=8)
    trained.train(codes[:200])
    for index in (empty, gone, trained):
        distances, ids = index.search(queries, 10)
        assert (ids == -1).all()
        assert (distances == 2**31 - 1).all()
        assert index.range_search(queries, N_BITS)[0][-1] == 0


def test_a_radius_finds_what_is_nearest(kind, data):
    codes, queries = data
    index = made(kind, codes)
    distances, ids = index.search(queries, 10)
    radius = int(np.median(distances[:, -1]))
    lims, found_distances, found = index.range_search(queries, radius)
    n_longer = n_shorter = 0
    for q in range(len(queries)):
        nearest, near = ids[q], found[lims[q] : lims[q + 1]]
        assert len(set(near)) == len(near)
        if distances[q, -1] < radius:
            assert set(nearest) <= set(near)
            n_longer += 1
        elif distances[q, -1] > radius:
            within_radius = set(nearest[distances[q] <= radius])
            # A walk with a radius goes on where one for the nearest has ended.
            assert within_radius <= set(near) if kind == "hnsw" else within_radius == set(near)
            n_shorter += 1
    assert found_distances.max() <= radius
    assert min(n_longer, n_shorter) > 19


@pytest.mark.parametrize("n_lists", [8, 10])
def test_all_lists_are_exact_and_half_of_them_nearly(data, exact, n_lists):
    codes, queries = data
    index = bi.IVFIndex(N_BITS, n_lists=n_lists, nprobe=2048)
    index.train(codes[:200])
    index.add(codes)
    assert_same_answers(index.search(queries, 5), exact.search(queries, 5))
    assert_same_answers(index.range_search(queries, 5), exact.range_search(queries, 5))
    nearest = exact.search(queries, 10)[0]
    assert (index.search(queries, 10, nprobe=4)[0] == nearest).sum() > 4100


def test_codes_come_back_by_their_ids(kind, data):
    codes, _ = data
    ids = np.random.default_rng(123).choice(10_000, len(codes), replace=False)
    for numbers in (None, ids):
        index = made(kind, codes, numbers)
        numbers = np.arange(len(codes)) if numbers is None else numbers
        np.testing.assert_array_equal(index.get(numbers[::13]), codes[::13])


def test_a_graph_finds_the_nearest_three(data, exact):
    codes, queries = data
    index = made("hnsw", codes, ef=16)
    assert (index.search(queries, 3)[0] == exact.search(queries, 3)[0]).mean() >= 0.99


@pytest.mark.parametrize(
    ("kind", "name", "values"), [("ivf", "nprobe", (1, 8)), ("hnsw", "ef", (5, 16))]
)
def test_an_effort_of_one_search_is_that_of_the_index(kind, name, values):
    codes, queries = codes_like_theirs(3000, 20, 64)
    found = []
    for value in values:
        found.append(made(kind, codes, **{name: value}).search(queries, 5))
        index = made(kind, codes, **{name: 2})
        assert_same_answers(index.search(queries, 5, **{name: value}), found[-1])
    assert (found[0][1] != found[1][1]).any()


@pytest.mark.once
@pytest.mark.parametrize(("kind", "name"), [("ivf", "nprobe"), ("hnsw", "ef")])
def test_more_effort_finds_more_and_nothing_that_is_not_there(kind, name):
    codes, queries = codes_like_theirs(20_000, 100, 128)
    index = made(kind, codes)
    exact_lims, _, exact_ids = made("flat", codes).range_search(queries, 30)
    expected = set(zip(np.repeat(range(100), np.diff(exact_lims)), exact_ids, strict=True))
    found = []
    for effort in (1, 2, 8, 10**6):
        lims, _, ids = index.range_search(queries, 30, **{name: effort})
        pairs = list(zip(np.repeat(range(100), np.diff(lims)), ids, strict=True))
        assert len(set(pairs)) == len(pairs)
        assert set(pairs) <= expected
        found.append(len(pairs))
    assert found == sorted(found)
    assert found[-1] == len(expected)


@pytest.mark.parametrize("shared", [False, True], ids=["shards", "replicas"])
def test_parts_of_an_index_find_together_what_it_finds(kind, data, exact, shared):
    codes, queries = data
    parts = []
    for ids in 5 * [np.arange(1500)] if shared else np.array_split(np.arange(1500), 5):
        index = made(kind, codes[ids], ids, **{"nprobe": 8} if kind == "ivf" else {})
        distances, found = index.search(queries, 10)
        parts.append(distances.astype(np.int64) << 32 | found)
    if shared:
        assert all((part == parts[0]).all() for part in parts)
        return
    merged = np.sort(np.concatenate(parts, axis=1), axis=1)[:, :10]
    distances, ids = exact.search(queries, 10)
    np.testing.assert_array_equal(merged, distances.astype(np.int64) << 32 | ids)


def test_a_file_and_a_copy_find_the_same(kind, data, tmp_path):
    codes, queries = data
    index = made(kind, codes)
    answers = index.search(queries, 3)
    index.save(tmp_path / "a.bitx")
    bi.write_faiss(index, tmp_path / "a.faiss")
    assert_same_answers(bi.load(tmp_path / "a.bitx").search(queries, 3), answers)
    assert_same_answers(copy.copy(index).search(queries, 3), answers)
    distances, ids = bi.read_faiss(tmp_path / "a.faiss").search(queries, 3)
    # faiss's graphs link rows of the same code as any others, and its lists have no means.
    least = {"hnsw": 0.95, "ivf": 0.8}.get(kind, 1)
    assert (ids == answers[1]).mean() >= least
    assert (distances == answers[0]).mean() >= least


# usearch


@pytest.mark.parametrize("n_bits", [1, 3, 97, 256, 4096])
@pytest.mark.parametrize("n", [1, 7, 1024])
def test_adding_getting_saving_viewing(kind, n, n_bits, tmp_path):
    codes = bi.pack(np.random.default_rng(n).random((n, n_bits)) < 0.5)
    index = INDEX_KINDS[kind](n_bits)
    index.add(codes, np.arange(n))
    distances, ids = index.search(codes, 10)
    assert (distances.shape, ids.shape) == ((n, 10), (n, 10))
    assert sorted(index.ids) == list(range(n))
    index.save(tmp_path / "a.bitx")
    for again in (index, bi.load(tmp_path / "a.bitx", mmap=True), copy.copy(index)):
        assert len(again) == n
        np.testing.assert_array_equal(again.get(np.arange(n)), codes)
    with refused(ValueError, "is already in the index"):
        index.add(codes, np.arange(n))


def test_what_is_removed_is_not_there(kind):
    codes = np.random.default_rng(0).integers(0, 256, (32, 1), dtype=np.uint8)
    index = made(kind, codes)
    assert index.remove(range(16)) == 16
    assert len(index) == 16
    assert [number in index for number in range(32)] == 16 * [False] + 16 * [True]
    assert (index.search(codes, 32)[1][:, 16:] == -1).all()
    index.add(index.get(range(16, 32)), range(16))
    assert all(number in index for number in range(16))


@pytest.mark.parametrize("m", [3, 13, 50])
def test_sets_by_what_they_have_in_common(m):
    sets = np.zeros((3, 20), bool)
    sets[0, [10, 12, 15]] = sets[1, [11, 12, 15, 16]] = sets[2, [12, 15]] = True
    codes = bi.pack(sets)
    for index in (bi.HNSWIndex(20, "jaccard", m=m), bi.IVFIndex(20, "jaccard")):
        index.add(codes[:2], [10, 11])
        distances, ids = index.search(codes[2], 10)
        assert ids[0, :3].tolist() == [10, 11, -1]
        np.testing.assert_allclose(distances[0, :2], [1 / 3, 1 / 2])


@pytest.mark.parametrize("n_bits", [97, 256])
def test_each_row_is_the_nearest_to_itself(kind, n_bits):
    rng = np.random.default_rng(1)
    codes = bi.pack(rng.random((5000, n_bits)) < 0.5)
    order = rng.permutation(5000)[:500]
    distances, ids = made(kind, codes).search(codes[order], 1)
    assert (distances == 0).mean() >= 0.99
    assert (ids[:, 0] == order).mean() >= 0.99
