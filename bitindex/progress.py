"""Bars that show how far a long call is."""

from __future__ import annotations

from typing import Any


def progress_bar(
    total: int | None, description: str, progress: bool | None, unit: str = "rows"
) -> Any:
    """Return a bar that counts: a context manager with ``update(n)``.

    Parameters
    ----------
    total : int or None
        How many units there will be, where that is known.
    description : str
        What happens to them.
    progress : bool or None
        Whether to show the bar. None: on a terminal, if it takes longer than a second.
    unit : str
        What is counted.
    """
    from tqdm import tqdm

    return tqdm(
        total=total,
        unit=f" {unit}",
        desc=description,
        # None lets tqdm decide by whether there is a terminal.
        disable=None if progress is None else not progress,
        delay=1.0 if progress is None else 0.0,
    )
