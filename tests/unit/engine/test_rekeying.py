"""Videos under other names: concat of collections, rekey to another clock and back."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from tests.unit.engine.test_spans import dropped, made, origins, spans
from vquery import row, time_overlaps
from vquery.engine.extents import extents_of
from vquery.engine.parse import parse_query
from vquery.errors import QueryError

NEWS = made(
    *(("a", 1, 2), ("b", 0, 5), ("b", 9, 9), ("c", 0, 1)),
    channel=["x", "y", None, "x"],
    air=[10.0, None, 5.0, 10.5],
    extents={"a": 9, "b": 9, "c": 9},
)


def test_rekey_moves_rows_to_another_clock():
    live = NEWS.rekey("channel", shift=row.air)
    assert spans(live, "from_video", "from_shift_us") == [
        ("x", 10.5, 11.5, "c", 10_500_000),
        ("x", 11, 12, "a", 10_000_000),
    ]
    assert dropped(live) == {"rows without a key": 1, "rows without a shift": 1}
    assert live.columns == [*NEWS.columns, "from_video", "from_shift_us"]
    assert sorted(origins(live)[0]) == [(0, 0), (3, 1)]


def test_rekey_back_returns():
    live = NEWS.rekey(vq.lit("all"), shift=-3.5)
    assert spans(live)[0] == ("all", -3.5, -2.5)
    assert live.rekey_back().collect().equals(NEWS.collect())
    assert live.rekey_back().columns == NEWS.columns


def test_rows_of_several_videos_meet_on_one_clock():
    live = NEWS.filter(row.air.not_null()).rekey(vq.lit("all"), shift=row.air)
    both = live.join(live, predicate=time_overlaps & (lambda a, b: a.from_video < b.from_video))
    assert spans(both, "from_video", "from_video_right") == [("all", 10.5, 12, "a", "c")]
    back = both.rekey_back()
    assert spans(back) == [("a", 0.5, 2)]


def test_shifts_in_frames_are_those_of_the_video_from_before():
    clock = pa.table({"video": ["a"], "start": [0.0], "end": [9.0], "fps": [25.0]})
    table = pa.table({"video": ["a"], "start": [1.0], "end": [2.0]})
    rows = vq.from_arrow(table, extents=clock)
    assert spans(rows.rekey(vq.lit("all"), shift=vq.frames(50))) == [("all", 3, 4)]


def test_whole_numbers_and_expressions_are_keys():
    numbered = NEWS.mutate(n=row.start_us % 2).rekey("n")
    assert numbered.schema.field("video").type == pa.int64()
    assert set(numbered.collect()["video"].to_pylist()) == {0}
    upper = NEWS.rekey(row.channel.upper())
    assert {video for video, *_ in spans(upper)} == {"X", "Y"}
    assert numbered.rekey_back().schema.field("video").type == pa.string()


def test_rows_that_no_rekey_has_brought_are_left_out_on_the_way_back():
    mixed = NEWS.rekey("channel").union(NEWS)
    assert mixed.rekey_back().count() == 3
    assert dropped(mixed.rekey_back()) == {
        "rows without a key": 1,
        "rows that no rekey() has brought here": 4,
    }


def test_how_long_videos_are_is_known_again_after_the_way_back():
    live = NEWS.rekey("channel")
    with pytest.raises(QueryError, match="has to know how long videos are"):
        live.complement()
    assert extents_of(live.rekey_back().node).equals(extents_of(NEWS.node))


def test_concat_gives_videos_names_of_their_own():
    other = made(("a", 3, 4), score=[0.5], extents={"a": 7})
    both = vq.concat(NEWS, other, names=["news", "sport"])
    assert spans(both, "collection", "channel", "score") == [
        ("news/a", 1, 2, "news", "x", None),
        ("news/b", 0, 5, "news", "y", None),
        ("news/b", 9, 9, "news", None, None),
        ("news/c", 0, 1, "news", "x", None),
        ("sport/a", 3, 4, "sport", None, 0.5),
    ]
    assert origins(both) == {0: [(k, k) for k in range(4)], 1: [(0, 4)]}
    known = extents_of(both.node)["video"].to_pylist()
    assert sorted(known) == ["news/a", "news/b", "news/c", "sport/a"]
    assert spans(both.complement().filter(row.video == "sport/a")) == [
        ("sport/a", 0, 3),
        ("sport/a", 4, 7),
    ]


def test_integer_videos_become_texts():
    table = pa.table({"video": [7], "start": [0], "end": [1]})
    one = vq.from_arrow(table, name="cam", extents={7: 2})
    assert spans(vq.concat(one).complement()) == [("cam/7", 1, 2)]


def test_collections_are_told_apart_by_their_names(path, tmp_path):
    other = vq.create(tmp_path / "other.vq")
    with vq.open(path) as db:
        both = vq.concat(db.shots, other.shots)
        videos = {video for video, *_ in spans(both)}
        assert videos == {"sample/a.mp4", "sample/b.mp4"}
        # under one roof, rows of different collections may be compared
        assert both.semi_join(vq.concat(other.faces, db.faces), time_overlaps).count() > 0
        live = db.shots.rekey(vq.lit("now")).union(other.shots.rekey(vq.lit("now")))
        assert live.count() == db.shots.count()
        with pytest.raises(QueryError, match=r"rekey_back\(\): shots is of the collection"):
            live.rekey_back()
        back = db.shots.rekey(vq.lit("now")).rekey_back()
        with pytest.raises(QueryError, match=r"union\(\): shots is of the collection"):
            back.union(other.shots)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: NEWS.rekey("chanel"), r"no column 'chanel'.*channel"),
        (lambda: NEWS.rekey(row.air), r"must be text or a whole number, but row.air is a number"),
        (lambda: NEWS.rekey("channel", shift=row.channel), r"rekey\(shift=\) must be seconds"),
        (lambda: NEWS.rekey("channel").rekey("channel"), r"rekey_back\(\) first, or rename it"),
        (lambda: NEWS.rekey_back(), r"rekey_back\(\) undoes rekey\(\) .* has no 'from_video'"),
        (lambda: vq.concat(), r"concat\(\) needs relations"),
        (lambda: vq.concat(NEWS, 5), r"concat\(\) takes a relation"),
        (lambda: vq.concat(NEWS, NEWS), r"two relations are called 'table': give names="),
        (lambda: vq.concat(NEWS, names=["a", "b"]), r"one name for each of 1 relations"),
        (lambda: vq.concat(NEWS, names=["a/b"]), r"texts without '/'.*got 'a/b'"),
        (lambda: vq.concat(vq.concat(NEWS), names=["x"]), r"rename 'collection' before the concat"),
        (
            lambda: vq.concat(NEWS, NEWS.mutate(air="x"), names=["a", "b"]),
            r"concat\(\): column 'air' is double on one side and string",
        ),
    ],
)
def test_misuse_is_refused_when_the_query_is_built(build, message):
    with pytest.raises(QueryError, match=message):
        build()


def test_conditions_move_below_a_concat_unless_they_ask_for_the_video():
    both = vq.concat(NEWS, NEWS, names=["a", "b"])
    assert both.filter(row.channel == "x").explain().startswith("1 concat")
    assert both.filter(row.video == "a/a").explain().startswith("1 filter")
    assert both.filter(row.collection == "b").count() == NEWS.count()


@pytest.mark.parametrize(
    "text",
    [
        "concat(news, news, names=['a', 'b']).complement()",
        "news.rekey('channel', shift=row.air).coalesce(1, by='from_video').rekey_back()",
        "news.extents().windows(2, step=1, partial=False).sample(3, seed=1)",
        "news.split(at=news.shift(0.5)).clip(0, 4).split(1, anchor='video')",
        "news.coalesce(2, where=lambda run, new: run.end - new.start < 1, max_length=9)",
        "news.complement(within=news.dilate(3, clip=True))",
    ],
)
def test_texts_know_the_operations(text):
    built = parse_query(text, {"news": NEWS})
    assert built.count() == len(built.collect())
    assert built.count() > 0


def test_nothing_stays_nothing():
    nothing = NEWS.filter(row.start > 99)
    assert spans(nothing.rekey("channel").rekey_back()) == []
    assert spans(vq.concat(nothing)) == []
    assert vq.concat(nothing).collect().schema.names == vq.concat(NEWS).columns
