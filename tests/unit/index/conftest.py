"""Small videos, and indexing them into a fresh collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from vquery.index.jobs import Settings
from vquery.index.pipeline import index_folder
from vquery.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vquery.index.report import IndexReport

FPS = 25


def film(path: Path, frames: int = 30, cuts: tuple[int, ...] = (), seed: int = 0) -> Path:
    """Write a video of blocky pictures: a new one at each cut, a square that wanders over it."""
    random = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    code = {".avi": "MJPG", ".webm": "VP80", ".mkv": "MJPG", ".mp4": "mp4v"}[path.suffix]
    out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), FPS, (96, 64))
    assert out.isOpened()
    for frame in range(frames):
        if frame == 0 or frame in cuts:
            blocks = random.integers(0, 255, (4, 6, 3)).astype(np.uint8)
            picture = cv2.resize(blocks, (96, 64), interpolation=cv2.INTER_NEAREST)
        shown = picture.copy()
        cv2.rectangle(shown, (frame % 80, 20), (frame % 80 + 12, 32), (255, 255, 255), -1)
        out.write(shown)
    out.release()
    return path


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """The folder to be indexed."""
    folder = tmp_path / "videos"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "collection.vq")


@pytest.fixture
def index(store: Store, videos: Path) -> Callable[..., IndexReport]:
    """Index the folder without looking for faces, in this process."""

    def run(root: Path | None = None, *, workers: int = 1, **options: Any) -> IndexReport:
        settings = Settings(**{"faces": "none", **options.pop("settings", {})})
        return index_folder(store, root or videos, settings, workers=workers, **options)

    return run


@pytest.fixture
def make_film() -> Callable[..., Path]:
    return film
