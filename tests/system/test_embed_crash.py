"""Kill `vquery embed --train` in the middle; the same command ends with the very same vectors."""

from __future__ import annotations

import csv
import os
import pty
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest

import vquery as vq
from vquery.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")

MOMENTS = ("epoch 2 of", "embedding, 0 of")
"""What it says when it is killed: while it learns, and when it has learnt."""
TINY = {"epochs": 4, "width": 4, "side": 16, "batch": 16}
COMMAND = ("-m", "vquery.cli")
WAITING = """
import time
from vquery.api import console
from vquery.cli import main
say = console.say
def said(text):
    say(text)
    if "{moment}" in text:
        time.sleep(600)
console.say = said
main()
"""
"""The command, which waits to be killed where it says something: it would be done before."""


def command(collection: Path, way: tuple[str, str]) -> list[str]:
    options = [word for name, value in TINY.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-u", *way, "embed", str(collection), "--train", *options]


def start(
    collection: Path, errors: int = subprocess.PIPE, way: tuple[str, str] = COMMAND
) -> subprocess.Popen[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}  # the last bits depend on how many there are
    return subprocess.Popen(
        command(collection, way), stdout=subprocess.PIPE, stderr=errors, text=True, env=env
    )


def kill_at(moment: str, collection: Path) -> None:
    """Run it on a terminal, where it says what it does, and end it for good at that."""
    terminal, end = pty.openpty()
    process = start(collection, end, ("-c", WAITING.format(moment=moment)))
    os.close(end)
    said = b""
    with suppress(OSError):  # of a terminal whose other end is closed
        while moment.encode() not in said and (more := os.read(terminal, 4096)):
            said += more
    process.send_signal(signal.SIGKILL)
    process.communicate()
    os.close(terminal)
    assert process.returncode == -signal.SIGKILL, said.decode()


def losses(collection: Path) -> list[tuple[str, str]]:
    with (collection / "models" / "learned" / "history.csv").open() as file:
        return [(row["epoch"], row["loss"]) for row in csv.DictReader(file)]


def vectors(collection: Path) -> tuple[np.ndarray, np.ndarray]:
    with Store.open(collection).snapshot() as snapshot:
        return snapshot.vectors("embedding.learned")


def test_killed_in_the_middle_and_run_again_gives_the_same_vectors(
    indexed: Path, tmp_path: Path
) -> None:
    whole, broken = (
        shutil.copytree(indexed, tmp_path / name, ignore=shutil.ignore_patterns("leases"))
        for name in ("whole.vq", "broken.vq")
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with vq.open(whole) as db:
            db.embed(**TINY)
    finally:
        torch.set_num_threads(threads)
    for moment in MOMENTS:
        kill_at(moment, broken)
    with Store.open(broken).snapshot() as snapshot:
        assert "embedding.learned" not in snapshot.tables()
    process = start(broken)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert losses(broken) == losses(whole)
    assert len(losses(whole)) == TINY["epochs"]
    for ours, theirs in zip(vectors(broken), vectors(whole), strict=True):
        assert np.array_equal(ours, theirs)
    assert {path.name for path in (broken / "models" / "learned").iterdir()} == {
        "model.safetensors",
        "history.csv",
        "report.html",
    }
