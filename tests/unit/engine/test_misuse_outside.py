"""Misuse of units, SQL, other libraries, collections and of what explains a result."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

import vquery as vq
from tests.unit.engine.misuse import CAPTIONS, FACES, Misuse, cases, check
from vquery import row, time_overlaps
from vquery.api.sql import run_sql

TUNED = FACES.filter(row.score > vq.param("sure", 0.5, range=(0.1, 0.9)))
TABLES_OF_SQL = {"faces": FACES.collect, "captions": CAPTIONS.collect}


def sql(text, params=None):
    return run_sql(text, TABLES_OF_SQL, params)


def in_collection(relation: vq.Intervals, collection: str) -> vq.Intervals:
    """The same rows as if they were of a collection on disk."""

    class Source:
        name = relation.node.name
        schema = relation.schema
        read = relation.node.source.read

    source = Source()
    source.collection = collection
    return vq.Intervals(replace(relation.node, source=source))


UNITS = [
    Misuse(
        "frames of videos of unknown speed",
        lambda: FACES.dilate(vq.frames(3)).collect(),
        "nothing says how fast", r"frames\(3\).*'a' in faces", r"extents=\) a table with fps",
    ),
    Misuse(
        "frames of a column", lambda: FACES.dilate(vq.frames(row.track)),
        "takes a number of frames", r"frames\(\)", r"row\.track",
    ),
    Misuse(
        "seconds of a text", lambda: vq.seconds("5"),
        "takes a number", r"seconds\(\)", "got '5'",
    ),
]  # fmt: skip

SQL = [
    Misuse(
        "an update", lambda: sql("update faces set score = 1"),
        "changes nothing", r"sql\(\)", "one SELECT.*got UPDATE",
    ),
    Misuse(
        "two statements", lambda: sql("select 1; drop table faces"),
        "one SELECT", r"sql\(\)", "got SELECT, DROP",
    ),
    Misuse(
        "a file by SQL", lambda: sql("select * from read_csv('/etc/passwd')"),
        "Permission Error", r"sql\(\)", "reads the tables of the collection",
    ),
    Misuse(
        "an unknown table in SQL", lambda: sql("select * from facs"),
        "facs does not exist", r"sql\(\)", "Tables: captions, faces",
    ),
    Misuse(
        "an unknown column in SQL", lambda: sql("select nam from faces"),
        '"nam" not found', r"sql\(\)", "Candidate bindings.*name",
    ),
    Misuse(
        "nothing as SQL", lambda: sql("  "),
        "takes a SELECT as text", r"sql\(\)", "got '  '",
    ),
    Misuse(
        "a value that is not bound", lambda: sql("select * from faces where name = $who"),
        "not provided", r"sql\(\)", "the following parameters: who",
    ),
    Misuse(
        "a set of parameters", lambda: sql("select ?", {1, 2}),
        "takes a mapping", r"sql\(params=\)", r"a list for \?",
    ),
    Misuse(
        "DuckDB without a query", lambda: vq.from_duckdb("faces"),
        "takes a DuckDB relation or connection", r"from_duckdb\(\)", "got str",
    ),
]  # fmt: skip

COLLECTIONS = [
    Misuse(
        "a join of two collections",
        lambda: in_collection(FACES, "/tv/2023.vq").join(
            in_collection(CAPTIONS, "/tv/2024.vq"), time_overlaps
        ),
        "videos of two collections are different", r"join\(\).*2023\.vq.*2024\.vq",
        r"vq\.concat\(a, b\).*rekey\(\)",
    ),
    Misuse(
        "a union of two collections",
        lambda: in_collection(FACES, "/tv/2023.vq").union(in_collection(FACES, "/dv/2023.vq")),
        "videos of two collections are different", r"union\(\).*/tv/2023\.vq.*/dv/2023\.vq",
        r"vq\.concat\(a, b\)",
    ),
]  # fmt: skip

TRUST = [
    Misuse(
        "lineage of a row that is not there", lambda: FACES.lineage(7),
        "no row 7", r"lineage\(\)", "the result has 3",
    ),
    Misuse(
        "lineage by a column that is not there",
        lambda: FACES.lineage({"video": "a", "nam": "Ann"}),
        "no column 'nam'", r"lineage\(\): faces", "Columns: video",
    ),
    Misuse(
        "why not without a video", lambda: FACES.why_not({"start": 1, "end": 2}),
        "the video is missing", r"why_not\(\)", "takes",
    ),
    Misuse(
        "why not backwards", lambda: FACES.why_not(("a", 5, 2)),
        "starts after its end", r"why_not\(\)", "'start': 5, 'end': 2",
    ),
    Misuse(
        "an evaluation at 150 percent", lambda: FACES.evaluate(FACES, tiou=[1.5]),
        "above 0 and at most 1", "tiou=", r"such as \(0\.3, 0\.5\), got \[1\.5\]",
    ),
    Misuse(
        "an evaluation against a text", lambda: FACES.evaluate("labels.csv"),
        "takes labels as a relation or a table", r"evaluate\(\)", "got str",
    ),
    Misuse(
        "tuning without parameters", lambda: FACES.tune(FACES),
        "the query has none", r"tune\(\)", r"vq\.param\('gap', 10, range=\(2, 60\)\)",
    ),
    Misuse(
        "tuning by an unknown measure", lambda: TUNED.tune(FACES, metric="accuracy"),
        "got 'accuracy'", r"tune\(metric=\)", "takes mean_ap.* time_f1",
    ),
    Misuse(
        "tuning by an unknown method", lambda: TUNED.tune(FACES, method="luck"),
        "got 'luck'", r"tune\(\): method=", "must be one of grid, random",
    ),
]  # fmt: skip

RUNNING = [
    Misuse(
        "no workers", lambda: FACES.collect(workers=0),
        "got 0", "workers=", "at least 1.* leave it out",
    ),
    Misuse(
        "errors ignored", lambda: FACES.collect(on_error="ignore"),
        "got 'ignore'", "on_error=", "'raise' or 'skip'",
    ),
    Misuse(
        "a cache by its name", lambda: FACES.collect(cache="yes"),
        "got 'yes'", "cache=", r"True, False or a vq\.Cache",
    ),
    Misuse(
        "batches of no rows", lambda: FACES.batches(rows=0),
        "got 0", r"batches\(rows=\)", "whole number of at least 1",
    ),
    Misuse(
        "no columns", lambda: FACES.collect(columns=[]),
        r"got \[\]", r"collect\(columns=\)", "at least one column",
    ),
    Misuse(
        "fewer rows than none", lambda: FACES.show(limit=-1),
        "got -1", r"show\(limit=\)", "whole number of at least 0",
    ),
]  # fmt: skip

TABLES = [UNITS, SQL, COLLECTIONS, TRUST, RUNNING]


@cases(*UNITS)
def test_units(case):
    check(case)


@cases(*SQL)
def test_sql(case):
    check(case)


@cases(*COLLECTIONS)
def test_collections(case):
    check(case)


@cases(*RUNNING)
def test_running(case):
    check(case)


@cases(*TRUST)
def test_trust(case):
    check(case)


def test_the_tables_are_long_enough():
    from tests.unit.engine import test_misuse, test_misuse_relations

    modules = (TABLES, test_misuse.TABLES, test_misuse_relations.TABLES)
    assert sum(len(table) for tables in modules for table in tables) >= 100


def test_values_of_a_user_are_bound():
    hostile = "'; drop table faces; --"
    named = vq.from_arrow(
        pa.table({"video": [hostile], "start": [0.0], "end": [1.0], hostile: [hostile]}), name="x"
    )
    assert named.filter(row[hostile] == hostile, row.video == hostile).count() == 1
    assert named.filter(row[hostile].contains("' or '1'='1")).count() == 0
    text = named.filter(row.video == hostile).sql()
    statement = [line for line in text.splitlines() if not line.startswith(("--", "  $"))]
    assert "$1" in text
    assert "drop table" not in "".join(statement)
    found = sql("select count(*) as n from faces where name = $who", {"who": hostile})
    assert found.table["n"].to_pylist() == [0]
