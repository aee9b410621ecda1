"""Fingerprints: read from a file or drawn, multiplied, handed to peers, and compared with them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
from common import add_turns, positive

N_BITS = 2048
N_DRAWN = 40_000

Packed = npt.NDArray[np.uint8]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how many fingerprints there shall be, where they come from, and the turns."""
    parser.add_argument("--codes", type=positive, default=1_000_000, metavar="N")
    parser.add_argument(
        "--fingerprints",
        type=Path,
        metavar="FILE.npy",
        help="packed rows of 2,048 bits to use instead of drawn ones",
    )
    add_turns(parser)


def rows_and_queries(arguments: argparse.Namespace, n_queries: int) -> tuple[Packed, Packed, int]:
    """Return the fingerprints that are asked for, some as queries, and how many they come from."""
    rng = np.random.default_rng(0)
    if arguments.fingerprints is None:
        base = draw_fingerprints(rng, min(N_DRAWN, arguments.codes))
    else:
        base = read_fingerprints(arguments.fingerprints)
    rows = multiply(rng, base, arguments.codes)
    return rows, rows[rng.permutation(len(rows))[:n_queries]], len(base)


def check_close(
    benchmark: str, what: str, ours: Sequence[npt.ArrayLike], theirs: Sequence[npt.ArrayLike]
) -> None:
    """Stop unless a peer found as much, equal up to the rounding of 32-bit floats."""
    for mine, other in zip(map(np.asarray, ours), map(np.asarray, theirs), strict=True):
        if len(mine) != len(other) or not np.allclose(mine, other, rtol=0, atol=2e-7):
            raise SystemExit(f"{benchmark}: different results: {what}")


def read_fingerprints(path: Path) -> Packed:
    """Read packed rows of 2,048 bits from a .npy file.

    Raises
    ------
    ValueError
        If the file holds something else.
    """
    rows = np.load(path)
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != N_BITS // 8:
        raise ValueError(
            f"fingerprints must be uint8 of shape (n, {N_BITS // 8}), "
            f"got {rows.dtype} of shape {rows.shape}"
        )
    return np.ascontiguousarray(rows)


def draw_fingerprints(rng: np.random.Generator, n: int) -> Packed:
    """Draw rows that resemble Morgan fingerprints of radius 2 of drug-like molecules.

    Bits of 41,906 such molecules: the r-th most frequent bit is set in about 2.9 / (r + 5)^0.85 of
    them (92 %, 38 % at r = 10, 5.8 % at 100, 0.8 % at 1,000), a row has 39 bits (13 standard
    deviation, 3 to 154), near a log-normal distribution. Here each row has a size from that
    distribution, which scales those frequencies; its bits are independent.
    """
    frequencies = 2.9 / (np.arange(N_BITS) + 5.0) ** 0.85
    frequencies = rng.permutation(frequencies / frequencies.sum() * 39).astype(np.float32)
    rows = np.empty((n, N_BITS // 8), np.uint8)
    for first in range(0, n, 10_000):
        here = rows[first : first + 10_000]
        sizes = rng.lognormal(-0.06, 0.34, (len(here), 1)).astype(np.float32)
        chances = np.minimum(frequencies * sizes, np.float32(0.95))
        here[:] = np.packbits(rng.random(chances.shape, np.float32) < chances, axis=1)
    return rows


def multiply(rng: np.random.Generator, rows: Packed, n: int) -> Packed:
    """Return n rows: the given ones, then copies that have relatives, as libraries of compounds do.

    A copy takes each bit, with a chance of 1/8, from another row: numbers of bits and frequencies
    stay as they are, and some ten bits differ.
    """
    copies = [rows[:n]]
    for first in range(len(rows), n, len(rows)):
        here = rows[: n - first]
        others = rows[rng.integers(0, len(rows), len(here))]
        masks = rng.integers(0, 256, (3, *here.shape), dtype=np.uint8)
        mask = masks[0] & masks[1] & masks[2]
        copies.append(here & ~mask | others & mask)
    return np.concatenate(copies)


def fpsim2_engine(fpsim2: Any, rows: Packed, counts: npt.NDArray[np.integer]) -> Any:
    """Return an FPSim2Engine that holds rows in memory, sorted by their number of bits.

    Its loaders make fingerprints from molecules or read them from a file; the rows here go into the
    place of what it has read: id, words and number of bits, in 64-bit integers.
    """
    storage = SimpleNamespace()
    storage.fps = np.empty((len(rows), N_BITS // 64 + 2), np.uint64)
    storage.fps[:, 0] = np.arange(len(rows))
    storage.fps[:, 1:-1] = rows.view(">u8")
    storage.fps[:, -1] = counts
    storage.fps = storage.fps[np.argsort(counts, kind="stable")]
    values, firsts = np.unique(storage.fps[:, -1], return_index=True)
    lasts = [*firsts[1:], len(rows)]
    storage.popcnt_bins = [
        (int(value), (int(first), int(last)))
        for value, first, last in zip(values, firsts, lasts, strict=True)
    ]
    engine = fpsim2.FPSim2Engine.__new__(fpsim2.FPSim2Engine)
    engine.storage, engine.in_memory_fps = storage, True
    engine.empty_sim = np.ndarray((0,), dtype=[("mol_id", "<u4"), ("coeff", "<f4")])
    return engine


def rdkit_fingerprints(data_structs: Any, rows: Packed) -> list[Any]:
    """Return rows as RDKit's bit vectors."""
    found = []
    for row in np.unpackbits(rows, axis=1):
        bits = data_structs.ExplicitBitVect(N_BITS)
        bits.SetBitsFromList(np.flatnonzero(row).tolist())
        found.append(bits)
    return found
