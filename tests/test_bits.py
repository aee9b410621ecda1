"""The array functions against slow, obvious NumPy."""

import doctest
import hashlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitindex as bi

FUNCTIONS = [bi.pack, bi.unpack, bi.popcount, bi.hamming, bi.jaccard]
ORDERS = ["big", "little"]
WIDTHS = [*range(70), 95, 96, 127, 128, 129, 255, 256, 257, 1000]
ISAS = ["generic", "avx2", "avx512", "neon"]


def random_bools(*shape, seed=0, density=0.5):
    return np.random.default_rng(seed).random(shape) < density


def random_codes(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def bits(codes):
    return np.unpackbits(codes, axis=-1).astype(np.int32)


def reference_hamming(a, b):
    return (bits(a)[:, None] != bits(b)[None]).sum(axis=2, dtype=np.int32)


def reference_jaccard(a, b):
    intersection = (bits(a)[:, None] & bits(b)[None]).sum(axis=2)
    union = (bits(a)[:, None] | bits(b)[None]).sum(axis=2)
    different = (union - intersection).astype(np.float32)
    return different / np.maximum(union, 1).astype(np.float32)


def assert_same(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.flags.c_contiguous
    np.testing.assert_array_equal(actual, expected)


# ---- pack and unpack


@pytest.mark.parametrize("bit_order", ORDERS)
@pytest.mark.parametrize("n_bits", range(201))
def test_pack_is_packbits_and_unpack_its_inverse(n_bits, bit_order):
    bools = random_bools(7, n_bits, seed=n_bits)
    codes = bi.pack(bools, bit_order)
    assert_same(codes, np.packbits(bools, axis=1, bitorder=bit_order))
    assert_same(bi.unpack(codes, n_bits, bit_order), bools)


@given(
    hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=40)),
    st.sampled_from(ORDERS),
)
def test_unpack_gives_back_what_pack_got(bools, bit_order):
    codes = bi.pack(bools, bit_order=bit_order)
    assert_same(bi.unpack(codes, bools.shape[1], bit_order=bit_order), bools)
    np.testing.assert_array_equal(bi.popcount(codes), bools.sum(axis=1))


def test_pack_defaults_to_the_big_bit_order():
    assert_same(bi.pack([[True] + 7 * [False]]), np.array([[128]], np.uint8))
    assert_same(bi.pack([[True] + 7 * [False]], "little"), np.array([[1]], np.uint8))


@pytest.mark.parametrize(
    ("bools", "shape"),
    [
        ([True, False, True], (1, 1)),
        ([[True] * 9, [False] * 9], (2, 2)),
        ((True,), (1, 1)),
        ([], (1, 0)),
        ([[], []], (2, 0)),
        (np.zeros((0, 9), bool), (0, 2)),
        (np.zeros((3, 0), bool), (3, 0)),
        (np.zeros(0, bool), (1, 0)),
    ],
)
def test_pack_always_gives_rows(bools, shape):
    codes = bi.pack(bools)
    assert codes.dtype == np.uint8
    assert codes.shape == shape


@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_unpack_of_no_rows_or_no_bits(n_rows):
    assert_same(bi.unpack(np.zeros((n_rows, 0), np.uint8), 0), np.zeros((n_rows, 0), bool))
    assert_same(bi.unpack(np.zeros((n_rows, 2), np.uint8), 12), np.zeros((n_rows, 12), bool))
    assert_same(bi.unpack([160], 3), np.array([[True, False, True]]))


@pytest.mark.parametrize(
    "view",
    [
        np.asfortranarray,
        lambda x: x[::-1],
        lambda x: x[:, ::-1],
        lambda x: x[::2, 1::3],
        lambda x: np.broadcast_to(x[:1], x.shape),
        lambda x: x.T,
    ],
)
def test_any_memory_layout_is_accepted(view):
    bools = view(random_bools(24, 24))
    bools.setflags(write=False)
    assert_same(bi.pack(bools), np.packbits(np.ascontiguousarray(bools), axis=1))

    a = view(random_codes(24, 24, seed=1))
    b = view(random_codes(24, 24, seed=2))
    a.setflags(write=False)
    assert_same(bi.popcount(a), bits(a).sum(axis=1, dtype=np.int32))
    assert_same(bi.hamming(a, b), reference_hamming(a, b))
    assert_same(bi.jaccard(a, b), reference_jaccard(a, b))
    assert_same(bi.hamming(a, b, paired=True), np.diag(reference_hamming(a, b)).copy())
    np.testing.assert_array_equal(bi.unpack(a, 8 * a.shape[1]), bits(a))


# ---- popcount, hamming, jaccard


@pytest.mark.parametrize("n_bytes", WIDTHS)
def test_counts_and_distances_are_those_of_the_bits(n_bytes):
    a = random_codes(5, n_bytes, seed=1)
    b = random_codes(37, n_bytes, seed=2)
    a[0] = b[0] = 0
    a[1] = b[1] = 255
    assert_same(bi.popcount(b), bits(b).sum(axis=1, dtype=np.int32))
    assert_same(bi.hamming(a, b), reference_hamming(a, b))
    assert_same(bi.jaccard(a, b), reference_jaccard(a, b))
    assert_same(bi.hamming(a, b[:5], paired=True), np.diag(reference_hamming(a, b)).copy())
    assert_same(bi.jaccard(a, b[:5], paired=True), np.diag(reference_jaccard(a, b)).copy())


@pytest.mark.parametrize(("n_a", "n_b", "n_bytes"), [(70, 3, 8), (65, 9000, 16), (33, 5, 9000)])
def test_all_pairs_of_more_than_one_block(n_a, n_b, n_bytes):
    a = random_codes(n_a, n_bytes, seed=1)
    b = random_codes(n_b, n_bytes, seed=2)
    rows = [0, n_a // 2, n_a - 1]
    columns = [0, n_b // 2, n_b - 1]
    expected = reference_hamming(a[rows], b[columns])
    assert_same(bi.hamming(a, b)[np.ix_(rows, columns)], expected)
    np.testing.assert_array_equal(bi.hamming(a, b), [bi.hamming(row, b)[0] for row in a])
    np.testing.assert_array_equal(bi.hamming(a, b), bi.hamming(b, a).T)
    np.testing.assert_array_equal(bi.jaccard(a, b), [bi.jaccard(row, b)[0] for row in a])
    assert_same(bi.jaccard(a, b)[np.ix_(rows, columns)], reference_jaccard(a[rows], b[columns]))


def test_pairs_of_more_than_one_run():
    a = random_codes(9000, 512, seed=1)
    b = random_codes(9000, 512, seed=2)
    different = np.bitwise_xor(a, b)
    assert_same(bi.hamming(a, b, paired=True), bi.popcount(different))
    union = bi.popcount(a | b).astype(np.float32)
    assert_same(bi.jaccard(a, b, paired=True), bi.popcount(different).astype(np.float32) / union)


@pytest.mark.parametrize("distance", [bi.hamming, bi.jaccard])
def test_shapes_never_depend_on_the_number_of_rows(distance):
    dtype = {bi.hamming: np.int32, bi.jaccard: np.float32}[distance]
    one = np.zeros(4, np.uint8)
    assert distance(one, one).shape == (1, 1)
    assert distance(one, one, paired=True).shape == (1,)
    for n_bytes in (0, 4):
        for n_a in (0, 1, 2):
            a = np.zeros((n_a, n_bytes), np.uint8)
            assert_same(distance(a, a, paired=True), np.zeros(n_a, dtype))
            assert_same(bi.popcount(a), np.zeros(n_a, np.int32))
            for n_b in (0, 1, 3):
                b = np.zeros((n_b, n_bytes), np.uint8)
                assert_same(distance(a, b), np.zeros((n_a, n_b), dtype))
    assert bi.popcount(one).shape == (1,)


@st.composite
def three_codes(draw):
    n_bytes = draw(st.integers(0, 40))
    return draw(hnp.arrays(np.uint8, (3, n_bytes)))


@given(three_codes())
def test_hamming_and_jaccard_are_metrics(codes):
    hamming = bi.hamming(codes, codes)
    jaccard = bi.jaccard(codes, codes)
    for distances, rounding in ((hamming, 0), (jaccard, 1e-6)):
        np.testing.assert_array_equal(distances, distances.T)
        np.testing.assert_array_equal(np.diag(distances), 0)
        assert distances[0, 2] <= distances[0, 1] + distances[1, 2] + rounding
    for i, j in ((0, 1), (1, 2), (0, 2)):
        equal = bool((codes[i] == codes[j]).all())
        assert (hamming[i, j] == 0) == (jaccard[i, j] == 0) == equal


@given(three_codes())
def test_jaccard_is_that_of_the_sets_of_set_bits(codes):
    sets = [set(np.flatnonzero(row)) for row in bits(codes)]
    expected = [
        [np.float32(len(x ^ y)) / np.float32(len(x | y)) if x | y else 0 for y in sets]
        for x in sets
    ]
    assert_same(bi.jaccard(codes, codes), np.array(expected, np.float32))


def test_lists_of_numbers_are_codes():
    assert_same(bi.popcount([[255, 1], [0, 3]]), np.array([9, 2], np.int32))
    assert_same(bi.popcount((255, 1)), np.array([9], np.int32))
    assert_same(bi.popcount([np.uint8(3), np.uint8(1)]), np.array([3], np.int32))
    assert_same(bi.popcount([]), np.array([0], np.int32))
    assert_same(bi.popcount([[], []]), np.array([0, 0], np.int32))
    assert_same(bi.popcount(bytearray(b"\xff\x01")), np.array([9], np.int32))


def test_objects_that_convert_to_uint8_arrays_are_codes():
    class Codes:
        def __array__(self, dtype=None, copy=None):
            return np.array([[255, 1]], np.uint8)

    assert_same(bi.popcount(Codes()), np.array([9], np.int32))


def test_torch_tensors_are_codes():
    torch = pytest.importorskip("torch")
    codes = torch.tensor([[255, 1]], dtype=torch.uint8)
    assert_same(bi.popcount(codes), np.array([9], np.int32))
    assert_same(bi.hamming(codes, codes), np.array([[0]], np.int32))
    assert_same(bi.pack(torch.tensor([True])), np.array([[128]], np.uint8))


# ---- One result on every instruction set, threads, Ctrl-C, documentation


def fingerprint():
    digest = hashlib.sha256()
    for n_bytes in WIDTHS:
        a = random_codes(5, n_bytes, seed=1)
        b = random_codes(37, n_bytes, seed=2) & random_codes(37, n_bytes, seed=3)
        for result in (bi.popcount(b), bi.hamming(a, b), bi.jaccard(a, b)):
            digest.update(result.tobytes())
    return digest.hexdigest()


def run_python(code, isa):
    path = [str(Path(bi.__file__).parent.parent), str(Path(__file__).parent)]
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "BITINDEX_ISA": isa, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("isa", ISAS)
def test_every_instruction_set_gives_the_same_results(isa):
    child = run_python("import test_bits; print(test_bits.fingerprint())", isa)
    if isa != "generic" and "choose one of" in child.stderr:
        pytest.skip(f"{isa} cannot run here")
    assert child.returncode == 0, child.stderr
    assert child.stdout.strip() == fingerprint()


def test_an_unknown_instruction_set_is_reported_at_first_use():
    child = run_python(
        "import bitindex as bi\n"
        "print(bi.pack([True]))\n"
        "for call in (bi.popcount, lambda x: bi.hamming(x, x), lambda x: bi.jaccard(x, x)):\n"
        "    try:\n"
        "        call([1])\n"
        "    except ValueError as error:\n"
        "        print(error)\n",
        isa="sse9",
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.count("BITINDEX_ISA=sse9 is unknown; choose one of: ") == 3


def test_threads_share_nothing():
    b = random_codes(500, 32, seed=1)
    queries = [random_codes(50, 32, seed=seed) for seed in range(2, 10)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda a: bi.hamming(a, b), queries))
    for a, result in zip(queries, results, strict=True):
        np.testing.assert_array_equal(result, bi.hamming(a, b))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
@pytest.mark.parametrize("distance", [bi.hamming, bi.jaccard])
def test_a_signal_stops_all_pairs(distance):
    class Stopped(BaseException):
        pass

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Stopped

    codes = np.zeros((3000, 8192), np.uint8)  # 74 GB of comparisons
    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Stopped):
            distance(codes, codes)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_examples_of_the_documentation(function):
    examples = doctest.DocTestParser().get_doctest(
        function.__doc__, {}, function.__name__, None, None
    )
    assert examples.examples
    assert doctest.DocTestRunner().run(examples).failed == 0
