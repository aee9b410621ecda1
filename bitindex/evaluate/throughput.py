"""How many queries per second a search answers, alone or in turns with its competitors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from bitindex.evaluate.arguments import whole_number

__all__ = ["Throughput", "Ratio", "Comparison", "queries_per_second", "compare_throughput"]

_Queries = TypeVar("_Queries", bound=Sequence[Any] | npt.NDArray[Any])


@dataclass(frozen=True)
class _Runs:
    """One figure per run, in the order of the runs.

    Attributes
    ----------
    runs : tuple of float
        At least one figure.
    """

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the runs."""
        return float(np.median(self.runs))

    @property
    def minimum(self) -> float:
        """Smallest of the runs."""
        return min(self.runs)

    @property
    def maximum(self) -> float:
        """Largest of the runs."""
        return max(self.runs)


class Throughput(_Runs):
    """Queries per second of each run; as text ``12,300 q/s (11,900-12,600)``: median and range."""

    def __str__(self) -> str:
        median, minimum, maximum = map(_three_digits, (self.median, self.minimum, self.maximum))
        return f"{median} q/s ({minimum}-{maximum})"


class Ratio(_Runs):
    """A throughput divided by another one, run by run; as text ``1.80x (1.72-1.91)``."""

    def __str__(self) -> str:
        return f"{self.median:.2f}x ({self.minimum:.2f}-{self.maximum:.2f})"


@dataclass(frozen=True)
class Comparison:
    """Throughputs that were measured in turns; as text a line for each contestant.

    Attributes
    ----------
    throughputs : mapping of str to Throughput
        One entry for each contestant, in the order given.
    """

    throughputs: Mapping[str, Throughput]

    @property
    def ratios(self) -> dict[str, Ratio]:
        """Throughput of each contestant divided by that of the first in the same turn."""
        first = next(iter(self.throughputs.values()))
        return {
            name: Ratio(tuple(a / b for a, b in zip(throughput.runs, first.runs, strict=True)))
            for name, throughput in self.throughputs.items()
        }

    def __str__(self) -> str:
        width = max(map(len, self.throughputs))
        return "\n".join(
            f"{name:<{width}}  {throughput}  {ratio}"
            for (name, throughput), ratio in zip(
                self.throughputs.items(), self.ratios.values(), strict=True
            )
        )


def queries_per_second(
    search: Callable[[_Queries], object],
    queries: _Queries,
    *,
    repeats: int = 5,
    warmup: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> Throughput:
    """Measure how many queries per second `search` answers in batches.

    Parameters
    ----------
    search : callable
        Takes `queries` as its only argument, and returns when all of them are answered.
    queries : array or sequence, one query per row
        At least one.
    repeats : int
        Measured runs of the whole batch, at least 1.
    warmup : int
        Runs before them that are not measured, at least 0.
    clock : callable
        Returns a wall-clock time in seconds.

    Returns
    -------
    Throughput

    Raises
    ------
    TypeError
        If `search` is not callable, or `repeats` or `warmup` is not an integer.
    ValueError
        If there are no queries, or `repeats` or `warmup` is too small.
    RuntimeError
        If a run is too short for the clock.

    Examples
    --------
    >>> seconds = iter([0.0, 0.5, 1.0, 1.2])
    >>> print(queries_per_second(len, [[0.1, 0.2]] * 100, repeats=2, clock=seconds.__next__))
    350 q/s (200-500)
    """
    comparison = compare_throughput(
        {"search": search}, queries, repeats=repeats, warmup=warmup, clock=clock
    )
    return comparison.throughputs["search"]


def compare_throughput(
    contestants: Mapping[str, Callable[[_Queries], object]],
    queries: _Queries,
    *,
    repeats: int = 5,
    warmup: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Measure several searches in turns: first, second, ..., first, second, ...

    Turns in one process let all contestants meet the same machine: what slows it down for a while
    slows all of them, and cancels in the ratios of a turn.

    Parameters
    ----------
    contestants : mapping of str to callable
        Each as `search` in `queries_per_second`. Ratios refer to the first.
    queries, repeats, warmup, clock
        As for `queries_per_second`; `repeats` and `warmup` count turns.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As for `queries_per_second`; also ValueError if there is no contestant.
    """
    repeats = whole_number(repeats, "repeats")
    warmup = whole_number(warmup, "warmup", minimum=0)
    if not contestants:
        raise ValueError("contestants must name at least one search, got none")
    for name, search in contestants.items():
        if not callable(search):
            raise TypeError(f"{name} must be callable, got {type(search).__name__}")
    if len(queries) == 0:
        raise ValueError("queries must hold at least one query, got none")

    for _ in range(warmup):
        for search in contestants.values():
            search(queries)
    runs: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, search in contestants.items():
            start = clock()
            search(queries)
            seconds = clock() - start
            if seconds <= 0:
                raise RuntimeError(
                    f"a run must take measurable time, got {seconds} s for {name}: "
                    f"give more than {len(queries)} queries"
                )
            runs[name].append(len(queries) / seconds)
    return Comparison({name: Throughput(tuple(rates)) for name, rates in runs.items()})


def _three_digits(rate: float) -> str:
    """Write a rate with three significant digits, as a whole number from 100 on: 12,300 or 1.23."""
    rounded = float(f"{rate:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:.3g}"
