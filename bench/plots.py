"""What pictures of benchmarks share: lines in a panel, and files; needs matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

# Names in the file do not change from run to run; letters stay letters.
mpl.rcParams.update({"svg.hashsalt": "bitindex", "svg.fonttype": "none"})

Points = Sequence[tuple[float, float]]


def draw_lines(
    panel: Any, lines: Mapping[str, Points], style: Callable[[str], str] = lambda name: "o-"
) -> None:
    """Draw lines of points, each in a colour of its own, on a grid.

    Parameters
    ----------
    lines : mapping of str to sequence of (float, float)
        What each line is called, and its points from one end to the other.
    style : callable
        From the name of a line to how matplotlib draws it.
    """
    colors = mpl.colormaps["tab20" if len(lines) > 10 else "tab10"].colors
    for number, (name, points) in enumerate(lines.items()):
        axes = ([point[axis] for point in points] for axis in (0, 1))
        panel.plot(*axes, style(name), color=colors[number % len(colors)], label=name)
    panel.grid(visible=True, alpha=0.3)


def draw_speeds(panel: Any, lines: Mapping[str, Points], **how: Any) -> None:
    """Draw queries a second over recall."""
    draw_lines(panel, lines, **how)
    panel.set_yscale("log")
    panel.set_xlabel("recall@10")
    panel.set_ylabel("queries a second")


def save(figure: Figure, path: Path) -> None:
    """Write a picture, the same file for the same figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".svg":
        figure.savefig(path, metadata={"Date": None})
        # Without the spaces at the ends of lines, of which git would complain.
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("".join(f"{line.rstrip()}\n" for line in lines), encoding="utf-8")
    else:
        figure.savefig(path, dpi=120)
    print(f"written: {path}")
