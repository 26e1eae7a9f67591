"""Interval kernels against DuckDB and numpy on a workload like TV news.

Informational, not a gate. Run with ``make bench``; ``VQUERY_BENCH_FACES`` sets the number of faces
(default 100000). Inputs lie ready in each engine's own form and results are materialised as
columns; compiling and loading are not counted. Every result of an engine must have the same rows
as the kernel's in the same run.
"""

from __future__ import annotations

import os
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from tests.bench.queries.compare import fingerprint
from tests.bench.queries.duckdb_sql import BINS, PLAIN, binned, pairs
from tests.bench.queries.workload import HOUR, SECOND, folded, workload
from vquery_kernels.arrays import Pool, spans
from vquery_kernels.coalesce import coalesce
from vquery_kernels.coalesce import reference as coalesce_reference
from vquery_kernels.overlap_join import overlap_join
from vquery_kernels.overlap_join import reference as overlap_reference
from vquery_kernels.subtract import reference as subtract_reference
from vquery_kernels.subtract import subtract
from vquery_kernels.window_join import Windows, window_join
from vquery_kernels.window_join import reference as window_reference

duckdb = pytest.importorskip("duckdb")


def stream(tables):
    """All videos in one stream, one behind the other."""
    return folded(tables, 1)


def rows(table, where=slice(None)):
    return table["video"][where], table["t1"][where], table["t2"][where]


# Each query by kernel and by numpy: functions of the tables to a list of columns.


def q1(tables, join):
    faces = tables["faces"]
    a, b = (np.flatnonzero(faces["name"] == name) for name in (0, 1))
    left, right = join(rows(faces, a), rows(faces, b))
    left, right = a[left], b[right]
    start = np.minimum(faces["t1"][left], faces["t1"][right])
    return [start, np.maximum(faces["t2"][left], faces["t2"][right]), left, right]


def q2b(tables, join):
    return [*join(rows(tables["faces"]), rows(tables["shots"]))]


def q3(tables, join):
    return [*join(rows(tables["faces"]), rows(tables["captions"]))]


def q8(tables, join):
    return [*join(rows(tables["faces"]), rows(tables["graphics"]))]


def q4(tables, number):
    faces = tables["faces"]
    component = number(faces["video"] * np.int64(1_000) + faces["name"], faces["t1"], faces["t2"])
    size = int(component.max()) + 1
    start, end = np.full(size, HOUR), np.zeros(size, np.int64)
    np.minimum.at(start, component, faces["t1"])
    np.maximum.at(end, component, faces["t2"])
    return [start, end, np.bincount(component, minlength=size)]


def q5(tables, minus):
    return [*minus(rows(tables["shots"]), rows(tables["faces"]))]


def q6(tables, join):
    video, _, end = rows(tables["shots"])
    return [*join((video, end, end + 10 * SECOND), rows(tables["faces"])[:2])]


def numpy_overlap(a, b):
    sides = spans("left_", *a), spans("right_", *b)
    return overlap_reference.overlap_join(*sides, touching=False, pool=None)


POOL = Pool()
ARRAYS = {
    "Q1": (q1, lambda a, b: overlap_join(*a, *b), numpy_overlap),
    "Q2b": (q2b, lambda a, b: overlap_join(*a, *b), numpy_overlap),
    "Q3": (q3, lambda a, b: overlap_join(*a, *b), numpy_overlap),
    "Q8 time": (q8, lambda a, b: overlap_join(*a, *b), numpy_overlap),
    "Q4": (
        q4,
        lambda *table: coalesce(*table, gap=5 * SECOND),
        lambda *table: coalesce_reference.coalesce(spans("", *table), 5 * SECOND),
    ),
    "Q5": (
        q5,
        lambda a, b: subtract(*a, *b),
        lambda a, b: subtract_reference.subtract(spans("left_", *a), spans("right_", *b)),
    ),
    "Q6": (
        q6,
        lambda a, b: window_join(*a, *b),
        lambda a, b: window_reference.window_join(Windows(*a, *b), pool=None),
    ),
}

SQL = {
    ("Q1", "DuckDB plain"): PLAIN["q1"],
    ("Q1", "DuckDB bin"): BINS["q1"],
    ("Q2b", "DuckDB plain"): PLAIN["q2b"],
    ("Q2b", "DuckDB bin"): BINS["q2b"],
    ("Q3", "DuckDB plain"): PLAIN["q3"],
    ("Q3", "DuckDB bin"): BINS["q3"],
    ("Q8 time", "DuckDB plain"): pairs("faces", "graphics"),
    ("Q8 time", "DuckDB bin"): binned("faces", "graphics"),
    ("Q4", "DuckDB plain"): PLAIN["q4"],
    ("Q5", "DuckDB plain"): PLAIN["q5"],
    ("Q6", "DuckDB plain"): PLAIN["q6"],
    ("Q6", "DuckDB bin"): BINS["q6"],
}


@pytest.fixture(scope="module")
def tables():
    return workload(int(float(os.environ.get("VQUERY_BENCH_FACES", "1e5"))))


@pytest.fixture(scope="module")
def connection(tables):
    connection = duckdb.connect()
    connection.execute("set threads = 2")
    for suffix, change in (("", dict), ("_folded", stream)):
        for name, table in change(tables).items():
            connection.register("given", pa.table(table))
            connection.execute(f"create table {name}{suffix} as from given")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def report(request, tables):
    """Collect best times; print them at the end with their ratio to the kernel's."""
    best = defaultdict(dict)
    yield best
    sizes = ", ".join(f"{table['id'].size:,} {name}" for name, table in tables.items())
    lines = [f"\n{sizes}; best of the rounds in ms (times the kernel's)"]
    for query, times in best.items():
        kernel = times.get("kernel", float("nan"))
        shown = [f"{engine} {t * 1e3:.1f} ({t / kernel:.1f})" for engine, t in times.items()]
        lines.append(f"{query:9} {'  '.join(shown)}")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n".join(lines))


def measure(benchmark, report, query, engine, task, expected=None):
    found = benchmark.pedantic(task, rounds=5, iterations=1, warmup_rounds=1)
    if benchmark.enabled:
        report[query][engine] = benchmark.stats.stats.min
    if expected is not None:
        assert fingerprint(found) == fingerprint(expected)


def duckdb_columns(connection, sql):
    table = connection.sql(sql).to_arrow_table()
    return [column.to_numpy() for column in table.columns]


@pytest.mark.parametrize("query", ARRAYS)
def test_kernel(benchmark, report, tables, query):
    function, kernel, _ = ARRAYS[query]
    measure(benchmark, report, query, "kernel", lambda: function(tables, kernel))


@pytest.mark.parametrize("query", ["Q2b", "Q3"])
def test_kernel_with_a_pool(benchmark, report, tables, query):
    function, kernel, _ = ARRAYS[query]
    expected = function(tables, kernel)

    def pooled():
        return function(tables, lambda a, b: overlap_join(*a, *b, pool=POOL))

    measure(benchmark, report, query, "kernel, pool", pooled, expected)


@pytest.mark.parametrize("query", ARRAYS)
def test_numpy(benchmark, report, tables, query):
    function, kernel, plain = ARRAYS[query]
    expected = function(tables, kernel)
    measure(benchmark, report, query, "numpy", lambda: function(tables, plain), expected)


@pytest.mark.parametrize(("query", "engine"), SQL)
def test_duckdb(benchmark, report, tables, connection, query, engine):
    if (query, engine) == ("Q3", "DuckDB plain") and tables["faces"]["id"].size > 200_000:
        pytest.skip("quadratic in the length of a video: minutes")
    function, kernel, _ = ARRAYS[query]
    sql = SQL[query, engine]
    expected = function(tables, kernel)
    measure(benchmark, report, query, engine, lambda: duckdb_columns(connection, sql), expected)


def test_one_long_stream(benchmark, report, tables, connection):
    """All videos in one stream: the same pairs; DuckDB's plain join would compare all with all."""
    kernel, long = ARRAYS["Q2b"][1], stream(tables)
    expected = q2b(tables, kernel)
    measure(benchmark, report, "Q2b long", "kernel", lambda: q2b(long, kernel), expected)


def test_one_long_stream_in_duckdb(benchmark, report, tables, connection):
    expected = q2b(tables, ARRAYS["Q2b"][1])
    sql = binned("faces_folded", "shots_folded")
    measure(
        benchmark,
        report,
        "Q2b long",
        "DuckDB bin",
        lambda: duckdb_columns(connection, sql),
        expected,
    )
