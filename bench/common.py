"""What every benchmark shares: turns, ratios, tables, the facts of the machine, results as JSON."""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

import bitindex as bi
from bitindex.cli.info import installation

Spread = dict[str, float]  # median, minimum, maximum
# What a contestant does, and how much work that is: codes, bytes, queries, ...
Contestant = tuple[Callable[[], object], float]

RESULTS = Path(__file__).parent / "results"

# OpenMP and BLAS threads spin for some milliseconds after their work, at the cost of the next one.
PAUSE_SECONDS = 0.1


def seconds_in_turns(
    contestants: Mapping[str, Callable[[], object]],
    n_turns: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Time every contestant once a turn: first, second, ..., first, second, ...

    What slows the machine down for a while meets all of them, and cancels in the ratios of a turn.
    One turn before the first warms up and is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(n_turns + 1):
        for name, contestant in contestants.items():
            time.sleep(PAUSE_SECONDS)
            start = clock()
            contestant()
            elapsed = clock() - start
            if turn > 0:
                seconds[name].append(elapsed)
    return seconds


def rates_in_turns(
    contestants: Mapping[str, Contestant],
    n_turns: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Return the work a second of every contestant in every turn; slow ones may do less work."""
    searches = {name: search for name, (search, _) in contestants.items()}
    seconds = seconds_in_turns(searches, n_turns, clock)
    return {name: [contestants[name][1] / s for s in runs] for name, runs in seconds.items()}


def quotient(rates: Mapping[str, Sequence[float]], above: str, below: str) -> Spread:
    """Return the spread, over the turns, of one contestant's rate divided by another's."""
    turns = zip(rates[above], rates[below], strict=True)
    return spread([a / b for a, b in turns])


def compared(rates: Mapping[str, Sequence[float]], ours: str) -> dict[str, dict[str, Spread]]:
    """Return the spread of all rates, and of the ratios of ours to each of the others."""
    return {
        "rates": {name: spread(runs) for name, runs in rates.items()},
        "ratios": {name: quotient(rates, ours, name) for name in rates if name != ours},
    }


def spread(values: Sequence[float]) -> Spread:
    """Return median, minimum and maximum."""
    return {"median": median(values), "minimum": min(values), "maximum": max(values)}


def geometric_mean(spreads: Sequence[Spread]) -> Spread:
    """Return the geometric means of the medians, of the minima and of the maxima."""
    return {
        figure: prod(each[figure] for each in spreads) ** (1 / len(spreads))
        for figure in ("median", "minimum", "maximum")
    }


def ratio_text(ratio: Spread, digits: int = 1) -> str:
    """Return "median (minimum-maximum)"."""
    low, high = f"{ratio['minimum']:,.{digits}f}", f"{ratio['maximum']:,.{digits}f}"
    return f"{ratio['median']:,.{digits}f} ({low}-{high})"


class Columns:
    """Prints a table row by row, as wide as its headers."""

    def __init__(self, *headers: str) -> None:
        self._widths = [len(header) for header in headers]
        self.row(*headers)

    def row(self, *cells: object) -> None:
        aligned = zip(cells, self._widths, strict=True)
        print("  ".join(f"{cell!s:>{width}}" for cell, width in aligned), flush=True)


def peer(module: str, package: str) -> Any:
    """Import a peer, or say what to install and return None."""
    try:
        return importlib.import_module(module)
    except ImportError:
        print(f'no {package}, it is left out: pip install "bitindex[bench]"', file=sys.stderr)
        return None


def versions(*packages: str) -> dict[str, str]:
    return {package: version(package) for package in packages}


def thread_counts() -> list[int]:
    """Return one thread, and all."""
    return sorted({1, bi.get_num_threads()})


def random_codes(
    rng: np.random.Generator, n_codes: int, n_bits: int, chunk: int = 1_000_000
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield uniform codes in chunks, for more of them than one wants to hold twice."""
    for first in range(0, n_codes, chunk):
        shape = (min(chunk, n_codes - first), n_bits // 8)
        yield rng.integers(0, 256, shape, dtype=np.uint8)


def check_equal(benchmark: str, what: str, *results: npt.ArrayLike) -> None:
    """Stop the benchmark unless all results equal the first."""
    first = np.asarray(results[0])
    for other in results[1:]:
        if not np.array_equal(first, np.asarray(other)):
            sys.exit(f"{benchmark}: different results: {what}")


def write_results(name: str, arguments: Mapping[str, Any], results: Any, **peers: str) -> Path:
    """Write results with everything that one needs to judge them; peers are name=version."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    document = {
        "benchmark": name,
        "date": datetime.date.today().isoformat(),
        "machine": {"cpu": _cpu_model(), "cpus": _n_cpus(), **installation()},
        "peers": peers,
        "arguments": dict(arguments),
        "results": results,
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def versions_of(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def read_results(name: str) -> dict[str, Any]:
    """Read what the benchmark of that name wrote last.

    Raises
    ------
    FileNotFoundError
        If it has not run yet.
    """
    document: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return document


def add_turns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=positive, default=7, metavar="N")


def add_searches(parser: argparse.ArgumentParser, n_bits: Sequence[int]) -> None:
    """Add how many codes of which widths to search for how many queries, and the turns."""
    parser.add_argument("--codes", type=positive, default=500_000, metavar="N")
    parser.add_argument("--queries", type=positive, default=128, metavar="N")
    parser.add_argument("--bits", type=positive, nargs="+", default=n_bits, metavar="N")
    add_turns(parser)


def positive(text: str) -> int:
    """Read a whole number >= 1 from the command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def _n_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
