import numpy as np
import pytest

from bitindex.evaluate import distortion, rate_distortion_bound


def slow_bound(variances, n_bits):
    """Lower the level until the bits are used up: what rate_distortion_bound must equal."""
    low, high = 0.0, max(variances)
    for _ in range(200):
        level = (low + high) / 2
        spent = sum(max(0.0, 0.5 * np.log2(variance / level)) for variance in variances)
        low, high = (level, high) if spent > n_bits else (low, level)
    return sum(min(variance, high) for variance in variances) / sum(variances)


def rows_of_variances(variances):
    """Return rows whose variances are exactly these, along axes that are not the coordinates."""
    n_dims = len(variances)
    deviations = np.sqrt(np.asarray(variances) * n_dims)
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((n_dims, n_dims)))[0]
    return np.concatenate([np.diag(deviations), -np.diag(deviations)]) @ axes + 3.0


@pytest.mark.parametrize("n_bits", [0, 1, 2, 3, 7, 40, 300])
@pytest.mark.parametrize(
    "variances", [[1.0], [1.0, 1.0], [16.0, 4.0, 1.0, 0.25], [100.0, 1e-3, 1e-3], [3.0, 2.0, 2.0]]
)
def test_equals_slow_water_filling(variances, n_bits):
    bound = rate_distortion_bound(rows_of_variances(variances), n_bits)
    assert bound == pytest.approx(slow_bound(variances, n_bits), rel=1e-6)


@pytest.mark.parametrize(
    ("variances", "n_bits", "expected"),
    [
        ([1.0, 1.0], 4, 2.0**-4),  # two bits a direction leave a sixteenth of each
        ([16.0, 1.0], 2, (1.0 + 1.0) / 17.0),  # the first takes both bits, down to the second
        ([16.0, 1.0], 1, (4.0 + 1.0) / 17.0),  # and one bit leaves the second as it is
    ],
)
def test_known_cases(variances, n_bits, expected):
    assert rate_distortion_bound(rows_of_variances(variances), n_bits) == pytest.approx(expected)


def test_each_bit_of_white_data_leaves_its_share():
    X = rows_of_variances(np.ones(8))
    bounds = [rate_distortion_bound(X, n_bits) for n_bits in range(33)]
    np.testing.assert_allclose(bounds, 2.0 ** (-2 * np.arange(33) / 8), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8, np.int64])
def test_dtypes_and_blocks_do_not_show(monkeypatch, dtype):
    X = np.random.default_rng(1).integers(0, 20, (50, 6)).astype(dtype)
    expected = slow_bound(np.linalg.eigvalsh(np.cov(X.astype(float).T)), 9)
    assert rate_distortion_bound(X, 9) == pytest.approx(expected, rel=1e-6)
    monkeypatch.setattr(distortion, "_ELEMENTS_PER_BLOCK", 13)
    assert rate_distortion_bound(X, 9) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_directions_without_variance_take_no_bits(offset):
    X = rows_of_variances([4.0, 1.0])
    copies = np.concatenate([X, X, np.full((4, 3), 7.0)], axis=1) + offset
    for n_bits in (0, 3, 60):
        assert rate_distortion_bound(copies, n_bits) == pytest.approx(
            rate_distortion_bound(X, n_bits), rel=1e-6
        )


@pytest.mark.parametrize(
    ("X", "n_bits", "error", "message"),
    [
        ([[1.0], [2.0]], -1, ValueError, "n_bits must be at least 0, got -1"),
        ([[1.0], [2.0]], 1.5, TypeError, "n_bits must be an integer, got float"),
        ([1.0, 2.0], 1, ValueError, r"X must have shape .* got shape \(2,\)"),
        ([[True], [False]], 1, TypeError, "X must hold floats or integers .* got bool"),
        ([[1.0], [np.nan]], 1, ValueError, "X must be finite, got NaN or infinity in row 1"),
        ([[1.0, np.inf], [1.0, 2.0]], 1, ValueError, "NaN or infinity in row 0"),
        ([[0.1, 1 / 3]] * 7, 1, ValueError, "X must hold rows that differ, got 7 that do not"),
        (np.zeros((0, 3)), 1, ValueError, "X must hold rows that differ, got 0"),
    ],
)
def test_refuses(X, n_bits, error, message):
    with pytest.raises(error, match=message):
        rate_distortion_bound(X, n_bits)
