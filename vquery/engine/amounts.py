"""Amounts on an axis as numbers: microseconds on time, float32 on the axes of boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.expr.expression import Literal
from vquery.expr.time import microseconds
from vquery.expr.units import Frames

if TYPE_CHECKING:
    import pyarrow as pa

    from vquery.engine.running.executor import Executor
    from vquery.expr.expression import Expression
    from vquery.expr.relations import Relation


def amount_on(
    run: Executor, axis: str, relation: Relation, value: Expression, table: pa.Table
) -> Any:
    """Amount on an axis for the rows of a relation: one number, or one for each row."""
    del run, relation
    if isinstance(value, Frames):
        each = value.microseconds(table["video"])
        same = each.size > 0 and each.min() == each.max()
        return int(each[0]) if same else each
    assert isinstance(value, Literal)
    if axis != "time":
        return np.float32(value.value)
    amount = microseconds(value)
    assert isinstance(amount, Literal)
    return amount.value
