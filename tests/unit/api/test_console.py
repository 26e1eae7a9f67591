"""What people and programs read: texts of results, and JSON that every reader takes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa

from vquery.api.console import LISTED, index_text, print_rows, propagation_text, tell
from vquery.index.report import IndexReport


def test_the_text_of_indexing_names_everything_that_was_left_aside():
    report = IndexReport(
        videos=3,
        indexed=1,
        unchanged=1,
        aliases={"b.mp4": "a.mp4"},
        failed={"c.mp4": "c.mp4: empty"},
        skipped={"no video": [f"{number}.txt" for number in range(LISTED + 2)]},
        rows_skipped=Counter({"without text": 1200}),
        rows_suspect=Counter({"very long": 2}),
        counts=Counter(frames=25_000),
        detectors=Counter(haar=2),
        notes=["profiles are missed"],
        seconds=2.0,
    )
    text = index_text(report)
    assert text.splitlines() == [
        "indexed 1 of 3 videos in 2.0 s (1 were done before, 1 failed)",
        "  faces found by haar in 2 videos",
        "  25,000 frames",
        "  profiles are missed",
        "  same content: b.mp4 = a.mp4",
        "  left aside, no video: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, 5.txt, 6.txt, 7.txt, 8.txt,"
        " 9.txt and 2 more",
        "  left out 1,200 rows: without text",
        "  kept 2 rows that look wrong: very long",
        "  failed: c.mp4: c.mp4: empty",
    ]


def test_json_has_no_values_that_readers_refuse(capsys):
    facts = {"a": float("nan"), 1: [float("inf"), Path("x"), None, True, "é"]}
    tell(facts, lambda: "", as_json=True)
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"a": None, "1": [None, "x", None, True, "é"]}
    assert "é" in printed


def test_rows_in_a_pipe_stay_on_their_line(capsys):
    rows = pa.table({"video": ["a"], "start_us": [1_500_000], "text": ["two\nlines\tand a tab"]})
    print_rows(rows, limit=None, as_json=False)
    assert capsys.readouterr().out == "video\tstart\ttext\na\t1.5\ttwo lines and a tab\n"


def test_numbers_of_single_precision_are_written_short(capsys):
    rows = pa.table({"x1": pa.array([0.1, None, 1 / 3], pa.float32())})
    print_rows(rows, limit=None, as_json=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ['{"x1": 0.1}', '{"x1": null}']
    again = pa.array([json.loads(line)["x1"] for line in lines], pa.float32())
    assert again.equals(rows["x1"].combine_chunks())


def test_the_text_of_a_propagation_says_what_to_do_next():
    facts = {
        "items": 10,
        "seeds": 1,
        "labelled": 4,
        "unsure": 1,
        "unreached": 5,
        "labels": {"Ann": 4},
        "notes": ["to reach more, label one of these detections next: 7"],
    }
    assert propagation_text(facts).startswith("10 items, 1 seeds: 4 labelled, 1 too unlike")
    assert propagation_text(facts).splitlines()[1:] == ["  Ann: 4", f"  {facts['notes'][0]}"]
