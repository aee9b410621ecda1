import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

import bitindex as bi

torch = pytest.importorskip("torch")

X = (np.random.default_rng(0).standard_normal((101, 13)) + 0.5).astype(np.float32)
CENTERS = {
    "zero": np.zeros(13, np.float32),
    "mean": X.mean(axis=0, dtype=np.float64).astype(np.float32),
    "median": np.median(X, axis=0),
}


@pytest.mark.parametrize("threshold", CENTERS)
def test_thresholds_equal_those_of_numpy(threshold):
    binarizer = bi.SignBinarizer(threshold).fit(X)
    assert binarizer.center_.dtype == np.float32
    np.testing.assert_array_equal(binarizer.center_, CENTERS[threshold])
    assert binarizer.n_features_in_ == binarizer.n_bits_ == 13
    codes = binarizer.encode(X)
    np.testing.assert_array_equal(codes.packed, np.packbits(CENTERS[threshold] < X, axis=1))
    assert codes.factors is None
    assert (codes.n_bits, codes.bit_order, codes.bytes_per_code) == (13, "big", 2)


def test_a_number_on_the_threshold_is_no_1():
    codes = bi.SignBinarizer().fit(X).encode([[0.0, -0.0, 1e-45, -1e-45] + 9 * [1]])
    np.testing.assert_array_equal(bi.unpack(codes.packed, 13)[0, :4], [False, False, True, False])


@pytest.mark.parametrize("threshold", CENTERS)
@pytest.mark.parametrize(
    "source",
    [
        lambda path: iter([X[:40], [], X[40:41], X[41:]]),
        lambda path: (row for row in X),
        lambda path: path,
        str,
        lambda path: X.astype(np.float64),
        lambda path: torch.tensor(X),
        lambda path: X.tolist(),
    ],
    ids=["batches", "rows", "Path", "str", "float64", "torch", "lists"],
)
def test_fit_learns_the_same_from_every_source(source, threshold, tmp_path):
    np.save(tmp_path / "X.npy", X)
    binarizer = bi.SignBinarizer(threshold).fit(source(tmp_path / "X.npy"))
    np.testing.assert_array_equal(binarizer.center_, CENTERS[threshold])


@pytest.mark.parametrize("threshold", CENTERS)
def test_half_precision(threshold):
    half = X.astype(np.float16)
    single = bi.SignBinarizer(threshold).fit(half.astype(np.float32))
    for rows in (half, torch.tensor(half)):
        binarizer = bi.SignBinarizer(threshold).fit(rows)
        np.testing.assert_array_equal(binarizer.center_, single.center_)
        np.testing.assert_array_equal(binarizer.encode(rows).packed, single.encode(half).packed)


def test_fit_again_forgets():
    binarizer = bi.SignBinarizer("mean").fit(X)
    binarizer.set_params(threshold="zero").fit(X[:, :5])
    np.testing.assert_array_equal(binarizer.center_, np.zeros(5))
    assert binarizer.n_bits_ == binarizer.n_features_in_ == 5


def test_a_refused_fit_changes_nothing():
    binarizer = bi.SignBinarizer("mean").fit(X)
    for bad in (np.full((2, 3), np.nan), np.empty((0, 3)), iter([X[:, :2], X])):
        with pytest.raises(ValueError, match="X must"):
            binarizer.fit(bad)
    np.testing.assert_array_equal(binarizer.center_, CENTERS["mean"])


def test_transform_encodes():
    binarizer = bi.SignBinarizer("mean").fit(X)
    expected = binarizer.encode(X).packed
    np.testing.assert_array_equal(binarizer.transform(X).packed, expected)
    np.testing.assert_array_equal(bi.SignBinarizer("mean").fit_transform(X).packed, expected)
    assert len(binarizer.encode([])) == 0
    assert len(binarizer.encode(X[0])) == 1


@pytest.mark.parametrize("threshold", CENTERS)
def test_codes_are_the_same_from_every_source(threshold, tmp_path):
    np.save(tmp_path / "X.npy", X)
    binarizer = bi.SignBinarizer(threshold).fit(X)
    expected = binarizer.encode(X).packed
    for source in (tmp_path / "X.npy", iter([X[:40], [], X[40:]]), iter(X), X.tolist()):
        codes = binarizer.encode(source, threads=2)
        np.testing.assert_array_equal(codes.packed, expected)
        assert (codes.factors, codes.n_bits) == (None, 13)
    assert binarizer.encode(iter([])).packed.shape == (0, 2)


def test_progress_and_threads_of_encode(capsys):
    binarizer = bi.SignBinarizer().fit(X)
    binarizer.encode(iter([X[:40], X[40:]]), progress=True)
    assert "encode: 101 rows" in capsys.readouterr().err
    binarizer.encode(X, progress=False)
    binarizer.encode(X)
    assert capsys.readouterr().err == ""
    with pytest.raises(ValueError, match="threads must be >= 1, got 0"):
        binarizer.encode(X, threads=0)


def test_decode_gives_what_codes_stand_for():
    for threshold, center in CENTERS.items():
        binarizer = bi.SignBinarizer(threshold).fit(X)
        decoded = binarizer.decode(binarizer.encode(X))
        assert decoded.dtype == np.float32
        np.testing.assert_array_equal(decoded, np.where(center < X, 1, -1).astype("f4") + center)
        assert binarizer.decode(binarizer.encode([])).shape == (0, 13)


def test_decode_of_many_rows(monkeypatch):
    monkeypatch.setattr("bitindex.binarize.base._DECODED_ROWS", 10)
    binarizer = RandomRotation().fit(X)
    codes = binarizer.encode(X)
    signs = np.where(bi.unpack(codes.packed, 40), 1.0, -1.0)
    expected = binarizer.center_ + codes.factors * (signs @ binarizer.matrix_.T.astype(float))
    np.testing.assert_allclose(binarizer.decode(codes), expected, rtol=1e-5, atol=1e-5)


def test_decode_refuses_codes_of_others():
    binarizer = bi.SignBinarizer().fit(X)
    codes = binarizer.encode(X)
    with pytest.raises(TypeError, match="codes must be Codes, got ndarray"):
        binarizer.decode(codes.packed)
    with pytest.raises(ValueError, match=r"codes must have n_bits=13 .*, got n_bits=12"):
        binarizer.decode(bi.Codes(codes.packed, None, 12))
    factors = np.ones((101, 1), np.float32)
    with pytest.raises(ValueError, match="codes of SignBinarizer must have no factors"):
        binarizer.decode(bi.Codes(codes.packed, factors, 13))
    rotation = RandomRotation(13).fit(X)
    with pytest.raises(ValueError, match="codes of RandomRotation must have factors"):
        rotation.decode(codes)
    with pytest.raises(NotFittedError):
        bi.SignBinarizer().decode(codes)


def test_codes_can_be_sliced_and_used_as_an_array():
    codes = bi.SignBinarizer().fit(X).encode(X)
    assert (len(codes), codes.shape, codes.dtype) == (101, (101, 2), np.uint8)
    np.testing.assert_array_equal(np.asarray(codes), codes.packed)
    for rows in (slice(3, 9), [4, 2], X[:, 0] > 0):
        part = codes[rows]
        np.testing.assert_array_equal(part.packed, codes.packed[rows])
        assert part.n_bits == 13


@pytest.mark.parametrize(
    ("packed", "factors", "error", "message"),
    [
        (np.zeros((2, 2)), None, TypeError, "packed must be uint8, got float64"),
        (np.zeros((2, 3), "u1"), None, ValueError, r"packed must have 2 bytes per row .*\(2, 3\)"),
        (np.zeros(2, "u1"), None, ValueError, r"packed must have 2 bytes per row .*\(2,\)"),
        (np.zeros((2, 2), "u1"), np.zeros((2, 1)), TypeError, "factors must be float32, got float"),
        (np.zeros((2, 2), "u1"), np.zeros((3, 1), "f4"), ValueError, r"\(2, f\), .*\(3, 1\)"),
        (np.zeros((2, 2), "u1"), np.zeros(2, "f4"), ValueError, r"\(2, f\), .*\(2,\)"),
    ],
)
def test_codes_that_do_not_fit_together_are_refused(packed, factors, error, message):
    with pytest.raises(error, match=message):
        bi.Codes(packed, factors, n_bits=13)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (X[:, :12], ValueError, r"X must have shape \(n, 13\), got shape \(101, 12\)"),
        (np.ones((2, 13), int), TypeError, "X must be floats, got int64"),
        (np.full((1, 13), np.nan), ValueError, "X must be finite in float32"),
        (np.full((1, 13), np.inf), ValueError, "X must be finite in float32"),
        (np.ones((1, 1, 13)), ValueError, r"X must have shape \(n, 13\), got shape \(1, 1, 13\)"),
        (None, TypeError, "X must be an array of floats, got NoneType"),
        ("missing.npy", FileNotFoundError, "missing.npy"),
    ],
)
def test_encode_refuses(rows, error, message):
    with pytest.raises(error, match=message):
        bi.SignBinarizer().fit(X).encode(rows)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (
            {"threshold": "mode"},
            ValueError,
            "threshold must be one of zero, mean, median, got 'mode",
        ),
        ({"query": "int8"}, ValueError, "query must be one of float, binary, got 'int8'"),
        ({"threshold": 0}, TypeError, "threshold must be a string, got int"),
    ],
)
def test_parameters_are_checked_by_fit(params, error, message):
    with pytest.raises(error, match=message):
        bi.SignBinarizer(**params).fit(X)


def test_not_fitted():
    for use in (bi.SignBinarizer().encode, bi.SignBinarizer().transform):
        with pytest.raises(NotFittedError, match=r"SignBinarizer is not fitted yet: call fit\(X\)"):
            use(X)
    with pytest.raises(NotFittedError):
        check_is_fitted(bi.SignBinarizer())
    check_is_fitted(bi.SignBinarizer().fit(X))


def test_scikit_learn_is_not_imported():
    program = (
        "import sys, bitindex as bi\n"
        "try: bi.SignBinarizer().encode([[1.0]])\n"
        "except ValueError as error: assert 'not fitted yet' in str(error), error\n"
        "bi.EmbeddingIndex(bi.SignBinarizer()).fit([[1.0]]).add([[1.0]])\n"
        "assert not {'sklearn', 'torch', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_parameters():
    binarizer = bi.SignBinarizer(query="binary")
    assert binarizer.get_params() == {"threshold": "zero", "query": "binary"}
    assert binarizer.binary_queries
    assert binarizer.set_params(threshold="mean", query="float") is binarizer
    assert repr(binarizer) == "SignBinarizer(threshold='mean', query='float')"
    assert not binarizer.binary_queries
    with pytest.raises(ValueError, match="has the parameters threshold, query, got 'n_bits'"):
        binarizer.set_params(query="binary", n_bits=3)


def test_clones_and_copies():
    binarizer = bi.SignBinarizer("median", "binary").fit(X)
    assert clone(binarizer).get_params() == binarizer.get_params()
    assert not hasattr(clone(binarizer), "center_")
    for twin in (copy.deepcopy(binarizer), pickle.loads(pickle.dumps(binarizer))):
        np.testing.assert_array_equal(twin.encode(X).packed, binarizer.encode(X).packed)


def test_pipeline():
    pipeline = make_pipeline(FunctionTransformer(lambda rows: rows * 2), bi.SignBinarizer("mean"))
    codes = pipeline.fit_transform(X)
    np.testing.assert_array_equal(codes.packed, np.packbits(CENTERS["mean"] < X, axis=1))
    pipeline.set_params(signbinarizer__threshold="zero").fit(X)
    np.testing.assert_array_equal(pipeline.transform(X).packed, np.packbits(X > 0, axis=1))
    assert "SignBinarizer" in repr(pipeline)


class RandomRotation(bi.Binarizer):
    """The signs of a random rotation, with a scale of its own: what a user may write."""

    has_factors = True

    def __init__(self, n_bits=40, seed=0):
        self.n_bits = n_bits
        self.seed = seed

    def fit(self, X, y=None):
        rows = np.asarray(X if isinstance(X, np.ndarray) else np.concatenate(list(X)), np.float32)
        generator = np.random.default_rng(self.seed)
        self.n_features_in_ = rows.shape[1]
        self.n_bits_ = self.n_bits
        self.center_ = rows.mean(axis=0) + np.float32(0.25)
        square = generator.standard_normal((max(self.n_bits, rows.shape[1]),) * 2)
        self.matrix_ = np.linalg.qr(square)[0][: rows.shape[1], : self.n_bits].astype(np.float32)
        return self

    def _encode_rows(self, rows, threads):
        directions = rows - self.center_
        projected = directions @ self.matrix_
        lengths = (directions.astype(np.float64) ** 2).sum(1)
        factors = (lengths / np.abs(projected).sum(1, dtype=np.float64)).astype(np.float32)
        return bi.Codes(bi.pack(projected > 0), factors[:, np.newaxis], self.n_bits)

    def query_weights(self, directions):
        return directions @ self.matrix_


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("n_bits", [13, 40, 64])
def test_a_binarizer_of_ones_own(n_bits, similarity):
    binarizer = RandomRotation(n_bits)
    index = bi.EmbeddingIndex(binarizer, similarity=similarity).fit(X)
    index.add(X)
    Q = X[:7] + np.float32(0.1)
    scores, ids = index.search(Q, k=len(X))

    rows, queries = X.astype(np.float64), Q.astype(np.float64)
    if similarity == "cosine":
        rows, queries = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (rows, queries))
    center = binarizer.center_.astype(np.float64)
    codes = binarizer.encode(rows)
    signs = np.where(bi.unpack(codes.packed, n_bits), 1.0, -1.0)
    scale = codes.factors[:, 0].astype(np.float64)
    r_x, r_q = rows - center, queries - center
    weights = r_q @ binarizer.matrix_
    in_bytes = np.abs(np.pad(weights, ((0, 0), (0, -n_bits % 8)))).reshape(7, -1, 8).sum(2)
    error_of_product = scale * in_bytes.max(1, keepdims=True) / 126 * np.ceil(n_bits / 4) + 1e-4
    product = scale * (weights @ signs.T)
    if similarity == "l2":
        expected = -(r_q**2).sum(1)[:, None] - (r_x**2).sum(1) + 2 * product
        error = 2 * error_of_product
    else:
        expected = (queries @ center)[:, None] + r_x @ center + product
        error = error_of_product
    found = np.take_along_axis(expected, ids, axis=1)
    assert (np.abs(scores - found) <= np.take_along_axis(error, ids, axis=1)).all()
    assert (np.diff(scores) <= 0).all()
    # A rotation without loss estimates without bias: close on average, far below the spread.
    if n_bits >= 40:
        exact = 2 * queries @ rows.T - (queries**2).sum(1)[:, None] - (rows**2).sum(1)
        exact = exact if similarity == "l2" else queries @ rows.T
        assert np.corrcoef(exact.ravel(), expected.ravel())[0, 1] > 0.85


def test_codes_of_another_kind_than_the_binarizer_says_are_refused():
    class Little(RandomRotation):
        def _encode_rows(self, rows, threads):
            codes = super()._encode_rows(rows, threads)
            packed = bi.pack(bi.unpack(codes.packed, 40), bit_order="little")
            return bi.Codes(packed, codes.factors, 40, bit_order="little")

    class Longer(RandomRotation):
        def _encode_rows(self, rows, threads):
            codes = super()._encode_rows(rows, threads)
            return bi.Codes(np.repeat(codes.packed, 2, axis=1), codes.factors, 80)

    for binarizer, got in ((Little(), "bit_order='little'"), (Longer(), "n_bits=80")):
        index = bi.EmbeddingIndex(binarizer).fit(X)
        with pytest.raises(ValueError, match=f"codes must have n_bits=40 .*got .*{got}"):
            index.add(X)
