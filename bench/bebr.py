"""What does training make of binary codes? The comparison of the BEBR paper, on data at hand.

Codes of one size, with queries of the same codes, beside fine-tuned floats of equal training; more
and fewer bits a dimension; new queries on the codes of an older version of embeddings.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bebr_codes import (
    KS,
    Contestant,
    embeddings,
    fine_tuned_float,
    float_queries,
    measure,
    recurrent,
    untrained_codes,
)
from bebr_sizes import SIZES, run_folds
from bebr_tasks import Task, labels_task, neighbours_task, pairs_folds, pairs_task
from bebr_versions import versions
from common import Columns, positive, write_results
from quality_sets import DataSet, named_file, read_set, scifact

import bitindex as bi

TRAINED: dict[str, Contestant] = {
    "hash": recurrent(1, dims=2),
    "recurrent": recurrent(),
    "recurrent, d/2 x 4 bits": recurrent(4, dims=0.5),
    "recurrent, untrained": recurrent(trained=False),
    "fine-tuned float": fine_tuned_float(),
    "embeddings": embeddings,
}
# Of 2 bits a dimension. Fine-tuned floats could at best find what embeddings do, which is all.
SELF_SUPERVISED: dict[str, Contestant] = {
    "hash": TRAINED["hash"],
    "recurrent": TRAINED["recurrent"],
    "recurrent, d/2 x 4 bits": TRAINED["recurrent, d/2 x 4 bits"],
    "recurrent, untrained": TRAINED["recurrent, untrained"],
    "rotation": untrained_codes(
        lambda d, seed: bi.RotationBinarizer(2, random_state=seed), metric="sdc2"
    ),
    "rotation, no center": untrained_codes(
        lambda d, seed: bi.RotationBinarizer(2, center=False, random_state=seed), metric="sdc2"
    ),
    "LSH": untrained_codes(
        lambda d, seed: bi.LSHBinarizer(2 * d, random_state=seed), metric="hamming"
    ),
}
BITS_PER_DIM = (1, 2, 4)


def of_bits(bits_per_dim: int) -> dict[str, Contestant]:
    """Return the contestants of so many bits a dimension, with both kinds of queries."""
    return {
        "recurrent, binary query": recurrent(bits_per_dim),
        "rotation, binary query": untrained_codes(
            lambda d, seed: bi.RotationBinarizer(bits_per_dim, center=False, random_state=seed),
            metric=f"sdc{bits_per_dim}",
        ),
        "recurrent, float query": recurrent(bits_per_dim, query="float"),
        "rotation, float query": float_queries(
            lambda d, seed: bi.RotationBinarizer(bits_per_dim, random_state=seed)
        ),
        "additive, float query": float_queries(
            lambda d, seed: bi.AdditiveBinarizer(bits_per_dim * d, random_state=seed)
        ),
    }


TERNARY: dict[str, Contestant] = {
    "ternary, binary query": recurrent("ternary"),
    "ternary, float query": recurrent("ternary", query="float"),
}


def run_pairs(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if arguments.scifact is not None:
        task = pairs_task(*arguments.scifact)
        yield from run_task(shortened(task, arguments), TRAINED, arguments.seeds)


def run_labels(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if arguments.labels is not None:
        name, *files = arguments.labels
        task = labels_task(name, [Path(file) for file in files])
        yield from run_task(shortened(task, arguments), TRAINED, arguments.seeds)


def run_neighbours(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    return run_task(rows_alone(arguments), SELF_SUPERVISED, arguments.seeds)


def run_bits(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    task = rows_alone(arguments)
    for bits_per_dim in BITS_PER_DIM:
        yield from run_task(task, of_bits(bits_per_dim), 1)
    yield from run_task(task, TERNARY, 1)


def run_versions(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    task = rows_alone(arguments)
    columns = Columns("query ", f"{'searched':<38}", "seed", *(f"recall@{k}" for k in KS))
    for query in ("binary", "float"):
        for seed in range(arguments.seeds):
            for row in versions(task, query, seed):
                recalls = (f"{row[f'recall@{k}']:.3f}" for k in KS)
                columns.row(query, f"{row['method']:<38}", seed, *recalls)
                yield {**row, "facts": task.facts()}


def run_sizes(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    tasks = []
    if arguments.scifact is not None:
        tasks.append(pairs_folds(*arguments.scifact))
    if arguments.labels is not None:
        name, *files = arguments.labels
        tasks.append([labels_task(name, [Path(file) for file in files])])
    for folds in tasks:
        short = [shortened(task, arguments) for task in folds]
        yield from run_folds(short, arguments.sizes, arguments.seeds)


# THE list of parts, each with results of its own.
PARTS: dict[str, Callable[[argparse.Namespace], Iterator[dict[str, Any]]]] = {
    "pairs": run_pairs,
    "labels": run_labels,
    "neighbours": run_neighbours,
    "sizes": run_sizes,
    "bits": run_bits,
    "versions": run_versions,
}
NEEDS = {
    "pairs": "--scifact EMBEDDINGS.npy QUERIES.tsv QRELS.tsv of the training queries",
    "labels": "--labels NAME TRAIN.npy TRAIN.csv TEST.npy TEST.csv",
    "sizes": "what pairs or labels need",
}


def rows_alone(arguments: argparse.Namespace) -> Task:
    """Return the set that the user names, or SciFact, as a task."""
    data: DataSet
    if arguments.embeddings is None:
        data = scifact()
    else:
        name, path, similarity = named_file(arguments.embeddings)
        data = read_set(name, path, similarity, None, [])
    if arguments.quick:
        data = data.changed(data.base[:1500], data.queries[:100])
    task = neighbours_task(data)
    task = replace(task, n_train=arguments.train, n_epochs=arguments.epochs or task.n_epochs)
    return shortened(task, arguments)


def shortened(task: Task, arguments: argparse.Namespace) -> Task:
    task = replace(task, device=arguments.device)
    return replace(task, n_epochs=2) if arguments.quick else task


def run_task(
    task: Task, contestants: Mapping[str, Contestant], n_seeds: int
) -> Iterator[dict[str, Any]]:
    """Run all contestants with all seeds, and print what they find."""
    print(f"\n{task.name}: {len(task.queries):,} queries, {len(task.rows):,} rows")
    columns = Columns(f"{'method':<38}", " bits", "seed", *(f"recall@{k}" for k in KS), "seconds")
    for seed in range(n_seeds):
        for name, contestant in contestants.items():
            row = measure(task, name, contestant, seed)
            recalls = (f"{row[f'recall@{k}']:.3f}" for k in KS)
            columns.row(f"{name:<38}", row["bits"], seed, *recalls, f"{row['seconds']:.1f}")
            yield {**row, "facts": task.facts()}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--scifact",
        nargs=3,
        type=Path,
        metavar=("EMBEDDINGS.npy", "QUERIES.tsv", "QRELS.tsv"),
        help="the training queries of SciFact, which do not come with the package: embeddings as "
        "those that do, ids before a tab, and judgements under a header",
    )
    parser.add_argument(
        "--labels",
        nargs=5,
        metavar=("NAME", "TRAIN.npy", "TRAIN.csv", "TEST.npy", "TEST.csv"),
        help="embeddings and, in the last column under a header, their labels",
    )
    parser.add_argument(
        "--embeddings",
        metavar="NAME=FILE.npy",
        help="rows without pairs and labels, of which 1,000 become queries; default: SciFact",
    )
    parser.add_argument(
        "--sizes",
        type=positive,
        nargs="+",
        default=SIZES,
        metavar="N",
        help="dimensions of 2 bits for the part of that name",
    )
    parser.add_argument("--seeds", type=positive, default=3, metavar="N")
    parser.add_argument(
        "--train",
        type=positive,
        default=20_000,
        metavar="N",
        help="rows without labels to train on",
    )
    parser.add_argument(
        "--epochs", type=positive, metavar="N", help="of training without pairs and labels"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="to train on")
    parser.add_argument("--quick", action="store_true", help="few rows and epochs, to see it run")
    return parser.parse_args(arguments)


def main() -> None:
    arguments = parse()
    for part in arguments.parts:
        rows: list[dict[str, Any]] = []
        for row in PARTS[part](arguments):
            rows.append(row)
            # After each, because one may take minutes.
            write_results(f"bebr_{part}", {"quick": arguments.quick}, rows)
        if not rows:
            print(f"\nbebr: {part} needs {NEEDS[part]}; it is left out")


if __name__ == "__main__":
    main()
