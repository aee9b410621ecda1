"""A file from which a training that was killed goes on as if it had not been."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bitindex.binarize.recurrent_training.examples import Examples
from bitindex.binarize.recurrent_training.recipes import Plan
from bitindex.storage import read_file, unnest, write_file
from bitindex.storage.format import new_checksum

if TYPE_CHECKING:
    from bitindex.binarize.recurrent_training.trainer import Trainer

_KIND = "training"


class Checkpoint:
    """All that changes while a network is trained, in one file that is replaced whole."""

    def __init__(self, path: str | os.PathLike[str], plan: Plan, examples: Examples) -> None:
        self._path = Path(path)
        self._of = _digest(plan, examples)

    def save(self, trainer: Trainer) -> None:
        """Write the state after an epoch."""
        parts = {name: _arrays(tensors) for name, tensors in _states(trainer).items()}
        sections = {
            f"{part}/{name}": array
            for part, arrays in parts.items()
            for name, array in arrays.items()
        }
        write_file(self._path, _KIND, {"of": self._of, "history": trainer.history}, sections)

    def restore(self, trainer: Trainer) -> bool:
        """Read the state back; False if there is no file.

        Raises
        ------
        ValueError
            If the file is damaged, or belongs to another training.
        """
        if not self._path.exists():
            return False
        file = read_file(self._path)
        if file.kind != _KIND or file.meta["of"] != self._of:
            raise ValueError(
                f"checkpoint {str(self._path)!r} must be of the same training: it was written "
                "with other embeddings, pairs, labels or parameters; remove it to start anew"
            )
        trainer.history = file.meta["history"]
        for part, tensors in _states(trainer).items():
            saved = unnest(part, file.sections)
            if part == "optimizer":
                _restore_optimizer(trainer.optimizer, saved)
            elif part == "queue" and trainer.queue is not None:
                trainer.queue.load_state({name: torch.from_numpy(a) for name, a in saved.items()})
            else:
                for name, tensor in tensors.items():
                    tensor.copy_(torch.from_numpy(saved[name]).reshape(tensor.shape))
        return True

    def remove(self) -> None:
        """Remove the file, if it was written."""
        self._path.unlink(missing_ok=True)


def _states(trainer: Trainer) -> dict[str, dict[str, Tensor]]:
    """Return the tensors that change while a network is trained, by part and name."""
    optimizer = trainer.optimizer.state_dict()["state"]
    states = {
        "model": trainer.model.state_dict(),
        "best": trainer.best,
        "optimizer": {
            f"{number}.{name}": tensor
            for number, tensors in optimizer.items()
            for name, tensor in tensors.items()
        },
    }
    if trainer.queue is not None:
        states["queue"] = trainer.queue.state()
    return states


def _arrays(tensors: dict[str, Tensor]) -> dict[str, NDArray[Any]]:
    # A file holds arrays of one or more dimensions; the counts of steps have none.
    return {name: np.atleast_1d(tensor.detach().cpu().numpy()) for name, tensor in tensors.items()}


def _restore_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, NDArray[Any]]) -> None:
    state = optimizer.state_dict()
    for key, array in saved.items():
        number, name = key.split(".")
        tensor = torch.from_numpy(array)
        moments = state["state"].setdefault(int(number), {})
        moments[name] = tensor.reshape(()) if name == "step" else tensor
    optimizer.load_state_dict(state)


def _digest(plan: Plan, examples: Examples) -> str:
    """Return what tells one training from another."""
    digest = new_checksum()
    digest.update(repr(plan).encode())
    for tensor in examples.tensors():
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
    return digest.hexdigest()
