"""The command line as a process: terminals, pipes that close, Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest

import vquery as vq
from vquery.store import Store

VQUERY = [sys.executable, "-m", "vquery.cli"]
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
SECONDS = 300


def run(*arguments: object, **given: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VQUERY, *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS, **given
    )


def on_terminal(*arguments: object, interrupt_at: bytes | None = None) -> tuple[int, str]:
    """Run on a terminal of 120 columns, pressing Ctrl-C when a text shows."""
    terminal, its_side = pty.openpty()
    process = subprocess.Popen(
        [*VQUERY, *map(str, arguments)],
        **dict.fromkeys(("stdin", "stdout", "stderr"), its_side),
        env=os.environ | {"COLUMNS": "120", "TERM": "xterm"},
        start_new_session=True,
        # a shell lets a program hear Ctrl-C also where the tests themselves run deaf in background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    os.close(its_side)
    shown = b""
    while True:
        try:
            some = os.read(terminal, 1 << 16)
        except OSError:  # how Linux says that the other side is closed
            break
        shown += some
        if interrupt_at is not None and interrupt_at in shown:
            os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to all of the group
            interrupt_at = None
    code = process.wait(SECONDS)
    os.close(terminal)
    return code, CONTROL.sub(b"", shown).decode()


@pytest.fixture(scope="module")
def long_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos that take some seconds to index."""
    spec = util.spec_from_file_location("making", Path(__file__).with_name("conftest.py"))
    making = util.module_from_spec(spec)
    spec.loader.exec_module(making)
    making.FRAMES = 150
    folder = tmp_path_factory.mktemp("long")
    for number in range(3):
        making._film(folder / f"{number}.mp4", ({"Ann": (8 + number, 40)}, {"Bob": (60, 40)}))
    return folder


def test_results_go_to_standard_output_and_nothing_else_in_a_pipe(sample, tmp_path):
    db = tmp_path / "x.vq"
    steps = [
        ("index", sample, "--collection", db, "--workers", "2"),
        ("info", db),
        ("label", db, "--where", "detection_id == 1000000001", "--value", "Ann"),
        ("propagate", db),
        ("query", db, "faces.filter(name == 'Ann')"),
        ("export", db, tmp_path / "out"),
        ("models",),
    ]
    for step in steps:
        done = run(*step)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert done.stdout
        assert "\x1b" not in done.stdout


def test_errors_go_to_standard_error_alone(tmp_path):
    done = run("info", tmp_path / "no.vq")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("vquery: ")
    assert "Traceback" not in done.stderr


def test_a_terminal_shows_files_frames_rate_and_time_left(long_films, tmp_path):
    code, shown = on_terminal("index", long_films, "--collection", tmp_path / "x.vq")
    assert code == 0
    assert re.search(r"videos .* [0-3]/3", shown)
    assert re.search(r"frames .*[0-9]+/450 +[\d,]+ frames/s +0:00:\d\d", shown)
    assert "indexed 3 of 3 videos" in shown


def test_a_terminal_shows_rows_as_a_table(path):
    code, shown = on_terminal("query", path, "captions")
    assert code == 0
    assert "GOOD NIGHT" in shown
    assert "┃" in shown


def test_ctrl_c_ends_quietly_and_the_same_command_completes(long_films, tmp_path):
    for attempt in range(5):  # it may be done before it is pressed
        db = tmp_path / f"{attempt}.vq"
        command = ("index", long_films, "--collection", db, "--workers", "1")
        code, shown = on_terminal(*command, interrupt_at=b"frames/s")
        if code != 0:
            break
    assert code == 130
    assert "interrupted" in shown
    assert "Traceback" not in shown
    assert "KeyboardInterrupt" not in shown
    assert run(*command).returncode == 0
    undisturbed = tmp_path / "y.vq"
    with vq.create(undisturbed) as other:
        other.index(long_films)
    found, wanted = (Store.open(one).contents() for one in (db, undisturbed))
    assert {name: rows.num_rows for name, rows in found.items()} == {
        name: rows.num_rows for name, rows in wanted.items()
    }
    assert found["detections"].equals(wanted["detections"])


def test_a_pipe_that_closes_early_ends_quietly(path):
    command = [*VQUERY, "query", str(path), "frames.join(frames, cross=True)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        code = process.wait(SECONDS)
    assert said == b""
    assert code == 141


def test_a_pipe_that_closes_before_a_short_answer_ends_quietly(path):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*VQUERY, "info", str(path)], stdout=writing, stderr=subprocess.PIPE, timeout=SECONDS
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
