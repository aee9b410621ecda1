"""What ``bitindex.tune`` chooses among its trials, and how it prints them."""

from dataclasses import replace

import numpy as np
import pytest

from bitindex.tuning import Recipe, Trial, TuneResult

pytestmark = pytest.mark.once


def trial(n_bytes, recall, oversample=None, kind="flat", name="sign"):
    rescore = None if oversample is None else "int8"
    recipe = Recipe(name, kind=kind, rescore=rescore, oversample=oversample)
    return Trial(recipe, n_bytes, recall, 0.01, 10 * (oversample or 0), 12.0)


def result_of(*trials, target=0.9, budget=None):
    return TuneResult(trials, target, budget, 4500, 500, 9000, 5, 24, {})


class TestChoice:
    def test_fewest_bytes_reach_the_target(self):
        small, large = trial(40, 0.91, 8), trial(80, 0.99)
        result = result_of(large, trial(20, 0.89), small)
        assert result.best == small.recipe
        assert result.reached

    def test_least_oversampling_among_equal_bytes(self):
        enough = trial(40, 0.92, 4)
        most = trial(40, 0.99, 16)
        result = result_of(most, enough, trial(40, 0.91, 4), trial(40, 0.8, 2))
        assert result.best_trial is enough
        assert result.pareto == (most,)
        rows = [line.split() for line in repr(result).splitlines() if "int8  " in line]
        assert [(row[0], row[-2]) for row in rows] == [("*", "0.920"), ("sign", "0.990")]

    def test_highest_recall_where_none_reaches_the_target(self):
        highest = trial(40, 0.85, 8)
        result = result_of(trial(20, 0.8), trial(80, 0.85), trial(40, 0.85, 16), highest, budget=90)
        assert result.best_trial is highest
        assert not result.reached
        assert "Recall 0.9 is NOT reached within 90 bytes" in repr(result)

    def test_a_recall_just_below_the_target_does_not_look_like_it(self):
        text = repr(result_of(trial(20, 0.89999)))
        assert "recall 0.899," in text
        assert "0.900" not in text

    def test_front_ascends_in_bytes_and_recall(self):
        few, some, many = trial(10, 0.5), trial(20, 0.7), trial(90, 0.97)
        beaten = trial(15, 0.4), trial(30, 0.7), trial(99, 0.97)
        assert result_of(many, *beaten, some, few).pareto == (few, some, many)

    def test_kinds_have_fronts_of_their_own(self):
        flat, faster = trial(20, 0.9), trial(24, 0.8, kind="ivf")
        assert result_of(flat, faster).pareto == (flat, faster)

    def test_less_effort_is_on_the_front_where_it_finds_less(self):
        little, much = (
            replace(t, recipe=replace(t.recipe, effort=effort))
            for t, effort in [(trial(24, 0.7, kind="ivf"), 1), (trial(24, 0.8, kind="ivf"), 8)]
        )
        wasted = replace(much, recipe=replace(much.recipe, effort=16))
        assert result_of(wasted, much, little).pareto == (little, much)

    def test_front_is_what_nothing_beats(self):
        generator = np.random.default_rng(0)
        for _ in range(50):
            trials = [
                trial(int(n_bytes), int(tenths) / 10, int(oversample))
                for n_bytes, tenths, oversample in generator.integers(1, 9, (30, 3))
            ]
            front = result_of(*trials).pareto

            wanted = []
            for n_bytes in range(1, 9):
                fewer = [t.recall for t in trials if t.bytes_per_vector < n_bytes]
                equal = [t for t in trials if t.bytes_per_vector == n_bytes]
                if equal and max(t.recall for t in equal) > max(fewer, default=-1):
                    wanted.append(min(equal, key=lambda t: (-t.recall, t.recipe.oversample)))
            assert front == tuple(wanted)


def test_printed_result():
    result = result_of(trial(48, 0.701), trial(1436, 0.9512, 1.5))
    assert repr(result) == (
        "recall@10 among 9,000 rows, estimated by recall@5 among 4,500 of them\n"
        "500 queries, 24 dimensions, cosine; "
        "standard error of a recall: up to 0.010\n"
        "\n"
        "  method       oversample  bytes  recall@10  us a query\n"
        "  sign                        48      0.701          12\n"
        "* sign + int8         1.5  1,436      0.951          12\n"
        "\n"
        "Fewest bytes for recall 0.9 (*): recall 0.951, 1,436 bytes a vector\n"
        "\n"
        "index = bi.EmbeddingIndex(bi.SignBinarizer(), "
        'similarity="cosine", rescore="int8").fit(X)\n'
        "index.add(X)\n"
        "scores, ids = index.search(Q, k=10, oversample=1.5)"
    )
