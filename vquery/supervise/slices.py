"""Named parts of the data for which quality is told apart: a channel, an hour, dark pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.bring import any_table
from vquery.engine.lookups import count_overlaps, coverage
from vquery.engine.sources import from_arrow
from vquery.errors import LabelError, SchemaError, UnknownColumnError
from vquery.expr.expression import Column, Expression
from vquery.expr.node import walk
from vquery.schema import KEYS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.engine.intervals import Intervals

    Members = NDArray[np.bool_]

MOST_VALUES = 200
"""Slices that one column may give; more are a mistake, such as an id."""
COVER = 0.5
NUMBER = "slice_row"


@dataclass(frozen=True, eq=False)
class Slice:
    """A name and which items belong to it; see `slice`."""

    name: str
    condition: Any
    cover: float = COVER

    def __repr__(self) -> str:
        return f"slice({self.name!r}, {self.condition!r})"


def slice(name: str, condition: Any = None, *, cover: float = COVER) -> Slice:  # noqa: A001
    """Name a part of the items, for tables of quality by part.

    Parameters
    ----------
    name
        What it is called in tables; all names of one table must differ.
    condition
        An expression over the columns of items, such as ``row.duration < 2``; a relation or table
        of intervals, which holds the items that it covers for at least ``cover`` of their time
        (instants: that it meets); a function of the table of items that returns one value an item;
        or the name of a column, by default that of the slice. Booleans are one slice, other values
        are a slice each, called ``NAME=VALUE``, those without one (null, NaN) ``NAME=none``.
    cover
        Share of an item's time, above 0 up to 1.

    Raises
    ------
    LabelError
        If the name is empty or ``cover`` cannot be.

    >>> from vquery.expr.placeholders import row
    >>> slice("short", row.duration < 2)
    slice('short', row.duration < 2)
    >>> slice("channel").condition
    'channel'
    """
    if not isinstance(name, str) or not name:
        raise LabelError(f"slice() needs a name, got {name!r}")
    number = isinstance(cover, int | float | np.number)
    if not number or not 0 < cover <= 1:
        raise LabelError(f"slice(cover=) must be above 0 and at most 1, got {cover!r}")
    return Slice(name, name if condition is None else condition, cover)


Slices = Mapping[str, Any] | Sequence[Any] | Slice | str


def slices_of(slices: Slices | None, items: pa.Table | None, n: int) -> dict[str, Members]:
    """Find the items of every slice.

    Parameters
    ----------
    slices
        A `Slice`, the name of a column, several of them, or a mapping from names to conditions;
        booleans of shape (n,) are taken as they are.
    items
        n rows; needed for all but booleans.

    Returns
    -------
    dict
        Name → (n,) booleans. Slices may overlap and need not hold every item.

    Raises
    ------
    LabelError
        If there are no items to ask, two slices have one name, or a condition does not give one
        value for each item; it names the slice.

    >>> items = pa.table({"channel": ["CNN", None, "Fox"]})
    >>> {name: rows.tolist() for name, rows in slices_of("channel", items, 3).items()}
    {'channel=CNN': [True, False, False], 'channel=Fox': [False, False, True],
     'channel=none': [False, True, False]}
    """
    found: dict[str, Members] = {}
    for one in _listed(slices):
        for name, members in _members(one, items, n):
            if name in found:
                raise LabelError(f"two slices are called {name!r}: give each a name of its own")
            found[name] = members
    return found


def _listed(slices: Slices | None) -> list[Slice]:
    if slices is None:
        return []
    if isinstance(slices, Mapping):
        return [slice(name, condition) for name, condition in slices.items()]
    if not isinstance(slices, Slice | str) and not hasattr(slices, "__iter__"):
        raise LabelError(
            f"slices= takes slices, names of columns or a mapping, got {type(slices).__name__}"
        )
    several = [slices] if isinstance(slices, Slice | str) else list(slices)
    return [one if isinstance(one, Slice) else slice(one) for one in several]


def _members(one: Slice, items: pa.Table | None, n: int) -> list[tuple[str, Members]]:
    condition = one.condition
    if isinstance(condition, list | pa.Array | pa.ChunkedArray) or _is_column(condition):
        return _by_value(one.name, condition, n)
    if items is None:
        raise LabelError(
            f"slice {one.name!r}: there is no table of items to ask; give items=, or booleans"
        )
    if isinstance(condition, str):
        if condition not in items.column_names:
            known = items.column_names
            raise UnknownColumnError.of(condition, known, where=f"slice {one.name!r}: items")
        return _by_value(one.name, items[condition], n)
    if isinstance(condition, Expression):
        return [(one.name, _where(items, condition, one.name))]
    if isinstance(condition, Callable):  # type: ignore[arg-type]
        return _by_value(one.name, _called(one, items), n)
    return [(one.name, _covered(items, _relation(one), one))]


def _is_column(condition: Any) -> bool:
    """Whether these are values in a row: an array, or a column of a data frame."""
    return getattr(condition, "ndim", None) == 1 and hasattr(condition, "__array__")


def _called(one: Slice, items: pa.Table) -> Any:
    try:
        return one.condition(items)
    except Exception as error:
        raise LabelError(
            f"slice {one.name!r}: its function failed: {type(error).__name__}: {error}"
        ) from error


def _relation(one: Slice) -> Intervals:
    try:
        return any_table(one.condition, one.name)
    except (SchemaError, TypeError) as error:
        raise LabelError(
            f"slice {one.name!r}: expected an expression, a relation or table of intervals, a "
            f"function, the name of a column or booleans; got {type(one.condition).__name__}: "
            f"{error}"
        ) from error


def _by_value(name: str, values: Any, n: int) -> list[tuple[str, Members]]:
    """Booleans are one slice; of other values each is one, in sorted order, null last."""
    column = _column(name, values)
    if len(column) != n:
        raise LabelError(
            f"slice {name!r}: expected one value for each of {n} items, got {len(column)}"
        )
    if pa.types.is_boolean(column.type):
        return [(name, np.array([value is True for value in column.to_pylist()], bool))]
    if pa.types.is_nested(column.type):
        raise LabelError(f"slice {name!r}: values must be single ones, got {column.type}")
    if pa.types.is_floating(column.type):  # NaN says as little as null
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    given = column.to_pylist()
    different = sorted(
        {value for value in given if value is not None}, key=lambda value: (str(type(value)), value)
    )
    if len(different) > MOST_VALUES:
        raise LabelError(
            f"slice {name!r}: {len(different):,} different values, at most {MOST_VALUES} make "
            "slices; group them first, by an expression or a function"
        )
    code = {value: number for number, value in enumerate(different)}
    codes = np.array([code.get(value, -1) for value in given], np.int64)
    found = [(f"{name}={value}", codes == number) for value, number in code.items()]
    missing = f"{name} is null" if "none" in code else f"{name}=none"
    return [*found, (missing, codes < 0)] if (codes < 0).any() else found


def _column(name: str, values: Any) -> pa.ChunkedArray | pa.Array:
    if isinstance(values, pa.ChunkedArray | pa.Array):
        return values
    try:
        return pa.array(values)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise LabelError(
            f"slice {name!r}: expected one value for each item, all of one type; got "
            f"{type(values).__name__}: {error}"
        ) from error


def _where(items: pa.Table, condition: Expression, name: str) -> Members:
    known = set(items.column_names)
    timed = set(KEYS) <= known
    if not timed:
        for node in walk(condition):
            if isinstance(node, Column) and node.name not in known:
                where = f"slice {name!r}: items"
                raise UnknownColumnError.of(node.name, items.column_names, where=where)
    return _kept(items if timed else _without_time(items), condition)


def _covered(items: pa.Table, relation: Intervals, one: Slice) -> Members:
    if not set(KEYS) <= set(items.column_names):
        raise LabelError(
            f"slice {one.name!r}: items have no {', '.join(KEYS)}, so that intervals cannot cover "
            "them"
        )
    keys = items.select(KEYS)
    instant = np.asarray(keys["start_us"].to_numpy() == keys["end_us"].to_numpy(), bool)
    covers = _kept(keys, coverage(relation) >= one.cover)
    if not instant.any():
        return covers
    return np.where(instant, _kept(keys, count_overlaps(relation) > 0), covers)


def _kept(items: pa.Table, condition: Expression) -> Members:
    """Tell for which items a condition is true; null is not."""
    numbered = items.append_column(NUMBER, pa.array(np.arange(items.num_rows)))
    rows = from_arrow(numbered, name="items").filter(condition).collect(ordered=False)
    members = np.zeros(items.num_rows, bool)
    members[rows[NUMBER].to_numpy()] = True
    return members


def _without_time(items: pa.Table) -> pa.Table:
    """Add the columns that a relation must have; the condition reads none of them."""
    nothing = pa.array(np.zeros(items.num_rows, np.int64))
    video = pa.array([""] * items.num_rows, pa.string())
    for name, column in zip(KEYS, (video, nothing, nothing), strict=True):
        if name not in items.column_names:
            items = items.append_column(name, column)
    return items
