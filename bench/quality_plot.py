"""Bytes against recall@10, a panel for each set of quality.py; needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

mpl.use("agg")


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the picture: methods of this package in full lines, peers in broken ones."""
    sets = results["sets"]
    figure, panels = plt.subplots(
        1, len(sets), figsize=(1 + 5 * len(sets), 6), sharey=True, squeeze=False
    )
    methods = list(dict.fromkeys((row["owner"], row["method"]) for row in results["accuracy"]))
    colors = plt.get_cmap("tab20").colors
    for panel, data in zip(panels[0], sets, strict=True):
        for number, (owner, method) in enumerate(methods):
            points = sorted(
                (row["bytes"], row["recall@10"])
                for row in results["accuracy"]
                if (row["set"], row["owner"], row["method"]) == (data["name"], owner, method)
            )
            panel.plot(
                *([point[axis] for point in points] for axis in (0, 1)),
                "o-" if owner == "bitindex" else "x--",
                color=colors[number % len(colors)],
                label=f"{owner} {method}",
            )
        panel.set_xscale("log", base=2)
        sizes = {row["code_bytes"] for row in results["accuracy"] if row["set"] == data["name"]}
        panel.set_xticks(sorted(sizes), [f"{n_bytes:g}" for n_bytes in sorted(sizes)])
        panel.grid(visible=True, alpha=0.3)
        panel.set_title(f"{data['name']}: {data['rows']:,} x {data['dims']}, {data['similarity']}")
        panel.set_xlabel("bytes a vector, factors included")
    panels[0, 0].set_ylabel("recall@10 of the float neighbours, not rescored")
    figure.set_layout_engine("constrained")
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=1 + len(sets),
        fontsize="small",
    )
    figure.savefig(path, dpi=120)
    print(f"written: {path}")
