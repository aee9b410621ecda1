"""What recurrent codes learn from: batches of examples, and examples that are refused."""

import numpy as np
import pytest
import torch
from recurrent_data import LABELS, PAIRS, QUERIES, SMALL, X, examples_of

import bitindex as bi
from bitindex.binarize.recurrent_network import unit_rows
from bitindex.binarize.recurrent_training.recipes import RECIPES
from bitindex.binarize.recurrent_training.trainer import default_batch_size

pytestmark = pytest.mark.once


class TestExamples:
    @pytest.mark.parametrize("kind", ["rows", "labels", "pairs", "pairs within"])
    def test_batches(self, kind):
        examples = examples_of(kind)
        generator = np.random.default_rng(0)
        for size in (2, 64, 5000):  # more than there are: all of them
            batches = examples.batches(size, generator)
            assert len(batches) >= 1
            batch = examples.batch(batches[0], generator)
            assert len(batch.queries) == len(batch.documents) <= max(size, 128)
            related = examples.related(batch.query_numbers, batch.row_numbers)
            assert related.diagonal().all()

    def test_partners_have_the_label_and_are_others(self):
        examples = examples_of("labels")
        units = np.arange(examples.n_units)
        for seed in range(5):
            batch = examples.batch(units, np.random.default_rng(seed))
            assert (batch.query_numbers != batch.row_numbers).all()
            related = examples.related(batch.query_numbers, batch.row_numbers)
            assert related.diagonal().all()
        known = {row.tobytes(): label for row, label in zip(unit_rows(X), LABELS, strict=True)}
        of_rows = np.array([known[row.tobytes()] for row in batch.queries.numpy()])
        of_partners = np.array([known[row.tobytes()] for row in batch.documents.numpy()])
        np.testing.assert_array_equal(of_rows, of_partners)
        np.testing.assert_array_equal(related, of_rows[:, None] == of_partners)

    def test_related_pairs(self):
        examples = examples_of("pairs")
        known = {(q, r) for q, r in PAIRS.tolist()}
        related = examples.related(torch.arange(100), torch.arange(300))
        assert {(q, r) for q, r in related.nonzero().tolist()} == known
        within = examples_of("pairs within").related(torch.arange(100), torch.arange(300))
        assert {(q, r) for q, r in within.nonzero().tolist()} == known | {
            (q, q) for q in range(100)
        }

    @pytest.mark.parametrize("kind", ["rows", "labels", "pairs"])
    def test_nothing_is_learned_from_what_is_held_out(self, kind):
        examples = examples_of(kind)
        generator = np.random.default_rng(0)
        held_out = {row.tobytes() for row in examples.validation.queries}
        assert len(held_out) == {"rows": 30, "labels": 30, "pairs": 10}[kind]
        for units in examples.batches(32, generator):
            batch = examples.batch(units, generator)
            assert not held_out & {row.tobytes() for row in batch.queries.numpy()}

    def test_recall_of_exact_scores(self):
        validation = examples_of("rows").validation
        assert validation.recall(validation.queries @ validation.base.T) == 1.0
        assert validation.recall(-validation.queries @ validation.base.T) < 0.1

    def test_a_query_does_not_find_itself(self):
        validation = examples_of("pairs within").validation
        before = validation.recall(np.zeros((10, 300), np.float32))
        scores = np.zeros((10, 300), np.float32)
        scores[np.arange(10), validation.own] = 9
        assert validation.recall(scores) == before


@pytest.mark.parametrize("recipe", ["default", "paper"])
@pytest.mark.parametrize(
    ("kind", "n_units", "least"),
    [("pairs", 200, 32), ("labels", 1040, 32), ("labels", 9003, 281), ("rows", 200, 2048)],
)
def test_few_pairs_and_labels_come_in_small_batches(recipe, kind, n_units, least):
    examples = examples_of(kind)
    examples.n_units = n_units
    most = RECIPES[recipe].batch_size
    assert default_batch_size(RECIPES[recipe], examples) == min(least, most)
    examples.n_units = 32 * 2048 + 31
    assert default_batch_size(RECIPES[recipe], examples) == most


BAD = {
    "a pair beyond the rows": ({"pairs": [[0, 0], [1, 300]]}, r"0 to 299, got 300 in pair 1"),
    "a negative pair": ({"pairs": [[0, 0], [-1, 3]]}, r"0 to 299, got -1 in pair 1"),
    "a query beyond": (
        {"pairs": [[0, 0], [50, 3]], "queries": X[:50]},
        r"queries by numbers from 0 to 49, got 50 in pair 1",
    ),
    "pairs of three": ({"pairs": [[0, 1, 2]]}, r"pairs must have shape \(n, 2\)"),
    "one query": ({"pairs": [[0, 1], [0, 2]]}, "at least 2 different queries"),
    "one label": ({"labels": np.zeros(300)}, "at least 2 different values"),
    "labels of their own": ({"labels": np.arange(300)}, "at least 2 rows share"),
    "too few labels": ({"labels": [1, 2]}, r"labels must have shape \(300,\)"),
    "labels that are none": ({"labels": np.full(300, np.nan)}, "labels must not be NaN"),
    "both": ({"labels": LABELS, "pairs": PAIRS}, "pairs or labels must be given, not both"),
    "queries alone": ({"queries": QUERIES}, "queries must come with pairs"),
    "queries of another width": (
        {"pairs": PAIRS, "queries": QUERIES[:, 1:]},
        r"queries must have shape \(n, 12\)",
    ),
    "no validation": ({"validation": 0}, "validation must be above 0"),
    "all held out": ({"validation": 0.9}, "at most 0.5, got 0.9"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_refusals(arguments, message):
    binarizer = bi.RecurrentBinarizer(**SMALL | {"n_epochs": 0}).fit(X)
    expected = binarizer.encode(X).packed
    with pytest.raises(ValueError, match=message):
        binarizer.fit(X, **arguments)
    np.testing.assert_array_equal(binarizer.encode(X).packed, expected)


def test_pairs_that_are_no_integers_are_refused():
    with pytest.raises(TypeError, match="pairs must be integers, got float64"):
        bi.RecurrentBinarizer(**SMALL).fit(X, pairs=[[0.0, 1.0], [1.0, 2.0]])
