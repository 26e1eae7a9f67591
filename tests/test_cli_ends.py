"""Commands that train end models and label by them, on pictures and on vectors."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner, Result

import vquery as vq
from vquery.cli import main

pytest.importorskip("torch")
ANN, BOB = 1_000_000_001, 1_000_000_002


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result


@pytest.fixture
def spread(path):
    """The sample with Ann and Bob named and spread."""
    run("label", path, "--where", f"detection_id == {ANN}", "--value", "Ann")
    run("label", path, "--where", f"detection_id == {BOB}", "--value", "Bob")
    run("propagate", path)
    return path


def test_train_predict_undo(spread, tmp_path):
    told = json.loads(run("train", spread, "--name", "who", "--json").stdout)
    assert told["by"] == "propagated"
    assert told["spaces"] == ["face", "face_wide"]
    assert (spread / "models" / "who" / "report.html").exists()
    said = json.loads(run("predict", spread, "who", "--json").stdout)
    assert said["human"] == 2
    with vq.open(spread) as db:
        rows = db.faces.with_labels("name").collect()
        sources = set(rows["name_source"].to_pylist())
        assert {"human", "predicted"} <= sources
    run("export", spread, tmp_path / "out", "--format", "parquet")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert "predict" in {one["command"] for one in manifest["runs"]}
    undone = run("undo", spread).stdout
    assert "which predicted 'name', is undone" in undone


def test_a_network_sees_pictures(spread):
    with vq.open(spread) as db:
        found = db.train(
            "name", "eyes", kind="network", side=16, width=4, epochs=2, folds=2, blocks=(1, 1)
        )
        assert found.told["side"] == 16
        assert found.told["spaces"] == []
        said = db.predict("eyes", keep=False)
        assert said.table.num_rows == db.faces.count()
        assert said.run_id is None
        with (found.folder / "history.csv").open() as file:
            parts = {row["part"] for row in csv.DictReader(file)}
    assert "all" in parts


def test_what_cannot_be_ends_with_one_line(path):
    assert "nothing is labelled" in run("train", path, code=1).stderr
    assert "no end model 'who'" in run("predict", path, "who", code=1).stderr


def test_it_teaches_itself_in_rounds(spread):
    with vq.open(spread) as db:
        said = db.predict(db.train("name", "who").name, keep=False).table
        for row in said.to_pylist()[::3]:
            if row["source"] != "human":
                db.label([row["detection_id"]], "name", row["best"])
        known = db.labels("name").num_rows
    options = ("--rounds", 1, "--name", "own")  # by default it learns from people, as db.distil
    told = json.loads(run("train", spread, *options, "--json").stdout)
    assert told["human"] == told["items"] <= known
    assert len(told["rounds"]) == 2
    assert "own" in run("predict", spread, "own").stdout
