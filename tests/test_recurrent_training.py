"""How recurrent codes are trained: losses, examples, and the loop."""

from dataclasses import replace
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from torch.nn import functional

import bitindex as bi
from bitindex.binarize.recurrent_network import plane_values, unit_rows
from bitindex.binarize.recurrent_training import Plan, read_examples, train_model
from bitindex.binarize.recurrent_training.checkpoint import Checkpoint
from bitindex.binarize.recurrent_training.losses import contrastive, decorrelation
from bitindex.binarize.recurrent_training.model import (
    Block,
    RecurrentModel,
    StraightThroughSign,
)
from bitindex.binarize.recurrent_training.objective import Objective
from bitindex.binarize.recurrent_training.queue import CodeQueue
from bitindex.binarize.recurrent_training.recipes import RECIPES
from bitindex.binarize.recurrent_training.start import fit_shortcuts, principal_directions
from bitindex.binarize.recurrent_training.trainer import default_batch_size

pytestmark = pytest.mark.once

RNG = np.random.default_rng(8)
X = (RNG.standard_normal((300, 12)) @ RNG.standard_normal((12, 12))).astype(np.float32)
LABELS = RNG.integers(0, 9, 300)
QUERIES = (X + 0.5 * RNG.standard_normal(X.shape)).astype(np.float32)
PAIRS = np.stack([np.repeat(np.arange(100), 2), RNG.integers(0, 300, 200)], axis=1)
SMALL = {"n_epochs": 3, "batch_size": 64, "hidden_dim": 16}


def test_gradient_of_a_sign_passes_within_1():
    inputs = torch.tensor([-2.0, -1.0, -0.5, 0.0, 1e-9, 1.0, 1.1], requires_grad=True)
    signs = StraightThroughSign.apply(inputs)
    assert signs.tolist() == [-1, -1, -1, -1, 1, 1, 1]
    (signs * torch.arange(1.0, 8.0)).sum().backward()
    assert inputs.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]


def test_folded_blocks_are_blocks_in_use():
    torch.manual_seed(0)
    block = Block(7, 5, 6, torch.randn(7, 6))
    for _ in range(3):
        block(torch.randn(50, 7) * 2 + 1)
    torch.nn.init.normal_(block.output.weight)
    rows = torch.randn(20, 7)
    hidden, hidden_bias, output, output_bias = block.folded()
    x = rows.numpy()
    inner = np.concatenate([x, np.maximum(x @ hidden + hidden_bias, 0)], axis=1)
    expected = block.eval()(rows).detach().numpy()
    np.testing.assert_allclose(inner @ output + output_bias, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("code_dim", [1, 5, 12, 30])
def test_directions_to_begin_with(code_dim):
    torch.manual_seed(0)
    directions = principal_directions(torch.from_numpy(X), code_dim).numpy()
    assert directions.shape == (12, code_dim)
    first = directions[:, :12]
    np.testing.assert_allclose(first.T @ first, np.eye(first.shape[1]), atol=1e-5)
    # No other subspace of so many dimensions keeps more.
    axes = np.linalg.eigh(X.T.astype(np.float64) @ X)[1][:, ::-1][:, :code_dim]
    assert np.linalg.norm(X @ first) == pytest.approx(np.linalg.norm(X @ axes), rel=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("code_dim", [3, 12, 30])
@pytest.mark.parametrize("values", [plane_values(1), plane_values(3)], ids=["1 bit", "3 bits"])
def test_shortcuts_that_fit_the_rows(code_dim, values):
    torch.manual_seed(0)
    rows = torch.from_numpy(unit_rows(X + 3))
    directions = principal_directions(rows, code_dim)
    model = RecurrentModel(directions, 8, values, shortcuts=True)
    before = model.eval()(rows)
    fit_shortcuts(model, rows)
    planes = model.eval()(rows)
    assert torch.equal(planes[:, 0], before[:, 0])
    levels = torch.zeros(())
    for plane, value in enumerate(model.values):
        left = rows
        if plane > 0:
            known = functional.normalize(model.to_row[plane - 1](levels), dim=1)
            inside = torch.linalg.qr(directions)[0]
            lengths = [(x @ inside).square().sum(1).mean().sqrt() for x in (known, rows)]
            stretched = float(lengths[1]) * (1.172 if plane == 1 else 1)
            assert lengths[0] == pytest.approx(min(stretched, 1), rel=0.02)
            left = rows - known
        inputs = model.to_code[plane](left)
        assert float(inputs.square().mean()) == pytest.approx(1, rel=1e-3)
        levels = levels + value * planes[:, plane]


@torch.no_grad()
def test_pairs_train_every_prefix():
    examples = read_examples(X, PAIRS, None, QUERIES, 1000, 0.1, 0)
    torch.manual_seed(0)
    model = RecurrentModel(torch.eye(12), 8, plane_values(3), shortcuts=True)
    batch = examples.batch(np.arange(40), np.random.default_rng(0))
    sides = [model(rows) for rows in (batch.queries, batch.documents)]
    related = examples.related(batch.query_numbers, batch.row_numbers)

    def loss_of(n_planes):
        levels = [
            (planes[:, :n_planes] * torch.tensor([4, 2, 1])[:n_planes, None]).sum(1)
            for planes in sides
        ]
        queries, documents = (functional.normalize(x, dim=1) for x in levels)
        scores = queries @ documents.T
        return contrastive(scores, related, 0.05) + contrastive(scores.T, related.T, 0.05)

    every, last = RECIPES["default"], replace(RECIPES["default"], every_prefix=False)
    for recipe, expected in (
        (every, loss_of(3) / 2 + (loss_of(1) + loss_of(2)) / 4),
        (last, loss_of(3)),
    ):
        found = Objective(examples, recipe, False, None)(model, batch)
        assert float(found) == pytest.approx(float(expected), rel=1e-4)


class TestContrastive:
    scores = torch.from_numpy(RNG.uniform(-1, 1, (6, 9)))

    def slow(self, related, n_hardest):
        losses = []
        for i, row in enumerate(self.scores.numpy() / 0.1):
            negatives = sorted(row[j] for j in range(9) if j != i and not related[i, j])
            kept = negatives[-n_hardest:] if n_hardest else negatives
            losses.append(np.log(np.exp([row[i], *kept]).sum()) - row[i])
        return np.mean(losses)

    @pytest.mark.parametrize("n_hardest", [None, 1, 5])
    @pytest.mark.parametrize("share", [0.0, 0.3])
    def test_slow_numpy(self, n_hardest, share):
        related = RNG.random((6, 9)) < share
        loss = contrastive(self.scores, torch.from_numpy(related), 0.1, n_hardest)
        assert loss.item() == pytest.approx(self.slow(related, n_hardest), rel=1e-6)

    def test_related_columns_change_nothing(self):
        related = torch.zeros(6, 9, dtype=torch.bool)
        related[2, 5] = True
        loss = contrastive(self.scores, related, 0.1)
        changed = self.scores.clone()
        changed[2, 5] = 99.0
        assert contrastive(changed, related, 0.1).item() == loss.item()

    def test_nothing_but_related_ones(self):
        loss = contrastive(self.scores, torch.ones(6, 9, dtype=torch.bool), 0.1)
        assert loss.item() == pytest.approx(0, abs=1e-6)


class TestDecorrelation:
    similarities = torch.from_numpy(RNG.uniform(-1, 1, (5, 30)))
    nothing = torch.zeros(5, 30, dtype=torch.bool)

    def test_slow_numpy(self):
        scores = torch.from_numpy(RNG.uniform(-1, 1, (5, 30)))
        excluded = torch.from_numpy(RNG.random((5, 30)) < 0.2)
        correlations = []
        for found, wanted, out in zip(scores, self.similarities, excluded, strict=True):
            kept = ~out.numpy()
            f, w = found.numpy()[kept], wanted.numpy()[kept]
            c = np.cov(f, w, aweights=np.exp(w / 0.2), ddof=0)
            correlations.append(c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]))
        loss = decorrelation(scores, self.similarities, excluded, 0.2)
        assert loss.item() == pytest.approx(1 - np.mean(correlations), rel=1e-6)

    def test_linear_functions_lose_nothing(self):
        loss = decorrelation(0.7 * self.similarities - 3, self.similarities, self.nothing, 0.1)
        assert loss.item() == pytest.approx(0, abs=1e-6)

    def test_equal_rows(self):
        same = torch.ones(5, 30, requires_grad=True)
        loss = decorrelation(same, torch.ones(5, 30), self.nothing, 0.1)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(same.grad).all()


def examples_of(kind, validation=0.1):
    arguments = {
        "rows": (None, None, None),
        "labels": (None, LABELS, None),
        "pairs": (PAIRS, None, QUERIES),
        "pairs within": (PAIRS, None, None),
    }
    pairs, labels, queries = arguments[kind]
    return read_examples(X, pairs, labels, queries, 1000, validation, 0)


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


@pytest.mark.parametrize("kind", ["rows", "labels", "pairs", "pairs within"])
@pytest.mark.parametrize("query", ["float", "binary"])
@pytest.mark.parametrize("recipe", ["default", "paper"])
def test_fit(kind, query, recipe):
    pairs, labels, queries = {
        "rows": (None, None, None),
        "labels": (None, LABELS, None),
        "pairs": (PAIRS, None, QUERIES),
        "pairs within": (PAIRS, None, None),
    }[kind]
    binarizer = bi.RecurrentBinarizer(query=query, recipe=recipe, **SMALL)
    binarizer.fit(X, pairs=pairs, labels=labels, queries=queries)
    assert len(binarizer.history_["loss"]) == 3
    assert len(binarizer.history_["recall"]) == 4
    assert np.isfinite(binarizer.history_["loss"]).all()
    again = bi.RecurrentBinarizer(query=query, recipe=recipe, **SMALL)
    again.fit(X, pairs=pairs, labels=labels, queries=queries)
    assert_same(again, binarizer)


def assert_same(a, b):
    for name in type(a)._fitted_arrays:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.history_ == b.history_


def test_training_improves_on_where_it_begins():
    rows = np.concatenate([X + 0.3 * RNG.standard_normal(X.shape) for _ in range(5)])
    rows = rows.astype(np.float32)
    params = {"query": "binary", "hidden_dim": 32, "batch_size": 128}
    binarizer = bi.RecurrentBinarizer(n_epochs=8, **params).fit(rows)
    recall = binarizer.history_["recall"]
    assert max(recall) > recall[0] + 0.01
    assert binarizer.history_["loss"][-1] < binarizer.history_["loss"][0]


def test_the_best_epoch_is_kept(monkeypatch):
    recalls = iter([0.5, 0.7, 0.6, 0.1])
    monkeypatch.setattr(
        "bitindex.binarize.recurrent_training.trainer.held_out_recall", lambda *_: next(recalls)
    )
    best = bi.RecurrentBinarizer(**SMALL).fit(X)
    recalls = iter([0.5, 0.7, 0.8, 0.9])
    last = bi.RecurrentBinarizer(**SMALL).fit(X)
    recalls = iter([0.5, 0.4, 0.3, 0.2])
    first = bi.RecurrentBinarizer(**SMALL).fit(X)
    untrained = bi.RecurrentBinarizer(**SMALL | {"n_epochs": 0})
    recalls = iter([0.5])
    untrained.fit(X)
    np.testing.assert_array_equal(first.to_code_output_, untrained.to_code_output_)
    assert (best.to_code_output_ != last.to_code_output_).any()
    assert (best.to_code_output_ != first.to_code_output_).any()


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


def test_the_default_batch_size_is_used():
    params = SMALL | {"batch_size": None}
    binarizer = bi.RecurrentBinarizer(**params).fit(X, labels=LABELS)
    same = bi.RecurrentBinarizer(**params | {"batch_size": 32}).fit(X, labels=LABELS)
    assert_same(binarizer, same)


def test_few_rows_are_not_trained_on():
    binarizer = bi.RecurrentBinarizer(**SMALL).fit(X[:20])
    assert binarizer.history_ == {"loss": [], "recall": []}


@pytest.mark.parametrize("kind", ["rows", "pairs"])
def test_a_killed_training_goes_on(kind, tmp_path, monkeypatch):
    arguments = {} if kind == "rows" else {"pairs": PAIRS, "queries": QUERIES}
    # The recipe of the paper has a queue and another optimizer.
    params = SMALL | {"recipe": "default" if kind == "rows" else "paper"}
    expected = bi.RecurrentBinarizer(**params).fit(X, **arguments)
    path = tmp_path / "training.bitx"
    save = Checkpoint.save

    def save_and_die(self, trainer):
        save(self, trainer)
        if len(trainer.history["loss"]) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", save_and_die)
    binarizer = bi.RecurrentBinarizer(**params)
    with pytest.raises(KeyboardInterrupt):
        binarizer.fit(X, checkpoint=path, **arguments)
    assert not hasattr(binarizer, "n_bits_")
    assert path.exists()
    monkeypatch.setattr(Checkpoint, "save", save)
    with pytest.raises(ValueError, match="must be of the same training"):
        bi.RecurrentBinarizer(**params | {"random_state": 1}).fit(X, checkpoint=path, **arguments)
    with pytest.raises(ValueError, match="must be of the same training"):
        bi.RecurrentBinarizer(**params).fit(2 - X, checkpoint=path, **arguments)
    resumed = bi.RecurrentBinarizer(**params).fit(X, checkpoint=path, **arguments)
    assert_same(resumed, expected)
    assert not path.exists()


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "training.bitx"
    path.write_bytes(b"no file of this package")
    with pytest.raises(bi.FileFormatError, match="is not a bitindex file"):
        bi.RecurrentBinarizer(**SMALL).fit(X, checkpoint=path)
    assert path.read_bytes() == b"no file of this package"


def test_a_loss_that_is_no_number_ends_training(monkeypatch):
    call = Objective.__call__
    calls = []

    def broken(self, model, batch):
        calls.append(batch)
        loss = call(self, model, batch)
        return loss * float("nan") if len(calls) == 7 else loss

    monkeypatch.setattr(Objective, "__call__", broken)
    binarizer = bi.RecurrentBinarizer(**SMALL)
    with pytest.warns(RuntimeWarning, match="the loss became nan in epoch 2: training ends"):
        binarizer.fit(X)
    assert len(calls) == 7
    assert len(binarizer.history_["loss"]) == 1
    assert np.isfinite(binarizer.encode(X).factors).all()


def test_the_queue_holds_the_newest():
    examples = examples_of("pairs")
    plan = Plan(None, plane_values(2), 8, "paper", False, 0, 32, "cpu", 0)
    model, _ = train_model(plan, examples)
    queue = CodeQueue(model, 100, float_queries=False)
    for first in range(0, 160, 40):
        numbers = torch.arange(first, first + 40)
        queue.push(model, examples.rows[numbers], numbers)
    vectors, numbers = queue.contents()
    assert numbers.tolist() == list(range(80, 160))
    np.testing.assert_allclose(vectors.norm(dim=1), 1, rtol=1e-5)


def test_the_same_network_without_signs():
    plan = Plan(None, plane_values(2), 16, "default", False, 3, 64, "cpu", 0, binarize=False)
    model, history = train_model(plan, examples_of("labels"))
    assert len(history["loss"]) == 3
    with torch.no_grad():
        levels = model.levels(model(torch.from_numpy(unit_rows(X))))
    assert len(np.unique(levels.numpy())) > 1000


def test_random_numbers_of_the_user_stay():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    bi.RecurrentBinarizer(**SMALL).fit(X)
    assert torch.equal(torch.rand(2), expected)


def test_progress_shows_loss_and_recall(capsys):
    bi.RecurrentBinarizer(**SMALL).fit(X, progress=True)
    shown = capsys.readouterr().err
    assert "loss=" in shown
    assert "recall=" in shown
    bi.RecurrentBinarizer(**SMALL).fit(X, progress=False)
    assert capsys.readouterr().err == ""


def test_progress_moves_with_each_step(monkeypatch):
    new_bar = MagicMock()
    monkeypatch.setattr("bitindex.binarize.recurrent_training.trainer.progress_bar", new_bar)
    bi.RecurrentBinarizer(**SMALL).fit(X)
    assert new_bar.call_args.args[0] == 3 * (270 // 64)
    update = new_bar.return_value.__enter__.return_value.update
    assert [call.args[0] for call in update.call_args_list] == [0] + [1] * 12


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


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="device='cuda' needs a GPU"):
        bi.RecurrentBinarizer(device="cuda", **SMALL).fit(X)


def test_pairs_that_are_no_integers_are_refused():
    with pytest.raises(TypeError, match="pairs must be integers, got float64"):
        bi.RecurrentBinarizer(**SMALL).fit(X, pairs=[[0.0, 1.0], [1.0, 2.0]])
