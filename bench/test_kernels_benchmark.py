"""Times of the array functions and of small searches: pytest bench --benchmark-enable."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import bitindex as bi

N_CODES = 20_000
K = 10
BITS_AS_SETS = {
    "jaccard": lambda both, a, b: both / (a + b - both),
    "dice": lambda both, a, b: 2 * both / (a + b),
    "cosine": lambda both, a, b: both / np.sqrt(a * b),
}


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


def distances_by_numpy(metric: str, queries: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the distances of the K nearest codes of each query."""
    a = np.unpackbits(queries, axis=1).astype(np.float32)
    b = np.unpackbits(codes, axis=1).astype(np.float32)
    both, a_bits, b_bits = a @ b.T, a.sum(axis=1, keepdims=True), b.sum(axis=1)
    if metric == "hamming":
        distances = a_bits + b_bits - 2 * both
    else:
        distances = 1 - BITS_AS_SETS[metric](both, a_bits, b_bits)
    return np.sort(distances, axis=1)[:, :K]


@pytest.mark.parametrize("n_queries", [1, 128])
@pytest.mark.parametrize("metric", ["hamming", *BITS_AS_SETS])
def test_search(
    benchmark: BenchmarkFixture, codes: np.ndarray, metric: str, n_queries: int
) -> None:
    index = bi.FlatIndex(8 * codes.shape[1], metric)
    index.add(codes)
    queries = codes[:n_queries] ^ np.uint8(5)
    distances, _ = benchmark(index.search, queries, K, threads=1)
    assert np.allclose(distances, distances_by_numpy(metric, queries, codes), rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_queries", [1, 128])
def test_search_floats(benchmark: BenchmarkFixture, codes: np.ndarray, n_queries: int) -> None:
    signs = np.where(np.unpackbits(codes, axis=1), 1, -1).astype(np.float32)
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(signs))
    index.add(signs)
    queries = np.random.default_rng(1).standard_normal((n_queries, signs.shape[1]), np.float32)
    scores, _ = benchmark(index.search, queries, K, threads=1)
    cosines = queries @ signs.T / np.linalg.norm(queries, axis=1, keepdims=True)
    expected = -np.sort(-cosines, axis=1)[:, :K] / np.sqrt(signs.shape[1])
    assert np.allclose(scores, expected, rtol=0, atol=0.01)
