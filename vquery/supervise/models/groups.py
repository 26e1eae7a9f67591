"""Parameters of groups of items, such as channels, drawn to those of all items."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.supervise.models.dawid_skene import Prior, fit
from vquery.supervise.models.majority import MAJORITY
from vquery.supervise.models.pairs import Pairs
from vquery.supervise.models.patterns import Design
from vquery.supervise.soft import posterior_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from numpy.typing import NDArray

    from vquery.supervise.models.estimate import Estimate
    from vquery.supervise.models.patterns import Patterns

    Floats = NDArray[np.float64]

SHRINKAGE = 50.0
"""Items that the whole counts for in each group: a group of as many is half itself."""


def of_group(patterns: Patterns, whole: Estimate, given: Floats | None) -> Estimate:
    """Fit the items of a group, starting from and drawn to the model of all items.

    Temper and doubt stay those of the whole; a smoothed vote has nothing to learn and stays too.
    """
    if whole.method == MAJORITY:
        return whole
    k = len(whole.balance)
    design = Design(patterns.votes, k)
    prior = Prior(
        SHRINKAGE * whole.balance[None, :, None] * whole.confusion,
        SHRINKAGE * whole.balance,
        given,
    )
    joint = design.total(np.log(whole.confusion)) + np.log(whole.balance)
    pairs = None
    if len(whole.members):
        pairs = Pairs(whole.members, patterns.votes, k)
        joint += pairs.beyond(whole.confusion, whole.together)
    start = posterior_of(joint)[0]
    found = fit(design, patterns.counts, start, prior, pairs)
    return replace(
        whole, balance=found.balance, confusion=found.confusion, together=found.together, notes=()
    )


def parts_of(groups: list[Hashable] | None, n: int) -> Iterator[tuple[Hashable, Any]]:
    """Give the rows of each group, in the order of their first one; all rows as group None.

    >>> [(name, rows.tolist()) for name, rows in parts_of(["b", "a", "b"], 3)]
    [('b', [0, 2]), ('a', [1])]
    """
    if groups is None:
        yield None, slice(0, n)
        return
    rows: dict[Hashable, list[int]] = {}
    for row, name in enumerate(groups):
        rows.setdefault(name, []).append(row)
    for name, listed in rows.items():
        yield name, np.array(listed)
