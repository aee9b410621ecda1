"""Kernels over bits and their counts against slow, obvious NumPy."""

import numpy as np
import pytest
import reference
from kernel_inputs import LENGTHS, at_offset, contents

pytestmark = pytest.mark.once


def test_counts(kernels):
    rng = np.random.default_rng(1)
    for n_bytes in LENGTHS:
        for n_rows in (0, 1, 9, 40):
            query = at_offset(rng.integers(0, 256, n_bytes, dtype=np.uint8), n_rows % 2)
            for rows in contents(rng, n_rows, n_bytes):
                rows = at_offset(rows, n_bytes % 8 + 1)
                got = [
                    kernels.popcount_rows(rows),
                    kernels.xor_count_rows(query, rows),
                    kernels.and_count_rows(query, rows),
                ]
                expected = [reference.popcount(x) for x in (rows, query ^ rows, query & rows)]
                np.testing.assert_array_equal(got, expected, err_msg=f"{n_bytes=} {n_rows=}")


def test_count_words(kernels):
    rng = np.random.default_rng(5)
    for n_bytes in [*LENGTHS[1:], 512]:
        for n_rows in (0, 1, 8, 9, 40, 71):
            query = at_offset(rng.integers(0, 256, n_bytes, dtype=np.uint8), n_rows % 3)
            for rows in contents(rng, n_rows, n_bytes):
                np.testing.assert_array_equal(
                    kernels.count_words(query, at_offset(rows, n_bytes % 8 + 1)),
                    reference.popcount(query ^ rows),
                    err_msg=f"{n_bytes=} {n_rows=}",
                )


def test_count_listed_words(kernels):
    rng = np.random.default_rng(6)
    for n_bytes in (1, 8, 15, 32, 256):
        query = at_offset(rng.integers(0, 256, n_bytes, dtype=np.uint8), n_bytes % 3)
        rows = rng.integers(0, 256, (8 * 11, n_bytes), dtype=np.uint8)
        blocks = reference.popcount(query ^ rows).reshape(11, 8)
        for n_listed in (*range(10), 40):
            listed = rng.integers(0, 11, n_listed, dtype=np.uint32)
            np.testing.assert_array_equal(
                kernels.count_listed_words(query, rows, listed),
                blocks[listed].ravel(),
                err_msg=f"{n_bytes=} {n_listed=}",
            )


def test_first_least(kernels):
    rng = np.random.default_rng(6)
    for n in [*range(1, 200), 1000]:
        for largest in (1, 5, 2**31):
            numbers = at_offset(rng.integers(0, largest, n, dtype=np.uint32), n % 4)
            assert kernels.first_least(numbers) == np.argmin(numbers), f"{n=}"


def test_rank_bound(kernels):
    rng = np.random.default_rng(7)
    lanes = 64
    for n in [*range(1, 200, 3), 1000]:
        for largest in (1, 2, 5, 255, 256, 257, 2**30 - 1):
            counts = at_offset(rng.integers(0, largest, n, dtype=np.uint32, endpoint=True), n % 4)
            least = sorted(counts[lane::lanes].min() for lane in range(min(n, lanes)))
            for rank in {1, len(least) // 3 + 1, len(least)}:
                bound = kernels.rank_bound(counts, rank, largest)
                assert bound == least[rank - 1], f"{n=} {largest=} {rank=}"


def test_select_at_most(kernels):
    rng = np.random.default_rng(8)
    for n in [*range(100), 1000]:
        for largest in (1, 40, 2**31 - 2):
            counts = at_offset(rng.integers(0, largest, n, dtype=np.uint32, endpoint=True), n % 4)
            for most in {0, largest // 7, largest}:
                np.testing.assert_array_equal(
                    kernels.select_at_most(counts, most), np.flatnonzero(counts <= most)
                )


def test_weigh_bits(kernels):
    rng = np.random.default_rng(9)
    for n_bytes in [*range(1, 20), 32, 63, 64, 65, 129]:
        code = at_offset(rng.integers(0, 256, n_bytes, dtype=np.uint8), n_bytes % 5)
        weights = at_offset(rng.integers(-128, 128, 5 * 8 * n_bytes, dtype=np.int8), n_bytes % 3)
        rows = np.array([3, 0, 4, 4], np.uint32)
        bits = np.unpackbits(code, bitorder="little")
        np.testing.assert_array_equal(
            kernels.weigh_bits(code, weights, rows),
            weights.reshape(5, -1)[rows].astype(np.int32) @ bits.astype(np.int32),
            err_msg=f"{n_bytes=}",
        )


@pytest.mark.parametrize("common", [False, True])
@pytest.mark.parametrize("n_queries", [1, 2, 3, 4])
def test_rows_within(kernels, n_queries, common):
    rng = np.random.default_rng(4)
    for n_bytes in [*LENGTHS[1:], 1000, 8192]:
        n_rows = 70 if n_bytes > 130 else int(rng.integers(1, 600))
        for share in (0.03, 0.5, 1.0):
            bits = rng.random((n_rows, 8 * n_bytes)) < share
            rows = np.packbits(bits, axis=1)
            # Some queries resemble each other, a row or its opposite.
            queries = rows[rng.integers(n_rows, size=n_queries)] ^ np.packbits(
                rng.random((n_queries, 8 * n_bytes)) < rng.choice([0.0, 0.1, 0.5, 0.9]), axis=1
            )
            counts = reference.count_bits(queries[0], rows, common)
            bounds = rng.choice([*counts, 0, 4 * n_bytes, 8 * n_bytes], n_queries)
            bounds += rng.integers(-1, 2, n_queries)
            found = kernels.rows_within(queries, at_offset(rows, 1), common, bounds.tolist())
            expected = reference.rows_within(queries, rows, common, bounds)
            for positions, expected_positions in zip(found, expected, strict=True):
                np.testing.assert_array_equal(
                    positions, expected_positions, err_msg=f"{n_bytes=} {n_rows=} {share=}"
                )
