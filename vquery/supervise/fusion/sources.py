"""What speaks for the classes of items: votes, propagation, corrections, each as evidence.

Evidence is the logarithm of how likely what a source says is under each class, up to a constant an
item: zeros say nothing, and independent evidence adds up. A source that gives probabilities has
mixed the balance of the classes in; it is taken out again, so that it counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

SUREST = 0.999
"""No source but a human is believed beyond this: claims of more rest on fewer labels than it would
take to see one error in a thousand."""


@dataclass(frozen=True, eq=False)
class Source:
    """Evidence of one source about n items and k classes.

    Attributes
    ----------
    name
        Such as "votes"; different for each source of a fusion.
    evidence
        Shape (n, k), natural logarithms; rows of zeros where the source says nothing.
    says
        Shape (n,): whether the source says something.
    left_out
        The evidence as it would be without the human label of the item itself, shape (n, k), for
        sources that draw on human labels; NaN in rows where it is not known. None: the source
        knows no human label.
    """

    name: str
    evidence: Floats
    says: Bools
    left_out: Floats | None = None

    def __post_init__(self) -> None:
        shapes = [self.evidence.shape, *([] if self.left_out is None else [self.left_out.shape])]
        if any(len(one) != 2 or one != shapes[0] for one in shapes):
            raise SchemaError(f"{self.name}: evidence has shape (items, classes), got {shapes}")
        if self.says.shape != (len(self.evidence),):
            raise SchemaError(
                f"{self.name}: says has one entry for each of {len(self.evidence)} items, got "
                f"shape {self.says.shape}"
            )
        bad = np.flatnonzero(~np.isfinite(self.evidence).all(axis=1))
        if len(bad):
            raise SchemaError(
                f"{self.name}, row {bad[0]}: evidence must be finite ({len(bad)} such rows)"
            )


def posterior(
    name: str, probability: ArrayLike, prior: ArrayLike, says: ArrayLike | None = None
) -> Source:
    """Make a source of probabilities, from which the balance that they contain is taken out.

    Parameters
    ----------
    probability
        Shape (n, k), rows sum to 1.
    prior
        Shape (k,): the balance of the classes that the probabilities were made with.
    says
        Shape (n,): where the source says something; by default where a row differs from the prior.

    >>> posterior("votes", [[0.9, 0.1], [0.5, 0.5]], [0.5, 0.5]).evidence.round(2).tolist()
    [[0.59, -1.61], [0.0, 0.0]]
    """
    chance = np.clip(np.asarray(probability, np.float64), 1 - SUREST, SUREST)
    evidence = np.log(chance) - np.log(np.asarray(prior, np.float64))
    given = np.abs(evidence).max(axis=1, initial=0.0) > 0 if says is None else np.asarray(says)
    evidence[~given] = 0.0
    return Source(name, evidence, np.asarray(given, bool))


def hints(
    name: str,
    codes: ArrayLike,
    probability: ArrayLike,
    balance: ArrayLike,
    *,
    rest: ArrayLike | None = None,
    left_out: tuple[ArrayLike, ArrayLike] | None = None,
) -> Source:
    """Make a source that names one class an item, with the probability that it is right.

    Parameters
    ----------
    codes
        Shape (n,): class, -1 where the source says nothing.
    probability
        Shape (n,), from 0 to 1; anything where nothing is said.
    balance
        Shape (k,), positive, sums to 1.
    rest
        Shape (k,), positive: how the rest of the probability is spread over the other classes; by
        default as their balance has it.
    left_out
        Codes and probabilities as they would be without the item's own human label; code -1
        where that is not known.

    Raises
    ------
    SchemaError
        If a probability is none, or a code no class; it names the row.

    >>> hints("propagation", [1, -1], [0.9, 0.0], [0.5, 0.5]).evidence.round(2).tolist()
    [[-1.61, 0.59], [0.0, 0.0]]
    """
    share = np.asarray(balance, np.float64)
    spread = share if rest is None else np.asarray(rest, np.float64)
    evidence, says = _hinted(name, codes, probability, share, spread)
    apart = None
    if left_out is not None:
        apart, known = _hinted(name, *left_out, share, spread)
        apart[~known] = np.nan
    return Source(name, evidence, says, apart)


def _hinted(
    name: str, codes: ArrayLike, probability: ArrayLike, share: Floats, spread: Floats
) -> tuple[Floats, Bools]:
    code, chance = np.asarray(codes, np.int64), np.asarray(probability, np.float64)
    says = code >= 0
    bad = np.flatnonzero((code >= len(share)) | (code < -1))
    if len(bad):
        raise SchemaError(
            f"{name}, row {bad[0]}: expected a class from 0 to {len(share) - 1} or -1, got "
            f"{code[bad[0]]}"
        )
    bad = np.flatnonzero(says & ~((chance >= 0) & (chance <= 1)))
    if len(bad):
        raise SchemaError(
            f"{name}, row {bad[0]}: a probability is from 0 to 1, got {chance[bad[0]]}"
        )
    evidence = np.zeros((len(code), len(share)))
    rows, mine = np.flatnonzero(says), code[says]
    if len(share) > 1:
        sure = np.clip(chance[says], 1 - SUREST, SUREST)
        evidence[rows] = np.log((1 - sure) / (spread.sum() - spread[mine]))[:, None]
        evidence[rows] += np.log(spread / share)
        evidence[rows, mine] = np.log(sure / share[mine])
    return evidence, says


def aligned(
    evidence: ArrayLike,
    own: Sequence[Hashable],
    classes: Sequence[Hashable],
    balance: ArrayLike,
) -> Floats:
    """Bring evidence on the classes that a source knows to all classes, shape (n, len(classes)).

    What it does not know gets the evidence of its own classes taken together, weighted with their
    balance: the source speaks neither for nor against it.

    Parameters
    ----------
    evidence
        Shape (n, len(own)).
    own
        Classes of the columns, all among ``classes``.
    balance
        Shape (len(classes),), positive.

    >>> found = aligned([[np.log(3.0), np.log(1.0)]], ["a", "b"], ["b", "c", "a"], [0.4, 0.2, 0.4])
    >>> np.exp(found).round(3).tolist()
    [[1.0, 2.0, 3.0]]
    """
    table, share = np.asarray(evidence, np.float64), np.asarray(balance, np.float64)
    place = [list(classes).index(one) for one in own]
    weight = np.log(share[place] / share[place].sum())
    top = table.max(axis=1, keepdims=True, initial=-np.inf)
    found = np.repeat(
        top + np.log(np.exp(table - top + weight).sum(1, keepdims=True)), len(share), 1
    )
    found[:, place] = table
    return np.asarray(found)
