"""What indexing costs beside a bare loop over the frames, and beside loop and face detector.

Run with ``make bench``; it needs the real clips (``VQUERY_DATA``). One process and one thread for
both sides; processor time, the least of pairs run in turn, so that other work on the machine
counts little.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import cv2
import pytest

from vquery.index.jobs import Job, Settings
from vquery.index.video import Look, open_describer, open_detector
from vquery.media.video import FrameReader, probe
from vquery.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vquery.media.faces import FaceDetector

pytestmark = pytest.mark.data

CLIPS = (
    "short_hamilton_clip.mp4",
    "pyscenedetect/testvideo.mp4",
    "one-by-one-person-detection.mp4",
)
MOST_WITHOUT_FACES = 2.5
MOST_WITH_FACES = 1.2
PAIRS = 3


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


def loop(path: Path, detector: FaceDetector | None, step: int) -> None:
    """Read a video, and detect faces in every ``step``-th frame."""
    capture = cv2.VideoCapture(str(path))
    number = 0
    while True:
        done, image = capture.read()
        if not done:
            break
        if detector is not None and number % step == 0:
            detector.detect(image)
        number += 1
    capture.release()


def look(path: Path, root: Path, detector: FaceDetector | None, step: int) -> None:
    """Index a video up to the parts that would be committed."""
    info = probe(path)
    every = 0.0 if step == 1 else step * info.fps_den / info.fps_num
    settings = Settings(every_s=every)
    job = Job(str(root), path.name, 1, str(path), "video", settings)
    with FrameReader(path) as reader:
        pass_over = Look(job, detector, open_describer(settings))
        pass_over.run(reader)
        pass_over.close(reader)


def seconds(work: Callable[..., None], *arguments: Any) -> float:
    began = time.process_time()
    work(*arguments)
    return time.process_time() - began


def measure(
    paths: list[Path], root: Path, detector: FaceDetector | None, step: int
) -> dict[str, tuple[float, float]]:
    """Return the seconds of loop and of indexing, by clip."""
    found = {}
    for path in paths:
        pairs = [
            (seconds(loop, path, detector, step), seconds(look, path, root, detector, step))
            for _ in range(PAIRS)
        ]
        found[path.name] = (min(bare for bare, _ in pairs), min(full for _, full in pairs))
    return found


def report(benchmark: Any, found: dict[str, tuple[float, float]]) -> float:
    """Keep the figures with the benchmark; return the ratio over all clips."""
    bare, full = (sum(column) for column in zip(*found.values(), strict=True))
    for name, (before, after) in found.items():
        benchmark.extra_info[name] = f"{after:.3f} s / {before:.3f} s = {after / before:.2f}"
    benchmark.extra_info["all"] = f"{full:.3f} s / {bare:.3f} s = {full / bare:.2f}"
    print("", *(f"{name}: {said}" for name, said in benchmark.extra_info.items()), sep="\n  ")
    return full / bare


@pytest.fixture
def clips(data: Path) -> list[Path]:
    return [data / "videos" / name for name in CLIPS]


def test_frames_shots_thumbnails_and_descriptors(
    benchmark: Any, clips: list[Path], tmp_path: Path
) -> None:
    root = Store.create(tmp_path / "c.vq").path
    found = benchmark.pedantic(measure, (clips, root, None, 1), rounds=1)
    assert report(benchmark, found) <= MOST_WITHOUT_FACES


@pytest.mark.parametrize("step", [1, 3])
def test_with_faces(
    benchmark: Any, clips: list[Path], data: Path, tmp_path: Path, step: int
) -> None:
    root = Store.create(tmp_path / "c.vq").path
    detector = open_detector(Settings(models=str(data / "models")))
    assert detector is not None
    paths = clips[:1] if step == 1 else clips  # every frame of them all takes minutes
    found = benchmark.pedantic(measure, (paths, root, detector, step), rounds=1)
    assert report(benchmark, found) <= MOST_WITH_FACES
