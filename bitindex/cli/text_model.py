"""Embeddings of the user's own text, for those who have sentence-transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bitindex.cli.command import CommandError

# The model that embedded the bundled documents.
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def embed_text(text: str, model: str, n_dims: int) -> npt.NDArray[np.float32]:
    """Embed one text.

    Parameters
    ----------
    text : str
    model : str
        The name or folder of a sentence-transformers model.
    n_dims : int
        Dimensions that the embedding must have.

    Returns
    -------
    ndarray of float32, shape (1, n_dims)
        Scaled to length 1.

    Raises
    ------
    CommandError
        If sentence-transformers is not installed, the model cannot be loaded, or its embeddings
        have other dimensions.
    """
    loaded = _load(model)
    embedding = np.asarray(loaded.encode([text], normalize_embeddings=True), np.float32)
    if embedding.shape != (1, n_dims):
        raise CommandError(
            f"the model must give {n_dims} dimensions like {DEFAULT_MODEL}, which embedded the "
            f"documents, got {embedding.shape[-1]} from {model}"
        )
    return embedding


def _load(model: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise CommandError(
            f'--query needs sentence-transformers ({error}): pip install "bitindex[text]"'
        ) from error
    try:
        return SentenceTransformer(model)
    except Exception as error:  # each of the libraries below it has errors of its own
        raise CommandError(f"the model {model} cannot be loaded: {error}") from error
