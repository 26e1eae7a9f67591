from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vquery.errors import MediaError
from vquery.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vquery.index.report import IndexReport

    Index = Callable[..., IndexReport]
    Film = Callable[..., Path]

SRT = "1\n00:00:00,000 --> 00:00:01,000\nhello there\n"
GOOD = "time,x1,y1,x2,y2\n0,0.1,0.1,0.2,0.2\n"
BAD_TABLES = {
    "missing column": ("time,x1,y1,x2\n0,0.1,0.1,0.2\n", "'y2'"),
    "wrong type": (GOOD + "0.04,0.1,zero,0.2,0.2\n", "row 3, column 'y1'"),
    "NaN box": (GOOD + "0.04,0.1,nan,0.2,0.2\n", "row 3, column 'y1'"),
    "start > end": ("start,end,x1,y1,x2,y2\n2,1,0.1,0.1,0.2,0.2\n", "row 2"),
    "unknown video": ("video,time,x1,y1,x2,y2\nb.mp4,0,0.1,0.1,0.2,0.2\n", "no video 'b.mp4'"),
    "unknown frame": ("frame,x1,y1,x2,y2\n5000,0.1,0.1,0.2,0.2\n", "frame"),
    "inverted box": (GOOD + "0,0.5,0.1,0.2,0.2\n", "row 3, column 'x2'"),
    "nothing at all": ("", ""),
}


def stored(store: Store) -> list[str]:
    with store.snapshot() as snapshot:
        found: list[str] = snapshot.videos()["video"].to_pylist()
    return found


def no_orphans(store: Store) -> bool:
    """Whether every part file belongs to the collection."""
    with store.snapshot() as snapshot:
        live = {file for table in snapshot.tables()[2:] for file in snapshot.parts(table)}
    return set((store.path / "parts").glob("*/*")) == live


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"This is a text that somebody has renamed.\n" * 40, "not a video that can be decoded"),
        (bytes(range(256)) * 40, "not a video that can be decoded"),
    ],
)
def test_a_broken_video_fails_alone_and_may_be_replaced(
    index: Index, store: Store, videos: Path, make_film: Film, content: bytes, message: str
) -> None:
    make_film(videos / "good.avi")
    (videos / "bad.mp4").write_bytes(content)
    (videos / "bad.srt").write_text(SRT)
    report = index()
    assert list(report.failed) == ["bad.mp4"]
    assert message in report.failed["bad.mp4"]
    assert (report.indexed, stored(store)) == (1, ["good.avi"])
    make_film(videos / "bad.mp4")
    report = index()
    assert (report.failed, report.indexed, report.unchanged) == ({}, 1, 1)
    assert report.counts["cues"] == 1


def test_a_video_without_frames_fails(index: Index, videos: Path, make_film: Film) -> None:
    make_film(videos / "good.avi")
    whole = make_film(videos / "none.avi", frames=2).read_bytes()
    (videos / "none.avi").write_bytes(whole[: whole.index(b"movi") + 4])
    report = index()
    assert list(report.failed) == ["none.avi"]
    assert "no frame that can be decoded" in report.failed["none.avi"] or (
        "not a video that can be decoded" in report.failed["none.avi"]
    )


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".webm"])
def test_a_truncated_video_is_read_up_to_the_cut_with_a_note(
    index: Index, store: Store, videos: Path, make_film: Film, suffix: str
) -> None:
    path = make_film(videos / f"cut{suffix}", frames=100)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    report = index()
    if report.failed:  # the index at the end is gone
        assert "not a video that can be decoded" in report.failed[path.name]
        return
    assert 20 < report.counts["frames"] < 100
    assert any("truncated" in note for note in report.notes) or suffix == ".webm"
    with store.snapshot() as snapshot:
        assert snapshot.read("frames").num_rows == report.counts["frames"]


@pytest.mark.data
def test_real_videos_that_are_cut_off(index: Index, store: Store, videos: Path, data: Path) -> None:
    clip = (data / "videos" / "short_hamilton_clip.mp4").read_bytes()
    sign = (data / "videos" / "asl_gestures" / "again.mkv").read_bytes()
    (videos / "clip.mp4").write_bytes(clip[: len(clip) // 2])
    (videos / "sign.mkv").write_bytes(sign[: len(sign) // 2])
    report = index()
    for name in ("clip.mp4", "sign.mkv"):
        assert name in report.failed or any(
            note.startswith(f"{name}: decoded") and "truncated" in note for note in report.notes
        ), report
    assert report.videos == 2 == report.indexed + len(report.failed)


@pytest.mark.parametrize("kind", sorted(BAD_TABLES))
def test_a_broken_table_is_told_and_the_video_is_stored(
    index: Index, store: Store, videos: Path, make_film: Film, kind: str
) -> None:
    text, message = BAD_TABLES[kind]
    make_film(videos / "a.avi")
    (videos / "a.good.csv").write_text(GOOD)
    (videos / "a.bad.csv").write_text(text)
    report = index()
    assert list(report.failed) == ["a.bad.csv"]
    assert message in report.failed["a.bad.csv"]
    assert report.failed["a.bad.csv"].startswith(str(videos / "a.bad.csv"))
    assert (report.indexed, report.counts["detections"]) == (1, 1)
    assert no_orphans(store)
    again = index()
    assert (list(again.failed), again.indexed, again.unchanged) == (["a.bad.csv"], 0, 1)
    (videos / "a.bad.csv").write_text(GOOD)
    mended = index()
    assert (mended.failed, mended.indexed, mended.counts) == ({}, 1, {"detections": 1})


@pytest.mark.parametrize("beside_a_video", [True, False])
def test_unreadable_captions_are_told_and_the_rest_is_stored(
    index: Index, store: Store, videos: Path, make_film: Film, beside_a_video: bool
) -> None:
    if beside_a_video:
        make_film(videos / "a.avi")
    (videos / "a.srt").write_text(SRT)
    (videos / "a.words.json").write_text('{"words": [{"word": "x", "start": 1')
    (videos / "b.vtt").write_bytes(b"\x00\x01\x02 no captions at all")
    report = index()
    assert sorted(report.failed) == ["a.words.json", "b.vtt"]
    assert report.counts["cues"] == 1
    again = index()
    assert sorted(again.failed) == ["a.words.json", "b.vtt"]
    assert (again.indexed, again.unchanged) == (0, 1)
    (videos / "a.words.json").write_text('{"words": [{"word": "x", "start": 1, "end": 2}]}')
    (videos / "b.vtt").write_text("WEBVTT\n\n00:02.000 --> 00:03.000\nand thanks\n")
    mended = index()
    assert (mended.failed, mended.indexed) == ({}, 1 + 1)


def test_a_job_that_fails_leaves_nothing_and_the_file_may_be_replaced(
    index: Index,
    store: Store,
    videos: Path,
    make_film: Film,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from vquery.index.video import Look

    make_film(videos / "a.avi")
    make_film(videos / "b.avi", seed=1)
    shutil.copy(videos / "b.avi", videos / "c.avi")
    (videos / "b.srt").write_text(SRT)
    close = Look.close

    def broken(self: Look, reader: object) -> object:
        made = close(self, reader)  # type: ignore[arg-type]  # all is on disk when it fails
        if self.job.video == "b.avi":
            raise RuntimeError("out of luck")
        return made

    with monkeypatch.context() as patch:
        patch.setattr(Look, "close", broken)
        report = index()
    assert report.failed["b.avi"] == "RuntimeError: out of luck"
    assert "b.avi" in report.failed["c.avi"]
    assert "b.avi" not in stored(store)
    make_film(videos / "b.avi", seed=9)
    report = index()
    assert "b.avi" not in report.failed
    assert {"b.avi", "c.avi"} <= set(stored(store))


def test_a_network_that_cannot_be_opened_is_one_error(
    index: Index, store: Store, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    (videos / "net.onnx").write_bytes(b"no network")
    with pytest.raises(MediaError, match=r"net\.onnx"):
        index(settings={"embedding": str(videos / "net.onnx")})
    assert stored(store) == []


def test_weights_that_are_asked_for_and_missing_are_one_error(
    index: Index, videos: Path, make_film: Film
) -> None:
    make_film(videos / "a.avi")
    with pytest.raises(MediaError, match="vquery models get yunet"):
        index(settings={"faces": "yunet", "models": str(videos)})


FULL = """
import resource, sys
from pathlib import Path
from vquery.errors import StoreError
from vquery.index.jobs import Settings
from vquery.index.pipeline import index_folder
from vquery.store.store import Store
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    index_folder(store, Path(sys.argv[2]), Settings(faces="none"), workers=int(sys.argv[4]))
except StoreError as error:
    print(error)
    sys.exit(1)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_error_and_what_was_done_stays(
    index: Index, store: Store, videos: Path, make_film: Film, workers: int
) -> None:
    make_film(videos / "a.avi")
    index()
    for number in range(3):
        make_film(videos / f"b{number}.avi", frames=200, cuts=tuple(range(5, 200, 5)), seed=number)
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(store.path), str(videos), "100000", str(workers)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert "no room on the disk" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert stored(store) == ["a.avi"]
    report = index()
    assert (report.failed, report.indexed, report.unchanged) == ({}, 3, 1)
    assert no_orphans(store)


NOBODY = """
import os, sys, tempfile, shutil
from pathlib import Path
from vquery.errors import StoreError
from vquery.index.jobs import Settings
from vquery.index.pipeline import index_folder
from vquery.store.store import Store

here = Path(sys.argv[1])
store = Store.create(here / "c.vq")
index_folder(store, here / "videos", Settings(faces="none"), workers=1)  # imports everything
shutil.copy(here / "other.avi", here / "videos" / "b.avi")
for name in ("a.vtt", "c.avi", "d.json"):
    (here / "videos" / name).write_text("x")
    (here / "videos" / name).chmod(0)
read_only = sys.argv[2] == "read-only"
for path in (here, *here.rglob("*")):
    if path.is_dir():
        path.chmod(0o555 if read_only else 0o777)
    elif path.is_relative_to(here / "c.vq"):
        path.chmod(0o444 if read_only else 0o666)
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)  # root may do everything
try:
    report = index_folder(store, here / "videos", Settings(faces="none"), workers=1)
except StoreError as error:
    print(error)
    sys.exit(1)
print(*sorted(report.failed), report.indexed)
"""


@pytest.fixture
def open_folder(make_film: Film) -> Iterator[Path]:
    """A folder that other users can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    make_film(folder / "videos" / "a.avi")
    make_film(folder / "other.avi", seed=1)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o777)
    shutil.rmtree(folder)


def as_nobody(folder: Path, how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NOBODY, str(folder), how],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_read_only_collection_is_one_error(open_folder: Path) -> None:
    ended = as_nobody(open_folder, "read-only")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "cannot be written while" in ended.stdout
    assert stored(Store.open(open_folder / "c.vq")) == ["a.avi"]


def test_files_that_may_not_be_read_are_told(open_folder: Path) -> None:
    ended = as_nobody(open_folder, "writable")
    assert ended.stderr == ""
    assert ended.stdout.split() == ["a.vtt", "c.avi", "d.json", "1"]
