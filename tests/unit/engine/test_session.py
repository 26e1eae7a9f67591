"""The database behind expressions: it reaches nothing outside, and hashes what it is given."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import vquery as vq
from vquery.engine.running.session import Session, locked_database
from vquery.engine.sources import from_arrow
from vquery.expr.time import time_overlaps


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM '/etc/hostname.parquet'",
        "COPY (SELECT 1) TO 'made.csv'",
        "ATTACH 'made.db'",
        "INSTALL httpfs",
        "LOAD 'made'",
        "SET threads = 3",
        "SET enable_external_access = true",
        "SET temp_directory = '.'",
    ],
)
def test_nothing_outside_is_reached(text, tmp_path, monkeypatch):
    import duckdb

    monkeypatch.chdir(tmp_path)
    database = locked_database()
    with pytest.raises(duckdb.Error):
        database.execute(text).fetchall()
    assert list(tmp_path.iterdir()) == []
    database.close()


def test_tables_that_are_given_are_there():
    database = locked_database(threads=1)
    database.register("given", pa.table({"a": [1, 2]}))
    assert database.sql("SELECT sum(a) FROM given").fetchall() == [(3,)]
    database.close()


@pytest.mark.parametrize(
    "values", [[1, 2, 1, None], ["x", "", "x", None], [[1], [], [1], None], [0.5, 1.5, 0.5, None]]
)
def test_equal_values_have_equal_hashes(values):
    session = Session()
    found = session.hashes(pa.chunked_array([values[:1], values[1:]], pa.array(values).type))
    session.close()
    assert found.dtype == np.uint64
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 3


def test_what_is_nearly_the_same_has_another_hash():
    lists = [None, [], [None], [""], ["a", "b"], ["a, b"], ["b", "a"], ["a"], ["a", None]]
    session = Session()
    found = session.hashes(pa.chunked_array([lists], pa.list_(pa.string())))
    session.close()
    assert len(set(found.tolist())) == len(lists)


def test_functions_get_computed_columns_too():
    rows = from_arrow(pa.table({"video": ["a", "a"], "start": [0.5, 2.0], "end": [3, 3]}))
    seen = []

    def later(left, right):
        seen.append((left["start"].to_pylist(), right["duration"].to_pylist()))
        return pa.compute.greater(left["start"], right["start"])

    reads = ["start", "duration"]
    result = rows.join(rows, time_overlaps & vq.udf(later, reads=reads)).collect()
    assert result.num_rows == 1
    assert seen == [([0.5, 0.5, 2.0, 2.0], [2.5, 1.0, 2.5, 1.0])]


def test_databases_spill_apart(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    each = [locked_database(threads=1) for _ in range(2)]
    folders = {
        database.sql("SELECT current_setting('temp_directory')").fetchall()[0][0]
        for database in each
    }
    assert len(folders) == 2
    assert all(folder.startswith(str(tmp_path)) for folder in folders)
    assert list(tmp_path.iterdir()) == []  # made when they are needed
    for database in each:
        database.close()
