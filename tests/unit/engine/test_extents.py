"""What is known of whole videos: given with tables, read from collections, merged below a query."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.engine.extents import extents_at, extents_of, known_extents
from vquery.errors import QueryError, SchemaError

ROWS = pa.table({"video": ["a", "b"], "start": [1, 2], "end": [2, 4]})
SECOND = 1_000_000


def known(relation):
    rows = extents_of(relation.node).to_pylist()
    return [(each["video"], each["start_us"], each["end_us"], each["frame_us"]) for each in rows]


def test_a_mapping_gives_lengths_in_seconds():
    rows = vq.from_arrow(ROWS, extents={"b": 5, "a": 2.5})
    assert known(rows) == [("a", 0, 2_500_000, None), ("b", 0, 5 * SECOND, None)]


def test_a_table_gives_starts_and_the_rate_of_frames():
    given = pa.table({"video": ["a", "c"], "start": [0.5, 0], "end": [9, 0], "fps": [25, None]})
    assert known(vq.from_arrow(ROWS, extents=given)) == [
        ("a", 500_000, 9 * SECOND, 40_000.0),
        ("c", 0, 0, None),
    ]
    in_us = pa.table({"video": ["a"], "start_us": [0], "end_us": [7]})
    assert known(vq.from_arrow(ROWS, extents=in_us)) == [("a", 0, 7, None)]


def test_nothing_is_known_unless_it_is_given():
    assert known(vq.from_arrow(ROWS)) == []
    with pytest.raises(
        QueryError, match=r"clip\(\) has to know .* table: vq.from_arrow\(table, ext"
    ):
        known_extents(vq.from_arrow(ROWS).node, "clip()")


def test_an_empty_mapping_says_nothing_of_any_video():
    rows = vq.from_arrow(pa.table({"video": ["a"], "start": [0], "end": [1]}), extents={})
    assert rows.extents().count() == 0
    with pytest.raises(QueryError, match="how long the video 'a' is"):
        rows.clip().collect()


def test_integer_videos_stay_integers():
    table = pa.table({"video": pa.array([7], pa.int32()), "start": [0], "end": [1]})
    rows = vq.from_arrow(table, extents={7: 3, 8: 4})
    assert known(rows) == [(7, 0, 3 * SECOND, None), (8, 0, 4 * SECOND, None)]
    assert extents_of(rows.node).schema.field("video").type == pa.int64()


def test_all_sources_below_a_query_are_heard():
    first = pa.table({"video": ["a"], "start": [1], "end": [3], "fps": [10]})
    second = pa.table({"video": ["b", "a"], "start": [0, 2], "end": [1, 5], "fps": [5, 20]})
    one, other = vq.from_arrow(ROWS, extents=first), vq.from_arrow(ROWS, extents=second)
    wanted = [("a", SECOND, 5 * SECOND, 100_000.0), ("b", 0, SECOND, 200_000.0)]
    assert known(one.join(other, predicate=vq.time_overlaps).filter(row.start > 1)) == wanted
    assert known(one.union(vq.from_arrow(ROWS), other, one)) == wanted


def test_the_extents_of_a_collection_follow_its_frames(path):
    with vq.open(path) as db:
        frames = db.frames.filter(row.video == "a.mp4").collect()
        end = frames["end_us"][-1].as_py()
        found = {name: rest for name, *rest in known(db.captions.filter(row.start > 100))}
        assert set(found) == {"a.mp4", "b.mp4"}
        assert found["a.mp4"] == [0, end, pytest.approx(end / frames.num_rows)]
        assert extents_of(db.faces.node) is not None
        assert known(db.faces.union(db.shots)) == known(db.captions)


def test_extents_are_read_once_a_snapshot(path):
    with vq.open(path) as db:
        assert extents_of(db.faces.node)["end_us"] == extents_of(db.shots.node)["end_us"]
        first, second = db.faces.node.source.extents(), db.words.node.source.extents()
        assert first is second


def test_extents_are_a_relation_that_can_be_sent_to_another_process():
    source = known_extents(vq.from_arrow(ROWS, extents={"b": 5, "a": 2}).node, "x").source
    again = pickle.loads(pickle.dumps(source))
    assert again.read(None).to_pylist() == [
        {"video": "a", "start_us": 0, "end_us": 2 * SECOND},
        {"video": "b", "start_us": 0, "end_us": 5 * SECOND},
    ]
    assert again.read(["end_us"])["end_us"].to_pylist() == [2 * SECOND, 5 * SECOND]


def test_a_video_of_which_nothing_is_known_is_named():
    rows = vq.from_arrow(ROWS, extents={"a": 5})
    videos = rows.collect()["video"]
    with pytest.raises(QueryError, match="how long the video 'b' is"):
        extents_at(extents_of(rows.node), videos, "clip()")
    assert extents_at(extents_of(rows.node), videos.slice(0, 1), "clip()").tolist() == [0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": -1}, "row 1: start must not be after end"),
        ({"a": "long"}, "end must be a number of seconds"),
        ({1: 5}, "video is integer here and string in the rows"),
        (5, "got int"),
        (pa.table({"video": ["a", "a"], "start": [0, 1], "end": [2, 3]}), "'a' occurs twice"),
        (pa.table({"video": ["a"], "end": [2]}), "needs either start and end"),
        (pa.table({"video": ["a"], "start": [0], "end": [2], "fps": [0]}), "fps must be greater"),
        (pa.table({"video": ["a"], "start": [0], "end": [2], "fps": ["x"]}), "fps must be a num"),
    ],
)
def test_wrong_extents_are_refused(given, message):
    with pytest.raises(SchemaError, match=rf"table \(extents=\).*{message}"):
        vq.from_arrow(ROWS, extents=given)


def test_rows_of_two_collections_do_not_meet(path, tmp_path):
    other = vq.create(tmp_path / "other.vq")
    with vq.open(path) as db:
        for build in (
            lambda: db.faces.join(other.faces, predicate=vq.time_overlaps),
            lambda: db.faces.filter(row.score > 0.5).semi_join(other.shots, vq.time_overlaps),
            lambda: db.shots.minus(other.shots),
            lambda: db.shots.union(other.shots),
        ):
            with pytest.raises(QueryError, match=r"of the collection sample.vq and .* other.vq"):
                build()
        assert db.faces.semi_join(vq.from_arrow(ROWS), vq.time_overlaps).count() == 0
        with vq.open(path) as again:  # the same collection, opened twice
            assert again.shots.union(db.shots).count() == 2 * db.shots.count()


def test_collections_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    first, second = (vq.create(tmp_path / folder / "x.vq") for folder in ("one", "two"))
    with pytest.raises(
        QueryError, match=r"union\(\): shots is of .*one/x.vq and faces of .*two/x.vq"
    ):
        first.shots.union(second.faces)
