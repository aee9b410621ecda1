"""Bytes against recall@10, a panel for each set of quality.py; needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from plots import draw_lines, save


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the picture: methods of this package in full lines, peers in broken ones."""
    sets = results["sets"]
    figure = Figure(figsize=(1 + 5 * len(sets), 6), layout="constrained")
    panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)
    owners = {f"{row['owner']} {row['method']}": row["owner"] for row in results["accuracy"]}
    for panel, data in zip(panels[0], sets, strict=True):
        lines: dict[str, list[tuple[float, float]]] = {name: [] for name in owners}
        for row in results["accuracy"]:
            if row["set"] == data["name"]:
                point = (row["bytes"], row["recall@10"])
                lines[f"{row['owner']} {row['method']}"].append(point)
        in_order = {name: sorted(points) for name, points in lines.items()}
        draw_lines(panel, in_order, lambda name: "o-" if owners[name] == "bitindex" else "x--")
        panel.set_xscale("log", base=2)
        sizes = {row["code_bytes"] for row in results["accuracy"] if row["set"] == data["name"]}
        panel.set_xticks(sorted(sizes), [f"{n_bytes:g}" for n_bytes in sorted(sizes)])
        panel.set_title(f"{data['name']}: {data['rows']:,} x {data['dims']}, {data['similarity']}")
        panel.set_xlabel("bytes a vector, factors included")
    panels[0, 0].set_ylabel("recall@10 of the float neighbours, not rescored")
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=1 + len(sets),
        fontsize="small",
    )
    save(figure, path)
