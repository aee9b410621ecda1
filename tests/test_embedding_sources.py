import contextlib
import io
import zipfile

import numpy as np
import pytest

import bitindex as bi
from bitindex.embeddings import as_embeddings, count_rows, embedding_batches

torch = pytest.importorskip("torch")

ROWS = np.random.default_rng(0).standard_normal((23, 11)).astype(np.float16)
EXPECTED = ROWS.astype(np.float32)


class OnlyArray:
    def __init__(self, rows):
        self.rows = rows

    def __array__(self, dtype=None, copy=None):
        return np.array(self.rows, dtype)


class OnlyDlpack:
    def __init__(self, rows):
        self.rows = rows

    def __dlpack__(self, **arguments):
        return self.rows.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.rows.__dlpack_device__()


def read_only(rows):
    rows = rows.copy()
    rows.flags.writeable = False
    return rows


def strided(rows):
    wide = np.zeros((2 * len(rows), 3 * rows.shape[1]), rows.dtype)
    wide[::2, ::3] = rows
    return wide[::2, ::3]


ARRAYS = {
    "float16": ROWS,
    "float32": EXPECTED,
    "float64": ROWS.astype(np.float64),
    "longdouble": ROWS.astype(np.longdouble),
    "big endian": ROWS.astype(">f4"),
    "big endian float64": ROWS.astype(">f8"),
    "little endian": ROWS.astype("<f2"),
    "Fortran order": np.asfortranarray(EXPECTED),
    "strided": strided(EXPECTED),
    "reversed": EXPECTED[::-1].copy()[::-1],
    "read-only": read_only(EXPECTED),
    "matrix": EXPECTED.view(np.matrix),
    "lists": EXPECTED.tolist(),
    "tuples": tuple(map(tuple, EXPECTED.tolist())),
    "list of arrays": list(EXPECTED),
    "torch float16": torch.tensor(ROWS),
    "torch float32": torch.tensor(EXPECTED),
    "torch float64": torch.tensor(EXPECTED, dtype=torch.float64),
    "torch with gradient": torch.tensor(EXPECTED, requires_grad=True),
    "torch transposed": torch.tensor(EXPECTED.T.copy()).T,
    "only __array__": OnlyArray(ROWS),
    "only __dlpack__": OnlyDlpack(EXPECTED),
    "only __dlpack__, of torch": OnlyDlpack(torch.tensor(ROWS)),
}


@pytest.mark.parametrize("rows", ARRAYS.values(), ids=ARRAYS)
def test_arrays(rows):
    np.testing.assert_array_equal(as_embeddings(rows), EXPECTED)
    np.testing.assert_array_equal(np.concatenate(list(embedding_batches(rows))), EXPECTED)
    assert as_embeddings(rows).dtype == np.dtype("=f4")
    assert as_embeddings(rows).flags.c_contiguous


def test_bfloat16():
    rows = torch.tensor(EXPECTED).bfloat16()
    np.testing.assert_array_equal(as_embeddings(rows), rows.float().numpy())


def test_a_float32_array_is_not_copied():
    assert as_embeddings(EXPECTED) is EXPECTED
    assert np.shares_memory(as_embeddings(torch.from_numpy(EXPECTED)), EXPECTED)


def test_lists_may_hold_integers():
    np.testing.assert_array_equal(as_embeddings([[1, 2], [3, 4]]), [[1, 2], [3, 4]])


def test_one_dimension_is_one_row():
    np.testing.assert_array_equal(as_embeddings(EXPECTED[0]), EXPECTED[:1])
    assert count_rows(EXPECTED[0]) == 1


def test_no_rows():
    assert as_embeddings([], 11).shape == (0, 11)
    assert as_embeddings(np.empty((0, 11)), 11).shape == (0, 11)
    assert [len(batch) for batch in embedding_batches(iter([]))] == []


@pytest.mark.parametrize("rows", [EXPECTED, EXPECTED.tolist()])
def test_large_arrays_come_in_batches(rows, monkeypatch):
    monkeypatch.setattr("bitindex.embeddings._BATCH_BYTES", 4 * 11 * 5)
    batches = list(embedding_batches(rows))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    np.testing.assert_array_equal(np.concatenate(batches), EXPECTED)


BATCHES = {
    "one dtype": [EXPECTED[:10], EXPECTED[10:]],
    "several types": [ROWS[:3], EXPECTED[3:7].tolist(), torch.tensor(EXPECTED[7:])],
    "empty batches": [[], np.empty((0, 11)), EXPECTED[:9], [], EXPECTED[9:], np.empty((0, 11))],
    "single rows": list(EXPECTED),
}


@pytest.mark.parametrize("batches", BATCHES.values(), ids=BATCHES)
def test_iterators_of_batches(batches):
    for source in (iter(batches), (batch for batch in batches)):
        np.testing.assert_array_equal(np.concatenate(list(embedding_batches(source))), EXPECTED)
    assert count_rows(iter(batches)) is None


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("threshold", ["mean", "median"])
def test_an_iterator_may_fill_one_array_again_and_again(similarity, threshold):
    def batches():
        buffer = np.empty((10, 11), np.float32)
        for first in range(0, 20, 10):
            buffer[:] = EXPECTED[first : first + 10]
            yield buffer

    binarizer = bi.SignBinarizer(threshold)
    index = bi.EmbeddingIndex(binarizer, similarity=similarity, rescore="float32").fit(batches())
    index.add(batches())
    whole = bi.EmbeddingIndex(bi.SignBinarizer(threshold), similarity=similarity, rescore="float32")
    whole.fit(EXPECTED[:20]).add(EXPECTED[:20])
    for a, b in zip(index.search(EXPECTED, k=20), whole.search(EXPECTED, k=20), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def npy(tmp_path):
    def saved(array, name="rows.npy"):
        np.save(tmp_path / name, array)
        return tmp_path / name

    return saved


@pytest.mark.parametrize("rows", [ROWS, EXPECTED, np.asfortranarray(EXPECTED), ROWS.astype(">f8")])
@pytest.mark.parametrize("as_path", [str, lambda path: path])
def test_paths(rows, as_path, npy):
    path = as_path(npy(rows))
    np.testing.assert_array_equal(np.concatenate(list(embedding_batches(path))), EXPECTED)
    assert count_rows(path) == 23


def test_one_row_in_a_file(npy):
    path = npy(EXPECTED[0])
    np.testing.assert_array_equal(next(embedding_batches(path)), EXPECTED[:1])
    assert count_rows(path) == 1


def test_no_rows_in_a_file(npy):
    path = npy(np.empty((0, 11), np.float32))
    assert [batch.shape for batch in embedding_batches(path)] == [(0, 11)]
    assert count_rows(path) == 0


def test_a_file_is_mapped_and_not_loaded(npy, monkeypatch):
    monkeypatch.setattr("bitindex.embeddings._BATCH_BYTES", 4 * 11 * 5)
    path = npy(EXPECTED)
    batches = embedding_batches(path)
    first = next(batches)
    assert isinstance(first.base, np.memmap)
    with path.open("r+b") as file:  # a later batch shows what the file holds by then
        file.seek(-4 * 11, io.SEEK_END)
        file.write(np.ones(11, np.float32).tobytes())
    *_, last = batches
    np.testing.assert_array_equal(last[-1], 1)


REFUSED = {
    "integers": (np.ones((2, 3), int), TypeError, r"X must be floats, got int64; .*astype"),
    "bools": (np.ones((2, 3), bool), TypeError, "X must be floats, got bool"),
    "list of bools": ([[True, False]], TypeError, "X must be floats, got bool"),
    "complex": (np.ones((2, 3), complex), TypeError, "X must be floats, got complex128"),
    "objects": (np.ones((2, 3), object), TypeError, "X must be floats, got object"),
    "strings": ([["a", "b"]], TypeError, "X must be an array of floats, got list"),
    "array of strings": (np.array([["a"]]), TypeError, "X must be floats, got <U1"),
    "None": (None, TypeError, "X must be an array of floats, got NoneType"),
    "a record": (np.zeros(2, "f4,f4"), TypeError, "X must be floats, got"),
    "torch integers": (torch.ones((2, 3), dtype=torch.int32), TypeError, "got int32"),
    "ragged lists": ([[1.0], [1.0, 2.0]], ValueError, "X must have rows of one width"),
    "a number": (1.5, ValueError, r"X must have shape \(n, d\), got shape \(\)"),
    "three dimensions": (np.ones((2, 3, 4)), ValueError, r"\(n, d\), got shape \(2, 3, 4\)"),
    "no dimensions": (np.ones((2, 0)), ValueError, r"0 feature\(s\) \(shape=\(2, 0\)\)"),
    "a list of no dimensions": ([[], []], ValueError, r"0 feature\(s\) \(shape=\(2, 0\)\)"),
    "NaN": (np.array([[1.0], [np.nan]]), ValueError, r"in float32, got NaN .* in row 1, column 0$"),
    "infinity": (np.array([[1, np.inf, 1], [-np.inf] * 3]), ValueError, "row 0, column 1$"),
    "beyond float32": (np.array([[1.0], [1e39]]), ValueError, "finite in float32, .* in row 1,"),
}


@pytest.mark.parametrize(("rows", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals(rows, error, message):
    with pytest.raises(error, match=message):
        as_embeddings(rows)
    with pytest.raises(error, match=message):
        list(embedding_batches(rows))
    with pytest.raises(error, match=message):
        bi.SignBinarizer().fit(rows)


def test_sparse_matrices_are_refused():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="must be dense, got the sparse csr_matrix"):
        as_embeddings(sparse.csr_matrix(EXPECTED))


def test_wrong_width_is_refused():
    with pytest.raises(ValueError, match=r"Q must have shape \(n, 12\), got shape \(23, 11\)"):
        as_embeddings(EXPECTED, 12, "Q")
    with pytest.raises(ValueError, match=r"X must have shape \(n, 11\), got shape \(2, 5\)"):
        list(embedding_batches(iter([EXPECTED, np.ones((2, 5))])))


def test_the_row_of_a_nan_is_counted_from_the_first_batch(monkeypatch):
    monkeypatch.setattr("bitindex.embeddings._BATCH_BYTES", 4 * 11 * 5)
    rows = EXPECTED.copy()
    rows[17, 3] = np.nan
    for source in (rows, rows.tolist(), iter([rows[:7], [], rows[7:]])):
        with pytest.raises(ValueError, match=r"in row 17, column 3$"):
            list(embedding_batches(source))


BAD_BATCHES = {
    "NaN": (np.full((1, 11), np.nan), ValueError, "in row 23, column 0$"),
    "integers": (np.ones((1, 11), int), TypeError, "must be floats, got int64"),
    "another width": (np.ones((1, 12)), ValueError, r"\(n, 11\), got shape \(1, 12\)"),
    "three dimensions": (np.ones((1, 1, 11)), ValueError, r"got shape \(1, 1, 11\)"),
    "a text": ("text", TypeError, "must be an array of floats, got str"),
}


@pytest.mark.parametrize(("batch", "error", "message"), BAD_BATCHES.values(), ids=BAD_BATCHES)
def test_a_bad_batch_adds_nothing(batch, error, message):
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(EXPECTED))
    with pytest.raises(error, match=message):
        index.add(iter([EXPECTED, batch]))
    assert len(index) == 0
    assert index.add(EXPECTED[:1]).tolist() == [0]


def test_an_error_of_the_iterator_adds_nothing():
    def batches():
        yield EXPECTED
        raise ConnectionError("gone")

    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(EXPECTED))
    with pytest.raises(ConnectionError, match="gone"):
        index.add(batches())
    assert len(index) == 0


def test_queries_are_arrays_and_nothing_else(npy):
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(EXPECTED))
    for queries in (str(npy(EXPECTED)), iter([EXPECTED])):
        with pytest.raises(TypeError, match="Q must be an array of floats, got "):
            index.search(queries)


def refused(path, error, message):
    for use in (lambda source: list(embedding_batches(source)), count_rows):
        with pytest.raises(error, match=message):
            use(path)


def test_a_path_that_does_not_exist(tmp_path):
    refused(tmp_path / "missing.npy", FileNotFoundError, "missing")
    refused(str(tmp_path / "missing.npy"), FileNotFoundError, "missing")
    refused(tmp_path, IsADirectoryError, tmp_path.name)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "rows.npz"
    np.savez(path, rows=EXPECTED)
    refused(path, ValueError, r"rows.npz must be a \.npy file of floats: ")
    for content in (b"", b"PK\x03\x04", b"1.0 2.0\n", b"\x80\x04N."):
        path.write_bytes(content)
        refused(path, ValueError, r"rows.npz must be a \.npy file of floats: ")
    with zipfile.ZipFile(path, "w"):
        pass
    refused(path, ValueError, r"rows.npz must be a \.npy file of floats: ")


def test_objects_in_a_file_are_refused_and_not_unpickled(npy):
    refused(npy(np.array([[1.0, None]])), ValueError, r"rows\.npy must be a \.npy file of floats: ")


def test_files_of_other_numbers_are_refused(npy):
    path = npy(np.ones((2, 11), int))
    with pytest.raises(TypeError, match="X must be floats, got int64"):
        list(embedding_batches(path))
    path = npy(np.float32(1))
    with pytest.raises(ValueError, match=r"must have shape \(n, d\), got shape \(\)"):
        bi.SignBinarizer().fit(path)


def test_damaged_files_are_refused(npy):
    whole = npy(EXPECTED).read_bytes()
    for length in range(0, len(whole), 7):
        path = npy(EXPECTED)
        path.write_bytes(whole[:length])
        refused(path, ValueError, r"rows\.npy must be a \.npy file of floats: ")


@pytest.mark.filterwarnings("ignore:Reading .*Python 2:UserWarning")
def test_files_with_changed_headers_are_refused_or_read(npy):
    whole = npy(EXPECTED).read_bytes()
    path = npy(EXPECTED)
    for position in range(128):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            with contextlib.suppress(ValueError, TypeError):  # no other error, and no crash
                list(embedding_batches(path))
