import numpy as np
import pytest
import reference

import bitindex as bi
from bitindex import _core
from bitindex.evaluate import exact_search, ndcg_at_k, recall_at_k

RNG = np.random.default_rng(0)
DIMS = [1, 2, 3, 5, 16, 17, 31, 64, 100, 384, 600]


def rows_of(n_dims, n_rows=50, seed=0):
    rows = np.random.default_rng(seed).standard_normal((n_rows, n_dims)) + 0.3
    return rows.astype(np.float32)


def rotated(rows, signs):
    """The rotation that csrc/encode/rotation.h describes."""
    n_dims = rows.shape[1]
    n = 1 << (n_dims.bit_length() - 1)
    scale = np.float32(1) / np.sqrt(np.float32(n))
    for i, round_signs in enumerate(signs):
        first = 0 if i % 2 == 0 else n_dims - n
        factors = round_signs.copy()
        if i == 2 and n < n_dims:
            second = np.arange(n_dims // 4, n_dims // 2)
            last = second + (n_dims + 1) // 2
            rows = rows.copy()
            rows[:, [*second, *last]] = rows[:, [*last, *second]]
        factors[first : first + n] *= scale
        rows = np.stack([reference.hadamard(row, factors, first, n) for row in rows])
    return rows


def levels_of(codes, n_bits_per_dim):
    bits = bi.unpack(codes.packed, codes.n_bits).reshape(len(codes), -1, n_bits_per_dim)
    numbers = bits @ (1 << np.arange(n_bits_per_dim)[::-1])
    return 2 * numbers - (2**n_bits_per_dim - 1)


def cosines(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("isa", _core.supported_isas())
@pytest.mark.parametrize("n_dims", DIMS)
def test_the_rotation(n_dims, isa, use_isa):
    use_isa(isa)
    X = rows_of(n_dims)
    binarizer = bi.RotationBinarizer(center=False).fit(X)
    got = binarizer.query_weights(X)
    np.testing.assert_array_equal(got, rotated(X, binarizer.signs_))
    matrix = binarizer.query_weights(np.eye(n_dims, dtype=np.float32)).astype(np.float64)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(n_dims), atol=2e-6)
    back = _core.rotate(got, None, binarizer.signs_, True, 1)
    np.testing.assert_allclose(back, X, atol=1e-5)


@pytest.mark.parametrize("n_dims", [100, 128, 129, 384, 500, 511])
def test_the_rotation_mixes_all_dimensions(n_dims):
    second_moments, fourth_moments = [], []
    for seed in range(20):
        binarizer = bi.RotationBinarizer(center=False, random_state=seed).fit(rows_of(n_dims))
        # Rows that stand for one dimension each, or for a part of them.
        rows = np.eye(n_dims, dtype=np.float32)
        rows[0, : n_dims // 2] = 1 / np.sqrt(n_dims // 2)
        rows[-1, n_dims // 2 :] = 1 / np.sqrt(n_dims - n_dims // 2)
        rotated = binarizer.query_weights(rows) * np.sqrt(n_dims)
        second_moments.append(rotated**2)
        fourth_moments.append((rotated**4).mean(axis=1))
    # 1 and 3 for a dense random rotation of many dimensions.
    assert np.abs(np.mean(fourth_moments, axis=0) - 3).max() < 0.5
    parts = np.array_split(np.mean(second_moments, axis=0), 4, axis=1)
    assert np.abs(np.array([part.mean(axis=1) for part in parts]) - 1).max() < 0.25


@pytest.mark.parametrize("n_dims", DIMS)
def test_one_bit_is_the_sign(n_dims):
    X = rows_of(n_dims)
    binarizer = bi.RotationBinarizer(error_factor=True).fit(X)
    codes = binarizer.encode(X)
    r = binarizer.query_weights(X - binarizer.center_)
    np.testing.assert_array_equal(codes.packed, np.packbits(r > 0, axis=1))


@pytest.mark.parametrize("n_bits_per_dim", range(1, 9))
@pytest.mark.parametrize("n_dims", DIMS)
def test_factors(n_dims, n_bits_per_dim):
    X = rows_of(n_dims)
    binarizer = bi.RotationBinarizer(n_bits_per_dim, error_factor=True).fit(X)
    codes = binarizer.encode(X)
    assert codes.n_bits == n_dims * n_bits_per_dim
    assert codes.bytes_per_code == (codes.n_bits + 7) // 8 + 8
    r = (X - binarizer.center_).astype(np.float64)
    levels = levels_of(codes, n_bits_per_dim).astype(np.float32)
    # Levels turned back, as double precision and exact.
    levels = _core.rotate(levels, None, binarizer.signs_, True, 1).astype(np.float64)
    products, squares = (r * levels).sum(1), (r * r).sum(1)
    np.testing.assert_allclose(codes.factors[:, 0], squares / products, rtol=2e-4)
    spread = squares * (levels**2).sum(1) / products**2 - 1
    errors = np.sqrt(squares * np.maximum(spread, 0) / max(n_dims - 1, 1))
    np.testing.assert_allclose(codes.factors[:, 1], errors, rtol=2e-2, atol=2e-3)
    plain = bi.RotationBinarizer(n_bits_per_dim).fit(X).encode(X)
    np.testing.assert_array_equal(plain.factors, codes.factors[:, :1])


def best_cosine(row, n_bits_per_dim):
    """Of all levels round(t |r|) for any t, by trying every t where a level changes."""
    magnitudes = np.abs(row).astype(np.float64)
    most = 2 ** (n_bits_per_dim - 1) - 1
    critical = (np.arange(1, most + 1)[:, np.newaxis] / magnitudes).ravel()
    best = 0.0
    for t in [0.0, *(critical * (1 + 1e-9))]:
        levels = 2 * np.minimum(np.floor(t * magnitudes), most) + 1
        best = max(best, (levels @ magnitudes) / np.linalg.norm(levels))
    return best / np.linalg.norm(magnitudes)


@pytest.mark.parametrize("n_bits_per_dim", [2, 3, 4, 6])
def test_levels_have_nearly_the_best_cosine(n_bits_per_dim):
    X = rows_of(100, 30)
    binarizer = bi.RotationBinarizer(n_bits_per_dim, center=False).fit(X)
    codes = binarizer.encode(X)
    r = _core.rotate(X, None, binarizer.signs_, False, 1).astype(np.float64)
    levels = levels_of(codes, n_bits_per_dim)
    # The sign of a level is that of its dimension; larger magnitudes have larger levels.
    np.testing.assert_array_equal(levels > 0, r > 0)
    order = np.argsort(np.abs(r), axis=1)
    assert (np.diff(np.take_along_axis(np.abs(levels), order, axis=1)) >= 0).all()
    exact = np.array([best_cosine(row, n_bits_per_dim) for row in r])
    found = cosines(r, levels)
    assert (found <= exact + 1e-9).all()
    assert (1 - found).mean() < 1.03 * (1 - exact).mean()


def test_more_bits_are_closer():
    X = rows_of(200, 100)
    errors = []
    for n_bits_per_dim in range(1, 9):
        binarizer = bi.RotationBinarizer(n_bits_per_dim).fit(X)
        decoded = binarizer.decode(binarizer.encode(X))
        errors.append(((X - decoded) ** 2).sum() / ((X - binarizer.center_) ** 2).sum())
    assert (np.diff(errors) < 0).all()
    # One bit: the unbiased length is pi/2 too long, so that the error is pi/2 - 1.
    assert errors[0] == pytest.approx(np.pi / 2 - 1, rel=0.05)
    assert errors[1] < 0.2
    assert errors[7] < 1e-4


@pytest.mark.parametrize("n_bits_per_dim", [1, 2, 4])
def test_estimates_are_unbiased_and_within_their_error(n_bits_per_dim):
    n_dims, n_seeds = 100, 400
    x, q = rows_of(n_dims, 2, seed=3)
    errors, bounds = np.empty(n_seeds), np.empty(n_seeds)
    for seed in range(n_seeds):
        binarizer = bi.RotationBinarizer(
            n_bits_per_dim, center=False, error_factor=True, random_state=seed
        ).fit(x)
        codes = binarizer.encode(x)
        estimate = binarizer.decode(codes)[0].astype(np.float64) @ q
        errors[seed] = estimate - x.astype(np.float64) @ q
        bounds[seed] = codes.factors[0, 1] * np.linalg.norm(q)
    assert abs(errors.mean()) < 3 * errors.std() / np.sqrt(n_seeds)
    within = np.abs(errors)[:, np.newaxis] <= bounds[:, np.newaxis] * [1.0, 1.9, 4.0]
    # As a normal distribution has it: 68 %, 94 % and nearly all.
    assert 0.6 < within[:, 0].mean() < 0.76
    assert within[:, 1].mean() > 0.9
    assert within[:, 2].all()


def test_a_row_at_the_center_has_scale_0():
    binarizer = bi.RotationBinarizer(3, center=False, error_factor=True).fit(np.zeros((2, 10)))
    codes = binarizer.encode(np.zeros((2, 10)))
    np.testing.assert_array_equal(codes.factors, 0)
    np.testing.assert_array_equal(levels_of(codes, 3), -1)
    np.testing.assert_array_equal(binarizer.decode(codes), 0)


def test_parameters_may_change_after_fit():
    X = rows_of(20)
    binarizer = bi.RotationBinarizer(2).fit(X)
    expected = binarizer.encode(X)
    binarizer.set_params(bits_per_dim=3)
    np.testing.assert_array_equal(binarizer.encode(X).packed, expected.packed)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"bits_per_dim": 0}, ValueError, "bits_per_dim must be >= 1, got 0"),
        ({"bits_per_dim": 9}, ValueError, "bits_per_dim must be <= 8, got 9"),
        ({"bits_per_dim": True}, TypeError, "bits_per_dim must be an integer, got bool"),
        ({"center": 1}, TypeError, "center must be a bool, got int"),
        ({"error_factor": "yes"}, TypeError, "error_factor must be a bool, got str"),
    ],
)
def test_refusals(params, error, message):
    with pytest.raises(error, match=message):
        bi.RotationBinarizer(**params).fit(rows_of(5))


def search(binarizer, data):
    index = bi.EmbeddingIndex(binarizer).fit(data.doc_embeddings)
    index.add(data.doc_embeddings)
    return index.search(data.query_embeddings, k=10)[1]


class DenseRotation(bi.RotationBinarizer):
    """One bit a dimension of a dense random rotation."""

    def fit(self, X, y=None):
        super().fit(X)
        generator = np.random.default_rng(self.random_state)
        square = generator.standard_normal((self.n_features_in_,) * 2)
        self.matrix_ = np.linalg.qr(square)[0].astype(np.float32)
        return self

    def query_weights(self, directions):
        return directions @ self.matrix_

    def _encode_rows(self, rows, threads):
        r = self.query_weights(rows - self.center_).astype(np.float64)
        factors = (r * r).sum(1) / np.maximum(np.abs(r).sum(1), 1e-30)
        packed = np.packbits(r > 0, axis=1)
        return bi.Codes(packed, factors.astype(np.float32)[:, np.newaxis], self.n_bits_)


def test_scifact(scifact):
    _, exact = exact_search(scifact.query_embeddings, scifact.doc_embeddings, 10)

    def recalls(make):
        found = [search(make(seed), scifact) for seed in range(3)]
        return np.mean([recall_at_k(ids, exact, 10) for ids in found])

    sign = recall_at_k(search(bi.SignBinarizer(), scifact), exact, 10)
    one, two, four = (
        recalls(lambda seed, b=b: bi.RotationBinarizer(b, random_state=seed)) for b in (1, 2, 4)
    )
    assert sign < one < two < four
    assert four > 0.94
    dense = recalls(lambda seed: DenseRotation(random_state=seed))
    assert one == pytest.approx(dense, abs=0.01)
    ids = search(bi.RotationBinarizer(4), scifact)
    ndcg = ndcg_at_k(ids, scifact.qrels, doc_ids=scifact.doc_ids)
    assert ndcg == pytest.approx(0.6451, abs=0.006)
