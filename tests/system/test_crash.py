"""Kill indexing at random moments; the same command completes it as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vquery.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    Command = Callable[[Path], list[str]]

KILLS = 10
BROKEN = 1
"""Exit status where a file could not be read: one of the folder never can."""


def start(line: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for_writer(collection: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the process writes: before that there is nothing to disturb."""
    lock = collection / "writer.lock"
    while process.poll() is None and not (lock.is_file() and lock.stat().st_size):
        time.sleep(0.005)


def finish(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate(timeout=300)
    assert process.returncode == BROKEN, said
    assert said == ""


def contents(collection: Path) -> dict[str, pa.Table]:
    store = Store.open(collection)
    with store.snapshot() as snapshot:
        live = {file for table in snapshot.tables()[2:] for file in snapshot.parts(table)}
    assert set((collection / "parts").glob("*/*")) == live, "part files that nobody knows"
    return store.contents()


def assert_equal(ours: dict[str, pa.Table], theirs: dict[str, pa.Table]) -> None:
    assert ours.keys() == theirs.keys()
    for name, rows in ours.items():
        assert rows.equals(theirs[name]), name


def test_killed_at_any_moment_and_run_again_gives_the_same_collection(
    command: Command, tmp_path: Path
) -> None:
    undisturbed = tmp_path / "undisturbed.vq"
    process = start(command(undisturbed))
    wait_for_writer(undisturbed, process)
    began = time.monotonic()
    finish(process)
    took = time.monotonic() - began
    expected = contents(undisturbed)
    assert expected["detections"].num_rows > 300
    assert expected["videos"].num_rows == 7

    moments = random.Random(8)
    kills = collections = 0
    while kills < KILLS:
        collections += 1
        collection = tmp_path / f"{collections}.vq"
        while True:
            process = start(command(collection))
            wait_for_writer(collection, process)
            try:
                process.wait(moments.uniform(0, took))
            except subprocess.TimeoutExpired:
                # now with all its workers, now alone: then they must end by themselves
                kill = os.killpg if kills % 2 else os.kill
                kill(process.pid, signal.SIGKILL)
                process.communicate()
                kills += 1
            else:
                finish(process)
                break
            if kills == KILLS:
                finish(start(command(collection)))
                break
        assert_equal(contents(collection), expected)


def test_killed_while_it_starts_or_makes_the_collection(command: Command, tmp_path: Path) -> None:
    collection = tmp_path / "new.vq"
    process = start(command(collection))
    while process.poll() is None and not collection.exists():
        time.sleep(0.001)
    if process.poll() is None:  # it may be done by now, where this one got no turn for long
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finish(start(command(collection)))
    assert len(contents(collection)["videos"]) == 7
