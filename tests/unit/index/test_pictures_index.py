from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vquery.errors import MediaError
from vquery.media.pictures import encode_jpeg
from vquery.schema import IDS_PER_VIDEO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vquery.index.report import IndexReport
    from vquery.store.store import Store

    Index = Callable[..., IndexReport]


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(exist_ok=True)
    image = np.full((64, 96, 3), shade, np.uint8)
    image[16:48, 32:64] = 255 - shade
    path.write_bytes(encode_jpeg(image))


def test_a_folder_of_pictures_is_a_video_whose_gaps_stay_gaps(
    index: Index, store: Store, videos: Path
) -> None:
    for number in (10, 11, 12, 40, 41):
        picture(videos / "EP" / f"{number:06d}.jpg", 100 if number < 40 else 180)
    rows = "".join(f"{n},0.3,0.2,0.7,0.8\n" for n in (10, 11, 12, 40))
    (videos / "EP.csv").write_text("frame,x1,y1,x2,y2\n" + rows)
    report = index(settings={"images_fps": "1"})
    assert report.failed == {}
    with store.snapshot() as snapshot:
        frames = snapshot.read("frames").to_pylist()
        assert [(f["frame"], f["start_us"], f["end_us"]) for f in frames] == [
            (n, n * 1_000_000, (n + 1) * 1_000_000) for n in (10, 11, 12, 40, 41)
        ]
        found = snapshot.read("detections").to_pylist()
        assert [(d["start_us"], d["end_us"]) for d in found] == [
            (n * 1_000_000, (n + 1) * 1_000_000) for n in (10, 11, 12, 40)
        ]
        assert snapshot.vectors("embedding.frame")[0].tolist() == [
            IDS_PER_VIDEO + 1 + n for n in (10, 11, 12, 40, 41)
        ]
        assert snapshot.videos()["kind"].to_pylist() == ["images"]


def test_only_pictures_and_their_rate_make_the_content(
    index: Index, store: Store, videos: Path
) -> None:
    for number in (1, 2):
        picture(videos / "EP" / f"{number}.jpg", 100)
    index(settings={"images_fps": "1"})
    (videos / "EP" / "Thumbs.db").write_bytes(b"x")
    report = index(settings={"images_fps": "1.0"})
    assert (report.unchanged, report.failed) == (1, {})
    with pytest.raises(MediaError, match="the frame rate of pictures must be a positive number"):
        index(settings={"images_fps": "often"})
    report = index(settings={"images_fps": "2"})
    assert "frame rate of a folder of pictures" in report.failed["EP"]
    picture(videos / "EP" / "3.jpg", 90)
    assert "content" in index(settings={"images_fps": "1"}).failed["EP"]


def test_a_picture_alone_is_an_instant(index: Index, store: Store, videos: Path) -> None:
    picture(videos / "a.jpg", 30)
    (videos / "a.csv").write_text("time,x1,y1,x2,y2\n0,0.3,0.2,0.7,0.8\n")
    report = index()
    assert report.failed == {}
    with store.snapshot() as snapshot:
        for name in ("frames", "shots", "detections"):
            rows = snapshot.read(name).to_pylist()
            assert [(r["start_us"], r["end_us"]) for r in rows] == [(0, 0)], name
        video = snapshot.videos().to_pylist()[0]
        assert (video["kind"], video["n_frames"], video["duration_us"]) == ("image", 1, 0)
        assert snapshot.picture("picture.detection", IDS_PER_VIDEO + 1) is not None
        assert snapshot.picture("picture.frame", IDS_PER_VIDEO + 1) is not None


def test_pictures_that_cannot_be_read_are_noted(index: Index, store: Store, videos: Path) -> None:
    for number in (1, 2, 3):
        picture(videos / "EP" / f"{number}.jpg", 100)
    (videos / "EP" / "2.jpg").write_bytes(b"no picture")
    report = index(settings={"images_fps": "1"})
    assert report.counts["frames"] == 2
    assert any("EP: 1 picture that cannot be read left out: 2.jpg" in note for note in report.notes)


@pytest.mark.data
def test_a_real_episode_at_one_frame_a_second(
    index: Index, store: Store, videos: Path, data: Path
) -> None:
    episode = min(
        (data / "tvnews_frames" / "images").iterdir(), key=lambda p: len(list(p.iterdir()))
    )
    shutil.copytree(episode, videos / episode.name)
    numbers = sorted(int(path.stem) for path in episode.glob("*.jpg"))
    report = index(settings={"images_fps": "1", "every_s": 2.0, "faces": "haar"})
    assert (report.failed, report.counts["frames"]) == ({}, len(numbers))
    with store.snapshot() as snapshot:
        starts = snapshot.read("frames")["start_us"].to_pylist()
        found = snapshot.read("detections").to_pylist()
    assert starts == [number * 1_000_000 for number in numbers]
    there = set(numbers)
    assert found
    for row in found:
        seconds = range(row["start_us"] // 1_000_000, row["end_us"] // 1_000_000)
        assert 1 <= len(seconds) <= 3
        assert all(second in there for second in seconds)


@pytest.mark.data
def test_real_portraits(index: Index, store: Store, data: Path) -> None:
    settings = {"faces": "yunet", "models": str(data / "models")}
    report = index(data / "faces", settings=settings)
    assert report.failed == {}
    assert report.detectors == {"yunet:yunet_n_640_640.onnx": 7}
    with store.snapshot() as snapshot:
        rows = snapshot.read("detections").to_pylist()
    faces = {video: sum(r["video"] == video for r in rows) for video in {r["video"] for r in rows}}
    assert faces.pop("obama_and_biden.jpg") == 3
    assert set(faces.values()) == {1}
    assert len(faces) == 6
