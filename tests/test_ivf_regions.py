"""IVFIndex with so many lists that a query ranks only the centroids of regions around it."""

import numpy as np
import pytest
from reference_index import assert_same_answers, recall_by_distance

import bitindex as bi
from bitindex.storage import FileFormatError, read_file, write_file

N_BITS, N_LISTS, N_ROWS = 64, 2600, 16 * 2600


def flipped(bits, share, rng):
    return bits ^ (rng.random(bits.shape) < share)


@pytest.fixture(scope="module")
def codes():
    """Codes in 4,000 clusters that lie in 100 larger ones, and 300 more to ask with."""
    rng = np.random.default_rng(0)
    large = rng.random((100, N_BITS)) < 0.5
    small = flipped(large[rng.integers(100, size=4000)], 0.2, rng)
    return np.packbits(flipped(small[rng.integers(4000, size=N_ROWS + 300)], 0.08, rng), axis=1)


def state_of(index, path):
    index.save(path)
    return read_file(path).sections["structure/state"]


@pytest.fixture(scope="module")
def index(codes, tmp_path_factory):
    index = bi.IVFIndex(N_BITS, n_lists=N_LISTS)
    index.add(codes[:N_ROWS])
    n_near = state_of(index, tmp_path_factory.mktemp("regions") / "index.bidx")[4]
    assert 0 < n_near < index.n_lists / 2  # or this file tests nothing
    return index


@pytest.fixture(scope="module")
def exact(codes):
    index = bi.FlatIndex(N_BITS)
    index.add(codes[:N_ROWS])
    return index


def test_few_lists_find_what_is_near(index, exact, codes):
    queries = codes[N_ROWS:]
    expected = exact.search(queries, 1)
    assert recall_by_distance(index.search(queries, 1, nprobe=1), expected) >= 0.8
    assert recall_by_distance(index.search(queries, 1, nprobe=8), expected) >= 0.95


def test_all_lists_are_exact(index, exact, codes):
    queries = codes[N_ROWS:]
    assert_same_answers(index.search(queries, 10, nprobe=N_LISTS), exact.search(queries, 10))


@pytest.mark.parametrize("metric", ["hamming", "jaccard"])
def test_an_answer_does_not_depend_on_what_else_is_asked(codes, metric):
    index = bi.IVFIndex(N_BITS, metric, n_lists=N_LISTS if metric == "hamming" else 100)
    ids = index.add(codes[:N_ROWS])
    queries = codes[N_ROWS : N_ROWS + 60]
    near = np.unique(index.search(queries[:2], 200, nprobe=40)[1])
    for allowed in (None, near, ids[::50]):
        for nprobe in (1, 3, 30):
            together = index.search(queries, 10, filter=allowed, nprobe=nprobe)
            for i in range(len(queries)):
                alone = index.search(queries[i], 10, filter=allowed, nprobe=nprobe)
                assert_same_answers(alone, (together[0][i : i + 1], together[1][i : i + 1]))


def test_a_file_has_the_same_regions(index, codes, tmp_path):
    index.save(tmp_path / "index.bidx")
    loaded = bi.load(tmp_path / "index.bidx")
    for nprobe in (1, 5, None):
        expected = index.search(codes[N_ROWS:], 10, nprobe=nprobe)
        assert_same_answers(loaded.search(codes[N_ROWS:], 10, nprobe=nprobe), expected)


def test_clusters_far_from_each_other_stand_in_no_regions(tmp_path):
    rng = np.random.default_rng(2)
    centers = rng.random((4000, N_BITS)) < 0.5
    rows = np.packbits(flipped(centers[rng.integers(4000, size=N_ROWS)], 0.08, rng), axis=1)
    index = bi.IVFIndex(N_BITS, n_lists=N_LISTS)
    index.add(rows)
    assert len(state_of(index, tmp_path / "index.bidx")) == 4


def test_equal_codes_fill_lists_that_are_found():
    rng = np.random.default_rng(1)
    few = rng.integers(0, 256, (50, 8), dtype=np.uint8)
    rows = few[rng.integers(50, size=N_ROWS)]
    rows[:N_LISTS] = rng.integers(0, 256, (N_LISTS, 8), dtype=np.uint8)
    index = bi.IVFIndex(N_BITS, n_lists=N_LISTS)
    index.add(rows)
    distances, _ = index.search(few, 10, nprobe=1)
    assert (distances == 0).all()


def test_auto_reaches_its_target(index, exact, codes):
    queries = codes[N_ROWS:]
    assert recall_by_distance(index.search(queries, 10), exact.search(queries, 10)) >= 0.95


def test_a_file_may_not_look_at_more_lists_than_there_are(index, tmp_path):
    path = tmp_path / "index.bidx"
    index.save(path)
    stored = read_file(path)
    state = stored.sections["structure/state"]
    for n_near in (index.n_lists // 2 + 1, index.n_lists):  # of no use, but no harm
        stored.sections["structure/state"] = np.append(state[:4], n_near)
        write_file(path, stored.kind, stored.meta, stored.sections)
        assert len(bi.load(path)) == N_ROWS
    stored.sections["structure/state"] = np.append(state[:4], index.n_lists + 1)
    write_file(path, stored.kind, stored.meta, stored.sections)
    with pytest.raises(FileFormatError, match="more lists than there are"):
        bi.load(path)
