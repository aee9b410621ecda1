"""Times of the array functions: pytest bench --benchmark-enable."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import bitindex as bi

N_CODES = 20_000


@pytest.fixture(params=[128, 384, 1024], ids=lambda n_bits: f"{n_bits}bits")
def codes(request: pytest.FixtureRequest) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (N_CODES, request.param // 8), dtype=np.uint8)


def test_popcount(benchmark: BenchmarkFixture, codes: np.ndarray) -> None:
    counts = benchmark(bi.popcount, codes)
    assert np.array_equal(counts, np.unpackbits(codes, axis=1).sum(axis=1))


def test_hamming(benchmark: BenchmarkFixture, codes: np.ndarray) -> None:
    distances = benchmark(bi.hamming, codes[:16], codes)
    expected = np.unpackbits(codes[0] ^ codes, axis=1).sum(axis=1)
    assert np.array_equal(distances[0], expected)


def test_pack(benchmark: BenchmarkFixture, codes: np.ndarray) -> None:
    bits = np.unpackbits(codes, axis=1).astype(bool)
    assert np.array_equal(benchmark(bi.pack, bits), codes)
