"""The picture of end_to_end.py: speed over recall, and over bytes at the target recall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from end_to_end_front import OURS, TARGET, at_target, on_front
from matplotlib.figure import Figure
from plots import draw_lines, draw_speeds, save

Row = dict[str, Any]
LEAST_RECALL = 0.8


def draw(facts: Row, rows: Sequence[Row], path: Path) -> None:
    """Write the picture; ours in full lines, peers in broken ones."""
    figure = Figure(figsize=(13, 9), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    curves = {f"{row['owner']} {row['name']}": _envelope(row) for row in rows}
    draw_speeds(left, curves, style=lambda name: "o-" if name.startswith(OURS) else "x--")
    left.set_xlim(LEAST_RECALL, 1.002)
    left.axvline(TARGET, color="gray", linewidth=0.8)
    marked = {
        name: [(row["bytes"], at_target(row)["rate"]["median"])] if at_target(row) else []
        for name, row in zip(curves, rows, strict=True)
    }
    draw_lines(right, marked, style=lambda name: "o" if name.startswith(OURS) else "x")
    front = sorted(
        point
        for points, is_front in zip(marked.values(), on_front(rows), strict=True)
        for point in points
        if is_front
    )
    right.step([p[0] for p in front], [p[1] for p in front], "k:", where="post", linewidth=1)
    right.set_xscale("log")
    right.xaxis.set_major_formatter("{x:,.0f}")
    right.xaxis.set_minor_formatter("{x:,.0f}")
    right.set_xlabel(f"bytes a vector, where recall@10 reaches {TARGET}; dotted: the front")
    left.set_title(f"{facts['name']}: {facts['rows']:,} x {facts['dims']}, one thread")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small"
    )
    save(figure, path)


def _envelope(row: Row) -> list[tuple[float, float]]:
    """Return recall and speed of the settings that no other of the same index beats."""
    points = sorted(
        ((point["recall"], point["rate"]["median"]) for point in row["points"]), reverse=True
    )
    kept: list[tuple[float, float]] = []
    for point in points:
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept[::-1]
