"""The results of trust.py as Markdown, from their JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import ratio_text
from sections import machine_text, markdown_table
from trust_cases import OUTCOMES
from trust_subjects import THIS_LIBRARY

Row = dict[str, Any]


def results_name(part: str) -> str:
    """Return the name of the results of a part of trust.py."""
    return f"trust_{part.replace(' ', '_')}"


def trust_section(documents: dict[str, dict[str, Any]]) -> str:
    """Return a table for each part that has run; `documents` by the names of parts."""
    parts = [PARTS[part](document["results"]) for part, document in documents.items()]
    newest = documents[next(iter(documents))]
    peers = ", ".join(f"{name} {version}" for name, version in newest["peers"].items())
    return "\n\n".join([*parts, f"{machine_text(newest)} Peers: {peers}."])


def damage_table(rows: Sequence[Row]) -> str:
    """Return what became of damaged files: of this library in sum, of peers one by one."""
    lines = []
    for what in dict.fromkeys(row["what"] for row in rows):
        ours = [r for r in rows if r["what"] == what and r["library"] == THIS_LIBRARY]
        name = f"**bitindex**, {len(ours)} kinds of file" if ours else ""
        of_what = [_sum_of(ours, name)] if ours else []
        others = [r for r in rows if r["what"] == what and r["library"] != THIS_LIBRARY]
        of_what += [r | {"name": f"{r['library']} {r['name']}"} for r in others]
        lines += [(what, r["name"], *_counts(r, ("cases", *OUTCOMES))) for r in of_what]
    headers = ("damage", "file", "cases", "refused", "same answers", "wrong answers", "crashes")
    names = sorted({row["name"] for row in rows if row["library"] == THIS_LIBRARY})
    return (
        "**Damaged files**: loaded and searched, each in a process that may crash.\n\n"
        + markdown_table(headers, lines)
        + f"\n\nKinds of file: {'; '.join(names)}."
    )


def full_disk_table(rows: Sequence[Row]) -> str:
    """Return what full disks left."""
    ours = [row for row in rows if row["library"] == THIS_LIBRARY]
    others = [r | {"name": f"{r['library']} {r['name']}"} for r in rows if r not in ours]
    lines = [
        (r["name"], *_counts(r, ("cases", "refused", "harmless", "wrong", "crash")))
        for r in (_sum_of(ours, f"**bitindex**, {len(ours)} kinds of file"), *others)
    ]
    headers = (
        *("file", "cases", "error, old file whole", "no error, old file whole"),
        *("old file lost", "crashes"),
    )
    return "**A disk that fills** while a file is replaced.\n\n" + markdown_table(headers, lines)


def call_table(rows: Sequence[Row]) -> str:
    """Return what each failed call left."""
    lines = [(f"`{row['call']}`", row["outcome"], f"{row['n']:,}") for row in rows]
    return (
        "**Every call that writes**, made to fail in turn in a save over a file of 18 MB: with "
        "ENOSPC, syncs with EIO; the last one syncs the directory.\n\n"
        + markdown_table(("call", "what is left", "times"), lines)
    )


def kill_table(row: Row) -> str:
    """Return what kills left."""
    lines = [(name, f"{number:,}") for name, number in row.items()]
    return "**Killed while saving** (SIGKILL, at random moments).\n\n" + markdown_table(
        ("bitindex", "times"), lines
    )


def collection_table(row: Row) -> str:
    """Return what kills left of collections."""
    lines = [(name, f"{number:,}") for name, number in row.items()]
    return (
        "**Killed while writing to a `Collection`** (SIGKILL, at random moments); what is left is "
        "compared with every change that was acknowledged.\n\n"
        + markdown_table(("Collection", "times"), lines)
    )


def collection_call_table(rows: Sequence[Row]) -> str:
    """Return what failed calls left of collections."""
    headers = ("call", *list(rows[0])[1:])
    lines = [(f"`{row['call']}`", *(f"{row[name]:,}" for name in headers[1:])) for row in rows]
    return (
        "**Every system call that writes**, made to fail in turn in calls of a `Collection`, alone "
        "and with all that follow: with ENOSPC, syncs with EIO. Looked at are the collection that "
        "goes on, a copy of its files at that moment, and the collection when it is opened again. "
        "What fails behind a commit, such as an image of the index, is no error.\n\n"
        + markdown_table(headers, lines)
    )


def writer_table(rows: Sequence[Row]) -> str:
    """Return what became of searches beside a writer."""
    lines = [
        (
            row["kind"],
            f"{row['wrong']:,}",
            ratio_text(row["ratio"], 2),
            f"{row['writes']['median']:,.0f}",
        )
        for row in rows
    ]
    headers = ("index", "wrong answers", "searches, of those without a writer", "writes a second")
    return (
        "**Eight threads search while one writes**, each without a pause, for a minute: 100,000 "
        "codes of 256 bits, of which a write replaces 500. Every answer is compared with those "
        "before and after a write.\n\n" + markdown_table(headers, lines)
    )


def load_table(results: Row) -> str:
    """Return how long files take to load."""
    lines = [
        (f"{r['bytes'] / 1e9:.2f} GB, {name}", ratio_text(_milliseconds(seconds)))
        for r in results
        for name, seconds in r["seconds"].items()
    ]
    shares = ", ".join(f"{r['share']['median']:.0%} of {r['bytes'] / 1e9:.2f} GB" for r in results)
    return (
        "**Time to load** codes of 256 bits from the system's cache. Of the processor's time "
        f"checksums take {shares} that are read.\n\n"
        + markdown_table(("file", "milliseconds: median (least-most)"), lines)
    )


def memory_table(rows: Sequence[Row]) -> str:
    """Return how much memory loading takes."""
    lines = [
        (
            f"{row['kind']}, ids {'shuffled' if row['shuffled'] else 'in order'}",
            f"{row['bytes'] / 1e6:,.1f}",
            f"{row['peak'] / 1e6:,.1f}",
            f"{row['peak'] / row['bytes']:.2f}",
        )
        for row in rows
    ]
    headers = ("file", "MB", "MB of memory, at most", "memory / file")
    return "**Memory to load a file**, the index included.\n\n" + markdown_table(headers, lines)


# THE list of parts, as in trust.py.
PARTS = {
    "damage": damage_table,
    "full disk": full_disk_table,
    "failing calls": call_table,
    "kills": kill_table,
    "collection": collection_table,
    "collection calls": collection_call_table,
    "writer": writer_table,
    "times": load_table,
    "memory": memory_table,
}


def _sum_of(rows: Sequence[Row], name: str) -> Row:
    return {"name": name} | {key: sum(row[key] for row in rows) for key in ("cases", *OUTCOMES)}


def _counts(row: Row, names: Sequence[str]) -> list[str]:
    return [f"{row[name]:,}" for name in names]


def _milliseconds(seconds: Row) -> Row:
    return {figure: 1000 * value for figure, value in seconds.items()}
