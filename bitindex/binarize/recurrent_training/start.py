"""Where training begins: directions for the shortcuts, and how they fit the rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from bitindex.binarize.recurrent_training.model import Block, RecurrentModel

_RIDGE = 1e-2
# To fit the shortcuts to.
_MOST_ROWS = 10_000
# By the number of planes: where the second one divides what the best uniform levels stand for, in
# standard deviations of Gaussian entries. Source: Max, "Quantizing for minimum distortion", 1960.
_MIDDLES = {2: 0.996, 3: 1.172, 4: 1.341}
# What is below may be no more than what rounding leaves.
_NOTHING = 1e-4


def fit_shortcuts(model: RecurrentModel, rows: Tensor) -> None:
    """Scale the shortcuts of a new model, so that inputs of signs are around 1.

    That changes no sign, but gradients pass only where an input lies within -1 and 1. Where codes
    have fewer dimensions than rows, also add something constant to what codes reconstruct, in a
    direction that no code sees: what has length 1 would be longer along the directions of the code
    than rows are, and the second plane would mark none but the largest entries.
    """
    rows = rows[:_MOST_ROWS]
    model.eval()
    with torch.no_grad():
        basis = torch.linalg.qr(model.to_code[0].shortcut)[0]
        levels = torch.zeros(())
        for plane, value in enumerate(model.values):
            left = rows
            if plane > 0:
                to_row = model.to_row[plane - 1]
                assert isinstance(to_row, Block)
                stretch = _MIDDLES[len(model.values)] if plane == 1 else 1.0
                _add_unseen(to_row, levels, rows, basis, stretch)
                left = rows - functional.normalize(to_row(levels), dim=1)
            to_code = model.to_code[plane]
            inputs = to_code(left)
            size = inputs.square().mean().sqrt()
            if size > _NOTHING:
                to_code.shortcut /= size
            levels = levels + value * torch.where(inputs > 0, 1.0, -1.0)
    model.train()


def _add_unseen(to_row: Block, levels: Tensor, rows: Tensor, basis: Tensor, stretch: float) -> None:
    """Make outputs of a block, of length 1, `stretch` times as long inside the basis as rows.

    By its bias, along a direction outside; where rows are long inside, outputs stay inside.
    """
    inside = rows @ basis @ basis.T
    unseen = (rows - inside).mean(dim=0)
    unseen -= basis @ (basis.T @ unseen)
    squared = (stretch**2 * inside.square().sum(dim=1).mean()).clamp_max(1)
    if min(unseen.norm(), squared) < _NOTHING:
        return
    length = to_row(levels).norm(dim=1).mean() * ((1 - squared) / squared).sqrt()
    to_row.output.bias.add_(length * functional.normalize(unseen, dim=0))


def directions_near(rows: Tensor, old: Tensor, code_dim: int) -> Tensor:
    """Return directions whose first ones turn rows as near to old codes as orthogonal ones can.

    The others are principal directions of what these leave.
    """
    # The ridge keeps out dimensions in which rows hardly differ.
    gram = (rows.T @ rows).double()
    gram.diagonal().add_(_RIDGE * gram.trace() / len(gram))
    nearest: Tensor = torch.linalg.solve(gram, (rows.T @ old).double())
    left, _, right = torch.linalg.svd(nearest, full_matrices=False)
    first: Tensor = (left @ right).float()
    rest = code_dim - first.shape[1]
    if rest == 0:
        return first
    return torch.cat([first, principal_directions(rows - rows @ first @ first.T, rest)], dim=1)


def principal_directions(rows: Tensor, code_dim: int) -> Tensor:
    """Return directions to begin with, as columns of length 1, shape (n_dims, code_dim).

    Up to n_dims of them are the principal axes of the rows, turned at random among themselves, so
    that all carry as much. Further ones are turned at random.
    """
    n_dims = rows.shape[1]
    axes = torch.linalg.eigh((rows.T @ rows).double())[1].flip(1)
    parts = []
    for first in range(0, code_dim, n_dims):
        size = min(n_dims, code_dim - first)
        turn = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0]
        parts.append(axes[:, :size] @ turn)
    return torch.cat(parts, dim=1).float()
