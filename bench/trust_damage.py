"""What becomes of a file in which a byte has changed, or which was cut?"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm
from trust_cases import count_outcomes, outcome_of
from trust_subjects import LARGE, THIS_LIBRARY, Answers, Subject, of_each_kind

Row = dict[str, Any]


class Damage:
    """A file, its answers, and the ways to damage it."""

    def __init__(self, subject: Subject, path: Path, n_rows: int) -> None:
        self.subject, self.path = subject, path
        subject.save(path, n_rows)
        self.content = path.read_bytes()
        self.expected: Answers = subject.ask(subject.load(path))

    def flip(self, positions: list[int], masks: list[int], what: str, **options: Any) -> Row:
        """Change one byte a case."""

        def damaged(case: int) -> bytes:
            content = bytearray(self.content)
            content[positions[case]] ^= masks[case]
            return bytes(content)

        return self._try_all(what, len(positions), damaged, **options)

    def cut(self, what: str) -> Row:
        """Keep the first bytes only: none, one, two, ..."""
        return self._try_all(what, len(self.content), lambda case: self.content[:case])

    def _try_all(
        self, what: str, n_cases: int, damaged: Callable[[int], bytes], **options: Any
    ) -> Row:
        subject = replace(self.subject, load=functools.partial(self.subject.load, **options))

        def try_case(case: int) -> str:
            self.path.write_bytes(damaged(case))
            return outcome_of(subject, self.path, self.expected)

        name = f"{subject.library}, {subject.name}: {what}"
        counts = count_outcomes(n_cases, try_case, name)
        facts = {"library": subject.library, "name": subject.name, "what": what}
        return facts | {"bytes": len(self.content), "cases": n_cases} | counts


def damage_rows(subjects: list[Subject], folder: Path, quick: bool, n_random: int) -> Iterator[Row]:
    """Yield what came of every changed byte and cut of small files, and of some of large ones."""
    rng = np.random.default_rng(0)
    large_ones = of_each_kind(subjects)
    for subject in tqdm(subjects, desc="files", disable=None):
        path = folder / "damaged"
        small = Damage(subject, path, subject.small)
        positions = list(range(0, len(small.content), 997 if quick else 1))
        masks = rng.integers(1, 256, len(positions)).tolist()
        yield small.flip(positions, masks, "a byte changed")
        if subject.library == THIS_LIBRARY:
            yield small.flip(positions, masks, "a byte changed, mapped", mmap=True)
            unchecked = {"mmap": True, "verify": False}
            yield small.flip(positions, masks, "a byte changed, unverified", **unchecked)
        if quick:
            continue
        yield small.cut("cut")
        if subject not in large_ones:
            continue
        large = Damage(subject, path, LARGE)
        positions = rng.integers(0, len(large.content), n_random).tolist()
        masks = rng.integers(1, 256, n_random).tolist()
        yield large.flip(positions, masks, "a byte of a large file changed")
