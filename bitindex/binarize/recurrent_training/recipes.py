"""How networks are trained: what is asked for, and two recipes."""

from __future__ import annotations

from dataclasses import dataclass

from bitindex.binarize.recurrent_network import Floats


@dataclass(frozen=True)
class Plan:
    """What `RecurrentBinarizer` asks for; see its parameters."""

    code_dim: int | None
    values: Floats  # of the planes
    hidden_dim: int | None
    recipe: str
    float_queries: bool
    n_epochs: int
    batch_size: int | None
    device: str
    random_state: int
    # False: the same network without signs, to compare with.
    binarize: bool = True


@dataclass(frozen=True)
class Recipe:
    """A network and its training.

    Attributes
    ----------
    shortcuts : bool
        Whether blocks have a linear part, which begins as a rotation.
    hidden_dim : int or None
        None: as many as the embeddings have dimensions.
    sgd : bool
        SGD with Nesterov momentum, else Adam.
    neighbour_learning_rate : float
        The same without pairs and labels, where training begins nearer to its end.
    every_prefix : bool
        Whether pairs and labels also train the planes before the last as codes of their own.
    decay_epochs : int or None
        The learning rate falls to a tenth after so many epochs. None: along a cosine to 0.
    n_hardest : int or None
        How many negatives of a pair count.
    queue_size : int
        Rows of earlier steps that are negatives too, encoded by a slowly moving copy.
    """

    shortcuts: bool
    hidden_dim: int | None
    batch_size: int
    sgd: bool
    learning_rate: float
    neighbour_learning_rate: float
    every_prefix: bool
    weight_decay: float
    decay_epochs: int | None
    temperature: float
    n_hardest: int | None
    queue_size: int


RECIPES = {
    "default": Recipe(
        shortcuts=True,
        hidden_dim=None,
        batch_size=512,
        sgd=False,
        learning_rate=2e-3,
        neighbour_learning_rate=1e-3,
        every_prefix=True,
        weight_decay=0.0,
        decay_epochs=None,
        temperature=0.05,
        n_hardest=None,
        queue_size=0,
    ),
    "paper": Recipe(
        shortcuts=False,
        hidden_dim=2048,
        batch_size=2048,
        sgd=True,
        learning_rate=0.08,
        neighbour_learning_rate=0.08,
        every_prefix=False,
        weight_decay=1e-3,
        decay_epochs=6,
        temperature=0.05,
        n_hardest=5,
        queue_size=65_536,
    ),
}

# How steeply neighbours outweigh other rows where there are neither pairs nor labels.
NEIGHBOUR_TEMPERATURE = 0.1
# Of the copy that encodes the queue, a step.
MOMENTUM = 0.999
GRADIENT_CLIP = 5.0
# Batches of pairs or labels are smaller, down to the least size, where an epoch of the recipe's
# would have fewer steps than this.
FEWEST_STEPS = 32
FEWEST_IN_BATCH = 32
WARM_UP_STEPS = 20
