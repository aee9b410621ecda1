"""The core's functions for binarizers against slow, obvious NumPy."""

import numpy as np
import pytest
import reference

from bitindex import _core

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("isa", _core.supported_isas())
@pytest.mark.parametrize("n_columns", [1, 15, 16, 17, 48, 100, 112])
@pytest.mark.parametrize("n_rows", [0, 1, 15, 16, 17, 300])
def test_products(n_rows, n_columns, isa, use_isa):
    use_isa(isa)
    for n_dims in (1, 7, 40):
        rows, center, matrix = floats(n_rows, n_dims), floats(n_dims), floats(n_dims, n_columns)
        for threads in (0, 1, 3):
            np.testing.assert_array_equal(
                _core.project(rows, None, matrix, threads), reference.multiply_rows(rows, matrix)
            )
            np.testing.assert_array_equal(
                _core.project(rows, center, matrix, threads),
                reference.multiply_rows(rows - center, matrix),
            )


def test_products_of_many_rows_and_threads():
    rows, matrix = floats(3000, 300), floats(300, 33)
    expected = reference.multiply_rows(rows, matrix)
    for threads in (1, 2, 8):
        np.testing.assert_array_equal(_core.project(rows, None, matrix, threads), expected)


def blocks(n_blocks, n_in, n_hidden, n_out, shortcut):
    shapes = (n_in, n_hidden), (n_hidden,), (n_hidden + shortcut * n_in, n_out), (n_out,)
    return tuple(floats(n_blocks, *shape) for shape in shapes)


@pytest.mark.parametrize("isa", _core.supported_isas())
@pytest.mark.parametrize("shortcut", [True, False])
@pytest.mark.parametrize(
    ("n_dims", "n_hidden", "code_dim", "values"),
    [(16, 32, 16, [2, 1]), (19, 17, 23, [8, 4, 2, 1]), (7, 1, 1, [1]), (40, 24, 33, [1, 1])],
)
def test_recurrent_codes(n_dims, n_hidden, code_dim, values, shortcut, isa, use_isa):
    use_isa(isa)
    values = np.array(values, np.float32)
    to_code = blocks(len(values), n_dims, n_hidden, code_dim, shortcut)
    to_row = blocks(len(values) - 1, code_dim, n_hidden, n_dims, shortcut)
    rows = floats(530, n_dims)
    rows[5], rows[6], rows[7] = 0, 1e-30, 1e30
    for n_rows in (0, 1, 15, len(rows)):
        signs, levels = reference.recurrent_codes(rows[:n_rows], to_code, to_row, values)
        for threads in (0, 1, 3):
            found = _core.encode_recurrent(rows[:n_rows], to_code, to_row, values, threads)
            np.testing.assert_array_equal(found[0], signs)
            np.testing.assert_array_equal(found[1], levels)


def test_blocks_that_do_not_fit_are_refused():
    rows, values = floats(5, 7), np.array([2, 1], np.float32)
    to_code, to_row = blocks(2, 7, 4, 3, True), blocks(1, 3, 4, 7, True)
    _core.encode_recurrent(rows, to_code, to_row, values, 1)
    for blocks_of in (to_code, to_row):
        for part in range(4):
            wrong = list(blocks_of)
            wrong[part] = wrong[part][..., 1:].copy()
            pair = (wrong, to_row) if blocks_of is to_code else (to_code, wrong)
            with pytest.raises(ValueError, match="must "):
                _core.encode_recurrent(rows, *pair, values, 1)
    for bad_rows, bad_values in (
        (floats(5, 6), values),
        (rows[0], values),
        (rows, values[:1]),
        (rows, np.zeros(0, np.float32)),
        (rows[:, :0].copy(), values),
    ):
        with pytest.raises(ValueError, match="must "):
            _core.encode_recurrent(bad_rows, to_code, to_row, bad_values, 1)
    with pytest.raises(TypeError):
        _core.encode_recurrent(rows, to_code[:3], to_row, values, 1)
    with pytest.raises(TypeError):
        _core.encode_recurrent(rows.astype(np.float64), to_code, to_row, values, 1)


def test_arrays_that_do_not_fit_are_refused():
    rows, center, matrix, signs = floats(5, 7), floats(7), floats(7, 3), floats(4, 7)
    for bad in (
        lambda: _core.project(rows, None, floats(6, 3), 1),
        lambda: _core.project(rows, floats(6), matrix, 1),
        lambda: _core.project(rows[0], None, matrix, 1),
        lambda: _core.rotate(rows, None, floats(4, 6), False, 1),
        lambda: _core.rotate(rows, None, signs[:3].copy(), False, 1),
        lambda: _core.rotate(rows[:, :0].copy(), None, signs[:, :0].copy(), False, 1),
        lambda: _core.rotate(rows, floats(8), signs, False, 1),
        lambda: _core.encode_levels(rows, center, signs, 0, False, 1),
        lambda: _core.encode_levels(rows, center, signs, 9, False, 1),
        lambda: _core.encode_levels(rows, center, floats(4, 8), 1, False, 1),
    ):
        with pytest.raises(ValueError, match="must "):
            bad()
    for bad in (
        lambda: _core.project(rows.astype(np.float64), None, matrix, 1),
        lambda: _core.project(rows, None, matrix.T, 1),
        lambda: _core.rotate(rows[:, ::2], None, signs, False, 1),
    ):
        with pytest.raises(TypeError):
            bad()
