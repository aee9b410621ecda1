"""The losses of recurrent codes against slow NumPy."""

import numpy as np
import pytest
import torch

from bitindex.binarize.recurrent_training.losses import contrastive, decorrelation

pytestmark = pytest.mark.once

RNG = np.random.default_rng(8)


class TestContrastive:
    scores = torch.from_numpy(RNG.uniform(-1, 1, (6, 9)))

    def slow(self, related, n_hardest):
        losses = []
        for i, row in enumerate(self.scores.numpy() / 0.1):
            negatives = sorted(row[j] for j in range(9) if j != i and not related[i, j])
            kept = negatives[-n_hardest:] if n_hardest else negatives
            losses.append(np.log(np.exp([row[i], *kept]).sum()) - row[i])
        return np.mean(losses)

    @pytest.mark.parametrize("n_hardest", [None, 1, 5])
    @pytest.mark.parametrize("share", [0.0, 0.3])
    def test_slow_numpy(self, n_hardest, share):
        related = RNG.random((6, 9)) < share
        loss = contrastive(self.scores, torch.from_numpy(related), 0.1, n_hardest)
        assert loss.item() == pytest.approx(self.slow(related, n_hardest), rel=1e-6)

    def test_related_columns_change_nothing(self):
        related = torch.zeros(6, 9, dtype=torch.bool)
        related[2, 5] = True
        loss = contrastive(self.scores, related, 0.1)
        changed = self.scores.clone()
        changed[2, 5] = 99.0
        assert contrastive(changed, related, 0.1).item() == loss.item()

    def test_nothing_but_related_ones(self):
        loss = contrastive(self.scores, torch.ones(6, 9, dtype=torch.bool), 0.1)
        assert loss.item() == pytest.approx(0, abs=1e-6)


class TestDecorrelation:
    similarities = torch.from_numpy(RNG.uniform(-1, 1, (5, 30)))
    nothing = torch.zeros(5, 30, dtype=torch.bool)

    def test_slow_numpy(self):
        scores = torch.from_numpy(RNG.uniform(-1, 1, (5, 30)))
        excluded = torch.from_numpy(RNG.random((5, 30)) < 0.2)
        correlations = []
        for found, wanted, out in zip(scores, self.similarities, excluded, strict=True):
            kept = ~out.numpy()
            f, w = found.numpy()[kept], wanted.numpy()[kept]
            c = np.cov(f, w, aweights=np.exp(w / 0.2), ddof=0)
            correlations.append(c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]))
        loss = decorrelation(scores, self.similarities, excluded, 0.2)
        assert loss.item() == pytest.approx(1 - np.mean(correlations), rel=1e-6)

    def test_linear_functions_lose_nothing(self):
        loss = decorrelation(0.7 * self.similarities - 3, self.similarities, self.nothing, 0.1)
        assert loss.item() == pytest.approx(0, abs=1e-6)

    def test_equal_rows(self):
        same = torch.ones(5, 30, requires_grad=True)
        loss = decorrelation(same, torch.ones(5, 30), self.nothing, 0.1)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(same.grad).all()
