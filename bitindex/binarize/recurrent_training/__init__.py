"""Training of :class:`~bitindex.binarize.recurrent.RecurrentBinarizer`; all that needs PyTorch."""

from __future__ import annotations

from bitindex.binarize.recurrent_training.reading import read_examples, read_rows
from bitindex.binarize.recurrent_training.recipes import Plan
from bitindex.binarize.recurrent_training.trainer import Learned, train, train_model

__all__ = ["Learned", "Plan", "read_examples", "read_rows", "train", "train_model"]
