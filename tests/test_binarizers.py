"""What every binarizer of the registry promises."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import estimator_checks_generator

import bitindex as bi
from bitindex import _core
from bitindex.binarize import BINARIZERS

RNG = np.random.default_rng(0)
N_DIMS = 37
# Correlated dimensions around a center, more rows than one task of the core takes.
X = RNG.standard_normal((1003, N_DIMS)) @ RNG.standard_normal((N_DIMS, N_DIMS)) / 6 + 0.4
X = X.astype(np.float32)
SIMILARITIES = ["cosine", "dot", "l2"]


@pytest.fixture(params=BINARIZERS.values(), ids=BINARIZERS)
def kind_of_binarizer(request):
    return request.param


@pytest.fixture(scope="module")
def all_fitted():
    return {binarizer: binarizer().fit(X) for binarizer in BINARIZERS.values()}


@pytest.fixture
def fitted(kind_of_binarizer, all_fitted):
    return all_fitted[kind_of_binarizer]


def assert_same_codes(a, b):
    assert (a.n_bits, a.bit_order) == (b.n_bits, b.bit_order)
    np.testing.assert_array_equal(a.packed, b.packed)
    assert (a.factors is None) == (b.factors is None)
    if a.factors is not None:
        np.testing.assert_array_equal(a.factors, b.factors)


def test_what_fit_learns(fitted):
    assert fitted.n_features_in_ == N_DIMS
    assert fitted.n_bits_ >= 1
    assert fitted.center_.dtype == np.float32
    assert fitted.center_.shape == (N_DIMS,)


def test_codes(fitted):
    codes = fitted.encode(X)
    assert (codes.n_bits, codes.bit_order) == (fitted.n_bits_, "big")
    assert codes.packed.shape == (len(X), (fitted.n_bits_ + 7) // 8)
    padding = np.unpackbits(codes.packed, axis=1)[:, fitted.n_bits_ :]
    assert not padding.any()
    assert (codes.factors is not None) == fitted.has_factors
    if fitted.has_factors:
        assert codes.factors.dtype == np.float32
        assert np.isfinite(codes.factors).all()
        assert (codes.factors >= 0).all()


def test_codes_tell_embeddings_apart(fitted):
    directions = X - X.mean(axis=0)
    decoded = fitted.decode(fitted.encode(X)) - fitted.center_
    cosines = (directions * decoded).sum(1) / np.linalg.norm(directions, axis=1)
    assert (cosines / np.linalg.norm(decoded, axis=1)).mean() > 0.6


def test_queries_for_its_own_codes(fitted):
    directions = X[:9] - fitted.center_
    assert fitted.can_search(fitted)
    weights, constants = fitted.queries_for(fitted, directions)
    np.testing.assert_array_equal(weights, fitted.query_weights(directions))
    np.testing.assert_array_equal(constants, np.zeros(9, np.float32))


def test_transform_is_encode(kind_of_binarizer, fitted):
    expected = fitted.encode(X)
    assert_same_codes(fitted.transform(X), expected)
    assert_same_codes(kind_of_binarizer().fit_transform(X), expected)


def test_a_seed_decides_everything(kind_of_binarizer, fitted):
    again = kind_of_binarizer().fit(X)
    assert_same_codes(again.encode(X), fitted.encode(X))
    if "random_state" in again.get_params():
        other = kind_of_binarizer(random_state=1).fit(X)
        assert (other.encode(X).packed != fitted.encode(X).packed).any()


@pytest.mark.parametrize("random_state", [-1, 1.5, None])
def test_bad_seeds_are_refused(kind_of_binarizer, random_state):
    if "random_state" not in kind_of_binarizer().get_params():
        pytest.skip("draws nothing")
    with pytest.raises((TypeError, ValueError), match="random_state must be "):
        kind_of_binarizer(random_state=random_state).fit(X)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_codes_do_not_depend_on_threads(fitted, threads):
    assert_same_codes(fitted.encode(X, threads=threads), fitted.encode(X))


def test_codes_do_not_depend_on_batches(fitted, tmp_path):
    expected = fitted.encode(X)
    np.save(tmp_path / "X.npy", X)
    sources = [tmp_path / "X.npy", iter(np.array_split(X, 9)), iter(X), iter([X[:1], [], X[1:]])]
    for source in sources:
        assert_same_codes(fitted.encode(source), expected)
    assert_same_codes(fitted.encode(X[500]), expected[500:501])
    for n_rows in (2, 5, 15, 17, 100):
        assert_same_codes(fitted.encode(X[3 : 3 + n_rows]), expected[3 : 3 + n_rows])


def test_codes_do_not_depend_on_the_instruction_set(fitted, use_isa):
    expected = fitted.encode(X)
    weights = fitted.query_weights(X[:50] - fitted.center_)
    for isa in _core.supported_isas():
        use_isa(isa)
        assert_same_codes(fitted.encode(X), expected)
        np.testing.assert_array_equal(fitted.query_weights(X[:50] - fitted.center_), weights)


def test_fit_learns_the_same_from_every_source(kind_of_binarizer, fitted, tmp_path):
    expected = fitted.encode(X)
    np.save(tmp_path / "X.npy", X)
    for source in (tmp_path / "X.npy", iter(np.array_split(X, 9)), X.astype(np.float64)):
        assert_same_codes(kind_of_binarizer().fit(source).encode(X), expected)


def test_a_sample_for_training(kind_of_binarizer):
    if "n_train" not in kind_of_binarizer().get_params():
        pytest.skip("learns from all rows")
    sampled = kind_of_binarizer(n_train=200).fit(X)
    again = kind_of_binarizer(n_train=200).fit(iter(np.array_split(X, 9)))
    assert_same_codes(sampled.encode(X), again.encode(X))
    with pytest.raises(ValueError, match="n_train must be >= 1, got 0"):
        kind_of_binarizer(n_train=0).fit(X)


def test_no_rows(fitted):
    for nothing in ([], X[:0], iter([])):
        codes = fitted.encode(nothing)
        assert codes.packed.shape == (0, (fitted.n_bits_ + 7) // 8)
        assert (codes.factors is not None) == fitted.has_factors
        assert fitted.decode(codes).shape == (0, N_DIMS)


def test_query_weights_are_the_transpose_of_decode(fitted):
    decoder = fitted.query_weights(np.eye(N_DIMS, dtype=np.float32))
    assert decoder.shape == (N_DIMS, fitted.n_bits_)
    codes = fitted.encode(X[:99])
    signs = np.where(bi.unpack(codes.packed, codes.n_bits), 1.0, -1.0)
    scale = 1.0 if codes.factors is None else codes.factors[:, :1]
    decoded = fitted.decode(codes)
    assert decoded.dtype == np.float32
    expected = fitted.center_ + scale * (signs @ decoder.T)
    np.testing.assert_allclose(decoded, expected, rtol=1e-4, atol=1e-4)
    directions = X[:5] - fitted.center_
    np.testing.assert_allclose(
        fitted.query_weights(directions), directions @ decoder, rtol=1e-4, atol=1e-4
    )


def test_unfitted_use_is_refused(kind_of_binarizer, fitted):
    unfitted = kind_of_binarizer()
    codes = fitted.encode(X[:3])
    for use in (
        lambda: unfitted.encode(X),
        lambda: unfitted.transform(X),
        lambda: unfitted.decode(codes),
        lambda: bi.EmbeddingIndex(unfitted).add(X),
    ):
        with pytest.raises(NotFittedError, match=r"is not fitted yet: call fit\(X\) first"):
            use()


BAD = {
    "NaN": (np.nan, "row 7, column 5$"),
    "infinity": (np.inf, "row 7, column 5$"),
}


@pytest.mark.parametrize(("value", "message"), BAD.values(), ids=BAD)
def test_numbers_that_are_none_are_named(kind_of_binarizer, fitted, value, message):
    bad = X[:20].copy()
    bad[7, 5] = value
    for use in (kind_of_binarizer().fit, fitted.encode, fitted.transform):
        for source in (bad, iter([bad[:4], bad[4:]])):
            with pytest.raises(ValueError, match=f"X must be finite in float32, got .* {message}"):
                use(source)


def test_another_width_is_refused(fitted):
    for use in (fitted.encode, fitted.transform):
        with pytest.raises(ValueError, match=r"X must have shape \(n, 37\), got shape \(1003, 36"):
            use(X[:, 1:])


def test_a_refused_fit_changes_nothing(kind_of_binarizer):
    binarizer = kind_of_binarizer().fit(X)
    expected = binarizer.encode(X)
    for bad in (np.full((2, 3), np.nan), np.empty((0, 3)), iter([X[:, :2], X]), [], iter([])):
        with pytest.raises(ValueError, match="X must"):
            binarizer.fit(bad)
        assert_same_codes(binarizer.encode(X), expected)


def test_fit_again_forgets(kind_of_binarizer):
    twice = kind_of_binarizer().fit(X).fit(X[:, :11])
    assert_same_codes(twice.encode(X[:, :11]), kind_of_binarizer().fit_transform(X[:, :11]))


DEGENERATE = {
    "one row": X[:1],
    "two rows": X[:2],
    "fewer rows than dimensions": X[:20],
    "equal rows": np.repeat(X[:1], 50, axis=0),
    "rows of zeros": np.zeros((50, N_DIMS), np.float32),
    "some rows of zeros": np.where(np.arange(50)[:, None] % 2 == 0, X[:50], 0),
    "constant columns": np.where(np.arange(N_DIMS) % 3 == 0, np.float32(0.25), X),
    "duplicate rows": np.repeat(X[:40], 3, axis=0),
    "one dimension": X[:, :1],
    "low rank": X[:, :3] @ X[:3],
    "tiny numbers": X * np.float32(1e-30),
    "huge numbers": X * np.float32(1e15),
}


@pytest.mark.parametrize("rows", DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_rows_have_defined_codes(kind_of_binarizer, rows):
    binarizer = kind_of_binarizer().fit(rows)
    codes = binarizer.encode(rows)
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    assert_same_codes(codes, codes[first[inverse.ravel()]])  # equal rows have equal codes
    assert np.isfinite(binarizer.decode(codes)).all()
    assert np.isfinite(binarizer.query_weights(rows[:5] - binarizer.center_)).all()
    for similarity in SIMILARITIES:
        index = bi.EmbeddingIndex(kind_of_binarizer(), similarity=similarity).fit(rows)
        index.add(rows)
        scores, ids = index.search(rows[:5], k=min(3, len(rows)))
        assert np.isfinite(scores).all()
        assert (ids >= 0).all()


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_saved_and_loaded(kind_of_binarizer, similarity, tmp_path):
    index = bi.EmbeddingIndex(kind_of_binarizer(), similarity=similarity).fit(X)
    index.add(X)
    index.save(tmp_path / "index.bitx")
    for mmap in (False, True):
        loaded = bi.load(tmp_path / "index.bitx", mmap=mmap)
        assert repr(loaded) == repr(index)
        assert_same_codes(loaded.binarizer.encode(X), index.binarizer.encode(X))
        for a, b in zip(loaded.search(X[:50], k=9), index.search(X[:50], k=9), strict=True):
            np.testing.assert_array_equal(a, b)


def test_parameters_of_numpy_types_are_saved(kind_of_binarizer, tmp_path):
    params = kind_of_binarizer().get_params()
    typed = {name: np.int64(3) for name, value in params.items() if type(value) is int}
    index = bi.EmbeddingIndex(kind_of_binarizer(**typed)).fit(X)
    index.add(X)
    index.save(tmp_path / "index.bitx")
    loaded = bi.load(tmp_path / "index.bitx").binarizer
    assert loaded.get_params() == index.binarizer.get_params()
    assert_same_codes(loaded.encode(X), index.binarizer.encode(X))


def test_learned_arrays_of_files_are_checked(kind_of_binarizer, fitted):
    meta, arrays = fitted._to_stored()
    assert set(arrays) == set(kind_of_binarizer._fitted_arrays)
    same = kind_of_binarizer._from_stored(meta, arrays, mapped=False)
    assert_same_codes(same.encode(X), fitted.encode(X))

    def refused(changed_meta, changed_arrays):
        with pytest.raises((TypeError, ValueError), match=r"must (be|have|equal)"):
            kind_of_binarizer._from_stored(meta | changed_meta, arrays | changed_arrays, False)

    for n_bits in (fitted.n_bits_ + 1, 0, -1, 1.0, "3", True):
        refused({"n_bits": n_bits}, {})
    for name, array in arrays.items():
        refused({}, {name: array.astype(np.float64)})
        refused({}, {name: np.full_like(array, np.nan)})
        refused({}, {name: array[..., :-1]})
        refused({}, {name: array[np.newaxis]})
    for name in meta["params"]:
        refused({"params": meta["params"] | {name: "nonsense"}}, {})


def test_clones_and_copies(kind_of_binarizer, fitted):
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    assert not hasattr(twin, "n_bits_")
    expected = fitted.encode(X)
    for twin in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        assert_same_codes(twin.encode(X), expected)


DIFFERENT_BY_DESIGN = {
    "check_n_features_in_after_fitting": "the message names the shape that must hold",
    "check_estimators_dtypes": "integers are refused, they are often codes",
    "check_dtype_object": "object arrays are refused",
    "check_complex_data": "complex numbers are a TypeError, as every wrong dtype",
    "check_fit1d": "one dimension is one row",
    "check_fit2d_predict1d": "one dimension is one row",
}


def scikit_learn_checks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it does not derive from BaseEstimator
        for binarizer in (
            bi.SignBinarizer("median", "binary"),
            *(b() for b in BINARIZERS.values()),
        ):
            for estimator, check in estimator_checks_generator(binarizer):
                name = check.func.__name__
                if name == "check_array_api_input":  # needs an environment variable
                    continue
                reason = DIFFERENT_BY_DESIGN.get(name)
                marks = [pytest.mark.xfail(reason=reason)] if reason else []
                of = type(binarizer).__name__
                yield pytest.param(estimator, check, id=f"{of}-{name}", marks=marks)


@pytest.mark.once
@pytest.mark.parametrize(("estimator", "check"), list(scikit_learn_checks()))
def test_scikit_learn_checks(estimator, check):
    check(estimator)
