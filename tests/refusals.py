"""What the tests of refusals share."""

import re

import numpy as np
import pytest
from reference_index import make_index

CODES = np.array([[0, 0], [1, 8], [255, 248]], np.uint8)
IDS = [5, 3, 9]


def filled_index(kind):
    """Fixture: an index of 13 bits that must be the same at the end of a test."""
    index = make_index(kind, 13)
    index.add(CODES, IDS)
    yield index
    assert len(index) == 3
    assert index.ids.tolist() == IDS
    assert index.get(IDS).tolist() == CODES.tolist()
    distances, ids = index.search([0, 0], 4)
    assert (distances.tolist(), ids.tolist()) == ([[0, 2, 13, 2**31 - 1]], [[5, 3, 9, -1]])
    assert index.add([[0, 0]]).tolist() == [10]


def refused(error, message):
    return pytest.raises(error, match=re.escape(message))
