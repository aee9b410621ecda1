"""Examples without pairs or labels: each row should keep its neighbours."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bitindex.binarize.recurrent_network import Floats
from bitindex.binarize.recurrent_training.examples import (
    MOST_QUERIES,
    N_NEAREST,
    Batch,
    Examples,
    Numbers,
    Validation,
    split,
)

_MOST_BASE_ROWS = 20_000
_FEWEST_BASE_ROWS = 1000
_ROWS_AN_ANCHOR = 64


class NeighbourExamples(Examples):
    """Rows alone: groups of neighbours, among rows from everywhere."""

    distils = True

    def __init__(self, rows: Floats, validation: float, generator: np.random.Generator) -> None:
        held_out, kept = split(len(rows), validation, generator, most=_MOST_BASE_ROWS)
        # Codes of rows that were learned from are better than those of others.
        base = np.concatenate([held_out, kept])[: max(len(held_out), _FEWEST_BASE_ROWS)]
        self.validation = _nearest_rows(rows, held_out[:MOST_QUERIES], base)
        self.rows = self.queries = torch.from_numpy(rows[kept])
        self.row_numbers = kept
        self.n_units = len(kept)

    def batches(self, batch_size: int, generator: np.random.Generator) -> list[Numbers]:
        """Return the anchors of each step, of which each brings its neighbours."""
        n_anchors = max(1, batch_size // _ROWS_AN_ANCHOR)
        shape = (self.n_steps(batch_size), n_anchors)
        return list(generator.integers(0, self.n_units, shape))

    def batch(self, units: Numbers, generator: np.random.Generator) -> Batch:
        """Return half of the rows from around the anchors, half from everywhere."""
        n_rows = min(_ROWS_AN_ANCHOR * len(units), self.n_units)
        anchors = self.rows[torch.from_numpy(units).to(self.rows.device)]
        n_near = max(1, n_rows // 2 // len(units))
        near = (anchors @ self.rows.T).topk(n_near, dim=1).indices.cpu().numpy()
        others = generator.integers(0, self.n_units, n_rows - n_rows // 2)
        numbers = np.unique(np.concatenate([near.ravel(), others]))
        return self._rows_of(numbers, numbers)

    def related(self, query_numbers: Tensor, row_numbers: Tensor) -> Tensor:
        """Return where a row meets itself."""
        return query_numbers[:, None] == row_numbers


def _nearest_rows(rows: Floats, queries: Numbers, base: Numbers) -> Validation:
    """Return queries, with which the base begins, that should find the rows nearest to them."""
    own = np.arange(len(queries))
    similarities = rows[queries] @ rows[base].T
    similarities[own, own] = -np.inf
    k = min(N_NEAREST, len(base) - 1)
    relevant = np.zeros(similarities.shape, np.bool_)
    nearest = np.argpartition(-similarities, k, axis=1)[:, :k]
    np.put_along_axis(relevant, nearest, True, axis=1)
    return Validation(rows[queries], rows[base], base, relevant, own)
