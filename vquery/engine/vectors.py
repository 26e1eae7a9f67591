"""Simple conditions as arrays: what a block of candidate rows needs no statement for.

Numbers, truth values and equality of texts are computed here exactly as DuckDB would, in the same
types. Whatever is not covered raises :class:`Unsupported`, and the caller asks DuckDB instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import whole
from vquery.expr.derived import resolve_column
from vquery.expr.expression import Call, Column, Expression, Literal
from vquery.expr.types import Kind, Scope, Type, common, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Mask = npt.NDArray[np.bool_]
LARGEST = 2.0**62
"""Whole numbers beyond this might not fit their result: DuckDB says so, numpy would not."""


EVERY: Mapping[str, Any] = {str(None): slice(None)}
"""Every row of the table, where a condition looks at one row."""


class Unsupported(Exception):  # noqa: N818 - caught by the caller, never shown
    """An expression, or its values, that only DuckDB computes."""


class Vector(NamedTuple):
    """Values and where they are; ``valid`` is None where none is missing."""

    values: npt.NDArray[Any]
    valid: Mask | None = None


class Texts(NamedTuple):
    """Numbers that stand for texts, -1 for null, and the texts."""

    codes: npt.NDArray[np.int64]
    values: pa.Array


class Arrays:
    """Columns of a table as arrays, each converted once."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._vectors: dict[str, Vector] = {}
        self._texts: dict[str, Texts] = {}

    def vector(self, name: str) -> Vector:
        """Numbers or truth values of a column."""
        if name not in self._vectors:
            self._vectors[name] = _vector(self._table[name])
        return self._vectors[name]

    def equal(self, name: str, text: str, operation: str) -> Vector:
        """Compare a column of texts with a written text, without codes."""
        column = self._table[name]
        if kind_of(column.type) is not Kind.STRING:
            raise Unsupported
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        function = pc.equal if operation == "==" else pc.not_equal
        return _vector(function(column, pa.scalar(text, column.type)))

    def texts(self, name: str) -> Texts:
        """Codes of a column of texts."""
        if name not in self._texts:
            column = self._table[name]
            if pa.types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            encoded = pc.dictionary_encode(column).unify_dictionaries().combine_chunks()
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            self._texts[name] = Texts(codes.astype(np.int64), encoded.dictionary)
        return self._texts[name]


def _vector(column: pa.ChunkedArray) -> Vector:
    floating = column.type in (pa.float32(), pa.float64())
    integer = pa.types.is_integer(column.type) and column.type != pa.uint64()
    if not (floating or integer or pa.types.is_boolean(column.type)):
        raise Unsupported
    valid = None
    if column.null_count:
        valid = column.is_valid().combine_chunks().to_numpy(zero_copy_only=False)
        column = column.fill_null(pa.scalar(0).cast(column.type))
    return Vector(whole(column).to_numpy(zero_copy_only=False), valid)


class Evaluator:
    """Computes conditions over rows of one table, many times for different rows.

    What depends on the expressions alone is kept: they have to live as long as the evaluator.
    """

    def __init__(self, arrays: Arrays, scope: Scope) -> None:
        self._arrays = arrays
        self._scope = scope
        self._rows: Mapping[str, npt.NDArray[Any]] | None = None
        self._types: dict[int, Type] = {}
        self._meant: dict[int, Expression] = {}
        self._common: dict[int, pa.DataType] = {}

    def holds(
        self, condition: Expression, rows: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> Mask:
        """Whether the condition is true; null is not true.

        ``rows`` says which row stands for a side; without it every side means all rows.

        Raises
        ------
        Unsupported
            If only DuckDB can tell.
        """
        self._rows = rows
        return _true(self._value(condition, None))

    def _type(self, expression: Expression) -> Type:
        if id(expression) not in self._types:
            self._types[id(expression)] = expression.type(self._scope)
        return self._types[id(expression)]

    def _value(self, expression: Expression, wanted: pa.DataType | None) -> Vector:
        given = self._type(expression)
        if isinstance(expression, Literal):
            return _written(expression, wanted or given.dtype)
        if isinstance(expression, Column):
            found = self._column(expression)
        elif isinstance(expression, Call):
            found = self._call(expression)
        else:
            raise Unsupported
        if wanted is None or wanted == given.dtype:
            return found
        return Vector(found.values.astype(_dtype(wanted)), found.valid)

    def _column(self, column: Column) -> Vector:
        if id(column) not in self._meant:
            self._meant[id(column)] = resolve_column(column, self._scope)
        meant = self._meant[id(column)]
        if not isinstance(meant, Column):
            return self._value(meant, None)
        found = self._arrays.vector(meant.name)
        if self._rows is None:
            return found
        rows = self._rows[str(meant.side)]
        return Vector(found.values[rows], None if found.valid is None else found.valid[rows])

    def _call(self, call: Call) -> Vector:
        operation, arguments = call.operation, call.arguments
        if operation in ("==", "!=") and self._textual(arguments):
            return self._same_text(call)
        if operation in ("and", "or", "not", "is_null"):
            return LOGIC[operation]([self._value(each, None) for each in arguments])
        function = FUNCTIONS.get(operation)
        if function is None:
            raise Unsupported
        if id(call) not in self._common:
            self._common[id(call)] = self._met(operation, arguments)
        met = self._common[id(call)]
        given = [self._value(each, met) for each in arguments]
        if operation in COMPARISONS:
            _refuse_nan(given)
        else:
            _refuse_large(operation, given)
        result = function(given)
        if operation not in COMPARISONS:
            _refuse_nan([result])
        return result

    def _met(self, operation: str, arguments: Sequence[Expression]) -> pa.DataType:
        types = [self._type(each) for each in arguments]
        met = types[0]
        for each in types[1:]:
            shared = common(met, each)
            if shared is None:
                raise Unsupported
            met = shared
        if operation == "/" and all(each.kind is Kind.INTEGER for each in types):
            return pa.float64()
        if met.kind not in (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN):
            raise Unsupported
        return met.dtype

    def _textual(self, arguments: Sequence[Expression]) -> bool:
        return any(self._type(each).kind is Kind.STRING for each in arguments)

    def _same_text(self, call: Call) -> Vector:
        """Compare a column of texts with itself in another row, or with a written text."""
        columns = [each for each in call.arguments if isinstance(each, Column)]
        written = [each.value for each in call.arguments if isinstance(each, Literal)]
        if self._rows is EVERY and len(columns) == len(written) == 1 and written[0] is not None:
            return self._arrays.equal(columns[0].name, written[0], call.operation)
        names = {each.name for each in columns}
        if len(columns) + len(written) < 2 or len(names) != 1 or None in written:
            raise Unsupported
        texts = self._arrays.texts(names.pop())
        codes = [self._codes(each, texts) for each in columns]
        if written:
            place = pc.index(texts.values, written[0]).as_py()
            codes.append(np.asarray(place if place >= 0 else -2))
        same = codes[0] == codes[1]
        valid = (codes[0] != -1) & (codes[1] != -1)
        return Vector(same if call.operation == "==" else ~same, valid)

    def _codes(self, column: Column, texts: Texts) -> npt.NDArray[np.int64]:
        if kind_of(self._scope.schema(column).field(column.name).type) is not Kind.STRING:
            raise Unsupported
        return texts.codes if self._rows is None else texts.codes[self._rows[str(column.side)]]


def _written(literal: Literal, dtype: pa.DataType) -> Vector:
    if not isinstance(literal.value, (bool, int, float)):
        raise Unsupported
    with np.errstate(over="ignore"):  # as infinite it is still on the same side of all values
        return Vector(np.asarray(literal.value, dtype=_dtype(dtype)))


def _dtype(dtype: pa.DataType) -> Any:
    if dtype not in (pa.bool_(), pa.int64(), pa.float32(), pa.float64()):
        raise Unsupported
    return dtype.to_pandas_dtype()


def _refuse_nan(given: Sequence[Vector]) -> None:
    """Leave NaN to DuckDB, where it is larger than everything and equal to itself."""
    for each in given:
        if each.values.dtype.kind == "f" and each.values.size and np.isnan(each.values.min()):
            raise Unsupported


def _refuse_large(operation: str, given: Sequence[Vector]) -> None:
    if operation not in ("+", "-", "*", "negate", "abs"):
        return
    sizes = [_size(each.values) for each in given if each.values.dtype.kind == "i"]
    product = float(np.prod(sizes)) if operation == "*" else sum(sizes)
    if sizes and product >= LARGEST:
        raise Unsupported


def _size(values: npt.NDArray[Any]) -> float:
    return max(abs(float(values.max())), abs(float(values.min()))) if values.size else 0.0


def _both(given: Sequence[Vector]) -> Mask | None:
    """Where all of the values are."""
    masks = [each.valid for each in given if each.valid is not None]
    if not masks:
        return None
    valid = masks[0]
    for mask in masks[1:]:
        valid = valid & mask
    return valid


def _true(given: Vector) -> Mask:
    values = np.asarray(given.values, dtype=np.bool_)
    return values if given.valid is None else values & given.valid


def _false(given: Vector) -> Mask:
    values = ~np.asarray(given.values, dtype=np.bool_)
    return values if given.valid is None else values & given.valid


def _and(given: Sequence[Vector]) -> Vector:
    true = np.logical_and.reduce(np.broadcast_arrays(*map(_true, given)))
    if all(each.valid is None for each in given):
        return Vector(true)
    return Vector(true, true | np.logical_or.reduce(np.broadcast_arrays(*map(_false, given))))


def _or(given: Sequence[Vector]) -> Vector:
    true = np.logical_or.reduce(np.broadcast_arrays(*map(_true, given)))
    if all(each.valid is None for each in given):
        return Vector(true)
    return Vector(true, true | np.logical_and.reduce(np.broadcast_arrays(*map(_false, given))))


def _is_null(given: Sequence[Vector]) -> Vector:
    (one,) = given
    missing = np.zeros(one.values.shape, np.bool_) if one.valid is None else ~one.valid
    return Vector(missing)


def _divide(given: Sequence[Vector]) -> Vector:
    above, below = given
    there = below.values != 0
    with np.errstate(over="ignore"):
        values = above.values / np.where(there, below.values, below.values.dtype.type(1))
    valid = _both(given)
    return Vector(values, there if valid is None else valid & there)


def _extreme(choose: np.ufunc) -> Callable[[Sequence[Vector]], Vector]:
    def chosen(given: Sequence[Vector]) -> Vector:
        result = given[0]
        for each in given[1:]:
            values = choose(result.values, each.values)
            if result.valid is not None:
                values = np.where(result.valid, values, each.values)
            if each.valid is not None:
                values = np.where(each.valid, values, result.values)
            missing = result.valid is None or each.valid is None
            result = Vector(values, None if missing else result.valid | each.valid)  # type: ignore[operator]
        return result

    return chosen


def _plain(function: Callable[..., Any]) -> Callable[[Sequence[Vector]], Vector]:
    def computed(given: Sequence[Vector]) -> Vector:
        with np.errstate(over="ignore", invalid="ignore"):
            return Vector(function(*(each.values for each in given)), _both(given))

    return computed


LOGIC: dict[str, Callable[[Sequence[Vector]], Vector]] = {
    "and": _and,
    "or": _or,
    "not": lambda given: Vector(~np.asarray(given[0].values, dtype=np.bool_), given[0].valid),
    "is_null": _is_null,
}
COMPARISONS: dict[str, Callable[[Sequence[Vector]], Vector]] = {
    "==": _plain(np.equal),
    "!=": _plain(np.not_equal),
    "<": _plain(np.less),
    "<=": _plain(np.less_equal),
    ">": _plain(np.greater),
    ">=": _plain(np.greater_equal),
}
FUNCTIONS: dict[str, Callable[[Sequence[Vector]], Vector]] = {
    **COMPARISONS,
    "+": _plain(np.add),
    "-": _plain(np.subtract),
    "*": _plain(np.multiply),
    "/": _divide,
    "abs": _plain(np.abs),
    "negate": _plain(np.negative),
    "greatest": _extreme(np.maximum),
    "least": _extreme(np.minimum),
}
