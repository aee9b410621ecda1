"""How good and how fast a search is: ground truth, quality measures, a limit, and throughput.

Needs NumPy only. Nothing here uses an index of this package, so that it can judge them, and others.
"""

from bitindex.evaluate.distortion import rate_distortion_bound
from bitindex.evaluate.exact import exact_search
from bitindex.evaluate.ranking import mrr, ndcg_at_k
from bitindex.evaluate.recall import recall_at_k
from bitindex.evaluate.throughput import (
    Comparison,
    Ratio,
    Throughput,
    compare_throughput,
    queries_per_second,
)

__all__ = [
    "exact_search",
    "recall_at_k",
    "ndcg_at_k",
    "mrr",
    "rate_distortion_bound",
    "queries_per_second",
    "compare_throughput",
    "Throughput",
    "Ratio",
    "Comparison",
]
