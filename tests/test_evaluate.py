"""Quality measures: recall, nDCG, MRR. Exact search and throughput have files of their own."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from bitindex.datasets import load_scifact
from bitindex.evaluate import exact_search, mrr, ndcg_at_k, recall_at_k

GRADES = st.dictionaries(st.integers(0, 30), st.integers(0, 3), min_size=1).filter(
    lambda grades: max(grades.values()) > 0
)
RANKINGS = st.lists(st.integers(0, 30), unique=True)


def test_float_embeddings_of_scifact_have_the_known_quality():
    data = load_scifact()
    _, rows = exact_search(data.query_embeddings, data.doc_embeddings, 10)
    names = {"query_ids": data.query_ids, "doc_ids": data.doc_ids}
    assert ndcg_at_k(rows, data.qrels, **names) == pytest.approx(0.64508, abs=5e-6)
    assert ndcg_at_k(
        [[data.doc_ids[row] for row in ranking] for ranking in rows], data.qrels
    ) == ndcg_at_k(rows, data.qrels, **names)
    assert recall_at_k(rows, rows) == 1.0


def test_import_is_light():
    program = (
        "import sys, bitindex.evaluate\n"
        "print([name for name in ('scipy', 'sklearn', 'torch', 'tqdm') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout.strip() == "[]", shown.stderr


# --- recall ---------------------------------------------------------------------------------------


def test_recall_by_hand():
    found = [[1, 2, 3, 4], [9, 8, 7, 6]]
    true = [[2, 1, 5, 3], [6, 5, 4, 3]]
    assert recall_at_k(found, true, k=1) == 0
    assert recall_at_k(found, true, k=2) == 0.5
    assert recall_at_k(found, true, k=4) == 0.5
    assert recall_at_k(found, true, k=4, per_query=True).tolist() == [0.75, 0.25]


def test_recall_ignores_padding():
    assert recall_at_k([[1, -1, -1]], [[1, 2, -1]], k=3) == 0.5
    assert recall_at_k([[1, 2, 3]], [[2, -1, -1]], k=3) == 1.0


def test_recall_leaves_out_queries_without_true_ids():
    found, true = [[1, 2], [3, -1]], [[1, 5], [-1, -1]]
    assert recall_at_k(found, true, k=2) == 0.5
    np.testing.assert_array_equal(recall_at_k(found, true, k=2, per_query=True), [0.5, np.nan])
    with pytest.raises(ValueError, match="true_ids must hold an id in some row, got none for 2"):
        recall_at_k(found, np.full((2, 2), -1), k=2)


@given(st.permutations(range(8)), st.permutations(range(8)), st.randoms(), st.integers(1, 8))
def test_recall_does_not_depend_on_the_order_of_the_first_k(found, true, random, k):
    shuffled = list(found[:k])
    random.shuffle(shuffled)
    recall = recall_at_k([found], [true], k=k)
    assert recall_at_k([shuffled + list(found[k:])], [true], k=k) == recall
    assert recall == recall_at_k([true], [found], k=k)
    assert recall == len(set(found[:k]) & set(true[:k])) / k


@pytest.mark.parametrize(
    ("found", "true", "k", "error", "message"),
    [
        ([[1, 2], [3]], [[1, 2], [3, 4]], 1, ValueError, "found_ids must have rows of one width"),
        ([[1, 2]], [[1, 2], [3, 4]], 2, ValueError, "one row per query each, got 1 and 2 rows"),
        ([[1, 2]], [[1]], 2, ValueError, r"true_ids .* at least k=2\), got shape \(1, 1\)"),
        ([1, 2], [[1, 2]], 2, ValueError, r"found_ids .* got shape \(2,\)"),
        ([[1.0]], [[1]], 1, TypeError, "found_ids must hold integers, got float64"),
        ([[1]], [[1]], 0, ValueError, "k must be at least 1, got 0"),
        ([[1]], [[1]], 1.0, TypeError, "k must be an integer, got float"),
        ([[1]], [[1]], True, TypeError, "k must be an integer, got bool"),
    ],
)
def test_recall_refuses(found, true, k, error, message):
    with pytest.raises(error, match=message):
        recall_at_k(found, true, k=k)


# --- nDCG and MRR ---------------------------------------------------------------------------------


def test_ndcg_by_hand():
    qrels = {"q": {"a": 3, "b": 1, "c": 0, "d": -2}}
    best = 3 + 1 / math.log2(3)
    assert ndcg_at_k([["b", "d", "a"]], qrels) == pytest.approx((1 + 3 / 2) / best)
    assert ndcg_at_k([["b", "d", "a"]], qrels, k=1) == pytest.approx(1 / 3)
    assert ndcg_at_k([["x", "c"]], qrels) == 0
    assert ndcg_at_k([[]], qrels) == 0


def test_mrr_by_hand():
    qrels = {1: {10: 1, 20: 0}, 2: {30: 2}}
    rankings = [[20, 10, 5], [7, 8, 30]]
    assert mrr(rankings, qrels) == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert mrr(rankings, qrels, k=2) == pytest.approx(1 / 4)
    assert mrr(rankings, qrels, per_query=True).tolist() == pytest.approx([1 / 2, 1 / 3])


@given(GRADES, RANKINGS, st.integers(1, 12))
def test_measures_are_between_0_and_1_and_ignore_padding(grades, ranking, k):
    for measure in (ndcg_at_k, mrr):
        value = measure([ranking], {0: grades}, k=k)
        assert 0 <= value <= 1 + 1e-12
        assert value == measure([[*ranking, -1, -1]], {0: grades}, k=k)


@given(GRADES, st.integers(1, 12))
def test_the_best_ranking_has_1(grades, k):
    ranking = sorted(grades, key=grades.__getitem__, reverse=True)
    assert ndcg_at_k([ranking], {0: grades}, k=k) == pytest.approx(1)
    assert mrr([ranking], {0: grades}, k=k) == 1


@given(st.lists(st.integers(0, 4), min_size=2, max_size=20).filter(any), st.integers(1, 20))
def test_ndcg_agrees_with_scikit_learn_when_all_documents_are_ranked(grades, k):
    n = len(grades)
    expected = ndcg_score([grades], [np.arange(n, 0, -1)], k=k, ignore_ties=True)
    value = ndcg_at_k([list(range(n))], {0: dict(enumerate(grades))}, k=k)
    assert value == pytest.approx(expected)


def test_rows_belong_to_the_named_queries():
    qrels = {"p": {"a": 1}, "q": {"b": 1}, "unused": {"c": 1}}
    rankings = [["b"], ["x", "a"]]
    assert mrr(rankings, qrels, query_ids=["q", "p"]) == 0.75
    assert mrr([["a"], ["b"], ["c"]], qrels) == 1


def test_doc_ids_translate_row_numbers():
    rows = np.array([[2, 0, -1]])
    assert mrr(rows, {"q": {"a": 1}}, doc_ids=["a", "b", "c"]) == 0.5


def test_queries_without_a_relevant_document_are_left_out():
    qrels = {"p": {"a": 1}, "none": {"a": 0}, "empty": {}}
    rankings = [["a"], ["a"], ["a"]]
    for measure in (ndcg_at_k, mrr):
        assert measure(rankings, qrels) == 1
        values = measure(rankings, qrels, per_query=True)
        np.testing.assert_array_equal(values, [1, np.nan, np.nan])
        with pytest.raises(ValueError, match="qrels must hold a grade above 0, got none for 1"):
            measure([["a"]], {"none": {"a": 0}})


@pytest.mark.parametrize("measure", [ndcg_at_k, mrr])
@pytest.mark.parametrize(
    ("rankings", "qrels", "more", "error", "message"),
    [
        ([["a"]], {"q": {"a": 1}, "p": {}}, {}, ValueError, "one row for a key of qrels each"),
        ([["a"]], {"q": {"a": 1}}, {"query_ids": ["q", "q"]}, ValueError, "got 1 rows for 2"),
        ([["a"]], {"q": {"a": 1}}, {"query_ids": ["z"]}, KeyError, "got 'z' in row 0"),
        ([["a", "b", "a"]], {"q": {"a": 1}}, {}, ValueError, "repeat a document, got 'a' again"),
        ([[1]], {"q": {"a": 1}}, {}, TypeError, r"all str or all int, got \['int'\] and \['str'"),
        ([[1.5]], {"q": {1: 1}}, {}, TypeError, "must hold str or int, got float in row 0"),
        (["a"], {"q": {"a": 1}}, {}, TypeError, "sequence of ids per row, got 'a' in row 0"),
        ([["a"]], [("q", "a", 1)], {}, TypeError, "qrels must map query ids .*, got list"),
        ([["a"]], {"q": ["a"]}, {}, TypeError, "got list for query 'q'"),
        ([["a"]], {"q": {"a": "1"}}, {}, TypeError, "grades must be numbers, got '1'"),
        ([["a"]], {"q": {"a": math.nan}}, {}, ValueError, "grades must be finite, got nan"),
        ([[3]], {"q": {"a": 1}}, {"doc_ids": ["a"]}, ValueError, "from 0 to 0, .* got 3 in row 0"),
        ([["a"]], {"q": {"a": 1}}, {"doc_ids": ["a"]}, TypeError, "must hold row numbers"),
        ([["a"]], {"q": {"a": 1}}, {"k": 0}, ValueError, "k must be at least 1, got 0"),
    ],
)
def test_measures_refuse(measure, rankings, qrels, more, error, message):
    with pytest.raises(error, match=message):
        measure(rankings, qrels, **more)
