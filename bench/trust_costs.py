"""What do the checks of a file cost: time, and memory beside the file?"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from common import random_codes, seconds_in_turns, spread
from trust_cases import in_child

import bitindex as bi
from bitindex.index import INDEX_KINDS
from bitindex.storage import reader_v1

N_BITS = 256
OPTIONS: dict[str, dict[str, Any]] = {
    "ivf": {"nprobe": 8},
    "hnsw": {"m": 16, "ef_construction": 16},
}


class NoChecksum:
    """A checksum that costs nothing and says nothing."""

    def update(self, data: object) -> None: ...

    def hexdigest(self) -> str:
        return ""


def load_times(path: Path, n_bytes: int, n_turns: int) -> dict[str, Any]:
    """Time the ways to load a file of random codes that lies in the memory of the system."""
    _save_random_codes(path, n_bytes)

    def without_checksums() -> None:
        with (
            patch.object(reader_v1, "new_checksum", NoChecksum),
            patch.object(reader_v1, "_check_content", lambda *_: None),
        ):
            bi.load(path)

    contestants: dict[str, Callable[[], object]] = {
        "read": lambda: bi.load(path),
        "mapped": lambda: bi.load(path, mmap=True),
        "mapped, verify=False": lambda: bi.load(path, mmap=True, verify=False),
    }
    seconds = seconds_in_turns(contestants, n_turns)
    # Of the processor's time, which other programs of the machine do not lengthen.
    turns = [
        (_cpu_seconds(contestants["read"]), _cpu_seconds(without_checksums))
        for _ in seconds["read"]
    ]
    return {
        "bytes": path.stat().st_size,
        "seconds": {name: spread(runs) for name, runs in seconds.items()},
        "share": spread([1 - without / read for read, without in turns]),
    }


def memory_rows(folder: Path, n_rows: int) -> Iterator[dict[str, Any]]:
    """Yield how much memory it takes to load a file of each kind; ids in order, and shuffled.

    Each in a process of its own: one that has freed memory before would load into that.
    """
    for kind in INDEX_KINDS:
        for shuffled in (False, True):
            paths = [folder / "empty.bitx", folder / "large.bitx"]
            n_bytes = in_child(lambda k=kind, s=shuffled, p=paths: _save_kind(k, s, n_rows, *p))
            command = [sys.executable, __file__, *map(str, paths)]
            answer = subprocess.run(command, check=True, capture_output=True)
            yield {
                "kind": kind,
                "shuffled": shuffled,
                "bytes": n_bytes,
                "peak": int(answer.stdout),
            }


def _save_kind(kind: str, shuffled: bool, n_rows: int, empty: Path, large: Path) -> int:
    """Save an index without rows and one with them, and return the size of that file."""
    rng = np.random.default_rng(0)
    index = INDEX_KINDS[kind](N_BITS, **OPTIONS.get(kind, {}))
    index.save(empty)
    (codes,) = random_codes(rng, n_rows, N_BITS, chunk=n_rows)
    index.add(codes, rng.permutation(n_rows) if shuffled else None)
    index.save(large)
    return large.stat().st_size


def _save_random_codes(path: Path, n_bytes: int) -> None:
    index = bi.FlatIndex(N_BITS)
    n_codes = n_bytes // (N_BITS // 8)
    for codes in random_codes(np.random.default_rng(0), n_codes, N_BITS):
        index.add(codes)
    index.save(path)


def _cpu_seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _peak_of(call: Callable[[], object]) -> int:
    """Return how many bytes the memory of this process grows by at most."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
    before = _high_water()
    call()
    return _high_water() - before


def _high_water() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    empty, large = sys.argv[1:]
    bi.load(empty)  # imports what loading needs
    print(_peak_of(lambda: bi.load(large)))
