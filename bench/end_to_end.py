"""Embeddings in, the 10 nearest out: recall, queries a second and bytes a vector of whole indexes.

Indexes of codes with and without rescoring beside those of faiss and usearch, on the same rows and
queries and with one thread, all queries at once, and one at a time with the setting that is fastest
then. Time is that of the CPU, so that a busy machine tells the same.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from common import (
    Columns,
    add_turns,
    rates_in_turns,
    ratio_text,
    spread,
    versions,
    write_results,
)
from common import (
    Contestant as Run,
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
from quality_sets import DataSet, Floats, K, named_file, read_set, scifact

from bitindex.evaluate import recall_at_k

# Of what was tried once, settings are timed that are so much slower at most than another one that
# finds as much: one look is not exact.
SLACK = 1.3

Row = dict[str, Any]


def tried(contestant: Contestant, data: DataSet) -> list[Row]:
    """Return recall and seconds of every setting, from one search with each."""
    contestant.search(data.queries[:10], **contestant.settings[0])  # memory is touched
    points = []
    for setting in contestant.settings:
        start = time.process_time()
        ids = contestant.search(data.queries, **setting)
        seconds = time.process_time() - start
        recall = float(recall_at_k(ids, data.neighbours, K))
        points.append({"setting": setting, "recall": recall, "seconds": seconds})
    return points


def worth_timing(points: Sequence[Row]) -> list[Row]:
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


def measure(data: DataSet, n_turns: int) -> list[Row]:
    """Build all contestants, check what they find, then time them in turns."""
    taken: list[Contestant] = []
    rows: list[Row] = []
    for contestant in contestants(data.base):
        points = worth_timing(tried(contestant, data))
        print(f"{contestant.owner} {contestant.name}: recall up to {points[-1]['recall']:.4f}")
        taken.append(contestant)
        row = {name: getattr(contestant, name) for name in ("owner", "name", "bytes", "seconds")}
        rows.append({**row, "points": points})
    time_points(taken, rows, data.queries, n_turns)
    time_alone(taken, rows, data.queries, n_turns)
    return rows


def time_points(
    taken: Sequence[Contestant], rows: Sequence[Row], queries: Floats, n_turns: int
) -> None:
    """Put into each point how fast all queries are answered at once, in every turn."""
    points = [(c, point) for c, row in zip(taken, rows, strict=True) for point in row["points"]]
    _time(points, lambda c, setting: c.search(queries, **setting), len(queries), n_turns)


def time_alone(
    taken: Sequence[Contestant], rows: Sequence[Row], queries: Floats, n_turns: int
) -> None:
    """Put into each row how fast queries are answered one by one, where it reaches the target."""
    chosen = [(c, row, at_target(row)) for c, row in zip(taken, rows, strict=True)]
    alone = [
        (c, row.setdefault("alone", {"setting": point["setting"]}))
        for c, row, point in chosen
        if point is not None
    ]

    def search(contestant: Contestant, setting: Setting) -> None:
        for number in range(len(queries)):
            contestant.search(queries[number : number + 1], **setting)

    _time(alone, search, len(queries), n_turns)


def _time(
    points: Sequence[tuple[Contestant, Row]],
    search: Callable[[Contestant, Setting], object],
    n_queries: int,
    n_turns: int,
) -> None:
    runs: dict[str, Run] = {
        str(number): (partial(search, contestant, point["setting"]), n_queries)
        for number, (contestant, point) in enumerate(points)
    }
    rates = rates_in_turns(runs, n_turns, time.process_time)
    for number, (_, point) in enumerate(points):
        point |= {"rates": rates[str(number)], "rate": spread(rates[str(number)])}


def print_table(rows: Sequence[Row]) -> None:
    """Print what each needs for the target recall; a star marks the front of speed and bytes."""
    columns = Columns(
        f"{'index':<46}",
        "bytes",
        "build s",
        f"{'setting':>26}",
        "recall",
        f"{'queries/s':>24}",
        f"{'one by one':>24}",
        " ",
    )
    for row, is_front in zip(rows, on_front(rows), strict=True):
        point = at_target(row)
        name = f"{row['owner']} {row['name']}"
        shared = (f"{name:<46}", f"{row['bytes']:.0f}", f"{row['seconds']:.1f}")
        if point is None:
            columns.row(*shared, "-", f"{row['points'][-1]['recall']:.4f}", "-", "-", "")
            continue
        setting = ", ".join(f"{name} {number}" for name, number in point["setting"].items())
        speeds = (ratio_text(each["rate"], 0) for each in (point, row["alone"]))
        columns.row(*shared, setting, f"{point['recall']:.4f}", *speeds, "*" if is_front else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", metavar="NAME=FILE.npy", help="default: SciFact")
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
    }
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    with one_thread():
        results = measure(data, arguments.turns)
    print(f"What reaches recall@{K} of {TARGET}, with one thread:")
    print_table(results)
    settings = {"k": K, "target": TARGET, "m": M, "ef_construction": EF_CONSTRUCTION}
    peers = [name for name, module in (("faiss-cpu", faiss), ("usearch", usearch)) if module]
    path = write_results(
        "end_to_end",
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
