"""Pictures of bebr.py's results, the same file for the same figures; needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from plots import draw_lines, save

Row = dict[str, Any]


def draw(documents: dict[str, dict[str, Any]], folder: Path) -> None:
    """Write the pictures of the parts that have run; `documents` by the names of parts."""
    learned = {
        part: [row for row in document["results"] if row.get("history") and row["seed"] == 0]
        for part, document in documents.items()
        if part not in ("sizes", "bits", "versions")
    }
    if learned:
        save(training(learned), folder / "bebr-training.svg")
    if "bits" in documents:
        save(by_bits(documents["bits"]["results"]), folder / "bebr-bits.svg")


def training(learned: dict[str, list[Row]]) -> Figure:
    """Return loss and held-out recall over the epochs, a column for each part."""
    figure = Figure(figsize=(1 + 4 * len(learned), 5.5), layout="constrained")
    panels = figure.subplots(2, len(learned), squeeze=False, sharex="col")
    for column, rows in enumerate(learned.values()):
        for row in rows:
            history = row["history"]
            if not history["loss"]:  # untrained
                continue
            epochs = range(1, 1 + len(history["loss"]))
            panels[0, column].plot(epochs, history["loss"], label=row["method"])
            panels[1, column].plot(range(len(history["recall"])), history["recall"])
        panels[0, column].set_title(rows[0]["task"])
        panels[1, column].set_xlabel("epochs")
        panels[1, column].xaxis.get_major_locator().set_params(integer=True)
        panels[0, column].legend(fontsize="small")
        for panel in panels[:, column]:
            panel.grid(visible=True, alpha=0.3)
    panels[0, 0].set_ylabel("loss")
    panels[1, 0].set_ylabel("held-out recall@10")
    return figure


def by_bits(rows: list[Row]) -> Figure:
    """Return recall@10 over the bits of a code."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    panel = figure.subplots()
    lines = {
        name: sorted((r["bits"], r["recall@10"]) for r in rows if r["method"] == name)
        for name in dict.fromkeys(row["method"] for row in rows)
    }
    draw_lines(panel, lines, lambda name: "o--" if "binary query" in name else "o-")
    panel.set_xscale("log", base=2)
    sizes = sorted({row["bits"] for row in rows})
    panel.set_xticks(sizes, [f"{n_bits:,}" for n_bits in sizes])
    panel.set_title(rows[0]["task"])
    panel.set_xlabel("bits a code")
    panel.set_ylabel("recall@10")
    panel.legend(fontsize="small")
    return figure
