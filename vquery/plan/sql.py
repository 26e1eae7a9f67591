"""Expressions as DuckDB SQL. Written values are always bound parameters, never text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.aggregates import Aggregate
from vquery.expr.derived import resolve_column
from vquery.expr.expression import Call, Column, Expression, IsIn, Literal, call
from vquery.expr.framing import FrameNumber
from vquery.expr.partition import Window
from vquery.expr.placeholders import When
from vquery.expr.predicates import UdfResult
from vquery.expr.types import BOOLEAN, INTEGER, Kind, common_of
from vquery.expr.units import Frames
from vquery.plan.functions import AGGREGATES, BY_DOUBLE, TYPE_NAMES, argument_types, written

if TYPE_CHECKING:
    from vquery.expr.types import Scope

POSITION = "position"
"""Column that numbers the rows that a statement reads; columns of the data have a dot in theirs."""
INPUT = "input"
"""What statements read."""
GROUP = "group_number"
"""Column with the number of each row's group."""


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
    udfs: list[UdfResult | Frames | FrameNumber] = field(default_factory=list)
    windows: list[str] = field(default_factory=list)

    @property
    def source(self) -> str:
        """Return what the statement selects from: its input, with what windows gave beside it.

        Windows stand in a SELECT of their own: not every version of DuckDB takes them everywhere.
        """
        made = [f"{text} AS {quoted(f'window {n}')}" for n, text in enumerate(self.windows)]
        return f"(SELECT *, {', '.join(made)} FROM {INPUT}) AS {INPUT}" if made else INPUT

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
        if isinstance(expression, Window):
            return self._window(expression)
        if isinstance(expression, (UdfResult, Frames, FrameNumber)):
            return self._made(expression)
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
        if types[0].kind is Kind.INTEGER and expression.operation in ("round", "floor", "ceil"):
            return self.text(expression.arguments[0])  # whole numbers are round
        wanted = argument_types(expression.operation, types)
        parts = zip(expression.arguments, wanted, strict=True)
        texts = [self.text(each, dtype) for each, dtype in parts]
        return written(expression.operation, texts, types)

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

    def _aggregate(self, expression: Aggregate, over: str | None = None) -> str:
        if over is None:
            over = f" OVER (PARTITION BY {quoted(GROUP)})" if self.scope.windowed else ""
        if expression.argument is None:
            return self._beside(f"count(*){over}") if over else "count(*)"
        inner = self._inner()
        function = expression.function
        argument = inner.text(expression.argument, pa.float64() if function in BY_DOUBLE else None)
        second = None
        if expression.second is not None:
            second = inner.text(expression.second, pa.float64() if function == "quantile" else None)
        text = AGGREGATES[function].format(
            argument=argument, second=second, position=quoted(POSITION), over=over
        )
        if function == "sum" and expression.type(self.scope) == INTEGER:
            text = f"CAST({text} AS BIGINT)"
        return self._beside(text) if over else text

    def _beside(self, window: str) -> str:
        """Name the column that a window is computed as."""
        self.windows.append(window)
        return quoted(f"window {len(self.windows) - 1}")

    def _inner(self) -> Statement:
        """Return a statement for the rows below an aggregate, which collects into this one."""
        scope = replace(self.scope, keys=None, windowed=False)
        return Statement(scope, self.values, self.columns, self.udfs)

    def _window(self, expression: Window) -> str:
        place, group = quoted(POSITION), f"PARTITION BY {quoted(GROUP)}"
        order = f"{group} ORDER BY {place}"
        function, argument = expression.function, expression.argument
        if function == "row_number" or argument is None:
            return self._beside(f"row_number() OVER ({order})")
        if isinstance(argument, Aggregate):
            return self._aggregate(argument, f" OVER ({self._frame(expression, group)})")
        value = self._inner().text(argument)
        if function in ("lag", "lead"):
            return self._beside(f"{function}({value}, {expression.offset:d}) OVER ({order})")
        direction = " DESC" if expression.descending else ""
        ranked = f"{function}() OVER ({group} ORDER BY {value}{direction} NULLS LAST)"
        return self._beside(f"(CASE WHEN {value} IS NOT NULL THEN {ranked} END)")

    def _frame(self, expression: Window, group: str) -> str:
        if expression.seconds is None:
            rows = expression.rows
            start = "UNBOUNDED" if rows is None else f"{rows - 1:d}"
            order = quoted(POSITION)
            return f"{group} ORDER BY {order} ROWS BETWEEN {start} PRECEDING AND CURRENT ROW"
        reach = self._inner().text(call("microseconds", expression.seconds), pa.int64())
        start_us = self._inner().text(Column("start_us"))
        return f"{group} ORDER BY {start_us} RANGE BETWEEN {reach} PRECEDING AND CURRENT ROW"

    def _made(self, expression: UdfResult | Frames | FrameNumber) -> str:
        """Name the column that is computed before the statement runs."""
        self.udfs.append(expression)
        name = quoted(udf_name(len(self.udfs) - 1))
        return name if self.scope.keys is None else f"any_value({name})"
