"""What every benchmark shares: turns, the facts of the machine, results as JSON."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bitindex.cli.info import installation

RESULTS = Path(__file__).parent / "results"

# OpenMP and BLAS threads spin for some milliseconds after their work, at the cost of the next one.
PAUSE_SECONDS = 0.1


def seconds_in_turns(
    contestants: Mapping[str, Callable[[], object]], n_turns: int
) -> dict[str, list[float]]:
    """Time every contestant once a turn: first, second, ..., first, second, ...

    What slows the machine down for a while meets all of them, and cancels in the ratios of a turn.
    One turn before the first warms up and is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(n_turns + 1):
        for name, contestant in contestants.items():
            time.sleep(PAUSE_SECONDS)
            start = time.perf_counter()
            contestant()
            elapsed = time.perf_counter() - start
            if turn > 0:
                seconds[name].append(elapsed)
    return seconds


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, minimum and maximum."""
    return {"median": median(values), "minimum": min(values), "maximum": max(values)}


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


def read_results(name: str) -> dict[str, Any]:
    """Read what the benchmark of that name wrote last.

    Raises
    ------
    FileNotFoundError
        If it has not run yet.
    """
    document: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return document


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
