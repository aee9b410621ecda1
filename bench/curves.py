"""Recall against speed of indexes that look at a part of the rows: what each finds with more and
more effort, and how fast each is where it finds enough.

Recall counts ties fairly: whatever lies as near as the k-th nearest is right, because an index may
return any of the rows that tie there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import (
    Columns,
    add_turns,
    positive,
    quotient,
    rates_in_turns,
    ratio_text,
    spread,
    thread_counts,
)

import bitindex as bi

Codes = npt.NDArray[np.uint8]
Distances = npt.NDArray[Any]
Clock = Callable[[], float]

TARGETS = (0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Searcher:
    """An index with one number that says how far it looks.

    Attributes
    ----------
    search : callable
        From that number to the distances of the k nearest rows of each query, nearest first,
        shape (n_queries, k).
    efforts : sequence of int
        Ascending numbers to try.
    facts : dict
        What a table says of it, such as bytes a vector and seconds to build.
    """

    search: Callable[[int], Distances]
    efforts: Sequence[int]
    facts: dict[str, Any]


def recall_of(found: Distances, nearest: Distances) -> float:
    """Return the share of distances found that are no larger than that of the k-th nearest."""
    return float((found <= nearest[:, -1:]).mean())


def curves(
    searchers: Mapping[str, Searcher], nearest: Distances, n_turns: int, clock: Clock
) -> list[dict[str, Any]]:
    """Measure every effort of every searcher, and print it.

    Parameters
    ----------
    nearest : ndarray, shape (n_queries, k)
        Distances of the k nearest rows, by an exact search.

    Returns
    -------
    list of dict
        "method", "effort", "recall", and the spread of "rate", queries a second.
    """
    columns = Columns(f"{'method':<24}", "effort", "recall", f"{'queries/s':>26}")
    rows = []
    for name, searcher in searchers.items():
        for effort in searcher.efforts:
            recall = recall_of(searcher.search(effort), nearest)
            run = {name: (lambda s=searcher, e=effort: s.search(e), len(nearest))}
            rate = spread(rates_in_turns(run, n_turns, clock)[name])
            columns.row(f"{name:<24}", effort, f"{recall:.4f}", ratio_text(rate, 0))
            rows.append({"method": name, "effort": effort, "recall": recall, "rate": rate})
            if recall >= 0.9999:
                break
    return rows


def seconds_of(call: Callable[[], object]) -> float:
    """Return the wall-clock seconds of one call, such as a build."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def contests(
    arguments: argparse.Namespace,
    codes: Codes,
    queries: Codes,
    k: int,
    make: Callable[[Codes, Codes, int], dict[str, Searcher]],
) -> list[dict[str, Any]]:
    """Compare indexes of the same rows with each number of threads, and draw the first curves.

    Parameters
    ----------
    arguments : Namespace
        Those of `add_arguments`.
    make : callable
        From codes, queries and threads to what searches, by name; ours first.
    """
    n_bits = 8 * codes.shape[1]
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    exact = bi.FlatIndex(n_bits)
    exact.add(codes)
    nearest = exact.search(queries, k)[0]
    del exact
    results = []
    for threads in arguments.threads:
        print(f"{threads} threads")
        searchers = make(codes, queries, threads)
        points = curves(searchers, nearest, arguments.turns, clock)
        equal = at_equal_recall(searchers, points, TARGETS, arguments.turns, clock)
        facts = {name: searcher.facts for name, searcher in searchers.items()}
        results.append({"threads": threads, "facts": facts, "points": points, "equal": equal})
    if arguments.plot is not None:
        draw(results[0]["points"], f"{len(codes):,} codes of {n_bits} bits", arguments.plot)
    return results


def add_arguments(parser: argparse.ArgumentParser, n_queries: int) -> None:
    """Add what every contest is told."""
    parser.add_argument("--codes", type=positive, default=1_000_000, metavar="N")
    parser.add_argument("--queries", type=positive, default=n_queries, metavar="N")
    parser.add_argument("--embeddings", type=Path, metavar="FILE.npy")
    parser.add_argument("--threads", type=positive, nargs="+", default=thread_counts())
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="a second is one of the CPU, not of the clock: for one thread on a busy machine",
    )
    add_turns(parser)


def at_equal_recall(
    searchers: Mapping[str, Searcher],
    points: Sequence[Mapping[str, Any]],
    targets: Sequence[float],
    n_turns: int,
    clock: Clock,
) -> list[dict[str, Any]]:
    """Compare the first searcher with each other one where both find enough, in turns.

    Parameters
    ----------
    points : sequence of dict
        What `curves` returned.
    targets : sequence of float
        Recalls. Each searcher takes the smallest effort that reaches one.

    Returns
    -------
    list of dict
        "target", "peer", the "recall" and "effort" of both, the spread of the "ratio" of rates.
    """
    ours, *peers = searchers
    columns = Columns("recall", f"{'peer':<24}", "ours at", "peer at", f"{'times as fast':>22}")
    rows = []
    for target in targets:
        first = _cheapest(points, ours, target)
        for peer in peers:
            other = _cheapest(points, peer, target)
            if first is None or other is None:
                columns.row(target, f"{peer:<24}", *(_recall(p) for p in (first, other)), "")
                continue
            run = {
                name: (lambda n=name, p=point: searchers[n].search(p["effort"]), 1.0)
                for name, point in ((ours, first), (peer, other))
            }
            ratio = quotient(rates_in_turns(run, n_turns, clock), ours, peer)
            columns.row(target, f"{peer:<24}", _recall(first), _recall(other), ratio_text(ratio, 2))
            recalls, efforts = ([p[x] for p in (first, other)] for x in ("recall", "effort"))
            found = {"target": target, "peer": peer, "recall": recalls, "effort": efforts}
            rows.append({**found, "ratio": ratio})
    return rows


def _cheapest(
    points: Sequence[Mapping[str, Any]], method: str, target: float
) -> Mapping[str, Any] | None:
    enough = [p for p in points if p["method"] == method and p["recall"] >= target]
    return min(enough, key=lambda point: int(point["effort"]), default=None)


def _recall(point: Mapping[str, Any] | None) -> str:
    return "-" if point is None else f"{point['recall']:.4f}"


def draw(points: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    """Write a picture of all curves; needs matplotlib."""
    from matplotlib.figure import Figure
    from plots import draw_speeds, save

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    panel = figure.subplots()
    lines = {
        method: [(p["recall"], p["rate"]["median"]) for p in points if p["method"] == method]
        for method in dict.fromkeys(point["method"] for point in points)
    }
    draw_speeds(panel, lines)
    panel.set_title(title)
    panel.legend()
    save(figure, path)
