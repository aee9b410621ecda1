"""What takes part in end_to_end.py: indexes of embeddings, ours and those of others.

All search for the rows of the largest cosine, with one thread; rows and queries have length 1.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from common import peer
from end_to_end_front import OURS
from quality_sets import Floats, Ids, K

import bitindex as bi

faiss: Any = peer("faiss", "faiss-cpu")
usearch: Any = peer("usearch.index", "usearch")

# Of all graphs: links of a row, twice as many in the lowest layer, and candidates of a build.
M, EF_CONSTRUCTION = 16, 128
WIDTHS = (16, 32, 48, 64, 128, 256)
PROBES = (4, 8, 16, 32, 64, 128)
OVERSAMPLES = (1, 2, 3, 4, 6, 8, 16)
FEW_OVERSAMPLES = (2, 4, 8)  # where there is another effort beside

Setting = dict[str, int]


@dataclass(frozen=True)
class Contestant:
    """An index with the rows in it, and how far it can be told to look.

    Attributes
    ----------
    owner, name : str
        Who made it, and what it is.
    search : callable
        From queries, and the numbers of a setting by name, to K row numbers a query.
    settings : sequence of dict
        What to try.
    bytes : float
        A vector: those of its file, divided by the rows, so all that it needs to search again.
    seconds : float
        CPU time to learn from the rows and to take them in.
    """

    owner: str
    name: str
    search: Callable[..., Ids]
    settings: Sequence[Setting]
    bytes: float
    seconds: float


def contestants(rows: Floats) -> Iterator[Contestant]:
    """Build all, one by one; those of packages that are not installed are left out."""
    yield from ours(rows)
    if faiss is not None:
        yield from of_faiss(rows)
    if usearch is not None:
        for dtype in ("f16", "i8"):
            yield of_usearch(rows, dtype)


def ours(rows: Floats) -> Iterator[Contestant]:
    """Build kinds of index over codes of some sizes, with vectors to score again or without."""
    d = rows.shape[1]
    small, large = f"additive, {d // 2} bits", f"additive, {d} bits"
    binarizers = {
        "rotation, 4 bits a dimension": bi.RotationBinarizer(4),
        "sign": bi.SignBinarizer(),
        small: bi.AdditiveBinarizer(n_bits=d // 2),
        large: bi.AdditiveBinarizer(n_bits=d),
    }
    seconds = {
        name: cpu_seconds(lambda b=binarizer: b.fit(rows)) for name, binarizer in binarizers.items()
    }
    for name, rescore, kinds in (
        ("rotation, 4 bits a dimension", None, ("flat", "ivf", "hnsw")),
        ("sign", "int8", ("flat", "ivf", "hnsw")),
        (small, "int8", ("flat", "ivf", "hnsw")),
        (large, "int8", ("flat", "ivf")),
        (large, "float16", ("flat",)),
    ):
        for kind in kinds:
            options = {"m": M, "ef_construction": EF_CONSTRUCTION} if kind == "hnsw" else {}
            index = bi.EmbeddingIndex(binarizers[name], kind, rescore=rescore, **options)
            full_name = f"{kind}, {name}" + (f", {rescore}" if rescore else "")
            yield _ours(rows, full_name, index, seconds[name])


def _ours(rows: Floats, name: str, index: bi.EmbeddingIndex, seconds: float) -> Contestant:
    seconds += cpu_seconds(lambda: index.add(rows, progress=False))

    def search(queries: Floats, oversample: int = 1, effort: int | None = None) -> Ids:
        return index.search(queries, K, oversample, threads=1, effort=effort)[1]

    efforts = {"flat": (None,), "ivf": PROBES, "hnsw": WIDTHS}[index.kind]
    oversamples: Sequence[int | None] = OVERSAMPLES if index.kind == "flat" else FEW_OVERSAMPLES
    settings = _settings(effort=efforts, oversample=oversamples if index.rescore else (None,))
    n_bytes = _file_bytes(index.save)
    return Contestant(OURS, name, search, settings, n_bytes / len(rows), seconds)


def of_faiss(rows: Floats) -> Iterator[Contestant]:
    """Build the exact index, a graph of floats, and product quantizers in lists."""
    d = rows.shape[1]
    n_lists = round(2 * len(rows) ** 0.5)  # as many as ours
    yield _of_faiss(rows, "Flat", _settings())
    yield _of_faiss(rows, f"HNSW{M}", _settings(ef=WIDTHS))
    for n_parts, refine in (
        (d // 2, ""),
        (d // 2, "Refine(SQ8)"),
        (d // 4, "Refine(SQ8)"),
        (d // 4, "Refine(SQfp16)"),
        (d // 4, "RFlat"),
    ):
        recipe = f"IVF{n_lists},PQ{n_parts}x4fs" + (f",{refine}" if refine else "")
        if d % n_parts == 0:
            oversamples = FEW_OVERSAMPLES if refine else (None,)
            yield _of_faiss(rows, recipe, _settings(nprobe=PROBES, oversample=oversamples))


def _of_faiss(rows: Floats, recipe: str, settings: Sequence[Setting]) -> Contestant:
    index = faiss.index_factory(rows.shape[1], recipe, faiss.METRIC_INNER_PRODUCT)
    if recipe.startswith("HNSW"):
        index.hnsw.efConstruction = EF_CONSTRUCTION

    def build() -> None:
        index.train(rows)
        index.add(rows)

    def search(queries: Floats, nprobe: int = 0, oversample: int = 0, ef: int = 0) -> Ids:
        if nprobe:
            faiss.extract_index_ivf(index).nprobe = nprobe
        if oversample:
            index.k_factor = oversample
        if ef:
            index.hnsw.efSearch = ef
        ids: Ids = index.search(queries, K)[1]
        return ids

    seconds = cpu_seconds(build)
    n_bytes = _file_bytes(lambda path: faiss.write_index(index, str(path)))
    return Contestant("faiss", recipe, search, settings, n_bytes / len(rows), seconds)


def of_usearch(rows: Floats, dtype: str) -> Contestant:
    index = usearch.Index(
        ndim=rows.shape[1],
        dtype=dtype,
        metric="cos",
        connectivity=M,
        expansion_add=EF_CONSTRUCTION,
    )
    numbers = np.arange(len(rows))
    seconds = cpu_seconds(lambda: index.add(numbers, rows, threads=1))

    def search(queries: Floats, ef: int) -> Ids:
        index.expansion_search = ef
        return index.search(queries, K, threads=1).keys.astype(np.int64)

    n_bytes = _file_bytes(lambda path: index.save(str(path)))
    return Contestant(
        "usearch", f"HNSW, {dtype}", search, _settings(ef=WIDTHS), n_bytes / len(rows), seconds
    )


def _settings(**choices: Sequence[int | None]) -> list[Setting]:
    """Return all combinations; what is None is left out of a setting."""
    return [
        {name: n for name, n in zip(choices, numbers, strict=True) if n is not None}
        for numbers in product(*choices.values())
    ]


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the CPU time of one call in all threads."""
    start = time.process_time()
    call()
    return time.process_time() - start


def _file_bytes(save: Callable[[Path], object]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        save(path)
        return path.stat().st_size
