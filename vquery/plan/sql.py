"""Expressions as DuckDB SQL. Written values are always bound parameters, never text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.aggregates import Aggregate
from vquery.expr.derived import resolve_column
from vquery.expr.expression import Call, Column, Expression, IsIn, Literal
from vquery.expr.placeholders import When
from vquery.expr.predicates import UdfResult
from vquery.expr.types import BOOLEAN, INTEGER, Kind, Type, common, common_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vquery.expr.types import Scope

POSITION = "position"
"""Column that numbers the rows that a statement reads; columns of the data have a dot in theirs."""
GROUP = "group_number"
"""Column with the number of each row's group."""

TYPE_NAMES = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
}


def column_name(column: Column) -> str:
    """Name of a column in the table that a statement reads: ``.name`` or ``side.name``.

    >>> column_name(Column("score", "left"))
    'left.score'
    """
    return f"{column.side or ''}.{column.name}"


def udf_name(number: int) -> str:
    """Name of the column with the results of the user's function ``number``."""
    return f"udf {number}"


def quoted(name: str) -> str:
    """Quote an identifier.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


@dataclass(slots=True)
class Statement:
    """Collects what a statement needs while expressions are turned into text."""

    scope: Scope
    values: list[Any] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)
    udfs: list[UdfResult] = field(default_factory=list)

    def text(self, expression: Expression, wanted: pa.DataType | None = None) -> str:
        """Return ``expression`` as SQL, cast to ``wanted`` where its type differs."""
        given = expression.type(self.scope)
        if isinstance(expression, Literal):
            return self._literal(expression, wanted or given.dtype)
        if isinstance(expression, When):
            return self._when(expression, wanted or given.dtype)
        compiled = self._compiled(expression)
        if wanted is not None and wanted != given.dtype and wanted in TYPE_NAMES:
            return f"CAST({compiled} AS {TYPE_NAMES[wanted]})"
        return compiled

    def _compiled(self, expression: Expression) -> str:
        if isinstance(expression, Column):
            return self._column(expression)
        if isinstance(expression, Call):
            return self._call(expression)
        if isinstance(expression, IsIn):
            return self._is_in(expression)
        if isinstance(expression, Aggregate):
            return self._aggregate(expression)
        if isinstance(expression, UdfResult):
            return self._udf(expression)
        raise QueryError(f"{expression!r} has no form in SQL")

    def bind(self, value: Any, dtype: pa.DataType | None) -> str:
        """Bind a value and return its place in the text."""
        self.values.append(value)
        place = f"${len(self.values)}"
        name = TYPE_NAMES.get(dtype)
        return f"CAST({place} AS {name})" if name else place

    def _literal(self, expression: Literal, wanted: pa.DataType) -> str:
        return "NULL" if expression.value is None else self.bind(expression.value, wanted)

    def _column(self, expression: Column) -> str:
        meant = resolve_column(expression, self.scope)
        if not isinstance(meant, Column):
            return self.text(meant)
        name = self._name_of(meant)
        self.columns[name] = meant
        # outside an aggregate stand only keys, equal in all rows of a group
        return quoted(name) if self.scope.keys is None else f"any_value({quoted(name)})"

    def _name_of(self, column: Column) -> str:
        """Name a column so that no other has its name in capitals: DuckDB takes them for one."""
        taken = {name.lower(): known for name, known in self.columns.items()}
        name = column_name(column)
        while (known := taken.get(name.lower())) is not None:
            if (known.name, known.side) == (column.name, column.side):
                break
            name += "'"
        return name

    def _call(self, expression: Call) -> str:
        types = [each.type(self.scope) for each in expression.arguments]
        wanted = _argument_types(expression.operation, types)
        parts = zip(expression.arguments, wanted, strict=True)
        texts = [self.text(each, dtype) for each, dtype in parts]
        if expression.operation == "+" and any(each.kind is Kind.STRING for each in types):
            return f"({' || '.join(texts)})"
        return CALLS[expression.operation](*texts)

    def _is_in(self, expression: IsIn) -> str:
        if not expression.values:
            return "false"
        given = [Literal(value).type(self.scope) for value in expression.examples()]
        met = common_of([expression.argument.type(self.scope), *given], "isin()").dtype
        argument = self.text(expression.argument, met)
        values = [value for value in expression.values if value is not None]
        if len(values) > 50 and met in TYPE_NAMES:
            self.values.append(values)
            listed = f"CAST(${len(self.values)} AS {TYPE_NAMES[met]}[])"
            return f"({argument} IN (SELECT unnest({listed})))"
        places = ", ".join(self.bind(value, met) for value in values)
        return f"({argument} IN ({places}))" if places else "false"

    def _when(self, expression: When, wanted: pa.DataType) -> str:
        cases = [
            f"WHEN {self.text(condition, BOOLEAN.dtype)} THEN {self.text(value, wanted)}"
            for condition, value in expression.cases
        ]
        return f"(CASE {' '.join(cases)} ELSE {self.text(expression.default, wanted)} END)"

    def _aggregate(self, expression: Aggregate) -> str:
        if expression.argument is None:
            return "count(*)"
        inner = Statement(replace(self.scope, keys=None), self.values, self.columns)
        argument = inner.text(expression.argument)
        place = quoted(POSITION)
        text = AGGREGATES[expression.function].format(argument=argument, position=place)
        whole_sum = expression.function == "sum" and expression.type(self.scope) == INTEGER
        return f"CAST({text} AS BIGINT)" if whole_sum else text

    def _udf(self, expression: UdfResult) -> str:
        self.udfs.append(expression)
        return quoted(udf_name(len(self.udfs) - 1))


def _argument_types(operation: str, types: list[Type]) -> list[pa.DataType | None]:
    """Types in which the arguments have to be handed over."""
    if operation in ("is_null", "not", "and", "or"):
        return [None] * len(types)
    whole_division = operation == "/" and all(each.kind is Kind.INTEGER for each in types)
    if operation == "microseconds" or whole_division:
        return [pa.float64()] * len(types)
    met: Type | None = types[0]
    for each in types[1:]:
        met = common(met, each) if met is not None else None
    return [None if met is None or met.kind is Kind.NULL else met.dtype] * len(types)


def _modulo(left: str, right: str) -> str:
    """Remainder with the sign of the divisor, as in Python; DuckDB's has that of the dividend."""
    right = f"nullif({right}, 0)"
    return f"((({left} % {right}) + {right}) % {right})"


def _floor_division(left: str, right: str) -> str:
    return f"(({left} - {_modulo(left, right)}) // nullif({right}, 0))"


def _infix(sign: str) -> Callable[..., str]:
    return lambda left, right: f"({left} {sign} {right})"


def _function(name: str) -> Callable[..., str]:
    return lambda *each: f"{name}({', '.join(each)})"


CALLS: Mapping[str, Callable[..., str]] = {
    **{sign: _infix(sign) for sign in ("<", "<=", ">", ">=", "+", "-", "*")},
    "==": _infix("="),
    "!=": _infix("<>"),
    "and": lambda *each: f"({' AND '.join(each)})",
    "or": lambda *each: f"({' OR '.join(each)})",
    "like": _infix("LIKE"),
    "/": lambda left, right: f"({left} / nullif({right}, 0))",
    "%": _modulo,
    "//": _floor_division,
    "not": lambda each: f"(NOT {each})",
    "negate": lambda each: f"(-{each})",
    "is_null": lambda each: f"({each} IS NULL)",
    "microseconds": lambda each: f"CAST(round({each} * 1000000) AS BIGINT)",
    "fill_null": _function("coalesce"),
    "startswith": _function("starts_with"),
    "endswith": _function("ends_with"),
    **{
        name: _function(name)
        for name in ("abs", "greatest", "least", "lower", "upper", "length", "contains")
    },
}

AGGREGATES = {
    "n_unique": "count(DISTINCT {argument})",
    "sum": "sum({argument})",
    "mean": "avg({argument})",
    "min": "min({argument})",
    "max": "max({argument})",
    "first": "first({argument} ORDER BY {position})",
    "last": "last({argument} ORDER BY {position})",
    "any": "coalesce(bool_or({argument}), false)",
    "all": "coalesce(bool_and({argument}), true)",
}
