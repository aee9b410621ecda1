"""Which recipe: binarizer, bits, rescoring and oversampling, tried on a sample of your data."""

from bitindex.tuning.recipe import Recipe
from bitindex.tuning.result import Trial, TuneResult
from bitindex.tuning.tuner import tune

__all__ = ["tune", "TuneResult", "Trial", "Recipe"]
