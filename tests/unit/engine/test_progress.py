"""Progress shows for long queries on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys
import threading
import time

import pyarrow as pa
import pytest
import rich.progress  # noqa: F401 - not while the time is taken

import vquery as vq
from vquery.engine.running import progress
from vquery.engine.running.batches import Running
from vquery.engine.sources import from_arrow
from vquery.expr.time import time_overlaps


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def screen(monkeypatch):
    """Turn standard error into a terminal; in the test, as pytest sets its own before each."""
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")

    def turned():
        found = Terminal()
        monkeypatch.setattr(sys, "stderr", found)
        return found

    return turned


def waited_for(terminal, text):
    """Whether a text comes to the terminal in the end; drawing takes a thread its time."""
    for _ in range(600):
        if text in terminal.getvalue():
            return True
        time.sleep(0.05)
    return False


def slow(seconds):
    return asking(lambda: time.sleep(seconds))


def asking(wait):
    """Make a query that asks a function, which waits for something."""

    def function(left, right):
        del right
        wait()
        return pa.array([True] * left.num_rows)

    rows = from_arrow(pa.table({"video": ["a", "b"], "start": [0, 0], "end": [1, 1]}))
    return rows.join(rows, time_overlaps & vq.udf(function, reads=["start_us"]))


def until_told(terminal):
    """Make a query that goes on until its progress is there to see, however long that takes."""
    return asking(lambda: waited_for(terminal, "query"))


def test_a_long_query_on_a_terminal(screen):
    terminal = screen()
    assert until_told(terminal).collect(on_error="skip").num_rows == 2
    assert "query" in terminal.getvalue()


def test_short_queries_show_nothing(screen, monkeypatch):
    """Short is what ends before the patience does: an endless one, as any query may take long."""
    monkeypatch.setattr(progress, "PATIENCE", threading.TIMEOUT_MAX)
    drawn = []
    monkeypatch.setattr(progress._Bar, "show", drawn.append)
    before = set(threading.enumerate())
    terminal = screen()
    slow(0).collect()
    for timer in set(threading.enumerate()) - before:
        timer.join(30)  # it was told to end: nothing is drawn afterwards, either
        assert not timer.is_alive()
    assert (terminal.getvalue(), drawn) == ("", [])


def test_not_where_it_is_not_wanted(screen):
    terminal = screen()
    slow(0.2).collect(progress=False)
    assert terminal.getvalue() == ""


def test_not_in_a_pipe(monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    slow(0.2).collect()
    assert pipe.getvalue() == ""


def test_rows_done_of_all_rows(screen):
    terminal = screen()
    running = Running()
    with progress.shown(running, wanted=True):
        assert waited_for(terminal, "query")
        running.advance(30, 120)
        assert waited_for(terminal, "30 of 120 rows")


def test_it_goes_away_when_the_query_fails(screen):
    terminal = screen()

    def fails():
        with progress.shown(Running(), wanted=True):
            assert waited_for(terminal, "query")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fails()
    shown = terminal.getvalue()
    time.sleep(0.2)
    assert terminal.getvalue() == shown
