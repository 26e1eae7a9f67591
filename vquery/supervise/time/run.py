"""Transitions at work: the kernel's view of them, on the nodes of sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery.supervise.time.transitions import jumps, powers, spent
from vquery_kernels.chain import Spell, posterior, spell_path, spell_posterior

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from vquery.supervise.time.sequences import Sequences
    from vquery.supervise.time.transitions import Transitions
    from vquery_kernels.chain import Marginals

    Codes = NDArray[np.int16]
    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

ENOUGH = 50_000
"""Nodes from which transitions are learnt at most: changes that matter happen hundreds of
times in so many, and learning takes about two seconds."""
STRETCH = 5_000
"""Nodes of a stretch: five times the longest lag that is looked at."""
GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, less their whole parts, are spread evenly however many are taken."""
SHORT = 1e-6
"""Ticks that a spell lasts beyond its least duration at least, so that logarithms are finite."""


class Evidence(NamedTuple):
    """Votes in the order of a model's classes, and what they say of each item.

    ``votes`` (n, m) codes; ``evidence`` (n, K) log-likelihoods; ``confusion`` (m, K, K + 1);
    ``balance`` (K,).
    """

    classes: tuple[Hashable, ...]
    votes: Codes
    evidence: Floats
    confusion: Floats
    balance: Floats


def sampled(given: Evidence, sequences: Sequences) -> tuple[Evidence, Sequences]:
    """Keep stretches of items from all over, where there are more than are needed to learn from.

    Stretches are next to `STRETCH` nodes long and evenly spread, the same at every call.
    """
    total = len(sequences.row)
    if total <= ENOUGH:
        return given, sequences
    cuts = np.unique(np.concatenate((sequences.bounds, np.arange(0, total, STRETCH))))
    kept = np.arange(len(cuts) - 1)
    order = (kept * GOLDEN) % 1.0
    taken = np.argsort(order, kind="stable")
    enough = int(np.searchsorted(np.cumsum(np.diff(cuts)[taken]), ENOUGH)) + 1
    taken = np.sort(taken[:enough])
    node = np.concatenate([np.arange(cuts[each], cuts[each + 1]) for each in taken])
    bounds = np.concatenate(([0], np.cumsum(np.diff(cuts)[taken])))
    rows = sequences.row[node]
    items = np.flatnonzero(rows >= 0)
    number = np.full(len(node), -1, np.int64)
    number[items] = np.arange(items.size)
    owner = np.searchsorted(sequences.bounds, cuts[taken], side="right") - 1
    few = sequences._replace(
        bounds=bounds,
        row=number,
        length=sequences.length[node],
        looks=sequences.looks[node],
        start_us=sequences.start_us[node],
        end_us=sequences.end_us[node],
        video=[sequences.video[each] for each in owner],
    )
    chosen = rows[items]
    return given._replace(votes=given.votes[chosen], evidence=given.evidence[chosen]), few


def of_nodes(evidence: Floats, sequences: Sequences) -> Floats:
    """Bring evidence of items to nodes, once for each look; gaps say nothing."""
    out = evidence[np.maximum(sequences.row, 0)] * sequences.looks[:, None]
    out[sequences.row < 0] = 0.0
    return np.asarray(out)


def spell_of(made: Transitions) -> Spell:
    """Give the kernel what it needs of least and mean durations, in ticks."""
    least, mean = made.shortest / made.step, made.mean / made.step
    beyond = np.maximum(mean - np.maximum(least, 1.0) + 1, 1 + SHORT)
    with np.errstate(divide="ignore"):
        switch = np.log(jumps(made.matrix) / beyond[:, None])
    start = spent(made.mean, jumps(made.matrix)) if least.any() else made.balance
    return Spell(least, np.log(start), np.log1p(-1 / beyond), switch)


def chances(evidence: Floats, sequences: Sequences, made: Transitions) -> Marginals:
    """Probability of the classes in each node, given all evidence (nodes, K) of its sequence."""
    ticks = sequences.length / made.step
    total = evidence * made.temper
    if made.shortest.any():
        return spell_posterior(sequences.bounds, ticks, total, spell_of(made))
    # items that weigh by their time may change class inside, at each of their looks
    looks = np.maximum(np.rint(sequences.looks), 1)
    place, tables = powers(made.matrix, ticks / looks)
    each = total / looks[:, None]
    start = made.balance
    return posterior(sequences.bounds, looks.astype(np.int64), each, place, tables, start)


def path(evidence: Floats, sequences: Sequences, made: Transitions) -> Ints:
    """Classes of the nodes, (nodes,), that are likeliest together."""
    ticks = sequences.length / made.step
    return spell_path(sequences.bounds, ticks, evidence * made.temper, spell_of(made)).code
