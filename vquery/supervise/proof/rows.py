"""What is judged, as arrays in order of time: labels, truth, groups, times."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import group_codes
from vquery.errors import LabelError, SchemaError
from vquery.metrics.calibration import UNKNOWN, distributions
from vquery.schema import KEYS, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_GROUPS = 2000
"""Groups that are drawn one by one; more are drawn in bundles: less work, the same spread."""
NO_CLASS = UNKNOWN - 1
MOST_CLASSES = 1000
"""Numbers of classes that are not named; more are a mistake, such as ids."""


@dataclass(frozen=True, eq=False)
class Judgements:
    """Items with what was found and what is true; all arrays have n entries, in the given order.

    Attributes
    ----------
    classes
        What codes mean.
    label, truth
        Codes, -1 for no label and for an unknown truth.
    probability
        (n, K), or None where only labels were given.
    seconds
        How long each lasts; ones where items have no time.
    group, groups
        Code of the group that intervals draw, such as the video, and how many there are.
    bundle
        What is drawn together: the group, unless there are very many.
    order, piece, video
        Rows in order of time, and for each of those its run of time without a gap and its video;
        empty where items overlap, so that segments mean nothing.
    start, end
        Microseconds, or row numbers where items have no time.
    timed
        Whether ``start`` and ``end`` are times.
    """

    classes: tuple[Hashable, ...]
    label: Ints
    truth: Ints
    probability: Floats | None
    seconds: Floats
    group: Ints
    groups: int
    bundle: Ints
    order: Ints
    piece: Ints
    video: Ints
    start: Ints
    end: Ints
    timed: bool

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.label)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where the truth is known."""
        return np.asarray(self.truth != UNKNOWN)

    @property
    def positive(self) -> tuple[int, ...]:
        """Codes that precision and segments are about: the second of two classes, else all."""
        return (1,) if len(self.classes) == 2 else tuple(range(len(self.classes)))


def judgements(
    probability: ArrayLike | None,
    truth: Any,
    *,
    labels: Any,
    classes: Sequence[Hashable] | None,
    threshold: float,
    items: pa.Table | None,
    groups: Any,
    gap: float,
) -> Judgements:
    """Check what was given and bring it into one form; see `vquery.assess`."""
    if probability is None and labels is None:
        raise LabelError("give probability, or labels=: there is nothing to judge")
    chance = None if probability is None else distributions(probability)
    known = _classes(classes, chance, truth, labels)
    if chance is not None and chance.shape[1] != len(known):
        raise LabelError(
            f"probability has {chance.shape[1]} columns, but there are {len(known)} classes: "
            f"{', '.join(map(str, known))}"
        )
    codes = coded(truth, known, "truth")
    n = len(codes)
    found = _found(chance, labels, known, threshold)
    sizes = {
        "probability": n if chance is None else len(chance),
        "labels": len(found),
        "items": n if items is None else items.num_rows,
    }
    for name, size in sizes.items():
        if size != n:
            raise SchemaError(f"{name} must have {n} entries, as truth has; got {size}")
    group = _groups(groups, items, n)
    count = int(group.max()) + 1 if n else 0
    start, end, timed = _times(items, n)
    order, piece, video = _in_time(items, start, end, timed=timed, gap=round(gap * US_PER_S))
    seconds = (end - start) / US_PER_S if timed else np.ones(n)
    return Judgements(
        known, found, codes, chance, seconds, group, count, _bundles(group, count),
        order, piece, video, start, end, timed,
    )  # fmt: skip


def coded(values: Any, classes: tuple[Hashable, ...], name: str) -> Ints:
    """Turn values of classes, or their codes, into codes; null, NaN and -1 are -1.

    Whole numbers are codes unless classes are numbers themselves.

    >>> coded(["no", None, "yes"], ("no", "yes"), "truth"), coded([1, -1], ("no", "yes"), "truth")
    (array([ 0, -1,  1]), array([ 1, -1]))
    >>> coded([1, -1], (-1, 1), "truth")
    array([1, 0])
    """
    given = values.to_pylist() if hasattr(values, "to_pylist") else values
    array = np.asarray(given, dtype=None if isinstance(given, np.ndarray) else object)
    if array.ndim != 1:
        raise SchemaError(f"{name} must have one entry an item, got shape {array.shape}")
    code = {value: number for number, value in enumerate(classes)}
    numbers = any(isinstance(value, int | float) for value in classes)
    if not numbers:
        code |= {number: number for number in range(len(classes))}
    code.setdefault(UNKNOWN, UNKNOWN)
    code.setdefault(None, UNKNOWN)
    plain = [None if _is_missing(value) else value for value in array.tolist()]
    try:
        found = np.array([code.get(value, NO_CLASS) for value in plain], np.int64)
    except TypeError as error:  # lists and the like
        raise LabelError(f"{name} must be single values, one an item: {error}") from error
    bad = np.flatnonzero(found == NO_CLASS)
    if bad.size:
        raise LabelError(
            f"{name}, row {bad[0]}: expected one of {list(classes)}, or None where there is none; "
            f"got {plain[bad[0]]!r} ({bad.size} such rows)" + _hint(plain[bad[0]])
        )
    return found


def _hint(value: Any) -> str:
    """Say what db.truth() means by a number."""
    said = "; -2 says that the item is of none of the classes: add a class for them, or take -1"
    return said if value == NO_CLASS else ""


def row_columns(items: pa.Table | None, rows: Ints, own: Sequence[str]) -> dict[str, Any]:
    """Columns that tell which rows are meant: ``row``, and those of items but for names of ``own``.

    >>> list(row_columns(pa.table({"video": ["a"], "row": [7]}), np.array([0]), ("row",)))
    ['row', 'video']
    """
    columns: dict[str, Any] = {"row": pa.array(rows)}
    if items is not None:
        picked = items.take(columns["row"])
        columns |= {name: picked[name] for name in picked.column_names if name not in own}
    return columns


def _is_missing(value: Any) -> bool:
    """Whether a value is NaN, NaT or pandas.NA, which do not equal themselves."""
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return True


def decided(probability: Floats, threshold: float) -> Ints:
    """Take the most probable class; of two the second one where it is above ``threshold``.

    >>> decided(np.array([[0.5, 0.5], [0.4, 0.6]]), 0.5)
    array([0, 1])
    """
    if probability.shape[1] == 2:
        return (probability[:, 1] > threshold).astype(np.int64)
    return np.asarray(probability.argmax(axis=1))


def _found(
    chance: Floats | None, labels: Any, known: tuple[Hashable, ...], threshold: float
) -> Ints:
    if chance is None or labels is not None:
        return coded(labels, known, "labels")
    return decided(chance, threshold)


def _classes(
    classes: Sequence[Hashable] | None, chance: Floats | None, truth: Any, labels: Any
) -> tuple[Hashable, ...]:
    if classes is not None:
        known = tuple(classes) if hasattr(classes, "__iter__") else ()
        if not all(isinstance(value, Hashable) for value in known):
            raise LabelError(f"classes must be single values such as texts, got {list(known)}")
        if len(set(known)) < len(known) or len(known) < 2:
            raise LabelError(f"classes must be two or more different values, got {list(known)}")
        return known
    if chance is not None:
        return tuple(range(chance.shape[1]))
    values = {value for each in (truth, labels) for value in _plain(each)}
    values -= {None, UNKNOWN}
    if all(isinstance(value, int) for value in values):
        most = max(values, default=1)
        if most >= MOST_CLASSES:
            raise LabelError(
                f"truth and labels have numbers up to {most}, which cannot all be classes: say "
                "which classes= there are, in order"
            )
        return tuple(range(max(2, most + 1)))
    raise LabelError(
        f"labels are {sorted(map(str, values))}: say which classes= there are, in order"
    )


def _plain(values: Any) -> list[Any]:
    given = values.to_pylist() if hasattr(values, "to_pylist") else values
    return list(np.asarray(given, object).tolist())


def _groups(groups: Any, items: pa.Table | None, n: int) -> Ints:
    if groups is None:
        if items is None or "video" not in items.column_names:
            return np.arange(n)
        column = items["video"]
    else:
        column = _column(groups)
    if len(column) != n:
        raise SchemaError(f"groups must have {n} entries, as truth has; got {len(column)}")
    codes = np.unique(group_codes([column]), return_inverse=True)[1]
    return codes.astype(np.int64)


def _column(groups: Any) -> pa.ChunkedArray:
    if isinstance(groups, pa.ChunkedArray):
        return groups
    try:
        return pa.chunked_array([groups])
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SchemaError(
            f"groups must be one value for each item, all of one type: {error}"
        ) from error


def _bundles(group: Ints, count: int) -> Ints:
    if count <= MOST_GROUPS:
        return group
    # neighbours must not share a bundle more often than others
    return np.random.default_rng(0).permutation(count)[group] % MOST_GROUPS


def _times(items: pa.Table | None, n: int) -> tuple[Ints, Ints, bool]:
    if items is not None and set(KEYS) <= set(items.column_names):
        kinds = [items[key].type for key in KEYS[1:]]
        missing = [items[key].is_null().to_numpy() for key in KEYS[1:]]
        if not all(map(pa.types.is_integer, kinds)):
            raise SchemaError(
                f"items: start_us and end_us must be whole microseconds, got {kinds[0]} and "
                f"{kinds[1]}"
            )
        start, end = (pc.fill_null(items[key], 0).to_numpy().astype(np.int64) for key in KEYS[1:])
        bad = np.flatnonzero(missing[0] | missing[1] | (end < start))
        if bad.size:
            raise SchemaError(
                f"items, row {bad[0]}: start_us and end_us must be given, the end not before the "
                f"start ({bad.size} such rows)"
            )
        if (end > start).any():
            return start, end, True
    return np.arange(n), np.arange(n) + 1, False


def _in_time(
    items: pa.Table | None, start: Ints, end: Ints, *, timed: bool, gap: int
) -> tuple[Ints, Ints, Ints]:
    """Order rows by video and time and number the pieces of time without a gap."""
    n = len(start)
    keys = [key for key in ("video", "track") if items is not None and key in items.column_names]
    for used in range(min(1, len(keys)), len(keys) + 1):
        video = np.zeros(n, np.int64)
        if used and items is not None:
            video = np.asarray(group_codes([items[key] for key in keys[:used]]), np.int64)
        order = np.lexsort((start, video))
        first, last, of = start[order], end[order], video[order]
        same = of[1:] == of[:-1]
        if not (timed and (same & (first[1:] < last[:-1])).any()):
            far = first[1:] - last[:-1] > gap if timed else np.zeros(max(n - 1, 0), bool)
            piece = np.concatenate((np.zeros(min(n, 1), np.int64), np.cumsum(~same | far)))
            return order, piece, of
    nothing = np.zeros(0, np.int64)
    return nothing, nothing, nothing
