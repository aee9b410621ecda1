"""Bad codes and ids are refused, the message says what must hold and came, nothing changes."""

import numpy as np
import pytest
from reference_index import make_index
from refusals import CODES, IDS, filled_index, refused

import bitindex as bi

index = pytest.fixture(filled_index)

BAD_CODES = [
    (np.zeros((2, 2), np.float32), TypeError, "must be uint8, got float32; turn floats into codes"),
    (np.zeros((2, 2), bool), TypeError, "must be uint8, got bool; pack bools"),
    (np.zeros((2, 2), np.int8), TypeError, "must be uint8, got int8"),
    (np.zeros((2, 2), np.int64), TypeError, "must be uint8, got int64"),
    (np.zeros((2, 2), np.complex64), TypeError, "must be uint8, got complex64"),
    (np.zeros((2, 2), "U1"), TypeError, "must be uint8, got <U1"),
    (np.zeros((2, 2), "V1"), TypeError, "must be uint8, got |V1"),
    (np.zeros((2, 2), object), TypeError, "must be uint8, got object"),
    (None, TypeError, "must be uint8, got object"),
    ("ab", TypeError, "must be uint8, got <U2"),
    (b"ab", TypeError, "must be uint8, got |S2"),
    (object(), TypeError, "must be uint8, got object"),
    ([[0.5, 1]], TypeError, "must be uint8, got float64"),
    ([[True, False]], TypeError, "must be uint8, got bool"),
    ([[0, 256]], ValueError, "must hold numbers in 0..255, got 0 to 256"),
    ([[-1, 3]], ValueError, "must hold numbers in 0..255, got -1 to 3"),
    ([[1, 2], [3]], ValueError, "inhomogeneous"),
    (np.zeros((2, 3), np.uint8), ValueError, "2 bytes per row (n_bits=13), got shape (2, 3)"),
    (np.zeros((2, 1), np.uint8), ValueError, "2 bytes per row (n_bits=13), got shape (2, 1)"),
    (np.zeros((2, 0), np.uint8), ValueError, "2 bytes per row (n_bits=13), got shape (2, 0)"),
    (np.zeros((0, 3), np.uint8), ValueError, "2 bytes per row (n_bits=13), got shape (0, 3)"),
    (np.zeros(16, np.uint8), ValueError, "2 bytes per row (n_bits=13), got shape (16,)"),
    (
        np.zeros((1, 2, 2), np.uint8),
        ValueError,
        "shape (n, n_bytes) or (n_bytes,), got shape (1, 2",
    ),
    (np.uint8(7), ValueError, "got shape ()"),
    (np.array([[0, 0], [0, 4]], np.uint8), ValueError, "a set padding bit in row 1"),
    (
        bi.Codes(CODES, None, 14),
        ValueError,
        "must have n_bits=13 and bit_order='big', got n_bits=14",
    ),
    (bi.Codes(CODES, None, 13, "little"), ValueError, "got n_bits=13 and bit_order='little'"),
]


@pytest.mark.parametrize(("codes", "error", "message"), BAD_CODES)
def test_codes(index, codes, error, message):
    n = 2 if isinstance(codes, np.ndarray) and len(np.shape(codes)) == 2 else 1
    calls = {
        "codes": [lambda: index.add(codes), lambda: index.update(IDS[:n], codes)],
        "queries": [lambda: index.search(codes), lambda: index.range_search(codes, 1)],
    }
    for name, functions in calls.items():
        for function in functions:
            with refused(error, message) as caught:
                function()
            if "inhomogeneous" not in message:
                assert str(caught.value).startswith(name)


@pytest.mark.parametrize("bit_order", ["big", "little"])
@pytest.mark.parametrize("n_bits", [1, 7, 9, 100])
def test_every_padding_bit(kind, n_bits, bit_order):
    index = make_index(kind, n_bits, "jaccard", bit_order)
    n_bytes = (n_bits + 7) // 8
    for bit in range(8 * n_bytes):
        bools = np.zeros(8 * n_bytes, bool)
        bools[bit] = True
        code = bi.pack(bools, bit_order=bit_order)
        if bit < n_bits:
            index.add(code)
            assert index.search(code, 1)[0].tolist() == [[0]]
            continue
        for call in (index.add, index.search, lambda code: index.range_search(code, 1)):
            with refused(ValueError, f"zero bits beyond n_bits={n_bits}, got a set padding bit"):
                call(code)
        with refused(ValueError, f"(is bit_order='{bit_order}' right?)"):
            index.update([0], code)
    assert len(index) == n_bits


BAD_IDS = [
    ([1.0, 2.0], TypeError, "ids must be integers, got float64"),
    (np.array([1, 2], np.float32), TypeError, "ids must be integers, got float32"),
    (["1", "2"], TypeError, "ids must be integers, got <U1"),
    ([True, False], TypeError, "ids must be integers, got bool"),
    ([None, 1], TypeError, "ids must be integers, got object"),
    ([1, "2"], TypeError, "ids must be integers"),
    (np.array(["2020-01-01"] * 2, "M8[D]"), TypeError, "ids must be integers, got datetime64[D]"),
    ({1, 2}, TypeError, "ids must be integers, got object"),
    (5, ValueError, "ids must have shape (n,), got shape ()"),
    ([[1], [2]], ValueError, "ids must have shape (n,), got shape (2, 1)"),
    ([1, 2**63 - 1], ValueError, "ids must be < 2**63 - 1, got 9223372036854775807"),
    ([1, 2**63], ValueError, "ids must be < 2**63 - 1, got 9223372036854775808"),
    (np.array([1, 2**64 - 1], np.uint64), ValueError, "ids must be < 2**63 - 1, got 184467440"),
    ([1, 2**64], ValueError, "ids must be < 2**63 - 1, got 18446744073709551616"),
]
BAD_NEW_IDS = [
    ([1], ValueError, "ids must have one id per row (2 rows), got 1"),
    ([1, 2, 4], ValueError, "ids must have one id per row (2 rows), got 3"),
    ([], ValueError, "ids must have one id per row (2 rows), got 0"),
    ([4, -1], ValueError, "ids must be >= 0, got -1"),
    ([4, -(2**63)], ValueError, "ids must be >= 0, got -9223372036854775808"),
    ([4, 4], ValueError, "ids must be distinct, got id 4 more than once"),
    ([4, 9], ValueError, "id 9 is already in the index"),
    ([9, 4], ValueError, "id 9 is already in the index"),
]


@pytest.mark.parametrize(("ids", "error", "message"), BAD_IDS + BAD_NEW_IDS)
def test_ids_of_new_rows(index, ids, error, message):
    with refused(error, message):
        index.add(CODES[:2], ids)


@pytest.mark.parametrize(("ids", "error", "message"), BAD_IDS)
def test_ids_of_rows(index, ids, error, message):
    unknown = isinstance(ids, list) and 2**63 - 1 in ids  # fits, but no row has it
    with pytest.raises(KeyError if unknown else error):
        index.update(ids, CODES[:2])
    with pytest.raises(KeyError if unknown else error):
        index.get(ids)
    if unknown:
        assert index.remove(ids) == 0
    else:
        with refused(error, message):
            index.remove(ids)


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([3, 4], KeyError, "id 4 is not in the index"),
        ([3, -1], KeyError, "id -1 is not in the index"),
        ([3, 3], ValueError, "ids must be distinct, got id 3 more than once"),
        ([3], ValueError, "ids must have one id per row (2 rows), got 1"),
        (None, TypeError, "ids must be integers"),
    ],
)
def test_update(index, ids, error, message):
    with refused(error, message):
        index.update(ids, CODES[1:])


def test_unknown_ids(index):
    for ids in ([4], [3, 4], [-1], [2**63 - 2]):
        with refused(KeyError, "is not in the index"):
            index.get(ids)
    assert index.remove([4, -1, 10, 2**62]) == 0
    for no_id in ("5", 5.0, None, [5], True, np.float64(5), np.array([5])):
        with pytest.raises(TypeError):
            no_id in index  # noqa: B015


@pytest.mark.parametrize(
    ("ids", "removed"), [([5, 5, 4, 5], 1), ([-1, 4, 3], 1), ([], 0), ([3, 9], 2)]
)
def test_remove_counts_rows(kind, ids, removed):
    index = make_index(kind, 13)
    index.add(CODES, IDS)
    assert index.remove(ids) == removed
    assert len(index) == 3 - removed


def test_ids_run_out(kind):
    index = make_index(kind, 8)
    index.add([[1]], [2**63 - 2])
    for n in (1, 5):
        with refused(ValueError, f"ids must be given: {n} rows need ids from {2**63 - 1} on"):
            index.add([[2]] * n)
    assert index.add([]).tolist() == []
    assert index.add([[2]], [7]).tolist() == [7]
    assert index.search([1], 3)[1].tolist() == [[2**63 - 2, 7, -1]]
