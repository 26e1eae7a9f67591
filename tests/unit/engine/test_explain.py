"""EXPLAIN and the SQL of a query; what is imported when."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from vquery.engine.sources import from_arrow
from vquery.expr import aggregates as agg
from vquery.expr.boxes import left_of
from vquery.expr.placeholders import face, row
from vquery.expr.predicates import same
from vquery.expr.time import after, before, time_overlaps


@pytest.fixture
def faces():
    columns = {edge: [0.5, 0.6] for edge in ("x1", "y1", "x2", "y2")}
    return from_arrow(
        pa.table(
            {"video": ["a", "a"], "start": [0, 5], "end": [1, 6], **columns, "name": ["x", "y"]}
        ),
        name="faces",
    )


def test_the_strategy_of_each_step(faces):
    near = time_overlaps | before(max_gap=10) | after(max_gap=10)
    query = (
        faces.filter(face.name == "x")
        .join(faces, predicate=near & same("name"))
        .coalesce(gap=2, n=agg.count())
        .minus(faces.semi_join(faces, left_of))
    )
    text = query.explain()
    assert "arrays, row.name == 'x'" in text
    assert "sweep kernel on time (overlap, left widened by 10 s and 10 s); keys" in text
    assert "coalesce: sweep kernel on time, gap 2 s; DuckDB SQL, n = count()" in text
    assert "minus: sweep kernel on time (subtract)" in text
    assert "semi_join: per-video blocks of all pairs; fused: left_of" in text
    assert "(same as step" in text
    assert "~" in text
    assert "actual" not in text


def test_analyze_adds_what_happened(faces):
    text = faces.filter(face.name == "x").explain(analyze=True)
    assert "actual 1 rows" in text
    assert "ms" in text


def test_sql_with_bound_values(faces):
    text = faces.filter(face.name == "O'Brien").sql()
    assert '(".name" = CAST($1 AS VARCHAR))' in text
    assert '$1 = "O\'Brien"' in text
    assert faces.sql() == "-- no step of this query is SQL"


def test_building_a_query_loads_neither_database_nor_kernels():
    code = """
import sys
import pyarrow as pa
from vquery.engine.sources import from_arrow
from vquery.expr.placeholders import face
from vquery.expr.time import time_overlaps
faces = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [1], "name": ["x"]}))
query = faces.filter(face.name.lower() == "x").join(faces, predicate=time_overlaps).coalesce(gap=1)
query.explain()
loaded = {"duckdb", "numba", "cv2", "scipy"} & set(sys.modules)
print(sorted(loaded))
query.count()
print("duckdb" in sys.modules, "numba" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "[]"
    assert lines[1].startswith("True")


def test_rows_keep_their_order_through_the_database():
    # large enough for the database to work on it in several threads
    rng = np.random.default_rng(0)
    start = np.arange(400_000)
    values = rng.random(400_000)
    given = from_arrow(
        pa.table(
            {"video": np.zeros(400_000, int), "start_us": start, "end_us": start + 1, "v": values}
        )
    )
    result = given.filter(row.v > 0.5).mutate(twice=row.v * 2).collect(ordered=False)
    assert np.array_equal(result["start_us"].to_numpy(), start[values > 0.5])
    assert np.array_equal(result["twice"].to_numpy(), values[values > 0.5] * 2)
