"""How many instructions and cycles does a scan take for each code and query, and for what?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from common import Columns, positive, random_codes, write_results
from counters import Counters

import bitindex as bi

N_BITS = (128, 256, 512, 1024)
K = 10
BATCH = 128
FEW = 8  # queries that surely share a group
# Codes lie in a cache, so that cycles are those of the core: memory is a limit of its own.
MEGABYTES = 4


Search = Callable[[npt.NDArray[Any]], object]  # of queries


class Costs:
    """Counts searches over the same codes in one thread."""

    def __init__(self, counters: Counters, n_bits: int, n_runs: int) -> None:
        self.counters, self.n_bits, self.n_runs = counters, n_bits, n_runs
        self.n_codes = MEGABYTES * 8_000_000 // n_bits
        rng = np.random.default_rng(n_bits)
        (codes,) = random_codes(rng, self.n_codes, n_bits, chunk=self.n_codes)
        (self.codes,) = random_codes(rng, BATCH, n_bits)
        self.floats = rng.standard_normal((BATCH, n_bits), np.float32)
        self.flat = bi.FlatIndex(n_bits)
        self.flat.add(codes)
        binarizer = bi.SignBinarizer().fit(np.zeros((1, n_bits), np.float32))
        self.embeddings = bi.EmbeddingIndex(binarizer)
        for first in range(0, self.n_codes, 10_000):
            signs = np.where(bi.unpack(codes[first : first + 10_000], n_bits), 1, -1)
            self.embeddings.add(signs.astype(np.float32))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield what each method takes.

        Raises
        ------
        RuntimeError
            If a search for codes that equal a query finds some: it is the scan without selection.
        """
        if self.flat.range_search(self.codes, 0)[0][-1] != 0:
            raise RuntimeError("a random code equals a query")
        yield self.measure("rows", self.codes[:1], self._nearest, self._equal)
        yield self.measure("slices", self.codes, self._nearest, self._equal)
        yield self.measure("tables", self.floats[:1], self._nearest_of_floats, None)
        yield self.measure("tables", self.floats, self._nearest_of_floats, None)

    def _nearest(self, queries: npt.NDArray[Any]) -> object:
        return self.flat.search(queries, K, threads=1)

    def _equal(self, queries: npt.NDArray[Any]) -> object:
        return self.flat.range_search(queries, 0, threads=1)

    def _nearest_of_floats(self, queries: npt.NDArray[Any]) -> object:
        return self.embeddings.search(queries, K, threads=1)

    def measure(
        self, method: str, queries: npt.NDArray[Any], search: Search, scan_alone: Search | None
    ) -> dict[str, Any]:
        """Return what a code and query takes, and how much of that is selection and sharing.

        Selection is what a search takes beyond one that finds nothing. Shared work, which is to
        transpose codes for a group of queries, is what many queries take beyond their number times
        what one more of them takes; the same few are repeated, because queries differ.
        """
        pairs = len(queries) * self.n_codes
        instructions, cycles = self._fewest(search, queries)
        row = {"method": method, "n_bits": self.n_bits, "n_queries": len(queries)}
        row |= {"instructions": instructions / pairs, "cycles": cycles / pairs}
        scan = scan_alone or search
        if scan_alone is not None:
            row["selection"] = (instructions - self._fewest(scan, queries)[0]) / pairs
        if len(queries) > 2:
            few, twice, many = (
                self._fewest(scan, np.tile(queries[:FEW], (n // FEW, 1)))[0]
                for n in (FEW, 2 * FEW, BATCH)
            )
            row["shared"] = (many - (twice - few) / FEW * BATCH) / pairs
        return row

    def _fewest(self, search: Search, queries: npt.NDArray[Any]) -> tuple[int, int]:
        return self.counters.fewest(lambda: search(queries), self.n_runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bits", type=positive, nargs="+", default=N_BITS, metavar="N")
    parser.add_argument("--runs", type=positive, default=7, metavar="N")
    arguments = parser.parse_args()
    if any(n_bits % 8 or n_bits < 64 for n_bits in arguments.bits):
        parser.error("widths must be multiples of 8, at least 64")
    try:
        counters = Counters()
        counters.count(lambda: None)
    except OSError as error:
        print(f"roofline: skipped, no counters: {error.strerror}")
        return

    print("one thread, for each code and query: instructions, selection and shared work, cycles")
    columns = Columns(
        *("method", " bits", "queries", "instructions", "selection", "  shared", "cycles")
    )
    results = []
    for n_bits in arguments.bits:
        for row in Costs(counters, n_bits, arguments.runs).rows():
            columns.row(
                *(row["method"], n_bits, row["n_queries"]),
                *(
                    f"{row[figure]:.2f}" if figure in row else ""
                    for figure in ("instructions", "selection", "shared", "cycles")
                ),
            )
            results.append(row)
    arguments_used = vars(arguments) | {"k": K, "megabytes": MEGABYTES}
    print(f"written: {write_results('roofline', arguments_used, results)}")


if __name__ == "__main__":
    main()
