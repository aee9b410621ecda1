"""What is left of a collection whose writers are killed? By the program that its tests run."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from collection_kills import kill_writers


def kill_writers_row(folder: Path, n_kills: int) -> dict[str, int]:
    """Kill processes that write to collections, at random moments, and look for what is lost.

    Raises
    ------
    SystemExit
        If an acknowledged change is lost, a change is there in part, or a file cannot be read.
    """
    n_acknowledged, n_ahead = kill_writers(folder, n_kills)
    return {
        "kills": n_kills,
        "changes acknowledged": n_acknowledged,
        "of these lost": 0,
        "the change under way was there, whole": n_ahead,
        "files unreadable": 0,
    }
