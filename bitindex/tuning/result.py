"""What tuning has found: all trials, their Pareto front, and the best recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import floor
from typing import Any

from bitindex._layout import format_table
from bitindex.tuning.recipe import Recipe


@dataclass(frozen=True)
class Trial:
    """A recipe and what it showed on the sample.

    Attributes
    ----------
    recipe : Recipe
    bytes_per_vector : int
        Code, factors, rescoring vector, and what the kind of index keeps for the sample, without
        ids.
    recall : float
        Mean share, from 0 to 1, of the true k nearest that are among the first k found; where
        the sample is not all of the data, an estimate for all of it.
    standard_error : float
        Of the recall, from the spread of the queries.
    rescored : float
        Vectors that were scored again, per query; 0 without rescoring.
    microseconds : float
        Time of a query among the rows of the sample, all queries given at once: one run, after
        one that warms up. It grows with the rows, and another run gives another time.
    """

    recipe: Recipe
    bytes_per_vector: int
    recall: float
    standard_error: float
    rescored: float
    microseconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as values for JSON."""
        return asdict(self)


@dataclass(frozen=True, repr=False)
class TuneResult:
    """What :func:`bitindex.tune` has found; printed, the Pareto front with the best recipe.

    Attributes
    ----------
    table : tuple of Trial
        All that was tried within the budget.
    target_recall : float
    budget_bytes : int or None
    n_base, n_queries : int
        Rows of the sample that were searched, and queries.
    n_rows : int
        Rows of the data beside the queries, those outside the sample included.
    n_nearest : int
        How many true neighbours were looked for in the sample: recall@n_nearest among ``n_base``
        rows stands for recall@k among ``n_rows``.
    n_dims : int
        Dimensions of the embeddings.
    left_out : dict of str to str
        Binarizers that refused the sample, and why.
    """

    table: tuple[Trial, ...]
    target_recall: float
    budget_bytes: int | None
    n_base: int
    n_queries: int
    n_rows: int
    n_nearest: int
    n_dims: int
    left_out: dict[str, str]

    @property
    def pareto(self) -> tuple[Trial, ...]:
        """Trials of which none with as few bytes has as much recall; both ascend.

        Rescoring more candidates takes time and no bytes, so those that rescore oversample as much
        as helps; the best recipe oversamples as little as reaches the target, and may not be among
        them. Kinds of index trade recall for time, so each kind has a front of its own: of one that
        is not exact, the least effort for each recall.
        """
        front: dict[str, list[Trial]] = {}
        for trial in sorted(self.table, key=_cost_then_recall):
            of_kind = front.setdefault(trial.recipe.kind, [])
            if not of_kind or trial.recall > of_kind[-1].recall:
                of_kind.append(trial)
        return tuple(trial for of_kind in front.values() for trial in of_kind)

    @property
    def best_trial(self) -> Trial:
        """The trial of the fewest bytes that reaches the target, or else of the highest recall.

        Among equals the one that rescores least.
        """
        reaching = [trial for trial in self.table if trial.recall >= self.target_recall]
        if reaching:
            return min(reaching, key=lambda t: (t.bytes_per_vector, t.rescored, -t.recall))
        return min(self.table, key=lambda t: (-t.recall, t.bytes_per_vector, t.rescored))

    @property
    def best(self) -> Recipe:
        """The recipe of the best trial; see whether the target is ``reached``."""
        return self.best_trial.recipe

    @property
    def reached(self) -> bool:
        """Whether the best recipe reaches the target on the sample."""
        return self.best_trial.recall >= self.target_recall

    def to_dict(self) -> dict[str, Any]:
        """Return everything as values for JSON."""
        return {
            "n_rows": self.n_rows,
            "n_dims": self.n_dims,
            "n_base": self.n_base,
            "n_queries": self.n_queries,
            "n_nearest": self.n_nearest,
            "target_recall": self.target_recall,
            "budget_bytes": self.budget_bytes,
            "reached": self.reached,
            "best": self.best_trial.to_dict(),
            "pareto": [trial.to_dict() for trial in self.pareto],
            "table": [trial.to_dict() for trial in self.table],
            "left_out": self.left_out,
        }

    def __repr__(self) -> str:
        best, front = self.best_trial, self.pareto
        shown = [trial for trial in self.table if trial is best or trial in front]
        shown.sort(key=lambda trial: (trial.bytes_per_vector, trial.recall))
        parts = [self._heading(), _table(shown, best)]
        if self.left_out:
            parts.append(
                "\n".join(f"left out: {name}: {why}" for name, why in self.left_out.items())
            )
        parts += [self._verdict(), repr(self.best)]
        return "\n\n".join(parts)

    def _heading(self) -> str:
        error = max(trial.standard_error for trial in self.table)
        best = self.best
        what = f"recall@{best.k} among {self.n_rows:,} rows"
        if self.n_base < self.n_rows:
            what += f", estimated by recall@{self.n_nearest} among {self.n_base:,} of them"
        return (
            f"{what}\n"
            f"{self.n_queries:,} queries, {self.n_dims:,} dimensions, {best.similarity}; "
            f"standard error of a recall: up to {error:.3f}"
        )

    def _verdict(self) -> str:
        best = self.best_trial
        figures = f"recall {_down(best.recall)}, {best.bytes_per_vector:,} bytes a vector"
        if self.reached:
            return f"Fewest bytes for recall {self.target_recall:g} (*): {figures}"
        within = "" if self.budget_bytes is None else f" within {self.budget_bytes:,} bytes"
        return (
            f"Recall {self.target_recall:g} is NOT reached{within}. "
            f"The highest recall (*): {figures}"
        )


def _cost_then_recall(trial: Trial) -> tuple[float, ...]:
    return trial.recipe.effort or 0, trial.bytes_per_vector, -trial.recall, trial.rescored


def _table(trials: Sequence[Trial], best: Trial) -> str:
    return format_table(
        ("  method", "oversample", "bytes", f"recall@{best.recipe.k}", "us a query"),
        [
            (
                f"{'*' if trial is best else ' '} {trial.recipe.method}",
                "" if trial.recipe.oversample is None else str(trial.recipe.oversample),
                f"{trial.bytes_per_vector:,}",
                _down(trial.recall),
                f"{trial.microseconds:,.0f}",
            )
            for trial in trials
        ],
    )


def _down(recall: float) -> str:
    # Never up: a recall just below the target must not look like it.
    return f"{floor(1000 * recall + 1e-9) / 1000:.3f}"
