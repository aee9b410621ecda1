"""How good are binary codes of a size, and what do they cost, beside other quantizers?

Tracks, as in BiBench (Qin et al., ICML 2023): accuracy at 1/2, 1, 2 and 4 bits a dimension; then,
on the first set and at 1 bit a dimension (2 where a method begins there), costs, and robustness
against changes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from common import Columns, add_turns, ratio_text, versions_of, write_results
from quality_contestants import Contestant, Method, Size, binarizer_methods
from quality_faiss import faiss_methods
from quality_peers import other_methods
from quality_sets import DataSet, named_file, read_set, scifact
from quality_tracks import Row, accuracy, changes_of, costs, robustness
from tqdm import tqdm

import bitindex as bi

BITS_PER_DIM = (0.5, 1.0, 2.0, 4.0)
TRACKS = ("accuracy", "robustness", "costs")
# What the rates of others are divided by: the first that takes part.
REFERENCES = ("bitindex additive", "bitindex sign")
PEERS = ("faiss-cpu", "turbovec", "rabitqlib")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--embeddings",
        action="append",
        default=[],
        metavar="NAME=FILE.npy[:SIMILARITY]",
        help="a set beside SciFact, for cosine (the default), dot or l2; the first one given is "
        "that of the report. Without --queries, 1,000 of its rows are drawn as queries",
    )
    parser.add_argument("--queries", action="append", default=[], metavar="NAME=FILE.npy")
    parser.add_argument(
        "--labels",
        action="append",
        default=[],
        metavar="NAME=FILE.csv",
        help="labels of the rows, then of the queries of a set: the last column, under a header",
    )
    parser.add_argument(
        "--bits-per-dim", nargs="+", type=float, choices=BITS_PER_DIM, default=BITS_PER_DIM
    )
    parser.add_argument("--tracks", nargs="+", choices=TRACKS, default=TRACKS)
    parser.add_argument(
        "--only", nargs="+", metavar="TEXT", help="methods with such a text in owner and name"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw recall over bytes")
    parser.add_argument("--quick", action="store_true", help="a part of SciFact, two sizes")
    add_turns(parser)
    return parser.parse_args(arguments)


def sets_of(arguments: argparse.Namespace) -> list[DataSet]:
    """Return the sets that the user names, and SciFact."""
    queries = {name: path for name, path, _ in map(named_file, arguments.queries)}
    labels = [named_file(text)[:2] for text in arguments.labels]
    sets = [
        read_set(name, path, similarity, queries.get(name), [p for n, p in labels if n == name])
        for name, path, similarity in map(named_file, arguments.embeddings)
    ]
    if not arguments.quick:
        return [*sets, scifact()]
    small = scifact()
    return [*sets, small.changed(small.base[:1500], small.queries[:100])]


def methods_of(arguments: argparse.Namespace) -> list[Method]:
    methods = [*binarizer_methods(), *faiss_methods(), *other_methods()]
    if arguments.only is None:
        return methods
    return [m for m in methods if any(text in f"{m.owner} {m.name}" for text in arguments.only)]


def run_accuracy(
    data: DataSet, methods: list[Method], sizes: tuple[float, ...]
) -> tuple[list[Row], dict[tuple[str, str, float], Contestant]]:
    """Run all methods at all sizes, and keep the contestants with the rows that they hold."""
    rows, contestants = [], {}
    planned = [(size, method) for size in sizes for method in methods]
    with tqdm(planned, disable=None) as bar:
        for bits_per_dim, method in bar:
            size = Size(data.base.shape[1], bits_per_dim)
            contestant = method.make(size, data.similarity)
            if contestant is None:
                continue
            bar.set_description(f"{data.name}: {method.owner} {method.name}, {size.n_bytes} bytes")
            try:
                rows.append(accuracy(method, contestant, size, data))
            except ValueError as error:
                sys.exit(f"quality: {data.name}: {method.owner} {method.name}: {error}")
            contestants[method.owner, method.name, bits_per_dim] = contestant
    return rows, contestants


def print_accuracy(data: DataSet, rows: list[Row]) -> None:
    n, d = data.base.shape
    print(f"\n{data.name}: {len(data.queries):,} queries, {n:,} rows of {d}, {data.similarity}")
    judged = [data.judged_by or "judged", "with int8"] if data.judge else []
    columns = Columns(
        *(f"{'method':<40}", "bytes", "recall@1", "@10", "@100 ", "@10 int8", "error", "bound"),
        *("fit s", *judged),
    )
    for row in rows:
        columns.row(
            f"{row['owner'] + ' ' + row['method']:<40}",
            f"{row['bytes']:g}",
            *(f"{row[f'recall@{k}']:.3f}" for k in (1, 10, 100)),
            f"{row['recall@10 int8']:.3f}",
            "" if row["error"] is None else f"{row['error']:.3f}",
            f"{row['bound']:.3f}",
            f"{row['fit_seconds']:.1f}",
            *([f"{row['judged']:.4f}", f"{row['judged int8']:.4f}"] if judged else []),
        )


def one_size(
    data: DataSet, methods: list[Method], sizes: tuple[float, ...]
) -> list[tuple[Method, Size]]:
    """Return each method at 1 bit a dimension, or at 2 where it begins there."""
    found = []
    for method in methods:
        tried = [Size(data.base.shape[1], bits) for bits in (1.0, 2.0) if bits in sizes]
        suiting = [size for size in tried if method.make(size, data.similarity) is not None]
        found += [(method, size) for size in suiting[:1]]
    return found


def run_robustness(data: DataSet, methods: list[tuple[Method, Size]]) -> list[Row]:
    changes = changes_of(data)
    rows = []
    for method, size in tqdm(methods, desc=f"{data.name}: changes", disable=None):
        recalls = robustness(method, size, changes)
        rows.append(
            {"set": data.name, "owner": method.owner, "method": method.name}
            | {"code_bytes": size.n_bytes, "recall@10": recalls}
        )
    print(f"\n{data.name}: recall@10 after changes")
    columns = Columns(f"{'method':<40}", "bytes", *changes)
    for row in rows:
        cells = ["" if r is None else f"{r:.3f}" for r in row["recall@10"].values()]
        columns.row(f"{row['owner'] + ' ' + row['method']:<40}", row["code_bytes"], *cells)
    return rows


def run_costs(
    data: DataSet,
    methods: list[tuple[Method, Size]],
    contestants: dict[tuple[str, str, float], Contestant],
    accuracies: list[Row],
    n_turns: int,
) -> list[Row]:
    chosen = {
        f"{method.owner} {method.name}": contestants[method.owner, method.name, size.bits_per_dim]
        for method, size in methods
    }
    reference = next((name for name in REFERENCES if name in chosen), next(iter(chosen)))
    measured = costs(chosen, data, reference, n_turns)
    rows = []
    print(f"\n{data.name}: costs on one thread; queries a second of 128 at once")
    columns = Columns(
        f"{'method':<40}", "bytes", "fit s", "vectors/s", " queries/s", f"times {reference}"
    )
    for method, size in methods:
        cost = measured[f"{method.owner} {method.name}"]
        same = ("method", "owner", "bytes", "code_bytes", "fit_seconds", "recall@10")
        found = next(
            {name: row[name] for name in same}
            for row in accuracies
            if (row["owner"], row["method"], row["bits_per_dim"])
            == (method.owner, method.name, size.bits_per_dim)
        )
        rows.append({"set": data.name, **found, **cost})
        columns.row(
            f"{method.owner + ' ' + method.name:<40}",
            f"{found['bytes']:g}",
            f"{found['fit_seconds']:.1f}",
            f"{cost['vectors_per_second']['median']:,.0f}",
            f"{cost['queries_per_second']['median']:,.0f}",
            ratio_text(cost["ratio"], 2),
        )
    return rows


def main() -> None:
    arguments = parse()
    sizes = (1.0, 2.0) if arguments.quick else tuple(arguments.bits_per_dim)
    methods, sets = methods_of(arguments), sets_of(arguments)
    results: dict[str, Any] = {"accuracy": [], "robustness": [], "costs": [], "sets": []}
    for number, data in enumerate(sets):
        shape = {"rows": len(data.base), "dims": data.base.shape[1], "queries": len(data.queries)}
        about = {"name": data.name, "similarity": data.similarity, "judged_by": data.judged_by}
        results["sets"].append(about | shape)
        rows, contestants = run_accuracy(data, methods, sizes)
        print_accuracy(data, rows)
        results["accuracy"] += rows
        compared = one_size(data, methods, sizes) if number == 0 else []
        if compared and "costs" in arguments.tracks:
            results["costs"] += run_costs(data, compared, contestants, rows, arguments.turns)
        del contestants
        if compared and "robustness" in arguments.tracks:
            results["robustness"] += run_robustness(data, compared)
    if arguments.plot is not None:
        from quality_plot import draw

        draw(results, arguments.plot)
    if arguments.quick or arguments.only or sizes != BITS_PER_DIM:
        print("nothing is written: these are not all contestants, sizes or rows")
        return
    settings = {"turns": arguments.turns, "threads": bi.get_num_threads()}
    print(f"written: {write_results('quality', settings, results, **versions_of(PEERS))}")


if __name__ == "__main__":
    main()
