"""Conditions that a kernel tests on pairs, from tables: each side computed once a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import floats, join_codes, truths
from vquery.expr.expression import Column, Expression
from vquery.expr.predicates import RIGHT
from vquery.plan.residual import Apart, BoxesAlike, Comparison, OneSided
from vquery.schema import BOX
from vquery_kernels.residual import Compare, Condition, Distance, Iou, Present, residual_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from vquery.engine.running.session import Session
    from vquery.expr.types import Scope
    from vquery.plan.residual import Fused
    from vquery_kernels.residual import Residual

    Values = npt.NDArray[Any]
    Mask = npt.NDArray[np.bool_] | None


def residual_arrays(
    session: Session, fused: Sequence[Fused], scope: Scope, left: pa.Table, right: pa.Table
) -> Residual:
    """Compute what the conditions compare and hand it to the kernels."""
    sides = _Side(session, scope, left), _Side(session, scope, right)
    for condition in fused:
        if isinstance(condition, (Comparison, Apart)):
            sides[0].want(condition.left)
            sides[1].want(condition.right)
        elif isinstance(condition, OneSided):
            sides[condition.side == RIGHT].want(condition.condition)
    conditions = [made for each in fused for made in _conditions(each, *sides)]
    return residual_of(conditions, left.num_rows, right.num_rows)


class _Side:
    """Columns and computed values of one side; each is made once."""

    def __init__(self, session: Session, scope: Scope, table: pa.Table) -> None:
        self.table = table
        self._session = session
        self._scope = scope
        self._wanted: dict[str, Expression] = {}
        self._computed: dict[str, pa.ChunkedArray] | None = None
        self._made: dict[tuple[str | int, pa.DataType], tuple[Values, Mask]] = {}

    def want(self, expression: Expression) -> None:
        """Say what will be asked for, so that all is computed at once."""
        if not self._is_stored(expression):
            self._wanted[str(id(expression))] = expression

    def _is_stored(self, expression: Expression) -> bool:
        return isinstance(expression, Column) and expression.name in self.table.column_names

    def column(self, expression: Expression) -> pa.ChunkedArray:
        """Values of an expression over this side."""
        if self._is_stored(expression):
            assert isinstance(expression, Column)
            return self.table[expression.name]
        if self._computed is None:
            self._computed = self._session.compute(
                self._wanted,
                self._scope,
                lambda column: self.table[column.name],
                self.table.num_rows,
            )
        return self._computed[str(id(expression))]

    def numbers(self, expression: Expression, dtype: pa.DataType) -> tuple[Values, Mask]:
        """Values as an array, and which are there where some whole numbers are not."""
        name = expression.name if self._is_stored(expression) else id(expression)  # type: ignore[attr-defined]
        key = name, dtype
        if key not in self._made:
            self._made[key] = _numbers(self.column(expression), dtype)
        return self._made[key]


def _conditions(fused: Fused, left: _Side, right: _Side) -> Iterator[Condition]:
    if isinstance(fused, BoxesAlike):
        x1, y1, x2, y2 = (floats(left.table[name]) for name in BOX)
        others = tuple(floats(right.table[name]) for name in BOX)
        yield Iou((x1, y1, x2, y2), others, fused.at_least)  # type: ignore[arg-type]
        return
    if isinstance(fused, OneSided):
        side = right if fused.side == RIGHT else left
        mark = truths(side.column(fused.condition))
        yield Present(None, mark) if fused.side == RIGHT else Present(mark, None)
        return
    if fused.dtype == pa.string():
        codes = join_codes([left.column(fused.left)], [right.column(fused.right)])
        yield Present(codes[0] >= 0, codes[1] >= 0)
        yield Compare(fused.operation, *codes)  # type: ignore[union-attr]
        return
    first, second = left.numbers(fused.left, fused.dtype), right.numbers(fused.right, fused.dtype)
    if first[1] is not None or second[1] is not None:
        yield Present(first[1], second[1])
    if isinstance(fused, Comparison):
        yield Compare(fused.operation, first[0], second[0])
    else:
        yield Distance(first[0], second[0], fused.low, fused.high, fused.strict)


def _numbers(column: pa.ChunkedArray, dtype: pa.DataType) -> tuple[Values, Mask]:
    """Nulls of floats become nan; of other types they are marked."""
    wanted = np.dtype(dtype.to_pandas_dtype())
    if wanted.kind == "f":
        if pa.types.is_decimal(column.type):
            column = column.cast(dtype)
        return np.asarray(column.to_numpy(), wanted), None
    mask = None
    if column.null_count:
        mask = np.asarray(column.is_valid().to_numpy(), np.bool_)
        column = column.fill_null(False if wanted.kind == "b" else 0)
    return np.asarray(column.to_numpy(), wanted), mask
