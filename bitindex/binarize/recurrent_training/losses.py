"""What training minimises, as functions of a matrix of scores."""

from __future__ import annotations

import torch
from torch import Tensor

# Far below every score over a temperature, and still finite in bfloat16.
_EXCLUDED = -1e4


def decorrelation(
    scores: Tensor, similarities: Tensor, excluded: Tensor, temperature: float
) -> Tensor:
    """Return how far each query's scores are from a linear function of its float similarities.

    Rankings do not change with such functions, and codes always score a little lower than floats.

    Parameters
    ----------
    scores, similarities : Tensor, shape (n_queries, n_rows)
        Of the codes, and of the embeddings.
    excluded : Tensor of bool, shape (n_queries, n_rows)
        Pairs that say nothing: a row with itself.
    temperature : float
        Near rows weigh more: by the softmax of similarity / temperature.

    Returns
    -------
    Tensor
        1 - the mean over the queries of the weighted correlation.
    """
    weights = (similarities / temperature).masked_fill(excluded, _EXCLUDED).softmax(1)

    def centered(values: Tensor) -> Tensor:
        return values - (weights * values).sum(1, keepdim=True)

    found, wanted = centered(scores), centered(similarities)
    spreads = (weights * found**2).sum(1) * (weights * wanted**2).sum(1)
    # The least spread is that of rows which are all equal.
    correlations = (weights * found * wanted).sum(1) / spreads.clamp_min(1e-12).sqrt()
    return 1 - correlations.mean()


def contrastive(
    scores: Tensor, related: Tensor, temperature: float, n_hardest: int | None = None
) -> Tensor:
    """Return the noise-contrastive loss of pairs (i, i) against all other columns.

    Parameters
    ----------
    scores : Tensor, shape (n_pairs, n_columns), n_columns >= n_pairs
        Column i < n_pairs is the partner of row i; others, and all further columns, are negatives.
    related : Tensor of bool, shape (n_pairs, n_columns)
        Columns that are no negatives of a row: of the same label, or the same document again.
    temperature : float
    n_hardest : int, optional
        Keep only so many negatives of a row, those of the largest scores.

    Returns
    -------
    Tensor
        The mean cross-entropy.
    """
    logits = scores / temperature
    positive = logits.diagonal()
    own = torch.arange(len(scores), device=scores.device)
    excluded = related.clone()
    excluded[own, own] = True
    negatives = logits.masked_fill(excluded, _EXCLUDED)
    if n_hardest is not None and n_hardest < negatives.shape[1]:
        negatives = negatives.topk(n_hardest, dim=1).values
    every = torch.cat([positive[:, None], negatives], dim=1)
    return (every.logsumexp(1) - positive).mean()
