"""How recurrent codes are trained."""

from dataclasses import replace
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from recurrent_data import ARGUMENTS, LABELS, PAIRS, QUERIES, SMALL, X, examples_of
from torch.nn import functional

import bitindex as bi
from bitindex.binarize.recurrent_network import plane_values, unit_rows
from bitindex.binarize.recurrent_training import Plan, read_examples, train_model
from bitindex.binarize.recurrent_training.checkpoint import Checkpoint
from bitindex.binarize.recurrent_training.losses import contrastive
from bitindex.binarize.recurrent_training.model import (
    RecurrentModel,
)
from bitindex.binarize.recurrent_training.objective import Objective
from bitindex.binarize.recurrent_training.queue import CodeQueue
from bitindex.binarize.recurrent_training.recipes import RECIPES

pytestmark = pytest.mark.once


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


@pytest.mark.parametrize("kind", ["rows", "labels", "pairs", "pairs within"])
@pytest.mark.parametrize("query", ["float", "binary"])
@pytest.mark.parametrize("recipe", ["default", "paper"])
def test_fit(kind, query, recipe):
    binarizer = bi.RecurrentBinarizer(query=query, recipe=recipe, **SMALL)
    binarizer.fit(X, **ARGUMENTS[kind])
    assert len(binarizer.history_["loss"]) == 3
    assert len(binarizer.history_["recall"]) == 4
    assert np.isfinite(binarizer.history_["loss"]).all()
    again = bi.RecurrentBinarizer(query=query, recipe=recipe, **SMALL)
    again.fit(X, **ARGUMENTS[kind])
    assert_same(again, binarizer)


def assert_same(a, b):
    for name in type(a)._fitted_arrays:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.history_ == b.history_


def test_training_improves_on_where_it_begins():
    rng = np.random.default_rng(1)
    rows = np.concatenate([X + 0.3 * rng.standard_normal(X.shape) for _ in range(5)])
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
    arguments = ARGUMENTS[kind]
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


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="device='cuda' needs a GPU"):
        bi.RecurrentBinarizer(device="cuda", **SMALL).fit(X)
