"""Kernels over tables, and those that select by their sums, against slow, obvious NumPy."""

import numpy as np
import pytest
import reference
from kernel_inputs import LENGTHS, at_offset

pytestmark = pytest.mark.once

NOT_WRITTEN = 2**32 - 1  # stands for sums below the least one wanted
# Of the entries of a byte, and of two neighbouring bytes.
LARGEST_SUMS = [
    (0, 0),
    (1, 2),
    (8, 16),
    (36, 72),
    (127, 254),
    (200, 255),
    (255, 255),
    (128, 256),
    (255, 510),
    (256, 512),
    (510, 1020),
]


def largest_entries(rng, n_bytes, largest_byte, largest_two_bytes):
    """For each nibble; two bytes share what they may have in any proportion."""
    n_pairs = (n_bytes + 1) // 2
    first = rng.integers(largest_two_bytes - largest_byte, largest_byte + 1, n_pairs)
    of_bytes = np.stack([first, largest_two_bytes - first], axis=1).ravel()[:n_bytes]
    low = rng.integers(np.maximum(of_bytes - 255, 0), np.minimum(of_bytes, 255) + 1)
    return np.stack([low, of_bytes - low], axis=1)[:, :, np.newaxis]


@pytest.mark.parametrize("largest", LARGEST_SUMS)
def test_table_sums(kernels, largest):
    rng = np.random.default_rng(largest)
    for n_bytes in [*LENGTHS, 1000]:
        most = largest_entries(rng, n_bytes, *largest)
        tables = [
            rng.integers(0, most + 1, (n_bytes, 2, 16)).astype(np.uint8),
            np.broadcast_to(most, (n_bytes, 2, 16)).astype(np.uint8),
        ]
        for n_rows in (0, 1, 33, 64 + n_bytes % 64, 300):
            rows = at_offset(rng.integers(0, 256, (n_rows, n_bytes), dtype=np.uint8), 1)
            for table in tables:
                sums = reference.table_sums(rows, table)
                np.testing.assert_array_equal(
                    kernels.table_sums(rows, at_offset(table, 3), *largest),
                    sums,
                    err_msg=f"{n_bytes=} {n_rows=}",
                )
                least = int(rng.choice([*sums, 1])) + int(rng.integers(2))
                found = kernels.table_sums(rows, at_offset(table, 3), *largest, least)
                left_out = found == NOT_WRITTEN
                assert (sums[left_out] < least).all(), f"{n_bytes=} {n_rows=} {least=}"
                np.testing.assert_array_equal(found[~left_out], sums[~left_out])


def test_table_sums_of_the_largest_entries_do_not_overflow(kernels):
    rows = np.arange(70 * 8192, dtype=np.uint32).astype(np.uint8).reshape(70, 8192)
    table = np.full((8192, 2, 16), 255, np.uint8)
    assert set(kernels.table_sums(rows, table, 510, 1020)) == {8192 * 510}


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("shifted", [False, True])
def test_select_rows(kernels, scaled, shifted):
    rng = np.random.default_rng(2)
    for n in [*range(100), 1000]:
        sums = at_offset(rng.integers(0, 500, n, dtype=np.uint32), 1)
        for limit in (-np.inf, -1.5, 0.0, 30.0, 250.0, np.inf, np.nan):
            test = {
                "alpha": rng.choice([1.0, 0.37, -0.2]),
                "gamma": rng.choice([0.0, 7.7]),
                "beta": rng.choice([0.0, -3.3]),
                "limit": limit,
                "scale": at_offset(rng.normal(size=n).astype(np.float32), 1) if scaled else None,
                "offset": at_offset(rng.normal(size=n).astype(np.float32), 3) if shifted else None,
            }
            np.testing.assert_array_equal(
                kernels.select_rows(sums, **test), reference.select_rows(sums, **test)
            )


def test_select_rows_includes_the_limit_and_leaves_out_nan(kernels):
    sums = np.repeat(np.arange(5, dtype=np.uint32), 20)
    test = {"alpha": 1.0, "gamma": 0.0, "beta": 0.0, "limit": 2.0}
    np.testing.assert_array_equal(kernels.select_rows(sums, **test), np.arange(60))
    scale = np.full(100, np.nan, np.float32)
    assert len(kernels.select_rows(sums, **test, scale=scale)) == 0
