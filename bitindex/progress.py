"""Bars that show how far a long call is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class HiddenBar:
    """A bar that shows nothing.

    tqdm has a way to hide bars, but they share a lock with forked processes all the same, and where
    one of these is killed while it has the lock, the others wait for ever.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, n: int) -> None:
        """Count n units."""

    def set_postfix(self, *_: object, **__: object) -> None:
        """Tell of figures."""

    def set_postfix_str(self, _: str) -> None:
        """Tell of something else."""


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
    if not (sys.stderr.isatty() if progress is None else progress):
        return HiddenBar()
    from tqdm import tqdm

    delay = 1.0 if progress is None else 0.0
    return tqdm(total=total, unit=f" {unit}", desc=description, delay=delay)
