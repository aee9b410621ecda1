"""The results of end_to_end.py as Markdown, from their JSON."""

from __future__ import annotations

from typing import Any

from common import ratio_text
from end_to_end_front import OURS, TARGET, at_target, on_front, ours_beside
from sections import machine_text, markdown_table, peer_versions

Row = dict[str, Any]
OTHER_TARGETS = (0.8, 0.85, 0.9, 0.95, 0.98, 0.99)


def end_to_end_section(document: Row) -> str:
    """Return what each index needs for the target recall, and ours beside each peer."""
    facts, rows = document["results"]["set"], document["results"]["contestants"]
    turns = document["arguments"]["turns"]
    return "\n\n".join(
        [
            f"**{facts['name']}: {facts['rows']:,} rows of {facts['dims']} dimensions, "
            f"{facts['queries']:,} queries**; what each index takes for recall@10 of {TARGET}, "
            f"with one thread.\nIn bold: the front of bytes and speed.",
            _all(rows),
            "**Beside each peer**: the fastest of ours that takes no more bytes a vector.",
            _beside(rows),
            "**The fastest at other recalls**, whatever its bytes.",
            _at_other_recalls(rows),
            f"Queries a second of CPU time: medians of {turns} turns (range), ratios turn by turn. "
            f"Peers: {peer_versions(document)}.\n{machine_text(document)}",
        ]
    )


def _all(rows: list[Row]) -> str:
    lines = []
    for row, is_front in zip(rows, on_front(rows), strict=True):
        point = at_target(row)
        reached = point or row["points"][-1]
        name = f"{row['owner']} {row['name']}"
        lines.append(
            (
                f"**{name}**" if is_front else name,
                f"{row['bytes']:,.0f}",
                f"{row['seconds']:.0f}",
                ", ".join(f"{word} {number}" for word, number in reached["setting"].items()),
                f"{reached['recall']:.4f}",
                "" if point is None else ratio_text(point["rate"], 0),
                "" if point is None else ratio_text(row["alone"]["rate"], 0),
            )
        )
    headers = ("index", "bytes a vector", "build s", "setting", "recall@10", "queries/s at once")
    return markdown_table((*headers, "one by one"), lines)


def _beside(rows: list[Row]) -> str:
    lines = []
    for peer in rows:
        found = None if peer["owner"] == OURS else ours_beside(peer, rows)
        if found is None:
            continue
        ours, ratio = found
        bytes_of_both = (f"{ours['bytes'] / peer['bytes']:.2f}", ratio_text(ratio, 2))
        lines.append((f"{peer['owner']} {peer['name']}", ours["name"], *bytes_of_both))
    return markdown_table(("peer", "ours", "bytes, of the peer's", "times as fast"), lines)


def _at_other_recalls(rows: list[Row]) -> str:
    lines = []
    for target in OTHER_TARGETS:
        line = [f"{target}"]
        for is_ours in (True, False):
            found = [
                (point["rate"]["median"], row["bytes"], row["name"])
                for row in rows
                for point in [at_target(row, target)]
                if (row["owner"] == OURS) == is_ours and point is not None
            ]
            if not found:
                line += ["", "", ""]
                continue
            rate, n_bytes, name = max(found)
            line += [name, f"{n_bytes:,.0f}", f"{rate:,.0f}"]
        lines.append(line)
    of_each = ("bytes", "queries/s at once")
    return markdown_table(("recall@10", "ours", *of_each, "peer", *of_each), lines)
