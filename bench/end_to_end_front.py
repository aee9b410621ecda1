"""Who is on the front of end_to_end.py: what no other beats in speed and bytes at equal recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import Spread, spread

Row = dict[str, Any]
OURS = "bitindex"
TARGET = 0.95


def at_target(row: Row, target: float = TARGET) -> Row | None:
    """Return the fastest point of a contestant that reaches the target, if one does."""
    enough = [point for point in row["points"] if point["recall"] >= target]
    return max(enough, key=lambda point: float(point["rate"]["median"]), default=None)


def on_front(rows: Sequence[Row]) -> list[bool]:
    """Return for each contestant whether no other is as fast at the target in fewer bytes."""
    measures = [_measures(row) for row in rows]
    return [
        own is not None
        and not any(
            other is not None and other != own and other[0] >= own[0] and other[1] <= own[1]
            for other in measures
        )
        for own in measures
    ]


def ours_beside(peer: Row, rows: Sequence[Row]) -> tuple[Row, Spread] | None:
    """Return the fastest of ours in at most a peer's bytes, and how many times as fast it is.

    None where the peer does not reach the target, or none of ours does in so few bytes.
    """
    theirs = at_target(peer)
    small = [
        row
        for row in rows
        if row["owner"] == OURS and row["bytes"] <= peer["bytes"] and at_target(row) is not None
    ]
    if theirs is None or not small:
        return None
    fastest = max(small, key=lambda row: _measures(row) or (0.0, 0.0))
    turns = zip(at_target(fastest)["rates"], theirs["rates"], strict=True)  # type: ignore[index]
    return fastest, spread([a / b for a, b in turns])


def _measures(row: Row) -> tuple[float, float] | None:
    point = at_target(row)
    return None if point is None else (point["rate"]["median"], row["bytes"])
