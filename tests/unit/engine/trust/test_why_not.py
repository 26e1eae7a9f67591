"""why_not: the first step that dropped an interval, with the values that failed."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.errors import QueryError


def relation(name, rows, **types):
    columns = {key: [each.get(key) for each in rows] for key in rows[0]}
    return vq.from_arrow(pa.table(columns), name=name)


@pytest.fixture
def faces():
    return relation(
        "faces",
        [
            {"video": "a", "start": 0, "end": 2, "name": "Ann", "score": 0.62},
            {"video": "a", "start": 1, "end": 2, "name": "Bob", "score": 0.9},
            {"video": "a", "start": 10, "end": 12, "name": "Ann", "score": 0.95},
            {"video": "b", "start": 0, "end": 1, "name": "Ann", "score": None},
        ],
    )


@pytest.fixture
def captions():
    return relation(
        "captions",
        [
            {"video": "a", "start": 14.5, "end": 15, "text": "hello"},
            {"video": "a", "start": 30, "end": 31, "text": "bye"},
        ],
    )


def test_filter_names_the_value_of_the_row_that_came_nearest(faces):
    found = faces.filter((row.name == "Ann") & (row.score > 0.7)).why_not(("a", 0, 1.5))
    assert found.step == "filter"
    assert found.reason.startswith("score = 0.62, needed > 0.7")
    assert found.values["score"] == pytest.approx(0.62)
    assert "Ann" in found.rows[0]
    assert str(found).startswith("a 0:00.000 – 0:01.500 dropped by filter: score = 0.62")


def test_filter_on_nothing(faces):
    found = faces.filter(row.score > 0.1).why_not(("b", 0, 1))
    assert found.reason == "score = no value, needed > 0.1"
    found = faces.filter(row.name.isin(["Ann"])).why_not({"video": "a", "start": 1.5, "end": 1.5})
    assert found.step is None  # Ann is there
    found = faces.filter(row.name.isin(["Cid"])).why_not(("a", 0, 0.5))
    assert found.reason == "name = 'Ann', needed isin(['Cid'])"


def test_what_is_there_is_told(faces):
    found = faces.filter(row.score > 0.7).why_not(("a", 1, 2))
    assert found.step is None
    assert found.found["name"].to_pylist() == ["Bob"]
    assert "the result has it" in str(found)


def test_source_has_nothing(faces):
    found = faces.filter(row.score > 0.7).why_not(("a", 4, 5))
    assert found.step == "scan faces"
    assert found.reason == "faces has nothing there; its nearest row is 2 s away"
    assert faces.why_not(("z", 4, 5)).reason == "faces has no row of video 'z'"


def test_join_names_the_gap_to_the_nearest_partner(faces, captions):
    near = faces.filter(row.name == "Ann").join(captions, vq.before(max_gap=2))
    found = near.why_not(("a", 10, 12))
    assert found.step == "join"
    assert "2.5 s after the left one" in found.reason
    assert "before(max_gap=2)" in found.reason
    assert found.values["gap"] == 2.5
    assert "hello" in found.rows[0]


def test_join_names_the_part_that_fails(faces):
    pairs = faces.filter(row.name == "Ann").join(
        faces.filter(row.name == "Bob"),
        vq.time_overlaps & (lambda a, b: a.score > b.score),
    )
    found = pairs.why_not(("a", 1, 2))
    assert found.step == "join"
    assert "left.score = 0.62, needed > right.score (0.9)" in found.reason


def test_join_blames_the_filter_of_the_other_side(faces):
    sure = faces.filter(row.score > 0.7)
    pairs = faces.filter(row.name == "Bob").join(sure.filter(row.name == "Ann"), vq.time_overlaps)
    found = pairs.why_not(("a", 1, 2))
    assert found.step == "filter"
    assert found.reason.startswith("score = 0.62, needed > 0.7")
    assert [each.step for each in found.others] == ["join"]


def test_boxes_give_what_was_measured():
    boxes = {"x1": 0.0, "y1": 0.0, "y2": 1.0}
    one = relation("one", [{"video": "a", "start": 0, "end": 1, **boxes, "x2": 1.0}])
    two = relation("two", [{"video": "a", "start": 0, "end": 1, **boxes, "x2": 0.25}])
    found = one.join(two, vq.time_overlaps & vq.iou(at_least=0.5)).why_not(("a", 0, 1))
    assert "iou(at_least=0.5) fails, it is 0.25" in found.reason


def test_intersection_of_what_lies_apart(faces, captions):
    pairs = faces.join(captions, vq.before(max_gap=60), merge_op=vq.intersection)
    found = pairs.why_not(("a", 10, 12))
    assert "share no time" in found.reason


def test_anti_join_and_minus_name_the_rows_that_removed_it(faces):
    bob = faces.filter(row.name == "Bob")
    ann = faces.filter(row.name == "Ann")
    found = bob.anti_join(ann, vq.time_overlaps).why_not(("a", 1, 2))
    assert (found.step, found.reason) == ("anti_join", "it has a partner in faces")
    assert found.rows == ("a 0:00.000 – 0:02.000, name Ann, score 0.62",)
    found = bob.minus(ann).why_not(("a", 1, 2))
    assert (found.step, found.reason) == ("minus", "covered by faces")
    assert len(found.rows) == 1


def test_semi_join_without_a_witness(faces, captions):
    found = faces.semi_join(captions, vq.time_overlaps).why_not(("a", 10, 12))
    assert found.step == "semi_join"
    assert found.values["gap"] == 2.5


def test_duration_after_coalesce(faces):
    runs = faces.coalesce(1).filter(row.duration >= 3)
    found = runs.why_not(("a", 0, 1))
    assert found.step == "filter"
    assert found.reason == "duration = 2, needed >= 3"


def test_limit_and_distinct(faces):
    found = faces.limit(1).why_not(("a", 10, 12))
    assert found.reason == "it is row 3 of 4; limit keeps 1 rows"
    found = faces.distinct("name").why_not(("a", 10, 12))
    assert found.step == "distinct"
    assert "0:00.000 – 0:02.000" in found.rows[0]


def test_groups(faces):
    found = faces.group_by("name").filter(vq.count() >= 2).why_not(("a", 1, 2))
    assert found.step is None
    found = faces.group_by("name").filter(vq.max(row.score) > 0.99).why_not(("a", 10, 12))
    assert found.step == "group_by().filter"
    assert found.reason == "its group had max(score) = 0.95, needed > 0.99"


def test_patterns(faces):
    pair = vq.pattern("p", "q").where(lambda p, q: p.score > q.score * 2)
    found = faces.group_by().match(pair).why_not(("a", 1, 2))
    assert found.step == "match"
    assert "no rows of its group meet" in found.reason
    found = faces.per_frame().match(pair).why_not(("a", 1, 2))
    assert found.reason == "its group has 1 rows, needed at least 2"


def test_rows_that_move_away_or_shrink_to_nothing(faces):
    found = faces.dilate(-3).why_not(("a", 0, 1))
    assert found.step == "dilate"
    assert "start would come after its end" in found.reason
    found = faces.dilate(-0.5).why_not(("a", 10, 10.2))
    assert "became a 0:10.500 – 0:11.500" in found.reason


def test_unions_need_only_one_side(faces, captions):
    both = faces.filter(row.score > 0.99).union(captions.filter(row.text == "hello"))
    assert both.why_not(("a", 14.6, 14.7)).step is None
    found = both.why_not(("a", 1, 2))
    assert found.step == "filter"


def test_settings_of_params(faces):
    query = faces.filter(row.score > vq.param("least", 0.7))
    assert query.why_not(("a", 0, 0.5)).step == "filter"
    assert query.why_not(("a", 0, 0.5), params={"least": 0.5}).step is None


def test_labels_and_html(faces):
    labels = pa.table({"video": ["a"], "start_us": [0], "end_us": [500_000], "name": ["Ann"]})
    found = faces.filter(row.score > 0.7).why_not(labels)
    assert found.interval == {"video": "a", "start_us": 0, "end_us": 500_000}
    assert "needed &gt; 0.7" in found._repr_html_()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("a", 1), r"\(video, start, end\) in seconds"),
        ({"start": 1, "end": 2}, "the video is missing"),
        (("a", 3, 2), "starts after its end"),
        (("a", "x", 2), "start is 'x'"),
        (5, "got 5"),
        ((7, 0, 1), "video is string in faces, and can never be 7"),
    ],
)
def test_what_is_no_interval(faces, given, message):
    with pytest.raises(QueryError, match=message):
        faces.why_not(given)


def test_neighbours_in_a_partition(faces):
    later = faces.partition_by("name").filter(vq.row_number() >= 2)
    found = later.why_not(("a", 0, 0.5))
    assert found.step == "partition_by().filter"
    assert found.reason == "row_number() = 1, needed >= 2"


def test_chance_and_what_is_left_over(faces):
    found = faces.sample(1, seed=3).why_not(("a", 10, 12))
    assert found.reason == "left out by chance: sample(seed=3) kept 1 of 4 rows"
    extents = pa.table({"video": ["a", "b"], "start": [0.0, 0.0], "end": [20.0, 20.0]})
    known = vq.from_arrow(faces.collect(), name="faces", extents=extents)
    free = known.filter(row.name == "Ann").complement()
    assert free.why_not(("a", 3, 4)).step is None
    found = free.why_not(("a", 0.5, 1))
    assert (found.step, found.reason) == ("complement", "covered by faces")
    assert "name Ann" in found.rows[0]
    assert free.why_not(("a", 30, 31)).step == "scan extents of faces"
