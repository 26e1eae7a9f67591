"""What an end model learns from, checked: items, soft labels, weights, groups, slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LabelError, LearnError, SchemaError
from vquery.metrics.bootstrap import group_codes
from vquery.metrics.calibration import checked_weights, numbers
from vquery.supervise.soft import checked_soft, lead

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Members = NDArray[np.bool_]
    Balance = str | Mapping[Hashable, float] | None

LEAST = 5
"""Labelled items below which no end model is trained: heads of `FewShot` need no training."""
EVEN = "even"
PIXELS = 255


@dataclass(frozen=True, eq=False)
class Targets:
    """Everything that is learnt from, one row an item.

    Attributes
    ----------
    x
        float32 (n, d), or uint8 (n, 3, side, side).
    soft : float64 (n, k)
        Class probabilities; rows without weight may hold anything.
    weight : float64 (n,)
        What each item counts; the mean of those that count is 1.
    group : int64 (n,)
        Which stay together in folds.
    classes
        What the columns of ``soft`` mean.
    slices
        Members by name.
    """

    x: NDArray[Any]
    soft: Floats
    weight: Floats
    group: Ints
    classes: tuple[Hashable, ...]
    slices: Mapping[str, Members]
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of items, those without weight included."""
        return len(self.x)

    def members(self) -> NDArray[np.float32]:
        """Slices as columns, (n, s)."""
        if not self.slices:
            return np.zeros((self.n, 0), np.float32)
        return np.stack(list(self.slices.values()), axis=1).astype(np.float32)


def items_of(x: Any) -> NDArray[Any]:
    """Check items: vectors to float32, pictures to uint8.

    Raises
    ------
    SchemaError
        Naming the first row that is not finite, or the shape.

    >>> items_of([[1.0, float("nan")]])
    Traceback (most recent call last):
    vquery.errors.SchemaError: X, row 0: values must be finite (1 such row of 1)
    """
    if _are_pictures(x):
        return np.asarray(x.pixels)
    found = np.asarray(x)
    if found.ndim == 4:
        return _pixels(found)
    found = numbers(x, "X").astype(np.float32)
    if found.ndim != 2 or not found.shape[1]:
        raise SchemaError(
            "X must be vectors (items, dimensions) or pictures (items, 3, side, side), got shape "
            f"{found.shape}"
        )
    _refuse_infinite(found)
    return found


def _are_pictures(x: Any) -> bool:
    """Whether items are `vquery.learn.core.pictures.Pictures`, to import which takes PyTorch."""
    return hasattr(x, "pixels") and hasattr(x, "video")


def _pixels(found: NDArray[Any]) -> NDArray[np.uint8]:
    if found.shape[1] != 3 or found.shape[2] != found.shape[3]:
        raise SchemaError(f"pictures must have shape (items, 3, side, side), got {found.shape}")
    if found.dtype == np.uint8:
        return found
    _refuse_infinite(found.reshape(len(found), -1))
    if len(found) and not (found.min() >= 0 and found.max() <= 1):
        raise SchemaError("pictures must be bytes, or numbers from 0 to 1")
    return np.asarray(np.rint(found * PIXELS), np.uint8)


def _refuse_infinite(rows: NDArray[Any]) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(bad):
        many = "row" if len(bad) == 1 else "rows"
        raise SchemaError(
            f"X, row {bad[0]}: values must be finite ({len(bad)} such {many} of {len(rows)})"
        )


def labels_of(
    labels: Any, classes: Sequence[Hashable] | None
) -> tuple[Floats, Members, tuple[Hashable, ...]]:
    """Read soft labels (n, k), or one label an item; None and NaN are items without one.

    Returns
    -------
    Probabilities (n, k), which items have a label (n,), and the classes.

    >>> soft, known, classes = labels_of(["b", None, "a"], None)
    >>> soft.tolist(), known.tolist(), classes
    ([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], [True, False, True], ('a', 'b'))
    """
    if np.ndim(labels) == 2:
        soft = checked_soft(labels)
        names = tuple(range(soft.shape[1])) if classes is None else tuple(classes)
        if len(names) != soft.shape[1] or len(set(names)) < len(names):
            raise LabelError(
                f"classes= must be {soft.shape[1]} different values, one a column of P; got "
                f"{list(names)}"
            )
        return soft, np.ones(len(soft), bool), names
    given = np.asarray(labels, object)
    if given.ndim != 1:
        raise SchemaError(f"P must have shape (items, classes) or (items,), got {given.shape}")
    known = np.array([_is_label(one) for one in given.tolist()], bool)
    names = tuple(_sorted(set(given[known].tolist()))) if classes is None else tuple(classes)
    place = {name: at for at, name in enumerate(names)}
    strange = [one for one in given[known].tolist() if one not in place]
    if strange:
        raise LabelError(f"P has the label {strange[0]!r}, which is none of classes= {list(names)}")
    soft = np.full((len(given), len(names)), 1 / max(len(names), 1))
    soft[known] = np.eye(len(names))[[place[one] for one in given[known].tolist()]]
    return soft, known, names


def _is_label(value: Any) -> bool:
    return value is not None and value == value  # NaN differs from itself


def _sorted(values: set[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def targets(
    x: Any,
    labels: Any,
    *,
    weights: ArrayLike | str | None = "confidence",
    groups: Any = None,
    classes: Sequence[Hashable] | None = None,
    balance: Balance = None,
    slices: Mapping[str, Any] | None = None,
    slice_weight: float = 1.0,
) -> Targets:
    """Check and bring together what is learnt from; see `EndModel.fit`.

    Raises
    ------
    LabelError, LearnError, SchemaError
        If shapes differ, values cannot be, there are too few labelled items, or one class only.
    """
    items = items_of(x)
    soft, known, names = labels_of(labels, classes)
    if len(soft) != len(items):
        raise SchemaError(f"P must have {len(items)} rows, as X; got {len(soft)}")
    weight = _weights(weights, soft) * known
    members = members_of(slices, len(items))
    for one in members.values():
        weight = np.where(one, weight * slice_weight, weight)
    weight = weight * _balanced(soft, weight, names, balance)
    _refuse_few(soft, weight, names)
    weight /= weight[weight > 0].mean()
    group, notes = _groups(x, groups, len(items))
    return Targets(items, soft, weight, group, names, members, notes)


def _weights(given: Any, soft: Floats) -> Floats:
    if isinstance(given, str):
        if given != "confidence":
            raise LearnError(f"weights= must be 'confidence', numbers or None, got {given!r}")
        return lead(soft)
    return checked_weights(given, len(soft), "weights")


def members_of(slices: Mapping[str, Any] | None, n: int) -> dict[str, Members]:
    """Check who belongs to slices, by name."""
    return {str(name): flags(f"slice {name!r}", one, n) for name, one in (slices or {}).items()}


def flags(name: str, given: Any, n: int) -> Members:
    """Check booleans, one an item."""
    found = np.asarray(given)
    if found.shape != (n,) or found.dtype != np.bool_:
        raise SchemaError(f"{name}: expected {n} booleans, one an item")
    return found


def _balanced(
    soft: Floats, weight: Floats, names: tuple[Hashable, ...], balance: Balance
) -> Floats:
    """Return what each item is to count times so that classes have the shares asked for."""
    if balance is None:
        return np.ones(len(soft))
    if balance == EVEN:
        wanted = np.ones(len(names))
    elif isinstance(balance, Mapping) and set(balance) == set(names):
        wanted = np.array([balance[name] for name in names], np.float64)
    else:
        raise LearnError(
            f"balance= must be 'even', None, or a share for each of {list(names)}; got {balance!r}"
        )
    if not (np.isfinite(wanted).all() and (wanted >= 0).all() and wanted.any()):
        raise LearnError(f"balance=: shares must be at least 0 and not all 0, got {balance!r}")
    there = (soft * weight[:, None]).sum(0)
    factor = np.where(there > 0, wanted / wanted.sum() / np.where(there > 0, there, 1), 0.0)
    return np.asarray(soft @ factor)


def _refuse_few(soft: Floats, weight: Floats, names: tuple[Hashable, ...]) -> None:
    counts = weight > 0
    if counts.sum() < LEAST:
        raise LearnError(
            f"{int(counts.sum())} labelled items are too few to train on: at least {LEAST} with "
            "some confidence are needed. vq.FewShot learns a concept from 1 to 5 examples"
        )
    best = np.unique(soft[counts].argmax(1))
    if len(best) < 2:
        raise LearnError(
            f"all {int(counts.sum())} labelled items are most likely {names[best[0]]!r}: there is "
            "nothing to tell apart; label some items of another class, or as none of them"
        )


def _groups(x: Any, groups: Any, n: int) -> tuple[Ints, tuple[str, ...]]:
    if groups is None and _are_pictures(x):
        return x.video, ()
    if groups is None:
        note = "no groups= were given: neighbouring items may be on both sides of a fold"
        return np.arange(n), (note,)
    count, code = group_codes(groups)
    if len(code) != n:
        raise SchemaError(f"groups must have {n} entries, one an item; got {len(code)}")
    if count < 2:
        note = "all items are of one group: figures of left-out items are too good"
        return np.arange(n), (note,)
    return code, ()
