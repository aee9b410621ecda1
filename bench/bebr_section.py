"""The results of bebr.py as Markdown, from their JSON."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Any

import numpy as np
import numpy.typing as npt
from sections import machine_text, markdown_table

Row = dict[str, Any]
FIGURES = ("recall@1", "recall@10")
REFERENCE = "recurrent"


def bebr_section(documents: dict[str, dict[str, Any]]) -> str:
    """Return a table for each part that has run; `documents` by the names of parts."""
    parts = [SECTIONS[part](document["results"]) for part, document in documents.items()]
    return "\n\n".join([*parts, machine_text(next(iter(documents.values())))])


def compared(rows: Sequence[Row]) -> str:
    """Return what each method finds, and how far it is from recurrent codes of the same seed."""
    lines = []
    for name in _names(rows):
        of_name = [row for row in rows if row["method"] == name]
        lines.append(
            (
                name,
                f"{of_name[0]['bits']:,}",
                *(_mean([row[figure] for row in of_name]) for figure in FIGURES),
                *("" if name == REFERENCE else _points(rows, name, f) for f in FIGURES),
            )
        )
    headers = ("method", "bits", *FIGURES, *(f"points, {figure}" for figure in FIGURES))
    return f"**{_title(rows)}**; {_training(rows)}.\n\n" + markdown_table(headers, lines)


def by_bits(rows: Sequence[Row]) -> str:
    """Return recall@10 by the bits that are stored for a dimension."""
    n_dims = rows[0]["facts"]["dims"]
    sizes = sorted({row["bits"] // n_dims for row in rows})
    lines = []
    for name in _names(rows):
        found = {r["bits"] // n_dims: r["recall@10"] for r in rows if r["method"] == name}
        lines.append((name, *(f"{found[n]:.3f}" if n in found else "" for n in sizes)))
    headers = ("recall@10 by bits a dimension", *map(str, sizes))
    return f"**{_title(rows)}**; {_training(rows)}.\n\n" + markdown_table(headers, lines)


def of_sizes(rows: Sequence[Row]) -> str:
    """Return what codes of few bits find, and how far each method is from recurrent codes.

    Beside each figure its standard error, over queries of which each has the mean of its seeds.
    """
    tables = []
    for task in dict.fromkeys(row["facts"]["name"] for row in rows):
        of_task = [row for row in rows if row["facts"]["name"] == task]
        lines = []
        for code_dim, name in sorted({(row["code_dim"], row["method"]) for row in of_task}):
            size = [row for row in of_task if row["code_dim"] == code_dim]
            own, reference = _shares(size, name), _shares(size, REFERENCE)
            figures = [_with_error(own[figure], "{:.1f}") for figure in FIGURES]
            points = ["", ""]
            if name != REFERENCE and reference:
                points = [_with_error(own[f] - reference[f], "{:+.1f}") for f in FIGURES]
            n_bits = next(row["bits"] for row in size if row["method"] == name)
            lines.append((str(code_dim), name, f"{n_bits:,}", *figures, *points))
        headers = ("d", "method", "bits", *FIGURES, *(f"points, {figure}" for figure in FIGURES))
        table = markdown_table(headers, lines)
        training = _training(of_task, "standard error")
        tables.append(f"**{_title(of_task)}**; {training}, in hundredths.\n\n{table}")
    return "\n\n".join(tables)


def of_versions(rows: Sequence[Row]) -> str:
    """Return what queries of two versions find in codes of each."""
    lines = []
    for query in dict.fromkeys(row["query"] for row in rows):
        of_query = [row for row in rows if row["query"] == query]
        for name in _names(of_query):
            of_name = [row for row in of_query if row["method"] == name]
            lines.append(
                (query, name, *(_mean([r[figure] for r in of_name]) for figure in FIGURES))
            )
    return f"**{_title(rows)}**; {_training(rows)}.\n\n" + markdown_table(
        ("query", "searched", *FIGURES), lines
    )


# THE list of parts, as in bebr.py.
SECTIONS = {
    "pairs": compared,
    "labels": compared,
    "neighbours": compared,
    "sizes": of_sizes,
    "bits": by_bits,
    "versions": of_versions,
}


def _title(rows: Sequence[Row]) -> str:
    facts = rows[0]["facts"]
    return (
        f"{facts['name']}: {facts['queries']:,} queries, {facts['rows']:,} rows of "
        f"{facts['dims']} dimensions"
    )


def _training(rows: Sequence[Row], beside: str = "range") -> str:
    """Return how often and where was trained, and what stands beside the mean of the seeds."""
    facts = rows[0]["facts"]
    n_seeds = len({row["seed"] for row in rows})
    seeds = "one seed" if n_seeds == 1 else f"mean of {n_seeds} seeds"
    if n_seeds > 1 or beside != "range":
        seeds += f" ({beside})"
    device = "" if facts["device"] == "cpu" else f" on {facts['device'].upper()}"
    return f"{facts['epochs']} epochs{device}, {seeds}"


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["method"] for row in rows))


def _mean(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{mean(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def _shares(rows: Sequence[Row], name: str) -> dict[str, npt.NDArray[np.float64]]:
    """Return what a method finds for each query, in hundredths; empty if it did not run."""
    of_name = [row for row in rows if row["method"] == name]
    if not of_name:
        return {}
    return {f: 100 * np.mean([row["shares"][f] for row in of_name], axis=0) for f in FIGURES}


def _with_error(values: npt.NDArray[np.float64], form: str) -> str:
    error = values.std(ddof=1) / len(values) ** 0.5
    return f"{form.format(values.mean())} ({error:.1f})"


def _points(rows: Sequence[Row], name: str, figure: str) -> str:
    """Return how many points a method is above recurrent codes, seed by seed."""
    by_seed = {
        method: {row["seed"]: row[figure] for row in rows if row["method"] == method}
        for method in (name, REFERENCE)
    }
    seeds = by_seed[name].keys() & by_seed[REFERENCE].keys()
    if not seeds:
        return ""
    return f"{100 * mean(by_seed[name][seed] - by_seed[REFERENCE][seed] for seed in seeds):+.1f}"
