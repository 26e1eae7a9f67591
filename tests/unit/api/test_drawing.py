"""Boxes drawn by hand: detections like any other, undone as one, and joined to tracks."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import vquery as vq
from vquery.errors import LabelError, StoreError
from vquery.media.pictures import decode_jpeg
from vquery.schema import DRAWN_FROM, IDS_PER_VIDEO

BOX = (0.125, 0.25, 0.5, 0.75)
FURTHER = (0.375, 0.25, 0.75, 0.75)
POINTS = [(0.5, 0.1), (0.2, 0.4), (0.6, 0.9), (0.8, 0.5)]
SIDES = ("x1", "y1", "x2", "y2")
FIRST_SHOT = 12
"""Frames of a.mp4 before its cut."""


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        yield db


@pytest.fixture
def starts(db):
    """Start of each frame of a.mp4 in seconds."""
    frames = db.frames.filter(vq.row.video == "a.mp4").collect()
    return [start / 1e6 for start in frames["start_us"].to_pylist()]


def stored(db):
    return db["drawn"].collect().to_pylist()


def one(db, detection_id):
    rows = db.detections.filter(vq.row.detection_id == detection_id).collect().to_pylist()
    assert len(rows) == 1
    return rows[0]


def sides(row):
    return [row[name] for name in SIDES]


class TestDraw:
    def test_a_box_is_a_detection_of_the_frame_on_show(self, db):
        before = db.faces.count()
        frames = db.frames.filter(vq.row.video == "a.mp4").collect().to_pylist()
        middle = (frames[3]["start_us"] + frames[3]["end_us"]) / 2e6
        done = db.draw("a.mp4", middle, BOX, class_="face", by="ann")
        assert (done.rows, done.waiting, done.event) == (1, False, 1)
        assert db.faces.count() == before + 1
        row = one(db, done.detection_id)
        assert (row["start_us"], row["end_us"]) == (frames[3]["start_us"], frames[3]["end_us"])
        assert sides(row) == list(BOX)
        assert (row["class"], row["score"], row["track"]) == ("face", 1.0, done.track)
        assert "drawing of a box of 'face' at" in done.sentence
        assert done.sentence.endswith("by ann")
        assert (stored(db)[0]["by"], stored(db)[0]["event"]) == ("ann", 1)
        with db._store.snapshot() as snapshot:
            rows = snapshot.read("detections", videos=["a.mp4"]).to_pylist()
        full = next(row for row in rows if row["detection_id"] == done.detection_id)
        beside = next(row for row in rows if row["start_us"] == full["start_us"])
        assert (full["frame"], full["source"]) == (3, "human")
        assert full["shot_id"] == beside["shot_id"]

    def test_extreme_points_make_the_box_and_are_kept(self, db):
        done = db.draw("a.mp4", 0, points=POINTS)
        row = one(db, done.detection_id)
        assert sides(row) == pytest.approx([0.2, 0.1, 0.8, 0.9])
        assert row["class"] == "object"
        flat = [value for point in POINTS for value in point]
        assert stored(db)[0]["points"] == pytest.approx(flat)

    def test_it_is_found_by_queries(self, db):
        db.draw("a.mp4", 0, BOX, class_="cup", by="ann")
        db.draw("a.mp4", 0.5, BOX, class_="cup", by="bob")
        assert db.query("detections.filter(row['class'] == 'cup')").count() == 2
        drawn = db.query("drawn.filter(by == 'ann')").collect()
        assert drawn["class"].to_pylist() == ["cup"]
        assert db["drawn"].count_overlaps(db.faces).count() == 2
        assert db["drawn"].filter(vq.row.interpolated).count() == 0

    def test_a_label_given_with_it_is_of_the_same_action(self, db):
        done = db.draw("a.mp4", 0, BOX, class_="face", concept="name", label="Cleo", by="ann")
        assert db.faces.filter(vq.row.name == "Cleo").count() == 1
        assert db.labels("name")["by"].to_pylist() == ["ann"]
        assert "'name': 'Cleo'" in db.undo()
        assert (stored(db), db.labels("name").num_rows) == ([], 0)
        db.redo()
        assert one(db, done.detection_id)["name"] == "Cleo"

    def test_labels_of_a_box_that_is_gone_do_not_count(self, db):
        done = db.draw("a.mp4", 0, BOX)
        db.label([done.detection_id], "name", "Cleo")
        db.label([done.detection_id], "mood", "glad")
        db.reject([done.detection_id], "mood")
        assert db.rejected().num_rows == 1
        db.erase([done.detection_id])
        assert (db.labels().num_rows, db.rejected().num_rows) == (0, 0)
        db.undo()
        assert db.labels()["label"].to_pylist() == ["Cleo"]

    def test_the_crop_and_the_vector_are_those_of_the_picture(self, db):
        face = db.faces.filter(vq.row.start_us == 0).collect().to_pylist()[0]
        done = db.draw(face["video"], 0, sides(face), class_="face")
        mine, other = (db.picture(i) for i in (done.detection_id, face["detection_id"]))
        difference = decode_jpeg(mine).astype(int) - decode_jpeg(other)
        assert np.abs(difference).mean() < 3
        with db._store.snapshot() as snapshot:
            ids, vectors = snapshot.vectors("embedding.face")
        at = [ids.tolist().index(i) for i in (done.detection_id, face["detection_id"])]
        assert vectors[at[0]] @ vectors[at[1]] > 0.99
        assert "without" not in done.sentence

    def test_labels_spread_to_who_was_missed(self, sample, tmp_path):
        folder = shutil.copytree(sample, tmp_path / "media")
        lines = (folder / "a.csv").read_text().splitlines()
        seen = [line for line in lines[1:] if int(line.split(",")[0]) < FIRST_SHOT]
        (folder / "a.csv").write_text("\n".join([lines[0], *seen]) + "\n")
        with vq.create(tmp_path / "missed.vq") as db:
            db.index(folder, workers=1)
            ann = db.faces.filter((vq.row.video == "a.mp4") & (vq.row.x1 < 0.2))
            db.label(ann.limit(1), "name", "Ann")
            done = db.draw("a.mp4", 1.5, (62 / 160, 50 / 120, 110 / 160, 98 / 120), class_="face")
            db.propagate("name")
            assert one(db, done.detection_id)["name"] == "Ann"

    def test_without_the_file_it_has_no_vector_and_says_so(self, db, path, sample, tmp_path):
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(path / "catalog.sqlite")) as catalog, catalog:
            catalog.execute("UPDATE videos SET uri = '/no/such/file.mp4'")
        db.label(db.faces.limit(1), "name", "Ann")
        done = db.draw("a.mp4", 0, BOX, class_="face")
        assert "without a crop and a vector" in done.sentence
        assert db.picture(done.detection_id) is None
        db.propagate("name")
        assert one(db, done.detection_id)["name"] is None
        assert db.faces.filter(vq.row.name == "Ann").count() > 1

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({}, "got neither"),
            ({"box": BOX, "points": POINTS}, "got both"),
            ({"box": (0, 0, 300, 200)}, "divide pixels by width and height"),
            ({"box": (0.5, 0.1, 0.5, 0.4)}, "x1=0.5 and x2=0.5"),
            ({"box": (0.1, 0.6, 0.5, 0.4)}, "y1=0.6 and y2=0.4"),
            ({"box": (1.2, 0.1, 1.5, 0.4)}, "outside the picture"),
            ({"box": (-0.5, 0.1, 0, 0.4)}, "outside the picture"),
            ({"box": (0.1, 0.2, float("nan"), 0.4)}, "got"),
            ({"box": (0.1, 0.2, 0.3)}, "x1, y1, x2, y2"),
            ({"box": ("0.1", 0.2, 0.3, 0.4)}, "x1, y1, x2, y2"),
            ({"box": (0.1, 0.2, 0.3, 10**400)}, "x1, y1, x2, y2"),
            ({"points": POINTS[:3]}, "4 pairs of x and y, got 3"),
            ({"points": [0.1, 0.2, 0.3, 0.4]}, "pairs of x and y"),
            ({"points": [(0.5, 0.5)] * 4}, "a larger x2"),
            ({"box": BOX, "class_": " "}, "a blank one"),
            ({"box": BOX, "concept": "name"}, "alone"),
            ({"box": BOX, "label": "Ann"}, "alone"),
            ({"box": BOX, "concept": "name", "label": " "}, "a label is a text"),
            ({"box": BOX, "concept": "x1", "label": "Ann"}, "names a column"),
            ({"box": BOX, "video": "z.mp4"}, "no video 'z.mp4'"),
            ({"box": BOX, "time_s": 2.5}, "they go from 0 to 2 s"),
            ({"box": BOX, "time_s": -0.1}, "no frame of 'a.mp4'"),
            ({"box": BOX, "continues": 7}, "no box that was drawn"),
            ({"box": BOX, "continues": "7"}, "whole numbers"),
            ({"box": BOX, "continues": -7}, "at least 1"),
            ({"box": BOX, "time_s": float("nan")}, "a time in seconds"),
            ({"box": BOX, "max_gap_s": float("nan")}, "from 0 on"),
        ],
    )
    def test_what_cannot_be_is_refused(self, db, given, said):
        given = {"video": "a.mp4", "time_s": 0.0} | given
        with pytest.raises(LabelError, match=said):
            db.draw(given.pop("video"), given.pop("time_s"), **given)
        assert db._store.events() == []

    def test_a_class_that_is_too_long_is_refused(self, db):
        with pytest.raises(StoreError, match="at most 200 bytes"):
            db.draw("a.mp4", 0, BOX, class_="a" * 201)
        assert db._store.events() == []

    def test_a_box_may_stick_out(self, db):
        done = db.draw("a.mp4", 0, (-0.25, 0.5, 0.25, 1.5))
        assert sides(one(db, done.detection_id)) == [-0.25, 0.5, 0.25, 1.5]

    def test_another_name_of_a_video_will_do(self, db, sample, tmp_path):
        folder = tmp_path / "copy"
        folder.mkdir()
        shutil.copy(sample / "a.mp4", folder / "again.mp4")
        db.index(folder, workers=1)
        done = db.draw("again.mp4", 0, BOX)
        assert one(db, done.detection_id)["video"] == "a.mp4"


class TestTracks:
    def test_boxes_between_two_of_a_track_lie_on_a_straight_line(self, db, starts):
        first = db.draw("a.mp4", starts[2], BOX, class_="face")
        second = db.draw("a.mp4", starts[6], FURTHER, continues=first.detection_id)
        assert (second.rows, second.track) == (4, first.track)
        assert "with 3 boxes in between" in second.sentence
        rows = sorted(stored(db), key=lambda row: row["start_us"])
        assert [row["interpolated"] for row in rows] == [False, True, True, True, False]
        times = np.array([row["start_us"] for row in rows])
        share = (times - times[0]) / (times[-1] - times[0])
        assert [row["x1"] for row in rows] == pytest.approx(0.125 + 0.25 * share)
        assert {row["class"] for row in rows} == {"face"}
        assert {row["track"] for row in rows} == {first.track}
        assert "drawing" in db.undo()
        assert [row["detection_id"] for row in stored(db)] == [first.detection_id]

    def test_between_boxes_follow_the_drawn_ones(self, db, starts):
        first = db.draw("a.mp4", starts[2], BOX)
        second = db.draw("a.mp4", starts[4], BOX, continues=first.detection_id)
        middle = next(row for row in stored(db) if row["interpolated"])
        moved = db.redraw(second.detection_id, FURTHER, by="bob")
        assert moved.sentence.startswith("move of a box of 'object'")
        assert one(db, middle["detection_id"])["x1"] == pytest.approx(0.25, abs=1e-3)
        assert one(db, second.detection_id)["x1"] == 0.375
        db.undo()
        assert one(db, middle["detection_id"])["x1"] == pytest.approx(0.125)

    def test_a_box_in_between_that_is_redrawn_counts_as_drawn(self, db, starts):
        first = db.draw("a.mp4", starts[0], BOX)
        db.draw("a.mp4", starts[4], BOX, continues=first.detection_id)
        rows = sorted(stored(db), key=lambda row: row["start_us"])
        db.redraw(rows[2]["detection_id"], FURTHER)
        rows = sorted(stored(db), key=lambda row: row["start_us"])
        assert [row["interpolated"] for row in rows] == [False, True, False, True, False]
        assert [row["x1"] for row in rows] == pytest.approx(
            [0.125, 0.25, 0.375, 0.25, 0.125], abs=1e-3
        )

    def test_what_lies_between_goes_with_either_side(self, db, starts):
        first = db.draw("a.mp4", starts[0], BOX)
        second = db.draw("a.mp4", starts[3], BOX, continues=first.detection_id)
        db.draw("a.mp4", starts[6], BOX, continues=second.detection_id)
        assert len(stored(db)) == 7
        assert db.erase([second.detection_id]) == 5
        assert len(stored(db)) == 2
        assert db.undo().startswith("removal of a drawn box")
        assert len(stored(db)) == 7

    def test_a_gap_is_filled_from_both_sides(self, db, starts):
        first = db.draw("a.mp4", starts[0], BOX)
        last = db.draw("a.mp4", starts[6], BOX, continues=first.detection_id)
        middle = sorted(stored(db), key=lambda row: row["start_us"])[3]
        db.erase([middle["detection_id"]])
        again = db.draw("a.mp4", starts[3], FURTHER, continues=last.detection_id)
        assert again.rows == 1
        assert len(stored(db)) == 7

    def test_earlier_frames_can_be_continued_too(self, db, starts):
        last = db.draw("a.mp4", starts[5], BOX)
        first = db.draw("a.mp4", starts[2], FURTHER, continues=last.detection_id)
        assert (first.rows, len(stored(db))) == (3, 4)

    def test_nothing_is_bridged_silently(self, db, starts):
        first = db.draw("a.mp4", starts[2], BOX, class_="face")
        far = starts[FIRST_SHOT + 2]
        with pytest.raises(LabelError, match="there is a cut between them"):
            db.draw("a.mp4", far, BOX, continues=first.detection_id)
        with pytest.raises(LabelError, match=r"at most 0\.1 s are filled"):
            db.draw("a.mp4", starts[5], BOX, continues=first.detection_id, max_gap_s=0.1)
        with pytest.raises(LabelError, match="has a box on this frame already"):
            db.draw("a.mp4", starts[2], BOX, continues=first.detection_id)
        with pytest.raises(LabelError, match=r"is in 'a\.mp4'"):
            db.draw("b.mp4", 0, BOX, continues=first.detection_id)
        with pytest.raises(LabelError, match="a track is of one class"):
            db.draw("a.mp4", starts[3], BOX, class_="cup", continues=first.detection_id)
        assert len(stored(db)) == 1

    def test_a_side_that_stays_open_is_told(self, db, starts):
        first = db.draw("a.mp4", starts[0], BOX)
        last = db.draw("a.mp4", starts[11], BOX, continues=first.detection_id)
        between = [row["detection_id"] for row in stored(db) if row["interpolated"]]
        db.erase(between)
        done = db.draw("a.mp4", starts[3], BOX, continues=first.detection_id, max_gap_s=0.3)
        assert "not joined on the other side" in done.sentence
        assert done.rows == 3
        assert last.track == done.track


class TestChanging:
    def test_only_what_was_drawn_can_be_changed(self, db):
        detected = db.faces.limit(1).collect()["detection_id"][0].as_py()
        with pytest.raises(LabelError, match="no box that was drawn by hand"):
            db.erase([detected])
        with pytest.raises(LabelError, match="no box that was drawn by hand"):
            db.redraw(detected, BOX)
        done = db.draw("a.mp4", 0, BOX)
        db.erase(db["drawn"])
        for act in (lambda: db.erase([done.detection_id]), lambda: db.redraw(done[0], BOX)):
            with pytest.raises(LabelError, match="not there any more"):
                act()

    def test_numbers_are_never_used_again(self, db):
        first = db.draw("a.mp4", 0, BOX)
        db.undo()
        second = db.draw("b.mp4", 0, BOX)
        assert first.detection_id % IDS_PER_VIDEO == DRAWN_FROM
        assert second.detection_id % IDS_PER_VIDEO == DRAWN_FROM + 1

    def test_another_picture_is_cut_out_when_a_box_moves(self, db):
        done = db.draw("a.mp4", 0, BOX)
        before = db.picture(done.detection_id)
        db.redraw(done.detection_id, points=POINTS)
        assert db.picture(done.detection_id) != before
        assert stored(db)[0]["points"] is not None
        db.undo()
        assert db.picture(done.detection_id) == before
        assert stored(db)[0]["points"] is None


class TestBusy:
    def test_a_drawing_waits_for_a_writer_and_appears_after_it(self, db):
        with db._store.writer("index news"):
            done = db.draw("a.mp4", 0, BOX, concept="name", label="Ann")
            assert done.waiting
            assert "index news" in done.sentence
            assert stored(db) == []
            assert db.labels("name").num_rows == 1, "what was said is kept"
        assert [row["detection_id"] for row in stored(db)] == [done.detection_id]
        with db._store.writer("index news"):
            db.undo()
            assert len(stored(db)) == 1
        assert stored(db) == []

    def test_a_commit_of_the_writer_brings_it_too(self, db):
        with db._store.writer("index news") as writer:
            db.draw("a.mp4", 0, BOX)
            writer.commit([], units=["one more"])
            assert len(stored(db)) == 1

    def test_indexing_again_and_later_files_leave_it_alone(self, db, sample, tmp_path):
        folder = shutil.copytree(sample, tmp_path / "media")
        done = db.draw("a.mp4", 0, BOX)
        before = db.detections.count()
        db.index(folder, workers=1)
        assert db.detections.count() == before
        (folder / "a.more.csv").write_text("frame,x1,y1,x2,y2,class\n1,.1,.1,.2,.2,face\n")
        report = db.index(folder, workers=1)
        assert not report.failed
        assert db.detections.count() == before + 1
        ids = db.detections.filter(vq.row.video == "a.mp4").collect()["detection_id"].to_pylist()
        found = sorted(i % IDS_PER_VIDEO for i in ids)
        assert found == [*range(1, len(ids)), DRAWN_FROM]
        assert stored(db)[0]["detection_id"] == done.detection_id
        db.compact()
        assert db.detections.count() == before + 1
        assert len(stored(db)) == 1


class TestExport:
    @pytest.fixture
    def drawn(self, db, starts):
        first = db.draw("a.mp4", starts[2], points=POINTS, concept="name", label="Ann", by="me")
        db.draw(
            "a.mp4",
            starts[4],
            BOX,
            continues=first.detection_id,
            concept="name",
            label="Ann",
            by="you",
        )
        db.draw("a.mp4", starts[4], BOX, class_="face")
        return db

    def annotations(self, folder: Path):
        file = next((folder / "annotations").glob("*.json"))
        return json.loads(file.read_text())["annotations"]

    def test_coco_says_who_drew_and_by_which_points(self, drawn, tmp_path):
        drawn.export(tmp_path / "out", split=(1, 0, 0))
        found = self.annotations(tmp_path / "out")
        assert [one["label_source"] for one in found] == ["human", "interpolated", "human"]
        assert [one["drawn_by"] for one in found] == ["me", "you", "you"]
        assert all(one["drawn_at_us"] > 0 for one in found)
        assert "extreme_points" not in found[1]
        assert found[0]["extreme_points"] == [
            pytest.approx([x * 160, y * 120], abs=1e-2) for x, y in POINTS
        ]
        assert found[0]["bbox"] == pytest.approx([32, 12, 96, 96], abs=1e-2)
        assert [one["detector"] for one in found] == ["human", "interpolated", "human"]
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert len(manifest["drawn_boxes"]) == 4
        unlabelled = manifest["unlabelled_boxes_in_exported_frames"]
        assert unlabelled == 3 * 2 + 1, "two faces in each of the three frames, and one drawn"

    def test_keyframes_are_those_that_people_drew(self, drawn, tmp_path):
        drawn.export(tmp_path / "out", split=(1, 0, 0), keyframes_only=True)
        found = self.annotations(tmp_path / "out")
        assert [one["label_source"] for one in found] == ["human", "human"]

    def test_a_hole_that_a_person_left_is_not_filled(self, drawn, tmp_path):
        between = [row["detection_id"] for row in stored(drawn) if row["interpolated"]]
        drawn.erase(between)
        drawn.export(tmp_path / "out", split=(1, 0, 0))
        assert len(self.annotations(tmp_path / "out")) == 2

    def test_other_formats_carry_it_as_any_detection(self, drawn, tmp_path):
        drawn.export(tmp_path / "yolo", format="yolo", split=(1, 0, 0))
        lines = [f.read_text() for f in (tmp_path / "yolo").rglob("labels/**/*.txt")]
        assert len("".join(lines).splitlines()) == 3
        written = drawn.export(tmp_path / "parquet", format="parquet", split=(1, 0, 0))
        rows = pq.read_table(tmp_path / "parquet" / "train.parquet").to_pylist()
        assert [row["detector"] for row in rows] == ["human", "human"]
        assert all(row["image"]["bytes"] for row in rows)
        assert written.skipped == {"interpolated box, which has no crop": 1}


class TestPictures:
    @pytest.fixture
    def folder(self, tmp_path):
        """A folder of pictures of which the third is missing, and a picture of its own."""
        import cv2

        media = tmp_path / "media"
        (media / "walk").mkdir(parents=True)
        rng = np.random.default_rng(1)
        for number in (1, 2, 4, 5):
            image = rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)
            cv2.imwrite(str(media / "walk" / f"{number:06d}.png"), image)
        cv2.imwrite(str(media / "still.png"), image)
        return media

    def test_boxes_are_drawn_on_folders_of_pictures_and_on_single_ones(self, folder, tmp_path):
        with vq.create(tmp_path / "pictures.vq") as db:
            db.index(folder / "walk", images=2, faces="none", workers=1)
            db.index(folder / "still.png", images=2, faces="none", workers=1)
            frames = db.frames.collect().to_pylist()
            names = {row["video"] for row in frames}
            for name in names:
                first = min(row["start_us"] for row in frames if row["video"] == name)
                done = db.draw(name, first / 1e6, BOX)
                cut = decode_jpeg(db.picture(done.detection_id))
                assert cut.shape[:2] == (48, 48), name
            assert len(stored(db)) == len(names) == 2
            with db._store.snapshot() as snapshot:
                assert len(snapshot.vectors("embedding.face")[0]) == 2

    def test_no_box_is_drawn_where_a_picture_is_missing(self, folder, tmp_path):
        with vq.create(tmp_path / "pictures.vq") as db:
            db.index(folder, images=2, faces="none", workers=1)
            walk = db.frames.collect().to_pylist()
            walk = [row for row in walk if row["video"].startswith("walk")]
            gap = next(
                a["end_us"] for a, b in itertools.pairwise(walk) if a["end_us"] < b["start_us"]
            )
            with pytest.raises(LabelError, match="no frame of"):
                db.draw(walk[0]["video"], gap / 1e6, BOX)
            first = db.draw(walk[0]["video"], walk[0]["start_us"] / 1e6, BOX)
            last = db.draw(
                walk[0]["video"], walk[-1]["start_us"] / 1e6, BOX, continues=first.detection_id
            )
            assert last.rows == len(walk) - 1, "a box for every picture there is, and no other"

    def test_a_video_without_pictures_has_nothing_to_draw_on(self, tmp_path):
        (tmp_path / "lost.detections.csv").write_text("start,end,x1,y1,x2,y2\n1,2,.1,.1,.2,.2\n")
        with vq.create(tmp_path / "lost.vq") as db:
            db.index(tmp_path / "lost.detections.csv", faces="none", workers=1)
            name = db.videos["video"][0].as_py()
            with pytest.raises(LabelError, match="has no pictures"):
                db.draw(name, 1.5, BOX)
