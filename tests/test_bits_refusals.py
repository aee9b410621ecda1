"""What the array functions refuse, and what they say."""

import numpy as np
import pytest

import bitindex as bi

ORDERS = ["big", "little"]


@pytest.mark.parametrize(
    ("bools", "message"),
    [
        (np.array([[0, 1]]), r"bools must be bool, got int64; .*x\.astype\(bool\) or x > 0"),
        ([[0, 1]], r"bools must be bool, got int64; .*x\.astype\(bool\) or x > 0"),
        (np.zeros((1, 8), np.uint8), r"bools must be bool, got uint8; .*x\.astype\(bool\)"),
        (np.zeros((1, 8), np.float32), "bools must be bool, got float32; .*x > 0, or use a binar"),
        (np.zeros((0, 8)), "bools must be bool, got float64"),
        (None, "bools must be bool, got object"),
        (["a"], "bools must be bool, got <U1"),
    ],
)
def test_pack_refuses_what_is_not_bool(bools, message):
    with pytest.raises(TypeError, match=message):
        bi.pack(bools)


def test_pack_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"shape \(n, n_bits\) or \(n_bits,\), got shape \(\)"):
        bi.pack(True)
    with pytest.raises(ValueError, match=r"\(n_bits,\), got shape \(1, 2, 3\)"):
        bi.pack(np.zeros((1, 2, 3), bool))


def test_bit_order_is_big_or_little():
    with pytest.raises(ValueError, match="bit_order must be 'big' or 'little', got 'middle'"):
        bi.pack([True], bit_order="middle")
    with pytest.raises(ValueError, match="bit_order must be 'big' or 'little', got None"):
        bi.unpack([0], 8, bit_order=None)


def test_unpack_refuses_a_width_that_does_not_fit():
    message = r"codes must have 4 bytes per row \(n_bits=25\), got shape \(2, 3\)"
    with pytest.raises(ValueError, match=message):
        bi.unpack(np.zeros((2, 3), np.uint8), 25)
    with pytest.raises(ValueError, match="n_bits must be 0 or more, got -1"):
        bi.unpack([0], -1)
    with pytest.raises(TypeError, match=r"n_bits must be an integer, got 8\.0"):
        bi.unpack([0], 8.0)


@pytest.mark.parametrize("n_padding", range(1, 8))
@pytest.mark.parametrize("bit_order", ORDERS)
def test_unpack_names_the_first_row_with_a_set_padding_bit(n_padding, bit_order):
    n_bits = 24 - n_padding
    codes = bi.pack(np.ones((5, n_bits), bool), bit_order)
    for position in range(n_bits, 24):
        dirty = bi.unpack(codes, 24, bit_order)
        dirty[[2, 4], position] = True
        message = rf"the last {n_padding} bits .*n_bits={n_bits}.* got 0x[0-9a-f]{{2}} .*of row 2$"
        with pytest.raises(ValueError, match=message):
            bi.unpack(bi.pack(dirty, bit_order), n_bits, bit_order)


CODE_FUNCTIONS = [
    pytest.param(lambda x: bi.unpack(x, 8), "codes", id="unpack"),
    pytest.param(bi.popcount, "codes", id="popcount"),
    pytest.param(lambda x: bi.hamming(x, [0]), "a", id="hamming-a"),
    pytest.param(lambda x: bi.hamming([0], x), "b", id="hamming-b"),
    pytest.param(lambda x: bi.jaccard(x, [0]), "a", id="jaccard-a"),
    pytest.param(lambda x: bi.jaccard([0], x, paired=True), "b", id="jaccard-b"),
]


@pytest.mark.parametrize(("function", "name"), CODE_FUNCTIONS)
@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((1, 1), bool), r"got bool; pack bools with bitindex\.pack\(x\)"),
        ([[True]], r"got bool; pack bools with bitindex\.pack\(x\)"),
        (np.zeros((1, 1), np.float32), r"got float32; .*a binarizer or bitindex\.pack\(x > 0\)"),
        ([[0.5]], r"got float64; .*a binarizer or bitindex\.pack\(x > 0\)"),
        (np.zeros((1, 1), np.int8), r"got int8; .*x\.astype\(np\.uint8\)"),
        (np.zeros((0, 1), np.int64), r"got int64; .*x\.astype\(np\.uint8\)"),
        (np.zeros((1, 1), np.complex64), "got complex64$"),
        (b"a", r"got \|S1$"),
        (None, "got object$"),
    ],
)
def test_codes_of_another_dtype_are_refused(function, name, codes, message):
    with pytest.raises(TypeError, match=f"^{name} must be uint8, {message}"):
        function(codes)


@pytest.mark.parametrize(("function", "name"), CODE_FUNCTIONS)
@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.uint8(0), r"have shape \(n, n_bytes\) or \(n_bytes,\), got shape \(\)"),
        (np.zeros((1, 1, 1), np.uint8), r"\(n_bytes,\), got shape \(1, 1, 1\)"),
        ([[256]], r"hold numbers in 0\.\.255, got 256 to 256"),
        ([[3], [-1]], r"hold numbers in 0\.\.255, got -1 to 3"),
        ([2**63], r"hold numbers in 0\.\.255, got 9223372036854775808 to 9223372036854775808"),
        (
            np.broadcast_to(np.uint8(0), (1, 2**28)),
            r"have fewer than 268435456 bytes per row, got shape \(1, 268435456\)",
        ),
    ],
)
def test_codes_of_another_shape_or_range_are_refused(function, name, codes, message):
    with pytest.raises(ValueError, match=f"^{name} must .*{message}"):
        function(codes)


@pytest.mark.parametrize("distance", [bi.hamming, bi.jaccard])
@pytest.mark.parametrize("paired", [False, True])
def test_codes_of_different_widths_are_refused(distance, paired):
    message = "^a and b must have the same number of bytes per row, got 32 and 16$"
    with pytest.raises(ValueError, match=message):
        distance(np.zeros((3, 32), np.uint8), np.zeros((4, 16), np.uint8), paired=paired)


@pytest.mark.parametrize("distance", [bi.hamming, bi.jaccard])
def test_pairs_need_as_many_rows_on_both_sides(distance):
    message = r"^a and b must have the same number of rows \(paired=True\), got 3 and 1$"
    with pytest.raises(ValueError, match=message):
        distance(np.zeros((3, 2), np.uint8), np.zeros(2, np.uint8), paired=True)
    with pytest.raises(TypeError):
        distance([0], [0], True)  # paired is a keyword
