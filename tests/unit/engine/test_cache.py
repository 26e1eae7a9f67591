"""Results kept by video: what is run again when a threshold or a video changes."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

import vquery as vq
from tests.properties.test_engine import queries
from vquery.engine.running import blocks
from vquery.engine.running.cache import Cache
from vquery.engine.running.executor import RUNNERS
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError
from vquery.expr import aggregates as agg
from vquery.expr.groups import Coalesce
from vquery.expr.pairs import Join
from vquery.expr.placeholders import param, row
from vquery.expr.time import time_overlaps

VIDEOS = ["a", "b", "c", "d"]


def table(change=None, rows=40):
    rng = np.random.default_rng(3)
    start = np.sort(rng.integers(0, 40, rows))
    columns = {
        "video": rng.choice(VIDEOS, rows),
        "start": start,
        "end": start + rng.integers(0, 5, rows),
        "score": rng.random(rows),
    }
    if change is not None:
        columns["score"][np.flatnonzero(columns["video"] == change)[0]] = 0.123
    return from_arrow(pa.table(columns))


@pytest.fixture
def ran(monkeypatch):
    """Videos that each kind of step ran on, one list a run."""
    seen = {}

    def watch(kind):
        runner = RUNNERS[kind]

        def watched(run, step, *inputs):
            videos = sorted(set(inputs[0]["video"].to_pylist()))
            seen.setdefault(kind, []).append(videos)
            return runner(run, step, *inputs)

        monkeypatch.setitem(RUNNERS, kind, watched)

    watch(Join)
    watch(Coalesce)
    return seen


def query(rows, most=0.9):
    near = rows.filter(row.score > 0.1)
    return near.join(near, predicate=time_overlaps).filter(row.score < param("most", most))


@pytest.fixture(params=["memory", "folder"])
def cache(request, tmp_path):
    return Cache(folder=tmp_path / "kept" if request.param == "folder" else None)


def test_nothing_runs_twice(cache, ran):
    rows = table()
    expected = query(rows).collect()
    ran.clear()
    for _ in range(3):
        assert query(rows).collect(cache=cache).equals(expected)
    assert ran == {Join: [VIDEOS]}


def test_columns_that_leave_out_the_video(cache, ran):
    rows = table()
    joined = rows.join(rows, predicate=time_overlaps)
    options = {"columns": ["score", "end_us"], "ordered": False, "cache": cache}
    first = joined.collect(**options)
    assert joined.collect(**options).equals(first)
    assert first.column_names == ["score", "end_us"]
    assert len(ran[Join]) == 1


def test_another_table_with_the_same_rows_is_the_same(cache, ran):
    query(table()).collect(cache=cache)
    query(table()).collect(cache=cache)
    assert len(ran[Join]) == 1


def test_one_threshold_runs_only_what_is_above_it(cache, ran):
    rows = table()
    made = query(rows).coalesce(gap=param("gap", 1.0), n=agg.count())
    made.collect(cache=cache)
    changed = {"gap": 2.0}
    assert made.collect(cache=cache, params=changed).equals(made.collect(params=changed))
    assert len(ran[Join]) == 2  # one of them without the cache
    assert len(ran[Coalesce]) == 3


def test_one_video_runs_alone(cache, ran):
    query(table()).collect(cache=cache)
    changed = table(change="c")
    expected = query(changed).collect()
    ran.clear()
    assert query(changed).collect(cache=cache).equals(expected)
    assert ran == {Join: [["c"]]}
    assert query(changed).collect(cache=cache).equals(expected)
    assert query(table()).collect(cache=cache).equals(query(table()).collect())
    assert ran[Join][1:] == [VIDEOS]  # the last, without the cache


def test_a_threshold_below_runs_all(cache, ran):
    rows = table()
    for least in (0.1, 0.5):
        near = rows.filter(row.score > least)
        near.join(near, predicate=time_overlaps).collect(cache=cache)
    assert len(ran[Join]) == 2


def test_analyze_says_what_came_from_the_cache(cache):
    rows = table()
    assert "from cache: 0 of 4 videos" in query(rows).explain(analyze=True, cache=cache)
    assert "from cache: 4 of 4 videos" in query(rows).explain(analyze=True, cache=cache)
    changed = query(table(change="a"))
    assert "from cache: 3 of 4 videos" in changed.explain(analyze=True, cache=cache)


def test_rows_left_out_are_counted_as_if_they_had_been_made(cache):
    def dropping(rows):
        short = rows.dilate(-0.6)
        return short.join(short, predicate=time_overlaps).coalesce(gap=1)

    plain = dropping(table()).collect()
    assert json.loads(plain.schema.metadata[b"vquery.dropped"])
    for rows in (table(), table(), table(change="b"), table(change="b")):
        expected = dropping(rows).collect()
        result = dropping(rows).collect(cache=cache)
        assert result.equals(expected)
        assert result.schema.metadata == expected.schema.metadata


def test_batches_share_the_cache(cache, ran):
    rows = table()
    expected = query(rows).collect(cache=cache, workers=2)
    ran.clear()
    assert query(rows).collect(cache=cache, on_error="skip").equals(expected)
    assert ran == {}


def test_functions_are_equal_to_themselves_alone(cache, ran):
    rows = table()
    ask = vq.udf(lambda left, _: pa.array([True] * len(left)), reads=["score"])
    other = vq.udf(lambda left, _: pa.array([False] * len(left)), reads=["score"])
    first = rows.join(rows, time_overlaps & ask).collect(cache=cache)
    assert rows.join(rows, time_overlaps & ask).collect(cache=cache).equals(first)
    assert len(ran[Join]) == 1
    assert rows.join(rows, time_overlaps & other).collect(cache=cache).num_rows == 0
    assert len(ran[Join]) == 2


def test_what_was_used_longest_ago_is_forgotten(ran):
    rows = table()
    small = Cache(max_bytes=6_000)
    for least in (0.1, 0.2, 0.3, 0.4, 0.5, 0.1):
        near = rows.filter(row.score > least)
        near.join(near, predicate=time_overlaps).collect(cache=small)
        assert int(repr(small).split("(")[1].split(" ")[0].replace(",", "")) <= 6_000
    assert len(ran[Join]) == 6


def test_a_folder_outlives_the_cache(tmp_path, ran):
    rows = table()
    expected = query(rows).collect(cache=Cache(folder=tmp_path))
    again = Cache(folder=tmp_path)
    assert query(table()).collect(cache=again).equals(expected)
    assert len(ran[Join]) == 1
    again.clear()
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_something_else(tmp_path, ran, caplog):
    (tmp_path / f"x{blocks.SUFFIX}").write_bytes(b"no arrow")
    with pa.OSFile(str(tmp_path / f"y{blocks.SUFFIX}"), "wb") as sink:
        plain = pa.table({"a": [1]})
        with pa.ipc.new_file(sink, plain.schema) as writer:
            writer.write_table(plain)
    cache = Cache(folder=tmp_path)
    assert caplog.text.count("is not a file of a cache") == 2
    query(table()).collect(cache=cache)
    for file in tmp_path.iterdir():  # another process takes them away
        file.unlink()
    assert query(table()).collect(cache=cache).equals(query(table()).collect())
    assert len(ran[Join]) == 3


def test_two_processes_share_a_folder(tmp_path):
    first, second = Cache(folder=tmp_path), Cache(folder=tmp_path)
    rows = table()
    one = query(rows).collect(cache=first)
    assert query(rows).collect(cache=second).equals(one)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_common_cache(ran):
    rows = table(rows=33)
    query(rows).collect(cache=True)
    query(rows).collect(cache=True)
    assert len(ran[Join]) == 1


def test_misuse():
    with pytest.raises(QueryError, match=r"max_bytes=\) must be a number of bytes, got 0"):
        Cache(max_bytes=0)


@settings(max_examples=60, deadline=None)
@given(query=queries())
def test_the_cache_changes_nothing(query):
    plain = query.collect()
    cache = Cache()
    for _ in range(2):
        result = query.collect(cache=cache)
        assert result.equals(plain)
        assert result.schema.metadata == plain.schema.metadata
