"""Bytes against recall, drawn with matplotlib."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from bitindex.tuning.result import TuneResult


def check_plot(path: str | PathLike[str]) -> None:
    """Refuse what :func:`save_plot` could not write, before a minute goes into what to draw.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If the extension is of no format that matplotlib writes.
    """
    formats = _new_figure().canvas.get_supported_filetypes()
    file = Path(path)
    if file.suffix.lstrip(".").lower() not in formats:
        raise ValueError(f"a plot must end in one of .{', .'.join(sorted(formats))}, got {file}")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"the folder of {file} does not exist")


def save_plot(result: TuneResult, path: str | PathLike[str]) -> None:
    """Draw all trials, the Pareto front and the best recipe, and write the picture to a file.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    OSError, ValueError
        If the file cannot be written.
    """
    figure = _new_figure()
    axes = figure.add_subplot()
    trials = result.table
    for name in dict.fromkeys(trial.recipe.binarizer for trial in trials):
        of_name = [trial for trial in trials if trial.recipe.binarizer == name]
        axes.plot(*_points(of_name), linestyle="", marker="o", markersize=4, alpha=0.5, label=name)
    for kind in dict.fromkeys(trial.recipe.kind for trial in trials):
        front = [trial for trial in result.pareto if trial.recipe.kind == kind]
        label = "front" if kind == "flat" else f"front of {kind}"
        axes.plot(*_points(front), color="black", linewidth=1, label=label)
    best = result.best_trial
    axes.plot(
        *_points([best]), linestyle="", marker="*", markersize=14, color="black", label="best"
    )
    axes.axhline(result.target_recall, color="grey", linestyle=":", label="target")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("bytes a vector")
    axes.set_ylabel(f"recall@{best.recipe.k} among {result.n_rows:,} rows")
    figure.legend(loc="outside right upper")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)


def _new_figure() -> Any:
    # Without pyplot, which would need a display or change the settings of the program.
    from matplotlib.figure import Figure

    return Figure(figsize=(8, 5), layout="constrained")


def _points(trials: list[Any]) -> tuple[list[int], list[float]]:
    return [trial.bytes_per_vector for trial in trials], [trial.recall for trial in trials]
