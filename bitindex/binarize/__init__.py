"""Binarizers, by name."""

from __future__ import annotations

from bitindex.binarize.base import Binarizer
from bitindex.binarize.sign import SignBinarizer

# THE list of binarizers.
BINARIZERS: dict[str, type[Binarizer]] = {
    "sign": SignBinarizer,
}

__all__ = ["BINARIZERS", "Binarizer", "SignBinarizer"]
