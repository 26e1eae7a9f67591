"""Edges between items during which the same is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import SchemaError
from vquery.graph.edges.symmetric import local_weights, symmetric
from vquery.graph.edges.wordings import Wordings, alike, slices, wordings
from vquery.graph.knn import Apart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from scipy import sparse

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Found = tuple[Ints, Ints, Floats]

TEXT_NEIGHBOURS = 4
LEAST = 0.5
"""Least cosine of texts that say the same."""
LOOK = 4
"""Times ``k``: utterances of one text that an item looks at, those about as far along the list."""
COMMON, FEW = 0.2, 20
"""A text that more than this share of all utterances have, and more than so many, is no sign of
anything: "[Music]" on half the items linked them at random and took 20 points from the labels."""
CANDIDATES = 4_000_000
"""Pairs of items that are looked at together; about 60 bytes each."""


def text_edges(
    texts: Sequence[str | None] | NDArray[Any] | pa.Array,
    *,
    k: int = TEXT_NEIGHBOURS,
    least: float = LEAST,
    apart: Apart | None = None,
) -> sparse.csr_array:
    """Link items with the same words: an advertisement, a jingle, a sentence that is shown again.

    Words are weighed by TF-IDF (`wordings`). Each item names the ``k`` items whose texts have the
    largest cosine, of at least ``least``. A neighbour weighs ``exp(-4 d² / d_k²)`` on the item's
    own scale, as visual ones do; where fewer than ``k`` are named, ``d_k`` belongs to ``least``.
    Pairs that name each other stay, and each item's nearest; the weight of a pair is the mean of
    what both sides give it, times the root of the product of both texts' `evidence`. So the same
    long text weighs nearly 1 and the same "thank you" little. A text that is very ``COMMON`` links
    nothing, since edges are scaled to the same mean whatever their evidence (`mixed`).

    Items that are kept apart and have one text are one *utterance*. An item names one item of
    another utterance: the one as far along in it. Without ``apart``, each item is an utterance of
    its own, and captions that last link neighbours in time.

    Parameters
    ----------
    texts
        n texts or nulls; what has no word gets no edge.
    k
        Neighbours of each item.
    least
        Above 0, at most 1.
    apart
        Items that may not be linked, such as those of one track or the same few seconds.

    Returns
    -------
    csr_array
        Shape (n, n), float32, symmetric, without a diagonal. Exact; memory O(n k) and that of the
        blocks, time that of the pairs of equal words which are not among a text's commonest.

    Raises
    ------
    SchemaError
        If a value is no text, or ``k`` or ``least`` is out of range.

    >>> said = ["buy one get one free", "some weather", "Buy one, get one FREE!", None]
    >>> text_edges(said).nonzero()[0].tolist()
    [0, 2]
    """
    if k < 1 or not 0 < least <= 1:
        raise SchemaError(f"text edges need k >= 1 and 0 < least <= 1, got k={k}, least={least}")
    said = wordings(texts)
    where = apart or Apart()
    spoken = _utterances(said.code, _telling(said, where), where)
    lists = [_nearest(found, k) for found in _pairs(said, spoken, where, k, least)]
    source, target, cosine = (
        np.concatenate([each[at] for each in lists]) if lists else np.zeros(0, kind)
        for at, kind in enumerate((np.int64, np.int64, np.float32))
    )
    order = np.argsort(source, kind="stable")
    source, target, cosine = source[order], target[order], cosine[order]
    n = len(said.code)
    squared = np.maximum(2 - 2 * cosine, 0).astype(np.float32)
    reach = np.zeros(n, np.float32)
    np.maximum.at(reach, source, squared)
    reach[np.bincount(source, minlength=n) < k] = 2 - 2 * least
    weight = local_weights(source, squared, reach)
    trust = np.sqrt(said.evidence)
    weight *= 0.5 * trust[said.code[source]] * trust[said.code[target]]
    return symmetric(n, source, target, weight)


@dataclass(frozen=True, slots=True)
class _Spoken:
    """Items by text, and within it by utterance.

    ``order`` are the items with words. Text t has the utterances ``opens[t] : opens[t + 1]``,
    utterance o the items ``order[starts[o] : starts[o + 1]]``; ``own`` is the utterance of each
    place in ``order``.
    """

    code: Ints
    order: Ints
    own: Ints
    starts: Ints
    opens: Ints


def _telling(said: Wordings, apart: Apart) -> NDArray[np.bool_]:
    """Mark the texts that have words and are not too common."""
    words = np.diff(said.vectors.indptr) > 0
    count = np.diff(_utterances(said.code, words, apart).opens)
    return np.asarray(words & (count <= max(FEW, COMMON * count.sum())))


def _utterances(code: Ints, words: NDArray[np.bool_], apart: Apart) -> _Spoken:
    """Unite items of one text that follow each other and are kept apart."""
    keys: list[NDArray[Any]] = [np.arange(len(code))]
    if apart.video is not None and apart.time is not None and apart.seconds > 0:
        keys += [apart.time, apart.video]
    elif apart.group is not None:
        keys += [apart.group]
    order = np.lexsort((*keys, code))
    order = order[(code[order] >= 0) & words[code[order]]] if len(words) else order[:0]
    a, b = order[:-1], order[1:]
    new = np.ones(len(order), bool)
    new[1:] = (code[a] != code[b]) | ~apart.excludes(a, b)
    starts = np.append(np.flatnonzero(new), len(order))
    opens = np.searchsorted(code[order[starts[:-1]]], np.arange(len(words) + 1))
    return _Spoken(code, order, np.cumsum(new) - 1, starts, opens)


def _pairs(said: Wordings, spoken: _Spoken, apart: Apart, k: int, least: float) -> Iterator[Found]:
    """Give in blocks: items, and items of other utterances that say the same and may be named.

    Whole items; sorted by item, then falling cosine, then by how far they are from as far along.
    """
    text = said.code[spoken.order]
    for first, second, cosine in alike(said.vectors, least):
        width = np.minimum(np.diff(spoken.opens)[second], LOOK * k + 1)
        opens = np.searchsorted(first, np.arange(first[0], first[-1] + 2))
        begin, end = np.searchsorted(text, (first[0], first[-1] + 1))
        mine = text[begin:end] - first[0]
        upto = np.concatenate(([0], np.cumsum(width)))
        work = np.concatenate(([0], np.cumsum((upto[opens[1:]] - upto[opens[:-1]])[mine])))
        for start, stop in slices(work, CANDIDATES):
            part = mine[start:stop]
            owner, step = _ranges(np.diff(opens)[part])
            pair = opens[part][owner] + step
            each, step = _ranges(width[pair])
            place = begin + start + owner[each]
            pair = pair[each]
            item, other, free = _aligned(spoken, apart, text, place, second[pair], step)
            order = np.lexsort((step[free], -cosine[pair][free], place[free]))
            yield item[free][order], other[free][order], cosine[pair][free][order]


def _aligned(
    spoken: _Spoken, apart: Apart, text: Ints, place: Ints, second: Ints, step: Ints
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """For places of items: the item as far along in an utterance of another text.

    ``step`` 0 is the utterance about as far along the list of those with that text, 1 and 2 the
    ones after and before, and so on, in a ring.
    """
    own = spoken.own[place]
    ring = np.diff(spoken.opens)
    at = own - spoken.opens[text[place]]
    at = at * ring[second] // ring[text[place]]
    at += np.where(step % 2 == 1, (step + 1) // 2, -(step // 2))
    other = spoken.opens[second] + at % ring[second]
    size = np.diff(spoken.starts)
    along = (2 * (place - spoken.starts[own]) + 1) * size[other] // (2 * size[own])
    item, target = spoken.order[place], spoken.order[spoken.starts[other] + along]
    return item, target, (other != own) & ~apart.excludes(item, target)


def _nearest(found: Found, k: int) -> Found:
    """Keep the first ``k`` of each list."""
    source = found[0]
    opens = np.flatnonzero(np.r_[True, source[1:] != source[:-1]][: len(source)])
    size = np.diff(np.append(opens, len(source)))
    keep = np.arange(len(source)) - np.repeat(opens, size) < k
    return found[0][keep], found[1][keep], found[2][keep]


def _ranges(counts: Ints) -> tuple[Ints, Ints]:
    """For each of ``counts[i]`` things: i, and which of them it is.

    >>> [each.tolist() for each in _ranges(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
