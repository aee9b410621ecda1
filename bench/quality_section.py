"""The summary of quality.py as Markdown, from its JSON."""

from __future__ import annotations

from typing import Any

from sections import machine_text, markdown_table, peer_versions

Row = dict[str, Any]
JUDGED = "SciFact"


def quality_section(document: dict[str, Any]) -> str:
    """Return recall by bytes on the first set, nDCG on SciFact, and costs."""
    results = document["results"]
    first = results["sets"][0]
    parts = [_recall(first, _rows_of(results, first["name"]))]
    parts.append(_judged(_rows_of(results, JUDGED)))
    if results["costs"]:
        parts.append(_costs(first, results["costs"], document["arguments"]["turns"]))
    parts.append(
        f"Peers, checked first: {peer_versions(document)}; sentence-transformers' `ubinary` "
        f"written out.\n{machine_text(document)} `make bench-quality` prints all: other sets, "
        "robustness, the Gaussian limit."
    )
    return "\n\n".join(parts)


def _recall(data: Row, rows: list[Row]) -> str:
    sizes = sorted({row["code_bytes"] for row in rows})
    lines = []
    for name in dict.fromkeys(map(_name, rows)):
        of_size = {row["code_bytes"]: row for row in rows if _name(row) == name}
        cells = [
            f"{of_size[n]['recall@10']:.3f}{_more(of_size[n])}" if n in of_size else ""
            for n in sizes
        ]
        lines.append((name, *cells))
    return (
        f"**What codes keep**: recall@10 of the float neighbours, without rescoring, by bytes of "
        f"the code;\nin brackets what is stored beside it. {data['name']}: {data['rows']:,} rows "
        f"of {data['dims']} dimensions, {data['queries']:,} queries, {data['similarity']}.\n\n"
        + markdown_table(("method", *(f"{n} bytes" for n in sizes)), lines)
    )


def _judged(rows: list[Row]) -> str:
    ours = [row for row in rows if row["owner"] == "bitindex" and row["bits_per_dim"] == 1]
    lines = [
        (
            row["method"],
            f"{row['bytes']:g}",
            *(f"{row[figure]:.3f}" for figure in ("recall@10", "recall@10 int8")),
            *(f"{row[figure]:.4f}" for figure in ("judged", "judged int8")),
        )
        for row in ours
    ]
    headers = ("method", "bytes", "recall@10", "with int8", "nDCG@10", "with int8")
    return (
        "**What people judge**: SciFact, 1 bit a dimension; float search has nDCG@10 .6451. With "
        "int8: the best 40 scored again,\nfor 388 bytes more.\n\n" + markdown_table(headers, lines)
    )


def _costs(data: Row, rows: list[Row], n_turns: int) -> str:
    lines = [
        (
            _name(row),
            f"{row['bytes']:g}",
            f"{row['fit_seconds']:.1f}",
            f"{row['vectors_per_second']['median']:,.0f}",
            f"{row['queries_per_second']['median']:,.0f}",
        )
        for row in rows
    ]
    headers = ("method", "bytes", "fit s", "encoded vectors/s", "queries/s")
    return (
        f"**What codes cost** on the same {data['rows']:,} rows: fit once on all threads; encoding "
        f"and 128 queries at once\non one thread, medians of {n_turns} turns.\n\n"
        + markdown_table(headers, lines)
    )


def _rows_of(results: Row, name: str) -> list[Row]:
    return [row for row in results["accuracy"] if row["set"] == name]


def _name(row: Row) -> str:
    return row["method"] if row["owner"] == "bitindex" else f"{row['owner']} {row['method']}"


def _more(row: Row) -> str:
    more = row["bytes"] - row["code_bytes"]
    return f" (+{more:g})" if more else ""
