"""The model of recurrent codes, and where its training begins."""

import numpy as np
import pytest
import torch
from recurrent_data import X
from torch.nn import functional

from bitindex.binarize.recurrent_network import plane_values, unit_rows
from bitindex.binarize.recurrent_training.model import (
    Block,
    RecurrentModel,
    StraightThroughSign,
)
from bitindex.binarize.recurrent_training.start import fit_shortcuts, principal_directions

pytestmark = pytest.mark.once


def test_gradient_of_a_sign_passes_within_1():
    inputs = torch.tensor([-2.0, -1.0, -0.5, 0.0, 1e-9, 1.0, 1.1], requires_grad=True)
    signs = StraightThroughSign.apply(inputs)
    assert signs.tolist() == [-1, -1, -1, -1, 1, 1, 1]
    (signs * torch.arange(1.0, 8.0)).sum().backward()
    assert inputs.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]


def test_folded_blocks_are_blocks_in_use():
    torch.manual_seed(0)
    block = Block(7, 5, 6, torch.randn(7, 6))
    for _ in range(3):
        block(torch.randn(50, 7) * 2 + 1)
    torch.nn.init.normal_(block.output.weight)
    rows = torch.randn(20, 7)
    hidden, hidden_bias, output, output_bias = block.folded()
    x = rows.numpy()
    inner = np.concatenate([x, np.maximum(x @ hidden + hidden_bias, 0)], axis=1)
    expected = block.eval()(rows).detach().numpy()
    np.testing.assert_allclose(inner @ output + output_bias, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("code_dim", [1, 5, 12, 30])
def test_directions_to_begin_with(code_dim):
    torch.manual_seed(0)
    directions = principal_directions(torch.from_numpy(X), code_dim).numpy()
    assert directions.shape == (12, code_dim)
    first = directions[:, :12]
    np.testing.assert_allclose(first.T @ first, np.eye(first.shape[1]), atol=1e-5)
    # No other subspace of so many dimensions keeps more.
    axes = np.linalg.eigh(X.T.astype(np.float64) @ X)[1][:, ::-1][:, :code_dim]
    assert np.linalg.norm(X @ first) == pytest.approx(np.linalg.norm(X @ axes), rel=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("code_dim", [3, 12, 30])
@pytest.mark.parametrize("values", [plane_values(1), plane_values(3)], ids=["1 bit", "3 bits"])
def test_shortcuts_that_fit_the_rows(code_dim, values):
    torch.manual_seed(0)
    rows = torch.from_numpy(unit_rows(X + 3))
    directions = principal_directions(rows, code_dim)
    model = RecurrentModel(directions, 8, values, shortcuts=True)
    before = model.eval()(rows)
    fit_shortcuts(model, rows)
    planes = model.eval()(rows)
    assert torch.equal(planes[:, 0], before[:, 0])
    levels = torch.zeros(())
    for plane, value in enumerate(model.values):
        left = rows
        if plane > 0:
            known = functional.normalize(model.to_row[plane - 1](levels), dim=1)
            inside = torch.linalg.qr(directions)[0]
            lengths = [(x @ inside).square().sum(1).mean().sqrt() for x in (known, rows)]
            stretched = float(lengths[1]) * (1.172 if plane == 1 else 1)
            assert lengths[0] == pytest.approx(min(stretched, 1), rel=0.02)
            left = rows - known
        inputs = model.to_code[plane](left)
        assert float(inputs.square().mean()) == pytest.approx(1, rel=1e-3)
        levels = levels + value * planes[:, plane]
