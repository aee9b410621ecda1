"""``bitindex.tune``: what it tries, that its figures hold, and what it refuses."""

import re
from dataclasses import replace

import numpy as np
import pytest
from small_embeddings import embeddings

import bitindex as bi
from bitindex.binarize import BINARIZERS
from bitindex.evaluate import recall_at_k
from bitindex.index import EMBEDDING_KINDS
from bitindex.tuning import Recipe
from bitindex.tuning.grid import OVERSAMPLES, variants
from bitindex.tuning.split import hold_out

pytestmark = pytest.mark.once

SIMILARITIES = ["cosine", "dot", "l2"]
DRAWN = {"n_sample": 300, "n_queries": 40, "random_state": 3}
X = embeddings(600, 24)


def figures(trial):
    """What another run repeats: all but the time."""
    return replace(trial, microseconds=0.0)


def test_signs_are_found_where_they_are_all():
    # Rows come 20 times, so the 10 nearest of a query are those equal to it with the smallest ids.
    signs = np.random.default_rng(1).choice(np.float32([-1, 1]), (30, 64))
    result = bi.tune(np.repeat(signs, 20, axis=0), 1.0, binarizers=["sign"], kinds=["flat"])
    assert result.best == Recipe("sign")
    assert result.reached
    assert (result.best_trial.bytes_per_vector, result.best_trial.recall) == (8, 1.0)
    assert result.pareto == (result.best_trial,)


def test_thresholds_are_found_for_data_far_from_zero():
    shifted = embeddings(600, n_dims=64) + 20
    result = bi.tune(shifted, 0.3, similarity="l2", binarizers=["sign"])
    assert result.reached
    assert result.best.parameters["threshold"] in ("mean", "median")
    assert result.best.rescore is None
    plain = [t for t in result.table if not t.recipe.parameters and t.recipe.rescore is None]
    assert plain[0].recall < 0.1  # all codes are alike


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_recall_is_that_of_the_recipe(similarity):
    result = bi.tune(X, k=5, similarity=similarity, binarizers=["sign"], kinds=["flat"], **DRAWN)
    split = hold_out(X, None, k=5, similarity=similarity, **DRAWN)
    assert (result.n_base, result.n_queries) == (300, 40)
    assert (result.n_rows, result.n_dims) == (560, 24)
    assert result.n_nearest == 3  # of the 5 nearest of 560 rows, 300 hold 2.7
    assert len(result.table) == 3 * (1 + 3 * len(OVERSAMPLES))
    for trial in result.table:
        index = trial.recipe.build().fit(split.base)
        index.add(split.base)
        _, ids = index.search(split.queries, 3, oversample=trial.recipe.oversample or 4)
        recalls = recall_at_k(ids, split.true_ids, 3, per_query=True)
        assert trial.recall == recalls.mean()
        assert trial.standard_error == pytest.approx(np.std(recalls) / np.sqrt(40))
        assert trial.bytes_per_vector == index.bytes_per_vector
        assert trial.rescored == np.ceil(5 * (trial.recipe.oversample or 0))
        assert trial.microseconds > 0


def test_every_binarizer_is_tried():
    result = bi.tune(embeddings(300, n_dims=16))
    tried = {(t.recipe.binarizer, *t.recipe.parameters.values()) for t in result.table}
    # Recurrent codes, whose training takes minutes, only if they are asked for.
    names = [name for name in BINARIZERS if name != "recurrent"]
    wanted = {(v.name, *v.parameters.values()) for v in variants(names, 16)}
    assert tried == wanted
    assert result.left_out == {}


def test_another_run_repeats_all_but_times():
    first, second = (bi.tune(X, binarizers=["sign"], **DRAWN) for _ in range(2))
    assert [figures(t) for t in first.table] == [figures(t) for t in second.table]
    assert first.best == second.best
    other = bi.tune(X, binarizers=["sign"], **DRAWN | {"random_state": 4})
    assert [t.recall for t in other.table] != [t.recall for t in first.table]


def test_no_binarizer_sees_a_query(monkeypatch):
    seen = []

    class Watched(bi.SignBinarizer):
        def fit(self, X, y=None):
            rows = np.concatenate(list(X))
            seen.append(rows)
            return super().fit(rows)

    monkeypatch.setitem(BINARIZERS, "watched", Watched)
    bi.tune(X, similarity="dot", binarizers=["watched"], kinds=["flat"], **DRAWN)
    split = hold_out(X, None, k=10, similarity="dot", **DRAWN)
    (rows,) = seen
    np.testing.assert_array_equal(rows, split.base)
    assert not {row.tobytes() for row in rows} & {query.tobytes() for query in split.queries}


def test_a_binarizer_that_refuses_the_sample_is_left_out(monkeypatch):
    class Refusing(bi.SignBinarizer):
        def fit(self, X, y=None):
            raise ValueError("X must have at least 999 rows")

    monkeypatch.setitem(BINARIZERS, "refusing", Refusing)
    result = bi.tune(X, binarizers=["refusing", "sign"], **DRAWN)
    assert result.left_out == {"refusing": "X must have at least 999 rows"}
    assert "left out: refusing: X must have at least 999 rows" in repr(result)
    assert {trial.recipe.binarizer for trial in result.table} == {"sign"}
    with pytest.raises(ValueError, match="at least 999 rows"):
        bi.tune(X, binarizers=["refusing"], **DRAWN)


def test_vectors_beyond_float16_are_not_tried_in_it():
    result = bi.tune(1e5 * X, similarity="dot", binarizers=["sign"], **DRAWN)
    assert {trial.recipe.rescore for trial in result.table} == {None, "int8", "float32"}


def test_not_all_rows_are_rescored():
    result = bi.tune(embeddings(60, 24), k=10, binarizers=["sign"])
    assert result.n_base == 54
    assert {t.recipe.oversample for t in result.table} == {None, 1.5, 2, 3, 4}


@pytest.mark.parametrize("kind", [kind for kind in EMBEDDING_KINDS if kind != "flat"])
def test_other_kinds_are_tried_with_the_best_recipe(kind):
    result = bi.tune(X, 0.8, binarizers=["sign"], kinds=["flat", kind])
    best, *others = [result.best_trial, *(t for t in result.table if t.recipe.kind == kind)]
    assert best.recipe.kind == "flat"
    efforts = EMBEDDING_KINDS[kind].efforts
    assert [t.recipe.effort for t in others] == list(efforts)
    for other in others:
        assert replace(other.recipe, kind="flat", effort=None) == best.recipe
        assert other.recall <= best.recall + 1e-9
        assert other.bytes_per_vector >= best.bytes_per_vector
    # So few rows are scanned in the end, by every kind.
    assert others[-1].recall == best.recall
    names = {"bi": bi, "X": X, "Q": X[:5]}
    exec(repr(others[0].recipe), names)
    assert names["index"].kind == kind
    assert f"effort={efforts[0]}" in repr(others[0].recipe)
    assert f" {kind} {efforts[0]} + int8" in others[0].recipe.method
    small = bi.tune(X, 0.8, budget_bytes=best.bytes_per_vector, binarizers=["sign"], kinds=[kind])
    assert all(t.bytes_per_vector <= best.bytes_per_vector for t in small.table)


def test_recall_of_a_sample_stands_for_that_of_all():
    # Among a quarter of these rows alone, recall@10 is up to .22 higher than among all.
    rows = embeddings(8000, n_dims=16, seed=5)
    options = {"similarity": "l2", "binarizers": ["sign"]}
    sample = bi.tune(rows, n_sample=2000, **options)
    full = bi.tune(rows, **options)
    for guess, fact in zip(sample.table, full.table, strict=True):
        assert guess.recipe == fact.recipe
        assert guess.recall == pytest.approx(fact.recall, abs=0.05)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("sign"),
        Recipe("sign", {"threshold": "mean"}, "flat", "l2", "float16", k=7, oversample=2),
    ],
)
def test_the_printed_code_does_what_the_recipe_says(recipe):
    names = {"bi": bi, "X": X, "Q": X[:5]}
    exec(repr(recipe), names)  # our own text
    index = recipe.build().fit(X)
    index.add(X)
    assert repr(names["index"]) == repr(index)
    scores, ids = index.search(X[:5], **recipe.search_arguments)
    np.testing.assert_array_equal(names["scores"], scores)
    np.testing.assert_array_equal(names["ids"], ids)


class TestBudget:
    def test_nothing_beyond_it_is_tried(self):
        result = bi.tune(X, budget_bytes=3 + 24 + 4, binarizers=["sign"], **DRAWN)
        assert {trial.recipe.rescore for trial in result.table} == {None, "int8"}

    @pytest.mark.parametrize(
        ("similarity", "smallest", "budget"), [("cosine", 3, 2), ("l2", 3, 2), ("l2", 11, 10)]
    )
    def test_below_all_it_names_the_smallest(self, similarity, smallest, budget):
        message = f"at least {smallest}, what a vector takes with sign, got {budget}"
        with pytest.raises(ValueError, match=message):
            bi.tune(X, budget_bytes=budget, similarity=similarity, binarizers=["sign"], **DRAWN)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target_recall": 0}, ValueError, "target_recall must be above 0 and at most 1, got 0"),
        ({"target_recall": 1.01}, ValueError, "target_recall must be above 0 and at most 1"),
        ({"target_recall": float("nan")}, ValueError, "target_recall must be"),
        ({"target_recall": "high"}, TypeError, "target_recall must be a number, got str"),
        ({"k": 0}, ValueError, "k must be >= 1, got 0"),
        ({"k": 2.5}, TypeError, "k must be an integer, got float"),
        ({"k": 540}, ValueError, "more than k=540 rows to search beside 60 held out .*, got 540"),
        ({"k": 600, "queries": X}, ValueError, "more than k=600 rows to search, got 600"),
        ({"X": X[:0]}, ValueError, "X must have at least 1 row, got none"),
        ({"X": X[:11]}, ValueError, "X must have more than k=10 rows .* got 10"),
        ({"X": X.astype(int)}, TypeError, "X must be floats, got int64"),
        ({"X": [[1.0, float("nan")]]}, ValueError, "NaN or infinity in row 0"),
        ({"queries": X[:, :5]}, ValueError, r"queries must have shape \(n, 24\)"),
        ({"queries": X[:0]}, ValueError, "queries must have at least 1 row, got none"),
        ({"budget_bytes": 0}, ValueError, "budget_bytes must be >= 1, got 0"),
        ({"budget_bytes": 9.5}, TypeError, "budget_bytes must be an integer, got float"),
        ({"similarity": "l1"}, ValueError, "similarity must be one of cosine, dot, l2, got 'l1'"),
        ({"binarizers": "sign"}, TypeError, "a sequence of names, got the string 'sign'"),
        ({"binarizers": []}, ValueError, "binarizers must name at least one, got none"),
        ({"kinds": "ivf"}, TypeError, "kinds must be a sequence of names, got the string 'ivf'"),
        ({"kinds": []}, ValueError, "kinds must name at least one, got none"),
        ({"kinds": ["mih"]}, ValueError, "kinds must be one of flat.*, got 'mih'"),
        ({"binarizers": ["signs"]}, ValueError, "binarizers must be one of .*sign.*, got 'signs'"),
        ({"n_sample": 0}, ValueError, "n_sample must be >= 1, got 0"),
        ({"n_queries": 0}, ValueError, "n_queries must be >= 1, got 0"),
        ({"random_state": -1}, ValueError, "random_state must be >= 0, got -1"),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        bi.tune(**{"X": X, **arguments})


@pytest.mark.parametrize("n_dims", [1, 20, 384])
def test_variants_are_distinct_and_can_be_built(n_dims):
    tried = variants(BINARIZERS, n_dims)
    assert len({str(variant) for variant in tried}) == len(tried)
    assert {variant.name for variant in tried} == {*BINARIZERS}
    for variant in tried:
        assert type(variant.build()) is BINARIZERS[variant.name]


def test_bits_of_a_variant_are_no_more_than_those_of_its_codes():
    rows = embeddings(400, n_dims=20)
    for variant in variants(BINARIZERS, 20):
        binarizer = variant.build().fit(rows)
        assert variant.least_bytes <= (binarizer.n_bits_ + 7) // 8


def test_import_of_the_package_does_not_import_tuning(run_python):
    printed = run_python(
        "import sys, bitindex as bi\n"
        "print('bitindex.tuning' in sys.modules, callable(bi.tune), bi.tuning.tune is bi.tune)"
    )
    assert re.split(r"\s", printed.strip()) == ["False", "True", "True"]


@pytest.mark.parametrize("progress", [True, False])
def test_progress(progress, capsys):
    bi.tune(X, binarizers=["sign"], progress=progress, **DRAWN)
    assert ("tune:" in capsys.readouterr().err) == progress
