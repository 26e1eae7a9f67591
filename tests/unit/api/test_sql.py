"""SQL over a collection: what it sees, what it must not reach, files for other tools."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.api.sql import run_sql
from vquery.errors import QueryError, SchemaError, StoreError

TABLE = {"video": ["a.mp4"], "start": [1.5], "end": [2.0], "who": ["Ann"]}
SECRET = "secret = 1"  # what no query may read


@pytest.fixture
def db(path):
    with vq.open(path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("text", "params", "expected"),
    [
        ("SELECT count(*) AS n FROM faces", None, [{"n": 60}]),
        ("select count(*) as n from FACES where score > $s", {"s": 2}, [{"n": 0}]),
        ("SELECT count(*) AS n FROM faces WHERE video = ?", ["a.mp4"], None),
        ("FROM faces SELECT count(*) AS n;", None, [{"n": 60}]),
        ("WITH few AS (SELECT * FROM faces LIMIT 3) SELECT count(*) AS n FROM few", (), [{"n": 3}]),
        ('SELECT count(*) AS n FROM faces_seconds WHERE "start" < 1e6', None, [{"n": 60}]),
        ("SELECT 1 AS n -- faces", None, [{"n": 1}]),
    ],
)
def test_queries(db, text, params, expected):
    found = db.sql(text, params)
    if expected is not None:
        assert found.to_arrow().to_pylist() == expected
    assert found.columns == ["n"]
    assert found.num_rows == 1


def test_results_become_relations(db):
    found = db.sql("SELECT video, start_us, end_us, score FROM faces WHERE name IS NULL")
    faces = found.relation().filter(row.score >= 0)
    assert faces.count() == db.faces.filter(row.score >= 0).count()
    seconds = db.sql('SELECT video, "start", "end" FROM shots_seconds').relation("shots")
    assert seconds.collect().equals(db.shots.select().collect())
    with pytest.raises(SchemaError, match="no column video"):
        db.sql("SELECT count(*) AS n FROM faces").relation()
    gaps = db.sql("SELECT * FROM shots LIMIT 0").relation().union(db.shots.limit(1)).complement()
    assert gaps.count() > 0
    assert faces.filter(row.duration <= vq.frames(2)).count() == faces.count()
    counted = db.sql('SELECT 7 AS video, 0 AS start, 1 AS "end"')
    assert counted.relation().count() == 1
    assert repr(found).startswith("SqlResult(60 rows: video, start_us")
    assert found.to_duckdb().aggregate("count(*)").fetchall() == [(60,)]


def test_sums_of_whole_numbers_are_whole_numbers(db):
    made = db.sql("SELECT sum(track) AS n, sum(track)::HUGEINT * 10::HUGEINT ** 20 AS m FROM faces")
    assert made.to_arrow().schema.field("n").type == pa.int64()


def test_all_tables_are_there(db):
    db.label([1_000_000_001], "name", "Ann")
    db.register("mine", pa.table(TABLE))
    db.save("kept", db.faces.limit(2))
    for name in (*db.tables(), "videos", "runs", "labels"):
        db.sql(f"SELECT count(*) AS n FROM {name}")
    assert db.sql("SELECT label FROM labels").to_arrow()["label"].to_pylist() == ["Ann"]
    joined = "SELECT count(*) AS n FROM mine JOIN videos USING (video)"
    assert db.sql(joined).to_arrow()["n"].to_pylist() == [1]
    assert {"mine", "kept"} <= set(db.tables())


def test_only_named_tables_are_read():
    read = []

    def reader(name):
        return lambda: read.append(name) or pa.table({"x": [1]})

    run_sql("SELECT * FROM One", {name: reader(name) for name in ("one", "two", "three")})
    assert read == ["one"]


def hostile(tmp_path: Path) -> list[str]:
    secret = tmp_path / "secret.csv"
    secret.write_text(SECRET)
    return [
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM read_text('{secret}')",
        f"SELECT * FROM read_blob('{secret}')",
        f"SELECT * FROM read_json('{secret}')",
        f"SELECT * FROM parquet_scan('{secret}')",
        f"SELECT * FROM sniff_csv('{secret}')",
        f"SELECT * FROM '{secret}'",
        f'SELECT * FROM "{secret}"',
        f"SELECT * FROM glob('{tmp_path}/*')",
        f"SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')",
        f"SELECT (SELECT content FROM read_text('{secret}'))",
        "SELECT * FROM read_text('https://example.org/x')",
        f"COPY faces TO '{tmp_path}/out.csv'",
        f"COPY (SELECT * FROM faces) TO '{tmp_path}/out.csv'",
        f"EXPORT DATABASE '{tmp_path}/out'",
        f"IMPORT DATABASE '{tmp_path}'",
        f"ATTACH '{tmp_path}/out.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET enable_external_access",
        f"PRAGMA profiling_output = '{tmp_path}/out'",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW faces",
        "INSERT INTO faces VALUES (1)",
        "DELETE FROM faces",
        "BEGIN",
        "CALL pragma_version()",
        "CREATE MACRO f(a) AS a",
        "PREPARE p AS SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT 1; SELECT 2",
        f"SELECT 1; COPY faces TO '{tmp_path}/out.csv'",
        "SELECT getenv('HOME')",
        f"FROM enable_profiling(save_location='{tmp_path}/out')",
        f"FROM enable_logging(storage='file', storage_path='{tmp_path}')",
        f"FROM query('COPY faces TO ''{tmp_path}/out.csv'' ')",
        f"FROM query_table('{secret}')",
        f"FROM read_duckdb('{tmp_path}/out.duckdb')",
        f"FROM json_execute_serialized_sql(json_serialize_sql('FROM ''{secret}'' '))",
        "FROM arrow_scan(NULL, NULL, NULL)",
        "FROM pandas_scan(NULL)",
        "FROM python_map_function((SELECT 1), NULL)",
        "SELECT * FROM duckdb_secrets()",
        "SELECT '\ud800'",
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
        "SELECT * FROM TABLE",
        "SELECT * FROM TABLE_OF_THE_CALLER",
        "SELECT $missing",
        "SELECT nonsense(1) FROM faces",
        "",
        ";",
        "-- nothing",
        "' OR 1=1 --",
    ]


def test_nothing_else_can_be_reached(db, tmp_path):
    TABLE_OF_THE_CALLER = pa.table({"x": [1]})  # noqa: N806, F841 - DuckDB would find it by name
    before = None
    for text in hostile(tmp_path):
        before = sorted(os.listdir(tmp_path))  # noqa: PTH208
        with pytest.raises(QueryError) as refused:
            db.sql(text)
        assert SECRET not in str(refused.value), text
        assert sorted(os.listdir(tmp_path)) == before, text  # noqa: PTH208
    assert db.sql("SELECT count(*) AS n FROM faces").to_arrow()["n"].to_pylist() == [60]


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        ("SELECT * FROM fces", None, "Tables: .*faces"),
        ("COPY faces TO 'x'", None, "one SELECT, which reads tables and changes nothing; got COPY"),
        ("SELECT * FROM read_text('x')", None, "tables of the collection and nothing else"),
        ("SELECT 1; SELECT 2", None, "got SELECT, SELECT"),
        ("SELECT nam FROM faces", None, "Candidate bindings"),
        ("SELECT $a", {"b": 1}, "sql"),
        ("SELECT 1", "x", "a mapping for \\$name or a list"),
        (7, None, "as text, got 7"),
    ],
)
def test_messages(db, text, params, message):
    with pytest.raises(QueryError, match=message):
        db.sql(text, params)


def test_values_are_never_part_of_the_text(db):
    db.label([1_000_000_001], "name", "'; DROP TABLE faces; --")
    asked = "SELECT count(*) AS n FROM faces WHERE name = $name"
    found = db.sql(asked, {"name": "'; DROP TABLE faces; --"})
    assert found.to_arrow()["n"].to_pylist() == [1]
    assert db.sql(asked, {"name": "' OR 1=1 --"}).to_arrow()["n"].to_pylist() == [0]


def test_a_duckdb_file(db, tmp_path):
    db.register("mine", pa.table(TABLE))
    target = tmp_path / "it's; out.duckdb"
    assert db.to_duckdb(target) == target
    with pytest.raises(StoreError, match="overwrite=True"):
        db.to_duckdb(target)
    with duckdb.connect(str(target), read_only=True) as made:
        tables = {
            name for (name,) in made.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        }
        assert tables == {*db.tables(), "videos", "runs", "labels"}
        assert made.execute("SELECT * FROM mine_seconds").fetchall() == [("a.mp4", "Ann", 1.5, 2.0)]
        columns = made.execute("SELECT * FROM faces LIMIT 0").description
        assert [column[0] for column in columns] == db.faces.columns
    db.to_duckdb(target, overwrite=True)
    with pytest.raises(StoreError, match="is a folder"):
        db.to_duckdb(tmp_path, overwrite=True)
    with pytest.raises(StoreError, match="cannot be written"):
        db.to_duckdb(tmp_path / "absent" / "out.duckdb")
    left = [each for each in os.listdir(tmp_path) if "unfinished" in each]  # noqa: PTH208
    assert left == []


def test_an_interrupted_file_does_not_appear(db, tmp_path):
    target = tmp_path / "out.duckdb"
    target.write_text("old")

    def broken():
        raise KeyboardInterrupt

    db._registered["broken"] = type("Broken", (), {"collect": staticmethod(broken)})()
    with pytest.raises(KeyboardInterrupt):
        db.to_duckdb(target, overwrite=True)
    assert target.read_text() == "old"
    assert [each.name for each in tmp_path.glob(".*")] == []


def test_names_that_differ_by_case_alone(tmp_path):
    from vquery.api.sql import write_duckdb

    tables = {"seen": lambda: pa.table({"A": [1], "a": [2]}), "Seen": lambda: pa.table({"b": [3]})}
    write_duckdb(tmp_path / "x.duckdb", tables, overwrite=False)
    with duckdb.connect(str(tmp_path / "x.duckdb")) as made:
        assert made.execute("SELECT * FROM seen").fetchall() == [(1, 2)]
        assert made.execute("SELECT * FROM Seen_2").fetchall() == [(3,)]
    assert run_sql("SELECT * FROM Seen_2", tables).to_arrow().to_pylist() == [{"b": 3}]


def test_registered_tables(db):
    made = db.register("mine", pa.table(TABLE))
    assert db["mine"].collect().equals(made.collect())
    assert db.query("mine.filter(row.who == 'Ann')").count() == 1
    assert db.query("faces.semi_join(mine, same('video'))").count() >= 0
    assert "mine" not in vq.open(db.path).tables()
    db.register("mine", db.shots, replace=True)
    assert db["mine"].columns == db.shots.columns


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("faces", "has a table 'faces'"),
        ("Faces", "has a table 'Faces'"),
        ("videos", "has a table"),
        ("labels", "has a table"),
        ("mine", "registered already"),
        ("MINE", "registered already"),
        ("a b", "takes a name"),
        ('x"; DROP TABLE y; --', "takes a name"),
        (7, "takes a name"),
    ],
)
def test_names_that_cannot_be_registered(db, name, message):
    db.register("mine", pa.table(TABLE))
    with pytest.raises(QueryError, match=message):
        db.register(name, pa.table(TABLE))
    with pytest.raises(SchemaError, match="no column video"):
        db.register("other", pa.table({"x": [1]}))
