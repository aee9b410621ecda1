"""What is minimised for a batch of examples."""

from __future__ import annotations

import torch
from torch import Tensor

from bitindex.binarize.recurrent_training.examples import Batch, Examples
from bitindex.binarize.recurrent_training.losses import contrastive, decorrelation
from bitindex.binarize.recurrent_training.model import (
    RecurrentModel,
    document_vectors,
    prefix,
    unit_levels,
)
from bitindex.binarize.recurrent_training.queue import CodeQueue
from bitindex.binarize.recurrent_training.recipes import NEIGHBOUR_TEMPERATURE, Recipe


class Objective:
    """The loss of a batch of examples.

    Parameters
    ----------
    examples : Examples
    recipe : Recipe
    float_queries : bool
    queue : CodeQueue or None
        Further negatives.
    """

    def __init__(
        self, examples: Examples, recipe: Recipe, float_queries: bool, queue: CodeQueue | None
    ) -> None:
        self._examples = examples
        self._recipe = recipe
        self._float_queries = float_queries
        self._queue = queue

    def __call__(self, model: RecurrentModel, batch: Batch) -> Tensor:
        """Return the loss, after which the queue holds the documents of the batch."""
        if self._float_queries:
            queries = batch.queries
            documents = document_vectors(model, batch.documents, float_queries=True)
            loss = self._loss(queries, documents, batch, self._queue)
        else:
            query_planes, document_planes = model(batch.queries), model(batch.documents)
            queries = unit_levels(model, query_planes)
            documents = unit_levels(model, document_planes)
            loss = self._loss(queries, documents, batch, self._queue)
            if self._recipe.every_prefix and not self._examples.distils and len(model.values) > 1:
                of_prefixes = self._of_prefixes(model, query_planes, document_planes, batch)
                loss = (loss + of_prefixes) / 2
        old = self._examples.old
        if old is not None:
            on_old = old[batch.row_numbers]
            loss = loss + self._loss(prefix(queries, on_old), on_old, batch, None)
        if self._queue is not None:
            self._queue.push(model, batch.documents, batch.row_numbers)
        return loss

    def _of_prefixes(
        self, model: RecurrentModel, query_planes: Tensor, document_planes: Tensor, batch: Batch
    ) -> Tensor:
        """Return the mean loss of codes of fewer planes, from the first one on."""
        losses = []
        for n_planes in range(1, len(model.values)):
            queries = unit_levels(model, query_planes[:, :n_planes])
            documents = unit_levels(model, document_planes[:, :n_planes])
            losses.append(self._loss(queries, documents, batch, None))
        return torch.stack(losses).mean()

    def _loss(
        self, queries: Tensor, documents: Tensor, batch: Batch, queue: CodeQueue | None
    ) -> Tensor:
        scores = queries @ documents.T
        related = self._examples.related(batch.query_numbers, batch.row_numbers)
        if self._examples.distils:
            similarities = batch.queries @ batch.documents.T
            return decorrelation(scores, similarities, related, NEIGHBOUR_TEMPERATURE)
        recipe = self._recipe
        of_documents = contrastive(scores.T, related.T, recipe.temperature, recipe.n_hardest)
        if queue is not None and len(queue) > 0:
            earlier, numbers = queue.contents()
            known = self._examples.related(batch.query_numbers, numbers)
            scores = torch.cat([scores, queries @ earlier.T], dim=1)
            related = torch.cat([related, known], dim=1)
        return contrastive(scores, related, recipe.temperature, recipe.n_hardest) + of_documents
