"""Tables of other libraries, in and out."""

from __future__ import annotations

import sys

import duckdb
import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.engine.bring import any_table
from vquery.errors import MissingDependencyError, QueryError, SchemaError

COLUMNS = {"video": ["a", "b"], "start": [0.5, 1.0], "end": [1.0, 1.0], "name": ["Ann", None]}
WANTED = [
    {"video": "a", "start_us": 500_000, "end_us": 1_000_000, "name": "Ann"},
    {"video": "b", "start_us": 1_000_000, "end_us": 1_000_000, "name": None},
]


def test_duckdb_relations_and_queries():
    connection = duckdb.connect()
    connection.register("given", pa.table(COLUMNS))
    assert vq.from_duckdb(connection.table("given")).collect().to_pylist() == WANTED
    some = vq.from_duckdb(connection, "SELECT * FROM given WHERE name = $n", {"n": "Ann"})
    assert some.collect().to_pylist() == WANTED[:1]
    some = vq.from_duckdb(connection, "SELECT * FROM given WHERE name IS NULL AND ? > 0", [1])
    connection.unregister("given")
    assert some.collect().to_pylist() == WANTED[1:]
    out = vq.from_arrow(pa.table(COLUMNS)).filter(row.name == "Ann").to_duckdb(connection)
    assert out.filter("start_us > 0").aggregate("count(*)").fetchall() == [(1,)]


def test_extents_come_with_tables():
    lengths = {"a": 2, "b": 3}
    made = vq.from_duckdb(duckdb.from_arrow(pa.table(COLUMNS)), extents=lengths).complement()
    assert made.collect()["end_us"].to_pylist()[-1] == 3_000_000


@pytest.mark.parametrize(
    ("build", "kind", "message"),
    [
        (lambda: vq.from_duckdb(duckdb.connect()), QueryError, "give the query as the second"),
        (lambda: vq.from_duckdb(duckdb.connect(), "SELECT nonsense"), QueryError, "nonsense"),
        (lambda: vq.from_duckdb(duckdb.sql("SELECT 1"), "SELECT 1"), QueryError, "takes no sql"),
        (lambda: vq.from_duckdb("news.duckdb"), QueryError, "got str"),
        (lambda: vq.from_duckdb(duckdb.sql("SELECT 1 AS x")), SchemaError, "no column video"),
        (lambda: vq.from_arrow(pa.table(COLUMNS)).to_duckdb("x"), QueryError, "got str"),
        (lambda: any_table(7, "seven"), SchemaError, "seven"),
    ],
)
def test_what_is_refused(build, kind, message):
    with pytest.raises(kind, match=message):
        build()


@pytest.mark.parametrize(
    ("package", "use"),
    [
        ("pandas", lambda: vq.from_pandas(None)),
        ("polars", lambda: vq.from_polars(None)),
        ("polars", lambda: vq.from_arrow(pa.table(COLUMNS)).to_polars()),
    ],
)
def test_missing_packages_are_named(package, use, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"pip install {package}"):
        use()


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(COLUMNS, index=[7, 8])
    assert vq.from_pandas(frame).collect().to_pylist() == WANTED
    assert any_table(frame, "frame").collect().to_pylist() == WANTED
    frame["mixed"] = [1, "x"]
    with pytest.raises(SchemaError, match="several types"):
        vq.from_pandas(frame)
    with pytest.raises(SchemaError, match="takes a DataFrame, got dict"):
        vq.from_pandas(COLUMNS)
    back = vq.from_arrow(pa.table(COLUMNS)).to_pandas()
    assert list(back.columns) == ["video", "start_us", "end_us", "name"]


def test_polars():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(COLUMNS)
    assert vq.from_polars(frame).collect().to_pylist() == WANTED
    assert vq.from_polars(frame.lazy()).collect().to_pylist() == WANTED
    assert any_table(frame, "frame").collect().to_pylist() == WANTED
    with pytest.raises(SchemaError, match="takes a DataFrame or LazyFrame"):
        vq.from_polars(COLUMNS)
    assert vq.from_arrow(pa.table(COLUMNS)).to_polars().to_dicts() == WANTED


def test_arrow():
    assert vq.from_arrow(pa.table(COLUMNS)).to_arrow().to_pylist() == WANTED
    assert any_table(pa.table(COLUMNS).to_batches()[0], "batch").count() == 2
