"""Codes of several bits a dimension: metrics "sdc1" to "sdc4", and float queries on such codes."""

import numpy as np
import pytest
from reference_index import (
    BIT_ORDERS,
    LEVEL_METRICS,
    ReferenceIndex,
    assert_same_answers,
    bits_per_dim,
    levels_of,
    make_index,
    random_codes,
)

import bitindex as bi

EVERY_METRIC = pytest.mark.parametrize("metric", LEVEL_METRICS)
EVERY_ISA = pytest.mark.parametrize("isa", bi._core.supported_isas())
LONG_WIDTHS = [10_004, 20_003, 40_001, 65_536]


def widths(metric, every=1):
    """All from 1 to 600, or one of so many, and some long ones, of those that the metric takes."""
    step = bits_per_dim(metric)
    return [*range(step, 601, every * step), *(n_bits // step * step for n_bits in LONG_WIDTHS)]


@EVERY_METRIC
@EVERY_ISA
def test_every_width(kind, metric, isa, use_isa):
    use_isa(isa)
    rng = np.random.default_rng(1)
    # How wide codes are is a matter of the scan, which all kinds share.
    for n_bits in widths(metric, every=1 if kind == "flat" else 9):
        bit_order = BIT_ORDERS[n_bits // bits_per_dim(metric) % 2]
        n = 70 if n_bits > 600 else 40
        index = make_index(kind, n_bits, metric, bit_order)
        model = ReferenceIndex(n_bits, metric, bit_order)
        codes = random_codes(rng, n, n_bits, bit_order)
        ids = rng.permutation(n)
        index.add(codes, ids)
        model.add(codes, ids)
        answers = model.answers(codes[n // 2 - 2 : n // 2 + 2])
        assert_same_answers(index.search(codes[n // 2 - 2 : n // 2 + 2], n), answers.nearest(n))
        radius = answers.distances[0, n // 3]
        got = index.range_search(codes[n // 2 - 2 : n // 2 + 2], radius)
        assert_same_answers(got, answers.within(radius))


@EVERY_METRIC
@pytest.mark.parametrize("bit_order", BIT_ORDERS)
def test_distances_by_hand(kind, metric, bit_order):
    # Numbers v of three dimensions, the first dimension first, the highest bit first.
    numbers = {
        "sdc1": [[0, 1, 1], [1, 0, 0], [1, 1, 1]],
        "sdc2": [[0, 3, 2], [3, 0, 1], [2, 2, 2]],
        "sdc3": [[0, 7, 4], [7, 0, 3], [4, 4, 4]],
        "sdc4": [[0, 15, 8], [15, 0, 7], [8, 8, 8]],
    }[metric]
    largest = 2 ** bits_per_dim(metric) - 1
    bools = [[c == "1" for v in row for c in f"{v:0{bits_per_dim(metric)}b}"] for row in numbers]
    index = make_index(kind, 3 * bits_per_dim(metric), metric, bit_order)
    codes = bi.pack(np.array(bools), bit_order=bit_order)
    index.add(codes)
    # Levels (-L, L, 1), (L, -L, -1) and (1, 1, 1), for one bit (-1, 1, 1) and so on.
    cosine = 1 / np.sqrt(3 * (2 * largest**2 + 1))
    distances, ids = index.search(codes[0], 3)
    assert ids.tolist() == [[0, 2, 1]]
    expected = np.array([[0, 1 - cosine, 2]], np.float32)
    np.testing.assert_allclose(distances, expected, rtol=1e-7)


@pytest.mark.parametrize("metric", ["sdc2", "sdc3", "sdc4"])
def test_equal_cosines_tie(kind, metric):
    # Rows that are multiples of one another: levels 1 and 3.
    rng = np.random.default_rng(2)
    n_bits = 30 * bits_per_dim(metric)
    signs = rng.random((500, 30)) < 0.5
    half = 2 ** (bits_per_dim(metric) - 1)
    for values in (signs, rng.random((500, 30)) < 0.1):
        small, large = (np.where(values, half - 1 + m, half - m) for m in (1, 2))
        places = np.arange(bits_per_dim(metric))[::-1]
        codes = [
            bi.pack((v[:, :, np.newaxis] >> places & 1).astype(bool).reshape(500, n_bits))
            for v in (small, large)
        ]
        index = make_index(kind, n_bits, metric)
        index.add(codes[1], np.arange(500) * 2)
        index.add(codes[0], np.arange(500) * 2 + 1)
        distances, ids = index.search(random_codes(rng, 20, n_bits), 1000)
        by_id = np.take_along_axis(distances, np.argsort(ids, axis=1), axis=1)
        np.testing.assert_array_equal(by_id[:, ::2], by_id[:, 1::2])
        tied = np.diff(distances, axis=1) == 0
        assert (np.diff(ids, axis=1)[tied] > 0).all()


@EVERY_METRIC
def test_a_code_is_at_distance_0_of_itself_and_2_of_its_opposite(kind, metric):
    rng = np.random.default_rng(3)
    for n_bits in (bits_per_dim(metric), 240, 1200, 60_000):
        index = make_index(kind, n_bits, metric)
        bools = rng.random((20, n_bits)) < 0.5
        index.add(bi.pack(bools))
        index.add(bi.pack(~bools))
        distances, _ = index.search(bi.pack(bools), 40)
        assert distances.dtype == np.float32
        np.testing.assert_array_equal(distances[:, 0], 0)
        np.testing.assert_array_equal(distances[:, -1], 2)


def level_weights(weights, n_level_bits):
    """Weights of bits, whose sum with signs is that of the weights of dimensions with levels."""
    places = 2.0 ** np.arange(n_level_bits)[::-1]
    return np.repeat(weights, n_level_bits, axis=1) * np.tile(places, weights.shape[1])


@EVERY_METRIC
@EVERY_ISA
@pytest.mark.parametrize("bit_order", BIT_ORDERS)
def test_float_queries(metric, isa, bit_order, use_isa):
    use_isa(isa)
    rng = np.random.default_rng(4)
    for n_bits in widths(metric, every=9):
        n = 70
        codes = random_codes(rng, n, n_bits, bit_order)
        scales, offsets = rng.uniform(0.5, 2, n), rng.normal(size=n)
        index = bi._core.FlatIndex(
            n_bits, "hamming", bit_order == "big", has_scales=True, has_offsets=True
        )
        index.add(codes, None, scales.astype(np.float32), offsets.astype(np.float32))
        levels = levels_of(metric, codes, n_bits, bit_order)
        queries = rng.normal(size=(5, levels.shape[1])) * 10.0 ** rng.integers(-20, 15, (5, 1))
        queries[1] *= rng.random(levels.shape[1]) < 0.05
        queries[2] = 0
        weights = level_weights(queries, bits_per_dim(metric)).astype(np.float32)
        scores, ids, _ = index.search_estimates(
            weights=weights,
            signs=None,
            magnitudes=None,
            k=n,
            n_candidates=0,
            vector_queries=None,
            squared_l2=False,
            filter=None,
            threads=1,
        )
        got = np.take_along_axis(scores, np.argsort(ids, axis=1), axis=1)
        together = np.pad(np.abs(weights), ((0, 0), (0, -n_bits % 16))).reshape(5, -1, 16)
        step = 2 * together.sum(axis=2).max(axis=1, keepdims=True) / 253
        rounding = 1e-5 * (np.abs(weights).sum(axis=1, keepdims=True) + np.abs(offsets))
        bound = (step / 2 * -(-n_bits // 4) + rounding) * scales
        assert (np.abs(got - (scales * (queries @ levels.T) + offsets)) <= bound + 1e-6).all()
