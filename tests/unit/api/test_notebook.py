"""In a notebook a relation shows timeline lanes and crops."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pyarrow as pa
import pytest

import vquery as vq
from vquery import face, row, time_overlaps

ANN = 1_000_000_001


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        yield db


@pytest.fixture
def shown(monkeypatch):
    """What a kernel is given to display; IPython itself is no dependency."""
    given = []
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    display.HTML = lambda text: text
    display.display = given.append
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return given


def test_show_draws_lanes_and_crops(db, shown, capsys):
    db.faces.filter(face.score > 0.5).show()
    (page,) = shown
    assert "<svg" in page
    assert "data:image/jpeg;base64," in page
    assert "60 faces in 2 videos" in page
    assert capsys.readouterr().out == ""


def test_crops_come_through_joins_and_saved_relations(db, shown):
    both = db.faces.filter(face.track == ANN).join(db.shots, predicate=time_overlaps)
    both.show()
    assert "data:image/jpeg;base64," in shown[0]
    db.save("mine", db.faces).show()
    assert "data:image/jpeg;base64," in shown[1]


def test_what_has_no_crops_shows_lanes_alone(db, shown):
    db.shots.filter(row.duration > 0).show()
    db.faces.limit(0).show()
    assert "<svg" in shown[0]
    assert "data:image" not in shown[0] + shown[1]


def test_the_last_line_of_a_cell_shows_the_same(db, shown):
    db.captions.show()
    assert db.captions._repr_html_() == shown[0]
    assert "GOOD NIGHT" in shown[0]


def test_a_console_shows_a_table(db, capsys):
    db.captions.show()
    assert "GOOD NIGHT" in capsys.readouterr().out


def test_captions_are_neither_markup_nor_commands_to_the_terminal(capsys):
    text = ["[MUSIC]", "[/b] closed", "\x1b[2J\x07cleared", "tab\tand\nline"]
    cues = pa.table({"video": ["[v]"] * 4, "start": range(4), "end": range(1, 5), "text": text})
    vq.from_arrow(cues, name="[/cues]").show()
    printed = capsys.readouterr().out
    assert "[MUSIC]" in printed
    assert "[/b] closed" in printed
    assert "tab and line" in printed
    assert "[/cues]" in printed
    assert "\x1b" not in printed
    assert "\x07" not in printed


def test_a_table_is_wider_than_the_console_rather_than_cut_short(db, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    db.faces.show(1)
    printed = capsys.readouterr().out
    assert "1000000001" in printed
    assert "…" not in printed.replace("show(limit=…)", "")
