"""Kernels over floats and small integers against slow, obvious NumPy."""

import numpy as np
import pytest
import reference
from kernel_inputs import LENGTHS, at_offset

pytestmark = pytest.mark.once


def random_vector(rng, dtype, d):
    if dtype == np.int8:
        return rng.integers(-128, 128, d, dtype=np.int8)
    magnitude = 10.0 ** rng.integers(-6, 3, d)  # some are subnormal in float16
    return (rng.normal(size=d) * magnitude).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8])
@pytest.mark.parametrize("score", ["dot", "squared_l2"])
def test_scores_of_vectors(kernels, score, dtype):
    rng = np.random.default_rng(3)
    for d in [*LENGTHS, 1000]:
        for scale in (1.0, 0.0123):
            query = at_offset(rng.normal(size=d).astype(np.float32), d % 3)
            x = at_offset(random_vector(rng, dtype, d), d % 5)
            stored = x.view(np.uint16) if dtype == np.float16 else x
            got = getattr(kernels, score)(query, stored, scale)
            assert got == getattr(reference, score)(query, x, scale), f"{d=}"


@pytest.mark.parametrize("n_dims", [1, 2, 31, 64, 100])
def test_multiply_rows(kernels, n_dims):
    rng = np.random.default_rng(n_dims)
    for n_rows in (1, 2, 3, 5, 6, 7, 25):
        for n_panels in (1, 2, 5, 6, 7, 13):
            rows = at_offset(rng.normal(size=(n_rows, n_dims)).astype(np.float32), 1)
            matrix = at_offset(rng.normal(size=(n_dims, 16 * n_panels)).astype(np.float32), 3)
            expected = reference.multiply_rows(rows, matrix)
            np.testing.assert_array_equal(kernels.multiply_rows(rows, matrix, False), expected)
            panels = np.ascontiguousarray(matrix.reshape(n_dims, n_panels, 16).swapaxes(0, 1))
            np.testing.assert_array_equal(kernels.multiply_rows(rows, panels, True), expected)


@pytest.mark.parametrize("n_quads", [0, 1, 2, 31, 64, 65, 150])
def test_multiply_int8(kernels, n_quads):
    rng = np.random.default_rng(n_quads)
    for n_rows in (1, 3, 4, 5, 6, 11, 12, 25):
        for n_panels in (1, 5, 6, 7):
            # In rows that are longer than what is multiplied.
            rows = at_offset(rng.integers(0, 128, (n_rows, 4 * n_quads + 6), np.uint8), 1)
            shape = (n_panels, n_quads, 16, 4)
            matrix = at_offset(rng.integers(-127, 128, shape, np.int8), 3)
            starts = at_offset(rng.integers(-(10**6), 10**6, 16 * n_panels, np.int32), 1)
            columns = matrix.transpose(1, 3, 0, 2).reshape(4 * n_quads, 16 * n_panels)
            np.testing.assert_array_equal(
                kernels.multiply_int8(rows, matrix, starts),
                starts + rows[:, : 4 * n_quads].astype(np.int64) @ columns,
            )


def test_multiply_int8_of_the_largest_sums(kernels):
    n_quads = 2**15
    rows = np.full((3, 4 * n_quads), 127, np.uint8)
    matrix = np.full((1, n_quads, 16, 4), 127, np.int8)
    matrix[:, :, 8:] = -127
    sums = kernels.multiply_int8(rows, matrix, np.zeros(16, np.int32))
    np.testing.assert_array_equal(
        sums, [[127 * 127 * 4 * n_quads] * 8 + [-127 * 127 * 4 * n_quads] * 8] * 3
    )


def test_decide_signs(kernels):
    rng = np.random.default_rng(7)
    for n_rows in [*range(20), 100]:
        evidence = at_offset(rng.normal(size=(n_rows, 23)).astype(np.float32), n_rows % 5)
        evidence[::3, ::2] = 0
        evidence[1::3, ::2] = -0.0
        feedback = at_offset(rng.normal(size=(16, 16)).astype(np.float32), 3)
        feedback[rng.random((16, 16)) < 0.3] = 0
        fed_back = at_offset(rng.normal(size=(n_rows, 16)).astype(np.float32), 2)
        fed_back[::3] = 0
        fed_back[1::3] = -0.0
        for stretch in (1, 1.2):
            terms = evidence, fed_back, stretch, feedback
            expected = reference.decide_signs(*terms)
            for got, wanted in zip(kernels.decide_signs(*terms), expected, strict=True):
                np.testing.assert_array_equal(got, wanted, err_msg=f"{n_rows=} {stretch=}")


def test_largest_magnitude(kernels):
    rng = np.random.default_rng(7)
    for n in [*LENGTHS, 384, 1000]:
        x = at_offset(rng.normal(size=n).astype(np.float32), n % 5)
        assert kernels.largest_magnitude(x) == np.abs(x).max(initial=0), f"{n=}"
        for place in range(0, n, 7):
            x[place] = -100 - place
            assert kernels.largest_magnitude(x) == 100 + place, f"{n=} {place=}"
        if n > 0:
            x[n // 2] = -np.inf
            assert kernels.largest_magnitude(x) == np.inf, f"{n=}"
            x[n - 1] = np.nan
            assert np.isnan(kernels.largest_magnitude(x)), f"{n=}"


def test_round_bytes(kernels):
    rng = np.random.default_rng(8)
    for n in [*LENGTHS, 384, 1000]:
        x = at_offset(rng.uniform(-126, 126, n).astype(np.float32), n % 5)
        x[::3] = np.floor(x[::3]) + 0.5  # from the middle to even ones
        for factor, offset in ((1, 0), (0.5, 64), (1, 127)):
            expected = (np.rint(x * np.float32(factor)) + offset).astype(np.int16).astype(np.uint8)
            np.testing.assert_array_equal(kernels.round_bytes(x, factor, offset), expected)


def test_add_scaled(kernels):
    rng = np.random.default_rng(9)
    for n in [*LENGTHS, 384, 1000]:
        x, scales = (at_offset(rng.normal(size=n).astype(np.float32), n % 5) for _ in "xs")
        sums = at_offset(rng.integers(-(2**31), 2**31, n).astype(np.int32), 1)
        for factor in (-1, 0.3):
            expected = x + sums.astype(np.float32) * (np.float32(factor) * scales)
            np.testing.assert_array_equal(kernels.add_scaled(sums, scales, factor, x), expected)


def test_weigh_left(kernels):
    rng = np.random.default_rng(11)
    for n in [*LENGTHS, 384, 1000]:
        weights, left = (at_offset(rng.normal(size=n).astype(np.float32), n % 5) for _ in "wl")
        signs = at_offset(2 * rng.integers(0, 2, n, dtype=np.uint8), 1)
        terms = signs, weights, 0.3, left
        expected = reference.weigh_left(*terms)
        for got, wanted in zip(kernels.weigh_left(*terms), expected, strict=True):
            np.testing.assert_array_equal(got, wanted, err_msg=f"{n=}")


def test_start_flips(kernels):
    rng = np.random.default_rng(10)
    for n in [*LENGTHS, 384, 1000]:
        names = ("gradient", "along", "own", "scales", "pulls")
        terms = {name: at_offset(rng.normal(size=n).astype(np.float32), n % 5) for name in names}
        terms["signs"] = at_offset(2 * rng.integers(0, 2, n, dtype=np.uint8), 1)
        for most in (1, 3e4, 1e9):  # beyond 32767 too
            terms["scales"][: n // 2] *= most
            scalars = {"along_weight": 0.3, "pull_scale": 0.4 * most}
            expected = reference.start_flips(**terms, **scalars)
            for got, wanted in zip(kernels.start_flips(**terms, **scalars), expected, strict=True):
                np.testing.assert_array_equal(got, wanted, err_msg=f"{n=} {most=}")


@pytest.mark.parametrize("n", [32, 64, 96, 384, 544, 4128, 65536])
def test_next_flip(kernels, n):
    rng = np.random.default_rng(n)
    for most in (3, 300, 9000, 32767) if n < 65536 else (3, 32767):
        for sign in (0, -1):
            costs, row, pulls = (rng.integers(-most, most + 1, n).astype(np.int16) for _ in "crp")
            signs = rng.integers(-1, 1, n).astype(np.int16)
            costs[rng.random(n) < 0.2] = 32767
            arrays = {
                "costs": at_offset(costs, 1),
                "row": at_offset(row, 2),
                "signs": at_offset(signs, 3),
                "pulls": at_offset(pulls, 4),
            }
            for factor in (0, int(rng.integers(-32767, 32768)), 32767, -32767):
                new_costs, bit, cost = kernels.next_flip(**arrays, sign=sign, factor=factor)
                expected = reference.next_flip(**arrays, sign=sign, factor=factor)
                np.testing.assert_array_equal(new_costs, expected[0])
                assert (bit, cost) == expected[1:]


def test_next_flip_where_all_costs_are_the_largest(kernels):
    costs, zeros = np.full(96, 32767, np.int16), np.zeros(96, np.int16)
    assert kernels.next_flip(costs, zeros, 0, zeros, zeros, 0)[1:] == (0, 32767)
    costs[[40, 70]] = 32766
    assert kernels.next_flip(costs, zeros, 0, zeros, zeros, 0)[1:] == (70, 32766)


def test_hadamard(kernels):
    rng = np.random.default_rng(6)
    for n_dims in [*LENGTHS[1:], 384, 1000, 4100]:
        for n in 2 ** np.arange(int(np.log2(n_dims)) + 1):
            first = int(rng.integers(n_dims - n + 1))
            x = at_offset(rng.normal(size=n_dims).astype(np.float32), n_dims % 5)
            factors = at_offset(rng.normal(size=n_dims).astype(np.float32), 1)
            np.testing.assert_array_equal(
                kernels.hadamard(x, factors, first, n),
                reference.hadamard(x, factors, first, n),
                err_msg=f"{n_dims=} {first=} {n=}",
            )


def test_hadamard_is_that_of_sylvester(kernels):
    matrix = np.ones((1, 1))
    for n in 2 ** np.arange(1, 9):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
        columns = [kernels.hadamard(x, np.ones_like(x), 0, n) for x in np.eye(n, dtype=np.float32)]
        np.testing.assert_array_equal(columns, matrix)


@pytest.mark.parametrize("most", [0, 1, 3, 127])
def test_level_sums(kernels, most):
    rng = np.random.default_rng(most)
    for n_dims in [*LENGTHS, 1000]:
        x = at_offset(np.abs(rng.normal(size=n_dims)).astype(np.float32), n_dims % 5)
        for t in (0.0, 1.3, 40.0):
            expected = reference.level_sums(x, t, most)
            assert kernels.level_sums(x, t, most) == expected, f"{n_dims=} {t=}"
