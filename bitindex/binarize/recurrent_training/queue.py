"""Documents of earlier steps as further negatives.

Source: He et al., "Momentum contrast for unsupervised visual representation learning", CVPR 2020.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from bitindex.binarize.recurrent_training.model import RecurrentModel, document_vectors
from bitindex.binarize.recurrent_training.recipes import MOMENTUM


class CodeQueue:
    """The last vectors of documents, from a copy of the model that follows it slowly."""

    def __init__(self, model: RecurrentModel, size: int, float_queries: bool) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._size = size
        self._float_queries = float_queries
        self._vectors: list[Tensor] = []
        self._numbers: list[Tensor] = []

    def __len__(self) -> int:
        return sum(map(len, self._numbers))

    def contents(self) -> tuple[Tensor, Tensor]:
        """Return vectors, shape (n, width), and the numbers of their rows, if there are any."""
        return torch.cat(self._vectors), torch.cat(self._numbers)

    def push(self, model: RecurrentModel, rows: Tensor, numbers: Tensor) -> None:
        """Let the copy follow the model, and add what it makes of rows; the oldest leave."""
        with torch.no_grad():
            for mine, other in zip(self.model.parameters(), model.parameters(), strict=True):
                mine.lerp_(other, 1 - MOMENTUM)
            for buffer, newer in zip(self.model.buffers(), model.buffers(), strict=True):
                buffer.copy_(newer)
            self._vectors.append(document_vectors(self.model, rows, self._float_queries))
        self._numbers.append(numbers)
        while len(self) > max(self._size, len(numbers)):
            del self._vectors[0], self._numbers[0]

    def state(self) -> dict[str, Tensor]:
        """Return all that must be kept to go on later."""
        state = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        if len(self) > 0:
            vectors, numbers = self.contents()
            sizes = torch.tensor([len(part) for part in self._numbers])
            state |= {"vectors": vectors, "numbers": numbers, "sizes": sizes}
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned."""
        for name, tensor in self.model.state_dict().items():
            tensor.copy_(state[f"model.{name}"].reshape(tensor.shape))
        if "sizes" in state:
            device = next(self.model.parameters()).device
            sizes = state["sizes"].tolist()
            self._vectors = list(torch.split(state["vectors"].to(device), sizes))
            self._numbers = list(torch.split(state["numbers"].to(device), sizes))
