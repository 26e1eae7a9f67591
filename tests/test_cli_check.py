"""`vquery check`: thresholds that hold and that are missed, the file of rules, and the page."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

import vquery as vq
from vquery.cli import main

RULES = """
import numpy as np
import vquery as vq
from vquery import row

ASSERTIONS = {
    "faces": [vq.multibox(), vq.never("faces.filter(x1 > 0.5)", name="right")],
    "shots": [vq.never(lambda shots: shots.filter(row.duration > 1.5), name="long")],
}
SLICES = ["video", vq.slice("late", row.start >= 1)]


def sides(db):
    faces = db.faces.collect()
    left = faces["x1"].to_numpy() < 0.3
    return vq.assess(np.where(left, 0.9, 0.2), left | (np.arange(len(left)) % 9 == 0),
                     classes=["right", "left"], items=faces)


ASSESSMENTS = {"sides": sides, "times": lambda db: db.shots.evaluate(db.shots)}
"""


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["check", *(str(one) for one in arguments)])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result


@pytest.fixture
def rules(tmp_path):
    file = tmp_path / "rules.py"
    file.write_text(RULES)
    return file


def test_the_usual_rules_hold_for_faces_that_were_drawn(path):
    told = run(path, "--max-violations", "all=0", "--fail-under", "sound.faces=1").stdout
    assert "multibox 0, switches 0, consistent_name 0, flicker 0, appear 0" in told
    assert told.splitlines()[-1] == "all 2 thresholds are met"


def test_nothing_is_a_failure_without_thresholds(path, rules):
    facts = json.loads(run(path, "--concepts", rules, "--json").stdout)
    assert facts["violations"]["right"] == facts["violations"]["all"] > 0
    assert facts["missed"] == []
    rows = facts["rules"]["faces"]
    assert [one["rule"] for one in rows] == ["multibox", "right"]
    broken = facts["violations"]["right"]
    assert facts["metrics"]["sound.faces"] == pytest.approx(1 - broken / 60)
    assert {one["slice"] for one in facts["slices"]["faces"]} == {
        "video=a.mp4", "video=b.mp4", "late",
    }  # fmt: skip
    assert facts["metrics"]["times.time_f1"] == 1.0
    assert facts["assessments"]["sides"]["items"] == 60


def test_missed_thresholds_are_named_and_end_with_1(path, rules):
    bounds = ["--fail-under", "sides.f1=0.999", "--fail-under", "sides.accuracy=0.1"]
    bounds += ["--fail-over", "sides.log_loss=0.01", "--max-violations", "right=3"]
    result = run(path, "--concepts", rules, *bounds, code=1)
    said = result.stderr.splitlines()
    assert len(said) == 3
    assert said[0].startswith("vquery: sides.f1 is 0.9")
    assert said[0].endswith("below 0.999")
    assert "sides.log_loss is" in said[1]
    assert said[1].endswith("above 0.01")
    assert "right: " in said[2]
    assert said[2].endswith("violations, more than 3")
    assert result.stdout.count("missed: ") == 3


def test_what_cannot_be_measured_misses_its_threshold(path, rules):
    rules.write_text(
        "import vquery as vq\nASSESSMENTS = {'one': lambda db: vq.assess([.9], [1], groups=['a'])}"
    )
    said = run(path, "--concepts", rules, "--fail-under", "one.f1.low=0.5", code=1).stderr
    assert "one.f1.low could not be measured, and 0.5 was asked for" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fail-under", "sides.f2=1"], "no metric 'sides.f2'"),
        (["--max-violations", "flicker=1"], "no rule 'flicker'. There are: multibox, right, long"),
        (["--fail-under", "sides.f1"], "got 'sides.f1'"),
        (["--max-violations", "right=few"], "got 'right=few'"),
        (["--fail-under", "sides.log_loss=0.1"], "less is better; use --fail-over"),
    ],
)
def test_thresholds_that_mean_nothing_are_wrong_usage(path, rules, options, said):
    assert said in run(path, "--concepts", rules, *options, code=2).stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ASSERTIONS = 3", "ASSERTIONS must be a list, got int"),
        ("ASSERTIONS = {'faces': 3}", "ASSERTIONS must be a list, got int"),
        ("ASSERTIONS = [3]", "check() takes assertions"),
        ("ASSERTIONS = {'facse': []}", "facse"),
        ("SLICES = 'video'", "SLICES must be a list"),
        ("ASSESSMENTS = {'a': 3}", "ASSESSMENTS['a'] must be a function"),
        ("ASSESSMENTS = {'a': lambda db: 3}", "ASSESSMENTS['a'] must return what vq.assess()"),
        ("ASSESSMENTS = {'a': lambda db: 1 / 0}", "ASSESSMENTS['a'] failed: "),
        ("1 / 0", "cannot be run"),
    ],
)
def test_files_that_cannot_be_are_explained(path, rules, text, said):
    rules.write_text(text)
    assert said in run(path, "--concepts", rules, code=1).stderr


def test_the_page_stands_alone(path, rules, tmp_path):
    page = tmp_path / "report.html"
    bounds = ["--fail-under", "sides.f1=0.999", "--max-violations", "right=99"]
    run(path, "--concepts", rules, "--report", page, *bounds, code=1)
    text = page.read_text()
    assert "1 of 2 thresholds missed" in text
    for part in ("What cannot be: faces", "What cannot be: shots", "Sound rows by slice: faces",
                 "How good: sides", "reliability", "video=b.mp4", "How good: times"):  # fmt: skip
        assert part in text
    assert text.count("<svg") >= 4
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text


def test_an_empty_collection_breaks_no_rule(tmp_path):
    vq.create(tmp_path / "empty.vq").close()
    page = tmp_path / "report.html"
    options = ["--max-violations", "all=0", "--report", page]
    assert "the threshold is met" in run(tmp_path / "empty.vq", *options).stdout
    assert "No rule is broken in 0 rows" in page.read_text()
    said = run(tmp_path / "empty.vq", "--fail-under", "sound.faces=1", code=2).stderr
    assert "no metric 'sound.faces'" in said


def test_concepts_that_people_labelled_are_judged_by_that(path, rules):
    rules.write_text(
        "import vquery as vq\nfrom vquery import row\n"
        "@vq.concept\ndef early(shots):\n    return shots.filter(row.start < 0.5)\n"
    )
    assert json.loads(run(path, "--concepts", rules, "--json").stdout)["assessments"] == {}
    with vq.open(path) as db:
        first = db.shots.filter(vq.row.start < 0.5)
        db.label(first.filter(vq.row.video == "a.mp4"), "early", "yes")
        db.label(db.shots.filter(vq.row.video == "b.mp4"), "early", None)
    facts = json.loads(run(path, "--concepts", rules, "--json").stdout)
    assert facts["metrics"]["early.recall"] == 1.0
    assert facts["metrics"]["early.precision"] == 0.5
    said = run(path, "--concepts", rules, "--fail-under", "early.f1=0.9", code=1).stderr
    assert "early.f1 is 0.6667, below 0.9" in said
    vq.engine.concept.REGISTRY.remove("early")


def test_slices_are_taken_of_all_that_has_their_columns(path, rules):
    rules.write_text(
        "import vquery as vq\nfrom vquery import row\n"
        "SLICES = [vq.slice('late', row.start >= 1), vq.slice('score_known', row.score >= 0)]\n"
        "@vq.concept\ndef early(shots):\n    return shots.filter(row.start < 0.5)\n"
        "@vq.concept\ndef unheard(shots):\n    return shots\n"
    )
    try:
        with vq.open(path) as db:
            db.label(db.shots, "early", "yes")
        result = run(path, "--concepts", rules)
        assert "unheard: nobody labelled it, so it is not judged" in result.stdout
        assert "slice 'score_known' is not of shots, which lack its columns" in result.stdout
        facts = json.loads(run(path, "--concepts", rules, "--json").stdout)
        assert len(facts["notes"]) == 2
        assert [one["slice"] for one in facts["slices"]["faces"]] == ["late", "score_known"]
        assert [one["slice"] for one in facts["assessments"]["early"]["slices"]] == ["late"]
        bounds = ["--fail-under", "early.recall/late=0.5", "--fail-under", "sound.faces/late=1"]
        said = run(path, "--concepts", rules, *bounds, code=1).stderr.splitlines()
        assert said == ["vquery: early.recall/late is 0, below 0.5"]
        wrong = run(path, "--concepts", rules, "--fail-under", "early.f1/lat=1", code=2).stderr
        assert (
            "early.f1/late; each also with .low and .high. Did you mean 'early.f1/late'?" in wrong
        )
        rules.write_text("SLICES = ['channel']")
        said = run(path, "--concepts", rules, code=1).stderr
        assert "slice 'channel': items has no column 'channel'" in said
    finally:
        for name in ("early", "unheard"):
            vq.engine.concept.REGISTRY.remove(name)


def test_of_more_videos_than_slices_there_is_no_table(monkeypatch, path, tmp_path):
    monkeypatch.setattr("vquery.api.proving.MOST_SLICES", 1)
    facts = json.loads(run(path, "--json", "--report", tmp_path / "r.html").stdout)
    assert facts["slices"]["faces"] == []


def test_a_page_without_a_folder_is_refused_before_anything_is_looked_at(path, tmp_path):
    told = run(path, "--report", tmp_path / "none" / "page.html", code=2).stderr
    assert "there is no folder" in told


@pytest.mark.parametrize("limit", ["inf", "nan", "much"])
def test_a_threshold_is_a_number_that_json_can_tell(path, limit):
    told = run(path, "--fail-under", f"sound.faces={limit}", code=2).stderr
    assert "a threshold is NAME=NUMBER" in told
