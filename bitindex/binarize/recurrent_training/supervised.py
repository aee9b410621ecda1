"""Examples of what belongs together: rows of one label, or pairs of a query and a row."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bitindex.binarize.recurrent_network import Floats
from bitindex.binarize.recurrent_training.examples import (
    Batch,
    Examples,
    Numbers,
    Validation,
    split,
    whole_batches,
)


class LabelExamples(Examples):
    """Rows with labels 0, 1, ...: any two of one label belong together."""

    def __init__(
        self, rows: Floats, labels: Numbers, validation: float, generator: np.random.Generator
    ) -> None:
        held_out, kept = split(len(rows), validation, generator)
        relevant = labels[held_out][:, np.newaxis] == labels[kept]
        self.validation = Validation(
            rows[held_out], rows[kept], kept, relevant, np.full(len(held_out), -1)
        )
        self.rows = self.queries = torch.from_numpy(rows[kept])
        self.row_numbers = kept
        self._labels = labels[kept]
        self._order = np.argsort(self._labels, kind="stable")
        self._counts = np.bincount(self._labels, minlength=int(labels.max()) + 1)
        self._firsts = np.cumsum(self._counts) - self._counts
        self._units = np.flatnonzero(self._counts[self._labels] > 1)
        self.n_units = len(self._units)

    def tensors(self) -> list[Tensor]:
        """Add the labels."""
        return [*super().tensors(), torch.from_numpy(self._labels)]

    def batches(self, batch_size: int, generator: np.random.Generator) -> list[Numbers]:
        """Return rows that have a partner."""
        return [self._units[part] for part in whole_batches(self.n_units, batch_size, generator)]

    def batch(self, units: Numbers, generator: np.random.Generator) -> Batch:
        """Return rows, each with another one of its label."""
        labels = self._labels[units]
        first, count = self._firsts[labels], self._counts[labels]
        partners = self._order[first + generator.integers(0, count)]
        same = partners == units
        # Whoever drew itself takes the one beside it.
        beside = np.where(self._order[first] == units, first + 1, first)
        partners[same] = self._order[beside[same]]
        return self._rows_of(units, partners)

    def related(self, query_numbers: Tensor, row_numbers: Tensor) -> Tensor:
        """Return where the labels are the same."""
        labels = torch.from_numpy(self._labels).to(self.rows.device)
        return labels[query_numbers][:, None] == labels[row_numbers]


class PairExamples(Examples):
    """Pairs of a query and a row; a query may have several rows, and a row several queries."""

    def __init__(
        self,
        rows: Floats,
        queries: Floats,
        pairs: Numbers,
        within_rows: bool,
        validation: float,
        generator: np.random.Generator,
    ) -> None:
        asked = np.unique(pairs[:, 0])
        held_out, _ = split(len(asked), validation, generator)
        is_held_out = np.isin(pairs[:, 0], asked[held_out])
        relevant = np.zeros((len(held_out), len(rows)), np.bool_)
        place = np.searchsorted(np.sort(asked[held_out]), pairs[is_held_out, 0])
        relevant[place, pairs[is_held_out, 1]] = True
        numbers = np.sort(asked[held_out])
        own = numbers if within_rows else np.full(len(numbers), -1)
        self.row_numbers = np.arange(len(rows))
        self.validation = Validation(queries[numbers], rows, self.row_numbers, relevant, own)
        self.rows = torch.from_numpy(rows)
        self.queries = self.rows if within_rows else torch.from_numpy(queries)
        self._pairs = pairs[~is_held_out]
        self._within_rows = within_rows
        self._known = torch.from_numpy(np.unique(pairs[:, 0] * len(rows) + pairs[:, 1]))
        self.n_units = len(self._pairs)

    def tensors(self) -> list[Tensor]:
        """Add the pairs."""
        return [*super().tensors(), torch.from_numpy(self._pairs)]

    def batches(self, batch_size: int, generator: np.random.Generator) -> list[Numbers]:
        """Return the numbers of pairs."""
        return whole_batches(self.n_units, batch_size, generator)

    def batch(self, units: Numbers, generator: np.random.Generator) -> Batch:
        """Return the two sides of pairs."""
        return self._rows_of(self._pairs[units, 0], self._pairs[units, 1])

    def related(self, query_numbers: Tensor, row_numbers: Tensor) -> Tensor:
        """Return which are pairs, or one row met by itself."""
        keys = query_numbers[:, None] * len(self.rows) + row_numbers
        known = torch.isin(keys, self._known.to(keys.device))
        return known | (query_numbers[:, None] == row_numbers) if self._within_rows else known
