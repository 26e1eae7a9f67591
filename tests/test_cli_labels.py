"""Commands that spread labels, suggest which to give next, and take runs back."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner, Result

import vquery as vq
from vquery.cli import main
from vquery.graph.knowing import STRATEGIES

ANN, BOB, OTHER_BOB, CLEO = 1_000_000_001, 1_000_000_002, 2_000_000_001, 2_000_000_013


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result


def as_json(*arguments: object) -> object:
    return json.loads(run(*arguments, "--json").stdout)


@pytest.fixture
def labelled(path):
    run("label", path, "--where", f"detection_id == {ANN}", "--value", "Ann")
    run("label", path, "--where", f"detection_id == {BOB}", "--value", "Bob")
    return path


def test_propagate_prints_what_it_found_and_how(labelled):
    lines = run("propagate", labelled).stdout.splitlines()
    assert lines[0].startswith("60 items, 2 seeds: 48 labelled")
    graph = next(line for line in lines if "graph:" in line)
    assert "5 tracks, edges: 2 visual; 3 components" in graph
    assert "recall 1.000" in graph
    assert any("solution: direct" in line for line in lines)
    expected = next(line for line in lines if "expected precision" in line)
    assert "0.949 from 0.5 (24 items), 0.949 from 0.7 (24 items)" in expected
    assert "  without a seed: 1 component of 12 items" in lines
    assert any("label one of these detections next: 20000000" in line for line in lines)


def test_propagate_in_json_has_the_same_facts(labelled):
    facts = as_json("propagate", labelled)
    assert facts["graph"]["gaps"][0]["items"] == 12
    assert [one["threshold"] for one in facts["expected"]] == [0.5, 0.7, 0.9, 0.95]


def test_propagate_takes_its_options(labelled, tmp_path):
    edges = tmp_path / "edges.csv"
    edges.write_text(f"source,target,weight\n{ANN},{CLEO},2\n")
    options = ["--neighbours", 3, "--floor", 0.4, "--leak", 0.1, "--not-exclusive"]
    facts = as_json("propagate", labelled, "--edges", edges, "--edges-weight", 0.5, *options)
    assert facts["labels"]["Ann"] == 36
    arguments = json.loads(vq.open(labelled).runs["arguments"].to_pylist()[-1])
    assert (arguments["k"], arguments["leak"], arguments["exclusive"]) == (3, 0.1, False)
    assert arguments["edges_weight"] == 0.5
    text = run("propagate", labelled, "--edges", edges).stdout
    assert "2 visual × 1, 1 given × 1" in text
    edges.write_text("from,to\n1,2\n")
    assert (
        "two columns of detection ids"
        in run("propagate", labelled, "--edges", edges, code=1).stderr
    )
    (tmp_path / "edges.parquet").write_bytes(b"no table")
    said = run("propagate", labelled, "--edges", tmp_path / "edges.parquet", code=1).stderr
    assert "edges.parquet: is no CSV or Parquet table" in said


def test_propagate_takes_several_concepts(labelled):
    run("label", labelled, "--concept", "host", "--where", f"detection_id == {ANN}", "--value", "y")
    options = ["--concept", "name", "--concept", "host"]
    assert set(as_json("propagate", labelled, *options)) == {"name", "host"}
    text = run("propagate", labelled, *options).stdout
    assert "host: 60 items, 1 seeds" in text


def test_suggest_prints_rows_best_first(path):
    result = run("suggest", path, "-n", 2)
    head, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert len(rows) == 2
    assert [row[head.index("rank")] for row in rows] == ["1", "2"]
    assert result.stderr == ""
    items = [json.loads(line) for line in run("suggest", path, "--json").stdout.splitlines()]
    assert [item["rank"] for item in items] == list(range(1, len(items) + 1))
    assert f"{len(items)} of 20: no other track is worth a label" in run("suggest", path).stderr


def test_suggestions_are_filled_in_and_become_labels(labelled, tmp_path):
    run("propagate", labelled)
    todo = tmp_path / "todo.csv"
    options = ["--strategy", "coverage", "--concept", "name"]
    todo.write_text(run("suggest", labelled, "-n", 9, *options, "--csv").stdout)
    rows = list(csv.DictReader(todo.read_text().splitlines()))
    assert {row["label"] for row in rows} == {"?"}
    assert any(int(row["detection_id"]) >= CLEO for row in rows)
    assert "is still '?'" in run("label", labelled, "--from", todo, code=1).stderr
    todo.write_text(todo.read_text().replace("?", "Somebody"))
    said = run("label", labelled, "--from", todo).stdout
    assert said == f"labelled: {len(rows)}\n"


def test_suggest_with_nothing_to_do_it_by(path, tmp_path):
    assert "one of mixed" in run("suggest", path, "--strategy", "best", code=1).stderr
    assert "not both" in run("suggest", path, "--csv", "--json", code=2).stderr
    run("suggest", path, "-n", 0, code=2)
    assert all(name in run("suggest", "--help").stdout for name in STRATEGIES)
    vq.create(tmp_path / "empty.vq").close()
    assert "no detections" in run("suggest", tmp_path / "empty.vq", code=1).stderr


def test_the_csv_has_a_header_and_plain_numbers(path):
    first = next(csv.DictReader(io.StringIO(run("suggest", path, "-n", 1, "--csv").stdout)))
    assert int(first["detection_id"]) > 1_000_000_000
    assert float(first["start"]) < 3
    assert first["best"] == ""


def test_undo(labelled):
    assert "no propagation to undo" in run("undo", labelled, code=1).stderr
    assert run("undo", labelled, "--list").stdout == "nothing was propagated, fused or corrected\n"
    run("propagate", labelled)
    run("propagate", labelled, "--threshold", 1)
    first, second = (run["run_id"] for run in as_json("undo", labelled, "--list"))
    assert run("undo", labelled).stdout == (
        f"run {second}, which propagated 'name', is undone: 60 items have the labels of run {first}"
        " again\n"
    )
    assert run("undo", labelled, "--list").stdout.splitlines() == [
        f"run {first}: propagated 'name', in force, 48 labelled",
        f"run {second}: propagated 'name', undone by run {second + 1}, 24 labelled",
    ]
    assert (
        f"run {second} is undone already" in run("undo", labelled, "--run", second, code=1).stderr
    )
    facts = as_json("undo", labelled, "--run", first)
    assert facts == {
        "run_id": first,
        "concept": "name",
        "restored": None,
        "items": 0,
        "did": "propagated",
    }
    assert "do not go together" in run("undo", labelled, "--list", "--run", 1, code=2).stderr
    assert vq.open(labelled).labels().num_rows == 2
