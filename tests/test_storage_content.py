"""Files whose checksums are right and whose arrays contradict each other, as only a program can
write them: refused by default, and harmless where checks are left out."""

import numpy as np
import pytest
from reference_index import EXACT, fitting_width, make_index, random_codes

import bitindex as bi
from bitindex.index import INDEX_KINDS
from bitindex.storage import FileFormatError, read_file, write_file

N_ROWS = 700


def packed_index(kind, metric="hamming", **options):
    rng = np.random.default_rng(0)
    index = INDEX_KINDS[kind](fitting_width(64, metric), metric, **EXACT.get(kind, {}), **options)
    index.add(random_codes(rng, N_ROWS, index.n_bits), rng.permutation(2000)[:N_ROWS])
    return index


def embedding_index(similarity, rescore=None):
    X = np.random.default_rng(0).standard_normal((N_ROWS, 24), dtype=np.float32)
    index = bi.EmbeddingIndex(bi.SignBinarizer("mean"), similarity=similarity, rescore=rescore)
    index.fit(X).add(X)
    return index


def use(index):
    """Search a mapped index in every way."""
    if isinstance(index, bi.EmbeddingIndex):
        Q = np.eye(5, 24, dtype=np.float32)
        index.search(Q, 3)
        index.search(Q, N_ROWS + 5, filter=range(0, N_ROWS, 2))
        index.search(Q, 3, oversample="auto")
        return
    queries = random_codes(np.random.default_rng(1), 20, index.n_bits)
    for k in (1, 5, N_ROWS + 5):
        index.search(queries, k)
        index.search(queries, k, filter=range(0, 2000, 3))
    for radius in (0, 0.3, 20):
        index.range_search(queries, radius)
    index.get(index.ids)


def damaged(path, index, name, change):
    """Save the index with one array changed in place, under checksums that are right."""
    index.save(path)
    stored = read_file(path)
    change(stored.sections[name])
    write_file(path, stored.kind, stored.meta, stored.sections)


def filled(value, where=...):
    def change(array):
        array[where] = value

    return change


def assert_refused_or_harmless(path, problem):
    for mmap in (False, True):
        with pytest.raises(FileFormatError, match=problem):
            bi.load(path, mmap=mmap)
    use(bi.load(path, mmap=True, verify=False))


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0, 1e30])
@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        ("flat", "jaccard"),
        ("flat", "dice"),
        ("flat", "cosine"),
        ("flat", "sdc2"),
        ("flat", "sdc3"),
        ("flat", "sdc4"),
        ("ivf", "jaccard"),
        ("hnsw", "cosine"),
    ],
)
def test_terms_that_are_not_those_of_the_codes(tmp_path, kind, metric, value):
    path = tmp_path / "a.bitx"
    for where in (..., 3):
        damaged(path, packed_index(kind, metric), "row_terms", filled(value, where))
        assert_refused_or_harmless(path, "'row_terms' must follow from the codes")


@pytest.mark.parametrize("value", [np.nan, -1.0, 3.0, 1e30])
def test_terms_that_rows_are_not_sorted_by(tmp_path, value):
    path = tmp_path / "a.bitx"
    index = packed_index("flat", "jaccard", sort_by="popcount")
    for where in (..., 5, -1):
        damaged(path, index, "row_terms", filled(value, where))
        assert_refused_or_harmless(path, "'row_terms' must follow from the codes")


def test_radii_that_do_not_reach_all_rows_of_a_list(tmp_path):
    path = tmp_path / "a.bitx"
    index = packed_index("ivf")
    for value in (0.0, -5.0):
        damaged(path, index, "structure/radii", filled(value))
        assert_refused_or_harmless(path, "'structure/radii' must reach all rows of list")


@pytest.mark.parametrize("metric", ["hamming", "jaccard", "sdc2"])
def test_lists_of_other_sizes(tmp_path, metric):
    path = tmp_path / "a.bitx"
    index = packed_index("ivf", metric)

    def one_list_of_all(sizes):
        sizes[...] = 0
        sizes[3] = N_ROWS

    for change in (filled(0), one_list_of_all, filled(2)):
        damaged(path, index, "structure/sizes", change)
        use(bi.load(path, mmap=True, verify=False))


def swapped(array):
    array[0, [0, -1]] = array[0, [-1, 0]]


def test_tables_that_hold_rows_by_other_codes(tmp_path):
    path = tmp_path / "a.bitx"
    index = packed_index("mih", n_substrings=4)
    index.add(random_codes(np.random.default_rng(3), 2000, 64))
    damaged(path, index, "structure/rows", swapped)
    assert_refused_or_harmless(path, r"the tables must hold row \d+ by its code")
    damaged(path, index, "structure/bits", swapped)
    assert_refused_or_harmless(path, r"the tables must hold row \d+ by its code")


def test_twins_that_have_other_codes(tmp_path):
    path = tmp_path / "a.bitx"

    index = packed_index("hnsw")
    twin = index._core.structure()["twins"][-1]

    def another_code(codes):
        codes[twin] ^= 255

    damaged(path, index, "codes", another_code)
    for options in ({}, {"mmap": True}, {"mmap": True, "verify": False}):
        with pytest.raises(FileFormatError, match=f"twin {twin} must have the code of its parent"):
            bi.load(path, **options)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["scales", "offsets"])
def test_factors_that_are_not_finite(tmp_path, name, value):
    path = tmp_path / "a.bitx"
    for where in (..., N_ROWS - 1):
        damaged(path, embedding_index("l2"), f"rows/{name}", filled(value, where))
        assert_refused_or_harmless(path, f"section '{name}' must hold finite numbers")


@pytest.mark.parametrize(
    ("rescore", "dtype", "column"),
    [("float32", "<f4", 7), ("float16", "<f2", 23), ("int8", "<f4", 6)],
)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite(tmp_path, rescore, dtype, column, value):
    path = tmp_path / "a.bitx"

    def change(vectors):
        vectors[N_ROWS - 2].view(dtype)[column] = value

    damaged(path, embedding_index("cosine", rescore), "rows/vectors", change)
    assert_refused_or_harmless(path, "'vectors' must hold finite numbers, but row 698 does not")


def test_next_id_that_is_below_an_id(kind, tmp_path):
    path = tmp_path / "a.bitx"
    index = make_index(kind, 64)
    codes = random_codes(np.random.default_rng(0), 9, 64)
    for ids in (None, np.arange(9) * 3, np.arange(9)[::-1]):
        index.add(codes, ids)
        index.save(path)
        stored = read_file(path)
        write_file(path, stored.kind, stored.meta | {"next_id": 8}, stored.sections)
        with pytest.raises(FileFormatError, match="next_id must be above every id, got 8 with id"):
            bi.load(path)
        index.remove(index.ids)


def test_options_beyond_all_rows_take_no_memory_for_them(tmp_path):
    path = tmp_path / "a.bitx"
    packed_index("hnsw").save(path)
    stored = read_file(path)
    stored.meta["options"] |= {"ef": 2**62, "ef_construction": 2**62}
    write_file(path, stored.kind, stored.meta, stored.sections)
    index = bi.load(path)
    queries = random_codes(np.random.default_rng(1), 20, 64)
    index.add(queries)
    assert (index.search(queries, 1)[0] == 0).all()
