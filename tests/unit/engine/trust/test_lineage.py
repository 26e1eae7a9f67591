"""lineage: the rows of the input tables that a row of a result comes from."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.errors import QueryError


@pytest.fixture
def faces():
    table = pa.table(
        {
            "video": ["a", "a", "a", "b", "b"],
            "start": [0, 1, 5, 0, 0],
            "end": [1, 2, 6, 3, 3],
            "name": ["Ann", "Ann", "Bob", "Ann", "Ann"],
            "score": [0.9, 0.8, 0.7, 0.6, 0.6],
            "mark": [1, 2, 3, 4, 5],
        }
    )
    return vq.from_arrow(table, name="faces")


@pytest.fixture
def captions():
    table = pa.table({"video": ["a", "a"], "start": [0.5, 5.5], "end": [1.5, 7], "line": [1, 2]})
    return vq.from_arrow(table, name="captions")


def marks(lineage, table="faces", column="mark"):
    return lineage.tables[table][column].to_pylist()


def test_every_member_of_a_run_or_group(faces):
    assert marks(faces.coalesce().lineage(0)) == [1, 2]
    assert marks(faces.group_by("name").agg(n=vq.count()).lineage(1)) == [3]


def test_partners_of_a_join_and_witnesses_of_a_semi_join(faces, captions):
    pair = faces.filter(row.name == "Bob").join(captions, vq.time_overlaps).lineage(0)
    assert (marks(pair), marks(pair, "captions", "line")) == ([3], [2])
    kept = faces.semi_join(captions, vq.time_overlaps).lineage(1)
    assert (marks(kept), marks(kept, "captions", "line")) == ([2], [1])


def test_nothing_on_the_right_of_an_anti_join(faces, captions):
    alone = faces.anti_join(captions.filter(row.line == 2), vq.time_overlaps).lineage(0)
    assert (marks(alone), marks(alone, "captions", "line")) == ([1], [])


def test_cutters_of_minus(faces, captions):
    piece = faces.coalesce().minus(captions)
    assert piece.collect()["start_us"].to_pylist()[:2] == [0, 1_500_000]
    for number in (0, 1):
        found = piece.lineage(number)
        assert (marks(found), marks(found, "captions", "line")) == ([1, 2], [1])


def test_only_the_video_is_run_unless_the_query_looks_across(faces):
    here = faces.filter(row.score > 0.1).lineage(3)
    assert here.steps.inputs[0].table.num_rows == 1
    assert marks(here) == [4]
    assert marks(faces.sort(row.score).limit(2).lineage(1)) == [5]


def test_equal_rows_are_told_apart_by_number(faces):
    same = faces.drop("mark")
    assert marks(same.lineage(3)) == [4]
    assert marks(same.lineage(4)) == [5]
    assert marks(same.lineage(-1)) == [5]
    values = same.collect().to_pylist()[4]
    assert marks(same.lineage(values)) == [4]  # the first of equal ones


def test_rows_by_their_values(faces):
    assert marks(faces.lineage({"video": "a", "start": 5, "end": 6})) == [3]
    assert marks(faces.lineage(faces.collect().slice(2, 1))) == [3]


def test_one_table_scanned_twice_is_one_table(faces):
    twice = faces.filter(row.name == "Ann").join(
        faces.filter(row.name == "Bob"), vq.before(max_gap=10)
    )
    assert marks(twice.lineage(0)) == [1, 3]


def test_a_step_that_two_others_ask_is_written_once(faces):
    found = faces.filter(row.score > 0).join(faces, predicate=vq.time_overlaps).lineage(0)
    left, right = found.steps.inputs
    assert left.inputs[0] is right
    assert str(found).count("scan ") == 2
    assert str(found).endswith("(as above)")


def test_tables_of_one_name_stay_apart(faces):
    other = vq.from_arrow(pa.table({"video": ["a"], "start": [0], "end": [9]}), name="faces")
    assert list(faces.join(other, vq.time_overlaps).lineage(0).tables) == ["faces", "faces (2)"]


def test_text_and_html(faces, captions):
    found = faces.coalesce(by="name").join(captions, vq.time_overlaps).lineage(0)
    text = str(found)
    assert text.splitlines()[0].startswith("a 0:00.000 – 0:02.000, name Ann")
    assert "coalesce" in text
    assert "scan captions" in text
    assert text.count("name Ann, score") == 3
    assert "2 of faces" in found._repr_html_()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (9, "there is no row 9, the result has 5"),
        ({"video": "a", "start": 77}, "has no such row"),
        ({"video": "a", "nam": "x"}, "no column 'nam'"),
        ({"start": 1}, "a row has a video"),
        ("a", "takes a number of a row"),
    ],
)
def test_rows_that_do_not_exist(faces, given, message):
    with pytest.raises(QueryError, match=message):
        faces.lineage(given)
