"""Files of faiss's IndexBinaryHNSW: a small golden one, damaged ones, and through faiss itself.

`tests/golden/faiss_hnsw.faiss` was written once by faiss-cpu 1.15.1: 16 codes of 16 bits in five
layers, of four links in the lowest and two in the others.
"""

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from reference_index import assert_same_answers, clustered_codes
from refusals import refused

import bitindex as bi

GOLDEN = (Path(__file__).parent / "golden" / "faiss_hnsw.faiss").read_bytes()
LEVELS = [4, 4, 1, 1, 1, 1, 1, 3, 2, 2, 2, 5, 5, 1, 2, 4]
ENTRY = 12

# Where the parts of the golden file begin: their lengths, or the first of them.
SHARES = 4 + 21
STARTS = SHARES + 8 + 29 * 8
LEVELS_AT = STARTS + 8 + 30 * 4
OFFSETS = LEVELS_AT + 8 + 16 * 4
LINKS = OFFSETS + 8 + 17 * 8
N_LINKS = 16 * 4 + sum(level - 1 for level in LEVELS) * 2
STATE = LINKS + 8 + N_LINKS * 4
STORAGE = STATE + 5 * 4


def written(tmp_path, data):
    path = tmp_path / "index.faiss"
    path.write_bytes(data)
    return path


def changed(position, *values, form="i"):
    """The golden file with other numbers there."""
    data = bytearray(GOLDEN)
    struct.pack_into(f"<{len(values)}{form}", data, position, *values)
    return bytes(data)


def test_golden_file(tmp_path):
    index = bi.read_faiss(written(tmp_path, GOLDEN))
    assert isinstance(index, bi.HNSWIndex)
    assert "n_bits=16" in repr(index)
    assert "m=2, ef_construction=7, ef=5" in repr(index)
    assert index.ids.tolist() == list(range(16))
    assert index.get(index.ids).tobytes() == GOLDEN[-32:]
    structure = index._core.structure()
    layers = np.split(structure["upper_rows"], np.cumsum(structure["upper_counts"]))[:-1]
    assert [sorted(rows) for rows in layers] == [
        [row for row in range(16) if LEVELS[row] > layer] for layer in range(1, 5)
    ]
    assert layers[-1][0] == ENTRY
    assert index._core.n_unreached() == 0


def test_golden_file_is_written_again(tmp_path):
    path = tmp_path / "index.faiss"
    bi.write_faiss(bi.read_faiss(written(tmp_path, GOLDEN)), path)
    data = path.read_bytes()
    # The shares of layers: faiss takes the logarithm of m for them, in single precision.
    ours, theirs = (np.frombuffer(d[SHARES + 8 : STARTS], "<f8") for d in (data, GOLDEN))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    assert data[:SHARES] + data[STARTS:] == GOLDEN[:SHARES] + GOLDEN[STARTS:]


def test_in_an_id_map(tmp_path):
    path = tmp_path / "index.faiss"
    ids = np.random.default_rng(0).permutation(100)[:16]
    data = b"IBM2" + GOLDEN[4:SHARES] + GOLDEN + struct.pack("<17q", 16, *ids)
    index = bi.read_faiss(written(tmp_path, data))
    assert index.ids.tolist() == ids.tolist()
    bi.write_faiss(index, path)
    written_again = path.read_bytes()
    assert written_again[: 2 * SHARES] == data[: 2 * SHARES]
    assert written_again[SHARES + STARTS :] == data[SHARES + STARTS :]


ONE_LINK_LESS = GOLDEN[:LINKS] + struct.pack("<Q", N_LINKS - 1) + GOLDEN[LINKS + 12 :]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (GOLDEN[:STORAGE] + b"IBHf", "must be one of IBxF, got 'IBHf'"),
        (changed(4 + 8, 15, form="q"), "the layers of codes must have 15 values, got 16"),
        (changed(SHARES, 2**62, form="Q"), "the shares of layers must have 36,893,488,147"),
        (changed(STARTS, 2**62, form="Q"), "the links of a code by layer must have 18,446,744"),
        (changed(STARTS + 8, 1), "must be in 1 to 64 layers, from 0 on"),
        (changed(STARTS + 12, -4), "must be in 1 to 64 layers, from 0 on"),
        (changed(STARTS + 12, 2**31 - 1, -(2**31)), "must be in 1 to 64 layers, from 0 on"),
        (changed(STARTS + 16, 4), "must be in 1 to 64 layers, from 0 on"),
        (changed(STARTS + 16, 7), "the offsets of links must be those"),
        (changed(LEVELS_AT + 8, 0), "codes must be in 1 to 29 layers"),
        (changed(LEVELS_AT + 8, 30), "codes must be in 1 to 29 layers"),
        (changed(LEVELS_AT + 8, -1), "codes must be in 1 to 29 layers"),
        (changed(LEVELS_AT + 8, 3), "the offsets of links must be those"),
        (changed(OFFSETS + 8, 4, form="Q"), "the offsets of links must be those"),
        (changed(OFFSETS + 16, 2**64 - 1, form="Q"), "the offsets of links must be those"),
        (ONE_LINK_LESS, "the offsets of links must be those"),
        (changed(LINKS + 8, 16), "links must lead to codes from 0 to 15"),
        (changed(LINKS + 8, -2), "links must lead to codes from 0 to 15"),
        (changed(LINKS + 8 + 4 * 4, 2), "links in layer 1 must lead to codes of it"),
        (changed(STATE, 0), "the entry must be a code of the highest layer, got 0"),
        (changed(STATE, -1), "the entry must be a code of the highest layer, got -1"),
        (changed(STATE, 16), "the entry must be a code of the highest layer, got 16"),
        (changed(STATE + 4, 3), "the highest layer must be 4, got 3"),
        (changed(STATE + 8, 0), "ef_construction must be >= 1, got 0"),
        (changed(STATE + 12, -3), "ef must be >= 1, got -3"),
        (changed(STORAGE + 12, 15, form="q"), "the codes must have 30 values, got 32"),
        (GOLDEN + b"\0", "must end with the file, but 1 bytes follow"),
    ],
)
def test_damaged_files(data, problem, tmp_path):
    with pytest.raises(bi.FileFormatError, match=rf"index\.faiss: .*{problem}"):
        bi.read_faiss(written(tmp_path, data))


def file_of(starts, levels, links, n_bytes=1):
    """A file of codes that are all zero; each has as many layers and links as said."""
    n = len(levels)
    offsets = np.concatenate([[0], np.cumsum(np.array(starts)[levels])])
    header = struct.pack("<iiq?i", 8 * n_bytes, n_bytes, n, True, 1)
    parts = [b"IBHf", header, struct.pack("<Q", 0)]
    for values, dtype in ((starts, "<i4"), (levels, "<i4"), (offsets, "<u8"), (links, "<i4")):
        parts += [struct.pack("<Q", len(values)), np.array(values, dtype).tobytes()]
    state = struct.pack("<5i", int(np.argmax(levels)), max(levels) - 1, 40, 16, 1)
    codes = struct.pack("<Q", n * n_bytes) + bytes(n * n_bytes)
    return b"".join([*parts, state, b"IBxF", header, codes])


def test_layers_of_other_numbers_of_links(tmp_path):
    links = [1, 2, -1, 2, 0, 2, -1, -1, 0, -1, 0]  # three of each code, and one in layer 1
    index = bi.read_faiss(written(tmp_path, file_of([0, 3, 4], [2, 1, 2], links)))
    structure = index._core.structure()
    none = 2**32 - 1
    assert structure["links"].tolist() == [[1, 2, none, none], [0, 2, none, none], [none] * 4]
    assert structure["upper_rows"].tolist() == [0, 2]
    assert structure["upper_links"].tolist() == [[1, none], [0, none]]


def test_links_that_would_take_far_more_memory_are_refused(tmp_path):
    n = 100
    data = file_of([0, 1, 511], [2] + (n - 1) * [1], (n + 510) * [-1])
    with pytest.raises(bi.FileFormatError, match="must have about half as many links"):
        bi.read_faiss(written(tmp_path, data))
    with pytest.raises(bi.FileFormatError, match="m must be <= 512, got 513"):
        bi.read_faiss(written(tmp_path, file_of([0, 1025], [1], 1025 * [-1])))


def test_an_empty_graph(tmp_path):
    path = tmp_path / "index.faiss"
    bi.write_faiss(bi.HNSWIndex(16, m=3, ef=2**40), path)
    index = bi.read_faiss(path)
    assert "m=3, ef_construction=64, ef=2147483647" in repr(index)
    index.add([[1, 2]])
    assert index.search([1, 2], 1)[1].tolist() == [[0]]


def test_cuts_are_refused(tmp_path):
    for cut in [*range(0, len(GOLDEN), 3), len(GOLDEN) - 1]:
        with pytest.raises(bi.FileFormatError):
            bi.read_faiss(written(tmp_path, GOLDEN[:cut]))


@pytest.fixture
def clustered():
    """Codes of 64 bits, some of them equal, and queries of their kind."""
    codes = clustered_codes(3050)
    codes[100:140] = codes[0]
    return codes[:3000], codes[3000:]


def test_changed_bytes_are_read_or_refused(clustered, tmp_path):
    codes, queries = clustered
    path = tmp_path / "index.faiss"
    index = bi.HNSWIndex(64, m=4, ef=2)
    index.add(codes[:600])
    bi.write_faiss(index, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    n_read = 0
    positions = [*range(300), *range(len(whole) - 4900, len(whole) - 4750)]
    for position in [*positions, *rng.integers(0, len(whole), 300).tolist()]:
        data = bytearray(whole)
        data[position] ^= 1 << rng.integers(8)
        with suppress(bi.FileFormatError):
            index = bi.read_faiss(written(tmp_path, bytes(data)))
            index.search(queries, 1)
            n_read += 1
            if n_read % 10 == 0:
                index.remove(range(250))
                index.add(queries)
                assert index.search(queries, 1)[0].mean() < 2
    assert 100 < n_read < 700


def test_round_trip(clustered, tmp_path):
    codes, queries = clustered
    path = tmp_path / "index.faiss"
    index = bi.HNSWIndex(64, m=6, ef_construction=30, ef=12, bit_order="little")
    index.add(codes, np.random.default_rng(1).permutation(9000)[:3000])
    index.remove(index.ids[2500:])
    assert len(index._to_stored()[1]["structure/twins"]) > 30
    bi.write_faiss(index, path)
    read = bi.read_faiss(path)
    assert repr(read) == repr(index)
    assert read._core.n_unreached() == 0
    exact = bi.FlatIndex(64, bit_order="little")
    exact.add(index.get(index.ids), index.ids)
    nearest = exact.search(queries, 5)[0]
    for ef in (5, 12, 40):
        ours, theirs = (each.search(queries, 5, ef=ef)[0] for each in (index, read))
        assert (theirs <= nearest[:, -1:]).mean() >= (ours <= nearest[:, -1:]).mean() - 0.02
    bi.write_faiss(read, tmp_path / "again.faiss")
    assert (tmp_path / "again.faiss").read_bytes() == path.read_bytes()


def test_rows_without_links_get_some_in_the_file(clustered, tmp_path):
    codes, queries = clustered
    path = tmp_path / "index.faiss"
    index = bi.HNSWIndex(64)
    index.add(codes[:1000])
    meta, sections = index._to_stored()
    rows = {name: array for name, array in sections.items() if not name.startswith("structure/")}
    unlinked = bi.HNSWIndex._from_stored(meta, rows, mapped=False)
    bi.write_faiss(unlinked, path)
    assert len(unlinked._core.structure()["links"]) == 0
    read = bi.read_faiss(path)
    assert read._core.n_unreached() == 0
    for name, array in index._core.structure().items():
        if name != "twins":
            np.testing.assert_array_equal(read._core.structure()[name].shape, array.shape)
    assert_same_answers(read.search(queries, 5, ef=200), index.search(queries, 5, ef=200))


def test_layers_of_twins_alone_are_left_out(tmp_path):
    path = tmp_path / "index.faiss"
    index = bi.HNSWIndex(16, m=2)
    codes = np.random.default_rng(0).integers(0, 256, (40, 2), dtype=np.uint8)
    index.add(codes)
    structure = index._core.structure()
    assert structure["upper_counts"].tolist() == [14, 4, 1, 1]
    highest = structure["upper_rows"][-1]
    index.update([highest], codes[:1])  # searches no longer begin there
    assert index._core.structure()["twins"].tolist() == [highest]
    bi.write_faiss(index, path)
    read = bi.read_faiss(path)
    assert read._core.structure()["upper_counts"].tolist() == [14, 4]
    assert read._core.n_unreached() == 0
    assert read.get(index.ids).tolist() == index.get(index.ids).tolist()


@pytest.mark.parametrize("with_ids", [False, True])
def test_through_faiss(with_ids, clustered, tmp_path):
    faiss = pytest.importorskip("faiss")
    codes, queries = clustered
    path = tmp_path / "index.faiss"
    exact = bi.FlatIndex(64)
    exact.add(codes)
    nearest = exact.search(queries, 5)[0]
    graph = faiss.IndexBinaryHNSW(64, 8)
    ids = np.random.default_rng(1).permutation(9000)[: len(codes)]
    theirs = faiss.IndexBinaryIDMap2(graph) if with_ids else graph
    theirs.add_with_ids(codes, ids) if with_ids else theirs.add(codes)

    faiss.write_index_binary(theirs, str(path))
    ours = bi.read_faiss(path)
    assert ours.ids.tolist() == (ids.tolist() if with_ids else list(range(len(codes))))
    bi.write_faiss(ours, path)
    again = faiss.read_index_binary(str(path))
    for a, b in zip(theirs.search(queries, 5), again.search(queries, 5), strict=True):
        np.testing.assert_array_equal(a, b)
    found = [index.search(queries, 5)[0] for index in (ours, theirs)]
    recalls = [(distances <= nearest[:, -1:]).mean() for distances in found]
    assert recalls[0] >= recalls[1] - 0.02


def test_ours_in_faiss(clustered, tmp_path):
    faiss = pytest.importorskip("faiss")
    codes, queries = clustered
    path = tmp_path / "index.faiss"
    index = bi.HNSWIndex(64, m=8, ef=20)
    index.add(codes)
    bi.write_faiss(index, path)
    theirs = faiss.read_index_binary(str(path))
    exact = bi.FlatIndex(64)
    exact.add(codes)
    for asked, k in ((queries, 5), (codes[:1], 41)):
        nearest = exact.search(asked, k)[0]
        found = theirs.search(asked, k)[0], index.search(asked, k)[0]
        recalls = [(distances <= nearest[:, -1:]).mean() for distances in found]
        assert recalls[0] >= recalls[1] - 0.02
    theirs.add(queries)  # it goes on to grow there
    assert (theirs.search(queries, 1)[0] == 0).mean() >= 0.95


def test_too_many_rows_for_faiss(monkeypatch, tmp_path):
    monkeypatch.setattr("bitindex.faiss_files.hnsw.MOST_ROWS", 3)
    index = bi.HNSWIndex(8)
    index.add([[1], [2], [3], [4]])
    with refused(ValueError, "faiss's graphs have up to 3 codes, got 4"):
        bi.write_faiss(index, tmp_path / "index.faiss")
    assert not list(tmp_path.iterdir())
