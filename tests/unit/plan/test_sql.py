"""SQL text: values are bound, types are explicit, names are quoted."""

from __future__ import annotations

import pyarrow as pa
import pytest

from vquery.expr.placeholders import row, when
from vquery.expr.types import one_row
from vquery.plan.sql import Statement

SCHEMA = pa.schema(
    [
        ("video", pa.string()),
        ("start_us", pa.int64()),
        ("end_us", pa.int64()),
        *[(edge, pa.float32()) for edge in ("x1", "y1", "x2", "y2")],
        ("name", pa.string()),
        ("n", pa.int32()),
        ('o"dd', pa.string()),
    ]
)


def sql(expression):
    statement = Statement(one_row(SCHEMA, "faces"))
    return statement.text(expression), statement.values


@pytest.mark.parametrize(
    ("expression", "text", "values"),
    [
        (row.name == "'; drop table", '(".name" = CAST($1 AS VARCHAR))', ["'; drop table"]),
        (row.height >= 0.4, '((".y2" - ".y1") >= CAST($1 AS FLOAT))', [0.4]),
        (row.n == 3, '(CAST(".n" AS BIGINT) = CAST($1 AS BIGINT))', [3]),
        (row['o"dd'].is_null(), '(".o""dd" IS NULL)', []),
        (
            row.duration > 1,
            '((CAST((".end_us" - ".start_us") AS DOUBLE) / nullif(CAST($1 AS DOUBLE), 0))'
            " > CAST($2 AS DOUBLE))",
            [1_000_000, 1],
        ),
        (row.name.isin(["a", None]), '(".name" IN (CAST($1 AS VARCHAR)))', ["a"]),
        (row.name.isin([]), "false", []),
        (
            when(row.n > 1, row.x1).otherwise(0),
            '(CASE WHEN (CAST(".n" AS BIGINT) > CAST($1 AS BIGINT)) THEN ".x1"'
            " ELSE CAST($2 AS FLOAT) END)",
            [1, 0],
        ),
        (row.name + "!", '(".name" || CAST($1 AS VARCHAR))', ["!"]),
    ],
)
def test_text_and_bound_values(expression, text, values):
    assert sql(expression) == (text, values)


def test_long_lists_are_bound_as_one_value():
    text, values = sql(row.n.isin(range(100)))
    assert "unnest(CAST($1 AS BIGINT[]))" in text
    assert values == [list(range(100))]
