"""What MIHIndex has besides the contract: its tables, their file, and when it scans instead.

`tests/golden/v1_mih.bitx` was written once by ``golden_index().save(...)`` and must stay readable.
"""

from pathlib import Path

import numpy as np
import pytest
from reference_index import ReferenceIndex, assert_same_answers, assert_same_index
from refusals import refused

import bitindex as bi
from bitindex.storage import read_file, write_file

GOLDEN = Path(__file__).parent / "golden" / "v1_mih.bitx"


def perturbed(rng, codes, n_flips):
    """Return the codes with so many bits flipped, or fewer where one is drawn twice."""
    bits = np.unpackbits(codes, axis=1)
    for _ in range(n_flips):
        bits[np.arange(len(bits)), rng.integers(0, bits.shape[1], len(bits))] ^= True
    return np.packbits(bits, axis=1)


def near_duplicates(rng, n, n_bytes, n_flips=2):
    """Return codes in clusters of ten."""
    centers = rng.integers(0, 256, (n // 10, n_bytes), dtype=np.uint8)
    return perturbed(rng, np.repeat(centers, 10, axis=0), n_flips)[rng.permutation(n)]


def correlated(rng, n, n_bytes):
    """Return codes whose bits come in equal pairs, with an eighth that are always set."""
    bits = np.repeat(rng.random((n, 4 * n_bytes)) < 0.3, 2, axis=1)
    bits[:, :n_bytes] = True
    return np.packbits(bits, axis=1)


DATA = {
    "random": lambda rng, n, n_bytes: rng.integers(0, 256, (n, n_bytes), dtype=np.uint8),
    "near duplicates": near_duplicates,
    "correlated": correlated,
    "all equal": lambda rng, n, n_bytes: np.full((n, n_bytes), 77, np.uint8),
    "two codes": lambda rng, n, n_bytes: np.repeat(
        rng.integers(0, 2, (n, 1), dtype=np.uint8) * 255, n_bytes, axis=1
    ),
}


def filled(codes, fall_back=False, **options):
    n_bits = 8 * codes.shape[1]
    index, model = bi.MIHIndex(n_bits, fall_back=fall_back, **options), ReferenceIndex(n_bits)
    index.add(codes)
    model.add(codes)
    return index, model


def stored_tables(index, path):
    index.save(path)
    stored = read_file(path)
    return {
        name.removeprefix("structure/"): array
        for name, array in stored.sections.items()
        if name.startswith("structure/")
    }


@pytest.mark.parametrize("fall_back", [True, False])
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize(("n_bytes", "n_substrings"), [(1, None), (4, None), (8, 5), (16, 128)])
def test_answers(data, n_bytes, n_substrings, fall_back):
    rng = np.random.default_rng(n_bytes)
    codes = DATA[data](rng, 3000, n_bytes)
    index, model = filled(codes, fall_back, n_substrings=n_substrings)
    queries = np.concatenate([codes[:3], perturbed(rng, codes[3:6], 3), codes[:1] ^ 255])
    for radius in (0, 1, 2, 5, 9, 8 * n_bytes):
        expected = model.range_search(queries, radius)
        assert_same_answers(index.range_search(queries, radius), expected)
    assert_same_index(index, model, queries)


@pytest.mark.parametrize("n_bytes", [2, 32, 128])
def test_no_row_is_found_twice_though_many_buckets_hold_it(n_bytes):
    rng = np.random.default_rng(n_bytes)
    # So many at equal distances that rows are found, pushed out by others, and met again.
    codes = perturbed(rng, np.repeat(rng.integers(0, 256, (3, n_bytes), np.uint8), 700, axis=0), 2)
    index, model = bi.MIHIndex(8 * n_bytes, fall_back=False), ReferenceIndex(8 * n_bytes)
    ids = rng.permutation(5000)[: len(codes)]
    for each in (index, model):
        each.add(codes, ids)
        each.update(ids[:60], codes[700:760])
    queries = perturbed(rng, codes[::300], 1)
    answers = model.answers(queries)
    for k in (1, 3, 30, 200, 699):
        assert_same_answers(index.search(queries, k), answers.nearest(k))
    for radius in (0, 2, 3, 6):
        assert_same_answers(index.range_search(queries, radius), answers.within(radius))


@pytest.mark.parametrize("data", ["random", "near duplicates"])
def test_tables_and_scan_agree_where_a_batch_needs_both(data):
    rng = np.random.default_rng(0)
    codes = DATA[data](rng, 60_000, 8)
    index, flat = bi.MIHIndex(64), bi.FlatIndex(64)
    for each in (index, flat):
        each.add(codes, rng.permutation(60_000) if each is index else index.ids)
    near, far = perturbed(rng, codes[:40], 1), rng.integers(0, 256, (40, 8), dtype=np.uint8)
    queries = rng.permutation(np.concatenate([near, far]))
    for n in (1, 2, 80):
        for threads in (1, 3):
            got = index.search(queries[:n], 3, threads=threads)
            assert_same_answers(got, flat.search(queries[:n], 3))
            got = index.range_search(queries[:n], 4, threads=threads)
            assert_same_answers(got, flat.range_search(queries[:n], 4))


def test_rows_outside_the_tables_are_found():
    rng = np.random.default_rng(1)
    codes = near_duplicates(rng, 5000, 4)
    index, model = filled(codes[:4000])
    queries = codes[[0, 100, 3999, 4500]]

    def check():
        assert_same_index(index, model, queries)
        allowed = set(rng.permutation(6000)[:700].tolist())
        assert_same_index(index, model, queries, allowed, filter=list(allowed))

    for each in (index, model):
        each.add(codes[4000:4500])
    check()
    changed = np.array([7, 100, 4100, 3999])
    for each in (index, model):
        each.update(changed, codes[[4500, 4501, 4502, 100]])
    check()
    for each in (index, model):
        each.remove([0, 7, 4001])
        each.add(codes[4600:4602], [0, 7])
        each.remove(np.arange(200, 1500))
    check()
    for start in range(0, 3000, 600):
        for each in (index, model):
            each.add(codes[start : start + 600])
        check()


def test_almost_all_removed_and_added_again():
    rng = np.random.default_rng(2)
    codes = near_duplicates(rng, 4000, 4)
    index, model = filled(codes)
    gone = rng.permutation(4000)[:3600]
    for each in (index, model):
        each.remove(gone)
    assert_same_index(index, model, codes[:5])
    for each in (index, model):
        each.add(perturbed(np.random.default_rng(3), codes[gone], 1), gone)
    assert_same_index(index, model, codes[:5])
    for each in (index, model):
        each.remove(np.arange(4000))
    assert_same_index(index, model, codes[:5])


def test_constant_bits_and_equal_bits_are_kept_apart(tmp_path):
    rng = np.random.default_rng(4)
    index, _ = filled(correlated(rng, 4096, 8))
    bits = stored_tables(index, tmp_path / "a.bitx")["bits"]
    assert bits.shape == (5, 12)
    # 56 of 64 bits differ at all, so of 60 no more than 4 are constant, and pairs are split.
    assert np.count_nonzero(bits < 8) == 4
    for substring in bits:
        of_pairs = substring[substring >= 8] // 2
        assert len(np.unique(of_pairs)) == len(of_pairs)


@pytest.mark.parametrize("mmap", [False, True])
def test_tables_are_saved(mmap, tmp_path):
    rng = np.random.default_rng(5)
    codes = near_duplicates(rng, 3000, 4)
    index, model = filled(codes)
    for each in (index, model):
        each.update([3, 2000], codes[[9, 10]])
        each.add(codes[:100])
    tables = stored_tables(index, tmp_path / "a.bitx")
    assert tables["replaced"].tolist() == [3, 2000]
    assert tables["rows"].shape == (len(tables["bits"]), 3000)
    loaded = bi.load(tmp_path / "a.bitx", mmap=mmap)
    assert repr(loaded) == repr(index)
    assert_same_index(loaded, model, codes[:4])
    loaded.save(tmp_path / "b.bitx")
    assert (tmp_path / "a.bitx").read_bytes() == (tmp_path / "b.bitx").read_bytes()
    if not mmap:
        for each in (loaded, model):
            each.remove(np.arange(0, 3000, 2))
            each.add(codes[:1500])
        assert_same_index(loaded, model, codes[:4])


def without(name):
    return lambda tables: tables.pop(name)


def changed(name, position, value):
    def change(tables):
        tables[name] = tables[name].copy()
        tables[name][position] = value

    return change


def reshaped(name, change):
    return lambda tables: tables.update({name: np.ascontiguousarray(change(tables[name]))})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without("bits"), "'structure/bits' is missing"),
        (without("rows"), "'structure/rows' is missing"),
        (lambda tables: tables.update(more=tables["bits"]), "'structure/more' is unknown"),
        (reshaped("bits", lambda a: a.astype(np.int64)), "'structure/bits' must be uint32"),
        (reshaped("rows", np.ravel), "'structure/rows' must be uint32 with ndim=2"),
        (reshaped("bits", lambda a: a[:, :-1]), "shapes of the tables do not fit"),
        (reshaped("bits", lambda a: a[:0]), "shapes of the tables do not fit"),
        (reshaped("bits", lambda a: np.tile(a, (1, 9))), "shapes of the tables do not fit"),
        (reshaped("offsets", lambda a: a[:, :-1]), "shapes of the tables do not fit"),
        (reshaped("rows", lambda a: a[:-1]), "shapes of the tables do not fit"),
        (reshaped("rows", lambda a: a[:, :0]), "shapes of the tables do not fit"),
        (reshaped("rows", lambda a: np.tile(a, (1, 2))), "more rows than there are"),
        (reshaped("rows", lambda a: a[:, :-1]), "the offsets of a table must ascend"),
        (changed("bits", (0, 0), 32), "must be distinct bits of a code"),
        (changed("bits", (0, slice(0, 2)), 5), "must be distinct bits of a code"),
        (changed("offsets", (0, 0), 1), "the offsets of a table must ascend"),
        (changed("offsets", (1, 9), 2**32 - 1), "the offsets of a table must ascend"),
        (changed("offsets", (1, -1), 2**32 - 1), "the offsets of a table must ascend"),
        (changed("rows", (1, 5), 1500), "a table must hold each row once"),
        (changed("rows", (0, slice(0, 2)), 3), "a table must hold each row once"),
        (lambda tables: tables.update(replaced=np.array([5, 5], np.uint32)), "must ascend"),
        (lambda tables: tables.update(replaced=np.array([1500], np.uint32)), "must ascend"),
    ],
)
@pytest.mark.parametrize("mmap", [False, True])
def test_wrong_tables_are_refused(change, problem, mmap, tmp_path):
    path = tmp_path / "a.bitx"
    index, _ = filled(near_duplicates(np.random.default_rng(6), 1500, 4))
    tables = stored_tables(index, path)
    stored = read_file(path)
    change(tables)
    others = {n: a for n, a in stored.sections.items() if not n.startswith("structure/")}
    sections = others | {f"structure/{name}": array for name, array in tables.items()}
    write_file(path, "mih", stored.meta, sections)
    with pytest.raises(bi.FileFormatError, match=problem):
        bi.load(path, mmap=mmap)


def test_a_file_without_tables_or_with_few_rows_in_them(tmp_path):
    path = tmp_path / "a.bitx"
    codes = near_duplicates(np.random.default_rng(7), 3000, 4)
    index, model = filled(codes[:1500])
    tables = stored_tables(index, path)
    index.add(codes[1500:])
    model.add(codes[1500:])
    index.save(path)
    stored = read_file(path)
    rows = {n: a for n, a in stored.sections.items() if not n.startswith("structure/")}
    for structure in ({}, {f"structure/{name}": array for name, array in tables.items()}):
        write_file(path, "mih", stored.meta, rows | structure)
        assert_same_index(bi.load(path), model, codes[:4])


def golden_index():
    codes = np.random.default_rng(8).integers(0, 256, (1100, 1), dtype=np.uint8)
    index = bi.MIHIndex(8, n_substrings=2)
    index.add(codes)
    return index


@pytest.mark.parametrize("mmap", [False, True])
def test_golden_file_stays_readable(mmap):
    loaded, index = bi.load(GOLDEN, mmap=mmap), golden_index()
    assert repr(loaded) == repr(index)
    queries = index.get([3, 9])
    assert_same_answers(loaded.search(queries, 20), index.search(queries, 20))


def test_options():
    assert "n_substrings=None, fall_back=True" in repr(bi.MIHIndex(64))
    assert "n_substrings=3, fall_back=False" in repr(
        bi.MIHIndex(64, n_substrings=np.int8(3), fall_back=False)
    )
    with refused(ValueError, "n_substrings must be >= 1, got 0"):
        bi.MIHIndex(64, n_substrings=0)
    with refused(ValueError, "n_substrings must be at most n_bits=64, got 65"):
        bi.MIHIndex(64, n_substrings=65)
    with refused(TypeError, "fall_back must be a bool, got int"):
        bi.MIHIndex(64, fall_back=1)
    with refused(ValueError, "metric must be one of hamming for MIHIndex, got 'jaccard', which"):
        bi.MIHIndex(64, "jaccard")
    with refused(ValueError, "kind must be one of flat"):
        bi.EmbeddingIndex(bi.SignBinarizer(), kind="mih")


def test_memory_is_stated():
    codes = np.random.default_rng(9).integers(0, 256, (2**16, 8), dtype=np.uint8)
    index, _ = filled(codes)
    flat = bi.FlatIndex(64)
    flat.add(codes)
    tables = index._core.memory_bytes() - flat._core.memory_bytes()
    assert 4 * 4 * 2**16 <= tables <= 4 * 10 * 2**16
