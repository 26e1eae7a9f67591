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

SECOND = 1_000_000
HOUR = 3_600 * SECOND
FACES_PER_VIDEO = 2_250
BIN = 8 * SECOND


def zipf(rng, exponent, values, size):
    weights = np.arange(1, values + 1, dtype=float) ** -exponent
    return rng.choice(values, size, p=weights / weights.sum())


def faces_of(videos, rng):
    """Every 3 s, 1 to 4 faces in three of four slots of 30 s; a name keeps for a slot."""
    slots, samples = 120, 10
    filled = rng.random((videos, slots)) < 0.75
    number = rng.integers(1, 5, (videos, slots, samples)) * filled[:, :, None]
    video, slot, sample = (
        np.repeat(axis, number.ravel()) for axis in map(np.ravel, np.indices(number.shape))
    )
    place = np.arange(video.size) - np.repeat(np.cumsum(number) - number.ravel(), number.ravel())
    names = zipf(rng, 1.1, 1_000, videos * slots * 4).reshape(videos, slots, 4)
    start = (slot * samples + sample) * 3 * SECOND
    return {
        "video": video,
        "t1": start,
        "t2": start + 3 * SECOND,
        "name": names[video, slot, place],
    }


def back_to_back(videos, lengths, pauses):
    """Rows one behind the other in every video, up to the hour; lengths and pauses (videos, n)."""
    end = np.cumsum(lengths + pauses, axis=1)
    start = end - lengths
    inside = start < HOUR
    video = np.nonzero(inside)[0]
    return {"video": video, "t1": start[inside], "t2": np.minimum(end[inside], HOUR)}


def graphics_of(videos, rng):
    """450 a video, 4 to 12 s long, anywhere: their ends do not ascend with their starts."""
    start = np.sort(rng.integers(0, HOUR - 12 * SECOND, (videos, 450)), axis=1).ravel()
    end = start + rng.integers(4 * SECOND, 12 * SECOND + 1, start.size)
    return {"video": np.repeat(np.arange(videos), 450), "t1": start, "t2": end}


def workload(faces, seed=1):
    rng = np.random.default_rng(seed)
    videos = max(1, round(faces / FACES_PER_VIDEO))
    shot = np.maximum(400, rng.exponential(5_000, (videos, 1_400)).astype(np.int64)) * 1_000
    word = rng.integers(150, 451, (videos, 13_000)) * 1_000
    pause = rng.integers(200, 800, word.shape) * 1_000 * (rng.random(word.shape) < 0.05)
    tables = {
        "faces": faces_of(videos, rng),
        "shots": back_to_back(videos, shot, np.zeros_like(shot)),
        "captions": back_to_back(videos, word, pause),
        "graphics": graphics_of(videos, rng),
    }
    for table in tables.values():
        table["video"] = table["video"].astype(np.int32)
        table["id"] = np.arange(table["video"].size, dtype=np.int32)
    return tables


def fold(table):
    """The same rows in one stream, the videos one behind the other."""
    shift = table["video"].astype(np.int64) * HOUR
    rest = {"video": np.zeros_like(table["video"])}
    return table | rest | {"t1": table["t1"] + shift, "t2": table["t2"] + shift}


def rows(table, where=slice(None)):
    return table["video"][where], table["t1"][where], table["t2"][where]


# Each query by kernel and by numpy: functions of the tables to a list of columns.


def q1(tables, join):
    faces = tables["faces"]
    a, b = (np.flatnonzero(faces["name"] == name) for name in (0, 1))
    left, right = join(rows(faces, a), rows(faces, b))
    left, right = a[left], b[right]
    start = np.minimum(faces["t1"][left], faces["t1"][right])
    return [left, right, start, np.maximum(faces["t2"][left], faces["t2"][right])]


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

OVERLAP = "a.video = b.video and a.t1 < b.t2 and b.t1 < a.t2"
SPREAD = f"unnest(range(t1 // {BIN}, (t2 - 1) // {BIN} + 1)) as bin"
ISLANDS = """
with marked as (select *, coalesce(t1 > {gap} + max(t2) over (partition by {by} order by t1, id
        rows between unbounded preceding and 1 preceding), true) as far from faces),
numbered as (select *, sum(far::int) over (partition by {by} order by t1, id) as island
    from marked),
islands as (select {by}, min(t1) as t1, max(t2) as t2, count(*) as n from numbered
    group by {by}, island)
"""


def pairs_sql(left, right, columns="a.id, b.id"):
    return f"select {columns} from {left} a join {right} b on {OVERLAP}"


def bins_sql(left, right, columns="a.id, b.id"):
    return f"""with a as (select *, {SPREAD} from {left}), b as (select *, {SPREAD} from {right})
        select {columns} from a join b
        on {OVERLAP} and a.bin = b.bin and a.bin = greatest(a.t1, b.t1) // {BIN}"""


LATE = 2**62
NAMED = "(from faces where name = {})"
HULL = "a.id, b.id, least(a.t1, b.t1), greatest(a.t2, b.t2)"
WINDOW = f"a.video = b.video and b.t1 between a.t2 and a.t2 + {10 * SECOND}"
SQL = {
    ("Q1", "DuckDB plain"): pairs_sql(NAMED.format(0), NAMED.format(1), HULL),
    ("Q1", "DuckDB bin"): bins_sql(NAMED.format(0), NAMED.format(1), HULL),
    ("Q2b", "DuckDB plain"): pairs_sql("faces", "shots"),
    ("Q2b", "DuckDB bin"): bins_sql("faces", "shots"),
    ("Q3", "DuckDB plain"): pairs_sql("faces", "captions"),
    ("Q3", "DuckDB bin"): bins_sql("faces", "captions"),
    ("Q8 time", "DuckDB plain"): pairs_sql("faces", "graphics"),
    ("Q8 time", "DuckDB bin"): bins_sql("faces", "graphics"),
    ("Q4", "DuckDB plain"): ISLANDS.format(by="video, name", gap=5 * SECOND)
    + "select t1, t2, n from islands",
    ("Q5", "DuckDB plain"): ISLANDS.format(by="video", gap=0)
    + f""", free as (select video, t2 as t1,
            lead(t1, 1, {LATE}) over (partition by video order by t1) as t2 from islands
        union all select video, -1, min(t1) from islands group by video
        union all select distinct video, -1, {LATE} from shots
            where video not in (select video from islands))
    select a.id, greatest(a.t1, b.t1), least(a.t2, b.t2) from shots a join free b on """
    + OVERLAP,
    ("Q6", "DuckDB plain"): f"select a.id, b.id from shots a join faces b on {WINDOW}",
    ("Q6", "DuckDB bin"): f"""
        with a as (select *, unnest(range(t2 // {BIN}, (t2 + {10 * SECOND}) // {BIN} + 1)) as bin
            from shots), b as (select *, t1 // {BIN} as bin from faces)
        select a.id, b.id from a join b on {WINDOW} and a.bin = b.bin""",
}


def fingerprint(columns):
    """Number of rows, and a hash that does not depend on their order."""
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = (mixed ^ np.asarray(column).astype(np.int64).view(np.uint64)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        mixed ^= mixed >> np.uint64(29)
    return len(mixed), int(mixed.sum(dtype=np.uint64))


@pytest.fixture(scope="module")
def tables():
    return workload(int(float(os.environ.get("VQUERY_BENCH_FACES", "1e5"))))


@pytest.fixture(scope="module")
def connection(tables):
    connection = duckdb.connect()
    connection.execute("set threads = 2")
    for suffix, change in (("", dict), ("_folded", fold)):
        for name, table in tables.items():
            connection.register("given", pa.table(change(table)))
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
    folded = {name: fold(table) for name, table in tables.items()}
    kernel = ARRAYS["Q2b"][1]
    expected = q2b(tables, kernel)
    measure(benchmark, report, "Q2b long", "kernel", lambda: q2b(folded, kernel), expected)


def test_one_long_stream_in_duckdb(benchmark, report, tables, connection):
    expected = q2b(tables, ARRAYS["Q2b"][1])
    sql = bins_sql("faces_folded", "shots_folded")
    measure(
        benchmark,
        report,
        "Q2b long",
        "DuckDB bin",
        lambda: duckdb_columns(connection, sql),
        expected,
    )
