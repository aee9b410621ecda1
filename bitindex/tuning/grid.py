"""What is tried: the parameters of each binarizer, and how many candidates are rescored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from bitindex.binarize import BINARIZERS, Binarizer
from bitindex.rescoring import VECTOR_TYPES

# Without rescoring first: it takes the fewest bytes.
RESCORINGS: tuple[Any, ...] = (None, *VECTOR_TYPES)

# In the order of their cost.
OVERSAMPLES: tuple[float, ...] = (1.5, 2, 3, 4, 6, 8, 16)

_LEAST_BITS = 8


class Variant(NamedTuple):
    """A binarizer with parameters.

    Attributes
    ----------
    name : str
        Its name in the registry.
    parameters : dict
        Those that are not the default.
    n_bits : int
        Bits of its codes, or fewer: what allows to pass over it without fitting it.
    """

    name: str
    parameters: dict[str, Any]
    n_bits: int

    @property
    def least_bytes(self) -> int:
        """Bytes of a code without factors."""
        return (self.n_bits + 7) // 8

    def build(self) -> Binarizer:
        """Return the binarizer, not fitted."""
        return BINARIZERS[self.name](**self.parameters)

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{self.name}({arguments})" if arguments else self.name


def variants(names: Iterable[str], n_dims: int) -> list[Variant]:
    """Return what to try of each binarizer for embeddings of so many dimensions.

    A binarizer without a line in the grid is tried as it is.
    """
    found = []
    for name in names:
        tried = _GRID[name](n_dims) if name in _GRID else [({}, _LEAST_BITS)]
        found += [Variant(name, parameters, n_bits) for parameters, n_bits in tried]
    return found


_Tried = list[tuple[dict[str, Any], int]]


def _bits(n_dims: int, *per_dim: float, most: int = 1 << 16) -> _Tried:
    """Return n_bits for some bits per dimension, in whole bytes where not more than ``most``."""
    counts = {min(max(_LEAST_BITS, round(share * n_dims / 8) * 8), most) for share in per_dim}
    return [({"n_bits": n_bits}, n_bits) for n_bits in sorted(counts)]


def _thresholds(n_dims: int) -> _Tried:
    return [({}, n_dims), *(({"threshold": name}, n_dims) for name in ("mean", "median"))]


def _bits_per_dim(n_dims: int) -> _Tried:
    return [({"bits_per_dim": bits}, bits * n_dims) for bits in (1, 2, 4)]


def _recurrent(n_dims: int) -> _Tried:
    """Return codes of one and two bits a dimension; few dimensions of 4 bits keep the most."""
    code_dims = sorted({max(1, n_dims // 4), max(1, n_dims // 2)})
    return [({"code_dim": m, "bits_per_dim": 4}, 4 * m) for m in code_dims]


# THE grid. A name that the registry does not have is passed over.
_GRID: dict[str, Callable[[int], _Tried]] = {
    "sign": _thresholds,
    "lsh": lambda n_dims: _bits(n_dims, 1 / 2, 1, 2, 4),
    "itq": lambda n_dims: _bits(n_dims, 1 / 4, 1 / 2, 1, most=n_dims),
    "rotation": _bits_per_dim,
    "additive": lambda n_dims: _bits(n_dims, 1 / 4, 1 / 2, 1, 2, 4),
    "recurrent": _recurrent,
}
