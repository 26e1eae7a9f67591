"""Votes as a table with one row a vote, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.bring import in_own_order
from vquery.errors import LabelError, SchemaError
from vquery.schema import KEYS, VOTE, conform
from vquery.supervise.votes.coding import ABSTAIN
from vquery.supervise.votes.matrix import LabelMatrix

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

NEEDED = ("item", "function", "vote")


def to_arrow(votes: LabelMatrix) -> pa.Table:
    """Write one row a vote (schema VOTE); see `LabelMatrix.to_arrow`.

    >>> one = LabelMatrix.from_dense([[1, -1], [-1, -1]], classes=[0, 1])
    >>> to_arrow(one).select(["item", "function", "vote"]).to_pylist()
    [{'item': 0, 'function': 'lf0', 'vote': '1'}]
    """
    rows, columns = np.nonzero(votes.votes != ABSTAIN)
    if votes.items is None:
        table = pa.table({"item": rows.astype(np.int64)})
    else:
        keys = [name for name in ("item", *KEYS) if name in votes.items.column_names]
        table = votes.items.select(keys).take(pa.array(rows))
    said = pa.array([str(each) for each in votes.classes], pa.string())
    names = pa.array(votes.functions, pa.string())
    table = table.append_column("function", names.take(pa.array(columns)))
    table = table.append_column("vote", said.take(pa.array(votes.votes[rows, columns])))
    table = table.append_column("seconds", pa.array(votes.seconds[rows]))
    return conform(table, VOTE, what="votes")


def from_arrow(
    given: Any,
    *,
    classes: Sequence[Hashable] | None,
    functions: Sequence[str] | None,
    items: pa.Table | None,
) -> LabelMatrix:
    """Read one row a vote; see `LabelMatrix.from_arrow`.

    >>> from_arrow(
    ...     pa.table({"item": [7], "function": ["f"], "vote": ["a"]}),
    ...     classes=None, functions=None, items=None,
    ... ).items.to_pylist()
    [{'item': 7}]
    """
    table = pa.table(given) if isinstance(given, dict) else in_own_order(given, "votes")
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise SchemaError(
            f"votes: a table of votes needs columns {', '.join(NEEDED)}; missing: "
            f"{', '.join(missing)}"
        )
    table = conform(table, VOTE, what="votes")
    known = table["vote"].unique().to_pylist() if classes is None else list(classes)
    known = sorted(known) if classes is None else known
    names = table["function"].unique().to_pylist() if functions is None else list(functions)
    given_items = items is not None
    items = _items(table) if items is None else _given_items(items)
    _refuse_alike(known)
    rows = _places(table["item"], items["item"], "item")
    coded = np.full((items.num_rows, len(names)), ABSTAIN, np.int16)
    columns = _places(table["function"], pa.array(names, pa.string()), "function")
    _refuse_twice(table, rows * len(names) + columns)
    coded[rows, columns] = _places(
        table["vote"], pa.array([str(each) for each in known], pa.string()), "vote"
    )
    seconds = np.empty(0)
    if not given_items and table.num_rows and not table["seconds"].null_count:
        seconds = np.ones(items.num_rows)
        seconds[rows] = table["seconds"].to_numpy()
    return LabelMatrix(coded, tuple(known), tuple(names), items, seconds)


def _items(votes: pa.Table) -> pa.Table:
    """Items that somebody votes on, by number; with a time where they have one."""
    timed = not any(votes[name].null_count for name in KEYS)
    keys = [name for name in ("item", *KEYS) if name == "item" or timed]
    found = votes.select(keys).group_by(keys).aggregate([]).sort_by("item")
    again = found["item"].to_numpy()
    twice = np.flatnonzero(again[1:] == again[:-1])
    if twice.size:
        raise SchemaError(f"votes: item {again[twice[0]]} has two times; give each its own number")
    return found


def _given_items(given: Any) -> pa.Table:
    """Check that items that are given have a number each, and it is theirs alone."""
    items = in_own_order(given, "items")
    if "item" not in items.column_names:
        raise SchemaError(
            "items must have a column item, the number of each; got "
            f"{', '.join(items.column_names)}"
        )
    counts = items["item"].value_counts()
    twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if len(twice) or items["item"].null_count:
        which = f"item {twice[0].as_py()!r} occurs twice" if len(twice) else "one has none"
        raise SchemaError(f"items: each must have a number of its own, but {which}")
    return items


def _refuse_alike(classes: Sequence[Hashable]) -> None:
    """Refuse classes that a text cannot tell apart, such as 1 and "1"."""
    texts = [str(each) for each in classes]
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise LabelError(f"classes must have different texts, but two are {twice!r}")


def _places(column: pa.ChunkedArray, known: Any, what: str) -> Any:
    values = known.combine_chunks() if isinstance(known, pa.ChunkedArray) else known
    found = pc.index_in(column, value_set=values.cast(column.type))
    if found.null_count:
        row = pc.index(found.is_null(), value=True).as_py()
        kind = SchemaError if what == "item" else LabelError
        shown = ", ".join(map(str, values.slice(0, 10).to_pylist()))
        raise kind(
            f"votes, row {row + 1}: {what} {column[row].as_py()!r} is none of those given"
            f" ({shown}{', …' if len(values) > 10 else ''})"
        )
    return found.to_numpy().astype(np.int64)


def _refuse_twice(table: pa.Table, place: Any) -> None:
    unique, count = np.unique(place, return_counts=True)
    if unique.size < place.size:
        row = int(np.flatnonzero(place == unique[count > 1][0])[1])
        raise LabelError(
            f"votes, row {row + 1}: function {table['function'][row].as_py()!r} votes on item "
            f"{table['item'][row].as_py()} again; keep one of the two"
        )
