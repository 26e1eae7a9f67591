"""Given labels that are probably wrong, by probabilities from other videos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.bring import in_own_order
from vquery.errors import LabelError, SchemaError
from vquery.metrics.calibration import numbers
from vquery.metrics.confident import Suspects, folds_of, suspects
from vquery.supervise.proof.rows import coded, row_columns
from vquery.view.page import fragment, heading, paragraph, rows_html

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Train = Callable[[Ints, Ints], ArrayLike]

SHOWN = 20
OWN = ("row", "given", "likely", "margin", "self_confidence")
"""Columns of the table beside those of items."""


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """Suspected errors among given labels.

    Attributes
    ----------
    table
        Most suspicious first: ``row``, the columns of items, ``given``, ``likely`` (what it seems
        to be), ``margin`` (probability of that less that of the given one), ``self_confidence``.
    joint
        For each given class the estimated number of items that truly are of each class.
    expected
        Estimated number of wrong labels among ``judged``.
    judged
        Items that have a label.
    """

    table: pa.Table
    joint: pa.Table
    expected: float
    judged: int

    def __str__(self) -> str:
        return (
            f"{self.table.num_rows:,} of {self.judged:,} labels are suspected; about "
            f"{self.expected:,.0f} are wrong"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        shown = self.table.slice(0, SHOWN)
        return fragment(
            paragraph(str(self)),
            rows_html(shown),
            heading("given labels and what they truly are, estimated"),
            rows_html(self.joint),
        )


def label_errors(
    probability: ArrayLike | Train,
    given: Any,
    *,
    classes: Sequence[Hashable] | None = None,
    groups: Any = None,
    folds: int = 5,
    items: pa.Table | None = None,
    rank: str = "margin",
) -> LabelErrors:
    """Find given labels that are probably wrong, by confident learning.

    Parameters
    ----------
    probability
        Shape (n, K), or (n,) of the second of two classes, from a model that did not see these
        labels nor those of neighbouring frames; or a function that makes them (see `out_of_fold`),
        which is then called once for each fold of ``groups``.
    given
        Shape (n,): the labels to be checked, None or -1 for none.
    classes
        As for `vquery.assess`.
    groups
        Shape (n,), such as the video of each item; for a function. By default ``items["video"]``.
    folds
        Number of folds, each of whole groups.
    items
        n rows; their columns are repeated for the suspects.
    rank
        "margin" or "self".

    Raises
    ------
    LabelError, SchemaError
        If a function comes without groups, or something cannot be; naming the row.

    >>> found = label_errors([0.9, 0.8, 0.1, 0.2, 0.95], [1, 1, 0, 0, 0])
    >>> found, found.table.select(["row", "given", "likely"]).to_pylist()
    (1 of 5 labels are suspected; about 1 are wrong, [{'row': 4, 'given': '0', 'likely': '1'}])
    """
    items = None if items is None else in_own_order(items, "items")
    if callable(probability):
        if groups is None and (items is None or "video" not in items.column_names):
            raise LabelError(
                "label_errors() with a function needs groups=, such as the video of each item: "
                "neighbouring frames must not be on both sides"
            )
        held = groups if groups is not None or items is None else items["video"].to_pylist()
        chance = out_of_fold(probability, held, folds=folds)
    else:
        chance = numbers(probability, "probability")
    count = chance.shape[1] if chance.ndim == 2 else 2
    known = tuple(range(count)) if classes is None else tuple(classes)
    if len(known) != count or len(set(known)) < count:
        raise LabelError(
            f"classes must be {count} different values, one a column of probability; got "
            f"{list(known)}"
        )
    codes = coded(given, known, "given")
    if len(codes) != len(chance):
        raise SchemaError(f"given must have {len(chance)} entries, one an item; got {len(codes)}")
    found = suspects(chance, codes, rank=rank)
    names = [str(value) for value in known]
    joint = {"given": names, **{name: found.joint[:, k] for k, name in enumerate(names)}}
    table = _table(found, codes, names, items)
    return LabelErrors(table, pa.table(joint), found.expected, int((codes >= 0).sum()))


def out_of_fold(train: Train, groups: Any, *, folds: int = 5) -> Floats:
    """Predict each fold by a model of the other folds; a fold holds whole groups, such as videos.

    Parameters
    ----------
    train
        Called with the row numbers to learn from and those to predict; returns the probabilities
        of the latter, (rows,) or (rows, K).
    groups
        Shape (n,).
    folds
        At least 2, at most the number of groups.

    Raises
    ------
    SchemaError
        If there are too few groups, or a fold does not get one row of probabilities for each item.

    >>> def shares(train, test):  # of class 1 among the rows learnt from
    ...     return np.full(len(test), (train < 2).mean())
    >>> out_of_fold(shares, ["a", "a", "b", "b"], folds=2)
    array([0., 0., 1., 1.])
    """
    fold = folds_of(groups, folds)
    found: Floats | None = None
    for number in range(folds):
        test = np.flatnonzero(fold == number)
        part = numbers(train(np.flatnonzero(fold != number), test), f"fold {number}: probabilities")
        if (
            part.ndim not in (1, 2)
            or len(part) != len(test)
            or (found is not None and part.shape[1:] != found.shape[1:])
        ):
            raise SchemaError(
                f"fold {number}: expected probabilities of {len(test)} items, shape ({len(test)},) "
                f"or ({len(test)}, K) with the same K in all folds; got {part.shape}"
            )
        if found is None:
            found = np.zeros((len(fold), *part.shape[1:]))
        found[test] = part
    return np.zeros(0) if found is None else found


def _table(found: Suspects, codes: Ints, names: list[str], items: pa.Table | None) -> pa.Table:
    if items is not None and items.num_rows != len(codes):
        raise SchemaError(f"items must have {len(codes)} rows, got {items.num_rows}")
    columns = row_columns(items, found.rows, OWN)
    columns["given"] = pa.array([names[code] for code in codes[found.rows]], pa.string())
    columns["likely"] = pa.array([names[code] for code in found.likely], pa.string())
    return pa.table(columns | {"margin": found.margin, "self_confidence": found.self_confidence})
