"""Files of faiss: written by it and read here, and the other way round; no wrong one is read."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import bitindex as bi

GOLDEN = Path(__file__).parent / "golden"
FILES = {"flat": GOLDEN / "faiss-flat.faiss", "ids": GOLDEN / "faiss-ids.faiss"}
N_BITS = 24


def codes_of_golden_files():
    return np.random.default_rng(0).integers(0, 256, (5, N_BITS // 8), dtype=np.uint8)


def ids_of(name):
    return [0, 1, 2, 3, 4] if name == "flat" else [7, 3, 2**40, 0, 5]


@pytest.mark.parametrize("name", FILES)
def test_files_that_faiss_wrote(name):
    index = bi.read_faiss(FILES[name])
    assert isinstance(index, bi.FlatIndex)
    assert (index.n_bits, index.metric, index.bit_order) == (N_BITS, "hamming", "little")
    assert index.ids.tolist() == ids_of(name)
    np.testing.assert_array_equal(index.get(index.ids), codes_of_golden_files())
    assert bi.read_faiss(str(FILES[name]), bit_order="big").bit_order == "big"


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_is_what_faiss_writes(name, tmp_path):
    index = bi.FlatIndex(N_BITS)
    index.add(codes_of_golden_files(), ids_of(name))
    path = tmp_path / "x.faiss"
    bi.write_faiss(index, path)
    assert path.read_bytes() == FILES[name].read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["x.faiss"]


@pytest.mark.parametrize("n_rows", [0, 1, 70_000])
def test_there_and_back(n_rows, tmp_path):
    rng = np.random.default_rng(1)
    index = bi.FlatIndex(64 * 8)
    index.add(rng.integers(0, 256, (n_rows, 64), dtype=np.uint8), rng.permutation(n_rows) * 3)
    gone = index.ids[::7]
    index.remove(gone)
    bi.write_faiss(index, tmp_path / "x")
    again = bi.read_faiss(tmp_path / "x")
    np.testing.assert_array_equal(again.ids, index.ids)
    np.testing.assert_array_equal(again.get(again.ids), index.get(index.ids))


@pytest.mark.parametrize("ids", [None, np.array([9, 4, 2**50, 1])])
def test_faiss_itself(ids, tmp_path):
    faiss = pytest.importorskip("faiss")
    codes = np.random.default_rng(2).integers(0, 256, (4, 16), dtype=np.uint8)
    index = bi.FlatIndex(128)
    index.add(codes, ids)
    bi.write_faiss(index, tmp_path / "ours")
    theirs = faiss.read_index_binary(str(tmp_path / "ours"))
    distances, found = theirs.search(codes, 4)
    expected = index.search(codes, 4)
    np.testing.assert_array_equal(distances, expected[0])
    np.testing.assert_array_equal(found[:, 0], expected[1][:, 0])
    faiss.write_index_binary(theirs, str(tmp_path / "theirs"))
    again = bi.read_faiss(tmp_path / "theirs")
    np.testing.assert_array_equal(again.ids, index.ids)
    np.testing.assert_array_equal(again.get(again.ids), codes)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_at_any_length_is_refused(name, tmp_path):
    data = FILES[name].read_bytes()
    path = tmp_path / "cut"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(bi.FileFormatError, match="is cut short"):
            bi.read_faiss(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(bi.FileFormatError, match="1 bytes follow the index"):
        bi.read_faiss(path)


@pytest.mark.parametrize("name", FILES)
def test_any_byte_changed_is_refused_or_a_code_or_an_id(name, tmp_path):
    # There are no checksums: what is no structure may be anything.
    data = FILES[name].read_bytes()
    path = tmp_path / "changed"
    for position in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(data)
            changed[position] ^= flip
            path.write_bytes(changed)
            try:
                index = bi.read_faiss(path)
            except bi.FileFormatError as error:
                assert str(error).startswith(f"{path}: ")  # noqa: PT017
            else:
                assert (index.n_bits, len(index)) == (N_BITS, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.replace(b"IBxF", b"IxF2"), "holds no index that can be read: 'IxF2'"),
        (lambda data: data.replace(b"IBM2", b"IBMx"), "holds no index that can be read: 'IBMx'"),
        (lambda data: data.replace(np.int64(3).tobytes(), np.int64(7).tobytes()), "id 7 more than"),
        (lambda data: data.replace(np.int64(3).tobytes(), np.int64(-1).tobytes()), "got -1"),
        (lambda data: data.replace(np.int64(15).tobytes(), b"\xff" * 8), "codes must have 15"),
    ],
)
def test_what_is_wrong_is_named(change, message, tmp_path):
    data = FILES["ids"].read_bytes()
    path = tmp_path / "wrong"
    path.write_bytes(change(data))
    assert path.read_bytes() != data
    with pytest.raises(bi.FileFormatError, match=message):
        bi.read_faiss(path)


def test_paths_and_indexes_that_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        bi.read_faiss(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        bi.read_faiss(tmp_path)
    with pytest.raises(TypeError, match="path must be"):
        bi.read_faiss(3)
    with pytest.raises(ValueError, match="bit_order must be one of"):
        bi.read_faiss(FILES["flat"], bit_order="up")
    good = tmp_path / "good"
    shutil.copy(FILES["flat"], good)
    before = good.read_bytes()
    with pytest.raises(TypeError, match="index must be a FlatIndex, got int"):
        bi.write_faiss(3, good)
    for index in (bi.FlatIndex(8, "jaccard"), bi.FlatIndex(12)):
        with pytest.raises(ValueError, match="a multiple of 8, got metric="):
            bi.write_faiss(index, good)
    assert good.read_bytes() == before
