"""What does a writer cost the searches beside it? All answers are of before or after a write."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from common import Columns, add_turns, positive, quotient, random_codes, spread, write_results

from bitindex.index import INDEX_KINDS

N_BITS, N_QUERIES, K, N_WRITTEN = 256, 16, 10, 500
# With which an index answers exactly, so that every answer can be checked.
EXACT = {"flat": {}, "ivf": {"n_lists": 64, "nprobe": 64}, "mih": {}}

Answer = tuple[npt.NDArray[Any], npt.NDArray[np.int64]]


class Rows:
    """An index of which a writer switches some rows between two states, and what they answer."""

    def __init__(self, kind: str, n_codes: int) -> None:
        rng = np.random.default_rng(0)
        codes, other = (
            np.concatenate([*random_codes(rng, n, N_BITS)]) for n in (n_codes, N_WRITTEN)
        )
        self.index = INDEX_KINDS[kind](N_BITS, **EXACT[kind])
        ids = self.index.add(codes)
        self._written = rng.choice(ids, N_WRITTEN, replace=False)
        self._states = (other, codes[self._written])
        # Near to rows of the one state or of the other, so that answers differ.
        self._queries = np.concatenate([state[: N_QUERIES // 2] for state in self._states])
        self._expected = []
        for number in (0, 1):
            self.write(number)
            self._expected.append(self._search())

    def write(self, number: int) -> None:
        self.index.update(self._written, self._states[number % 2])

    def _search(self) -> Answer:
        return self.index.search(self._queries, K, threads=1)

    def search(self) -> bool:
        """Search, and return whether the answer is one of the two."""
        got = self._search()
        return any(all(map(np.array_equal, got, answer)) for answer in self._expected)


def run_readers(
    rows: Rows, n_readers: int, seconds: float, writes: bool
) -> tuple[float, float, int]:
    """Return searches a second, writes a second, and how many answers were wrong."""
    end = threading.Event()
    counts = {"searches": 0, "wrong": 0, "writes": 0}

    def search() -> None:
        n_searches = n_wrong = 0
        while not end.is_set():
            n_wrong += not rows.search()
            n_searches += 1
        with counting:
            counts["searches"] += n_searches
            counts["wrong"] += n_wrong

    def write() -> None:
        while not end.is_set():
            rows.write(counts["writes"])
            counts["writes"] += 1

    counting = threading.Lock()
    work: list[Callable[[], None]] = [search] * n_readers + [write] * writes
    threads = [threading.Thread(target=function) for function in work]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    end.set()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    return counts["searches"] / elapsed, counts["writes"] / elapsed, counts["wrong"]


def measure(
    kind: str, n_codes: int, n_readers: int, seconds: float, n_turns: int
) -> dict[str, Any]:
    """Let readers search in turns without and with a writer, for so many seconds in all.

    Returns
    -------
    dict
        ``ratio``: the spread of the readers' rate beside a writer divided by that without one.
        ``rates``, of searches of 16 queries: both. ``writes``: writes of 500 rows a second.
        ``wrong``: answers that were neither those before nor those after a write.
    """
    rows = Rows(kind, n_codes)
    rates: dict[str, list[float]] = {"alone": [], "beside a writer": []}
    write_rates, n_wrong = [], 0
    run_readers(rows, n_readers, seconds / n_turns / 4, True)
    for _ in range(n_turns):
        for writes, name in enumerate(rates):
            rate, write_rate, wrong = run_readers(
                rows, n_readers, seconds / n_turns / 2, bool(writes)
            )
            rates[name].append(rate)
            n_wrong += wrong
        write_rates.append(write_rate)
    return {
        "kind": kind,
        "ratio": quotient(rates, "beside a writer", "alone"),
        "rates": {name: spread(runs) for name, runs in rates.items()},
        "writes": spread(write_rates),
        "wrong": n_wrong,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=EXACT, default=["flat"])
    parser.add_argument("--codes", type=positive, default=100_000, metavar="N")
    parser.add_argument("--readers", type=positive, default=8, metavar="N")
    parser.add_argument("--seconds", type=positive, default=60, metavar="N", help="for each kind")
    add_turns(parser)
    arguments = parser.parse_args()
    columns = Columns(
        "kind", "searches/s", "beside a writer", "ratio (min-max)", "writes/s", "wrong"
    )
    results = []
    for kind in arguments.kinds:
        row = measure(kind, arguments.codes, arguments.readers, arguments.seconds, arguments.turns)
        ratio = row["ratio"]
        columns.row(
            kind,
            *(f"{rate['median']:,.0f}" for rate in row["rates"].values()),
            f"{ratio['median']:.2f} ({ratio['minimum']:.2f}-{ratio['maximum']:.2f})",
            f"{row['writes']['median']:,.0f}",
            row["wrong"],
        )
        results.append(row)
    print(f"written: {write_results('readers_and_writer', vars(arguments), results)}")
    if any(row["wrong"] for row in results):
        sys.exit("readers_and_writer: some answers were neither those before nor those after")


if __name__ == "__main__":
    main()
