"""LSH and ITQ: signs of a linear map."""

import numpy as np
import pytest
import reference

import bitindex as bi

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((400, 24)) @ RNG.standard_normal((24, 24)) / 5 + 0.3).astype(np.float32)


@pytest.mark.parametrize("binarizer", [bi.LSHBinarizer(41), bi.ITQBinarizer(17)], ids=repr)
def test_bits_are_the_signs_of_products_in_a_fixed_order(binarizer):
    binarizer.fit(X)
    products = reference.multiply_rows(X - binarizer.center_, binarizer.matrix_)
    codes = binarizer.encode(X)
    np.testing.assert_array_equal(codes.packed, np.packbits(products > 0, axis=1))
    assert codes.factors is None


@pytest.mark.parametrize("n_bits", [1, 24, 100])
def test_hyperplanes(n_bits):
    binarizer = bi.LSHBinarizer(n_bits).fit(X)
    assert binarizer.matrix_.shape == (24, n_bits)
    assert binarizer.n_bits_ == n_bits
    np.testing.assert_allclose(np.linalg.norm(binarizer.matrix_, axis=0), 1, rtol=1e-6)
    mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(binarizer.center_, mean)


def test_share_of_different_bits_is_the_angle():
    directions = RNG.standard_normal((60, 24)).astype(np.float32)
    rows = np.concatenate([directions, -directions])  # their mean is 0
    binarizer = bi.LSHBinarizer(20_000).fit(rows)
    codes = binarizer.encode(directions)
    shares = bi.hamming(codes.packed, codes.packed) / binarizer.n_bits_
    units = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    angles = np.arccos(np.clip(units @ units.T, -1, 1)) / np.pi
    assert np.abs(shares - angles).max() < 5 * np.sqrt(0.25 / 20_000)


def error_of_signs(components):
    components = components / np.sqrt((components**2).mean())
    return ((np.where(components > 0, 1, -1) - components) ** 2).mean()


@pytest.mark.parametrize("n_bits", [1, 7, 24])
def test_itq_rotates_the_principal_axes(n_bits):
    binarizer = bi.ITQBinarizer(n_bits).fit(X)
    matrix = binarizer.matrix_.astype(np.float64)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(n_bits), atol=1e-5)
    directions = X - X.mean(axis=0)
    _, axes = np.linalg.eigh(directions.T @ directions)
    axes = axes[:, ::-1][:, :n_bits]
    np.testing.assert_allclose(matrix @ matrix.T, axes @ axes.T, atol=1e-4)  # the same subspace
    if n_bits > 1:
        start = bi.ITQBinarizer(n_bits, n_iter=0).fit(X)
        errors = [error_of_signs(directions @ m) for m in (axes, start.matrix_, matrix)]
        assert errors[2] < 0.95 * min(errors[:2])


def test_itq_learns_from_a_sample():
    sampled = bi.ITQBinarizer(n_train=100).fit(X)
    assert (sampled.center_ != bi.ITQBinarizer().fit(X).center_).any()
    assert np.abs(sampled.center_ - X.mean(axis=0)).max() < 1


def test_itq_ends_where_no_sign_changes():
    few = bi.ITQBinarizer(4, n_iter=2000).fit(X[:50])
    more = bi.ITQBinarizer(4, n_iter=4000).fit(X[:50])
    np.testing.assert_array_equal(few.matrix_, more.matrix_)


@pytest.mark.parametrize(
    ("binarizer", "error", "message"),
    [
        (bi.LSHBinarizer(0), ValueError, "n_bits must be >= 1, got 0"),
        (bi.LSHBinarizer(2.5), TypeError, "n_bits must be an integer, got float"),
        (bi.ITQBinarizer(25), ValueError, "n_bits must be <= 24, the dimensions of X, got 25"),
        (bi.ITQBinarizer(0), ValueError, "n_bits must be >= 1, got 0"),
        (bi.ITQBinarizer(n_iter=-1), ValueError, "n_iter must be >= 0, got -1"),
        (bi.ITQBinarizer(n_train=0), ValueError, "n_train must be >= 1, got 0"),
    ],
    ids=repr,
)
def test_refusals(binarizer, error, message):
    with pytest.raises(error, match=message):
        binarizer.fit(X)
    assert not hasattr(binarizer, "n_bits_")
