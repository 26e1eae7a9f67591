"""Measure whether a transformation moves items across labels.

That colour jitter helps on one collection says nothing about the next: where colour decides the
label, it destroys it (T. Xiao et al. 2021 found pretext tasks that learn to ignore colour to lose
on classes that colour tells apart). So it is measured, on the labels that there are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LearnError
from vquery.learn.augment.asked import Asked, items_of
from vquery.learn.augment.base import Transformation
from vquery.learn.augment.detail import Noise
from vquery.learn.augment.features import looks
from vquery.learn.augment.guesses import Guesses, main_axes
from vquery.learn.augment.preserving import UNTOLD, Kept, Preserving, judged, sentence
from vquery.learn.augment.shape import Crop, Flip, Rotate
from vquery.learn.augment.tone import Colour
from vquery.learn.core.values import share, whole
from vquery.metrics.bootstrap import interval_of_sums, sums_by
from vquery.supervise.calm import calm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from numpy.typing import ArrayLike, NDArray

    from vquery.learn.augment.asked import Items
    from vquery.learn.core.pictures import Pictures
    from vquery.metrics.bootstrap import Interval

    Ints = NDArray[np.int64]
    Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

logger = logging.getLogger("vquery")


def is_label_preserving(
    tf: Change,
    x: Pictures | ArrayLike | torch.Tensor,
    labels: Sequence[str | None] | NDArray[Any],
    *,
    groups: ArrayLike | None = None,
    beside: Mapping[str, Change] | None = None,
    embed: Callable[[torch.Tensor], torch.Tensor] | None = None,
    folds: int = 5,
    draws: int = 3,
    tolerance: float = 0.05,
    seed: int = 0,
) -> Preserving:
    """Measure for each class whether a transformation moves items across labels, and warn.

    A linear model is fitted, without the items it is asked about (folds by video or track). Of the
    items that it is right about, the share is counted whose label changes under the
    transformation, beside the share that changes anyhow when the model is fitted to another draw,
    and under other transformations. A change may be the model's fault: so another model is trained
    on transformed items too. Only what that one cannot see either is lost.

    Parameters
    ----------
    tf
        Transformation; or, for embeddings, any function of vectors (n, d) and a generator.
    x
        Pictures; or float (n, 3, h, w) from 0 to 1; or embeddings (n, d).
    labels
        One entry an item, None where there is none.
    groups
        One entry an item: what is never both learnt from and asked about. By default the videos of
        pictures where each fold has one, else their tracks; of arrays each item, which is right
        only where none is nearly another's copy.
    beside
        Other transformations by name; by default some mild ones.
    embed
        Maps pictures float (m, 3, h, w) on the CPU to vectors (m, d), such as a network that was
        trained; by default the built-in descriptor and coarse colours. What it does not see it
        cannot find to move.
    folds, draws
        Folds of groups, of which up to 20 are each a fold; times that each item is transformed.
    tolerance
        Share of changed labels that is taken for none.
    seed
        Of all that is random.

    Returns
    -------
    Preserving
        Intervals are of draws of whole groups; with fewer than about ten they are too narrow.

    Raises
    ------
    LabelError
        If labels do not fit or there are not two classes.
    LearnError
        If groups are too few for folds or pictures are none.

    >>> rng = np.random.default_rng(0)
    >>> shade = rng.random(60)
    >>> x = np.ones((60, 3, 8, 8)) * shade[:, None, None, None]
    >>> labels = np.where(shade > 0.5, "light", "dark")
    >>> negative = lambda x, generator: 1 - x
    >>> bool(is_label_preserving(negative, x, labels, beside={}, draws=1))
    False
    """
    whole("draws", draws, 1)
    share("tolerance", tolerance)
    items = items_of(x, labels, groups, folds, seed)
    if items.x.ndim == 2 and isinstance(tf, Transformation):
        raise LearnError(f"{tf.name} changes pictures, but x holds embeddings: give the pictures")
    asked = Asked(items, embed or (_same if items.x.ndim == 2 else looks), draws, seed)
    still, shaken = asked.plain(), asked.under(tf, 0)
    with calm(shaken.size):
        axes = main_axes(np.concatenate([still, *shaken]))
        guesses, moved = Guesses(still @ axes, items), shaken @ axes
        others = _beside(tf, items.x.ndim) if beside is None else dict(beside)
        found = _Found(
            guesses.under(moved),
            guesses.again(draws, seed),
            guesses.learnt(moved),
            {
                name: guesses.under(asked.under(one, number) @ axes)
                for number, (name, one) in enumerate(others.items(), 1)
            },
        )
    name = str(getattr(tf, "name", None) or getattr(tf, "__name__", "the transformation"))
    plain = guesses.plain
    classes = (None, *range(len(items.classes)))
    rows = judged([_row(items, plain, found, one) for one in classes], tolerance)
    told = [sentence(row, name, items.of) for row in rows[1:]]
    warnings = tuple(one for one in told if one is not None)
    for one in warnings:
        logger.warning(one)
    return Preserving(name, rows, warnings, items.unlabelled, items.left_out, items.of)


@dataclass(frozen=True, eq=False)
class _Found:
    """Guesses (draws, n).

    Under the transformation, by other models without it, by those that learnt it (of items as they
    are, and under it), and under other transformations.
    """

    moved: Ints
    again: Ints
    learnt: tuple[Ints, Ints]
    beside: dict[str, Ints]


def _row(items: Items, plain: Ints, found: _Found, one: int | None) -> Kept:
    """Sum up the items of a class, or of all."""
    own = np.ones(len(plain), bool) if one is None else items.code == one
    right = plain == items.code
    known = (own & right).astype(np.float64)

    def share(change: NDArray[Any], base: NDArray[Any]) -> Interval:
        sums = sums_by(items.group[own], (change * base)[own], base[own])
        return interval_of_sums(_ratio, sums)

    def changed(guesses: Ints) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = (guesses != plain).mean(0)
        return mean

    under, anyhow = changed(found.moved), changed(found.again)
    learnt, learnt_moved = (guesses == items.code for guesses in found.learnt)
    # right twice, so that neither side has more chances to be wrong
    lost = (right & (found.again == items.code)).mean(0) - (learnt & learnt_moved).mean(0)
    fled = found.moved[:, known > 0]
    into = np.bincount(fled[fled != plain[known > 0]], minlength=len(items.classes))
    return Kept(
        None if one is None else items.classes[one],
        int(own.sum()),
        len(np.unique(items.group[own])),
        float(right[own].mean()),
        share(under, known),
        share(anyhow, known),
        share(under - anyhow, known),
        share(lost, own.astype(np.float64)),
        items.classes[int(into.argmax())] if into.any() else None,
        {name: share(changed(guesses), known) for name, guesses in found.beside.items()},
        UNTOLD,
    )


def _ratio(total: NDArray[np.float64]) -> NDArray[np.float64]:
    some = total[:, 1] > 0
    return np.where(some, total[:, 0] / np.where(some, total[:, 1], 1), np.nan)


def _beside(tf: Change, dimensions: int) -> dict[str, Change]:
    if dimensions == 2:
        return {}
    mild: list[Transformation] = [
        Flip(p=1.0),
        Crop((0.7, 1.0)),
        Rotate(15.0),
        Colour(),
        Noise(0.05),
    ]
    return {one.name: one for one in mild if one.name != getattr(tf, "name", None)}


def _same(x: torch.Tensor) -> torch.Tensor:
    return x
