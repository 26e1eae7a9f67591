"""The command line on a small collection: every command, its options, exit codes and streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner, Result

import vquery as vq
from vquery.cli import main

ANN, BOB = 1_000_000_001, 1_000_000_002
VQUERY = [sys.executable, "-m", "vquery.cli"]


def run(*arguments: object, code: int = 0) -> Result:
    """Run a command in this process, as in a pipe; errors are one line on standard error."""
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit)
    if code == 1 and not result.stdout:
        assert result.stderr.startswith("vquery: ")
        assert result.stderr.count("\n") == 1
    return result


def as_json(*arguments: object, code: int = 0) -> object:
    result = run(*arguments, "--json", code=code)
    assert result.stderr == ""
    return json.loads(result.stdout)


def commands(group: click.Command, *path: str) -> list[tuple[str, ...]]:
    if not isinstance(group, click.Group):
        return [path]
    below = [each for name, one in group.commands.items() for each in commands(one, *path, name)]
    return [path, *below]


COMMANDS = commands(main)


def command(path: tuple[str, ...]) -> click.Command:
    found: click.Command = main
    for name in path:
        found = found.commands[name]
    return found


def test_the_verbs_are_those_of_the_design():
    assert set(main.commands) == {
        *("demo", "index", "info", "query", "label", "propagate", "suggest", "undo", "export"),
        *("check", "serve", "models", "embed", "train", "predict", "run", "loop"),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: "-".join(path) or "vquery")
def test_every_command_and_option_has_help(path):
    made = command(path)
    assert made.help
    for parameter in made.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts}"
        else:
            word = (parameter.metavar or parameter.name or "").upper()
            assert word in made.help.upper(), f"{path} does not explain {word}"
    shown = run(*path, "--help").stdout
    assert shown == run(*path, "-h").stdout
    assert "Usage: " in shown


def test_version():
    assert run("--version").stdout.startswith("vquery, version ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("index",),
        ("index", "folder"),
        ("index", "folder", "--collection", "x.vq", "--faces", "dlib"),
        ("index", "folder", "--collection", "x.vq", "--every", "-1"),
        ("index", "folder", "--collection", "x.vq", "--size", "640"),
        ("index", "folder", "--collection", "x.vq", "--size", "0x480"),
        ("index", "folder", "--collection", "x.vq", "--fps", "fast"),
        ("index", "folder", "--collection", "x.vq", "--images", "0"),
        ("index", "folder", "--collection", "x.vq", "--workers", "0"),
        ("index", "folder", "--collection", "x.vq", "--models", "no/such/folder"),
        ("index", "folder", "--collection", "x.vq", "--embedding", "no-such.onnx"),
        ("query", "x.vq"),
        ("query", "x.vq", "faces", "--limit", "0"),
        ("query", "x.vq", "faces", "--concepts", "no-such.py"),
        ("query", "x.vq", "faces", "--explain", "--count"),
        ("query", "x.vq", "faces", "--explain", "--json"),
        ("label", "x.vq"),
        ("label", "x.vq", "--where", "score > 1"),
        ("label", "x.vq", "--where", "score > 1", "--value", "a", "--none"),
        ("label", "x.vq", "--where", "score > 1", "--from", "seeds.csv", "--value", "a"),
        ("label", "x.vq", "--from", "seeds.csv", "--value", "a"),
        ("label", "x.vq", "--undo", "--redo"),
        ("propagate", "x.vq", "--threshold", "2"),
        ("embed", "x.vq", "--over", "shots"),
        ("embed", "x.vq", "--fresh"),
        ("embed", "x.vq", "--train", "--weights", "no-such.safetensors"),
        ("export", "x.vq"),
        ("export", "x.vq", "folder", "--format", "voc"),
        ("export", "x.vq", "folder", "--split", "0.8,0.2"),
        ("export", "x.vq", "folder", "--split", "a,b,c"),
        ("models", "nonsense"),
        ("models", "get"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2_and_one_message(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, code=2)
    assert result.stdout == ""
    assert result.stderr.count("Error: ") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["info", "query", "label", "propagate", "export"])
def test_a_collection_that_is_not_there_is_exit_code_1(verb, tmp_path):
    rest = {
        "query": ["faces"],
        "label": ["--undo"],
        "export": [tmp_path / "out"],
    }.get(verb, [])
    said = run(verb, tmp_path / "no.vq", *rest, code=1).stderr
    assert "no.vq" in said
    assert not (tmp_path / "no.vq").exists()


def test_index(sample, tmp_path):
    db = tmp_path / "new.vq"
    report = as_json("index", sample, "--collection", db, "--workers", 1)
    assert (report["videos"], report["indexed"], report["failed"]) == (2, 2, {})
    assert report["counts"]["detections"] == 60
    again = run("index", sample, "--collection", db)
    assert "indexed 0 of 2 videos" in again.stdout
    assert again.stderr == ""


def test_index_takes_its_options(sample, tmp_path):
    db = tmp_path / "new.vq"
    pictures = tmp_path / "folder" / "walk"
    pictures.mkdir(parents=True)
    import cv2
    import numpy as np

    for number in range(4):
        picture = np.full((48, 64, 3), 60 * number, np.uint8)
        cv2.imwrite(str(pictures / f"{number:04}.png"), picture)
    options = ["--images", "2", "--faces", "none", "--every", "0.5", "--workers", "1"]
    run("index", tmp_path / "folder", "--collection", db, *options)
    frames = vq.open(db).frames.collect()
    assert frames["start_us"].to_pylist() == [0, 500_000, 1_000_000, 1_500_000]
    # another rate would mix what cannot be compared
    said = run("index", tmp_path / "folder", "--collection", db, "--images", "4", code=1).stderr
    assert "settings" in said


def test_detections_without_a_video_take_rate_and_size(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x.detections.csv").write_text("frame,x1,y1,x2,y2,class\n10,16,12,48,24,face\n")
    options = ["--fps", "5", "--size", "160x120"]
    run("index", folder, "--collection", tmp_path / "x.vq", *options)
    (row,) = vq.open(tmp_path / "x.vq").faces.collect().to_pylist()
    assert row["start_us"] == 2_000_000
    assert (row["x1"], row["y2"]) == (pytest.approx(0.1), pytest.approx(0.2))


def test_info(path):
    facts = as_json("info", path)
    assert facts["rows"]["detections"] == 60
    run("label", path, "--where", f"detection_id == {ANN}", "--value", "Ann")
    run("propagate", path)
    said = run("info", path)
    assert "2 videos" in said.stdout
    assert "human labels of 'name': Ann 1" in said.stdout
    assert "propagated 'name': 24 of 60\n" in said.stdout
    run("label", path, "--undo")
    assert "propagate again" in run("info", path).stdout


def test_query_prints_rows_separated_by_tabs(path):
    result = run("query", path, "faces.filter(start >= 1 and video == 'a.mp4')", "--limit", 2)
    head, first, second = result.stdout.splitlines()
    assert head.split("\t")[:4] == ["detection_id", "video", "start", "end"]
    assert float(first.split("\t")[2]) == 1.0
    assert len(second.split("\t")) == len(head.split("\t"))
    assert result.stderr == "2 of 12 rows shown\n"
    assert len(run("query", path, "faces").stdout.splitlines()) == 61


def test_query_prints_one_json_object_a_line(path):
    result = run("query", path, "captions", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["text"] for row in rows] == ["Good evening, thank you.", "GOOD NIGHT"]
    assert rows[0]["start_us"] == 200_000
    assert result.stderr == ""


def test_query_counts_explains_and_saves(path):
    assert run("query", path, "faces", "--count").stdout == "60\n"
    assert "filter" in run("query", path, "faces.filter(score > 1)", "--explain").stdout
    assert run("query", path, "shots.limit(3)", "--save", "mine", "--count").stdout == "3\n"
    assert run("query", path, "mine.filter(duration > 0)", "--count").stdout == "3\n"
    assert "faces" in run("query", path, "shots", "--save", "faces", code=1).stderr


def test_query_takes_params_and_shows_what_it_took(path):
    query = 'faces.filter(score > param("least", 0))'
    every = int(run("query", path, query, "--count").stdout)
    few = run("query", path, query, "--param", "least=1.5", "--count", "--skip-errors")
    assert (every, few.stdout) == (60, "0\n")
    assert "actual 60 rows" in run("query", path, query, "--analyze").stdout
    assert "Params: least" in run("query", path, query, "--param", "most=1", code=1).stderr
    assert "number" in run("query", path, query, "--param", "least=x", code=1).stderr
    assert "NAME=VALUE" in run("query", path, query, "--param", "least", code=1).stderr


def test_query_runs_the_concepts_of_a_file(path, tmp_path):
    file = tmp_path / "concepts.py"
    file.write_text(
        "from vquery import face, time_overlaps, span\n\n"
        "def bernie_and_jake(faces):\n"
        '    bernie = faces.filter(face.name == "Bernie")\n'
        '    jake = faces.filter(face.name == "Jake")\n\n'
        "    bernie_and_jake = bernie.join(jake, predicate=time_overlaps, merge_op=span)\n\n"
        "    return bernie_and_jake\n"
    )
    run("label", path, "--where", "track == 1000000001", "--value", "Bernie")
    run("label", path, "--where", "track == 1000000002", "--value", "Jake")
    found = run("query", path, "bernie_and_jake", "--concepts", file, "--count")
    assert found.stdout == "12\n"
    assert "bernie_and_jake" in run("query", path, "bernie", "--concepts", file, code=1).stderr


def test_query_with_a_mistake_is_one_line(path):
    said = run("query", path, "faces.filter(scor > 1)", code=1).stderr
    assert "Did you mean 'score'" in said
    assert "cannot be understood" in said or "column" in said


def test_label_where(path):
    said = run("label", path, "--where", "track == 1000000001", "--value", "Ann", "--by", "Miriam")
    assert said.stdout == "labelled: 12\n"
    assert set(vq.open(path).labels()["by"].to_pylist()) == {"Miriam"}
    facts = as_json("label", path, "--concept", "who", "--where", "track == 1000000002", "--none")
    assert facts == {"labelled": 12}
    assert vq.open(path).labels("who")["label"].null_count == 12
    assert "no rows" in run("label", path, "--where", "score > 1", "--value", "x", code=1).stderr
    assert "scor" in run("label", path, "--where", "scor > 1", "--value", "x", code=1).stderr


def test_label_from_a_file_undo_and_redo(path, tmp_path):
    seeds = tmp_path / "seeds.csv"
    seeds.write_text("video,time,x,y,label\na.mp4,0.1,0.2,0.5,Ann\na.mp4,0.1,0.75,0.5,Bob\n")
    assert as_json("label", path, "--from", seeds) == {"labelled": 2}
    assert "'name': 2 values for 2 detections" in as_json("label", path, "--undo")["undone"]
    assert vq.open(path).labels().num_rows == 0
    assert run("label", path, "--redo").stdout.startswith("redone: label of 'name'")
    assert "no label action to redo" in run("label", path, "--redo", code=1).stderr
    run("label", path, "--undo")
    assert "no label action to undo" in run("label", path, "--undo", code=1).stderr


def test_propagate(path):
    said = run("propagate", path, code=1).stderr
    assert "label at least one first" in said
    run("label", path, "--where", f"detection_id == {ANN}", "--value", "Ann")
    facts = as_json("propagate", path, "--threshold", "0.5")
    assert facts["labels"] == {"Ann": 24}
    text = run("propagate", path)
    assert "60 items, 1 seeds: 24 labelled" in text.stdout
    assert text.stderr == ""
    strict = as_json("propagate", path, "--concept", "name", "--threshold", "1")
    assert strict["labels"] == {"Ann": 12}


@pytest.mark.parametrize("format_", ["coco", "yolo", "parquet", "fiftyone"])
def test_export(path, tmp_path, format_):
    run("label", path, "--where", "track == 1000000001", "--value", "Ann")
    out = tmp_path / "out"
    manifest = as_json("export", path, out, "--format", format_, "--split", "1,0,0", "--seed", 3)
    assert manifest == json.loads((out / "manifest.json").read_text())
    assert manifest["splits"]["train"]["labels"] == 12
    assert "exists" in run("export", path, out, code=1).stderr


def test_export_of_spans(path, tmp_path):
    with vq.open(path) as db:
        db.label(db.shots, "scene", "news")
    out = tmp_path / "out"
    manifest = as_json("export", path, out, "--labels", "scene", "--format", "activitynet")
    found = json.loads((out / "activitynet.json").read_text())
    assert len(found["database"]) == len(manifest["videos"]) > 0
    text = run("export", path, tmp_path / "vtt", "--labels", "scene", "--format", "vtt")
    assert text.stdout.startswith("wrote ")
    refused = run("export", path, tmp_path / "coco", "--labels", "scene", code=1).stderr
    assert "choose format parquet, activitynet, csv, vtt" in refused


def test_export_options(path, tmp_path):
    run("label", path, "--where", f"detection_id == {ANN}", "--value", "Ann")
    run("propagate", path)
    out = tmp_path / "labels"
    options = ["--no-images", "--keyframes-only", "--threshold", "1", "--labels", "name"]
    text = run("export", path, out, *options)
    assert text.stdout.startswith(f"wrote 12 labels to {out}")
    assert text.stderr == ""
    assert not list(out.rglob("*.jpg"))
    assert "add up to 1" in run("export", path, tmp_path / "x", "--split", "1,1,1", code=1).stderr
    assert "'who'" in run("export", path, tmp_path / "x", "--labels", "who", code=1).stderr
    assert not (tmp_path / "x").exists()


def test_models(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("VQUERY_MODELS", raising=False)
    rows = as_json("models")
    assert {row["name"] for row in rows} >= {"yunet_n_640"}
    assert "vquery models get yunet_n_640" in run("models").stdout
    assert "no known model 'x'" in run("models", "get", "x", code=1).stderr


def test_getting_a_model_offline_says_what_to_do_instead(tmp_path):
    nobody = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https")}
    done = subprocess.run(
        [*VQUERY, "models", "get", "yunet_n_640", "--to", str(tmp_path)],
        env=os.environ | nobody,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot be fetched" in done.stderr
    assert "$VQUERY_MODELS" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_demo_in_json_says_nothing_else(tmp_path, monkeypatch):
    import vquery.api.demo as api

    def small(output: Path, **options: object) -> object:
        return run_demo(output, videos=1, seconds=8.0, **options)

    run_demo = api.run_demo
    monkeypatch.setattr(api, "run_demo", small)
    report = as_json("demo", "--output", tmp_path / "demo", "--seed", 0)
    assert [stage["name"] for stage in report["stages"]][-1] == "export"


def test_embed_learns_takes_up_and_is_taken_by_propagate(path):
    tiny = ("--train", "--epochs", 1, "--width", 4, "--side", 16, "--batch", 16)
    first = as_json("embed", path, *tiny)
    assert first["embedded"] == first["total"] > 0
    assert first["epochs"] == 1
    again = as_json("embed", path)
    assert (again["embedded"], again["kept"]) == (0, first["total"])
    assert "'learned' over faces: 0 embedded" in run("embed", path).stdout
    run("label", path, "--where", f"detection_id == {ANN}", "--value", "Ann")
    assert as_json("propagate", path, "--space", "learned", "--space", "face")["labelled"] > 0
    runs = vq.open(path).runs.filter(pc.field("command") == "propagate")
    assert json.loads(runs["arguments"][-1].as_py())["spaces"] == ["learned", "face"]
    assert "no embedding 'lerned'" in run("propagate", path, "--space", "lerned", code=1).stderr
    assert "no model was trained" in run("embed", path, "--name", "mine", code=1).stderr
