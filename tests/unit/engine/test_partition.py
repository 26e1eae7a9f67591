"""Partitions: neighbours, ranks and rolling aggregates, row by row."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.engine import reference
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError, UnknownColumnError

TRACKS = from_arrow(
    pa.table(
        {  # given in no order; two rows of track 1 share everything but `n`
            "video": ["a", "a", "a", "a", "b", "a", "a"],
            "start": [4, 0, 1, 1, 0, 9, 3],
            "end": [5, 1, 2, 2, 1, 9, 4],
            "track": [1, 1, 1, 1, 1, None, None],
            "n": [4, 1, 2, 3, 9, 6, 5],
            "score": [0.5, 0.9, None, 0.5, 1.0, 0.1, 0.2],
        }
    ),
    name="tracks",
)


def column(expression, **order):
    """Values of a window over tracks by ``n``, the same from the engine and from the oracle."""
    query = TRACKS.partition_by("track", **order).mutate(made=expression)
    by_n = {each["n"]: each["made"] for each in query.collect().to_pylist()}
    assert by_n == {each["n"]: each["made"] for each in reference.run(query.node)}
    return [by_n[n] for n in (1, 2, 3, 4, 5, 6, 9)]


def test_neighbours_stay_in_the_partition():
    assert column(vq.lag(row.n)) == [None, 1, 2, 3, None, 5, None]
    assert column(vq.lead(row.n, 2)) == [3, 4, None, None, None, None, None]
    assert column(row.start - vq.lag(row.end)) == [None, 0, -1, 2, None, 5, None]


def test_numbers_and_ranks():
    assert column(vq.row_number()) == [1, 2, 3, 4, 1, 2, 1]
    assert column(vq.rank(row.score)) == [3, None, 1, 1, 2, 1, 1]
    assert column(vq.rank(row.score, descending=True)) == [1, None, 2, 2, 1, 2, 1]
    assert column(vq.rank(row.score, dense=True)) == [2, None, 1, 1, 2, 1, 1]


def test_rolling_and_whole_partitions():
    assert column(vq.cumulative_sum(row.n)) == [1, 3, 6, 10, 5, 11, 9]
    assert column(vq.rolling(vq.sum(row.n), rows=2)) == [1, 3, 5, 7, 5, 11, 9]
    assert column(vq.rolling(vq.count(), seconds=1)) == [1, 3, 3, 1, 1, 1, 1]
    assert column(vq.rolling(vq.sum(row.n), seconds=vq.seconds(3))) == [1, 6, 6, 9, 5, 6, 9]
    assert column(vq.rolling(vq.first(row.n), rows=3)) == [1, 1, 1, 2, 5, 5, 9]
    assert column(vq.rolling_mean(row.n, rows=2)) == [1, 1.5, 2.5, 3.5, 5, 5.5, 9]
    assert column(vq.max(row.n)) == [4, 4, 4, 4, 6, 6, 9]
    assert column(vq.list(row.n)) == [[1, 2, 3, 4]] * 4 + [[5, 6]] * 2 + [[9]]
    assert column(vq.arg_max(row.n, by=row.score)) == [1, 1, 1, 1, 5, 5, 9]
    assert column(row.n / vq.sum(row.n))[:4] == [0.1, 0.2, 0.3, 0.4]


def test_other_orders():
    assert column(vq.lag(row.n), order=row.n.desc()) == [2, 3, 4, None, 6, None, None]
    assert column(vq.lag(row.n), order="score") == [4, 1, None, 3, 6, None, None]
    assert column(vq.lag(row.n), order=["score", row.n.desc()]) == [3, 1, 4, None, 6, None, None]


def test_rows_stay_where_they_were():
    partitions = TRACKS.sort(row.n.desc()).partition_by("track")
    made = partitions.mutate(before=vq.lag(row.n)).collect()
    assert made["n"].to_pylist() == [9, 6, 5, 4, 3, 2, 1]
    assert made.schema.names[-1] == "before"
    kept = partitions.filter(vq.lag(row.n) >= 2, row.n < 6).collect()
    assert kept["n"].to_pylist() == [4, 2]  # 2 and 3 tie, and 3 was given first


def test_filters_see_the_whole_partition():
    partitions = TRACKS.partition_by("track")
    assert partitions.filter(vq.count() > 1).count() == 6
    best = partitions.filter(row.score == vq.max(row.score))
    assert sorted(best.collect()["n"].to_pylist()) == [1, 5, 9]
    assert partitions.filter().count() == 7


def test_coalesce_within_partitions():
    runs = TRACKS.partition_by("track").coalesce(gap=2, n=vq.count())
    assert runs.select("start_us", "n").collect()["n"].to_pylist() == [4, 1, 1, 1]
    finer = TRACKS.partition_by("track").coalesce(by=row.score)
    assert finer.count() == 7
    assert TRACKS.partition_by().coalesce(gap=100).count() == 2


def test_replacing_a_column_reads_the_old_one():
    made = TRACKS.partition_by("track").mutate(n=vq.lag(row.n), m=row.n).collect()
    assert set(zip(made["n"].to_pylist(), made["m"].to_pylist(), strict=True)) >= {
        (None, 1),
        (1, 2),
    }


def test_only_what_is_asked_for_is_computed():
    query = TRACKS.partition_by("track").mutate(a=vq.lag(row.n), b=vq.lag(row.score)).select("a")
    assert "score" not in query.explain().splitlines()[-1]
    assert query.count() == 7


def test_empty_input():
    empty = TRACKS.filter(row.n > 100).partition_by("track")
    assert empty.mutate(x=vq.lag(row.n), y=vq.rolling_mean(row.score, seconds=1)).count() == 0
    made = empty.mutate(x=vq.lag(row.n)).collect()
    assert made.schema.field("x").type == pa.int64()


def test_rolling_over_frames():
    times = {"video": ["a", "a", "b", "b"], "start": [0, 1, 0, 1], "end": [1, 2, 1, 2]}
    extents = pa.table({"video": ["a", "b"], "start": [0, 0], "end": [9, 9], "fps": [10, 1]})
    rows = from_arrow(pa.table(times), extents=extents)
    with pytest.raises(QueryError, match="differs between videos"):
        rows.partition_by().mutate(n=vq.rolling(vq.count(), seconds=vq.frames(1)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TRACKS.mutate(x=vq.lag(row.n)), "belongs into partition_by"),
        (lambda: TRACKS.filter(vq.row_number() == 1), "belongs into partition_by"),
        (lambda: TRACKS.group_by().agg(x=vq.lag(row.n)), "belongs into partition_by"),
        (lambda: TRACKS.mutate(x=vq.max(row.n)), "belongs into agg"),
        (lambda: TRACKS.partition_by("trak"), "Did you mean 'track'"),
        (lambda: TRACKS.partition_by("track").mutate(x=vq.lag(row.m)), "no column 'm'"),
        (
            lambda: TRACKS.partition_by("track").mutate(start=row.n),
            "call the column something else",
        ),
        (lambda: TRACKS.partition_by("track").mutate(x=vq.lag(vq.lag(row.n))), "column first"),
        (lambda: TRACKS.partition_by("track").mutate(x=vq.max(vq.lag(row.n))), "column first"),
        (lambda: TRACKS.partition_by("track").filter(row.n), "a condition is needed"),
        (lambda: TRACKS.partition_by("track", order=vq.before), "takes columns"),
        (lambda: vq.lag(row.n, 0), "at least 1"),
        (lambda: vq.lead(row.n, True), "at least 1"),
        (lambda: vq.rolling(row.n, rows=2), "takes an aggregate"),
        (lambda: vq.rolling(vq.count()), "either rows= or seconds="),
        (lambda: vq.rolling(vq.count(), rows=1, seconds=1), "either rows= or seconds="),
        (lambda: vq.rolling(vq.count(), rows=0), "at least 1"),
        (lambda: vq.rolling(vq.count(), seconds=-1), "number of seconds of at least 0"),
        (
            lambda: TRACKS.partition_by(order="n").mutate(x=vq.rolling(vq.count(), seconds=1)),
            "goes by time",
        ),
    ],
)
def test_what_is_refused(build, message):
    with pytest.raises((QueryError, UnknownColumnError), match=message):
        build()


def test_plans_and_sql_say_what_is_done():
    query = TRACKS.partition_by("track", order=row.n.desc()).mutate(x=vq.lag(row.score))
    assert (
        "by video, track, in the order of row.n descending: x = lag(row.score)" in query.explain()
    )
    assert 'OVER (PARTITION BY "group_number"' in query.sql()
    assert "partition_by().filter" in TRACKS.partition_by().filter(vq.count() > 1).explain()
    assert repr(TRACKS.partition_by("track")) == "Partitioned(tracks by video, track)"
