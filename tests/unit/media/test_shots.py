"""Cuts, fades and dissolves are found where they are; motion, light and flashes are none."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vquery.errors import MediaError
from vquery.media.shots import WEIGHTS, ShotDetector, Transition, find_transitions, grid_of
from vquery.media.shots_cuts import find_cuts
from vquery.media.tables import boundary_frame, frames_table, shots_table, transitions_table
from vquery.media.video import FrameReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SIZE = (72, 128)


def scene(seed: int) -> np.ndarray:
    """A still with large and small structure and no likeness to other seeds, float 0..255."""
    rng = np.random.default_rng(seed)
    layers = []
    for cells in (4, 9, 36):
        noise = rng.random((cells, cells * 2, 3)).astype(np.float32)
        layers.append(cv2.resize(noise, SIZE[::-1], interpolation=cv2.INTER_CUBIC))
    mixed = 0.6 * layers[0] + 0.25 * layers[1] + 0.15 * layers[2]
    return np.clip((mixed - 0.5) * 420 + 128, 0, 255)


def moving(seed: int, frames: int, speed: float = 0.4) -> np.ndarray:
    """A scene with an object that walks through it and a little noise."""
    rng = np.random.default_rng(seed)
    video = np.repeat(scene(seed)[None], frames, axis=0)
    colour = rng.integers(0, 255, 3)
    for index in range(frames):
        left = int(10 + speed * index)
        video[index, 20:60, left : left + 12] = colour
    return np.clip(video + rng.normal(0, 3, video.shape), 0, 255)


def dissolve(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Blend two equally long videos linearly."""
    share = np.arange(1, len(before) + 1) / (len(before) + 1)
    share = share[:, None, None, None]
    return (1 - share) * before + share * after


def detect(video: np.ndarray | Sequence[np.ndarray], fps: float = 25) -> list[Transition]:
    shots = ShotDetector()
    for index, image in enumerate(video):
        picture = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        shots.push(index, round(index / fps * 1e6), picture)
    shots.finish()
    return shots.transitions


def test_a_cut_is_the_first_frame_of_the_new_shot():
    video = np.concatenate([moving(1, 40), moving(2, 30), moving(3, 50)])
    assert detect(video) == [
        Transition("cut", 40, 40, 1_600_000, 1_600_000),
        Transition("cut", 70, 70, 2_800_000, 2_800_000),
    ]


@pytest.mark.parametrize("fps", [6, 10, 12.5, 24, 30, 60, 120])
def test_any_frame_rate(fps: float):
    cut, length = round(3 * fps), round(fps)
    before, after = moving(4, cut, 4 / fps), moving(5, cut + length, 4 / fps)
    into = moving(6, cut + length, 4 / fps)
    blend = dissolve(after[cut:], into[:length])
    found = detect(np.concatenate([before, after[:cut], blend, into[length:]]), fps)
    assert [(t.kind, t.first_frame) for t in found][:1] == [("cut", cut)]
    [gradual] = found[1:]
    assert gradual.kind == "gradual"
    assert abs(gradual.first_frame - 2 * cut) <= max(2, 0.12 * fps)
    assert abs(gradual.last_frame - (2 * cut + length - 1)) <= max(2, 0.12 * fps)


@given(
    st.integers(0, 10_000),
    st.floats(12, 60),
    st.floats(0.3, 1.4),
    st.lists(st.floats(0.4, 3), min_size=2, max_size=2),
)
@settings(max_examples=20)
def test_dissolves_between_stills(seed: int, fps: float, seconds: float, holds: list[float]):
    length = round(seconds * fps)
    a, b = (round(hold * fps) for hold in holds)
    first, second = scene(seed)[None], scene(seed + 1)[None]
    blend = dissolve(np.repeat(first, length, 0), np.repeat(second, length, 0))
    video = np.concatenate([np.repeat(first, a, 0), blend, np.repeat(second, b, 0)])
    [found] = detect(video, fps)
    assert found.kind == "gradual"
    assert abs(found.first_frame - a) <= max(1, 0.05 * fps)
    assert abs(found.last_frame - (a + length - 1)) <= max(1, 0.05 * fps)
    assert found.start_us == round(found.first_frame / fps * 1e6)
    assert found.end_us == pytest.approx((found.last_frame + 1) / fps * 1e6, abs=2)


@pytest.mark.parametrize("shade", [0, 128, 255])
@pytest.mark.parametrize("seconds", [0.4, 0.8, 1.5])
def test_fades_from_and_to_a_plain_picture(shade: int, seconds: float):
    length = round(25 * seconds)
    one, two = moving(7, 40 + length), moving(8, 40 + length)
    plain = np.full((length, *SIZE, 3), shade, float)
    out, back = dissolve(one[40:], plain), dissolve(plain, two[:length])
    hold = np.full((30, *SIZE, 3), shade, float)
    found = detect(np.concatenate([one[:40], out, hold, back, two[length:]]))
    assert [t.kind for t in found] == ["gradual", "gradual"]
    for transition, start in zip(found, (40, 70 + length), strict=True):
        assert abs(transition.first_frame - start) <= 3
        assert abs(transition.last_frame - (start + length - 1)) <= 3
    through = detect(np.concatenate([one[:40], out, hold[:3], back, two[length:]]))
    assert [t.kind for t in through] == ["gradual"], "fade out and in at once is one transition"
    assert abs(boundary_frame(through[0]) - (41 + length)) <= 3


def test_no_transition_in_plain_colours():
    grey = 127.5 * (1 - np.cos(np.arange(200) / 25 * np.pi))
    assert detect(np.broadcast_to(grey[:, None, None, None], (200, *SIZE, 3))) == []


@pytest.mark.parametrize(("low", "high", "seconds"), [(1, 0.5, 1), (0.6, 1.5, 0.6), (1, 0.3, 0.8)])
def test_a_drift_of_exposure_is_no_transition(low: float, high: float, seconds: float):
    video = moving(9, 100)
    gain = np.interp(np.arange(100) / 25, [1, 1 + seconds], [low, high])
    assert detect(video * gain[:, None, None, None]) == []
    gamma = np.interp(np.arange(100) / 25, [1, 1 + seconds], [1, 0.5])[:, None, None, None]
    assert detect(255 * (video / 255) ** gamma) == []


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_a_flash_is_no_cut(frames: int):
    video = moving(10, 80)
    video[40 : 40 + frames] = video[40 : 40 + frames] * 0.4 + 150
    assert detect(video) == []


def test_a_lost_frame_is_no_cut():
    video = moving(11, 80)
    video[40] = 0
    video[60] = video[59]
    assert detect(video) == []


def test_a_cut_with_one_mixed_frame():
    one, two = moving(12, 40), moving(13, 40)
    video = np.concatenate([one, (one[-1:] + two[:1]) / 2, two])
    [found] = detect(video)
    assert found.kind == "cut"
    assert found.first_frame in (40, 41)


@pytest.mark.parametrize("speed", [0.3, 0.8, 2.0])
def test_pans_are_no_transitions(speed: float):
    wide = cv2.resize(scene(14), (640, 180), interpolation=cv2.INTER_CUBIC)
    starts = [round(10 + speed * index) for index in range(120)]
    assert detect([wide[50:122, left : left + 128] for left in starts]) == []


def test_zooms_are_no_transitions():
    large = cv2.resize(scene(15), (640, 360), interpolation=cv2.INTER_CUBIC)
    video = []
    for index in range(120):
        wide, high = round(640 - 2.6 * index), round(360 - 1.46 * index)
        left, top = (640 - wide) // 2, (360 - high) // 2
        part = large[top : top + high, left : left + wide]
        video.append(cv2.resize(part, SIZE[::-1], interpolation=cv2.INTER_AREA))
    assert detect(video) == []


def windowed(video: np.ndarray, times_us: np.ndarray) -> list[tuple[int, int]]:
    """Look at the whole video at once: the reference for streaming."""
    looked = [grid_of(image) for image in video]
    grids = np.array([grid for grid, _ in looked], np.float32).reshape(len(video), -1) * WEIGHTS
    return find_transitions(times_us, grids, [small for _, small in looked])


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(12, 90)), min_size=1, max_size=7),
    st.lists(st.integers(0, 40), min_size=7, max_size=7),
    st.sampled_from([10, 25, 50]),
)
@settings(max_examples=12)
def test_streaming_finds_what_the_whole_video_shows(
    shots: list[tuple[int, int]], blends: list[int], fps: int
):
    parts = [np.repeat(scene(seed)[None], length, 0) for seed, length in shots]
    video = parts[0]
    for part, length in zip(parts[1:], blends, strict=False):
        length = min(length, len(video), len(part))
        blend = dissolve(video[len(video) - length :], part[:length])
        video = np.concatenate([video[: len(video) - length], blend, part[length:]])
    video = np.rint(video).astype(np.uint8)
    times = np.arange(len(video)) * 1_000_000 // fps
    streaming = ShotDetector()
    for index, image in enumerate(video):
        streaming.push(index, int(times[index]), image)
        settled = [t for t in streaming.transitions if t.start_us < streaming.settled_us]
        assert len(settled) == len(streaming.transitions)
        assert len(streaming._times) <= 6.5 * fps + 16
    streaming.finish()
    found = [(t.first_frame, t.last_frame) for t in streaming.transitions]
    whole = windowed(video, times)
    assert len(found) == len(whole)
    assert np.abs(np.array(found) - np.array(whole)).max(initial=0) <= 2


def reference_cuts(seconds: Sequence[float], values: Sequence[float]) -> list[int]:
    """The rule for single steps, word by word, where no two cuts are near and no frame mixes."""
    steps = [0.0, *(abs(b - a) for a, b in itertools.pairwise(values))]
    found = []
    for row in range(1, len(values)):
        spacing = seconds[row] - seconds[row - 1]
        reach, least = max(0.25, 3.5 * spacing), 4 * max(1, 15 * spacing)
        others = [
            steps[other]
            for other in range(1, len(values))
            if other != row and abs(seconds[other] - seconds[row]) <= reach + 1e-9
        ]
        if steps[row] >= least and steps[row] >= 1.5 * max(others, default=0) + 0.5:
            found.append(row)
    return found


@given(st.lists(st.integers(0, 30), max_size=60), st.sampled_from([6.0, 10.0, 25.0, 60.0]))
def test_cuts_agree_with_the_rule(walk: list[int], fps: float):
    # alternating signs: no frame lies between its neighbours, so none counts as mixed
    values = np.cumsum([step * (-1) ** index for index, step in enumerate(walk)])
    seconds = np.arange(len(walk)) / fps
    found = find_cuts(seconds, values.astype(np.float32).reshape(-1, 1))
    assert found == reference_cuts(seconds.tolist(), values.tolist())


def test_settled_time_lags_by_seconds_only():
    shots = ShotDetector()
    for index in range(500):
        image = scene(index // 100).astype(np.uint8)
        shots.push(index, index * 40_000, image)
        assert index * 40_000 - shots.settled_us <= 4_100_000
        expected = (shots.settled_us - 1) // 4_000_000
        assert len(shots.transitions) == max(expected, 0)
    shots.finish()
    assert shots.settled_us == 499 * 40_000 + 1
    assert [t.first_frame for t in shots.transitions] == [100, 200, 300, 400]


def test_nothing_and_one_frame():
    shots = ShotDetector()
    shots.finish()
    assert shots.transitions == []
    shots = ShotDetector()
    shots.push(0, 0, scene(0).astype(np.uint8))
    shots.finish()
    assert shots.transitions == []
    assert shots.settled_us == 1


def test_time_must_increase():
    shots = ShotDetector()
    shots.push(0, 40, scene(0).astype(np.uint8))
    with pytest.raises(MediaError, match="frame 1 at 40 us must come after"):
        shots.push(1, 40, scene(0).astype(np.uint8))


def sparse(seeds: Iterable[tuple[int, int]]) -> list[int]:
    """Push one picture a second, ``(second, scene)``; return the seconds that open a shot."""
    shots = ShotDetector()
    rng = np.random.default_rng(0)
    for second, seed in seeds:
        image = np.clip(scene(seed) + rng.normal(0, 3, (*SIZE, 3)), 0, 255)
        shots.push(second, second * 1_000_000, image.astype(np.uint8))
    shots.finish()
    assert all(t.kind == "cut" for t in shots.transitions)
    return [t.first_frame for t in shots.transitions]


def test_pictures_a_second_apart():
    assert sparse([(n, n // 6) for n in range(30)]) == [6, 12, 18, 24]
    assert sparse([(n, 1) for n in range(30)]) == []
    odd = sparse([(n, 2 if n == 10 else 1) for n in range(20)])
    assert odd == [], "one odd picture opens no shot"
    one = sparse([(n, 1 + (n >= 10) + (n >= 11)) for n in range(20)])
    assert one == [10, 11], "a shot of one picture between two others is one"


def test_a_gap_alone_is_no_cut():
    seconds = [*range(10), *range(300, 310), *range(1000, 1010)]
    assert sparse([(second, 1) for second in seconds]) == []
    assert sparse([(second, int(second >= 300)) for second in seconds]) == [300]


def test_tables():
    frames = frames_table("a/b.mp4", range(100), [n * 40_000 for n in range(100)], 4_000_000)
    found = [
        Transition("cut", 20, 20, 800_000, 800_000),
        Transition("gradual", 50, 60, 2_000_000, 2_440_000),
    ]
    shots = shots_table("a/b.mp4", found, frames, video_id=3)
    assert shots.to_pylist() == [
        {"video": "a/b.mp4", "start_us": start, "end_us": end, "shot_id": 3_000_000_000 + n}
        | {"first_frame": start // 40_000, "opens_with": opens}
        for n, start, end, opens in [
            (1, 0, 800_000, "start"),
            (2, 800_000, 2_200_000, "cut"),
            (3, 2_200_000, 4_000_000, "gradual"),
        ]
    ]
    assert transitions_table("a/b.mp4", found)["kind"].to_pylist() == ["cut", "gradual"]
    assert transitions_table("a/b.mp4", []).num_rows == 0
    empty = frames_table("a", [], [], 0)
    assert shots_table("a", [], empty, video_id=1).num_rows == 0
    assert shots_table("a", [], frames, video_id=1)["end_us"].to_pylist() == [4_000_000]


def test_shots_of_a_folder_with_gaps():
    numbers = [5, 6, 20, 21]
    starts = [n * 1_000_000 for n in numbers]
    frames = frames_table("f", numbers, starts, [start + 1_000_000 for start in starts])
    cut = Transition("cut", 20, 20, 20_000_000, 20_000_000)
    shots = shots_table("f", [cut], frames, video_id=1)
    assert shots["start_us"].to_pylist() == [5_000_000, 20_000_000]
    assert shots["end_us"].to_pylist() == [20_000_000, 22_000_000]


def truth(data: Path) -> dict[str, tuple[list[int], list[list[int]]]]:
    known = json.loads((data / "videos/shots_ground_truth.json").read_text())["videos"]
    return {name: (facts["cuts"], facts["gradual"]) for name, facts in known.items()}


UNDECIDED = {"pyscenedetect/fades.mp4": (84, 167)}
"""The darkest points of grey ramps: neither a hit nor a false alarm."""


@pytest.mark.data
def test_real_clips(data: Path):
    """Every cut within a frame, every gradual transition within ten, and nothing else."""
    known = truth(data)
    clips = sorted(
        path for kind in ("mp4", "mkv", "gif") for path in data.glob(f"videos/**/*.{kind}")
    )
    assert len(clips) == 27
    missed = []
    for clip in clips:
        name = clip.relative_to(data / "videos").as_posix()
        cuts, gradual = known.get(name, ([], []))
        every, even, odd = ShotDetector(), ShotDetector(), ShotDetector()
        with FrameReader(clip) as reader:
            for frame in reader:
                for shots in (every, odd if frame.index % 2 else even):
                    shots.push(frame.index, frame.start_us, frame.image)
        for shots, tolerance in ((every, 1), (even, 2), (odd, 2)):
            shots.finish()
            found = [
                t
                for t in shots.transitions
                if not any(abs(t.first_frame - at) <= 5 for at in UNDECIDED.get(name, ()))
            ]
            hard = [t.first_frame for t in found if t.kind == "cut"]
            hits = [cut for cut in cuts if any(0 <= at - cut < tolerance for at in hard)]
            if shots is every:
                hits = [cut for cut in cuts if any(abs(at - cut) <= 1 for at in hard)]
                assert hits == cuts, name
            missed += [(name, cut) for cut in cuts if cut not in hits]
            assert len(hard) == len(hits), f"{name}: false alarms in {hard}"
            soft = [(t.first_frame, t.last_frame) for t in found if t.kind == "gradual"]
            assert len(soft) == len(gradual), name
            assert np.abs(np.array(soft) - np.array(gradual)).max(initial=0) <= 10, name
    assert len(missed) <= 1, missed


@pytest.mark.data
def test_shots_of_television_pictures(data: Path):
    """One picture a second, with gaps: a new layout opens a shot, a new line of text does not."""
    folder = data / "tvnews_frames/images/CNNW_20220425_050000_CNN_Newsroom_Live"
    shots = ShotDetector()
    with FrameReader(folder, images_fps=1) as reader:
        for frame in reader:
            shots.push(frame.index, frame.start_us, frame.image)
    shots.finish()
    assert [t.first_frame for t in shots.transitions] == [496, 509, 956]
