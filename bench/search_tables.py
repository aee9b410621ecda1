"""How fast are scans of float queries and of 2-bit codes, beside faiss FastScan at equal bytes?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from common import (
    Columns,
    Contestant,
    add_searches,
    peer,
    quotient,
    rates_in_turns,
    ratio_text,
    spread,
    versions,
    write_results,
)

import bitindex as bi
from bitindex import _core

N_BITS = (256, 512, 1024)
K = 10
CHUNK = 25_000
N_TRAINING = 5_000
N_CHECKED = 4  # queries compared with NumPy, over the first chunk of rows
NOISE = 2.0  # a query is a row and so many times as much noise: what is nearest is known
SDC = "sdc2"

faiss = peer("faiss", "faiss-cpu")

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


class Contest:
    """The same rows in every index: n_bits numbers of 1 bit, or n_bits / 2 numbers of 2 bits.

    Rows are drawn again wherever they are needed, in chunks: half a million of 1,024 floats would
    take 2 GB. faiss is trained on few of them; how well it is trained does not change its time.
    """

    def __init__(self, n_bits: int, n_codes: int, n_queries: int) -> None:
        self.n_bits, self.n_codes = n_bits, n_codes
        rng = np.random.default_rng(n_bits)
        self.first = next(self.chunks())
        n_queries = min(n_queries, len(self.first))
        self.queries = self.first[:n_queries] + NOISE * rng.standard_normal(
            (n_queries, n_bits), np.float32
        )
        self.signs = bi.EmbeddingIndex(bi.SignBinarizer().fit(self.first))
        # Any bits do for 2-bit codes; queries differ from their rows in one bit of sixteen.
        self.sdc = bi.FlatIndex(n_bits, metric=SDC) if SDC in _core.metric_names() else None
        masks = rng.integers(0, 256, (4, n_queries, n_bits // 8), dtype=np.uint8)
        self.sdc_queries = self.sdc_rows(self.first[:n_queries]) ^ np.bitwise_and.reduce(masks)
        self.peers: dict[str, Any] = {}
        if faiss is not None:
            self.peers["PQ"] = faiss.IndexPQFastScan(n_bits, n_bits // 4, 4)
            self.peers["RaBitQ"] = faiss.IndexRaBitQFastScan(n_bits)
            for index in self.peers.values():
                index.train(self.first[:N_TRAINING])
        for rows in self.chunks():
            self.signs.add(rows)
            if self.sdc is not None:
                self.sdc.add(self.sdc_rows(rows))
            for index in self.peers.values():
                index.add(rows)

    def chunks(self) -> Iterator[Floats]:
        rng = np.random.default_rng(self.n_bits + 1)
        for first in range(0, self.n_codes, CHUNK):
            yield rng.standard_normal((min(CHUNK, self.n_codes - first), self.n_bits), np.float32)

    @staticmethod
    def sdc_rows(rows: Floats) -> Bytes:
        return np.packbits(rows > 0, axis=1)

    def searches(self) -> dict[str, Callable[[], Any]]:
        """Return what finds ids for all queries with one thread, by name."""
        searches: dict[str, Callable[[], Any]] = {
            "float query": lambda: self.signs.search(self.queries, K, threads=1)[1]
        }
        sdc = self.sdc
        if sdc is not None:
            searches[SDC] = lambda: sdc.search(self.sdc_queries, K, threads=1)[1]
        for name, index in self.peers.items():
            searches[f"faiss {name}"] = partial(self._by_faiss, index)
        return searches

    def _by_faiss(self, index: Any) -> Any:
        return index.search(self.queries, K)[1]

    def check(self) -> None:
        """Compare ours with NumPy: exactly for 2-bit codes, up to 8-bit tables for float queries.

        The quantizers differ, so peers cannot find the same; `recall` tells that they work.
        """
        allowed, few = range(len(self.first)), slice(N_CHECKED)
        queries = self.queries[few] / np.linalg.norm(self.queries[few], axis=1, keepdims=True)
        signs = np.where(self.first > 0, 1, -1).astype(np.float32) / np.sqrt(self.n_bits)
        expected = queries @ signs.T
        scores, ids = self.signs.search(self.queries[few], K, filter=allowed, threads=1)
        best = -np.sort(-expected, axis=1)[:, :K]
        if not (
            np.allclose(scores, np.take_along_axis(expected, ids, axis=1), atol=0.01)
            and np.allclose(scores, best, atol=0.01)
        ):
            raise SystemExit(f"search_tables: wrong scores at {self.n_bits} bits")
        if self.sdc is None:
            return
        distances, _ = self.sdc.search(self.sdc_queries[few], K, filter=allowed, threads=1)
        cosines = sdc_levels(self.sdc_queries[few]) @ sdc_levels(self.sdc_rows(self.first)).T
        if not np.allclose(distances, np.sort(1 - cosines, axis=1)[:, :K], atol=1e-6):
            raise SystemExit(f"search_tables: wrong {SDC} distances at {self.n_bits} bits")

    def bytes_held(self) -> dict[str, int]:
        """Return the bytes a row, as each index says."""
        held = {"float query": self.signs.bytes_per_vector}
        if self.sdc is not None:
            held[SDC] = sum(int(column.shape[1]) for column in self.sdc._core.columns())
        return held | {f"faiss {name}": index.code_size for name, index in self.peers.items()}


def sdc_levels(codes: Bytes) -> npt.NDArray[np.float64]:
    """Return codes of two bits a dimension as vectors of length 1 with the levels -3, -1, 1, 3."""
    bits = np.unpackbits(codes, axis=1).astype(np.float64)
    levels: npt.NDArray[np.float64] = 4 * bits[:, ::2] + 2 * bits[:, 1::2] - 3
    levels /= np.linalg.norm(levels, axis=1, keepdims=True)
    return levels


def measure(contest: Contest, n_turns: int) -> dict[str, Any]:
    """Check, then time; rates are queries a second."""
    contest.check()
    faiss.omp_set_num_threads(1)
    searches, n_queries = contest.searches(), len(contest.queries)
    own = np.arange(n_queries)[:, np.newaxis]
    recall = {
        name: float((search() == own).any(axis=1).mean()) for name, search in searches.items()
    }
    contestants: dict[str, Contestant] = {
        name: (search, n_queries) for name, search in searches.items()
    }
    rates = rates_in_turns(contestants, n_turns)
    ours = [name for name in rates if not name.startswith("faiss")]
    return {
        "n_bits": contest.n_bits,
        "bytes": contest.bytes_held(),
        "recall": recall,
        "rates": {name: spread(runs) for name, runs in rates.items()},
        "ratios": {
            name: {other: quotient(rates, name, other) for other in rates if other not in ours}
            for name in ours
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_searches(parser, N_BITS)
    arguments = parser.parse_args()
    if any(n_bits % 8 for n_bits in arguments.bits):
        parser.error("widths must be multiples of 8")
    if faiss is None:
        print("search_tables: skipped, it needs a peer")
        return

    print("queries a second on one thread, times faiss, and how often the row of a query is found")
    columns = Columns(
        *(" bits", "       codes", "bytes", "queries/s", "recall"),
        *(f"{f'times {name} FastScan':>24}" for name in ("PQ", "RaBitQ")),
    )
    results = []
    for n_bits in arguments.bits:
        row = measure(Contest(n_bits, arguments.codes, arguments.queries), arguments.turns)
        for name, rate in row["rates"].items():
            ratios = row["ratios"].get(name, {})
            columns.row(
                *(n_bits, name, row["bytes"][name], f"{rate['median']:,.0f}"),
                f"{row['recall'][name]:.2f}",
                *(
                    ratio_text(ratios[other], 2) if other in ratios else ""
                    for other in ("faiss PQ", "faiss RaBitQ")
                ),
            )
        results.append(row)
    if SDC not in _core.metric_names():
        print(f"without {SDC}: this bitindex has no such metric")
    path = write_results(
        "search_tables", vars(arguments) | {"k": K}, results, **versions("faiss-cpu")
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
