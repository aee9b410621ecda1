"""What is left when the disk fills during a save?"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from trust_calls import FailingCalls, rows_of_program
from trust_cases import count_outcomes, outcome_of
from trust_subjects import Subject

import bitindex as bi

# Numbers of rows that make the old file, and the new one.
OLD_ROWS, NEW_ROWS = 500, 5_000


def call_rows(folder: Path) -> list[dict[str, Any]]:
    """Let each call of a save fail in turn."""
    return rows_of_program(__file__, folder)


def fail_calls(folder: Path) -> list[dict[str, Any]]:
    """Return what came of each call that failed."""
    calls = FailingCalls()
    path = folder / "full.bitx"
    rng = np.random.default_rng(0)
    index = bi.FlatIndex(256, "jaccard")
    index.add(rng.integers(0, 256, (400_000, 32), dtype=np.uint8), rng.permutation(400_000))
    index.save(path)
    before = path.read_bytes()
    index.add(rng.integers(0, 256, (1, 32), dtype=np.uint8))
    index.save(folder / "after.bitx")
    after = (folder / "after.bitx").read_bytes()
    outcomes: Counter[tuple[str, str]] = Counter()
    for number in count(1):
        name, error = calls.fail(number, 1, lambda: index.save(path))
        if not name:
            break
        files = {before: "old file whole", after: "new file whole"}
        outcome = f"{error or 'no error'}, {files.get(path.read_bytes(), 'file damaged')}"
        if list(folder.glob(".bitindex-*.tmp")):
            outcome += ", temporary file left"
        outcomes[name, outcome] += 1
        path.write_bytes(before)
    return [{"call": c, "outcome": outcome, "n": n} for (c, outcome), n in outcomes.items()]


def full_disk_row(subject: Subject, path: Path, n_sizes: int) -> dict[str, Any]:
    """Let a file grow to some sizes only: does a save say so, and is the old file still there?

    Counted are, as "refused", an error and the old file whole; as "harmless", no error and the old
    file whole; as "wrong", an old file that is lost.
    """
    subject.save(path, NEW_ROWS)
    largest = path.stat().st_size
    subject.save(path, OLD_ROWS)
    old, expected = path.read_bytes(), subject.ask(subject.load(path))

    def try_size(case: int) -> str:
        path.write_bytes(old)
        error = _save_within(largest * (case + 1) // (n_sizes + 1), subject, path)
        if outcome_of(subject, path, expected) != "harmless":
            return "wrong"
        return "refused" if error else "harmless"

    counts = count_outcomes(n_sizes, try_size, f"{subject.library}, {subject.name}: full disk")
    return {"library": subject.library, "name": subject.name, "cases": n_sizes} | counts


def _save_within(n_bytes: int, subject: Subject, path: Path) -> Exception | None:
    """Save a larger index while no file may have more bytes, and return the error."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        subject.save(path, NEW_ROWS)
    except Exception as error:
        return error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    return None


if __name__ == "__main__":
    print(json.dumps(fail_calls(Path(sys.argv[1]))))
