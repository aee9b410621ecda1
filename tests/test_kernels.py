"""Every instruction set against slow, obvious NumPy, for every length and odd addresses."""

import os
import subprocess
import sys

import numpy as np
import pytest
import reference

from bitindex import _core

ISAS = ["generic", "avx2", "avx512", "neon"]
LENGTHS = range(131)
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


@pytest.fixture(params=ISAS)
def kernels(request):
    if request.param not in _core.compiled_isas():
        pytest.skip(f"{request.param} belongs to another kind of CPU")
    if request.param not in _core.supported_isas():
        pytest.skip(f"this CPU does not support {request.param}")
    return _core.Kernels(request.param)


def at_offset(array, offset):
    """Return a copy that starts `offset` items behind where NumPy aligned its memory."""
    memory = np.empty(offset + array.size, array.dtype)
    memory[offset:] = array.ravel()
    return memory[offset:].reshape(array.shape)


def contents(rng, *shape):
    yield rng.integers(0, 256, shape, dtype=np.uint8)
    yield np.zeros(shape, np.uint8)
    yield np.full(shape, 255, np.uint8)


def test_list_of_instruction_sets():
    assert set(_core.supported_isas()) <= set(_core.compiled_isas()) <= set(ISAS)
    assert _core.supported_isas()[-1] == "generic"
    assert _core.active_isa() in _core.supported_isas()


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


def run_with_isa(name):
    code = """
from bitindex import _core
try:
    print(_core.active_isa())
except ValueError as error:
    print(error)
"""
    environment = {**os.environ, "BITINDEX_ISA": name}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def test_environment_variable_forces_an_instruction_set():
    for name in _core.supported_isas():
        assert run_with_isa(name) == name
    assert run_with_isa("") == _core.supported_isas()[0]


def test_unknown_instruction_set_is_refused_with_the_choices():
    choices = ", ".join(_core.supported_isas())
    assert run_with_isa("mmx") == f"BITINDEX_ISA=mmx is unknown; choose one of: {choices}"
    with pytest.raises(ValueError, match="choose one of"):
        _core.Kernels("mmx")
    with pytest.raises(ValueError, match="choose one of"):
        _core.use_isa("mmx")


def test_unsupported_instruction_set_is_refused_with_the_choices():
    unsupported = [name for name in _core.compiled_isas() if name not in _core.supported_isas()]
    if not unsupported:
        pytest.skip("this CPU supports every instruction set that is compiled in")
    choices = ", ".join(_core.supported_isas())
    for name in unsupported:
        assert run_with_isa(name) == (
            f"BITINDEX_ISA={name} is not supported by this CPU; choose one of: {choices}"
        )


def test_use_isa_switches():
    before = _core.active_isa()
    try:
        for name in _core.supported_isas():
            _core.use_isa(name)
            assert _core.active_isa() == name
    finally:
        _core.use_isa(before)
