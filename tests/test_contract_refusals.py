"""Bad input is refused at the border, says what must hold and what came, and changes nothing."""

import re
from fractions import Fraction

import numpy as np
import pytest
from reference_index import make_index

import bitindex as bi
from bitindex.index import INDEX_KINDS

CODES = np.array([[0, 0], [1, 8], [255, 248]], np.uint8)
IDS = [5, 3, 9]


@pytest.fixture
def index(kind):
    """An index of 13 bits that must be the same at the end of a test."""
    index = make_index(kind, 13)
    index.add(CODES, IDS)
    yield index
    assert len(index) == 3
    assert index.ids.tolist() == IDS
    assert index.get(IDS).tolist() == CODES.tolist()
    distances, ids = index.search([0, 0], 4)
    assert (distances.tolist(), ids.tolist()) == ([[0, 2, 13, 2**31 - 1]], [[5, 3, 9, -1]])
    assert index.add([[0, 0]]).tolist() == [10]


class NoNumber:
    pass


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
    (NoNumber(), TypeError, "must be uint8, got object"),
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


def refused(error, message):
    return pytest.raises(error, match=re.escape(message))


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


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (-1, ValueError),
        (2**63, ValueError),
        (2**70, ValueError),
        (-(2**70), ValueError),
        (True, TypeError),
        (np.True_, TypeError),
        (2.0, TypeError),
        (np.float32(2), TypeError),
        ("2", TypeError),
        ([2], TypeError),
        (np.array([2]), TypeError),
    ],
)
def test_counts(index, value, error):
    with pytest.raises(error, match=r"k must be|integer"):
        index.search(CODES, value)
    for call in (
        lambda: index.search(CODES, 2, threads=value),
        lambda: index.range_search(CODES, 2, threads=value),
        lambda: bi.set_num_threads(value),
    ):
        with pytest.raises(error, match=r"threads must be|integer"):
            call()


def test_other_counts(index):
    with refused(TypeError, "k must be an integer, got NoneType"):
        index.search(CODES, None)
    with refused(ValueError, "threads must be >= 1, got 0"):
        index.search(CODES, 2, threads=0)
    with refused(ValueError, "n_threads must be >= 1, got 0"):
        bi.set_num_threads(0)
    for k in (2**62, 2**48):  # results that no memory holds
        with pytest.raises((ValueError, MemoryError)):
            index.search(CODES, k)


@pytest.mark.parametrize(
    ("radius", "error", "message"),
    [
        (float("nan"), ValueError, "radius must be >= 0, got nan"),
        (np.float32("nan"), ValueError, "radius must be >= 0, got nan"),
        (-1, ValueError, "radius must be >= 0, got -1"),
        (-1e-30, ValueError, "radius must be >= 0, got -1e-30"),
        (float("-inf"), ValueError, "radius must be >= 0, got -inf"),
        (-(10**400), ValueError, "radius must be >= 0, got -1000"),
        ("3", TypeError, "radius must be a number, got str"),
        (b"3", TypeError, "radius must be a number, got bytes"),
        (None, TypeError, "radius must be a number, got NoneType"),
        (True, TypeError, "radius must be a number, got bool"),
        (np.True_, TypeError, "radius must be a number, got bool"),
        (2j, TypeError, "radius must be a number, got complex"),
        ([2], TypeError, "radius must be a number, got list"),
        (np.array([2.0]), TypeError, "radius must be a number, got ndarray"),
        (NoNumber(), TypeError, "radius must be a number, got NoNumber"),
    ],
)
def test_radius(index, radius, error, message):
    with refused(error, message):
        index.range_search(CODES, radius)


@pytest.mark.parametrize(
    "radius", [2, 2.0, np.float32(2), np.int8(2), np.uint64(2), np.array(2), Fraction(2), 2.9]
)
def test_radius_of_any_number(index, radius):
    assert index.range_search([0, 0], radius)[2].tolist() == [5, 3]


def test_radius_without_end(index):
    for radius in (float("inf"), 1e300, 10**400, 3.5e38):
        assert index.range_search([0, 0], radius)[2].tolist() == [5, 3, 9]


@pytest.mark.parametrize(
    ("allowed", "error", "message"),
    [
        ("abc", TypeError, "filter must be None, a bool mask over ids, an array of allowed ids"),
        ({3: 5}, TypeError, "got dict"),
        ([1.5], TypeError, "got list of float64"),
        (np.zeros(3), TypeError, "got ndarray of float64"),
        (lambda row: True, TypeError, "got function"),
        ([3, None], TypeError, "got list of object"),
        ({3, "a"}, TypeError, "'<' not supported"),
        (np.zeros(0), TypeError, "a filter of allowed ids must be integers, got float64"),
        (3, ValueError, "a filter of allowed ids must have shape (n,), got shape ()"),
        (True, ValueError, "a filter mask must have shape (n,), got shape ()"),
        (np.ones((2, 3), bool), ValueError, "a filter mask must have shape (n,), got shape (2, 3)"),
        ([[3, 5]], ValueError, "a filter of allowed ids must have shape (n,), got shape (1, 2)"),
        ([2**63], ValueError, "a filter of allowed ids must be < 2**63 - 1, got 92233720368547758"),
        (slice(-3, None), ValueError, "a filter slice must have bounds >= 0, got slice(-3, None"),
        (slice(0, 5, 0), ValueError, "slice step cannot be zero"),
        (slice(0.5, 5), TypeError, "slice indices must be integers"),
        (slice("a", "b"), TypeError, "'<' not supported"),
    ],
)
def test_filter(index, allowed, error, message):
    with refused(error, message):
        index.search(CODES, 2, filter=allowed)
    with refused(error, message):
        index.range_search(CODES, 2, filter=allowed)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_bits": 0}, ValueError, "n_bits must be >= 1, got 0"),
        ({"n_bits": -8}, ValueError, "n_bits must be >= 1, got -8"),
        ({"n_bits": 65537}, ValueError, "n_bits must be between 1 and 65536, got 65537"),
        ({"n_bits": 10**30}, ValueError, "n_bits must be"),
        ({"n_bits": 2.5}, TypeError, "n_bits must be an integer, got float"),
        ({"n_bits": 8.0}, TypeError, "n_bits must be an integer, got float"),
        ({"n_bits": "8"}, TypeError, "n_bits must be an integer, got str"),
        ({"n_bits": True}, TypeError, "n_bits must be an integer, got bool"),
        ({"n_bits": None}, TypeError, "n_bits must be an integer, got NoneType"),
        ({"metric": "euclid"}, ValueError, "metric must be one of hamming, jaccard, dice, cosine"),
        ({"metric": "Hamming"}, ValueError, "got 'Hamming'"),
        ({"metric": None}, TypeError, "metric must be a string, got NoneType"),
        ({"bit_order": "middle"}, ValueError, "bit_order must be one of big, little, got 'middle'"),
        ({"bit_order": 1}, TypeError, "bit_order must be a string, got int"),
    ],
)
def test_constructor(kind, arguments, error, message):
    with refused(error, message):
        INDEX_KINDS[kind](**{"n_bits": 8} | arguments)


def test_range_of_n_bits(kind):
    assert INDEX_KINDS[kind](np.int64(65536)).n_bits == 65536
    assert INDEX_KINDS[kind](n_bits=1).n_bits == 1
