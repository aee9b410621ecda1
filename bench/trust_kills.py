"""What is left when a process is killed while it saves?"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm
from trust_subjects import random_codes

import bitindex as bi

N_ROWS = (30_000, 45_000)
LONGEST_SECONDS = 0.05


def kill_row(folder: Path, n_kills: int) -> dict[str, Any]:
    """Kill a process that saves two states in turns, at random moments, and look at the file."""
    rng = np.random.default_rng(0)
    path = folder / "killed.bitx"
    states = []
    for n_rows in N_ROWS:
        index = bi.FlatIndex(64)
        index.add(random_codes(n_rows), rng.permutation(n_rows))
        states.append(index)
    states[0].save(path)
    row = {"kills": n_kills, "during a save": 0, "old state": 0, "new state": 0, "damaged": 0}
    bar = tqdm(range(n_kills), desc="kill -9 during save", leave=False, disable=None)
    for _ in bar:
        child = os.fork()
        if child == 0:
            _save_for_ever(states, path)
        time.sleep(rng.uniform(0, LONGEST_SECONDS))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        row["during a save"] += bool(_temporaries(folder))
        row[_state_of(path, states)] += 1
    states[0].save(path)
    return row | {"temporary files after the next save": len(_temporaries(folder))}


def _save_for_ever(states: list[bi.FlatIndex], path: Path) -> None:
    while True:
        for state in (states[1], states[0]):
            state.save(path)


def _state_of(path: Path, states: list[bi.FlatIndex]) -> str:
    try:
        loaded = bi.load(path)
    except (OSError, ValueError):
        return "damaged"
    for name, state in zip(("old state", "new state"), states, strict=True):
        ids = state.ids
        if np.array_equal(loaded.ids, ids) and np.array_equal(loaded.get(ids), state.get(ids)):
            return name
    return "damaged"


def _temporaries(folder: Path) -> list[Path]:
    return list(folder.glob(".bitindex-*.tmp"))
