"""What becomes of a file in which a byte has changed, or which was cut?"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm
from trust_cases import count_outcomes, outcome_of
from trust_subjects import LARGE, THIS_LIBRARY, Answers, Subject, of_each_kind

Row = dict[str, Any]

# Of larger files not every byte is tried, but one in so many; to map a file is tried less often.
MOST_TRIED = 10_000
STEP = 17
QUICK_STEP = 997


class Damage:
    """A file, its answers, and the ways to damage it."""

    def __init__(self, subject: Subject, path: Path, n_rows: int) -> None:
        self.subject, self.path = subject, path
        subject.save(path, n_rows)
        self.content = path.read_bytes()
        self.expected: Answers = subject.ask(subject.load(path))

    def flip(self, positions: Sequence[int], masks: list[int], what: str, **options: Any) -> Row:
        """Change one byte a case; there is a mask for each byte of the file."""

        def damaged(position: int) -> bytes:
            content = bytearray(self.content)
            content[position] ^= masks[position]
            return bytes(content)

        return self._try_all(what, positions, damaged, **options)

    def cut(self, lengths: Sequence[int], what: str) -> Row:
        """Keep so many bytes only."""
        return self._try_all(what, lengths, lambda length: self.content[:length])

    def _try_all(
        self, what: str, cases: Sequence[int], damaged: Callable[[int], bytes], **options: Any
    ) -> Row:
        subject = replace(self.subject, load=functools.partial(self.subject.load, **options))

        def try_case(case: int) -> str:
            self.path.write_bytes(damaged(cases[case]))
            return outcome_of(subject, self.path, self.expected)

        name = f"{subject.library}, {subject.name}: {what}"
        counts = count_outcomes(len(cases), try_case, name)
        facts = {"library": subject.library, "name": subject.name, "what": what}
        return facts | {"bytes": len(self.content), "cases": len(cases)} | counts


def damage_rows(subjects: list[Subject], folder: Path, quick: bool, n_random: int) -> Iterator[Row]:
    """Yield what came of every changed byte and cut of small files, and of some of large ones."""
    rng = np.random.default_rng(0)
    large_ones = of_each_kind(subjects)
    for subject in tqdm(subjects, desc="files", disable=None):
        path = folder / "damaged"
        small = Damage(subject, path, subject.small)
        n_bytes = len(small.content)
        step = QUICK_STEP if quick else 1 if n_bytes <= MOST_TRIED else STEP
        masks = rng.integers(1, 256, n_bytes).tolist()
        all_bytes, some_bytes = range(0, n_bytes, step), range(0, n_bytes, 3 * step)
        yield small.flip(all_bytes, masks, "a byte changed")
        if subject.library == THIS_LIBRARY:
            yield small.flip(some_bytes, masks, "a byte changed, mapped", mmap=True)
            unchecked = {"mmap": True, "verify": False}
            yield small.flip(some_bytes, masks, "a byte changed, unverified", **unchecked)
        if quick:
            continue
        yield small.cut(all_bytes, "cut")
        if subject in large_ones:
            large = Damage(subject, path, LARGE)
            positions = rng.integers(0, len(large.content), n_random).tolist()
            masks = rng.integers(1, 256, len(large.content)).tolist()
            yield large.flip(positions, masks, "a byte of a large file changed")
