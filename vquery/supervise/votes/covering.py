"""From intervals to votes: which items the rows of a function cover, and what they say of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import ints, value_codes
from vquery.errors import SchemaError
from vquery.metrics.spans import Spans, covered
from vquery_kernels.coverage import coverage
from vquery_kernels.overlap_join import overlap_join

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Codes = NDArray[np.int16]

IDENTITIES = ("detection_id", "track")
"""What makes a row be about one object instead of all that is there at the time; finest first."""
VOTE = "vote"
TIME_ALONE = "time"


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one function says of n items.

    Attributes
    ----------
    codes
        Shape (n,), int16: place in ``values``, -1 where it abstains.
    values
        The classes it may vote, in the order in which they are declared.
    facts
        ``by``: what rows and items were matched by; ``rows``; ``ties``: items on which two values
        cover as much, so that it abstains; ``unmatched``: rows that are about no object at all.
    """

    codes: Codes
    values: tuple[Hashable, ...]
    facts: dict[str, Any] = field(default_factory=dict)


class Items:
    """Items with a time, coded once for all functions.

    Parameters
    ----------
    table
        ``video, start_us, end_us`` and maybe columns of `IDENTITIES`.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.start = ints(table["start_us"])
        # an instant is one tick long, so it is covered wholly or not at all
        self.end = np.maximum(ints(table["end_us"]), self.start + 1)
        self._known: dict[str, tuple[pa.Array, Ints]] = {}

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.start)

    def identities(self, columns: list[str]) -> list[str]:
        """Columns of `IDENTITIES` that items have, and that rows with these columns have too."""
        return [name for name in IDENTITIES if name in columns and name in self.table.column_names]

    def codes(self, name: str) -> tuple[pa.Array, Ints]:
        """Different values of a column, and for each item the place of its own, -1 for null."""
        if name not in self._known:
            places, known = value_codes(self.table[name])
            self._known[name] = known, places
        return self._known[name]

    def places(self, name: str, column: pa.ChunkedArray) -> Ints:
        """Place of each row's value among those of the items, -1 where no item has it."""
        known, _ = self.codes(name)
        try:
            found = pc.index_in(column.cast(known.type), value_set=known)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SchemaError(
                f"column {name!r} is {column.type} in the rows and {known.type} in the items, and "
                f"one cannot be made of the other: {error}"
            ) from error
        places: Ints = found.fill_null(-1).to_numpy().astype(np.int64)
        return places


def ballot(
    items: Items,
    rows: pa.Table,
    *,
    label: Hashable,
    otherwise: Hashable | None,
    cover: float,
    by: str = "auto",
) -> Ballot:
    """Let the rows of one function vote on items.

    An item that the rows cover for at least ``cover`` of its time gets ``label``, any other
    ``otherwise``; time that several rows cover counts once. A column ``vote`` in the rows takes the
    place of ``label``: the value that covers most of the item's time is voted, and where two cover
    as much nothing is said. Rows whose vote is null say nothing.

    What is covered is time in the item's video. If rows and items have a column of `IDENTITIES`,
    the finest such, a row speaks of items with its own value alone: a face found by name votes on
    that face, not on all that are in the picture with it.

    Parameters
    ----------
    rows
        ``video, start_us, end_us``, and maybe ``vote`` and columns of `IDENTITIES`.
    otherwise
        None to say nothing.
    cover
        Share of the item's time in (0, 1]; an instant is covered by whatever is there.
    by
        "auto", "time", or the column of `IDENTITIES` to match by.

    Raises
    ------
    SchemaError
        If there is no such column on both sides, or the types differ.

    Notes
    -----
    Takes O((n + rows) log(n + rows)), and with a column ``vote`` the number of pairs that meet.

    >>> items = Items(pa.table({"video": ["a"] * 2, "start_us": [0, 5], "end_us": [4, 5]}))
    >>> rows = pa.table({"video": ["a", "a"], "start_us": [0, 1], "end_us": [2, 6]})
    >>> ballot(items, rows, label="x", otherwise=None, cover=0.5).codes.tolist()
    [0, 0]
    """
    facts: dict[str, Any] = {"rows": rows.num_rows}
    facts["by"] = _identity(items, rows, by)
    values: tuple[Hashable, ...] = (label,)
    code = np.zeros(rows.num_rows, np.int64)
    if VOTE in rows.column_names:
        code, values = _voted(rows[VOTE])
    groups, places, unmatched = _groups(items, rows, facts["by"])
    if unmatched:
        facts["unmatched"] = unmatched
    use = (places >= 0) & (code >= 0)
    start, end = ints(rows["start_us"])[use], ints(rows["end_us"])[use]
    spans = Spans(places[use], start, np.maximum(end, start + 1))
    mine = Spans(groups, items.start, items.end)
    share = coverage(*mine, *spans) / (items.end - items.start)
    said = np.zeros(items.n, np.int64)
    if len(values) > 1:
        said = _most(mine, spans, code[use], len(values))
        ties = int(((said < 0) & (share >= cover)).sum())
        if ties:
            facts["ties"] = ties
    # not covered * length: a share that is .1 as written must pass a cover of .1
    codes = np.where(share >= cover, said, -1)
    if otherwise is not None:
        if otherwise not in values:
            values = (*values, otherwise)
        codes[share < cover] = values.index(otherwise)
    return Ballot(codes.astype(np.int16), values, facts)


def _identity(items: Items, rows: pa.Table, by: str) -> str:
    shared = items.identities(rows.column_names)
    if by == "auto":
        return shared[0] if shared else TIME_ALONE
    if by != TIME_ALONE and by not in shared:
        raise SchemaError(
            f"by={by!r} needs this column in the items ({', '.join(items.table.column_names)}) and "
            f"in the rows ({', '.join(rows.column_names)}): "
            f"use one of {', '.join(['auto', TIME_ALONE, *shared])}"
        )
    return by


def _voted(column: pa.ChunkedArray) -> tuple[Ints, tuple[Hashable, ...]]:
    """Codes of the values of a column, -1 for null, and the values in order of their text."""
    places, known = value_codes(column)
    values = known.to_pylist()
    order = sorted(range(len(values)), key=lambda i: (str(type(values[i])), str(values[i])))
    rank = np.empty(len(values) + 1, np.int64)
    rank[order] = np.arange(len(values))
    rank[-1] = -1
    return rank[places], tuple(values[i] for i in order)


def _groups(items: Items, rows: pa.Table, by: str) -> tuple[Ints, Ints, int]:
    """Give items and rows their groups, -1 to rows that meet none, and count rows of no object."""
    _, group = items.codes("video")
    place = items.places("video", rows["video"])
    if by == TIME_ALONE:
        return group, place, 0
    known, own = items.codes(by)
    theirs = items.places(by, rows[by])
    # objects are numbered from 1 in each video where tables come from elsewhere
    wide = len(known) + 1
    group = group * wide + np.where(own < 0, len(known), own)
    meets = (place >= 0) & (theirs >= 0)
    return group, np.where(meets, place * wide + theirs, -1), rows[by].null_count


def _most(items: Spans, rows: Spans, code: Ints, values: int) -> Ints:
    """Find the value whose rows cover most of each item, (n,); -1 for none and for two as much."""
    merged = covered(Spans(rows.group * values + code, rows.start, rows.end))
    one, other = overlap_join(*items, merged.group // values, merged.start, merged.end)
    amount = np.minimum(items.end[one], merged.end[other])
    amount -= np.maximum(items.start[one], merged.start[other])
    pair, back = np.unique(
        one.astype(np.int64) * values + merged.group[other] % values, return_inverse=True
    )
    total = np.zeros(len(pair), np.int64)
    np.add.at(total, back, amount)
    item, value = pair // values, pair % values
    order = np.lexsort((total, item))
    item, value, total = item[order], value[order], total[order]
    last = np.flatnonzero(np.append(item[1:] != item[:-1], True)) if item.size else order
    tied = (last > 0) & (item[last - 1] == item[last]) & (total[last - 1] == total[last])
    said = np.full(len(items.start), -1, np.int64)
    said[item[last]] = np.where(tied, -1, value[last])
    return said
