"""The compiled core: stateful classes, and what binarizers compute.

Private; the package around it checks what users pass.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

_Bytes = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float32]
_Ids = npt.NDArray[np.int64]
_Filter = npt.NDArray[np.bool_] | _Ids | tuple[int, int, int] | None

class LockGuard:
    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...

class IndexLock:
    """Many readers or one writer; a forked child finds it open."""

    def __init__(self) -> None: ...
    def reading(self) -> LockGuard: ...
    def writing(self) -> LockGuard: ...

class Index:
    def __init__(
        self,
        n_bits: int,
        metric: str = "hamming",
        big_endian: bool = True,
        *,
        has_scales: bool = False,
        has_offsets: bool = False,
        vector_type: int = 0,
        n_dims: int = 0,
        **options: Any,
    ) -> None: ...
    @property
    def isa(self) -> str: ...
    def __len__(self) -> int: ...
    def __contains__(self, id: int) -> bool: ...
    def contains_each(self, ids: _Ids) -> npt.NDArray[np.bool_]: ...
    def memory_bytes(self) -> int: ...
    def structure_memory_bytes(self) -> int: ...
    def next_id(self) -> int: ...
    def ids(self) -> _Ids: ...
    def get(self, ids: _Ids) -> _Bytes: ...
    def add(
        self,
        codes: _Bytes,
        ids: _Ids | None,
        scales: _Floats | None = None,
        offsets: _Floats | None = None,
        vectors: _Bytes | None = None,
        lists: npt.NDArray[np.uint32] | None = None,
    ) -> None: ...
    def update(
        self,
        ids: _Ids,
        codes: _Bytes,
        scales: _Floats | None = None,
        offsets: _Floats | None = None,
        vectors: _Bytes | None = None,
        lists: npt.NDArray[np.uint32] | None = None,
    ) -> None: ...
    def take(
        self,
        others: list[Index],
        ids: _Ids,
        codes: _Bytes,
        scales: _Floats | None = None,
        offsets: _Floats | None = None,
        vectors: _Bytes | None = None,
        lists: npt.NDArray[np.uint32] | None = None,
    ) -> None: ...
    def remove(self, ids: _Ids, others: list[Index] = ...) -> int: ...
    def search(
        self, queries: _Bytes, k: int, filter: _Filter, threads: int, effort: int = 0
    ) -> tuple[npt.NDArray[np.int32] | _Floats, _Ids]: ...
    def range_search(
        self, queries: _Bytes, radius: float, filter: _Filter, threads: int, effort: int = 0
    ) -> tuple[_Ids, _Floats, _Ids]: ...
    def search_estimates(
        self,
        *,
        weights: _Floats | None,
        signs: _Bytes | None,
        magnitudes: _Floats | None,
        constants: _Floats | None = None,
        k: int,
        n_candidates: int | None,
        vector_queries: _Floats | None,
        squared_l2: bool,
        filter: _Filter,
        threads: int,
        effort: int = 0,
        list_similarities: _Floats | None = None,
        list_factors: _Floats | None = None,
    ) -> tuple[_Floats, _Ids, npt.NDArray[np.int64]]: ...
    def compact(self) -> None: ...
    def columns(self) -> list[_Bytes]: ...
    def restore(
        self, n: int, ids: _Ids | None, next_id: int, columns: list[_Bytes | None]
    ) -> None: ...
    def structure(self) -> dict[str, npt.NDArray[Any]]: ...
    def restore_structure(self, arrays: dict[str, npt.NDArray[Any]]) -> None: ...
    def check_content(self) -> None: ...

class FlatIndex(Index): ...
class MIHIndex(Index): ...

class IVFIndex(Index):
    def n_lists(self) -> int: ...
    def nprobe(self) -> int: ...
    def train(self, codes: _Bytes) -> None: ...
    def rebalance(self) -> None: ...

class ResidualIndex(Index):
    def __init__(
        self,
        n_bits: int,
        *,
        has_scales: bool,
        has_offsets: bool,
        vector_type: int,
        n_dims: int,
        n_lists: int,
    ) -> None: ...

class HNSWIndex(Index):
    def n_unreached(self) -> int: ...

class AdditiveCoder:
    """Codes of rows by given matrices; never changes, and any thread may use it."""

    def __init__(
        self,
        center: _Floats,
        along_center: _Floats,
        decoder: _Floats,
        weighted: _Floats,
        evidence: _Floats,
        feedback: _Floats,
        along_weight: float,
    ) -> None: ...
    def encode(
        self, rows: _Floats, patience: int, first: _Bytes | None, threads: int
    ) -> _Bytes: ...

class Kernels:
    """One instruction set's kernels on arrays, for tests."""

    def __init__(self, name: str) -> None: ...

def project(rows: _Floats, center: _Floats | None, matrix: _Floats, threads: int) -> _Floats: ...
def rotate(
    rows: _Floats, center: _Floats | None, signs: _Floats, inverse: bool, threads: int
) -> _Floats: ...
def encode_levels(
    rows: _Floats,
    center: _Floats | None,
    signs: _Floats,
    bits_per_dim: int,
    error_factor: bool,
    threads: int,
) -> tuple[_Bytes, _Floats]: ...
def encode_recurrent(
    rows: _Floats,
    to_code: tuple[_Floats, _Floats, _Floats, _Floats],
    to_row: tuple[_Floats, _Floats, _Floats, _Floats],
    values: _Floats,
    threads: int,
) -> tuple[npt.NDArray[np.bool_], _Floats]: ...
def metric_names() -> list[str]: ...
def default_threads() -> int: ...
def set_default_threads(n_threads: int) -> None: ...
def compiler() -> str: ...
def compiled_isas() -> list[str]: ...
def supported_isas() -> list[str]: ...
def active_isa() -> str: ...
def use_isa(name: str) -> None: ...
