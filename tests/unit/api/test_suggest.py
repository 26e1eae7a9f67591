"""What to label next: from no label at all, and from some."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import vquery as vq
from vquery.errors import IngestError, LabelError


@pytest.fixture
def people(world):
    """Two people in three videos each, and strangers."""
    found = {}
    for video in ("a.mp4", "b.mp4", "c.mp4"):
        tracks = [("Ann", 0), ("Bob", 10), (f"somebody in {video}", 20)]
        found[video] = world.add(video, tracks)
    return world.db, found


def ranked(relation):
    return relation.collect(ordered=False).sort_by("rank").to_pylist()


def person_of(found):
    return {
        item: person
        for video in found.values()
        for person, items in video.items()
        for item in items
    }


def test_without_any_label_it_covers_what_is_most(people):
    db, found = people
    who = person_of(found)
    rows = ranked(db.suggest(2))
    assert {who[row["detection_id"]] for row in rows} == {"Ann", "Bob"}
    assert [row["rank"] for row in rows] == [1, 2]
    assert {row["reason"] for row in rows} == {"unreached component"}
    assert {row["items"] for row in rows} == {18}
    assert [row["best"] for row in rows] == [None, None]
    assert [row["best_probability"] for row in rows] == [None, None]


@pytest.mark.parametrize("strategy", ["mixed", "coverage", "density", "margin"])
def test_each_detection_stands_for_another_track(people, strategy):
    db, found = people
    db.label(found["a.mp4"]["Ann"][:1], "name", "Ann")
    rows = ranked(db.suggest(20, strategy=strategy))
    tracks = [row["track"] for row in rows]
    assert rows
    assert len(set(tracks)) == len(tracks)
    assert found["a.mp4"]["Ann"][0] not in tracks  # its track has a label
    who = person_of(found)
    assert {who[row["detection_id"]] for row in rows[:3]} - {"Ann"}


def test_the_best_label_so_far_is_shown(people):
    db, found = people
    db.label(found["a.mp4"]["Ann"][:1], "name", "Ann")
    db.label(found["a.mp4"]["Bob"][:1], "name", "Bob")
    mine = found["b.mp4"]["Ann"] + found["c.mp4"]["Ann"]
    rows = ranked(db.suggest(20, strategy="margin", over=mine + found["a.mp4"]["Ann"]))
    assert {row["best"] for row in rows} == {"Ann"}
    assert all(0 < row["best_probability"] <= 1 for row in rows)
    assert {row["reason"] for row in rows} == {"uncertain"}


def test_what_is_far_from_all_names_does_not_count_as_sure(people):
    db, found = people
    db.label(found["a.mp4"]["Ann"][:1], "name", "Ann")
    who = person_of(found)
    plain, mixed = (ranked(db.suggest(9, strategy=one)) for one in ("coverage", "mixed"))
    assert [row["detection_id"] for row in mixed] == [row["detection_id"] for row in plain]
    for one, other in zip(mixed, plain, strict=True):
        share = one["suggestion"] / other["suggestion"]
        if who[one["detection_id"]] == "Ann":  # sure of it: she looks like the labelled one
            assert one["best"] == "Ann"
            assert share < 0.5
        else:
            assert one["best"] is None
            assert share == pytest.approx(1)


def test_it_is_a_relation_of_detections(people):
    db, _ = people
    found = db.suggest(2)
    assert isinstance(found, vq.Intervals)
    assert found.filter(vq.row.rank == 1).count() == 1
    assert db.label(found.filter(vq.row.rank == 1), "name", "Ann") == 1
    assert found.collect().column_names[:4] == ["detection_id", "video", "start_us", "end_us"]


def test_two_people_of_one_shot_may_both_be_suggested(world):
    both = world.add("a.mp4", [("Ann", 0), ("Bob", 0)], same_shot=True)
    later = world.add("b.mp4", [("Cleo", 0), ("Cleo", 2)], same_shot=True)
    rows = ranked(world.db.suggest(9, strategy="coverage"))
    ids = {row["detection_id"] for row in rows}
    assert len(ids & set(both["Ann"])) == len(ids & set(both["Bob"])) == 1
    assert len(ids & set(later["Cleo"])) == 1


def test_crops_are_shown_in_a_notebook(path):
    with vq.open(path) as db:
        page = db.suggest(2)._repr_html_()
    assert "data:image/jpeg;base64," in page


def test_sources_that_disagree(people):
    db, found = people
    db.label(found["a.mp4"]["Ann"][:1], "name", "Ann")
    wrong, right = found["b.mp4"]["Ann"], found["c.mp4"]["Ann"]
    with pytest.raises(LabelError, match="nothing beside the labels says anything of 'name'"):
        db.suggest(3, strategy="disagreement")
    votes = vq.face.detection_id.isin(wrong)
    db.save("rule", db.faces.filter(votes).mutate(vote="Zoe", concept="name"))
    db.save("other", db.faces.filter(vq.face.detection_id.isin(right)).mutate(vote="Ann"))
    rows = ranked(db.suggest(3, strategy="disagreement"))
    assert rows[0]["detection_id"] in wrong
    assert {row["reason"] for row in rows} == {"sources disagree"}
    db.save("other", db.faces.limit(0).mutate(note="nothing"))
    with pytest.raises(LabelError, match="of 'mood'"):
        db.suggest(3, strategy="disagreement", concept="mood")


def test_votes_by_function_count_one_by_one(people):
    db, found = people
    db.label(found["a.mp4"]["Ann"][:1], "name", "Ann")
    item = found["b.mp4"]["Bob"][0]
    rows = db.faces.filter(vq.face.detection_id == item).collect()
    both = pa.concat_tables([rows, rows])
    both = both.append_column("vote", pa.array(["Ann", "Bob"]))
    db.save("rules", both.append_column("function", pa.array(["one", "two"])))
    first = ranked(db.suggest(1, strategy="disagreement"))[0]
    assert first["detection_id"] in found["b.mp4"]["Bob"]


@pytest.mark.parametrize("n", [0, -1, 2.5, "many", True, None])
def test_how_many_must_be_a_number(people, n):
    with pytest.raises(LabelError, match="at least 1 detection"):
        people[0].suggest(n)


def test_errors(people, tmp_path):
    db, found = people
    with pytest.raises(LabelError, match=r"one of mixed, coverage, .*'cleverest'"):
        db.suggest(2, strategy="cleverest")
    with pytest.raises(LabelError, match=r"1 of 1 ids.*such as 17"):
        db.suggest(2, over=[17])
    with pytest.raises(LabelError, match="no detections to choose from"):
        db.suggest(2, over=[])
    db.label(found["a.mp4"]["Ann"][:2], "name", ["Ann", "Bob"])
    with pytest.raises(LabelError, match="are one track"):
        db.suggest(2)
    with (
        vq.create(tmp_path / "empty.vq") as empty,
        pytest.raises(LabelError, match="no detections"),
    ):
        empty.suggest(2)


def test_nothing_is_written(people):
    db, _ = people
    runs = db.runs.num_rows
    db.suggest(3)
    assert db.runs.num_rows == runs


def test_a_file_that_is_to_be_filled_in_is_refused_until_it_is(people, tmp_path):
    from vquery.api.propagation.suggesting import to_fill_in

    db, _ = people
    rows = to_fill_in(db.suggest(2).collect())
    assert rows.column_names[:2] == ["detection_id", "label"]
    assert {"video", "start", "x1", "y1", "x2", "y2"} <= set(rows.column_names)
    file = tmp_path / "todo.csv"
    import pyarrow.csv

    pyarrow.csv.write_csv(rows, file)
    with pytest.raises(IngestError, match=r"row 2, column 'label': is still '\?'.*2 such rows"):
        db.label_file(file)
    file.write_text(file.read_text().replace('"?"', '"Ann"'))
    assert db.label_file(file) == 2
    assert set(db.labels("name")["label"].to_pylist()) == {"Ann"}


def test_lanes_keep_fragments_together_and_neighbours_apart(world):
    from vquery.api.propagation import graphs
    from vquery.api.propagation.options import Options
    from vquery.api.propagation.running import quiet
    from vquery.api.propagation.suggesting import _lanes
    from vquery.graph.tracks import anew

    world.add("a.mp4", [("Ann", 0), ("Bob", 1), ("Ann", 2.5), ("Ann", 9)], same_shot=True)
    world.add("b.mp4", [("Ann", 0), ("Bob", 3)])
    ids = np.sort(world.db.faces.collect()["detection_id"].to_numpy())
    with world.db._store.snapshot() as snapshot:
        built = graphs.build(snapshot, ids, Options(), quiet, search=anew)
    lanes = _lanes(built)
    assert lanes[0] == lanes[2] == lanes[3] != lanes[1]
    assert len(set(lanes.tolist())) == 4
