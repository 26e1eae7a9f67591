"""A folder of small videos with captions and detections, and the command that indexes it."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FPS = 25
FRAMES = 150
CUTS = (60, 100)


def film(path: Path, seed: int) -> None:
    """Write a video of three shots in which a square wanders over blocks of colour."""
    colours = np.random.default_rng(seed)
    code = "VP80" if path.suffix == ".webm" else "MJPG"
    out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), FPS, (160, 96))
    assert out.isOpened()
    for frame in range(FRAMES):
        if frame == 0 or frame in CUTS:
            blocks = colours.integers(0, 255, (6, 10, 3)).astype(np.uint8)
            picture = cv2.resize(blocks, (160, 96), interpolation=cv2.INTER_NEAREST)
        shown = picture.copy()
        cv2.rectangle(shown, (frame, 30), (frame + 20, 60), (255, 255, 255), -1)
        out.write(shown)
    out.release()


def beside(path: Path, seed: int) -> None:
    """Write captions and the boxes of the square."""
    cues = [f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\ncue {n} of {path.name}\n" for n in range(6)]
    path.with_suffix(".srt").write_text("\n".join(cues))
    chance = random.Random(seed)
    rows = [
        f"{frame / FPS},{frame / 160},{30 / 96},{(frame + 21) / 160},{61 / 96},0.9"
        for frame in range(0, FRAMES, 2)
        if chance.random() > 0.1
    ]
    text = "\n".join(["time,x1,y1,x2,y2,score", *rows, ""])
    path.with_suffix(".boxes.csv").write_text(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six videos; one is there twice, one cannot be read."""
    root = tmp_path_factory.mktemp("videos")
    for seed in range(6):
        path = root / f"video{seed}.{'webm' if seed % 2 else 'avi'}"
        film(path, seed)
        beside(path, seed)
    (root / "twice.avi").write_bytes((root / "video0.avi").read_bytes())
    (root / "broken.mp4").write_bytes(b"no video at all")
    (root / "alone.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    return root


@pytest.fixture
def command(folder: Path) -> Callable[[Path], list[str]]:
    """The command line that indexes the folder into a collection, with two workers."""

    def build(collection: Path) -> list[str]:
        line = [sys.executable, "-m", "vquery.cli", "index", str(folder)]
        return [*line, "--collection", str(collection), "--workers", "2"]

    return build
