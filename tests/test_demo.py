"""The demo does the whole job on a newsroom it makes itself, and says how well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vquery.api.demo import OWN, DemoReport, run_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoReport:
    return run_demo(tmp_path_factory.mktemp("demo"), videos=4, seconds=16.0)


def test_each_stage_is_measured_against_the_truth(demo: DemoReport) -> None:
    names = [stage.name for stage in demo.stages]
    assert names == [
        *("shots", "faces", "label", "propagate"),
        *("bernie_and_jake", "panel", "commercial", "export"),
    ]
    figures = demo.figures
    assert figures["borders_found"] >= 0.9 * figures["borders"]
    assert figures["named_right"] >= 0.9 * figures["named"]
    assert figures["named_right"] >= 0.7 * figures["faces_of_cast"]
    for concept in ("bernie_and_jake", "panel", "commercial"):
        score = figures[concept]
        if score["recall"] is not None:  # a short newsroom may lack a panel
            assert score["precision"] >= 0.8, concept
            assert score["recall"] >= 0.6, concept


def test_the_text_says_it_is_synthetic_and_what_to_do_next(demo: DemoReport) -> None:
    text = demo.text()
    assert "synthetic" in text
    assert OWN in text


def test_the_page_stands_alone(demo: DemoReport) -> None:
    page = (demo.output / "report.html").read_text("utf-8")
    assert "synthetic" in page
    assert "data:image/jpeg;base64," in page
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in page


def test_the_training_set_has_its_provenance(demo: DemoReport) -> None:
    manifest = json.loads((demo.output / "training" / "manifest.json").read_text("utf-8"))
    assert manifest["concept"] == "name"
    assert manifest["label_sources"]["human"] >= 1
    assert manifest["label_sources"]["propagated"] > 0
    videos = [set(split["videos"]) for split in manifest["splits"].values()]
    assert sum(len(names) for names in videos) == len(set.union(*videos))


def test_running_again_replaces_only_what_the_demo_made(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("keep")
    run_demo(tmp_path, videos=1, seconds=8.0)
    run_demo(tmp_path, videos=1, seconds=8.0)
    assert mine.read_text() == "keep"
