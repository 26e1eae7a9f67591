"""Rules about boxes, tracks and values: against loops over all pairs, and by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vquery as vq
from tests.unit.supervise.assertions.drawn import boxed, told
from vquery.errors import QueryError, SchemaError, UnknownColumnError
from vquery.metrics.boxes import iou_matrix

PLACES = st.sampled_from([0.1, 0.12, 0.15, 0.3, 0.31])
ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.none(), PLACES, st.sampled_from([0.3, 0.6, 0.9])), max_size=9
)


def slow_multibox(rows, iou, least):
    """Best score first: what lies on it goes."""
    boxes = np.array([(x, 0.2, x + 0.1, 0.5) for _, _, x, _ in rows], np.float32).reshape(-1, 4)
    near = iou_matrix(boxes, boxes) > iou
    left = sorted(range(len(rows)), key=lambda i: (-rows[i][3], i))
    found = []
    while left:
        best, *left = left
        mine = [i for i in left if rows[i][0] == rows[best][0] and near[best, i]]
        if len(mine) + 1 >= least:
            found.append([best, *sorted(mine)])
            left = [i for i in left if i not in mine]
    return sorted(found)


@given(ROWS, st.sampled_from([0.3, 0.6]), st.sampled_from([2, 3]))
def test_all_but_the_best_of_boxes_on_each_other_go(rows, iou, least):
    table = boxed(rows or [(0, 1, 0.1)]).slice(0, len(rows))
    table = table.set_column(7, "track", pa.nulls(len(rows), pa.int64()))
    checked = vq.check(table, [vq.multibox(iou=iou, boxes=least)])
    wanted = slow_multibox(rows, iou, least)
    assert sorted(checked.violations["items"].to_pylist()) == wanted
    assert sorted(checked.corrections["item"].to_pylist()) == sorted(
        item for group in wanted for item in group[1:]
    )


def test_tracks_that_go_apart_are_two_objects():
    still = [(f, 1, 0.4) for f in range(20)]
    passing = [(f, 2, 0.1 + 0.03 * f) for f in range(20)]
    assert len(vq.check(boxed(still + passing), [vq.multibox()])) == 0
    riding = [(f, 2, 0.41) for f in range(5)]
    checked = vq.check(boxed(still + riding), [vq.multibox()])
    assert checked.corrections["item"].to_pylist() == [20, 21, 22, 23, 24]  # the shorter track


def test_boxes_of_different_classes_may_lie_on_each_other():
    rows = boxed([(0, None, 0.1), (0, None, 0.1)], **{"class": ["person", "bag"]})
    assert len(vq.check(rows, [vq.multibox()])) == 0
    assert len(vq.check(rows, [vq.multibox(by="video")])) == 1


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, None]), st.sampled_from(["x", "y", "z", None]))),
)
def test_the_most_usual_value_wins(pairs):
    table = boxed([(f, 1, 0.1) for f in range(len(pairs) or 1)]).slice(0, len(pairs))
    table = table.drop_columns(["track", "score"])
    table = table.append_column("track", pa.array([one for one, _ in pairs], pa.int64()))
    table = table.append_column("name", pa.array([one for _, one in pairs], pa.string()))
    checked = vq.check(table, [vq.consistent("name")])
    wanted = {}
    for track in (1, 2):
        counts = Counter(name for own, name in pairs if own == track and name is not None)
        ranked = counts.most_common()
        if len(ranked) > 1 and ranked[0][1] > ranked[1][1]:
            wanted |= {
                at: ranked[0][0]
                for at, (own, name) in enumerate(pairs)
                if own == track and name not in (None, ranked[0][0])
            }
    fixed = checked.corrections.to_pylist()
    assert {one["item"]: one["after"] for one in fixed} == wanted
    after = vq.corrected(table, checked).sort_by("item")["name"].to_pylist()
    assert after == [wanted.get(at, name) for at, (_, name) in enumerate(pairs)]


def test_a_tie_is_told_and_not_mended():
    table = boxed([(0, 1, 0.1), (1, 1, 0.1)], name=["Ann", "Bob"])
    checked = vq.check(table, [vq.consistent("name")])
    assert checked.violations["after"].to_pylist() == [None]
    assert checked.violations["before"].to_pylist() == ["Ann, Bob"]
    assert checked.corrections.num_rows == 0


def test_one_seat_of_a_shot_has_one_name():
    rows = [(0, 1, 0.1), (5, 2, 0.11), (9, 3, 0.1), (9, 4, 0.7)]
    table = boxed(rows, name=["Ann", "Ann", "Bob", "Bob"])
    found = told(table, [vq.consistent("name", within="slot")], "items", "after")
    assert found == [{"items": [2], "after": "Ann"}]


def test_one_person_is_not_in_two_places():
    table = boxed([(0, 1, 0.1), (0, 2, 0.6), (1, 1, 0.1), (0, 3, 0.6)], name=["Ann"] * 3 + ["Bob"])
    found = told(table, [vq.no_overlap("name")], "rule", "items", "action")
    assert found == [{"rule": "no_overlap_name", "items": [0, 1], "action": None}]
    touching = vq.no_overlap("video", iou=0.5, name="space")
    assert told(table, [touching], "items", "severity") == [{"items": [1, 3], "severity": 1.0}]


def crossing(swapped_at=None):
    """Two people who meet in the middle; from a frame on their numbers are exchanged."""
    rows = []
    for f in range(40):
        exchanged = swapped_at is not None and f >= swapped_at
        one, other = (2, 1) if exchanged else (1, 2)
        rows += [(f, one, 0.1 + 0.015 * f), (f, other, 0.7 - 0.015 * f)]
    return boxed(rows)


@pytest.mark.parametrize("frame", [5, 12, 30])
def test_exchanged_numbers_are_exchanged_back(frame):
    assert len(vq.check(crossing(), [vq.switches()])) == 0
    table = crossing(frame)
    checked = vq.check(table, [vq.switches()])
    assert checked.counts == {"switches": 1}
    assert checked.violations["items"].to_pylist() == [
        [2 * frame - 2, 2 * frame - 1, 2 * frame + 1, 2 * frame]
    ]
    mended = vq.corrected(table, checked).sort_by("item")
    assert mended["track"].to_pylist() == crossing()["track"].to_pylist()
    changed = pa.compute.is_valid(mended["correction"]).to_pylist()
    assert changed == [at >= 2 * frame for at in range(80)]


def test_a_cut_exchanges_nobody():
    shots = pa.table({"video": ["a", "a"], "start": [0, 0.48], "end": [0.48, 2]})
    assert len(vq.check(crossing(12), [vq.switches()], shots=shots)) == 0


def test_exchanged_twice_is_back_again():
    table = crossing(8)
    late = pa.compute.greater_equal(table["start_us"], 30 * 40_000)
    other = pa.compute.subtract(3, table["track"])
    track = pa.compute.if_else(late, other, table["track"])
    table = table.set_column(table.column_names.index("track"), "track", track)
    checked = vq.check(table, [vq.switches()])
    assert len(checked) == 2
    mended = vq.corrected(table, checked).sort_by("item")
    assert mended["track"].to_pylist() == crossing()["track"].to_pylist()


def test_a_query_should_find_nothing():
    table = boxed([(0, 1, 0.1), (1, 1, 0.1, 0.2)])

    def unsure(rows):
        return rows.filter(vq.row.score < 0.5)

    checked = vq.check(table, [vq.never(unsure, remove=True)])
    assert checked.violations.select(["rule", "items", "severity", "action"]).to_pylist() == [
        {"rule": "unsure", "items": [1], "severity": 1.0, "action": "remove"}
    ]
    assert vq.corrected(table, checked)["item"].to_pylist() == [0]
    given_table = pa.table({"video": ["a"], "start": [0], "end": [1], "severity": [0.25]})
    assert told(table, [vq.never(given_table)], "rule", "items", "severity") == [
        {"rule": "never", "items": [], "severity": 0.25}
    ]
    wrong = given_table.set_column(3, "severity", pa.array([2.0]))
    with pytest.raises(SchemaError, match="row 1: severity must be from 0 to 1"):
        vq.check(table, [vq.never(wrong)])
    with pytest.raises(QueryError, match="needs a collection"):
        vq.check(table, [vq.never("faces")])
    with pytest.raises(QueryError, match="must return a relation, got int"):
        vq.check(table, [vq.never(lambda _: 3)])


def test_mistakes_are_named():
    table = boxed([(0, 1, 0.1)])
    bare = table.select(["video", "start_us", "end_us"])
    for make, told_ in [
        (lambda: vq.flicker(max_gap=0), "above 0, got 0"),
        (lambda: vq.flicker(by=()), "name of a column"),
        (lambda: vq.appear(min_duration="1"), "number of seconds"),
        (lambda: vq.multibox(iou=1.5), "at most 1"),
        (lambda: vq.multibox(boxes=1), "at least 2"),
        (lambda: vq.consistent(3), "name of a column"),
        (lambda: vq.never(3), "takes a relation"),
        (lambda: vq.flicker(name=1), "must be text"),
        (lambda: vq.check(table, vq.flicker()), "takes a list"),
        (lambda: vq.check(table, ["flicker"]), "takes assertions"),
        (lambda: vq.check(table, [vq.flicker(), vq.flicker()]), "two rules are called 'flicker'"),
        (lambda: bool(vq.check(table, [])), "no truth value"),
    ]:
        with pytest.raises(QueryError, match=told_):
            make()
    with pytest.raises(UnknownColumnError, match="flicker: the table has no column 'track'"):
        vq.check(bare, [vq.flicker()])
    for rule in (vq.multibox(), vq.no_overlap("video", iou=0.5, apart=None)):
        with pytest.raises(SchemaError, match="boxes"):
            vq.check(pa.concat_tables([bare, bare]), [rule])
    tagged = table.append_column("tags", pa.array([["a"]]))
    with pytest.raises(SchemaError, match="'tags' must hold single values"):
        vq.check(tagged, [vq.consistent("tags")])
    twice = pa.concat_tables([table, table]).append_column("item", pa.array([7, 7]))
    with pytest.raises(SchemaError, match="7 occurs 2 times"):
        vq.check(twice, [vq.flicker()])


def test_data_frames_keep_their_rows_and_types():
    frame = boxed([(f, 1, 0.1) for f in (0, 1, 4, 5)]).to_pandas()
    frame["video"], frame["sure"] = 7, [True, True, True, False]
    frame.index = list("abcd")
    backwards = frame.iloc[::-1]
    checked = vq.check(backwards, [vq.flicker(), vq.consistent("sure")])
    assert checked.violations["items"].to_pylist() == [[0], [2, 1]]  # numbers of rows as given
    mended = vq.corrected(backwards, checked)
    assert mended["video"].to_pylist() == [7] * 6
    assert mended["sure"].to_pylist() == [True] * 6
    assert mended["item"].to_pylist() == [3, 2, -1, -2, 1, 0]


def test_rows_without_a_box_take_no_part_in_rules_about_boxes():
    table = boxed([(0, 1, 0.1), (1, 1, 0.1), (3, 1, 0.1), (4, 1, 0.1)])
    for side in ("x1", "y1", "x2", "y2"):
        at = table.column_names.index(side)
        values = [None if row == 1 else 0.1 for row in range(4)]
        table = table.set_column(at, side, pa.array(values, pa.float64()))
    rules = [vq.multibox(), vq.switches(), vq.flicker(), vq.consistent("track", within="slot")]
    checked = vq.check(table, rules)
    assert checked.counts == {"multibox": 0, "switches": 0, "flicker": 1, "consistent_track": 0}
    assert checked.corrections["x1"].to_pylist() == [None]  # one side of the gap has no box


def test_corrections_of_other_rows_are_refused():
    table = boxed([(0, None, 0.1, 0.9), (0, None, 0.1, 0.8)])
    checked = vq.check(table, [vq.multibox()])
    with pytest.raises(vq.LabelError, match="such as item 1"):
        vq.corrected(table.slice(0, 1), checked)


def test_a_check_shows_itself():
    checked = vq.check(boxed([(0, None, 0.1, 0.9), (0, None, 0.1, 0.8)]), [vq.multibox()])
    assert repr(checked) == ("<Checked: 1 violations in 2 rows (multibox 1); 1 corrections>")
    assert str(checked).endswith("multibox: 1 in 1 videos (1 removed)")
    assert checked.summary().to_pylist()[0]["removed"] == 1
    assert "multibox" in checked._repr_html_()
    assert checked.relation().count() == 1


def test_never_takes_ids_for_ids_alone():
    rows = pa.table({"video": ["a"] * 2, "start": [0, 1], "end": [1, 2], "item_count": [1, 1]})

    def counted(table):
        return table.filter(vq.row.item_count > 0).select("item_count")

    checked = vq.check(rows, [vq.never(counted, remove=True)])
    assert checked.violations["items"].to_pylist() == [[], []]
    assert checked.corrections.num_rows == 0


def test_never_names_what_fails():
    rows = pa.table({"video": ["a"], "start": [0], "end": [1], "severity": ["much"]})
    with pytest.raises(vq.QueryError, match="never: its function failed: ZeroDivisionError"):
        vq.check(rows, [vq.never(lambda table: table.count() / 0)])
    with pytest.raises(vq.SchemaError, match="column 'severity' must be numbers"):
        vq.check(rows, [vq.never(rows)])


def test_ids_of_text_are_refused():
    rows = pa.table({"video": ["a"], "start": [0], "end": [1], "track": [1], "item": ["x"]})
    with pytest.raises(vq.SchemaError, match="column 'item' must be whole numbers"):
        vq.check(rows, [vq.flicker()])
