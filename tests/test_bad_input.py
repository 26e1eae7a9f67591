"""Bad input on the command line: one clear message or a counted skip, nothing stored is lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vquery.cli import main
from vquery.store import Store

ANN, BOB = 1_000_000_001, 1_000_000_002
SRT = "1\n00:00:00,000 --> 00:00:01,000\nhello there\n"
HEAD = "time,x1,y1,x2,y2\n0,0.1,0.1,0.2,0.2\n"
TABLES = {
    "missing column": ("time,x1,y1,x2\n0,0.1,0.1,0.2\n", "no column 'y2'"),
    "wrong type": (HEAD + "0.04,0.1,zero,0.2,0.2\n", "row 3, column 'y1'"),
    "NaN box": (HEAD + "0.04,0.1,nan,0.2,0.2\n", "row 3, column 'y1'"),
    "start > end": ("start,end,x1,y1,x2,y2\n2,1,0.1,0.1,0.2,0.2\n", "row 2"),
    "unknown video": ("video,time,x1,y1,x2,y2\nz.mp4,0,0.1,0.1,0.2,0.2\n", "no video 'z.mp4'"),
    "nothing at all": ("", "no header"),
}
SEEDS = {
    "hits nothing": ("video,time,x,y,label\na.mp4,0.1,0.99,0.99,Ann\n", "row 2: no detection of"),
    "unknown video": ("video,time,x,y,label\nz.mp4,0.1,0.2,0.5,Ann\n", "row 2: video 'z.mp4'"),
    "contradict": (f"detection_id,label\n{ANN},Ann\n{ANN},Bob\n", "row 3: labels detection"),
    "unknown id": ("detection_id,label\n17,Ann\n", "row 2: there is no detection 17"),
    "missing column": ("video,time,x,label\na.mp4,0.1,0.2,Ann\n", "no column 'y'"),
    "wrong type": ("video,time,x,y,label\na.mp4,soon,0.2,0.5,Ann\n", "row 2, column 'time'"),
    "outside": ("video,time,x,y,label\na.mp4,0.1,320,0.5,Ann\n", "row 2, column 'x'"),
}
LAUNCH = """
import ctypes, resource, shutil, sys
from pathlib import Path
how, amount, place, *arguments = sys.argv[1:]
here = place.encode()

def mount(source, kind, flags, options=None):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source, here, kind, flags, options):
        sys.exit(77)

if how == "starved":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(amount), resource.RLIM_INFINITY))
else:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x20000) or libc.mount(b"none", b"/", None, 16384 | 1 << 18, None):
        sys.exit(77)  # a mount name space of its own takes rights
    if how == "read-only":
        mount(here, None, 4096)
        mount(here, None, 4096 | 32 | 1)
    else:
        kept = Path(place).with_name("kept")
        shutil.copytree(place, kept)
        mount(b"tmpfs", b"tmpfs", 0, f"size={amount}".encode())
        shutil.copytree(kept, place, dirs_exist_ok=True)
from vquery.cli import main
from vquery.store import Store
before = Store.open(place).contents()
try:
    main(arguments)
finally:
    after = Store.open(place).contents()
    if list(before) != list(after) or not all(before[n].equals(after[n]) for n in before):
        sys.stderr.write("CONTENTS CHANGED")
"""
"""Runs a command where files may not grow, on a full disk or on a read-only one."""

MOUNTING_IS_NOT_ALLOWED = 77
PAGE = 4096


def run(*arguments: object, code: int) -> Result:
    """Run a command; what fails says so in one line without a traceback."""
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit)
    if code == 1 and not result.stdout:
        one_message(result.stderr)
    return result


def one_message(said: str) -> None:
    assert said.startswith("vquery: "), said
    assert said.count("\n") == 1, said


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    before = Store.open(path).contents()
    yield
    after = Store.open(path).contents()
    assert list(after) == list(before)
    for name, rows in before.items():
        assert after[name].equals(rows), name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    folder.mkdir()
    return folder


def failed(path: Path, folder: Path, name: str) -> str:
    """Index a folder of which one file fails; return its one message."""
    done = run("index", folder, "--collection", path, "--workers", "1", "--json", code=1)
    report = json.loads(done.stdout)
    assert done.stderr == ""
    assert list(report["failed"]) == [name]
    said = run("index", folder, "--collection", path, "--workers", "1", code=1).stdout
    assert said.count(f"failed: {name}: ") == 1
    message: str = report["failed"][name]
    assert message in said
    return message


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "empty"), (b"I was renamed.\n" * 99, "cannot|can be decoded")],
    ids=["empty", "text"],
)
def test_what_is_no_video_fails_alone(path, folder, content, told):
    (folder / "bad.mp4").write_bytes(content)
    with unchanged(path):
        message = failed(path, folder, "bad.mp4")
    assert str(folder / "bad.mp4") in message
    assert any(word in message for word in told.split("|"))


def test_the_other_videos_of_the_folder_are_indexed(path, folder, sample):
    (folder / "bad.mp4").write_bytes(b"I was renamed.\n" * 99)
    write_avi(folder / "good.avi", 12)
    failed(path, folder, "bad.mp4")
    assert "good.avi" in Store.open(path).contents()["videos"]["video"].to_pylist()


def write_avi(path: Path, frames: int) -> bytes:
    import cv2
    import numpy as np

    film = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    rng = np.random.default_rng(3)
    for _ in range(frames):
        film.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    film.release()
    return path.read_bytes()


def test_a_truncated_video_is_read_to_the_cut_and_said_so(path, folder):
    whole = write_avi(folder / "cut.avi", 60)
    (folder / "cut.avi").write_bytes(whole[: len(whole) * 6 // 10])
    done = run("index", folder, "--collection", path, "--faces", "none", "--json", code=1)
    assert "settings" in done.stderr  # faces were asked for before: nothing may be mixed
    report = json.loads(run("index", folder, "--collection", path, "--json", code=0).stdout)
    assert 20 < report["counts"]["frames"] < 60
    assert any("truncated" in note for note in report["notes"])


def test_a_video_without_its_index_fails(path, folder, sample):
    whole = (sample / "a.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with unchanged(path):
        assert "decoded" in failed(path, folder, "cut.mp4")


def test_a_video_without_frames_fails(path, folder):
    whole = write_avi(folder / "none.avi", 2)
    (folder / "none.avi").write_bytes(whole[: whole.index(b"movi") + 4])
    with unchanged(path):
        assert "decoded" in failed(path, folder, "none.avi")


def test_a_missing_folder_makes_no_collection(path, tmp_path):
    with unchanged(path):
        said = run("index", tmp_path / "nowhere", "--collection", path, code=1).stderr
    assert "no such file or folder" in said
    run("index", tmp_path / "nowhere", "--collection", tmp_path / "new.vq", code=1)
    assert not (tmp_path / "new.vq").exists()


def test_a_folder_with_nothing_to_index(path, folder):
    (folder / "notes.pdf").write_bytes(b"x")
    with unchanged(path):
        assert "holds no video" in run("index", folder, "--collection", path, code=1).stderr


@pytest.mark.parametrize("beside_a_video", [True, False])
def test_unreadable_captions_fail_and_the_video_is_kept(path, folder, beside_a_video):
    (folder / "x.srt").write_bytes(bytes(range(256)) * 64)
    (folder / "y.srt").write_text(SRT)
    if beside_a_video:
        write_avi(folder / "x.avi", 12)
    before = Store.open(path).contents()
    done = run("index", folder, "--collection", path, "--json", code=1)
    report = json.loads(done.stdout)
    assert len(report["failed"]) == 1
    assert "x.srt" in next(iter(report["failed"]))
    after = Store.open(path).contents()
    assert after["cues"].num_rows == before["cues"].num_rows + 1
    assert ("x.avi" in after["videos"]["video"].to_pylist()) == beside_a_video


def test_a_folder_called_like_captions_is_a_folder(path, folder):
    (folder / "x.srt").mkdir()
    write_avi(folder / "x.avi", 12)
    report = json.loads(run("index", folder, "--collection", path, "--json", code=0).stdout)
    assert (report["indexed"], report["failed"]) == (1, {})


def test_garbage_among_captions_is_counted(path, folder):
    (folder / "x.srt").write_text(
        SRT + "\nthis is no time --> at all\n\n2\n00:00:05,000 --> 00:00:06,000\n\n"
    )
    report = json.loads(run("index", folder, "--collection", path, "--json", code=0).stdout)
    assert report["counts"]["cues"] == 1
    assert sum(report["rows_skipped"].values()) >= 1


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_a_bad_table_of_detections_fails_by_row_and_column(path, folder, kind):
    text, told = TABLES[kind]
    write_avi(folder / "x.avi", 12)
    (folder / "x.csv").write_text(text)
    before = Store.open(path).contents()["detections"]
    message = failed(path, folder, "x.csv")
    assert message.startswith(str(folder / "x.csv"))
    assert told in message
    assert Store.open(path).contents()["detections"].equals(before)


@pytest.mark.parametrize("kind", sorted(SEEDS))
def test_bad_seeds_label_nothing(path, tmp_path, kind):
    text, told = SEEDS[kind]
    (tmp_path / "seeds.csv").write_text(text)
    with unchanged(path):
        said = run("label", path, "--from", tmp_path / "seeds.csv", code=1).stderr
    assert said.startswith(f"vquery: {tmp_path / 'seeds.csv'}")
    assert told in said


def test_seeds_that_are_not_there(path, tmp_path):
    with unchanged(path):
        assert "no such file" in run("label", path, "--from", tmp_path / "no.csv", code=1).stderr


def test_two_seeds_that_contradict_inside_a_track(path, tmp_path):
    (tmp_path / "seeds.csv").write_text(f"detection_id,label\n{ANN},Ann\n{ANN + 2},Bob\n")
    run("label", path, "--from", tmp_path / "seeds.csv", code=0)
    with unchanged(path):
        said = run("propagate", path, code=1).stderr
    assert f"detections {ANN} and {ANN + 2} are one track" in said


@pytest.mark.parametrize("there", ["folder", "file"])
def test_an_export_folder_that_exists_is_left_alone(path, tmp_path, there):
    out = tmp_path / "out"
    if there == "folder":
        out.mkdir()
        (out / "mine.txt").write_text("keep")
    else:
        out.write_text("keep")
    run("label", path, "--where", f"detection_id == {ANN}", "--value", "Ann", code=0)
    with unchanged(path):
        assert "exists" in run("export", path, out, code=1).stderr
    assert (out / "mine.txt" if there == "folder" else out).read_text() == "keep"


def test_an_export_whose_videos_have_moved(sample, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(sample, moved)
    db = tmp_path / "x.vq"
    run("index", moved, "--collection", db, "--workers", "1", code=0)
    run("label", db, "--where", f"detection_id == {ANN}", "--value", "Ann", code=0)
    moved.rename(tmp_path / "elsewhere")
    with unchanged(db):
        assert "a.mp4" in run("export", db, tmp_path / "out", code=1).stderr
        run("export", db, tmp_path / "labels", "--no-images", code=0)
    assert not (tmp_path / "out").exists()


def test_what_is_no_collection(tmp_path):
    (tmp_path / "x.vq").write_text("not a folder")
    (tmp_path / "y.vq").mkdir()
    for name in ("x.vq", "y.vq", "z.vq"):
        assert name in run("info", tmp_path / name, code=1).stderr
    new = run("index", tmp_path, "--collection", tmp_path / "no-suffix", code=1).stderr
    assert "NAME.vq" in new


def launch(
    how: str, amount: object, path: Path, *arguments: object
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, how, str(amount), str(path), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode == MOUNTING_IS_NOT_ALLOWED:
        pytest.skip("a disk of its own takes the right to mount")
    return done


def writing(path: Path, folder: Path) -> dict[str, list[object]]:
    """Commands that write, for a collection with one label."""
    write_avi(folder / "more.avi", 30)
    run("label", path, "--where", f"detection_id == {ANN}", "--value", "Ann", code=0)
    return {
        "index": ["index", folder, "--collection", path, "--workers", "1"],
        "label": ["label", path, "--where", f"detection_id == {BOB}", "--value", "Bob"],
        "undo": ["label", path, "--undo"],
        "propagate": ["propagate", path],
        "save": ["query", path, "faces", "--save", "mine", "--count"],
    }


@pytest.mark.parametrize("what", ["index", "label", "undo", "propagate", "save"])
@pytest.mark.parametrize(
    ("how", "amount", "told"),
    [("starved", 1000, "no room on the disk"), ("read-only", 0, "cannot be written")],
    ids=["full", "read-only"],
)
def test_a_disk_that_takes_nothing(path, folder, what, how, amount, told):
    command = writing(path, folder)[what]
    with unchanged(path):
        done = launch(how, amount, path, *command)
    assert done.returncode == 1, done
    one_message(done.stderr)
    assert told in done.stderr
    assert done.stdout == ""
    assert run(*command, code=0).stdout  # with room again it is done


@pytest.mark.parametrize("what", ["index", "propagate", "save"])
@pytest.mark.parametrize("pages", [2, 10])
def test_a_disk_that_fills_up_on_the_way(path, folder, what, pages):
    command = writing(path, folder)[what]
    files = [file for file in path.rglob("*") if file.is_file()]
    used = sum(-(-file.stat().st_size // PAGE) * PAGE for file in files)
    with unchanged(path):
        done = launch("full", used + pages * PAGE, path, *command)
    assert done.returncode == 1, done
    one_message(done.stderr)  # so the contents have not changed either
    assert "no room on the disk" in done.stderr


def test_reading_from_a_read_only_disk(path):
    assert "60" in launch("read-only", 0, path, "query", path, "faces", "--count").stdout
    assert "detections: 60" in launch("read-only", 0, path, "info", path).stdout


@pytest.mark.parametrize(("how", "amount"), [("starved", 1000), ("read-only", 0)])
def test_an_export_to_a_disk_that_takes_nothing(path, folder, how, amount):
    writing(path, folder)
    with unchanged(path):
        done = launch(how, amount, path, "export", path, path / "out")
    assert done.returncode == 1
    one_message(done.stderr)
    assert "cannot be written" in done.stderr
    assert not (path / "out").exists()
