"""How far IVFIndex looks by itself: farther for a query between lists than for one in a list."""

import numpy as np
import pytest
from reference_index import assert_same_answers, recall_by_distance

import bitindex as bi
from bitindex.storage import FileFormatError, read_file, write_file

N_BITS, N_ROWS = 128, 20000


@pytest.fixture(scope="module")
def codes():
    """Codes around 600 centers, some near to theirs and some far, and 400 more to ask with."""
    rng = np.random.default_rng(0)
    centers = rng.random((600, N_BITS)) < 0.5
    share = rng.choice([0.02, 0.3], size=(N_ROWS + 400, 1))
    bits = centers[rng.integers(600, size=N_ROWS + 400)]
    return np.packbits(bits ^ (rng.random(bits.shape) < share), axis=1)


@pytest.fixture(scope="module")
def index(codes):
    index = bi.IVFIndex(N_BITS, target_recall=0.9)
    index.add(codes[:N_ROWS])
    return index


@pytest.fixture(scope="module")
def stored(index, tmp_path_factory):
    path = tmp_path_factory.mktemp("reach") / "index.bidx"
    index.save(path)
    return read_file(path)


def test_it_finds_more_than_the_same_number_of_lists_for_all(index, codes):
    queries = codes[N_ROWS:]
    exact = bi.FlatIndex(N_BITS)
    exact.add(codes[:N_ROWS])
    expected = exact.search(queries, 10)
    found = recall_by_distance(index.search(queries, 10), expected)
    assert found >= 0.9
    assert found > recall_by_distance(index.search(queries, 10, nprobe=index.nprobe), expected)


def test_an_answer_does_not_depend_on_what_else_is_asked(index, codes):
    queries = codes[N_ROWS : N_ROWS + 100]
    together = index.search(queries, 10)
    for i in range(len(queries)):
        expected = together[0][i : i + 1], together[1][i : i + 1]
        assert_same_answers(index.search(queries[i], 10), expected)


def test_no_query_lacks_rows(index, codes):
    distances, ids = index.search(codes[N_ROWS:], 3000)
    assert (ids >= 0).all()
    assert (np.diff(distances, axis=1) >= 0).all()


@pytest.mark.parametrize("metric", ["jaccard", "dice", "cosine"])
def test_other_metrics_keep_to_it_too(codes, metric):
    index, exact = bi.IVFIndex(N_BITS, metric, target_recall=0.9), bi.FlatIndex(N_BITS, metric)
    for each in (index, exact):
        each.add(codes[:5000])
    index.rebalance()
    assert 0 < index.nprobe < index.n_lists
    queries = codes[N_ROWS:]
    assert recall_by_distance(index.search(queries, 10), exact.search(queries, 10)) >= 0.9


def test_files_keep_it(index, stored, codes, tmp_path):
    path = tmp_path / "index.bidx"
    write_file(path, stored.kind, stored.meta, stored.sections)
    expected = index.search(codes[N_ROWS:], 10)
    for mmap in (False, True):
        loaded = bi.load(path, mmap=mmap)
        assert loaded.nprobe == index.nprobe
        assert_same_answers(loaded.search(codes[N_ROWS:], 10), expected)


def test_a_file_without_it_looks_at_the_same_number_of_lists_for_all(
    index, stored, codes, tmp_path
):
    path = tmp_path / "index.bidx"
    sections = {k: v for k, v in stored.sections.items() if k != "structure/reach"}
    write_file(path, stored.kind, stored.meta, sections)
    loaded = bi.load(path)
    assert loaded.nprobe == stored.sections["structure/state"][1] > index.nprobe
    expected = index.search(codes[N_ROWS:], 10, nprobe=loaded.nprobe)
    assert_same_answers(loaded.search(codes[N_ROWS:], 10), expected)


@pytest.mark.parametrize(
    "reach",
    [[1.0], [-1.0, 2.0], [np.nan, 2.0], [np.inf, 2.0], [1.0, 0.5], [1.0, 1e6], [1.0, np.nan]],
)
def test_files_with_a_wrong_one_are_refused(stored, tmp_path, reach):
    path = tmp_path / "index.bidx"
    sections = {**stored.sections, "structure/reach": np.array(reach, "f4")}
    write_file(path, stored.kind, stored.meta, sections)
    with pytest.raises(FileFormatError, match="structure/reach"):
        bi.load(path)
