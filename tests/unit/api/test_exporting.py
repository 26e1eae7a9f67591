"""What an export is given: which label each detection has, from whom, and its provenance."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vquery as vq
from vquery import face
from vquery.errors import ExportError
from vquery.ingest.captions import read_captions
from vquery.supervise.votes.matrix import LabelMatrix

ANN, BOB, CLEO = 1_000_000_001, 1_000_000_002, 2_000_000_013


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        db.label([ANN], "name", "Ann", by="Miriam")
        db.label([BOB], "name", None)
        yield db


def exported(db, folder, **options):
    """Export as Parquet; return rows by detection with labels as text, and the manifest."""
    db.export(folder, format="parquet", split=(1, 0, 0), **options)
    manifest = json.loads((folder / "manifest.json").read_text())
    tables = [pq.read_table(file) for file in sorted(folder.rglob("*.parquet"))]
    rows = {row["detection_id"]: row for table in tables for row in table.to_pylist()}
    for row in rows.values():
        row["label"] = manifest["classes"][row["label"]]
    return rows, manifest


def test_human_labels_alone(db, tmp_path):
    rows, manifest = exported(db, tmp_path / "out")
    assert list(rows) == [ANN]
    assert (rows[ANN]["probability"], rows[ANN]["label_source"], rows[ANN]["run_id"]) == (
        1.0,
        "human",
        None,
    )
    assert manifest["label_sources"] == {"human": 1}
    assert [(one["detection_id"], one["label"], one["by"]) for one in manifest["human_labels"]] == [
        (ANN, "Ann", "Miriam"),
        (BOB, None, db.labels()["by"].to_pylist()[1]),
    ]


def test_propagated_labels_name_their_run_and_none_of_them_is_left_out(db, tmp_path):
    db.propagate("name")
    rows, manifest = exported(db, tmp_path / "out")
    assert len(rows) == 24
    assert {row["label"] for row in rows.values()} == {"Ann"}
    assert rows[ANN + 2]["label_source"] == "propagated"
    assert rows[ANN + 2]["run_id"] == db.runs["run_id"].to_pylist()[-1]
    assert manifest["label_sources"] == {"human": 1, "propagated": 23}
    commands = [run["command"] for run in manifest["runs"]]
    assert commands == ["index", "propagate"]


def test_a_threshold_leaves_the_less_certain_out(db, tmp_path):
    db.propagate("name")
    rows, manifest = exported(db, tmp_path / "out", threshold=1.0)
    assert set(rows) == set(
        db.faces.filter(face.track == ANN).collect()["detection_id"].to_pylist()
    )
    assert manifest["threshold"] == 1.0
    reasons = manifest["without_label"]
    assert reasons["probability below the threshold"] >= 24 - len(rows)
    assert reasons["said to be none of them"] >= 1
    assert len(rows) + sum(reasons.values()) == db.detections.count()


def test_a_label_that_no_training_video_has_is_a_warning(db, tmp_path):
    db.label(db.faces.filter(face.track == ANN), "kind", "host")
    db.label([CLEO], "kind", "guest")
    written = db.export(tmp_path / "out", format="parquet", labels="kind", split=(0.5, 0.5, 0))
    assert written.warnings == written.manifest["warnings"]
    assert len(written.warnings) == 1
    assert "'guest' is in val but in no training video" in written.warnings[0]


def test_another_concept_is_exported_by_its_name(db, tmp_path):
    db.label([CLEO], "mood", "merry")
    rows, manifest = exported(db, tmp_path / "out", labels="mood")
    assert {key: row["label"] for key, row in rows.items()} == {CLEO: "merry"}
    assert manifest["concept"] == "mood"


def test_nothing_labelled_is_an_error_and_makes_no_folder(db, tmp_path):
    with pytest.raises(ExportError, match="'who'"):
        db.export(tmp_path / "out", labels="who")
    assert not (tmp_path / "out").exists()


def test_pictures_are_told_while_they_are_written(db, tmp_path):
    told = []
    db.propagate("name")
    db.export(
        tmp_path / "out", split=(1, 0, 0), progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (24, 24)
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 24


# --- spans of time ----------------------------------------------------------------------------


def seconds(video, *spans):
    start, end = zip(*spans, strict=True)
    return pa.table({"video": [video] * len(spans), "start": start, "end": end})


def three_say(video, votes):
    """Three functions that agree on every second of a video; -1 is silence."""
    n = len(votes)
    start = np.arange(n) * 1_000_000
    items = pa.table(
        {
            "item": np.arange(n),
            "video": [video] * n,
            "start_us": start,
            "end_us": start + 1_000_000,
        }
    )
    cast = np.repeat(np.array(votes, np.int16)[:, None], 3, axis=1)
    return LabelMatrix(cast, ("no", "yes"), ("a", "b", "c"), items)


@pytest.fixture
def breaks(path):
    """Commercials: ten seconds fused in one video, words of people there and in another."""
    with vq.open(path) as db:
        first, second = db.videos["video"].to_pylist()[:2]
        db.label(seconds(second, (0.0, 2.000001)), "commercial", "yes", by="Ann")
        db.fuse("commercial", three_say(first, [1, 1, 1, 1, 0, 0, 0, 0, 1, -1]), none="no")
        # after the fusion: a whole item and most of one, a part of one, and "none of them"
        db.label(seconds(first, (0.0, 1.7)), "commercial", "no", by="Miriam")
        db.label(seconds(first, (2.25, 2.5)), "commercial", "yes", by="Miriam")
        db.label(seconds(first, (4.0, 5.0)), "commercial", None, by="Miriam")
        yield db, first, second


EXPECTED = [
    (0, 1_700_000, "no", "human"),
    (2_000_000, 2_250_000, "yes", "fused"),
    (2_250_000, 2_500_000, "yes", "human"),
    (2_500_000, 3_000_000, "yes", "fused"),
    (3_000_000, 4_000_000, "yes", "fused"),
    *((at * 1_000_000, (at + 1) * 1_000_000, "no", "fused") for at in (5, 6, 7)),
    (8_000_000, 9_000_000, "yes", "fused"),
]
"""What is labelled in the first video; the last second nobody speaks of."""


def test_spans_are_those_of_people_and_where_they_are_silent_those_fused(breaks, tmp_path):
    db, first, second = breaks
    out = tmp_path / "out"
    written = db.export(out, labels="commercial", format="parquet", split=(0.5, 0.5, 0))
    rows = [
        row for path in sorted((out / "spans").iterdir()) for row in pq.read_table(path).to_pylist()
    ]
    mine = [row for row in rows if row["video"] == first]
    assert [
        (row["start_us"], row["end_us"], row["label"], row["source"]) for row in mine
    ] == EXPECTED
    (other,) = (row for row in rows if row["video"] == second)
    assert (other["end_us"], other["by"], other["probability"]) == (2_000_001, "Ann", 1.0)
    assert {row["split"] for row in mine} != {other["split"]}
    kept = {row["start_us"]: row for row in db.fused("commercial").collect().to_pylist()}
    for row in mine:
        if row["source"] == "fused":
            item = kept[row["start_us"] // 1_000_000 * 1_000_000]
            assert (row["probability"], row["label"]) == (item["probability"], item["label"])
            assert (row["calibrated"], row["run_id"]) == (item["calibrated"], 2)
            assert json.loads(row["why"])
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest == json.loads(json.dumps(written.manifest))
    assert manifest["spans_without_label"] == {
        "said to be none of them": 1,
        "nothing was said of them": 1,
    }
    assert manifest["fused_spans_under_human_labels"] == {"dropped": 3, "cut": 1}
    assert [one["by"] for one in manifest["human_spans"]].count("Miriam") == 3
    assert [run["command"] for run in manifest["runs"]] == ["index", "fuse"]
    assert manifest["left_out"] == {}
    assert "without_label" not in manifest, "of detections nothing is said"


def test_other_formats_say_the_same_spans(breaks, tmp_path):
    db, first, _ = breaks
    for format_ in ("activitynet", "csv", "vtt"):
        db.export(tmp_path / format_, labels="commercial", format=format_, split=(1, 0, 0))
    found = json.loads((tmp_path / "activitynet" / "activitynet.json").read_text())
    about = found["database"][first]
    ends = db.frames.filter(vq.row.video == first).collect()["end_us"].to_numpy()
    assert about["duration"] == ends.max() / 1e6
    got = [
        (*(round(side * 1e6) for side in one["segment"]), one["label"], one["source"])
        for one in about["annotations"]
    ]
    assert got == EXPECTED
    with (tmp_path / "csv" / "spans.csv").open(newline="") as file:
        lines = [row for row in csv.DictReader(file) if row["video"] == first]
    assert [
        (round(float(row["start"]) * 1e6), round(float(row["end"]) * 1e6)) for row in lines
    ] == [row[:2] for row in EXPECTED]
    manifest = json.loads((tmp_path / "vtt" / "manifest.json").read_text())
    (name,) = (one["file"] for one in manifest["videos"] if one["video"] == first)
    cues = read_captions(tmp_path / "vtt" / "train" / name, video=first).tables["cues"]
    assert [(cue["start_us"], cue["end_us"], cue["text"]) for cue in cues.to_pylist()] == [
        row[:3] for row in EXPECTED
    ]


def test_a_threshold_is_for_what_was_fused(breaks, tmp_path):
    db, *_ = breaks
    options = {"labels": "commercial", "format": "csv"}
    written = db.export(tmp_path / "out", threshold=1.0, **options)
    assert written.by_source == {"human": 3}
    reasons = written.manifest["spans_without_label"]
    assert reasons["probability below the threshold, or as likely something else"] == 7
    everything = db.export(tmp_path / "all", threshold=0.0, **options)
    assert everything.by_source["human"] == 3
    assert everything.by_source["fused"] == 7, "not what nobody speaks of"


def test_a_concept_of_detections_and_spans_goes_by_the_format(breaks, tmp_path):
    db, *_ = breaks
    db.label([ANN], "commercial", "yes")
    both = db.export(tmp_path / "both", labels="commercial", format="parquet", split=(1, 0, 0))
    assert both.by_source == {"human": 4, "fused": 7}
    assert sorted(
        str(one.relative_to(tmp_path / "both")) for one in (tmp_path / "both").rglob("*.parquet")
    ) == ["spans/train.parquet", "train.parquet"]
    coco = db.export(tmp_path / "coco", labels="commercial", images=False)
    assert coco.total == 1
    assert coco.skipped == {"label of a span of time, which this format cannot hold": 10}
    text = db.export(tmp_path / "csv", labels="commercial", format="csv")
    assert text.skipped == {"label of a detection, which this format cannot hold": 1}


def test_errors_name_the_formats_and_the_concepts_there_are(breaks, db, tmp_path):
    with pytest.raises(ExportError, match=r"all of spans of time \(10\): choose format parquet"):
        db.export(tmp_path / "out", labels="commercial")
    with pytest.raises(ExportError, match=r"all of detections \(1\): choose format coco"):
        db.export(tmp_path / "out", format="vtt")
    there = r"'commercial' \(spans of time\), 'name' \(detections\)"
    with pytest.raises(ExportError, match=rf"label of 'who'.*there are labels of {there}"):
        db.export(tmp_path / "out", labels="who", format="csv")
    db.label(seconds("a.mp4", (0.0, 1.0)), "mood", None)
    with pytest.raises(ExportError, match=r"'mood' to export \(1 spans: said to be none"):
        db.export(tmp_path / "out", labels="mood", format="csv")
    assert not (tmp_path / "out").exists()


def test_no_threshold_labels_what_no_source_speaks_of(db, tmp_path):
    votes = three_say("a.mp4", [1, 1, 0, 0, 1, -1])
    table = db.fuse("ad", votes, threshold=1.0, calibrate="none").table
    assert table["label"].null_count == 6
    written = db.export(tmp_path / "out", labels="ad", format="csv", threshold=0.0)
    assert written.by_source == {"fused": 5}
    assert written.manifest["spans_without_label"] == {"nothing was said of them": 1}
    with pytest.raises(ExportError, match="5 spans: probability below"):
        db.export(tmp_path / "none", labels="ad", format="csv")
