"""Files of faiss: small golden ones, damaged ones, and both ways through faiss itself."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from reference_index import ReferenceIndex, assert_same_answers, assert_same_index
from refusals import refused

import bitindex as bi

# Written by faiss-cpu 1.15.1 (serialize_index_binary): three codes of 16 bits, then with ids.
FLAT = bytes.fromhex(
    "4942784610000000020000000300000000000000010100000006000000000000005f82c2d9cfeb"
)
ID_MAP = bytes.fromhex(
    "49424d32100000000200000003000000000000000101000000"
    + FLAT.hex()
    + "0300000000000000050000000000000009000000000000000700000000000000"
)
CODES = [[0x5F, 0x82], [0xC2, 0xD9], [0xCF, 0xEB]]


def written(tmp_path, data):
    path = tmp_path / "index.faiss"
    path.write_bytes(data)
    return path


def test_golden_files(tmp_path):
    for data, ids in (
        (FLAT, [0, 1, 2]),
        (ID_MAP, [5, 9, 7]),
        (ID_MAP.replace(b"IBM2", b"IBMp"), [5, 9, 7]),
    ):
        index = bi.read_faiss(written(tmp_path, data))
        assert (index.n_bits, index.metric, index.bit_order) == (16, "hamming", "little")
        assert index.ids.tolist() == ids
        assert index.get(ids).tolist() == CODES
    assert bi.read_faiss(str(tmp_path / "index.faiss"), bit_order="big").bit_order == "big"


@pytest.mark.parametrize(("data", "ids"), [(FLAT, None), (ID_MAP, [5, 9, 7])])
@pytest.mark.parametrize("index_type", [bi.FlatIndex, bi.MIHIndex])
def test_golden_files_are_written(data, ids, index_type, tmp_path):
    index = index_type(16)
    index.add(CODES, ids)
    bi.write_faiss(index, tmp_path / "index.faiss")
    assert (tmp_path / "index.faiss").read_bytes() == data


def test_round_trip(tmp_path):
    path = tmp_path / "index.faiss"
    rng = np.random.default_rng(0)
    for n_bits in (1, 13, 64, 65536):
        for n in (0, 1, 100):
            codes = bi.pack(rng.random((n, n_bits)) < 0.5, bit_order="little")
            ids = rng.permutation(n)
            index, model = bi.FlatIndex(n_bits, bit_order="little"), ReferenceIndex(n_bits)
            for each in (index, model):
                each.add(codes, ids)
                each.remove(ids[: n // 3])
            bi.write_faiss(index, path)
            read = bi.read_faiss(path)
            assert read.n_bits == -(-n_bits // 8) * 8
            assert read.ids.tolist() == index.ids.tolist()
            assert_same_index(read, model, bi.pack(rng.random((3, read.n_bits)) < 0.5))


def test_through_faiss(tmp_path):
    faiss = pytest.importorskip("faiss")
    path = tmp_path / "index.faiss"
    rng = np.random.default_rng(1)
    codes, queries = (rng.integers(0, 256, (n, 32), dtype=np.uint8) for n in (500, 7))
    for ids in (None, rng.permutation(10_000)[:500]):
        ours = bi.FlatIndex(256)
        ours.add(codes, ids)
        bi.write_faiss(ours, path)
        theirs = faiss.read_index_binary(str(path))
        np.testing.assert_array_equal(ours.search(queries, 9)[0], theirs.search(queries, 9)[0])
        lims, _, labels = theirs.range_search(queries, 120)
        got = ours.range_search(queries, 119)
        for q in range(len(queries)):
            found = set(labels[lims[q] : lims[q + 1]].tolist())
            assert found == set(got[2][got[0][q] : got[0][q + 1]].tolist())

        faiss.write_index_binary(theirs, str(path))
        assert_same_answers(bi.read_faiss(path).search(queries, 9), ours.search(queries, 9))


def test_classes_of_faiss_that_are_not_read(tmp_path):
    faiss = pytest.importorskip("faiss")
    path = tmp_path / "index.faiss"
    faiss.write_index_binary(faiss.IndexBinaryHash(64, 8), str(path))
    with pytest.raises(bi.FileFormatError, match=r"must be one of IBxF, .*, got 'IBHh'"):
        bi.read_faiss(path)


def header(n_bits=16, n_bytes=2, n=3):
    return struct.pack("<iiq?i", n_bits, n_bytes, n, True, 1)


def length(n):
    return struct.pack("<Q", n)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the class of an index must have 4 bytes, but the file ends after 0"),
        (b"IBx", "the class of an index must have 4 bytes"),
        (b"\xff\x00xF", "must be one of IBxF, IBwF, IBHf, IBMp, IBM2, got"),
        (b"IxFl" + FLAT[4:], "must be one of IBxF, IBwF, IBHf, IBMp, IBM2, got 'IxFl'"),
        (FLAT[:20], "a header must have 21 bytes, but the file ends after 16"),
        (FLAT[:30], "the codes must have 8 bytes"),
        (FLAT[:-1], "the codes must have 6 bytes, but the file ends after 5"),
        (FLAT + b"\0", "must end with the file, but 1 bytes follow"),
        (b"IBxF" + header(n_bits=17) + length(6) + bytes(6), "a header must be of 8 to 65536 bits"),
        (b"IBxF" + header(-16, -2) + length(6) + bytes(6), "a header must be of 8 to 65536 bits"),
        (b"IBxF" + header(0, 0) + length(0), "a header must be of 8 to 65536 bits"),
        (b"IBxF" + header(65544, 8193, 0) + length(0), "a header must be of 8 to 65536 bits"),
        (b"IBxF" + header(n=-1) + length(2**64 - 2), "n >= 0 codes, got 16 bits in 2 bytes and"),
        (b"IBxF" + header(n=4) + length(6) + bytes(6), "the codes must have 8 values, got 6"),
        (b"IBxF" + header(n=2**62) + length(2**63) + bytes(6), "the codes must have 9,223,372,036"),
        (b"IBxF" + header() + length(2**63) + bytes(6), "the codes must have 6 values, got 9,223"),
        (b"IBM2" + header() + ID_MAP, "must be one of IBxF, IBwF, IBHf, got 'IBM2'"),
        (b"IBM2" + header(n=2) + FLAT + length(2) + bytes(16), "must be of the same codes"),
        (ID_MAP[:-1], "the ids must have 24 bytes, but the file ends after 23"),
        (ID_MAP[:-32] + length(2) + bytes(16), "the ids must have 3 values, got 2"),
        (ID_MAP[:-24] + bytes(24), "ids must be distinct, got id 0 more than once"),
        (ID_MAP[:-8] + b"\xff" * 8, "ids must be >= 0, got -1"),
    ],
)
def test_damaged_files(data, problem, tmp_path):
    with pytest.raises(bi.FileFormatError, match=rf"index\.faiss: .*{problem}"):
        bi.read_faiss(written(tmp_path, data))


def test_every_cut_and_changed_byte_is_read_or_refused(tmp_path):
    for cut in range(len(ID_MAP)):
        with pytest.raises(bi.FileFormatError):
            bi.read_faiss(written(tmp_path, ID_MAP[:cut]))
    for position in range(len(ID_MAP)):
        for value in (0, 1, 127, 128, 255):
            data = bytearray(ID_MAP)
            data[position] = value
            with suppress(bi.FileFormatError):
                assert len(bi.read_faiss(written(tmp_path, bytes(data)))) == 3


def test_refusals(tmp_path):
    path = tmp_path / "index.faiss"
    with refused(ValueError, "faiss has metric='hamming' only for codes, got 'jaccard'"):
        bi.write_faiss(bi.FlatIndex(16, "jaccard"), path)
    with refused(TypeError, "index must be an index over packed codes, got list"):
        bi.write_faiss([1], path)
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        bi.read_faiss(path)
    with pytest.raises(IsADirectoryError):
        bi.read_faiss(tmp_path)
    for call in (lambda: bi.read_faiss(b"a"), lambda: bi.write_faiss(bi.FlatIndex(8), 5)):
        with refused(TypeError, "path must be a str or an os.PathLike of str"):
            call()
    with refused(ValueError, "bit_order must be one of big, little, got 'middle'"):
        bi.read_faiss(written(tmp_path, FLAT), bit_order="middle")
