"""Fixtures that every test may use."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# the same examples every time: a change is to blame for what it breaks; "thorough" draws new ones
# nothing is measured by the clock: how long drawing takes says how busy the machine is
UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", max_examples=25, derandomize=True, **UNTIMED)
settings.register_profile("thorough", max_examples=300, **UNTIMED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of real videos, captions and detections; skip when it is not there."""
    where = os.environ.get("VQUERY_DATA")
    if not where:
        pytest.skip("VQUERY_DATA does not point to the real test data")
    path = Path(where).resolve()
    if not (path / "videos").is_dir():
        pytest.fail(f"VQUERY_DATA={where}: no folder 'videos' in it")
    return path


FRAMES, RATE, WIDTH, HEIGHT, SIDE = 24, 12, 160, 120, 48
CAST = {
    # video -> for each of its two shots, who is where (left edge, top edge in pixels)
    "a.mp4": ({"Ann": (8, 40), "Bob": (100, 30)}, {"Ann": (60, 50)}),
    "b.mp4": ({"Bob": (20, 20)}, {"Cleo": (90, 60)}),
}
CAPTIONS = """1
00:00:00,200 --> 00:00:00,800
Good evening, thank you.

2
00:00:01,100 --> 00:00:01,900
GOOD NIGHT
"""


def _patterns() -> dict[str, np.ndarray]:
    """People as blotches of their own: what they look like is all that tells them apart."""
    import cv2

    rng = np.random.default_rng(7)
    found = {}
    for name in ("Ann", "Bob", "Cleo"):
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        found[name] = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return found


def _film(path: Path, shots: tuple[dict[str, tuple[int, int]], ...]) -> list[str]:
    """Write a video of two shots; return its detections as lines of CSV."""
    import cv2

    rng = np.random.default_rng(len(path.name))
    looks, lines = _patterns(), ["frame,x1,y1,x2,y2,class,score"]
    film = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, (WIDTH, HEIGHT))
    for frame in range(FRAMES):
        shot = frame * len(shots) // FRAMES
        picture = np.full((HEIGHT, WIDTH, 3), 40 + 150 * shot, np.uint8)
        for name, (left, top) in shots[shot].items():
            x, y = left + frame % 3, top
            light = rng.uniform(0.9, 1.1)
            look = np.clip(looks[name] * light, 0, 255).astype(np.uint8)
            picture[y : y + SIDE, x : x + SIDE] = look
            box = (x / WIDTH, y / HEIGHT, (x + SIDE) / WIDTH, (y + SIDE) / HEIGHT)
            lines.append(f"{frame},{','.join(f'{side:.4f}' for side in box)},face,0.9")
        film.write(picture)
    film.release()
    return lines


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of two small videos with detections and captions beside them.

    Ann is in both shots of a.mp4, Bob in the first one and in that of b.mp4, Cleo in b.mp4.
    """
    folder = tmp_path_factory.mktemp("sample") / "media"
    folder.mkdir()
    for name, shots in CAST.items():
        lines = _film(folder / name, shots)
        (folder / name).with_suffix(".csv").write_text("\n".join(lines) + "\n")
    (folder / "a.srt").write_text(CAPTIONS)
    return folder


@pytest.fixture(scope="session")
def indexed(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index the sample once; tests take a copy of it by `path`."""
    from vquery.api.collection import Collection

    made = tmp_path_factory.mktemp("indexed") / "sample.vq"
    with Collection.create(made) as db:
        report = db.index(sample, workers=1)
    assert not report.failed
    return made


@pytest.fixture
def path(indexed: Path, tmp_path: Path) -> Path:
    """Give a copy of the sample's collection, to be changed at will."""
    # Without the marks of those who read the original now, which nobody would take off the copy.
    leave = shutil.ignore_patterns("leases")
    return Path(shutil.copytree(indexed, tmp_path / "sample.vq", ignore=leave))


@pytest.fixture(scope="session")
def real_clips(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what examples/real_clips.py leaves of the real clips: a collection and an export.

    Without those in which there is hardly a face: they would take most of the time.
    """
    path = Path(__file__).parents[1] / "examples" / "real_clips.py"
    spec = importlib.util.spec_from_file_location("real_clips", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    output = tmp_path_factory.mktemp("real-clips") / "out"
    clips = output.parent / "videos"
    faceless = ("one-by-one-*.mp4", "bottle-detection.mp4", "testvideo.mp4", "fades.mp4")
    shutil.copytree(data / "videos", clips, ignore=shutil.ignore_patterns(*faceless))
    example.main(clips, output, data / "models")
    return output
