"""Plans over batches of videos: the same rows, on threads, as a stream, of chosen columns."""

from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vquery as vq
from tests.properties.test_engine import queries
from vquery.engine import joins
from vquery.engine.running import batches
from vquery.engine.running.batches import Running, cut, in_parallel, local_parts, run_plan
from vquery.engine.running.executor import RUNNERS
from vquery.engine.running.settings import USUAL
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError, UnknownColumnError
from vquery.expr import aggregates as agg
from vquery.expr.pairs import Join
from vquery.expr.placeholders import row
from vquery.expr.relations import Filter, Limit, Scan, Sort
from vquery.expr.time import time_overlaps
from vquery.plan.steps import plan


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 3)
    monkeypatch.setattr("vquery.engine.running.streams.BATCH", 3)


def table(videos, *, seed=0, name="table", rows=40):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 50, rows)
    return from_arrow(
        pa.table(
            {
                "video": rng.choice(videos, rows),
                "start": start,
                "end": start + rng.integers(0, 9, rows),
                "name": rng.choice(["x", "y", "z"], rows),
                "id": np.arange(rows),
            }
        ),
        name=name,
    )


@pytest.fixture(params=[["a", "b", "c", "dd"], [7, -1, 3]], ids=["text", "integer"])
def faces(request):
    return table(request.param)


class WithoutVideos:
    """A source that only gives all of its rows."""

    def __init__(self, given):
        self.name, self.schema, self._table = "plain", given.schema, given

    def read(self, columns):
        return self._table if columns is None else self._table.select(columns)


@settings(max_examples=60, deadline=None)
@given(query=queries(), workers=st.integers(1, 3))
def test_batches_give_the_same_rows(query, workers):
    whole = query.collect(workers=1)
    assert query.collect(workers=workers, on_error="skip").equals(whole)
    ordered = list(query.batches(rows=2, ordered=True))
    assert pa.Table.from_batches(ordered, whole.schema).equals(whole.replace_schema_metadata(None))
    loose = pa.Table.from_batches(list(query.batches(rows=4)), whole.schema)
    assert sorted(map(repr, loose.to_pylist())) == sorted(map(repr, whole.to_pylist()))


def test_each_step_runs_once_a_batch(faces, monkeypatch):
    seen = []

    def counted(run, step, left, right):
        seen.append(sorted(set(left["video"].to_pylist())))
        return joins.join(run, step, left, right)

    monkeypatch.setitem(RUNNERS, Join, counted)
    query = faces.join(faces, predicate=time_overlaps).sort(row.id).limit(5)
    expected = query.collect(workers=1)
    everything = seen.pop()
    assert query.collect(workers=2).equals(expected)
    assert sorted(video for videos in seen for video in videos) == everything
    assert len(seen) > 1


def test_shared_steps_run_once(faces, monkeypatch):
    ran = []
    runner = RUNNERS[Filter]
    monkeypatch.setitem(RUNNERS, Filter, lambda *args: ran.append(1) or runner(*args))
    twice = faces.filter(row.name == "x").join(faces.filter(row.name == "x"), time_overlaps)
    twice.collect()
    assert len(ran) == 1
    assert "same as step" in twice.explain()
    other = faces.filter(row.name == "x").join(faces.filter(row.name == "y"), time_overlaps)
    other.collect()
    assert len(ran) == 3


def test_only_the_local_part_is_cut(faces):
    local = faces.filter(row.name == "x").join(faces, predicate=time_overlaps)
    assert [type(step.node) for step in local_parts(plan(local.node))] == [Join]
    mixed = local.sort(row.id).limit(3).semi_join(faces.coalesce(gap=1), time_overlaps)
    found = {type(step.node).__name__ for step in local_parts(plan(mixed.node))}
    assert found == {"Join", "Coalesce"}
    assert local_parts(plan(faces.sort(row.id).node)) == []


def test_sources_without_videos_are_cut_here(faces):
    plain = type(faces)(Scan(WithoutVideos(faces.collect(ordered=False))))
    query = plain.join(faces, predicate=time_overlaps)
    assert query.collect(workers=2).equals(query.collect(workers=1))


def test_nothing_at_all():
    empty = table(["a"], rows=0)
    query = empty.join(empty, predicate=time_overlaps)
    for options in ({"workers": 2}, {"on_error": "skip"}):
        result = query.collect(**options)
        assert result.num_rows == 0
        assert result.schema.equals(query.schema)
    assert list(query.batches()) == []
    assert query.to_reader().read_all().schema.equals(query.schema)


def test_a_video_larger_than_a_batch_is_not_cut():
    found = cut(pa.array(["a", "b", "c", "d"]), np.array([1, 9, 1, 1]), 3)
    assert [batch.videos.to_pylist() for batch in found] == [["a", "b"], ["c", "d"]]
    assert [batch.rows for batch in found] == [10, 2]


def test_pairs_of_one_video_come_in_blocks(monkeypatch):
    monkeypatch.setattr(joins, "BLOCK", 50)
    one = from_arrow(pa.table({"video": ["a"] * 60, "start": [0] * 60, "end": [1] * 60}))
    query = one.join(one, predicate=time_overlaps).mutate(twice=row.start * 2)
    sizes = [batch.num_rows for batch in query.batches(rows=40)]
    assert sum(sizes) == 3600
    assert max(sizes) <= 40


def test_columns_alone(faces, monkeypatch):
    query = faces.join(faces, predicate=time_overlaps)
    whole = query.collect()
    assert query.collect(columns=["id_right", row.id]).equals(
        whole.select(["id_right", "id"]).replace_schema_metadata(None)
    )
    monkeypatch.setattr("vquery.engine.merging._times", lambda *_: pytest.fail("not needed"))
    pairs = query.collect(columns=["id", "id_right"], ordered=False)
    assert pairs.column_names == ["id", "id_right"]
    assert sorted(zip(*pairs.to_pydict().values(), strict=True)) == sorted(
        zip(whole["id"].to_pylist(), whole["id_right"].to_pylist(), strict=True)
    )


def test_columns_of_what_reads_times(faces):
    query = faces.filter(row.start > 1).coalesce(gap=1, by=["name"], n=agg.count())
    whole = query.collect()
    assert query.collect(columns=["n"]).column(0).equals(whole["n"])
    assert query.filter(row.n > 1).collect(columns=["name"], ordered=False).column_names == ["name"]
    assert faces.collect(columns="id")["id"].null_count == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": []}, "at least one column"),
        ({"columns": ["id", "id"]}, "each once"),
        ({"workers": 0}, "workers= must be a whole number of at least 1, got 0"),
        ({"workers": True}, "workers= must be"),
        ({"on_error": "ignore"}, "on_error= must be 'raise' or 'skip', got 'ignore'"),
        ({"cache": "folder"}, "cache= must be True, False or a vq.Cache, got 'folder'"),
        ({"progress": "yes"}, "progress= must be True, False or None"),
    ],
)
def test_misuse(options, message):
    with pytest.raises(QueryError, match=message):
        table(["a"]).collect(**options)


def test_misuse_of_batches():
    with pytest.raises(QueryError, match="no param 'k'"):
        table(["a"]).batches(params={"k": 1})
    with pytest.raises(QueryError, match=r"batches\(rows=\) must be .* got 0"):
        table(["a"]).batches(rows=0)
    with pytest.raises(UnknownColumnError, match="nmae"):
        table(["a"]).batches(columns=["nmae"])


def test_large_queries_run_on_threads_unless_functions_of_users_are_in_them(faces, monkeypatch):
    monkeypatch.setattr("vquery.engine.running.settings.LARGE", 10)
    monkeypatch.setattr(batches.threads, "workers", lambda: 3)
    plain = plan(faces.join(faces, predicate=time_overlaps).node)
    assert USUAL.running(plain).workers == 3
    asking = time_overlaps & vq.udf(lambda left, _: left["id"], reads=["id"])
    assert USUAL.running(plan(faces.join(faces, asking).node)).workers == 1
    monkeypatch.setattr("vquery.engine.running.settings.LARGE", 1000)
    assert USUAL.running(plain).workers == 1


def test_few_results_wait():
    made, gate = [], threading.Semaphore(0)

    def task(number):
        made.append(number)
        gate.release()
        return number

    found = in_parallel(task, range(100), workers=2)
    assert next(found) == 0
    assert len(made) <= 4
    assert list(found) == list(range(1, 100))


def test_an_error_on_a_thread_is_raised(faces):
    def fails(left, right):
        raise ValueError("no")

    with pytest.raises(QueryError, match="failed: no"):
        faces.join(faces, vq.udf(fails, reads=["id"])).collect(workers=2)


def test_what_analyze_shows(faces):
    text = faces.join(faces, predicate=time_overlaps).explain(analyze=True, workers=2)
    assert "rows in" in text
    assert "batches on" in text
    assert "in Arrow buffers" in text


def test_running_counts_batches(faces):
    running = Running(workers=2)
    root = plan(faces.join(faces, predicate=time_overlaps).node)
    told = []
    running.advance = lambda done, total: told.append((done, total))
    run_plan(root, running)
    assert running.batches == len(told) > 1
    assert told[-1] == (40, 40)
    assert isinstance(root.node, Join)
    assert not isinstance(root.node, (Sort, Limit))
