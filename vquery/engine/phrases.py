"""Phrases found through an index of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.amounts import amount_on
from vquery.engine.arrays import take, usual_order
from vquery.engine.wordindex import WordIndex, word_index
from vquery.expr.expression import Literal
from vquery.expr.phrases import TEXT, Phrases
from vquery.expr.types import Kind, kind_of
from vquery_kernels.overlap_join import overlap_join_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.engine.running.executor import Executor
    from vquery.expr.expression import Expression
    from vquery.expr.relations import Relation
    from vquery.expr.wording import Wording
    from vquery.plan.steps import Step

Ints = npt.NDArray[np.int64]
BLOCK = 1 << 20
"""Pairs of occurrences that are looked at together."""


class Occurrences(NamedTuple):
    """First and last word of each occurrence, in order, and its time."""

    first: Ints
    last: Ints
    start: Ints
    end: Ints

    def chosen(self, which: npt.NDArray[Any]) -> Occurrences:
        """Take some of them."""
        return Occurrences(*(each[which] for each in self))


def phrases(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Find the occurrences of a phrase."""
    node: Phrases = step.node  # type: ignore[assignment]
    order = usual_order(given)
    table = given if order is None else take(given, order)
    index = word_index(table, node.on)
    gap = None if node.max_gap is None else _limit(run, node, node.max_gap, table, index)
    found = occurrences(index, node.phrase.wordings, gap)
    for each in node.nearness:
        others = occurrences(index, each.wordings, gap)
        if each.unit == "words":
            assert isinstance(each.limit, Literal)
            near = _near_in_words(index, found, others, int(each.limit.value))
        else:
            limit = _limit(run, node, each.limit, table, index)[found.first]
            near = _near_in_time(index, found, others, limit)
        found = found.chosen(near != each.negated)
    number = found.last - found.first + 1
    members = _spread(found.first, number)
    which = np.repeat(np.arange(number.size), number)
    rows = index.row[members]
    new = np.ones(rows.size, np.bool_)  # a row that gives several words contributes once
    new[1:] = (rows[1:] != rows[:-1]) | (which[1:] != which[:-1])
    run.trace(step, 0, rows[new] if order is None else order[rows[new]], which[new])
    return _made(step, table, index, found, members)


def _limit(
    run: Executor, node: Phrases, value: Expression, table: pa.Table, index: WordIndex
) -> Ints:
    """Return microseconds for each word: frames last as long as those of its video."""
    ticks = np.asarray(amount_on(run, "time", node.input, value, table), dtype=np.int64)
    return ticks[index.row] if ticks.ndim else np.broadcast_to(ticks, index.row.shape)


def occurrences(index: WordIndex, wordings: tuple[Wording, ...], gap: Ints | None) -> Occurrences:
    """Find where any of the wordings stands, each place once."""
    found = [(places, len(wording)) for wording in wordings
             if (places := _places(index, wording, gap)).size]  # fmt: skip
    first = np.concatenate([np.zeros(0, np.int64), *(places for places, _ in found)])
    last = np.concatenate(
        [np.zeros(0, np.int64), *(places + length - 1 for places, length in found)]
    )
    if len(found) > 1:
        size = index.row.size + 1
        first, last = np.divmod(np.unique(first * size + last), size)
    number = last - first + 1
    members, groups = _spread(first, number), np.cumsum(number) - number
    return Occurrences(
        first,
        last,
        np.minimum.reduceat(index.start[members], groups) if first.size else first,
        np.maximum.reduceat(index.end[members], groups) if first.size else first,
    )


def _places(index: WordIndex, wording: Wording, gap: Ints | None) -> Ints:
    """First words of the places where one wording stands, from its rarest word."""
    codes = [index.codes_of(word) for word in wording]
    counts = [sum(index.places_of(code).size for code in each) for each in codes]
    rarest = int(np.argmin(counts))
    places = [index.places_of(code) for code in codes[rarest]]
    first: Ints = np.sort(np.concatenate([np.zeros(0, np.int64), *places])) - rarest
    first = first[(first >= 0) & (first + len(wording) <= index.row.size)]
    first = first[index.video[first] == index.video[first + len(wording) - 1]]
    for place, each in enumerate(codes):
        if place != rarest:
            first = first[_is_one_of(index.code[first + place], each, len(index.known))]
    if gap is not None:
        for place in range(len(wording) - 1):
            pause = index.start[first + place + 1] - index.end[first + place]
            first = first[pause <= gap[first]]
    return first


def _is_one_of(values: Ints, codes: list[int], known: int) -> npt.NDArray[np.bool_]:
    if len(codes) == 1:
        same: npt.NDArray[np.bool_] = values == codes[0]
        return same
    wanted = np.zeros(known, np.bool_)
    wanted[codes] = True
    found: npt.NDArray[np.bool_] = wanted[values]
    return found


def _near_in_words(
    index: WordIndex, found: Occurrences, others: Occurrences, limit: int
) -> npt.NDArray[np.bool_]:
    """Look at the next occurrence on either side: no other can be nearer."""
    if not found.first.size or not others.first.size:
        return np.zeros(found.first.size, np.bool_)
    video = index.video
    after = np.searchsorted(others.first, found.last, side="right")
    there = after < others.first.size
    first = others.first[np.minimum(after, others.first.size - 1)]
    near = there & (first - found.last - 1 <= limit) & (video[first] == video[found.last])
    lasts = np.sort(others.last)
    before = np.searchsorted(lasts, found.first, side="left") - 1
    last = lasts[np.maximum(before, 0)]
    close = (found.first - last - 1 <= limit) & (video[last] == video[found.first])
    result: npt.NDArray[np.bool_] = near | ((before >= 0) & close)
    return result


def _near_in_time(
    index: WordIndex, found: Occurrences, others: Occurrences, limit: Ints
) -> npt.NDArray[np.bool_]:
    """Whether each occurrence has another at most so far away that shares no word with it."""
    near = np.zeros(found.first.size, np.bool_)
    for one, other in overlap_join_blocks(
        index.video[found.first],
        found.start - limit,
        found.end + limit,
        index.video[others.first],
        others.start,
        others.end,
        touching=True,
        max_pairs=BLOCK,
    ):
        apart = (others.first[other] > found.last[one]) | (others.last[other] < found.first[one])
        near[one[apart]] = True
    return near


def _spread(first: Ints, number: Ints) -> Ints:
    """All words of occurrences, one after the other."""
    shift = np.repeat(first - (np.cumsum(number) - number), number)
    members: Ints = np.arange(number.sum()) + shift
    return members


def _made(
    step: Step, table: pa.Table, index: WordIndex, found: Occurrences, members: Ints
) -> pa.Table:
    """Row of the first word with time, words and lowest score of the occurrence."""
    node: Phrases = step.node  # type: ignore[assignment]
    number = found.last - found.first + 1
    groups = np.cumsum(number) - number
    made: dict[str, Any] = {
        "start_us": pa.array(found.start),
        "end_us": pa.array(found.end),
        "n_words": pa.array(number),
        "exact": pa.array(index.opens[found.first] & index.closes[found.last]),
    }
    if TEXT in step.columns:
        written = index.written.take(pa.array(index.raw[members]))
        offsets = pa.array(np.append(groups, members.size).astype(np.int32))
        made[TEXT] = pc.binary_join(pa.ListArray.from_arrays(offsets, written), " ")
    if "score" in step.columns and kind_of(table["score"].type) in (Kind.FLOAT, Kind.INTEGER):
        scores = table["score"].cast(pa.float64()).combine_chunks()
        of_words = scores.to_numpy(zero_copy_only=False)[index.row[members]]
        lowest = np.fmin.reduceat(of_words, groups) if groups.size else of_words[:0]
        made["score"] = pa.array(lowest, from_pandas=True).cast(table["score"].type)
    kept = [name for name in step.columns if name not in made]
    plain = take(table.select(kept), index.row[found.first])
    schema = pa.schema([node.schema.field(name) for name in step.columns])
    arrays = [made[name] if name in made else plain[name] for name in step.columns]
    return pa.table(arrays, schema=schema)


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {Phrases: phrases}
