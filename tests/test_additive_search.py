"""The search for additive codes against slow NumPy, and against all codes that there are."""

import itertools

import numpy as np
import pytest

import bitindex as bi
from bitindex import _core
from bitindex.binarize.additive_training import DecoderTraining, columns_of_bits, score_metric


def random_coder(n_dims, n_bits, seed=0, along_weight=0.3):
    rng = np.random.default_rng(seed)
    # Codes stand for rows with a standard deviation of 3.
    decoder = (rng.standard_normal((n_dims, n_bits)) * 3 / n_bits**0.5).astype(np.float32)
    root = rng.standard_normal((n_dims, n_dims))
    weights = (root @ root.T / n_dims + np.eye(n_dims)).astype(np.float32)
    return {
        "center": rng.standard_normal(n_dims).astype(np.float32),
        "along_center": rng.standard_normal(n_dims).astype(np.float32),
        "decoder": decoder,
        "weighted": np.ascontiguousarray(weights @ decoder),
        "evidence": np.ascontiguousarray(weights @ decoder),
        "feedback": np.triu(rng.standard_normal((n_bits, n_bits)), 1).astype(np.float32),
        "along_weight": along_weight,
    }, weights


def trained_coder(n_dims, n_bits, seed=0):
    """Return a coder whose starts are good, its weights, and 150 rows that it has not seen."""
    rng = np.random.default_rng(seed)
    spread = np.linspace(1, 2, n_dims)
    rows = (rng.standard_normal((750, n_dims)) * spread + rng.standard_normal(n_dims)).astype("f4")
    seen, center = rows[150:], rows[150:].mean(axis=0)
    metric = score_metric(seen - center, center, seed)
    training = DecoderTraining(seen, center, metric, n_bits, seed)
    training.round()
    return (
        {
            "center": center,
            "along_center": metric.along_center,
            "along_weight": metric.along_weight,
            **vars(training.coder()),
        },
        metric.weights.astype(np.float64),
        rows[:150],
    )


def errors(coder, weights, rows, codes):
    """Return the errors of codes of shape (n, m) with entries +-1, as additive.h defines them."""
    directions = rows - coder["center"]
    left = directions - codes @ coder["decoder"].T.astype(np.float64)
    along = ((directions + coder["along_center"]) * left).sum(axis=-1)
    return ((left @ weights) * left).sum(axis=-1) + coder["along_weight"] * along**2


def encode(coder, rows, patience, first=None):
    packed = _core.AdditiveCoder(**coder).encode(rows, patience, first, threads=1)
    n_bits = coder["decoder"].shape[1]
    return signs_of(packed, n_bits)


def signs_of(packed, n_bits):
    """Return the signs of the columns of D."""
    signs = np.empty((len(packed), n_bits))
    signs[:, columns_of_bits(n_bits)] = np.where(bi.unpack(packed, n_bits), 1.0, -1.0)
    return signs


def flips_of(code):
    return code * (1 - 2 * np.eye(len(code)))


def least_errors(coder, weights, rows, codes, patience):
    """Return the errors that the search of flip_search.h ends with, by costs of float64."""
    decoder, weight = coder["decoder"].astype(np.float64), coder["along_weight"]
    gram = decoder.T @ weights @ decoder
    directions = rows - coder["center"]
    pulls = (directions + coder["along_center"]) @ decoder
    codes, left = codes.copy(), directions - codes @ decoder.T
    gradient = left @ weights @ decoder
    along = ((directions + coder["along_center"]) * left).sum(axis=1)
    error = errors(coder, weights, rows, codes)
    least, each = error.copy(), np.arange(len(rows))
    rests_until, since, going = np.zeros(codes.shape), np.zeros(len(rows)), least < np.inf
    for step in range(1, 1000):
        costs = codes * (gradient + weight * along[:, np.newaxis] * pulls)
        costs += np.diag(gram) + weight * pulls**2
        open_costs = np.where(rests_until < step, costs / np.diag(gram) ** 0.5, np.inf)
        flips = open_costs.argmin(axis=1)
        going &= (since <= patience) & (open_costs.min(axis=1) < (np.inf if patience > 0 else 0))
        if not going.any():
            break
        error = np.where(going, error + 4 * costs[each, flips], error)
        since = np.where(error < least * (1 - 1e-9), 0, since + 1)
        least = np.minimum(error, least)
        old = codes[each, flips]
        gradient += 2 * old[:, np.newaxis] * gram[flips]
        along += 2 * old * pulls[each, flips]
        codes[each, flips] = -old
        rests_until[each, flips] = step + (6 if codes.shape[1] <= rows.shape[1] else 8)
    return least


@pytest.mark.parametrize("start", ["own", "random"])
@pytest.mark.parametrize("patience", [0, 20])
@pytest.mark.parametrize(("n_dims", "n_bits"), [(13, 20), (24, 72)])
def test_costs_of_integers_find_what_exact_costs_find(n_dims, n_bits, patience, start):
    coder, weights, rows = trained_coder(n_dims, n_bits)
    first = encode(coder, rows, 0)
    if start == "random":
        first = np.random.default_rng(1).choice([-1.0, 1.0], first.shape)
    packed = bi.pack(first[:, columns_of_bits(n_bits)] > 0)
    found = errors(coder, weights, rows, encode(coder, rows, patience, packed))
    exact = least_errors(coder, weights, rows, first, patience)
    assert found.mean() == pytest.approx(exact.mean(), rel=0.02 if start == "own" else 0.05)


def start_of(coder, rows):
    """Return the signs that the search of rows starts with, in float64."""
    n_dims, n_bits = coder["evidence"].shape
    stretch = 1.2 if n_bits <= n_dims else 1.0
    evidence = stretch * (rows - coder["center"]).astype(np.float64) @ coder["evidence"]
    signs = np.empty(evidence.shape)
    for i, feedback in enumerate(coder["feedback"]):
        signs[:, i] = np.where(evidence[:, i] < 0, -1.0, 1.0)
        evidence -= signs[:, i, np.newaxis] * feedback
    return signs


# Up to one bit a dimension the start tells the gradient, from there on it is computed anew.
@pytest.mark.parametrize("patience", [0, 20])
@pytest.mark.parametrize(("n_dims", "n_bits"), [(72, 24), (41, 41), (40, 50)])
def test_the_search_goes_on_from_its_own_start(n_dims, n_bits, patience):
    coder, weights, rows = trained_coder(n_dims, n_bits)
    found = errors(coder, weights, rows, encode(coder, rows, patience))
    exact = least_errors(coder, weights, rows, start_of(coder, rows), patience)
    assert found.mean() == pytest.approx(exact.mean(), rel=0.01)


@pytest.mark.parametrize("n_bits", [1, 7, 16, 33, 70])
def test_no_single_flip_is_better(n_bits):
    coder, weights, rows = trained_coder(13, n_bits)
    codes = encode(coder, rows, patience=0)
    here = errors(coder, weights, rows, codes)
    there = [
        errors(coder, weights, row, flips_of(code)).min()
        for row, code in zip(rows, codes, strict=True)
    ]
    gains = 1 - there / here
    assert gains.max() < 0.04  # products are rounded to 8 bits
    assert (gains > 0).mean() < 0.12


@pytest.mark.parametrize(("n_dims", "n_bits"), [(1, 1), (13, 37), (40, 7), (3, 130), (70, 96)])
def test_codes_depend_on_the_rows_alone(n_dims, n_bits, use_isa):
    coder, _ = random_coder(n_dims, n_bits)
    rng = np.random.default_rng(1)
    scales = 10.0 ** rng.integers(-20, 16, (300, 1))
    rows = (rng.standard_normal((300, n_dims)) * scales + coder["center"]).astype(np.float32)
    rows[::50] = 0
    rows[1::50] = coder["center"]
    for patience in (0, 20):
        expected = encode(coder, rows, patience)
        for isa in _core.supported_isas():
            use_isa(isa)
            np.testing.assert_array_equal(encode(coder, rows, patience), expected, err_msg=isa)
        one_by_one = [encode(coder, row[np.newaxis], patience)[0] for row in rows[:40]]
        np.testing.assert_array_equal(one_by_one, expected[:40])


def test_rows_far_from_the_center_get_the_signs_of_their_direction():
    coder, weights = random_coder(20, 30, along_weight=0.0)
    rows = np.random.default_rng(1).standard_normal((30, 20)).astype(np.float32) * np.float32(1e15)
    products = rows @ (weights @ coder["decoder"]).astype(np.float64)
    clear = np.abs(products) > 1e-2 * np.abs(products).max()
    np.testing.assert_array_equal(encode(coder, rows, 50)[clear], np.sign(products)[clear])


def test_the_start_feeds_decided_bits_back():
    coder, _ = random_coder(13, 37)
    coder["decoder"] *= 0  # no flip changes anything, so the search stays where it starts
    coder["weighted"] *= 0
    matrix, feedback = (coder[name].astype(np.float64) for name in ("evidence", "feedback"))
    rows = np.random.default_rng(1).standard_normal((200, 13)).astype(np.float32)
    n_clear = 0
    for row, code in zip(rows, encode(coder, rows, patience=0), strict=True):
        left = row - coder["center"]
        evidence = left @ matrix
        # Of numbers rounded to 8 bits: rows, columns, and feedback from earlier blocks of 16 bits.
        steps = np.abs(left).max() / 63, np.abs(matrix).max(axis=0) / 127
        variances = ((matrix * steps[0]) ** 2).sum(axis=0) + (left @ left) * steps[1] ** 2
        variances += np.arange(37) // 16 * 16 * (np.abs(feedback).max() / 127) ** 2
        for i in range(37):
            clear = abs(evidence[i]) > 4 * (variances[i] / 12) ** 0.5
            n_clear += clear
            assert not clear or code[i] == np.sign(evidence[i])
            evidence -= code[i] * feedback[i]
    assert n_clear > 0.95 * 200 * 37


def test_a_patient_search_finds_the_best_codes():
    coder, weights, rows = trained_coder(9, 10)
    every = np.array(list(itertools.product([-1.0, 1.0], repeat=10)))
    best = np.array([errors(coder, weights, row, every).min() for row in rows])
    hasty, patient = (
        errors(coder, weights, rows, encode(coder, rows, patience)) / best for patience in (0, 100)
    )
    assert patient.mean() < 1.03 < hasty.mean()
    assert (patient > 1.001).mean() < 0.15


def test_the_search_starts_from_given_codes():
    coder, weights = random_coder(13, 40)
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((30, 13)).astype(np.float32)
    first = bi.pack(rng.random((30, 40)) < 0.5)
    starts = signs_of(first, 40)
    after = errors(coder, weights, rows, encode(coder, rows, 0, first))
    assert (after <= errors(coder, weights, rows, starts)).all()


@pytest.mark.parametrize("n_bits", [1, 8, 20, 100, 384, 800])
def test_columns_of_one_energy_lie_in_different_pairs_of_bytes(n_bits):
    columns = columns_of_bits(n_bits)
    assert sorted(columns) == list(range(n_bits))
    n_pairs = -(-n_bits // 16)
    heaviest = np.flatnonzero(columns < n_pairs)
    assert len(set(heaviest // 16)) == n_pairs
    if n_bits % 16 == 0:  # dealt out to and fro, so that no pair has the heavier of each turn
        assert len(set(columns.reshape(n_pairs, 16).sum(axis=1))) == 1


def test_a_coder_refuses_arrays_that_do_not_fit():
    coder, _ = random_coder(5, 12)
    for name in ("weighted", "evidence", "feedback", "center", "along_center"):
        with pytest.raises(ValueError, match=name):
            _core.AdditiveCoder(**coder | {name: coder[name][..., :-1].copy()})
    made = _core.AdditiveCoder(**coder)
    rows = np.zeros((3, 5), np.float32)
    with pytest.raises(ValueError, match="rows"):
        made.encode(rows[:, :4].copy(), 0, None, 1)
    with pytest.raises(ValueError, match="first"):
        made.encode(rows, 0, np.zeros((3, 3), np.uint8), 1)
