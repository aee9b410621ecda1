"""Bad options of constructors and searches are refused, and nothing changes."""

from fractions import Fraction

import numpy as np
import pytest
from reference_index import METRICS
from refusals import CODES, filled_index, refused

import bitindex as bi
from bitindex.index import INDEX_KINDS

index = pytest.fixture(filled_index)


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
        (object(), TypeError, "radius must be a number, got object"),
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
        ({"metric": "sdc5"}, ValueError, "sdc1, sdc2, sdc3, sdc4, got 'sdc5'"),
        ({"metric": "sdc2", "n_bits": 13}, ValueError, "n_bits must be a multiple of 2 with"),
        ({"metric": "sdc3"}, ValueError, "a multiple of 3 with metric='sdc3', got 8"),
        ({"metric": "sdc4", "n_bits": 2}, ValueError, "a multiple of 4 with metric='sdc4', got 2"),
        ({"metric": "Hamming"}, ValueError, "got 'Hamming'"),
        ({"metric": None}, TypeError, "metric must be a string, got NoneType"),
        ({"bit_order": "middle"}, ValueError, "bit_order must be one of big, little, got 'middle'"),
        ({"bit_order": 1}, TypeError, "bit_order must be a string, got int"),
    ],
)
def test_constructor(kind, arguments, error, message):
    metric = arguments.get("metric", "hamming")
    if metric in METRICS and metric not in INDEX_KINDS[kind].metrics:
        pytest.skip(f"{kind} does not search by {metric}")
    with refused(error, message):
        INDEX_KINDS[kind](**{"n_bits": 8} | arguments)


def test_range_of_n_bits(kind):
    assert INDEX_KINDS[kind](np.int64(65536)).n_bits == 65536
    assert INDEX_KINDS[kind](n_bits=1).n_bits == 1
