"""What an export is given: which label each detection has, from whom, and its provenance."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

import vquery as vq
from vquery import face
from vquery.errors import ExportError

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
