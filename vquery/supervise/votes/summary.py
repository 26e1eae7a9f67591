"""Figures on votes: how much each function says, how often others differ, how well it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.errors import LabelError
from vquery.metrics.calibration import known_codes, wilson
from vquery.supervise.slices import slices_of
from vquery.supervise.votes.coding import ABSTAIN
from vquery.supervise.votes.residual import residual_correlation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from vquery.supervise.slices import Slices
    from vquery.supervise.votes.matrix import LabelMatrix
    from vquery.supervise.votes.residual import Residual

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

ALL = "all"
"""The slice of all items."""
OTHER = -2
"""Truth of an item that is known to be of none of the classes: whatever is voted is wrong."""
BLOCK_VALUES = 1 << 22
"""Votes that are counted at a time, so that memory does not grow with the items."""


@dataclass(frozen=True, eq=False, repr=False)
class Summary:
    """Figures on a label matrix; shows itself as text, and as HTML with pictures in a notebook.

    Attributes
    ----------
    table
        One row for each slice and function: ``slice, function``; ``votes``, on how many items;
        ``coverage``, ``overlap`` and ``conflict``: shares of the slice's items on which it votes,
        on which another votes too, and on which another votes otherwise, and the same as shares of
        seconds with ``_time`` added; ``polarity``, the classes it votes; ``known``, votes on items
        of known class, ``accuracy`` of these with ``low`` and ``high`` of its 95 % interval by
        Wilson (null without any); ``problem``, why it failed.
    classes
        One row for each slice, function and class that it votes there: ``slice, function, vote``,
        ``votes`` and ``known, accuracy, low, high`` of these votes alone. A function may be right
        about one class and wrong about another.
    votes, truth, slices
        What it is about: ``truth`` (n,) -1 where not known, the number of classes where it is none
        of them; ``slices`` name → (n,) truth values.
    """

    table: pa.Table
    classes: pa.Table
    votes: LabelMatrix
    truth: Ints
    slices: Mapping[str, Bools]
    _residuals: dict[str, Residual] = field(default_factory=dict)

    def residual(self, slice: str = ALL) -> Residual:  # noqa: A002 - the word of the field
        """Correlate functions beyond what the class explains; see `residual_correlation`.

        Raises
        ------
        LabelError
            If there is no such slice.
        """
        if slice not in self.slices:
            raise LabelError(f"there is no slice {slice!r}. Slices: {', '.join(self.slices)}")
        if slice not in self._residuals:
            mine = self.slices[slice]
            self._residuals[slice] = residual_correlation(
                self.votes.votes[mine], self.truth[mine], len(self.votes.classes)
            )
        return self._residuals[slice]

    def pairs(self, slice: str = ALL) -> pa.Table:  # noqa: A002 - the word of the field
        """List pairs of functions: ``first, second, correlation``, the most alike first.

        Pairs of which one never varies are left out.
        """
        found, names = self.residual(slice).correlation, np.array(self.votes.functions, object)
        first, second = np.triu_indices(len(names), 1)
        value = found[first, second]
        order = np.argsort(-np.abs(value), kind="stable")
        order = order[~np.isnan(value[order])]
        columns = {
            "first": pa.array(names[first[order]], pa.string()),
            "second": pa.array(names[second[order]], pa.string()),
            "correlation": value[order],
        }
        return pa.table(columns)

    def __repr__(self) -> str:
        from vquery.supervise.votes.shown import text

        return text(self)

    def html(self) -> str:
        """Return a fragment of HTML: figures, functions by functions, votes over time."""
        from vquery.supervise.votes.shown import html

        return html(self)

    def _repr_html_(self) -> str:
        return self.html()


def summarised(votes: LabelMatrix, truth: ArrayLike | None, slices: Slices | None) -> Summary:
    """Count; see `LabelMatrix.summary`.

    >>> from vquery.supervise.votes.matrix import LabelMatrix
    >>> votes = LabelMatrix.from_dense([[1, 0], [-1, 1], [1, -1]], classes=[0, 1])
    >>> found = summarised(votes, [1, 1, 0], None).table
    >>> found.select(["votes", "overlap", "conflict", "accuracy"]).to_pydict()["accuracy"]
    [0.5, 0.5]
    """
    known = np.full(votes.n, ABSTAIN) if truth is None else np.asarray(truth)
    other = known == OTHER
    codes = known_codes(np.where(other, ABSTAIN, known), votes.n, len(votes.classes))
    codes = np.where(other, len(votes.classes), codes.astype(np.int64))
    masks = _masks(slices, votes)
    totals = _totals(votes, codes, list(masks.values()))
    parts = [_rows(votes, name, number, totals) for number, name in enumerate(masks)]
    classes = [_classes(votes, name, number, totals) for number, name in enumerate(masks)]
    return Summary(pa.concat_tables(parts), pa.concat_tables(classes), votes, codes, masks)


def _masks(slices: Slices | None, votes: LabelMatrix) -> dict[str, Bools]:
    found = slices_of(slices, votes.items, votes.n)
    if ALL in found:
        raise LabelError(f"slices: {ALL!r} is what all items are called; give the slice another")
    return {ALL: np.ones(votes.n, bool), **found}


def _totals(votes: LabelMatrix, truth: Ints, masks: list[Bools]) -> dict[str, Floats]:
    """Sum over the items of each slice, in items and in seconds.

    ``voted, overlap, conflict`` (2, slices, m), ``items`` (2, slices, 1), and by the class voted
    ``classes``, ``told`` those on items of known class and ``true`` those that are right
    (slices, m, K).
    """
    s, m, classes = len(masks), votes.m, len(votes.classes)
    total = {name: np.zeros((2, s, m)) for name in ("voted", "overlap", "conflict")}
    total |= {name: np.zeros((s, m, classes)) for name in ("classes", "told", "true")}
    total["items"] = np.zeros((2, s, 1))
    step = max(1, BLOCK_VALUES // max(m, 1))
    for start in range(0, votes.n, step):
        here = slice(start, start + step)
        said, seconds = votes.votes[here], votes.seconds[here]
        inside = np.stack([mask[here] for mask in masks]).astype(np.float64)
        weight = np.stack([inside, inside * seconds])
        voted = said != ABSTAIN
        several = voted & (voted.sum(axis=1) > 1)[:, None]
        # whoever votes where not all agree differs from somebody
        lowest = np.where(voted, said, classes).min(axis=1, initial=classes)
        differ = voted & (said.max(axis=1, initial=ABSTAIN) > lowest)[:, None]
        for name, what in (("voted", voted), ("overlap", several), ("conflict", differ)):
            total[name] += weight @ what.astype(np.float64)
        total["items"] += weight.sum(axis=2)[:, :, None]
        known = voted & (truth[here] >= 0)[:, None]
        row, column = np.nonzero(voted)
        voice = column * classes + said[row, column]
        told = known[row, column]
        right = told & (said[row, column] == truth[here][row])
        for number, mask in enumerate(masks):
            inside_row = mask[here][row]
            parts = {"classes": True} | ({"told": told, "true": right} if told.any() else {})
            for name, what in parts.items():
                heard = np.bincount(voice[inside_row & what], minlength=m * classes)
                total[name][number] += heard.reshape(m, classes)
    return total


def _rows(votes: LabelMatrix, name: str, number: int, total: dict[str, Floats]) -> pa.Table:
    size = total["items"][:, number]
    share = {
        what: np.divide(total[what][:, number], size, out=np.zeros((2, votes.m)), where=size > 0)
        for what in ("voted", "overlap", "conflict")
    }
    known, right = total["told"][number].sum(axis=1), total["true"][number].sum(axis=1)
    classes = [str(each) for each in votes.classes]
    polarity = [[classes[k] for k in np.flatnonzero(each)] for each in total["classes"][number]]
    columns: dict[str, Any] = {
        "slice": pa.array([name] * votes.m, pa.string()),
        "function": pa.array(votes.functions, pa.string()),
        "votes": total["voted"][0, number].astype(np.int64),
    }
    for title, what in (("coverage", "voted"), ("overlap", "overlap"), ("conflict", "conflict")):
        columns[title], columns[f"{title}_time"] = share[what]
    columns["polarity"] = pa.array(polarity, pa.list_(pa.string()))
    columns |= _accuracy(known, right)
    problems = [each.get("problem") for each in votes.sources] or [None] * votes.m
    columns["problem"] = pa.array(problems, pa.string())
    return pa.table(columns)


def _classes(votes: LabelMatrix, name: str, number: int, total: dict[str, Floats]) -> pa.Table:
    heard, known, right = (total[each][number] for each in ("classes", "told", "true"))
    column, code = np.nonzero(heard)
    classes = pa.array([str(each) for each in votes.classes], pa.string())
    columns = {
        "slice": pa.array([name] * len(code), pa.string()),
        "function": pa.array(votes.functions, pa.string()).take(pa.array(column)),
        "vote": classes.take(pa.array(code)),
        "votes": heard[column, code].astype(np.int64),
        **_accuracy(known[column, code], right[column, code]),
    }
    return pa.table(columns)


def _accuracy(known: Floats, right: Floats) -> dict[str, Any]:
    """Columns ``known``, ``accuracy`` and its interval, null where nothing is known."""
    accuracy = np.divide(right, known, out=np.full(known.shape, np.nan), where=known > 0)
    low, high = wilson(accuracy, known)
    shown = {"accuracy": accuracy, "low": low, "high": high}
    nulls = {title: pa.array(values, mask=known == 0) for title, values in shown.items()}
    return {"known": known.astype(np.int64), **nulls}
