"""`assess`: judge soft labels by what people say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.engine.bring import in_own_order
from vquery.errors import LabelError, SchemaError
from vquery.supervise.proof.assessment import Assessment, Options
from vquery.supervise.proof.rows import judgements
from vquery.supervise.slices import slices_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pyarrow as pa
    from numpy.typing import ArrayLike

    from vquery.supervise.slices import Slices


def assess(
    probability: ArrayLike | None,
    truth: Any,
    *,
    labels: Any = None,
    classes: Sequence[Hashable] | None = None,
    items: pa.Table | None = None,
    groups: Any = None,
    slices: Slices | None = None,
    threshold: float = 0.5,
    gap: float = 0.0,
    tiou: Sequence[float] | float = (0.5,),
    bins: int = 10,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Assessment:
    """Measure how good labels are, with intervals over whole groups such as videos.

    Parameters
    ----------
    probability
        Shape (n, K) in the order of ``classes``, or (n,) of the second of two; None where there are
        only ``labels``.
    truth
        Shape (n,): classes or their codes; None, NaN or -1 where nobody knows.
    labels
        Shape (n,): what was decided; None or -1 for no label. By default the most probable class,
        of two the second where its probability is above ``threshold``.
    classes
        What codes mean; by default 0, 1, … . The second of two is the positive one.
    items
        n rows: with ``video, start_us, end_us`` figures also count seconds and segments; other
        columns serve slices.
    groups
        Shape (n,): what is drawn for intervals. By default the video; without any, each item.
        Neighbouring items are alike, so that parts of one long video should be minutes, not items.
    slices
        Parts of the items to be told apart: see `vquery.slice`.
    threshold
        Of two classes, above which probability the second one is decided.
    gap
        Seconds without any item that do not end a segment.
    tiou
        Overlaps from which a segment counts as found, above 0 up to 1.
    bins
        Bins of probability for the calibration error.
    draws, seed, level
        Samples of groups, their start, and the share of them inside an interval.

    Returns
    -------
    Assessment
        ``metrics``, ``slices``, ``worst()``, ``reliability``, ``compare()``, ``to_dict()``.

    Raises
    ------
    LabelError, SchemaError
        Naming the argument and the row that cannot be.

    >>> print(assess([0.9, 0.2, 0.6], ["yes", "no", None], classes=["no", "yes"]).metric("f1"))
    1.0
    """
    thresholds = _tious(tiou)
    whole = all(isinstance(one, int | np.integer) for one in (draws, bins, seed))
    if not whole or draws < 1 or bins < 1 or seed < 0 or not _number(level) or not 0 < level < 1:
        raise SchemaError(
            "draws and bins must be whole numbers of at least 1, seed one of at least 0, and level "
            f"between 0 and 1; got {draws!r}, {bins!r}, {seed!r} and {level!r}"
        )
    if not _number(gap) or not 0 <= gap < np.inf:
        raise SchemaError(f"gap must be seconds of at least 0, got {gap!r}")
    if not _number(threshold) or not 0 <= threshold <= 1:
        raise SchemaError(f"threshold must be from 0 to 1, got {threshold!r}")
    items = None if items is None else in_own_order(items, "items")
    rows = judgements(
        probability, truth, labels=labels, classes=classes, threshold=threshold, items=items,
        groups=groups, gap=gap,
    )  # fmt: skip
    if not rows.known.any():
        raise LabelError("no truth is known: there is nothing to judge by")
    named = slices_of(slices, items, rows.n)
    return Assessment(rows, items, named, Options(thresholds, bins, draws, seed, level))


def _number(value: Any) -> bool:
    return isinstance(value, int | float | np.number)


def _tious(given: Any) -> tuple[float, ...]:
    """Take overlaps, one or several, in order."""
    several = [given] if _number(given) else list(given) if hasattr(given, "__iter__") else []
    if not several or not all(_number(one) and 0 < one <= 1 for one in several):
        raise SchemaError(f"tiou must be numbers above 0 and at most 1, got {given!r}")
    return tuple(sorted({float(one) for one in several}))
