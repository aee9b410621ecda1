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
