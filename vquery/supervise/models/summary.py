"""What a label model holds of each function, beside counting votes and the best function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.supervise.models import left_out
from vquery.supervise.models.estimate import TINY
from vquery.supervise.models.majority import MAJORITY
from vquery.view.page import fragment, heading, paragraph, table_html

if TYPE_CHECKING:
    from vquery.supervise.models.label_model import LabelModel
    from vquery.supervise.models.patterns import Patterns

COLUMNS = ("function", "coverage", "right", "weight")
SAMPLE_ROWS = 500
"""Rows by which functions and models are compared in a summary."""
LINES = 50
"""Functions that a summary shows; ``functions`` has them all."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A label model in words.

    Attributes
    ----------
    method, classes, balance, notes
        As of the model.
    functions
        For each function: ``function``; ``coverage``, share of items it votes on; ``right``, share
        of its votes held to be right (None if it never votes); ``weight``, what it tells about the
        class in the mean, in nats an item.
    left_out
        Mean log-likelihood of a vote that was left out, the higher the better: by the ``model``, by
        the smoothed ``vote``, by the best single ``function``; empty for a model read from a store.
    best
        Name of that function, or None.
    """

    method: str
    classes: tuple[Any, ...]
    balance: tuple[float, ...]
    functions: tuple[dict[str, Any], ...]
    left_out: dict[str, float]
    best: str | None
    notes: tuple[str, ...]

    def __str__(self) -> str:
        shares = ", ".join(f"{c} {b:.3f}" for c, b in zip(self.classes, self.balance, strict=True))
        wide = max([len(str(row["function"])) for row in self._rows()] + [len(COLUMNS[0])])
        lines = [f"label model: {self.method}; balance: {shares}"]
        lines += [f"{COLUMNS[0]:{wide}}  coverage  right  weight"]
        lines += [
            f"{row['function']:{wide}}  {row['coverage']:8.3f}  {_share(row['right']):>5}  "
            f"{row['weight']:6.3f}"
            for row in self._rows()
        ]
        lines += self._rest()
        return "\n".join([*lines, *self._compared(), *self.notes])

    def html(self) -> str:
        """Draw the summary for a notebook."""
        shares = ", ".join(f"{c} {b:.3f}" for c, b in zip(self.classes, self.balance, strict=True))
        rows = [
            (r["function"], f"{r['coverage']:.3f}", _share(r["right"]), f"{r['weight']:.3f}")
            for r in self._rows()
        ]
        return fragment(
            heading(f"Label model: {self.method}"),
            paragraph(f"Class balance: {shares}."),
            table_html(COLUMNS, rows),
            *[paragraph(line) for line in (*self._rest(), *self._compared(), *self.notes)],
        )

    def _repr_html_(self) -> str:
        return self.html()

    def _rows(self) -> tuple[dict[str, Any], ...]:
        return self.functions[:LINES]

    def _rest(self) -> list[str]:
        more = len(self.functions) - LINES
        return [f"… and {more} more functions"] if more > 0 else []

    def _compared(self) -> list[str]:
        if not self.left_out:
            return []
        said = {"model": "the model", "vote": "the smoothed vote", "function": str(self.best)}
        parts = [f"{said[name]} {value:.4f}" for name, value in self.left_out.items()]
        return [f"Log-likelihood of a left-out vote: {', '.join(parts)}."]


def summarised(model: LabelModel) -> Summary:
    """Summarise a fitted model."""
    found, k = model._estimate, len(model.classes_)
    confusion, balance = found.confusion, found.balance
    symbols = np.einsum("k,jkv->jv", balance, confusion)
    coverage = symbols[:, :k].sum(axis=1)
    right = np.einsum("k,jkk->j", balance, confusion[:, :, :k])
    logs = np.log(np.maximum(confusion, TINY) / np.maximum(symbols, TINY)[:, None, :])
    weight = np.einsum("k,jkv,jkv->j", balance, confusion, logs)
    votes = {j: _votes(model, j) for j in range(len(coverage))}
    rows = tuple(
        {
            "function": name,
            "coverage": float(coverage[j]),
            "right": float(right[j] / coverage[j]) if votes[j] else None,
            "weight": float(weight[j]),
        }
        for j, name in enumerate(model.functions_)
    )
    scores, best = _scores(model, weight)
    name = None if best is None else model.functions_[best]
    return Summary(
        found.method,
        model.classes_,
        tuple(balance.tolist()),
        rows,
        scores,
        name,
        model.notes_,
    )


def _votes(model: LabelModel, function: int) -> bool:
    """Whether it ever votes; a model read from a store is believed."""
    parts = getattr(model, "_counted", None)
    return parts is None or any((p.votes[:, function] >= 0).any() for p in parts.values())


def _scores(model: LabelModel, weight: Any) -> tuple[dict[str, float], int | None]:
    parts = list(getattr(model, "_counted", {}).values())
    found, k = model._estimate, len(model.classes_)
    if not parts or len(weight) < 2 or not sum(p.counts.sum() for p in parts):
        return {}, None
    whole: Patterns = parts[0]
    for other in parts[1:]:
        whole = whole.merged(other, k)
    part = whole.sample(SAMPLE_ROWS)
    scores = dict(found.scores)
    if found.method == MAJORITY or not scores:
        vote = left_out.score(part, left_out.vote_shares(part, found.balance))
        scores = {"model": vote, "vote": vote}
        if found.method != MAJORITY:
            shares = left_out.model_shares(part, found.confusion, found.balance, found.temper)
            scores["model"] = left_out.score(part, shares)
    best = int(np.argmax(weight))
    single = left_out.single_shares(part, found.balance, best)
    return scores | {"function": left_out.score(part, single)}, best


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
