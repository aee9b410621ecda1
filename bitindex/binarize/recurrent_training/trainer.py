"""The loop of training: epochs, held-out recall, the best network, checkpoints."""

from __future__ import annotations

import copy
import math
import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bitindex.binarize.recurrent_network import Blocks, Floats
from bitindex.binarize.recurrent_training.checkpoint import Checkpoint
from bitindex.binarize.recurrent_training.examples import LEAST_UNITS, Examples
from bitindex.binarize.recurrent_training.model import (
    RecurrentModel,
    as_floats,
    document_vectors,
    prefix,
    query_vectors,
)
from bitindex.binarize.recurrent_training.objective import Objective
from bitindex.binarize.recurrent_training.queue import CodeQueue
from bitindex.binarize.recurrent_training.recipes import (
    FEWEST_IN_BATCH,
    FEWEST_STEPS,
    GRADIENT_CLIP,
    RECIPES,
    WARM_UP_STEPS,
    Plan,
    Recipe,
)
from bitindex.binarize.recurrent_training.start import (
    directions_near,
    fit_shortcuts,
    principal_directions,
)
from bitindex.progress import progress_bar

_ROWS_AT_ONCE = 4096
_MOST_DECODED_ROWS = 20_000
_RIDGE = 1e-2


@dataclass(frozen=True)
class Learned:
    """A trained network as arrays.

    Attributes
    ----------
    to_code, to_row : Blocks
    decoder : ndarray of float32, shape (d, n_bits)
        In the order of the bits of a code.
    values : ndarray of float32, shape (n_planes,)
    history : dict of str to list of float
    """

    to_code: Blocks
    to_row: Blocks
    decoder: Floats
    values: Floats
    history: dict[str, list[float]]


def train(
    plan: Plan,
    examples: Examples,
    progress: bool | None,
    checkpoint: str | os.PathLike[str] | None,
) -> Learned:
    """Train a network, and return the one of the epoch with the best held-out recall."""
    model, history = train_model(plan, examples, progress, checkpoint)
    if not plan.float_queries:  # then nothing has trained the decoder
        fit_decoder(model, examples.rows.cpu(), plan.values)
    to_code, to_row = model.to_blocks()
    return Learned(to_code, to_row, decoder_of(model), plan.values, history)


def train_model(
    plan: Plan,
    examples: Examples,
    progress: bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> tuple[RecurrentModel, dict[str, list[float]]]:
    """Return the trained model itself, as `train` does its arrays."""
    with torch.random.fork_rng(devices=[]):  # the user's own random numbers stay as they are
        torch.manual_seed(plan.random_state)
        trainer = Trainer(plan, examples)
    if examples.n_units >= LEAST_UNITS:
        trainer.run(
            progress, None if checkpoint is None else Checkpoint(checkpoint, plan, examples)
        )
    trainer.model.load_state_dict(trainer.best)
    return trainer.model.eval().cpu(), trainer.history


def held_out_recall(model: RecurrentModel, examples: Examples, float_queries: bool) -> float:
    """Return the share that codes find of what held-out queries should find.

    Where old codes shall be searched too, the mean of that and of what they find.
    """
    validation = examples.validation
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():

        def vectors(of: Any, rows: Floats) -> torch.Tensor:
            parts = torch.split(torch.from_numpy(rows), _ROWS_AT_ONCE)
            return torch.cat([of(model, part.to(device), float_queries) for part in parts])

        base = vectors(document_vectors, validation.base)
        queries = vectors(query_vectors, validation.queries)
        recall = validation.recall(as_floats(queries @ base.T))
        if examples.old_base is not None:
            old = examples.old_base.to(device)
            on_old = validation.recall(as_floats(prefix(queries, old) @ old.T))
            recall = (recall + on_old) / 2
    model.train()
    return recall


def fit_decoder(model: RecurrentModel, rows: torch.Tensor, values: Floats) -> None:
    """Set the decoder to the least squares of rows and their codes, with levels of length 1."""
    rows = rows[:_MOST_DECODED_ROWS]
    with torch.no_grad():
        planes = torch.cat([model(part) for part in torch.split(rows, _ROWS_AT_ONCE)])
        # A ternary code may be of level 0 everywhere.
        lengths = float(values[0]) * model.levels(planes).norm(dim=1, keepdim=True).clamp_min(1)
        bits = (planes.flatten(1) / lengths).double()
        gram = bits.T @ bits
        gram.diagonal().add_(_RIDGE * gram.trace() / len(gram))
        model.decoder.copy_(torch.linalg.solve(gram, bits.T @ rows.double()).T)


def decoder_of(model: RecurrentModel) -> Floats:
    """Return D with its columns in the order of the bits of a code."""
    n_dims, n_bits = model.decoder.shape
    by_plane = as_floats(model.decoder).reshape(n_dims, len(model.values), -1)
    return np.ascontiguousarray(by_plane.transpose(0, 2, 1).reshape(n_dims, n_bits))


class Trainer:
    """A model with all that changes while it is trained."""

    def __init__(self, plan: Plan, examples: Examples) -> None:
        self._plan = plan
        self._examples = examples
        self._recipe = recipe = RECIPES[plan.recipe]
        self._batch_size = plan.batch_size or default_batch_size(recipe, examples)
        if plan.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device='cuda' needs a GPU that torch can use; there is none")
        n_dims = examples.rows.shape[1]
        self.model = RecurrentModel(
            self._directions(plan.code_dim or n_dims),
            plan.hidden_dim or recipe.hidden_dim or n_dims,
            plan.values,
            recipe.shortcuts,
            plan.binarize,
        )
        if recipe.shortcuts:
            fit_shortcuts(self.model, examples.rows)
        examples.to(plan.device)
        self.model.to(plan.device)
        queue = None
        if recipe.queue_size and not examples.distils:
            queue = CodeQueue(self.model, recipe.queue_size, plan.float_queries)
        self.queue = queue
        self._objective = Objective(examples, recipe, plan.float_queries, queue)
        self._learning_rate = (
            recipe.neighbour_learning_rate if examples.distils else recipe.learning_rate
        )
        self.optimizer = new_optimizer(self.model, recipe, self._learning_rate)
        self.history: dict[str, list[float]] = {"loss": [], "recall": []}
        self.best = copy.deepcopy(self.model.state_dict())

    def _directions(self, code_dim: int) -> torch.Tensor:
        rows, old = self._examples.rows, self._examples.old
        if old is None:
            return principal_directions(rows, code_dim)
        return directions_near(rows, old, code_dim)

    def run(self, progress: bool | None, checkpoint: Checkpoint | None) -> None:
        """Train to the end, from where the checkpoint stopped if it is there."""
        if checkpoint is None or not checkpoint.restore(self):
            self._judge()
        n_epochs, n_before = self._plan.n_epochs, len(self.history["loss"])
        n_steps = self._examples.n_steps(self._batch_size)
        with progress_bar(n_epochs * n_steps, "fit", progress, unit="steps") as bar:
            bar.update(n_before * n_steps)
            for epoch in range(n_before, n_epochs):
                if not self._epoch(epoch, bar):
                    break
                self._judge()
                bar.set_postfix(
                    {name: f"{values[-1]:.4f}" for name, values in self.history.items()}
                )
                if checkpoint is not None:
                    checkpoint.save(self)
        if checkpoint is not None:
            checkpoint.remove()

    def _epoch(self, epoch: int, bar: Any) -> bool:
        """Take all steps of an epoch; False, with a warning, if the loss is no number any more."""
        # One generator an epoch, so that a checkpoint need not hold it.
        generator = np.random.default_rng([self._plan.random_state, epoch])
        batches = self._examples.batches(self._batch_size, generator)
        losses = []
        for step, units in enumerate(batches):
            self._set_learning_rate(epoch, step, len(batches))
            batch = self._examples.batch(units, generator)
            on_cuda = self._plan.device == "cuda"
            with torch.autocast(self._plan.device, torch.bfloat16, enabled=on_cuda):
                loss = self._objective(self.model, batch)
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                warnings.warn(
                    f"the loss became {losses[-1]} in epoch {epoch + 1}: training ends, and the "
                    "best network so far is kept",
                    RuntimeWarning,
                    stacklevel=2,
                )
                return False
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_CLIP)
            self.optimizer.step()
            bar.update(1)
        self.history["loss"].append(float(np.mean(losses)))
        return True

    def _judge(self) -> None:
        """Measure the model, and keep it if none before was better."""
        recalls = self.history["recall"]
        recall = held_out_recall(self.model, self._examples, self._plan.float_queries)
        if recall > max(recalls, default=-1.0):
            self.best = copy.deepcopy(self.model.state_dict())
        recalls.append(recall)

    def _set_learning_rate(self, epoch: int, step: int, n_steps: int) -> None:
        recipe = self._recipe
        if recipe.decay_epochs is not None:
            share = 0.1 ** (epoch // recipe.decay_epochs)
        else:
            done = epoch * n_steps + step
            share = 0.5 + 0.5 * math.cos(math.pi * done / (n_steps * self._plan.n_epochs))
            share *= min(1.0, (done + 1) / WARM_UP_STEPS)
        for group in self.optimizer.param_groups:
            group["lr"] = share * self._learning_rate


def default_batch_size(recipe: Recipe, examples: Examples) -> int:
    """Return the batch size of a recipe, or less where few pairs or labels would give few steps."""
    if examples.distils:  # then more steps, of fewer rows, find no more
        return recipe.batch_size
    return min(recipe.batch_size, max(FEWEST_IN_BATCH, examples.n_units // FEWEST_STEPS))


def new_optimizer(
    model: RecurrentModel, recipe: Recipe, learning_rate: float
) -> torch.optim.Optimizer:
    """Return the optimizer of a recipe; numbers in vectors do not decay."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if recipe.sgd:
        return torch.optim.SGD(groups, learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.Adam(groups, learning_rate)
