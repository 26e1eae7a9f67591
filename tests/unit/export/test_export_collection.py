"""From a collection to a training set, through the public surface."""

import json

import pyarrow.parquet as pq
import pytest

import vquery as vq
from vquery.errors import ExportError
from vquery.media.pictures import decode_jpeg

HEADER = "frame,x1,y1,x2,y2,class,score,track\n"


def boxes(frames, x, track):
    return "".join(f"{frame},{x},0.25,{x + 0.25},0.75,face,0.9,{track}\n" for frame in frames)


@pytest.fixture
def db(make, tmp_path):
    """Two clips with two tracks each, one with a gap, and boxes of a video that is not there."""
    folder = tmp_path / "in"
    (folder / "day").mkdir(parents=True)
    for name, length in (("a", 20), ("day/b", 21)):
        make.clip(folder / f"{name}.avi", length)
        tracks = boxes([2, 3, 6, 7], 0.125, 1) + boxes([3, 4], 0.625, 2)
        (folder / f"{name}.csv").write_text(HEADER + tracks)
    (folder / "lost.detections.csv").write_text("start,end,x1,y1,x2,y2\n1,2,0.125,0.1,0.2,0.2\n")
    collection = vq.create(tmp_path / "c.vq")
    collection.index(folder, faces="none", workers=1)
    rows = collection.detections.collect().to_pylist()
    assert len(rows) == 13
    by_track = [
        "Zoë" if row["x1"] < 0.5 else None if row["video"] == "a.avi" else "Ada" for row in rows
    ]
    collection.label([row["detection_id"] for row in rows], "name", by_track, by="me")
    return collection


def test_coco_with_pictures(db, make, tmp_path):
    told = []
    written = db.export(
        tmp_path / "out", split=(0.5, 0.5, 0), progress=lambda *counts: told.append(counts)
    )
    out = tmp_path / "out"
    assert written.by_split.total() == 4 + 2 + 4 + 2 + 2
    assert written.skipped == {"box in a video that has no pictures": 1}
    assert written.by_source == {"human": 10, "interpolated": 4}
    assert {int(path.stem): make.number_of(path.read_bytes()) for path in out.rglob("*.jpg")} == {
        number: number for number in range(2, 8)
    }
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["splits"].keys() == {"train", "val"}
    assert manifest["unlabelled_boxes_in_exported_frames"] == 2, "labelled None by a person"
    assert {one["by"] for one in manifest["human_labels"]} == {"me"}
    assert {run["command"] for run in manifest["runs"]} == {"index"}
    assert manifest["runs"][0]["arguments"]["settings"]["faces"] == "none"
    assert told[-1] == (12, 12)


def test_without_the_boxes_in_between(db, tmp_path):
    written = db.export(tmp_path / "out", format="yolo", images=False, keyframes_only=True)
    assert written.by_source == {"human": 10}


def test_parquet_has_the_crops_of_the_collection(db, tmp_path):
    written = db.export(tmp_path / "out", format="parquet", split=(1, 0, 0))
    rows = pq.read_table(tmp_path / "out" / "train.parquet").to_pylist()
    assert len(rows) == written.total == 10
    assert written.skipped == {
        "box in a video that has no pictures": 1,
        "interpolated box, which has no crop": 4,
    }
    for row in rows:
        assert decode_jpeg(row["image"]["bytes"]).size
        assert row["label_source"] == "human"
        assert row["probability"] == 1
        assert row["image"]["path"] == f"{row['detection_id']}.jpg"
    kept = {row["detection_id"]: row for row in db.detections.collect().to_pylist()}
    assert all(row["start_us"] == kept[row["detection_id"]]["start_us"] for row in rows)


def test_an_export_that_exists_is_kept(db, tmp_path):
    db.export(tmp_path / "out", images=False)
    before = (tmp_path / "out" / "manifest.json").read_bytes()
    with pytest.raises(ExportError, match="exists already"):
        db.export(tmp_path / "out", format="yolo")
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before


def test_a_concept_without_labels(db, tmp_path):
    with pytest.raises(ExportError, match="nothing has a label of 'mood'"):
        db.export(tmp_path / "out", labels="mood")


def test_a_moved_video(db, tmp_path):
    (tmp_path / "in" / "a.avi").rename(tmp_path / "elsewhere.avi")
    with pytest.raises(ExportError, match=r"a\.avi: no longer at .*--no-images"):
        db.export(tmp_path / "out")
    assert db.export(tmp_path / "out", images=False).total == 14
