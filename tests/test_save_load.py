"""Saved and loaded indexes of every kind: the same answers, and the same ids afterwards."""

import threading

import numpy as np
import pytest
from reference_index import (
    BIT_ORDERS,
    METRICS,
    ReferenceIndex,
    assert_same_content,
    assert_same_index,
    fitting_width,
    make_index,
    random_codes,
)

import bitindex as bi
from bitindex.storage import FileFormatError, read_file, write_file

ID_LAYOUTS = ["row_numbers", "sparse", "shuffled", "removed", "none_left", "empty"]
MODES = pytest.mark.parametrize("mmap", [False, True], ids=["read", "mapped"])


def filled(kind, n_bits, metric="hamming", bit_order="big", layout="row_numbers"):
    rng = np.random.default_rng(n_bits)
    index = make_index(kind, n_bits, metric, bit_order)
    model = ReferenceIndex(n_bits, metric, bit_order)
    n = 0 if layout == "empty" else 150
    ids = {
        "sparse": np.arange(n) * 2**40 + 5,
        "shuffled": rng.permutation(1000)[:n],
    }.get(layout)
    codes = random_codes(rng, n, n_bits, bit_order)
    index.add(codes, ids)
    model.add(codes, ids)
    gone = {"removed": [0, 3, 149, 77], "none_left": range(n)}.get(layout, [])
    assert index.remove(gone) == model.remove(gone)
    return index, model, random_codes(rng, 5, n_bits, bit_order)


@pytest.mark.parametrize("layout", ID_LAYOUTS)
@pytest.mark.parametrize("bit_order", BIT_ORDERS)
@pytest.mark.parametrize("metric", METRICS)
@MODES
def test_round_trip(kind, metric, bit_order, layout, mmap, tmp_path):
    for n_bits in (fitting_width(13, metric), fitting_width(256, metric)):
        index, model, queries = filled(kind, n_bits, metric, bit_order, layout)
        path = tmp_path / f"{n_bits}.bitx"
        index.save(path)
        loaded = bi.load(path, mmap=mmap)
        assert type(loaded) is type(index)
        assert repr(loaded) == repr(index)
        assert loaded.ids.tolist() == index.ids.tolist()
        for each in (index, loaded):
            assert_same_content(each, model)
            assert_same_index(each, model, queries)
            allowed = set(range(0, 500, 3))
            assert_same_index(each, model, queries, allowed, filter=sorted(allowed))
        if mmap:
            continue
        # Life goes on for both alike, with the same next ids.
        assert loaded.add(queries).tolist() == index.add(queries).tolist()
        model.add(queries)
        some = index.ids[::4]
        assert loaded.remove(some) == index.remove(some) == model.remove(some)
        assert_same_content(loaded, model)
        assert_same_index(loaded, model, queries)


def test_next_id_outlives_the_rows_that_had_it(kind, tmp_path):
    index = make_index(kind, 8)
    index.add([[1], [2], [3]])
    index.remove([1, 2])
    index.save(tmp_path / "index.bitx")
    assert bi.load(tmp_path / "index.bitx").add([[4]]).tolist() == [3]
    index.add([[5]], [2**63 - 2])
    index.remove([2**63 - 2])
    index.save(tmp_path / "index.bitx")
    with pytest.raises(ValueError, match="ids must be given"):
        bi.load(tmp_path / "index.bitx").add([[4]])


def test_a_mapped_index_refuses_changes(kind, tmp_path):
    path = tmp_path / "index.bitx"
    index, model, queries = filled(kind, 13, "dice", layout="shuffled")
    index.save(path)
    mapped = bi.load(path, mmap=True)
    for change in (
        lambda: mapped.add(queries),
        lambda: mapped.add([]),
        lambda: mapped.update(mapped.ids[:5], queries),
        lambda: mapped.remove(mapped.ids[:1]),
        lambda: mapped.remove([999_999]),
    ):
        with pytest.raises(ValueError, match=r"index is memory-mapped .* load it with mmap=False"):
            change()
    assert_same_content(mapped, model)
    assert_same_index(mapped, model, queries)


def test_saving_over_the_mapped_file(kind, tmp_path):
    path = tmp_path / "index.bitx"
    index, model, queries = filled(kind, 64, layout="removed")
    index.save(path)
    mapped = bi.load(path, mmap=True)
    before = path.read_bytes()
    mapped.save(path)
    assert path.read_bytes() == before
    index.add(queries)
    index.save(path)
    assert_same_content(mapped, model)
    assert_same_index(mapped, model, queries)
    path.unlink()
    assert_same_index(mapped, model, queries)
    mapped.save(path)
    assert_same_content(bi.load(path), model)


def test_the_arrays_of_a_file_are_copied_before_a_change(kind, tmp_path):
    index, model, queries = filled(kind, 64, "cosine", layout="shuffled")
    path = tmp_path / "index.bitx"
    index.save(path)
    before = path.read_bytes()
    loaded = bi.load(path)
    ids = loaded.ids[:5]
    loaded.update(ids, queries)
    model.update(ids, queries)
    assert_same_content(loaded, model)
    assert_same_index(loaded, model, queries)
    assert path.read_bytes() == before


def test_the_same_content_is_the_same_file(kind, tmp_path):
    index, _, queries = filled(kind, 100, "jaccard", layout="row_numbers")
    index.remove(index.add(queries, np.arange(5) + 500))
    other = bi.load(save(index, tmp_path))
    assert save(other, tmp_path).read_bytes() == save(index, tmp_path).read_bytes()


def save(index, folder):
    path = folder / f"{id(index)}.bitx"
    index.save(path)
    return path


@MODES
def test_every_flipped_bit_is_seen(kind, tmp_path, mmap):
    index, _, _ = filled(kind, 13, "jaccard", layout="shuffled")
    good = save(index, tmp_path).read_bytes()
    path = tmp_path / "damaged.bitx"
    rng = np.random.default_rng(1)
    for position in [*range(0, len(good), 61), *rng.integers(0, len(good), 50).tolist()]:
        bad = bytearray(good)
        bad[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(bad)
        with pytest.raises(FileFormatError, match=r"damaged\.bitx: "):
            bi.load(path, mmap=mmap)
    for n_bytes in range(0, len(good), 97):
        path.write_bytes(good[:n_bytes])
        with pytest.raises(FileFormatError, match=r"damaged\.bitx: "):
            bi.load(path, mmap=mmap)


def edit_meta(**fields):
    return lambda meta, sections: meta.update(fields)


def edit_section(name, change):
    def edit(meta, sections):
        sections[name] = change(sections[name])

    return edit


def with_padding_bit(codes):
    codes[7, 1] |= 4
    return codes


def with_id(row, number):
    def change(ids):
        ids[row] = number
        return ids

    return change


# Files whose checksums are right, as a careless or hostile program may write them.
WRONG_FILES = {
    "padding bit": (edit_section("codes", with_padding_bit), "set padding bit in row 7"),
    "missing codes": (lambda meta, sections: sections.pop("codes"), "must be given"),
    "short codes": (edit_section("codes", lambda codes: codes[:-1]), "must have 150 rows"),
    "wide codes": (edit_section("codes", lambda codes: np.repeat(codes, 2, 1)), "150 rows"),
    "flat codes": (edit_section("codes", lambda codes: codes.ravel()), "matrix of uint8"),
    "float codes": (edit_section("codes", lambda codes: codes.astype("f4")), "matrix of uint8"),
    "missing terms": (lambda meta, sections: sections.pop("row_terms"), "must be given"),
    "short terms": (edit_section("row_terms", lambda terms: terms[:9]), "must have 150 rows"),
    "unknown section": (lambda meta, sections: sections.update(x=np.zeros(1)), "'x' is unknown"),
    "short ids": (edit_section("ids", lambda ids: ids[:9]), "ids must have 150 rows"),
    "repeated id": (edit_section("ids", lambda ids: np.append(ids[1:], ids[1])), "more than once"),
    "negative id": (edit_section("ids", with_id(3, -1)), "ids must be >= 0, got -1"),
    "largest id": (edit_section("ids", with_id(3, 2**63 - 1)), r"ids must be < 2\*\*63 - 1"),
    "float ids": (edit_section("ids", lambda ids: ids.astype("f8")), ""),
    "too many rows": (edit_meta(n_rows=151), "must have 151 rows"),
    "huge number of rows": (edit_meta(n_rows=2**62), "rows"),
    "negative rows": (edit_meta(n_rows=-1), ""),
    "rows of text": (edit_meta(n_rows="150"), ""),
    "negative next id": (edit_meta(next_id=-1), "next_id must be >= 0"),
    "huge next id": (edit_meta(next_id=2**70), ""),
    "other width": (edit_meta(n_bits=16), None),
    "wrong width": (edit_meta(n_bits=17), "must have 150 rows"),
    "no width": (edit_meta(n_bits=0), "n_bits must be >= 1, got 0"),
    "float width": (edit_meta(n_bits=13.0), "n_bits must be an integer, got float"),
    "unknown metric": (edit_meta(metric="euclid"), "metric must be one of"),
    "list as metric": (edit_meta(metric=[1]), "metric must be a string"),
    "metric of wider dimensions": (edit_meta(metric="sdc2"), "n_bits must be a multiple of 2"),
    "other metric": (edit_meta(metric="hamming"), "not kept by this index"),
    "unknown bit order": (edit_meta(bit_order="middle"), "bit_order must be one of"),
    "other bit order": (edit_meta(bit_order="little"), "set padding bit"),
    "missing field": (lambda meta, sections: meta.pop("next_id"), "field 'next_id' is missing"),
}


@MODES
@pytest.mark.parametrize("wrong", WRONG_FILES)
def test_wrong_files_are_refused(kind, tmp_path, wrong, mmap):
    edit, problem = WRONG_FILES[wrong]
    index, _, _ = filled(kind, 13, "jaccard", layout="shuffled")
    stored = read_file(save(index, tmp_path))
    edit(stored.meta, stored.sections)
    path = tmp_path / "wrong.bitx"
    write_file(path, stored.kind, stored.meta, stored.sections)
    if problem is None:
        assert len(bi.load(path, mmap=mmap)) == 150
        return
    pattern = rf"wrong\.bitx: is not a valid '{stored.kind}' file: .*{problem}"
    with pytest.raises(FileFormatError, match=pattern):
        bi.load(path, mmap=mmap)


def test_saving_during_searches_and_writes(kind, tmp_path, run_together):
    index = make_index(kind, 24)
    rows = np.arange(4000, dtype=np.uint32).view(np.uint8).reshape(-1, 4)[:, :3]
    index.add(rows)
    done = threading.Event()

    def save_and_load():
        for i in range(15):
            path = tmp_path / f"{i}.bitx"
            index.save(path)
            loaded = bi.load(path)
            assert len(loaded) in (4000, 4300)
            assert loaded.search(rows[17], 1)[1].tolist() == [[17]]
            assert len(loaded.range_search([255, 255, 255], 0)[2]) in (0, 300)
        done.set()

    def write():
        while not done.is_set():
            ids = index.add(np.full((300, 3), 255, np.uint8))
            assert index.remove(ids) == 300

    def search():
        while not done.is_set():
            assert index.search(rows[3000:3002], 1, threads=2)[1].tolist() == [[3000], [3001]]

    run_together(save_and_load, write, search, search)


def test_files_that_cannot_be_written_or_read(kind, tmp_path):
    index, model, _ = filled(kind, 13)
    with pytest.raises(FileNotFoundError):
        index.save(tmp_path / "missing" / "index.bitx")
    with pytest.raises(IsADirectoryError):
        index.save(tmp_path)
    with pytest.raises(TypeError, match="path must be"):
        index.save(None)
    with pytest.raises(FileNotFoundError):
        bi.load(tmp_path / "missing.bitx")
    with pytest.raises(IsADirectoryError):
        bi.load(tmp_path)
    assert_same_content(index, model)
    assert list(tmp_path.iterdir()) == []
