"""Binarizers, by name."""

from __future__ import annotations

from bitindex.binarize.additive import AdditiveBinarizer
from bitindex.binarize.base import Binarizer
from bitindex.binarize.itq import ITQBinarizer
from bitindex.binarize.lsh import LSHBinarizer
from bitindex.binarize.recurrent import RecurrentBinarizer
from bitindex.binarize.rotation import RotationBinarizer
from bitindex.binarize.sign import SignBinarizer

# THE list of binarizers.
BINARIZERS: dict[str, type[Binarizer]] = {
    "sign": SignBinarizer,
    "lsh": LSHBinarizer,
    "itq": ITQBinarizer,
    "rotation": RotationBinarizer,
    "additive": AdditiveBinarizer,
    "recurrent": RecurrentBinarizer,
}

__all__ = [
    "BINARIZERS",
    "Binarizer",
    "SignBinarizer",
    "LSHBinarizer",
    "ITQBinarizer",
    "RotationBinarizer",
    "AdditiveBinarizer",
    "RecurrentBinarizer",
]
