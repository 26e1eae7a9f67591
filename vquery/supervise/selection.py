"""Which violations to show to a person next.

A bandit over rules (BAL; D. Kang et al., Model Assertions for Monitoring and Improving ML Models,
2020): what was worth showing in the last round is shown more in the next one. Here it is without
chance: shares instead of draws, so that the same state gives the same choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vquery.errors import LabelError
from vquery.metrics.calibration import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

FALLING = 0.75
"""What rules get in proportion to how far they fell; the rest goes to all that fire alike, so that
none is forgotten."""
STILL = 0.01
"""Relative drop below which a rule no longer falls."""
APART_S = 2.0
"""Seconds between two choices of one video: what lies nearer shows the same."""

STILL_TOLD = "uncertain: no rule falls any more"


class Chosen(NamedTuple):
    """Rows of violations, best first, and why each was chosen."""

    row: Ints
    reason: list[str]


def shares(
    counts: Mapping[str, int], previous: Mapping[str, int] | None = None
) -> dict[str, float] | None:
    """Say how much of the choice each rule gets.

    Parameters
    ----------
    counts
        Violations of each rule now.
    previous
        The same in the last round; None in the first one. Rules that are new count as falling by
        nothing.

    Returns
    -------
    dict
        Shares that add up to 1, of rules that fire; None where no rule falls any more, so that
        rules can no longer say what is worth showing.

    >>> shares({"flicker": 50, "appear": 10}, {"flicker": 100, "appear": 10})
    {'flicker': 0.875, 'appear': 0.125}
    >>> shares({"flicker": 50, "appear": 0}), shares({"flicker": 50}, {"flicker": 50})
    ({'flicker': 1.0}, None)
    """
    firing = [rule for rule, count in counts.items() if count]
    if not firing:
        return {}
    alike = 1.0 / len(firing)
    if previous is None:
        return dict.fromkeys(firing, alike)
    drops = {
        rule: max(0.0, 1.0 - count / previous[rule])
        for rule, count in counts.items()
        if previous.get(rule)
    }
    if max(drops.values(), default=0.0) < STILL:
        return None
    total = sum(drops.get(rule, 0.0) for rule in firing)
    if not total:  # what fell is gone; the others share alike
        return dict.fromkeys(firing, alike)
    return {rule: FALLING * drops.get(rule, 0.0) / total + (1 - FALLING) * alike for rule in firing}


def choose(
    rule: Sequence[str],
    severity: ArrayLike,
    n: int,
    *,
    previous: Mapping[str, int] | None = None,
    video: ArrayLike | None = None,
    time_s: ArrayLike | None = None,
    group: ArrayLike | None = None,
    uncertainty: ArrayLike | None = None,
    barred: ArrayLike | None = None,
    apart_s: float = APART_S,
) -> Chosen:
    """Choose up to ``n`` of k violations.

    Rules take turns by their shares. Of a rule comes next what is of a group that was chosen least
    often, then what is most severe, then most uncertain. Where no rule falls any more, all are one
    and the most uncertain comes first (the most severe where nothing is known of that).

    Parameters
    ----------
    rule, severity
        Shape (k,) each.
    n
        At least 1.
    previous
        Violations of each rule in the last round, None in the first one.
    video, time_s
        Shape (k,): two choices of one video lie ``apart_s`` apart. By default all are far apart.
    group
        Shape (k,): slices to be served alike, such as channels; ``video`` by default.
    uncertainty
        Shape (k,), higher is less certain; NaN where it is not known.
    barred
        Shape (k,): what must not be chosen, such as what is labelled.

    Notes
    -----
    O(k n) at worst, since the groups change their turn with every choice.

    Raises
    ------
    LabelError
        If ``n`` is below 1, or the arrays differ in length.

    >>> choose(["a", "a", "b"], [0.5, 0.9, 0.1], 2).row.tolist()
    [1, 2]
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise LabelError(f"n must be a whole number of at least 1, got {n!r}")
    names = np.array(rule, object)
    k = len(names)
    place = _codes(video, k, "video")
    slices = place if group is None else _codes(group, k, "group")
    free = ~(np.zeros(k, bool) if barred is None else np.asarray(barred, bool))
    if free.shape != (k,):
        raise LabelError(f"barred must have {k} entries, as rule has; got shape {free.shape}")
    far = video is None or time_s is None
    clock = np.arange(k) * apart_s if far else _column(time_s, k, "time_s", 0.0)
    worth = _column(severity, k, "severity", 0.0)
    doubt = np.nan_to_num(_column(uncertainty, k, "uncertainty", 0.0), nan=0.0)
    share, kinds = _turns(names, previous)
    if share:
        order = np.lexsort((np.arange(k), -doubt, -worth))
        told = [
            f"{name}: {share[one]:.0%} of the choice"
            for name, one in zip(names, kinds.tolist(), strict=True)
        ]
    else:
        order = np.lexsort((np.arange(k), -worth, -doubt))
        share, kinds, told = {0: 1.0}, np.zeros(k, np.int64), [STILL_TOLD] * k
    rank = np.empty(k, np.int64)
    rank[order] = np.arange(k)
    picked: list[int] = []
    taken = dict.fromkeys(share, 0)
    served = np.zeros(int(slices.max(initial=0)) + 1, np.int64)
    while len(picked) < n and (left := [one for one in share if (free & (kinds == one)).any()]):
        turn = max(left, key=lambda one: share[one] * (len(picked) + 1) - taken[one])
        some = np.flatnonzero(free & (kinds == turn))
        best = int(some[np.lexsort((rank[some], served[slices[some]]))[0]])
        picked.append(best)
        taken[turn] += 1
        served[slices[best]] += 1
        free &= (place != place[best]) | (np.abs(clock - clock[best]) >= apart_s)
        free[best] = False
    return Chosen(np.array(picked, np.int64), [told[one] for one in picked])


def _turns(
    names: NDArray[Any], previous: Mapping[str, int] | None
) -> tuple[dict[int, float], Ints]:
    """Shares by code of the rule, and the code of each row; no shares where no rule falls."""
    known, kinds = np.unique(names.astype(str), return_inverse=True)
    counts = dict(
        zip(known.tolist(), np.bincount(kinds, minlength=len(known)).tolist(), strict=True)
    )
    gone = {} if previous is None else dict.fromkeys(set(previous) - set(counts), 0)
    found = shares(counts | gone, previous)
    code = {name: at for at, name in enumerate(known.tolist())}
    return {code[name]: part for name, part in (found or {}).items()}, kinds.reshape(-1)


def _column(values: ArrayLike | None, k: int, what: str, default: float) -> Floats:
    found = np.full(k, default) if values is None else numbers(values, what)
    if found.shape != (k,):
        raise LabelError(f"{what} must have {k} entries, as rule has; got shape {found.shape}")
    return found


def _codes(values: ArrayLike | None, k: int, what: str) -> Ints:
    if values is None:
        return np.zeros(k, np.int64)
    found = np.asarray(values)
    if found.shape != (k,):
        raise LabelError(f"{what} must have {k} entries, as rule has; got shape {found.shape}")
    return np.asarray(np.unique(found.astype(str), return_inverse=True)[1].reshape(-1), np.int64)
