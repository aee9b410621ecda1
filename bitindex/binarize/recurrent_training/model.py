"""The network as torch trains it; see :mod:`bitindex.binarize.recurrent_network`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bitindex.binarize.recurrent_network import Blocks, Floats


class StraightThroughSign(torch.autograd.Function):
    """The sign, +1 or -1, whose gradient is passed where the input lies within -1 and 1.

    Source: Hubara et al., "Binarized neural networks", NeurIPS 2016.
    """

    @staticmethod
    def forward(context: Any, inputs: Tensor) -> Tensor:
        """Return +1 where an input is > 0, and -1 elsewhere."""
        context.save_for_backward(inputs)
        return torch.where(inputs > 0, 1.0, -1.0).to(inputs.dtype)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        """Return the gradient of the inputs."""
        (inputs,) = context.saved_tensors
        passed: Tensor = gradients[0] * (inputs.abs() <= 1)
        return passed


class Block(nn.Module):
    """Linear, batch normalization, ReLU, Linear; with a shortcut that begins as a given map."""

    def __init__(self, n_in: int, n_hidden: int, n_out: int, shortcut: Tensor | None) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_in, n_hidden)
        self.norm = nn.BatchNorm1d(n_hidden)
        self.output = nn.Linear(n_hidden, n_out)
        self.shortcut = None if shortcut is None else nn.Parameter(shortcut.clone())
        for layer in (self.hidden, self.output):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
        if shortcut is not None:  # so that the block begins as the shortcut alone
            nn.init.zeros_(self.output.weight)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the output, shape (n, n_out)."""
        outputs: Tensor = self.output(functional.relu(self.norm(self.hidden(rows))))
        return outputs if self.shortcut is None else outputs + rows @ self.shortcut

    def folded(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the arrays of one of `Blocks`, with what the normalization does in them."""
        norm = self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        with torch.no_grad():
            scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
            hidden = (self.hidden.weight.double() * scale[:, None]).T
            bias = (self.hidden.bias.double() - norm.running_mean.double()) * scale + norm.bias
            output = self.output.weight.T
            if self.shortcut is not None:
                output = torch.cat([self.shortcut, output])
            return (
                as_floats(hidden),
                as_floats(bias),
                as_floats(output),
                as_floats(self.output.bias),
            )


class RecurrentModel(nn.Module):
    """A network that begins, with shortcuts, as the bits of rows along given directions.

    Parameters
    ----------
    directions : Tensor, shape (n_dims, code_dim)
        What shortcuts begin with.
    n_hidden : int
    values : ndarray of float32, shape (n_planes,)
        What the planes are worth.
    shortcuts : bool
        Whether blocks have them.
    binarize : bool
        False leaves the signs out: real numbers in place of codes.
    """

    def __init__(
        self,
        directions: Tensor,
        n_hidden: int,
        values: Floats,
        shortcuts: bool,
        binarize: bool = True,
    ) -> None:
        super().__init__()
        self.binarize = binarize
        self.values = [float(value / values[0]) for value in values]
        n_recurrent = len(values) - 1
        # Of entries around 1, whatever the dimensions: what a sign or a normalization follows has
        # no scale, and Adam moves all numbers at one speed.
        n_dims, code_dim = directions.shape
        turn = directions * n_dims**0.5

        def blocks(n_blocks: int, n_in: int, n_out: int, shortcut: Tensor) -> nn.ModuleList:
            start = shortcut if shortcuts else None
            return nn.ModuleList(Block(n_in, n_hidden, n_out, start) for _ in range(n_blocks))

        self.to_code = blocks(n_recurrent + 1, n_dims, code_dim, turn)
        self.to_row = blocks(n_recurrent, code_dim, n_dims, turn.T)
        self.decoder = nn.Parameter(torch.cat([turn * value for value in self.values], dim=1))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the planes of signs of unit rows, shape (n, n_planes, code_dim)."""
        sign = StraightThroughSign.apply if self.binarize else torch.Tensor.clone
        planes: list[Tensor] = []
        levels = torch.zeros(())
        for plane, value in enumerate(self.values):
            left = rows
            if plane > 0:
                left = rows - functional.normalize(self.to_row[plane - 1](levels), dim=1)
            planes.append(sign(self.to_code[plane](left)))
            levels = planes[0] if plane == 0 else levels + value * planes[plane]
        return torch.stack(planes, dim=1)

    def levels(self, planes: Tensor) -> Tensor:
        """Return the sum of the first planes, or all, by their values, shape (n, code_dim)."""
        values = planes.new_tensor(self.values[: planes.shape[1]])
        return torch.einsum("npm,p->nm", planes, values)

    def decoded(self, planes: Tensor) -> Tensor:
        """Return D b of planes, shape (n, n_dims); its length says nothing."""
        return planes.flatten(1) @ self.decoder.T

    def to_blocks(self) -> tuple[Blocks, Blocks]:
        """Return the arrays of the network without torch."""
        parts = []
        for blocks in (self.to_code, self.to_row):
            arrays = [block.folded() for block in blocks if isinstance(block, Block)]
            parts.append([np.stack(part) for part in zip(*arrays, strict=True)])
        like = self.to_code[0]
        assert isinstance(like, Block)
        if not parts[1]:  # one bit a dimension: nothing to reconstruct, but shapes to say so
            n_dims, n_hidden = like.hidden.in_features, like.hidden.out_features
            code_dim = like.output.out_features
            n_inner = n_hidden + (0 if like.shortcut is None else code_dim)
            shapes = ((code_dim, n_hidden), (n_hidden,), (n_inner, n_dims), (n_dims,))
            parts[1] = [np.zeros((0, *shape), np.float32) for shape in shapes]
        return Blocks(*parts[0]), Blocks(*parts[1])


def query_vectors(model: RecurrentModel, rows: Tensor, float_queries: bool) -> Tensor:
    """Return what scores multiply with `document_vectors`."""
    return rows if float_queries else unit_levels(model, model(rows))


def document_vectors(model: RecurrentModel, rows: Tensor, float_queries: bool) -> Tensor:
    """Return what codes stand for, with their factors: D b, or levels, of length 1."""
    planes = model(rows)
    if float_queries:
        return functional.normalize(model.decoded(planes), dim=1)
    return unit_levels(model, planes)


def unit_levels(model: RecurrentModel, planes: Tensor) -> Tensor:
    """Return the levels of some first planes, or all, scaled to length 1."""
    return functional.normalize(model.levels(planes), dim=1)


def prefix(vectors: Tensor, old: Tensor) -> Tensor:
    """Return the first numbers of vectors, as many as old ones have, scaled to length 1."""
    return functional.normalize(vectors[:, : old.shape[1]], dim=1)


def as_floats(tensor: Tensor) -> Floats:
    """Return a tensor as a C-ordered float32 array of its own."""
    return np.array(tensor.detach().cpu().float().numpy(), order="C")
