"""Slow, obvious NumPy: where adaptive rescoring stops."""

import numpy as np

FIRST_ROWS, BATCH_ROWS, BATCH_SHARE, SPREADS = 32, 16, 8, 3.5


def first_limit(k):
    return 24 * k + 128


def last_limit(k):
    return 128 * k + 1024


def optimistic(estimates, exact, next_estimate):
    """What a row might score whose estimate is the next one, after rows of both scores."""
    x, y = estimates - estimates.mean(), exact - exact.mean()
    slope = max(0.0, (x @ y) / (x @ x)) if x.any() else 0.0
    spread = np.sqrt(((y - slope * x) ** 2).sum() / (len(x) - 2))
    return exact.mean() + slope * (next_estimate - estimates.mean()) + SPREADS * spread


def rows_to_rescore(estimates, exact, k):
    """How many candidates are scored again, most similar by estimate first."""
    n_candidates = min(len(estimates), last_limit(k))
    estimates, exact = estimates.astype(np.float64), exact.astype(np.float64)
    n = min(n_candidates, max(2 * k, FIRST_ROWS))
    while n < n_candidates:
        kth_score = np.sort(exact[:n])[-k]
        if optimistic(estimates[:n], exact[:n], estimates[n]) <= kth_score:
            break
        n = min(n_candidates, n + max(n // BATCH_SHARE, BATCH_ROWS))
    return n
