"""What training learns from, and what is held out of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bitindex.binarize.recurrent_network import Floats

Numbers = npt.NDArray[np.int64]

N_NEAREST = 10
# With fewer rows or pairs to learn from, training would spoil more than it mends.
LEAST_UNITS = 32
MOST_QUERIES = 1000


@dataclass(frozen=True)
class Validation:
    """Queries that are held out, and what they should find.

    Attributes
    ----------
    queries, base : ndarray of float32, shapes (nq, d) and (n, d)
    base_numbers : ndarray of int64, shape (n,)
        Which rows of X the base is.
    relevant : ndarray of bool, shape (nq, n)
    own : ndarray of int64, shape (nq,)
        The row of the base that is the query itself and not to be found, or -1.
    """

    queries: Floats
    base: Floats
    base_numbers: Numbers
    relevant: npt.NDArray[np.bool_]
    own: Numbers

    def recall(self, scores: Floats) -> float:
        """Return the share of relevant rows, at most 10 a query, among the first 10."""
        scores = scores.copy()
        known = np.flatnonzero(self.own >= 0)
        scores[known, self.own[known]] = -np.inf
        k = min(N_NEAREST, scores.shape[1])
        first = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        found = np.take_along_axis(self.relevant, first, axis=1).sum(axis=1)
        return float((found / np.clip(self.relevant.sum(axis=1), 1, k)).mean())


@dataclass(frozen=True)
class Batch:
    """Rows for one step: a query and a document at the same place belong together.

    Attributes
    ----------
    queries, documents : Tensor, shape (n, d)
    query_numbers, row_numbers : Tensor of int64, shape (n,)
    """

    queries: Tensor
    documents: Tensor
    query_numbers: Tensor
    row_numbers: Tensor


class Examples(ABC):
    """Unit rows to learn from, and how batches are drawn from them."""

    # Whether codes shall keep float similarities, instead of telling apart what is related.
    distils = False

    rows: Tensor
    queries: Tensor
    validation: Validation
    n_units: int
    # Which rows of X these are.
    row_numbers: Numbers
    # Levels of old codes of the rows, and of the base of the validation, of length 1, where new
    # queries shall search them too.
    old: Tensor | None = None
    old_base: Tensor | None = None

    def set_old(self, levels: Floats) -> None:
        """Take over levels of old codes of all rows of X."""
        self.old = torch.from_numpy(levels[self.row_numbers])
        self.old_base = torch.from_numpy(levels[self.validation.base_numbers])

    def to(self, device: str) -> None:
        """Move the rows to where training runs."""
        same = self.queries is self.rows
        self.rows = self.rows.to(device)
        self.queries = self.rows if same else self.queries.to(device)
        self.old = None if self.old is None else self.old.to(device)

    def tensors(self) -> list[Tensor]:
        """Return all that makes these examples what they are, to compare them with others."""
        old = [] if self.old is None else [self.old]
        return [self.rows, self.queries, torch.from_numpy(self.validation.relevant), *old]

    def n_steps(self, batch_size: int) -> int:
        """Return the number of steps of an epoch."""
        return max(1, self.n_units // batch_size)

    @abstractmethod
    def batches(self, batch_size: int, generator: np.random.Generator) -> list[Numbers]:
        """Return the numbers of the units of each step of an epoch."""

    @abstractmethod
    def batch(self, units: Numbers, generator: np.random.Generator) -> Batch:
        """Return the rows of a step."""

    @abstractmethod
    def related(self, query_numbers: Tensor, row_numbers: Tensor) -> Tensor:
        """Return which rows are no negatives of which queries, shape (n_queries, n_rows)."""

    def _rows_of(self, query_numbers: Numbers, row_numbers: Numbers) -> Batch:
        numbers = (torch.from_numpy(query_numbers), torch.from_numpy(row_numbers))
        of_queries, of_rows = (n.to(self.rows.device) for n in numbers)
        return Batch(self.queries[of_queries], self.rows[of_rows], of_queries, of_rows)


def split(
    n: int, validation: float, generator: np.random.Generator, most: int = MOST_QUERIES
) -> tuple[Numbers, Numbers]:
    """Return which of n units are held out, and which are learned from, in random orders."""
    order = generator.permutation(n)
    n_held_out = min(max(1, int(validation * n)), most, n - 1)
    return order[:n_held_out], order[n_held_out:]


def whole_batches(n: int, batch_size: int, generator: np.random.Generator) -> list[Numbers]:
    """Return the numbers below n in random order, in batches of one size; a rest is left out."""
    size = min(batch_size, n)
    order = generator.permutation(n)
    return [order[first : first + size] for first in range(0, n - size + 1, size)]
