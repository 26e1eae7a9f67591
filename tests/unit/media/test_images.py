"""A folder of pictures is a video whose file names are the clock; one picture is an instant."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vquery.errors import MediaError
from vquery.media.pictures import encode_jpeg
from vquery.media.tables import frames_table
from vquery.media.video import FrameReader, probe

if TYPE_CHECKING:
    from pathlib import Path


def fill(folder: Path, names: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for shade, name in enumerate(names):
        (folder / name).write_bytes(encode_jpeg(np.full((24, 32, 3), 20 * shade, np.uint8)))
    return folder


def test_numbers_are_the_clock(tmp_path: Path):
    names = ["shot2_9.jpg", "shot2_10.jpg", "shot2_12.jpg", "shot2_0100.JPG"]
    folder = fill(tmp_path / "pictures", names)
    (folder / "notes.txt").write_text("not a picture")
    with FrameReader(folder, images_fps=Fraction(30000, 1001)) as reader:
        frames = list(reader)
    assert [frame.index for frame in frames] == [9, 10, 12, 100]
    shades = [round(float(frame.image.mean()) / 20) for frame in frames]
    assert shades == [0, 1, 2, 3]
    exact = [round(Fraction(n * 1001, 30000) * 1_000_000) for n in (9, 10, 12, 100)]
    assert reader.starts_us.tolist() == exact
    # a gap stays a gap: every picture is shown for one frame
    after = [round(Fraction(n * 1001, 30000) * 1_000_000) for n in (10, 11, 13, 101)]
    assert reader.ends_us.tolist() == after
    assert reader.end_us == after[-1]
    assert reader.warnings == []
    info = reader.info
    assert (info.kind, info.width, info.height, info.codec) == ("images", 32, 24, "jpg")
    assert (info.fps_num, info.fps_den, info.frames_hint) == (30000, 1001, 4)
    table = frames_table("pictures", reader.numbers, reader.starts_us, reader.ends_us)
    assert table["frame"].to_pylist() == [9, 10, 12, 100]


@pytest.mark.parametrize(
    ("fps", "start"), [(1, 5_000_000), (0.5, 10_000_000), ("1/60", 300_000_000)]
)
def test_slow_rates(tmp_path: Path, fps: float | str, start: int):
    folder = fill(tmp_path / "slow", ["000005.jpg"])
    with FrameReader(folder, images_fps=fps) as reader:
        assert [frame.start_us for frame in reader] == [start]
    assert probe(folder, images_fps=fps).duration_hint_us == start * 6 // 5


def test_rate_must_be_given(tmp_path: Path):
    with pytest.raises(MediaError, match="give images_fps"):
        probe(fill(tmp_path / "a", ["1.jpg"]))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([], "no pictures"),
        (["cover.jpg"], "no picture has a frame number"),
        (["a_01.jpg", "b_1.jpg"], r"a_01\.jpg and b_1\.jpg are both frame 1"),
        (["20240131235959.jpg"], "too large"),
    ],
)
def test_folders_that_cannot_be_read(tmp_path: Path, names: list[str], reason: str):
    with pytest.raises(MediaError, match=reason):
        probe(fill(tmp_path / "bad", names), images_fps=1)


def test_what_is_left_out_is_counted(tmp_path: Path):
    folder = fill(tmp_path / "mixed", ["1.jpg", "2.jpg", "3.jpg", "cover.jpg"])
    (folder / "0.jpg").write_bytes(b"")
    (folder / "2.jpg").write_text("no picture")
    with FrameReader(folder, images_fps=1) as reader:
        assert [frame.index for frame in reader] == [1, 3]
    assert reader.warnings == [
        "1 picture without a frame number in the name left out: cover.jpg",
        "2 pictures that cannot be read left out: 0.jpg, 2.jpg",
    ]
    assert reader.ends_us.tolist() == [2_000_000, 4_000_000]


def test_folder_without_one_readable_picture(tmp_path: Path):
    (tmp_path / "1.jpg").write_bytes(b"")
    with pytest.raises(MediaError, match="none of its 1 pictures can be read"):
        probe(tmp_path, images_fps=1)


def test_unwanted_pictures_are_not_opened(tmp_path: Path):
    folder = fill(tmp_path / "some", ["1.jpg", "2.jpg", "3.jpg"])
    (folder / "2.jpg").write_text("no picture")
    with FrameReader(folder, images_fps=2, wanted=lambda index, _: index != 2) as reader:
        found = [(frame.index, frame.image is None) for frame in reader]
    assert found == [(1, False), (2, True), (3, False)]
    assert reader.warnings == []


def test_one_picture_is_an_instant(tmp_path: Path):
    path = fill(tmp_path / "one", ["portrait_2024.jpg"]) / "portrait_2024.jpg"
    with FrameReader(path) as reader:
        [frame] = reader
    assert (frame.index, frame.start_us, frame.image.shape) == (0, 0, (24, 32, 3))
    assert (reader.starts_us.tolist(), reader.ends_us.tolist(), reader.end_us) == ([0], [0], 0)
    info = probe(path)
    assert (info.kind, info.width, info.height) == ("image", 32, 24)
    assert (info.frames_hint, info.duration_hint_us) == (1, 0)


@pytest.mark.data
def test_television_at_one_picture_a_second(data: Path):
    folders = sorted((data / "tvnews_frames/images").iterdir())
    seen = 0
    for folder in folders:
        with FrameReader(folder, images_fps=1, wanted=lambda *_: False) as reader:
            for frame in reader:
                assert frame.start_us == frame.index * 1_000_000
        seen += reader.n_frames
        assert (reader.ends_us - reader.starts_us == 1_000_000).all()
        assert reader.warnings == []
    assert seen == 521
