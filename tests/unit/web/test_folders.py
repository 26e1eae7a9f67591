"""Folders of servers that were killed are swept, and no others."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vquery.web import folders
from vquery.web.folders import Folder, sweep

HOLD = """
from vquery.web.folders import Folder
held = Folder()
(held.path / "rows.arrow").write_bytes(b"rows")
print(held.path, flush=True)
input()
"""


@pytest.fixture
def parent(tmp_path, monkeypatch):
    monkeypatch.setattr(folders.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_swept_when_its_server_was_killed_and_not_before(parent):
    pipe = subprocess.PIPE
    environment = {**os.environ, "TMPDIR": str(parent)}
    line = [sys.executable, "-c", HOLD]
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True, env=environment) as server:
        left = parent / server.stdout.readline().strip()
        mine = Folder()
        assert sweep(parent) == []
        assert (left / "rows.arrow").exists()
        server.kill()
    other = Folder()  # the next one that starts
    assert not left.exists()
    assert mine.path.exists()
    for one in (mine, other, other):
        one.remove()
    assert list(parent.iterdir()) == []


def test_what_is_not_known_to_be_ours_is_left(parent, monkeypatch):
    unlocked = parent / "vquery-serve-starting"
    unlocked.mkdir()
    elsewhere = parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    (parent / "vquery-serve-link").symlink_to(elsewhere)
    (parent / "vquery-serve-file").touch()
    dead = parent / "vquery-serve-dead"
    dead.mkdir()
    (dead / "lock").touch()
    with monkeypatch.context() as others:
        others.setattr(folders.os, "getuid", lambda: os.geteuid() + 1)
        assert sweep(parent) == []
    assert sweep(parent) == [dead]
    assert len(list(parent.iterdir())) == 4


def test_a_server_that_starts_at_the_same_time_leaves_the_folder(parent, monkeypatch):
    real = folders.fcntl.flock

    def sweeps_first(*given):
        monkeypatch.setattr(folders.fcntl, "flock", real)
        assert sweep(parent) == []
        real(*given)

    monkeypatch.setattr(folders.fcntl, "flock", sweeps_first)
    mine = Folder()
    assert sweep(parent) == []
    assert [path.name for path in mine.path.iterdir()] == ["lock"]
    mine.remove()
