"""FlatIndex(sort_by="popcount"): the same answers as without it, whatever the numbers of bits."""

import numpy as np
import pytest
from reference_index import (
    BIT_ORDERS,
    ReferenceIndex,
    assert_same_answers,
    assert_same_content,
    assert_same_index,
)
from refusals import refused

import bitindex as bi
from bitindex.storage import FileFormatError, read_file, write_file

METRICS = ["jaccard", "dice", "cosine"]
EVERY_METRIC = pytest.mark.parametrize("metric", METRICS)


def codes_of_sizes(rng, sizes, n_bits, bit_order="big"):
    """Return random codes with about these shares of bits set."""
    bits = rng.random((len(sizes), n_bits)) < np.asarray(sizes)[:, np.newaxis]
    return np.packbits(bits, axis=1, bitorder=bit_order)


def drawn(rng, n, n_bits, bit_order="big"):
    codes = codes_of_sizes(rng, rng.beta(0.5, 2, n), n_bits, bit_order)
    codes[: n // 4] = codes[n // 4 : n // 4 * 2]
    codes[n // 2 : n // 2 + 3] = 0
    return codes


def both(n_bits, metric, codes, ids=None, bit_order="big"):
    index = bi.FlatIndex(n_bits, metric, sort_by="popcount", bit_order=bit_order)
    model = ReferenceIndex(n_bits, metric, bit_order)
    for each in (index, model):
        each.add(codes, ids)
    return index, model


@EVERY_METRIC
@pytest.mark.parametrize("bit_order", BIT_ORDERS)
@pytest.mark.parametrize("n_bits", [1, 13, 64, 300, 2048])
def test_answers(metric, bit_order, n_bits):
    rng = np.random.default_rng(n_bits)
    for n in (0, 1, 33, 3000):
        ids = rng.permutation(n) if n == 33 else None
        codes = drawn(rng, n, n_bits, bit_order)
        index, model = both(n_bits, metric, codes, ids, bit_order)
        assert_same_content(index, model)
        queries = np.concatenate([codes[:5], drawn(rng, 6, n_bits, bit_order)])
        for n_queries in (1, 2, len(queries)):
            assert_same_index(index, model, queries[:n_queries])
        for radius in (0.05, 0.2, 0.5, 0.9):
            answers = model.range_search(queries, radius)
            for threads in (1, 3):
                got = index.range_search(queries, radius, threads=threads)
                assert_same_answers(got, answers)


@EVERY_METRIC
def test_distances_at_the_very_bound_are_found(metric):
    n_bits = 200
    sizes = np.arange(n_bits + 1)
    codes = np.packbits(sizes[:, np.newaxis] > np.arange(n_bits), axis=1)
    index, model = both(n_bits, metric, np.tile(codes, (10, 1)))
    answers = model.answers(codes[::20])
    for radius in np.unique(answers.distances)[::40]:
        got = index.range_search(codes[::20], radius)
        assert_same_answers(got, answers.within(radius))
        below = np.nextafter(radius, np.float32(-1))
        if below >= 0:
            got = index.range_search(codes[::20], below)
            assert_same_answers(got, answers.within(below))
    for k in (1, 10, 11, 200):
        assert_same_answers(index.search(codes[::20], k), answers.nearest(k))


@EVERY_METRIC
def test_many_queries_of_many_sizes(metric):
    rng = np.random.default_rng(1)
    index, model = both(128, metric, drawn(rng, 5000, 128))
    queries = drawn(rng, 150, 128)
    answers = model.answers(queries)
    for k in (1, 70, 4999):
        assert_same_answers(index.search(queries, k), answers.nearest(k))
    assert_same_answers(index.range_search(queries, 0.3), answers.within(0.3))
    allowed = set(rng.permutation(5000)[:50].tolist())
    got = index.search(queries, 20, filter=allowed)
    assert_same_answers(got, model.search(queries, 20, allowed))


@EVERY_METRIC
def test_changes(metric):
    rng = np.random.default_rng(2)
    codes = drawn(rng, 9000, 64)
    index, model = both(64, metric, codes[:3000])
    queries = codes[[0, 900, 1500, 5000]]

    def check():
        assert_same_content(index, model)
        assert_same_index(index, model, queries)
        allowed = set(rng.permutation(9000)[:400].tolist())
        assert_same_index(index, model, queries, allowed, filter=allowed)

    def for_each(change):
        change(index)
        change(model)
        check()

    for_each(lambda each: each.add(codes[3000:3100]))
    for_each(lambda each: each.update([5, 6, 3050, 2000], codes[[4000, 1500, 4001, 4002]]))
    for_each(lambda each: each.update([5, 2000], codes[[5, 2000]]))
    for_each(lambda each: each.remove(np.arange(0, 400)))
    for_each(lambda each: each.add(codes[:20][::-1].copy(), np.arange(20)))
    for_each(lambda each: each.update(np.arange(500, 900), codes[4500:4900]))
    for_each(lambda each: each.remove(np.arange(100, 2600)))
    for_each(lambda each: each.add(codes[3100:9000]))
    for_each(lambda each: each.remove(np.arange(9000)))
    for_each(lambda each: each.add(codes[:10]))


@pytest.mark.parametrize("mmap", [False, True])
@EVERY_METRIC
def test_saved_and_loaded(metric, mmap, tmp_path):
    rng = np.random.default_rng(3)
    codes = drawn(rng, 4000, 100)
    index, model = both(100, metric, codes[:3500])
    for each in (index, model):
        each.add(codes[3500:])
        each.update([7, 8], codes[[3600, 3700]])
        each.remove([100, 3999])
    index.save(tmp_path / "a.bitx")
    assert_same_index(index, model, codes[:3])
    loaded = bi.load(tmp_path / "a.bitx", mmap=mmap)
    assert repr(loaded) == repr(index)
    assert "sort_by='popcount'" in repr(loaded)
    assert (np.diff(bi.popcount(loaded.get(loaded.ids)).astype(int)) <= 0).all()
    assert_same_index(loaded, model, codes[:3])
    loaded.save(tmp_path / "b.bitx")
    assert (tmp_path / "a.bitx").read_bytes() == (tmp_path / "b.bitx").read_bytes()
    if not mmap:
        for each in (loaded, model):
            each.add(codes[:2000], np.arange(5000, 7000))
        assert_same_index(loaded, model, codes[:3])


@pytest.mark.parametrize("mmap", [False, True])
@EVERY_METRIC
def test_a_file_whose_rows_are_in_no_order(metric, mmap, tmp_path):
    rng = np.random.default_rng(4)
    codes = drawn(rng, 3000, 64)
    plain, model = bi.FlatIndex(64, metric), ReferenceIndex(64, metric)
    for each in (plain, model):
        each.add(codes)
    plain.save(tmp_path / "a.bitx")
    stored = read_file(tmp_path / "a.bitx")
    meta = {**stored.meta, "options": {"sort_by": "popcount"}}
    write_file(tmp_path / "b.bitx", "flat", meta, stored.sections)
    loaded = bi.load(tmp_path / "b.bitx", mmap=mmap)
    assert_same_index(loaded, model, codes[:3])
    if not mmap:
        for each in (loaded, model):
            each.update([1500], codes[:1])
            each.add(codes)
        assert_same_index(loaded, model, codes[:3])


@pytest.mark.parametrize("mmap", [False, True])
def test_rows_of_nearly_equal_popcounts_stay_as_they_come(mmap, tmp_path):
    rng = np.random.default_rng(6)
    chances = rng.random((4000, 256))
    ranks = chances.argsort(axis=1).argsort(axis=1)
    equal = np.packbits(ranks < rng.integers(127, 130, (4000, 1)), axis=1)
    index, model = both(256, "jaccard", equal[:3000])
    index.add(equal[3000:])
    model.add(equal[3000:])
    assert_same_index(index, model, equal[:3])
    assert_same_index(index, model, equal[:9])
    np.testing.assert_array_equal(index.ids, np.arange(4000))
    index.save(tmp_path / "a.bitx")
    loaded = bi.load(tmp_path / "a.bitx", mmap=mmap)
    assert_same_index(loaded, model, equal[:9])
    if mmap:
        return
    various = drawn(rng, 3000, 256)
    for each in (loaded, model):
        each.add(various)
    queries = np.concatenate([equal[:5], various[:5]])
    assert_same_index(loaded, model, queries)
    assert (np.diff(bi.popcount(loaded.get(loaded.ids)).astype(int)) <= 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -5, 1e30, 2**33])
@pytest.mark.parametrize("metric", ["jaccard", "cosine"])
def test_wrong_popcounts_of_a_file_do_no_harm(metric, value, tmp_path):
    codes = drawn(np.random.default_rng(5), 3000, 64)
    index, _ = both(64, metric, codes)
    index.save(tmp_path / "a.bitx")
    stored = read_file(tmp_path / "a.bitx")
    for position in (0, 1000, -1, slice(None)):
        terms = stored.sections["row_terms"].copy()
        terms[position] = value
        write_file(
            tmp_path / "b.bitx", "flat", stored.meta, {**stored.sections, "row_terms": terms}
        )
        with pytest.raises(FileFormatError, match="section 'row_terms' must follow from the codes"):
            bi.load(tmp_path / "b.bitx")
        loaded = bi.load(tmp_path / "b.bitx", mmap=True, verify=False)
        loaded.search(codes[:3], 5)
        loaded.range_search(codes[:3], 0.2)


def test_options(tmp_path):
    with refused(ValueError, "sort_by must be one of popcount, got 'size'"):
        bi.FlatIndex(8, "jaccard", sort_by="size")
    with refused(TypeError, "sort_by must be a string, got int"):
        bi.FlatIndex(8, "jaccard", sort_by=1)
    for metric in ("hamming", "sdc2"):
        with refused(ValueError, "sort_by='popcount' needs metric='jaccard', 'dice' or 'cosine'"):
            bi.FlatIndex(8, metric, sort_by="popcount")
    plain, by_popcount = bi.FlatIndex(8, "dice"), bi.FlatIndex(8, "dice", sort_by="popcount")
    assert "sort_by" not in repr(plain)
    assert repr(by_popcount).startswith("FlatIndex(n_bits=8, metric='dice', bit_order='big', sort_")
    plain.save(tmp_path / "a.bitx")
    stored = read_file(tmp_path / "a.bitx")
    write_file(tmp_path / "b.bitx", "flat", {**stored.meta, "options": {"sort_by": 5}}, {})
    with pytest.raises(bi.FileFormatError, match="sort_by must be a string"):
        bi.load(tmp_path / "b.bitx")
