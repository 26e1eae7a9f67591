"""Frames come in order, with the container's own times, and bad files give one clear reason."""

from __future__ import annotations

import itertools
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from vquery.errors import MediaError
from vquery.media.frames import frame_rate
from vquery.media.seeking import Seeker, of_height
from vquery.media.video import FrameReader, probe

WIDTH, HEIGHT = 64, 48


def picture(number: int) -> np.ndarray:
    """A picture that shows its number: eight stripes, the lowest bit leftmost."""
    bits = (number >> np.arange(8)) & 1
    return np.broadcast_to(np.repeat(bits * 255, 8)[:, None], (HEIGHT, WIDTH, 3)).astype(np.uint8)


def number_of(image: np.ndarray) -> int:
    bits = image.reshape(HEIGHT, 8, 8, 3).mean(axis=(0, 2, 3)) > 128
    return int((bits << np.arange(8)).sum())


def element(name: str, *content: bytes) -> bytes:
    """One EBML element with an 8-byte size."""
    body = b"".join(content)
    return bytes.fromhex(name) + struct.pack(">Q", len(body) | 1 << 56) + body


def number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def matroska(times_ms: list[int], *, duration_ms: float | None = None) -> bytes:
    """Motion JPEG in Matroska, each frame at its own millisecond: OpenCV cannot write this."""
    header = element(
        "1A45DFA3",
        element("4282", b"matroska"),
        element("4287", number(4)),
        element("4285", number(2)),
    )
    info = [
        element("2AD7B1", number(1_000_000)),
        element("4D80", b"test"),
        element("5741", b"test"),
    ]
    if duration_ms is not None:
        info.append(element("4489", struct.pack(">d", duration_ms)))
    size = element("E0", element("B0", number(WIDTH)), element("BA", number(HEIGHT)))
    track = element(
        "AE",
        element("D7", number(1)),
        element("73C5", number(1)),
        element("83", number(1)),
        element("86", b"V_MJPEG"),
        size,
    )
    clusters = []
    for index, at in enumerate(times_ms):
        jpeg = cv2.imencode(".jpg", picture(index))[1].tobytes()
        block = element("A3", b"\x81" + struct.pack(">h", 0) + b"\x80", jpeg)
        clusters.append(element("1F43B675", element("E7", number(at)), block))
    body = [element("1549A966", *info), element("1654AE6B", track), *clusters]
    return header + element("18538067", *body)


@pytest.fixture
def constant(tmp_path: Path) -> Path:
    """40 frames of MPEG-4 at 29.97 frames a second."""
    path = tmp_path / "constant.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 29.97, (WIDTH, HEIGHT))
    for index in range(40):
        writer.write(picture(index))
    writer.release()
    return path


def test_constant_rate(constant: Path):
    info = probe(constant)
    assert (info.kind, info.width, info.height, info.codec) == ("video", WIDTH, HEIGHT, "FMP4")
    assert (info.fps_num, info.fps_den, info.frames_hint) == (2997, 100, 40)
    with FrameReader(constant) as reader:
        for index, frame in enumerate(reader):
            assert frame.index == index
            assert frame.start_us == round(Fraction(index * 100, 2997) * 1_000_000)
            assert frame.image is not None
            assert frame.image.shape == (HEIGHT, WIDTH, 3)
            assert number_of(frame.image) == index
    assert reader.n_frames == 40
    assert reader.warnings == []
    assert reader.end_us == pytest.approx(4000 / 2997 * 1e6, abs=1.5)
    np.testing.assert_array_equal(reader.ends_us[:-1], reader.starts_us[1:])


@pytest.mark.parametrize("start", [0, 500])
def test_variable_rate_is_exact(tmp_path: Path, start: int):
    steps = [50] * 10 + [100, 7, 1, 333] + [33, 34] * 10 + [1000, 20, 20]
    times = np.cumsum([start, *steps])
    path = tmp_path / "variable.mkv"
    path.write_bytes(matroska(times.tolist(), duration_ms=float(times[-1] - start + 20)))
    with FrameReader(path) as reader:
        shown = [number_of(frame.image) for frame in reader]
    np.testing.assert_array_equal(reader.starts_us, (times - start) * 1000)
    assert shown == list(range(len(times)))
    assert reader.end_us == (times[-1] - start + 20) * 1000
    assert reader.warnings == []


def test_times_that_stand_still_are_spaced_and_reported(tmp_path: Path):
    path = tmp_path / "still.mkv"
    path.write_bytes(matroska([0, 40, 40, 120, 160, 160, 160, 280]))
    with FrameReader(path) as reader:
        starts = [frame.start_us for frame in reader]
    assert all(a < b for a, b in itertools.pairwise(starts))
    assert [starts[i] for i in (0, 1, 3, 4, 7)] == [0, 40_000, 120_000, 160_000, 280_000]
    assert any("3 frames without a timestamp of their own" in text for text in reader.warnings)


def test_unwanted_frames_are_passed_over(constant: Path):
    asked = []

    def wanted(index: int, start_us: int) -> bool:
        asked.append((index, start_us))
        return index % 10 == 3

    with FrameReader(constant, wanted=wanted) as reader:
        frames = list(reader)
    assert [frame.index for frame in frames if frame.image is not None] == [3, 13, 23, 33]
    assert asked == [(frame.index, frame.start_us) for frame in frames]
    assert number_of(frames[23].image) == 23
    assert reader.n_frames == 40


writes_gif = pytest.mark.skipif(not hasattr(cv2, "Animation"), reason="needs OpenCV 4.11")


@writes_gif
def test_one_frame_lasts_the_nominal_time(tmp_path: Path):
    path = tmp_path / "one.gif"
    path.write_bytes(cv2.imencode(".gif", picture(0))[1].tobytes())
    with FrameReader(path) as reader:
        assert len(list(reader)) == 1
    info = reader.info
    assert info.kind == "video"
    nominal = Fraction(info.fps_den, info.fps_num) if info.fps_num else Fraction(1, 25)
    assert reader.end_us == round(nominal * 1_000_000)


def test_truncated_video_gives_its_frames_and_a_warning(tmp_path: Path):
    whole = matroska(list(range(0, 2000, 40)), duration_ms=2000)
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with FrameReader(path) as reader:
        frames = list(reader)
    assert 25 <= len(frames) <= 31
    [warning] = reader.warnings
    assert warning == f"decoded {len(frames)} of 50 announced frames: truncated or damaged"


@writes_gif
def test_truncated_gif(tmp_path: Path):
    animation = cv2.Animation()
    noise = np.random.default_rng(0).integers(0, 255, (12, HEIGHT, WIDTH, 3), dtype=np.uint8)
    animation.frames, animation.durations = list(noise), np.full(12, 100)
    done, data = cv2.imencodeanimation(".gif", animation)
    assert done
    path = tmp_path / "cut.gif"
    path.write_bytes(data.tobytes())
    with FrameReader(path) as reader:
        assert [frame.start_us for frame in reader] == list(range(0, 1_200_000, 100_000))
    assert reader.warnings == []
    path.write_bytes(data.tobytes()[: data.size // 2])
    with FrameReader(path) as reader:
        assert 0 < len(list(reader)) < 12
    assert "cut off" in reader.warnings[0]


def bad_files(folder: Path, video: Path) -> dict[str, tuple[Path, str]]:
    contents = {
        "empty.mp4": (b"", "the file is empty"),
        "text.mp4": (b"dear diary\n" * 50, "not a video that can be decoded"),
        "list.mp4": (b"#EXTM3U\n#EXTINF:9,\nx.ts\n", "not a video that can be decoded"),
        "headless.mp4": (
            video.read_bytes()[: video.stat().st_size // 2],
            "not a video that can be decoded",
        ),
        "frameless.mkv": (matroska([]), "(not a video|no frame) that can be decoded"),
        "empty.jpg": (b"", "the file is empty"),
        "text.jpg": (b"dear diary", "not a picture"),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    bad = {name: (folder / name, reason) for name, (_, reason) in contents.items()}
    bad["missing.mp4"] = (folder / "missing.mp4", "no such file or folder")
    return bad


def test_bad_files_have_one_clear_reason(tmp_path: Path, constant: Path):
    for path, reason in bad_files(tmp_path, constant).values():
        for read in (probe, lambda path: list(FrameReader(path))):
            with pytest.raises(MediaError, match=reason) as caught:
                read(path)
            assert path.name in str(caught.value)
            assert "\n" not in str(caught.value)


def test_nothing_else_is_written_to_stderr(tmp_path: Path, constant: Path):
    whole = matroska(list(range(0, 2000, 40)), duration_ms=2000)
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    jpeg = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3)))[1]
    (tmp_path / "cut.jpg").write_bytes(jpeg.tobytes()[: jpeg.size // 2])
    png = cv2.imencode(".png", picture(1))[1]
    (tmp_path / "cut.png").write_bytes(png.tobytes()[: png.size // 2])
    bad_files(tmp_path, constant)
    code = (
        "import sys, pathlib\n"
        "from vquery.errors import MediaError\n"
        "from vquery.media.video import FrameReader\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try:\n"
        "        print(path.name, len(list(FrameReader(path))))\n"
        "    except MediaError as error:\n"
        "        print(error)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert done.stderr == ""
    assert "constant.mp4 40" in done.stdout


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), "fast", "1/0", None])
def test_frame_rate_must_be_a_positive_number(fps: object):
    with pytest.raises(MediaError, match="must be a positive number"):
        frame_rate(fps)  # type: ignore[arg-type]


@pytest.mark.parametrize("num", [24000, 30000, 48000, 60000])
def test_ntsc_rates_are_fractions(num: int):
    assert frame_rate(num / 1001) == Fraction(num, 1001)


@pytest.mark.data
def test_real_clips(data: Path):
    clips = [*data.glob("videos/**/*.mp4"), *data.glob("videos/**/*.mkv")]
    clips += data.glob("videos/**/*.gif")
    assert len(clips) == 27
    for clip in clips:
        with FrameReader(clip, wanted=lambda *_: False) as reader:
            for _ in reader:
                pass
        info = reader.info
        assert reader.warnings == [], clip
        assert reader.n_frames in (info.frames_hint, (info.frames_hint or 0) - 1), clip
        assert reader.starts_us[0] == 0
        assert (np.diff(reader.starts_us) > 0).all()
        assert reader.end_us > reader.starts_us[-1]


@pytest.mark.data
def test_real_rates_and_times(data: Path):
    info = probe(data / "videos/pyscenedetect/testvideo.mp4")
    assert (info.fps_num, info.fps_den, info.frames_hint) == (30000, 1001, 720)
    assert (info.width, info.height, info.codec) == (1280, 720, "h264")
    with FrameReader(data / "videos/bottle-detection.mp4", wanted=lambda *_: False) as reader:
        starts = [frame.start_us for frame in reader]
    assert starts == [round(Fraction(6 * n, 179) * 1_000_000) for n in range(1189)]


ORDER = [0, 7, 8, 3, 30, 29, 12, 1, 13, 0, 33]


def test_frames_are_found_by_time_in_any_order(constant: Path):
    with FrameReader(constant) as reader:
        times = [frame.start_us for frame in reader]
    with Seeker(constant) as seeker:
        assert [number_of(seeker.at(times[one], one)) for one in ORDER] == ORDER


@pytest.mark.parametrize("start", [0, 500])
def test_frames_of_a_variable_rate_are_found_by_time(tmp_path: Path, start: int):
    steps = [50] * 10 + [100, 7, 1, 333] + [33, 34] * 10 + [1000, 20, 20]
    times = np.cumsum([start, *steps])
    path = tmp_path / "variable.mkv"
    path.write_bytes(matroska(times.tolist(), duration_ms=float(times[-1] - start + 20)))
    with Seeker(path) as seeker:
        found = [number_of(seeker.at(int(times[one] - start) * 1000, one)) for one in ORDER]
    assert found == ORDER


def test_frames_without_a_time_of_their_own_are_counted(tmp_path: Path):
    path = tmp_path / "still.mkv"
    path.write_bytes(matroska([0, 40, 40, 120, 160, 160, 160, 280]))
    with FrameReader(path) as reader:
        times = [frame.start_us for frame in reader]
    with Seeker(path) as seeker:
        assert [number_of(seeker.at(times[one], one)) for one in (5, 2, 6)] == [5, 2, 6]


def test_a_frame_that_is_not_there_is_refused(constant: Path):
    with Seeker(constant) as seeker, pytest.raises(MediaError, match=r"frame 99 .* no longer"):
        seeker.at(3_300_000, 99)
    with pytest.raises(MediaError, match="no such file"):
        Seeker(constant.with_name("gone.mp4"))


def test_pictures_of_a_folder_are_found_by_number(tmp_path: Path):
    for one in (3, 5):
        cv2.imwrite(str(tmp_path / f"{one}.png"), picture(one))
    with Seeker(tmp_path, "images", "1/1") as seeker:
        assert number_of(seeker.at(5_000_000, 5)) == 5
        with pytest.raises(MediaError, match="no picture of frame 4"):
            seeker.at(4_000_000, 4)
    assert of_height(picture(1), 24).shape == (24, 32, 3)


@pytest.mark.data
@pytest.mark.parametrize("name", ["testvideo.mp4", "chaplin.mp4", "bikes.mp4", "milk.mkv"])
def test_real_frames_are_the_same_as_read_in_order(data: Path, name: str):
    path = next((data / "videos").rglob(name))
    wanted = {0, 1, 17, 40, 50}
    with FrameReader(path, wanted=lambda number, _: number in wanted) as reader:
        kept = [(one.start_us, one.index, one.image) for one in reader if one.image is not None]
    with Seeker(path) as seeker:
        for start, number, image in reversed(kept):
            np.testing.assert_array_equal(seeker.at(start, number), image)
