"""Videos that cannot be computed are left out, counted and listed; the rest is returned."""

from __future__ import annotations

import json
import logging

import pyarrow as pa
import pytest

import vquery as vq
from vquery.engine.intervals import Intervals
from vquery.engine.sources import from_arrow
from vquery.expr.placeholders import row
from vquery.expr.relations import Scan
from vquery.expr.time import time_overlaps

VIDEOS = [f"v{number}" for number in range(9)]


def table(videos=VIDEOS):
    times = {"start": [0, 5] * len(videos), "end": [3, 6] * len(videos)}
    return pa.table({"video": [video for video in videos for _ in range(2)], **times})


def failing(*bad):
    """A condition on pairs that fails in some videos."""

    def function(left, right):
        del right
        for video in left["video"].to_pylist():
            if video in bad:
                raise ValueError(f"cannot read {video}")
        return pa.array([True] * left.num_rows)

    return time_overlaps & vq.udf(function, reads=["video"])


def failed(result):
    return json.loads((result.schema.metadata or {}).get(b"vquery.failed", b"[]"))


def test_one_video_fails(caplog):
    rows = from_arrow(table())
    with caplog.at_level(logging.WARNING, logger="vquery"):
        result = rows.join(rows, failing("v3")).collect(on_error="skip")
    assert sorted(set(result["video"].to_pylist())) == [each for each in VIDEOS if each != "v3"]
    (only,) = failed(result)
    assert only["video"] == "v3"
    assert "QueryError" in only["error"]
    assert "cannot read v3" in only["error"]
    assert "left out videos that failed: 1" in caplog.text
    assert "cannot read v3" in caplog.text


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("bad", [(), ("v0", "v1", "v8"), tuple(VIDEOS)])
def test_several_fail_or_all(bad, workers):
    rows = from_arrow(table())
    query = rows.join(rows, failing(*bad))
    result = query.collect(on_error="skip", workers=workers)
    assert [each["video"] for each in failed(result)] == sorted(bad)
    good = rows.filter(~row.video.isin(list(bad))) if bad else rows
    assert result.replace_schema_metadata(None).equals(
        good.join(good, time_overlaps).collect().replace_schema_metadata(None)
    )


def test_the_guilty_are_found_in_few_runs():
    runs = []

    def function(left, right):
        del right
        runs.append(left.num_rows)
        if "v5" in left["video"].to_pylist():
            raise ValueError
        return pa.array([True] * left.num_rows)

    many = [f"v{number}" for number in range(1000)]
    rows = from_arrow(table(many))
    result = rows.join(rows, time_overlaps & vq.udf(function, reads=["video"])).collect(
        on_error="skip"
    )
    assert [each["video"] for each in failed(result)] == ["v5"]
    assert len(runs) <= 2 * 10 + 1  # halved again and again, not one run a video


def test_integer_videos_keep_their_type():
    rows = from_arrow(table([3, 7]))
    result = rows.join(rows, failing(7)).collect(on_error="skip")
    assert [each["video"] for each in failed(result)] == [7]


def test_errors_are_raised_unless_asked_otherwise():
    rows = from_arrow(table())
    with pytest.raises(vq.QueryError, match="cannot read v3"):
        rows.join(rows, failing("v3")).collect()


def test_misuse_is_raised_all_the_same():
    rows = from_arrow(table())
    with pytest.raises(vq.UnknownColumnError, match="nmae"):
        rows.filter(row.nmae == "x").collect(on_error="skip")
    with pytest.raises(vq.QueryError, match="no param 'k'"):
        rows.collect(params={"k": 1}, on_error="skip")


def test_steps_over_all_videos_work_on_what_is_left():
    rows = from_arrow(table())
    query = rows.join(rows, failing("v0")).sort(row.start.desc()).limit(1)
    result = query.collect(on_error="skip")
    assert result["start_us"].to_pylist() == [5_000_000]
    assert [each["video"] for each in failed(result)] == ["v0"]


def test_rows_left_out_are_not_counted_twice_when_a_batch_fails():
    rows = from_arrow(table())
    shorter = rows.dilate(-1)  # the rows of one second vanish
    result = shorter.join(shorter, failing("v4")).collect(on_error="skip")
    dropped = json.loads(result.schema.metadata[b"vquery.dropped"])
    assert sum(dropped.values()) == len(VIDEOS) - 1


class Broken:
    """A source with a part that cannot be read."""

    name, schema = "parts", from_arrow(table()).schema

    def __init__(self):
        self._table = from_arrow(table()).collect()

    def videos(self):
        return pa.table({"video": VIDEOS, "rows": [2] * len(VIDEOS)})

    def read(self, columns):
        return self.read_videos(columns, pa.array(VIDEOS))

    def read_videos(self, columns, videos):
        if "v2" in videos.to_pylist():
            raise OSError("part 2 is damaged")
        import pyarrow.compute as pc

        return self._table.filter(pc.is_in(self._table["video"], videos)).select(columns)


def test_a_part_that_cannot_be_read():
    rows = Intervals(Scan(Broken()))
    with pytest.raises(OSError, match="damaged"):
        rows.collect()
    result = rows.filter(row.start < 5).collect(on_error="skip")
    assert result["video"].to_pylist() == [each for each in VIDEOS if each != "v2"]
    assert failed(result) == [{"video": "v2", "error": "OSError: part 2 is damaged"}]
