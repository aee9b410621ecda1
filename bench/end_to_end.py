"""Embeddings in, the 10 nearest out: recall, queries a second and bytes a vector of whole indexes.

Indexes of codes with and without rescoring beside those of faiss and usearch, on the same rows and
queries and with one thread, all queries at once or in batches. Time is that of the CPU, so that a
busy machine tells the same.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import (
    Columns,
    add_turns,
    positive,
    rates_in_turns,
    ratio_text,
    spread,
    versions,
    write_results,
)
from end_to_end_contestants import (
    EF_CONSTRUCTION,
    Contestant,
    M,
    Setting,
    contestants,
    faiss,
    usearch,
)
from end_to_end_front import TARGET, at_target, on_front
from quality_contestants import one_thread
from quality_sets import DataSet, Floats, Ids, K, named_file, read_set, scifact

from bitindex.evaluate import recall_at_k

# Of what was tried once, settings are timed that are so much slower at most than another one that
# finds as much: one look is not exact.
SLACK = 1.3


def find(contestant: Contestant, queries: Floats, batch: int, setting: Setting) -> Ids:
    """Search for so many queries a call."""
    parts = range(0, len(queries), batch)
    return np.concatenate(
        [contestant.search(queries[first : first + batch], **setting) for first in parts]
    )


def tried(contestant: Contestant, data: DataSet, batch: int) -> list[dict[str, Any]]:
    """Return recall and seconds of every setting, from one search with each."""
    find(contestant, data.queries[:10], batch, contestant.settings[0])  # memory is touched
    points = []
    for setting in contestant.settings:
        start = time.process_time()
        ids = find(contestant, data.queries, batch, setting)
        seconds = time.process_time() - start
        recall = float(recall_at_k(ids, data.neighbours, K))
        points.append({"setting": setting, "recall": recall, "seconds": seconds})
    return points


def worth_timing(points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the points that no other beats by far, by recall."""
    kept = [
        point
        for point in points
        if not any(
            other["recall"] >= point["recall"] and SLACK * other["seconds"] < point["seconds"]
            for other in points
        )
    ]
    return sorted(kept, key=lambda point: float(point["recall"]))


def measure(data: DataSet, batch: int, n_turns: int) -> list[dict[str, Any]]:
    """Build all contestants, check what they find, then time them in turns."""
    taken: list[tuple[Contestant, list[dict[str, Any]]]] = []
    for contestant in contestants(data.base):
        points = worth_timing(tried(contestant, data, batch))
        best = max(point["recall"] for point in points)
        print(f"{contestant.owner} {contestant.name}: built, recall up to {best:.4f}", flush=True)
        taken.append((contestant, points))

    def search(contestant: Contestant, setting: Setting) -> Any:
        return lambda: find(contestant, data.queries, batch, setting)

    runs = {
        f"{number} {place}": (search(contestant, point["setting"]), float(len(data.queries)))
        for number, (contestant, points) in enumerate(taken)
        for place, point in enumerate(points)
    }
    rates = rates_in_turns(runs, n_turns, time.process_time)
    return [
        {
            "owner": contestant.owner,
            "name": contestant.name,
            "bytes": contestant.bytes_per_vector,
            "seconds": contestant.seconds,
            "points": [
                {
                    "setting": point["setting"],
                    "recall": point["recall"],
                    "rates": rates[f"{number} {place}"],
                    "rate": spread(rates[f"{number} {place}"]),
                }
                for place, point in enumerate(points)
            ],
        }
        for number, (contestant, points) in enumerate(taken)
    ]


def print_table(results: Sequence[dict[str, Any]]) -> None:
    """Print what each needs for the target recall; a star marks the front of speed and bytes."""
    columns = Columns(
        f"{'index':<46}",
        "bytes",
        "build s",
        f"{'setting':>26}",
        "recall",
        f"{'queries/s':>24}",
        " ",
    )
    fronts = on_front(results)
    for row, is_front in zip(results, fronts, strict=True):
        point = at_target(row)
        name = f"{row['owner']} {row['name']}"
        shared = (f"{name:<46}", f"{row['bytes']:.0f}", f"{row['seconds']:.1f}")
        if point is None:
            best = max(p["recall"] for p in row["points"])
            columns.row(*shared, "-", f"{best:.4f}", "-", "")
            continue
        setting = ", ".join(f"{name} {number}" for name, number in point["setting"].items())
        speed = ratio_text(point["rate"], 0)
        columns.row(*shared, setting, f"{point['recall']:.4f}", speed, "*" if is_front else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", metavar="NAME=FILE.npy", help="default: SciFact")
    parser.add_argument(
        "--batch", type=positive, metavar="N", help="queries a call; default: all of them"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    add_turns(parser)
    arguments = parser.parse_args()
    if arguments.embeddings is None:
        data = scifact()
    else:
        name, path, similarity = named_file(arguments.embeddings)
        if similarity != "cosine":
            parser.error("--embeddings are compared by the cosine")
        data = read_set(name, path, similarity, None, ())
    facts = {
        "name": data.name,
        "rows": len(data.base),
        "dims": data.base.shape[1],
        "queries": len(data.queries),
        "batch": min(arguments.batch or len(data.queries), len(data.queries)),
    }
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    with one_thread():
        results = measure(data, facts["batch"], arguments.turns)
    print(f"What reaches recall@{K} of {TARGET}, with one thread:")
    print_table(results)
    settings = {"k": K, "target": TARGET, "m": M, "ef_construction": EF_CONSTRUCTION}
    peers = [name for name, module in (("faiss-cpu", faiss), ("usearch", usearch)) if module]
    path = write_results(
        "end_to_end" if arguments.batch is None else f"end_to_end_{arguments.batch}",
        {"turns": arguments.turns} | settings,
        {"set": facts, "contestants": results},
        **versions(*peers),
    )
    print(f"written: {path}")
    if arguments.plot is not None:
        from end_to_end_plot import draw

        draw(facts, results, arguments.plot)


if __name__ == "__main__":
    main()
