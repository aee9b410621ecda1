"""The tracks of quality.py: how accurate codes are, how they stand changes, what they cost."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from common import Contestant as Work
from common import quotient, rates_in_turns, spread
from quality_contestants import Contestant, Method, Size, one_thread
from quality_sets import N_NEIGHBOURS, DataSet, Floats, K

from bitindex.evaluate import rate_distortion_bound, recall_at_k

N_CHECKED_ROWS = 1000
N_CHECKED_QUERIES = 8
OVERSAMPLE = 4
N_DECODED = 10_000
N_COSTS_QUERIES = 128
N_COSTS_ROWS = 5_000
MOST_CHANGED_ROWS = 10_000

Row = dict[str, Any]
Changes = dict[str, tuple[Floats, DataSet]]


def check(contestant: Contestant, data: DataSet) -> None:
    """Stop unless a search ranks all rows by scores that are what the documentation says.

    Raises
    ------
    ValueError
        If a row is missing, scores do not fall, or differ from the documented ones.
    """
    rows, queries = data.base[:N_CHECKED_ROWS], data.queries[:N_CHECKED_QUERIES]
    contestant.store(rows)
    scores, ids = contestant.search(queries, len(rows))
    if not np.array_equal(np.sort(ids, axis=1), np.tile(np.arange(len(rows)), (len(ids), 1))):
        raise ValueError(f"a search for all {len(rows)} rows must find each once")
    if not (np.diff(scores, axis=1) <= 0).all():
        raise ValueError("scores must not rise")
    documented = contestant.documented(queries, rows)
    if documented is None:
        return
    errors = scores - np.take_along_axis(documented, ids, axis=1)
    error = float(np.sqrt(np.square(errors, dtype=np.float64).mean()) / documented.std())
    if error > contestant.tolerance:
        raise ValueError(
            f"scores must be the documented ones up to {contestant.tolerance:g} of their spread, "
            f"got an error of {error:.3g}"
        )


def accuracy(method: Method, contestant: Contestant, size: Size, data: DataSet) -> Row:
    """Fit, check, store and search; what is found, alone and with int8 rescoring."""
    start = time.perf_counter()
    contestant.fit(data.base)
    fit_seconds = time.perf_counter() - start
    if method.owner != "bitindex":  # whose tests do it
        check(contestant, data)
    contestant.store(data.base)
    _, ids = contestant.search(data.queries, N_NEIGHBOURS)
    rescored = data.rescored(ids[:, : OVERSAMPLE * K])
    return {
        "set": data.name,
        "method": method.name,
        "owner": method.owner,
        "bits_per_dim": size.bits_per_dim,
        "code_bytes": size.n_bytes,
        "bytes": contestant.bytes_per_vector,
        "fit_seconds": fit_seconds,
        "recall@1": recall_at_k(ids, data.neighbours, 1),
        "recall@10": recall_at_k(ids, data.neighbours, K),
        "recall@100": recall_at_k(ids, data.neighbours, N_NEIGHBOURS),
        "recall@10 int8": recall_at_k(rescored, data.neighbours, K),
        "judged": data.judge(ids) if data.judge else None,
        "judged int8": data.judge(rescored) if data.judge else None,
        "error": relative_error(contestant, data.base[:N_DECODED]),
        "bound": rate_distortion_bound(data.base, round(8 * contestant.bytes_per_vector)),
    }


def relative_error(contestant: Contestant, rows: Floats) -> float | None:
    """Return the share of |x - mean|^2 that codes do not tell, with the best scale there can be.

    One for all rows where codes give directions only, one for each where a scale is stored, none
    where codes stand for the rows themselves.
    """
    decoded = contestant.decode(rows)
    if decoded is None:
        return None
    wanted = (rows - decoded.center).astype(np.float64)
    told = decoded.directions.astype(np.float64)
    if decoded.scale != "told":
        axis = 1 if decoded.scale == "each" else None
        products = (wanted * told).sum(axis=axis, keepdims=True)
        squares = np.square(told).sum(axis=axis, keepdims=True)
        told *= np.divide(products, squares, out=np.zeros_like(products), where=squares > 0)
    spread_of_rows = np.square(rows - rows.mean(axis=0, dtype=np.float64)).sum()
    return float(np.square(wanted - told).sum() / spread_of_rows)


def robustness(method: Method, size: Size, changes: Changes) -> dict[str, float | None]:
    """Return recall@10 under each change, None where the contestant refuses to learn from it."""
    found: dict[str, float | None] = {}
    for name, (training, changed) in changes.items():
        contestant = method.make(size, changed.similarity)
        assert contestant is not None
        try:
            contestant.fit(training)
        except (ValueError, RuntimeError) as error:  # faiss throws the latter
            print(f"{method.owner} {method.name}, {name}: {error}", file=sys.stderr)
            found[name] = None
            continue
        contestant.store(changed.base)
        _, ids = contestant.search(changed.queries, K)
        found[name] = recall_at_k(ids, changed.neighbours, K)
    return found


def changes_of(data: DataSet) -> Changes:
    """Return what to learn from, and what to store and ask, by name.

    True neighbours are those of the changed rows and queries.
    """
    rng = np.random.default_rng(1)
    base, queries = data.base[:MOST_CHANGED_ROWS], data.queries
    length = np.linalg.norm(base - base.mean(axis=0), axis=1).mean()

    def noise(rows: Floats) -> Floats:
        """Return noise half as long as rows are from their mean."""
        drawn = rng.standard_normal(rows.shape, np.float32)
        return drawn * (length / 2 / np.sqrt(np.float32(rows.shape[1])))

    offset = rng.standard_normal(base.shape[1], np.float32)
    offset *= 2 * length / np.linalg.norm(offset)
    directions = rng.standard_normal(queries.shape, np.float32)
    directions *= length / np.sqrt(np.float32(queries.shape[1]))
    half = len(base) // 2
    few = max(2, base.shape[1] // 2)
    moved = data.changed(base + offset, queries + offset)
    plain, other_half = data.changed(base, queries), data.changed(base[half:], queries)
    return {
        "as it is": (base, plain),
        "noise on queries": (base, data.changed(base, queries + noise(queries))),
        "noise on rows": (base, data.changed(base + noise(base), queries)),
        "off-centre": (moved.base, moved),
        "queries of all directions": (base, data.changed(base, base.mean(axis=0) + directions)),
        "half, learned from": (other_half.base, other_half),
        "half, not learned from": (plain.base[:half], other_half),
        "learned from d/2 rows": (plain.base[:few], plain),
    }


def costs(
    contestants: dict[str, Contestant], data: DataSet, reference: str, n_turns: int
) -> dict[str, Row]:
    """Return encoded vectors and answered queries a second on one thread, in turns, as a spread.

    "ratio" is that of the queries a second to those of the contestant named `reference`.

    Contestants hold the base.
    """
    queries, rows = data.queries[:N_COSTS_QUERIES], data.base[:N_COSTS_ROWS]

    def search(contestant: Contestant) -> Callable[[], object]:
        return partial(contestant.search, queries, K)

    with one_thread():
        searches: dict[str, Work] = {
            name: (search(contestant), len(queries)) for name, contestant in contestants.items()
        }
        searched = rates_in_turns(searches, n_turns)
        encodings: dict[str, Work] = {
            name: (partial(contestant.store, rows), len(rows))
            for name, contestant in contestants.items()
        }
        encoded = rates_in_turns(encodings, n_turns)
    return {
        name: {
            "queries_per_second": spread(searched[name]),
            "ratio": quotient(searched, name, reference),
            "vectors_per_second": spread(encoded[name]),
        }
        for name in contestants
    }
