"""Types of expressions: kinds, the common type of two values, and the columns in scope.

A number written in a query is *weak*: it takes the type of the column that it meets, so a box size
(float32) is compared with ``0.3`` in float32. Widening the stored value first would turn
``0.5 - 0.1 >= 0.4`` from true to false.
"""

from __future__ import annotations

import enum
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.errors import QueryError, UnknownColumnError
from vquery.schema import BOX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vquery.expr.expression import Column


class Kind(enum.StrEnum):
    """Families of types that may be compared with each other."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "number"
    STRING = "string"
    NULL = "null"
    LIST = "list"
    TIME = "timestamp or date"
    OTHER = "other"

    @property
    def one(self) -> str:
        """Name with its article, for messages.

        >>> Kind.INTEGER.one, Kind.STRING.one
        ('an integer', 'a string')
        """
        return f"{'an' if self[0] in 'aio' else 'a'} {self}"


@functools.lru_cache(maxsize=1024)  # asked thousands of times while a query is planned
def kind_of(dtype: pa.DataType) -> Kind:
    """Return the family of an Arrow type.

    >>> kind_of(pa.dictionary(pa.int32(), pa.string()))
    <Kind.STRING: 'string'>
    """
    if pa.types.is_dictionary(dtype):
        return kind_of(dtype.value_type)
    tests = (
        (pa.types.is_boolean, Kind.BOOLEAN),
        (pa.types.is_integer, Kind.INTEGER),
        (pa.types.is_floating, Kind.FLOAT),
        (pa.types.is_decimal, Kind.FLOAT),
        (pa.types.is_string, Kind.STRING),
        (pa.types.is_large_string, Kind.STRING),
        (pa.types.is_string_view, Kind.STRING),
        (pa.types.is_null, Kind.NULL),
        (pa.types.is_timestamp, Kind.TIME),
        (pa.types.is_date, Kind.TIME),
        (pa.types.is_list, Kind.LIST),
        (pa.types.is_large_list, Kind.LIST),
        (pa.types.is_fixed_size_list, Kind.LIST),
    )
    return next((kind for test, kind in tests if test(dtype)), Kind.OTHER)


@dataclass(frozen=True, slots=True)
class Type:
    """Type of a value in a query; ``weak`` when it is built from written numbers alone."""

    dtype: pa.DataType
    weak: bool = False

    @property
    def kind(self) -> Kind:
        """Family of the type."""
        return kind_of(self.dtype)

    @property
    def numeric(self) -> bool:
        """Whether arithmetic is defined."""
        return self.kind in (Kind.INTEGER, Kind.FLOAT, Kind.NULL)

    def __str__(self) -> str:
        return str(self.dtype)


BOOLEAN = Type(pa.bool_())
INTEGER = Type(pa.int64())
NUMBER = Type(pa.float64())
STRING = Type(pa.string())


def common(left: Type, right: Type) -> Type | None:
    """Type in which two values meet, or None where they never can.

    >>> common(Type(pa.float32()), Type(pa.float64(), weak=True)).dtype
    DataType(float)
    >>> common(Type(pa.float32()), Type(pa.int64())).dtype
    DataType(double)
    """
    if left.kind is Kind.NULL or right.kind is Kind.NULL:
        return right if left.kind is Kind.NULL else left
    if left.numeric and right.numeric:
        return Type(_number(left, right), weak=left.weak and right.weak)
    if left.kind is not right.kind:
        return None
    if left.kind in (Kind.OTHER, Kind.LIST):
        return left if left.dtype == right.dtype else None
    if left.kind is Kind.TIME:
        return left if _comparable_times(left.dtype, right.dtype) else None
    return STRING if left.kind is Kind.STRING else BOOLEAN


def _comparable_times(left: pa.DataType, right: pa.DataType) -> bool:
    """Whether both are dates, or both timestamps with or without a zone."""
    if pa.types.is_date(left) or pa.types.is_date(right):
        return bool(pa.types.is_date(left) and pa.types.is_date(right))
    return bool((left.tz is None) == (right.tz is None))


def _number(left: Type, right: Type) -> pa.DataType:
    whole = [side.kind is Kind.INTEGER for side in (left, right)]
    if all(whole):
        return pa.int64()
    if left.weak != right.weak:
        strong = right if left.weak else left
        if strong.kind is Kind.FLOAT:
            return _float(strong.dtype)
    elif not any(whole) and _float(left.dtype) == _float(right.dtype):
        return _float(left.dtype)
    return pa.float64()


def _float(dtype: pa.DataType) -> pa.DataType:
    return pa.float32() if dtype in (pa.float16(), pa.float32()) else pa.float64()


def common_of(types: Iterable[Type], what: str) -> Type:
    """Return the type in which all values meet.

    Raises
    ------
    QueryError
        If there is none.
    """
    result = Type(pa.null())
    for each in types:
        met = common(result, each)
        if met is None:
            raise QueryError(
                f"{what} mixes {result} and {each}, which cannot be one column: bring them to one"
                " type"
            )
        result = met
    return result


@dataclass(frozen=True, slots=True)
class Scope:
    """The columns that an expression may use.

    ``schemas`` maps a side to its schema: None for the row at hand, ``"left"`` and ``"right"`` for
    the two rows of a join, the names of variables for a pattern. ``keys`` is set where rows have
    been grouped: then only those columns may stand outside an aggregate. ``windowed`` says that
    rows keep their neighbours in a partition: then an aggregate stands for the whole partition.
    """

    schemas: Mapping[str | None, pa.Schema]
    names: Mapping[str | None, str]
    keys: frozenset[str] | None = None
    windowed: bool = False

    def schema(self, column: Column) -> pa.Schema:
        """Return the schema of the side that ``column`` is from.

        Raises
        ------
        QueryError
            If the expression is about other rows than there are here.
        """
        if column.side not in self.schemas:
            raise QueryError(self._wrong_side(column))
        return self.schemas[column.side]

    def _wrong_side(self, column: Column) -> str:
        if column.side is not None:
            return f"{column!r} speaks of two rows, but here there is one: use row.{column.name}"
        sides = ", ".join(str(side) for side in self.schemas)
        return (
            f"{column!r} does not say which row it means; here there are several ({sides}):"
            " write a function of them, such as lambda a, b: a.score > b.score"
        )

    def unknown(self, column: Column, derived: Iterable[str]) -> UnknownColumnError:
        """Make the error for a column that does not exist."""
        names = [*self.schema(column).names, *derived]
        where = self.names.get(column.side, "the relation")
        return UnknownColumnError.of(column.name, names, where=where)


def one_row(schema: pa.Schema, name: str, keys: frozenset[str] | None = None) -> Scope:
    """Scope of an expression over the rows of one relation."""
    return Scope({None: schema}, {None: name}, keys)


def two_rows(left: pa.Schema, right: pa.Schema, names: tuple[str, str]) -> Scope:
    """Scope of a predicate over pairs of rows."""
    where: dict[str | None, str] = {
        "left": f"the left side ({names[0]})",
        "right": f"the right side ({names[1]})",
    }
    return Scope({"left": left, "right": right}, where)


def has_box(schema: pa.Schema) -> bool:
    """Whether a relation has boxes: all four columns."""
    return set(BOX) <= set(schema.names)


def written_value(value: Any) -> Any:
    """Check a value written in a query and return it as a plain Python value.

    Raises
    ------
    QueryError
        If it is not a number, text, truth value, date or None.

    >>> written_value(float("nan"))
    Traceback (most recent call last):
    vquery.errors.QueryError: nan compares with nothing: use .is_null() for missing values
    """
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, pa.Scalar):
        value = value.as_py()
    if isinstance(value, float) and math.isnan(value):
        raise QueryError("nan compares with nothing: use .is_null() for missing values")
    expected = "expected a number, a text, a truth value or a date"
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise QueryError(f"{value!r} is no text: it holds half a character") from error
    try:
        nested = pa.types.is_nested(type_of_value(value).dtype)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise QueryError(f"{expected}, got {value!r}") from error
    if nested:
        raise QueryError(f"{expected}, got {value!r}")
    return value


PLAIN = {
    bool: Type(pa.bool_()),
    float: Type(pa.float64(), weak=True),
    str: STRING,
    type(None): Type(pa.null()),
}


def type_of_value(value: Any) -> Type:
    """Type of a written value; whole numbers have to fit 64 bits."""
    if type(value) in PLAIN:
        return PLAIN[type(value)]
    if type(value) is int and -(2**63) <= value < 2**63:
        return Type(pa.int64(), weak=True)
    dtype = pa.scalar(value).type  # slow: it looks for pandas each time
    return Type(dtype, weak=kind_of(dtype) in (Kind.INTEGER, Kind.FLOAT))
