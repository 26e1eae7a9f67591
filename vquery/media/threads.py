"""How many threads OpenCV may use in this process."""

from __future__ import annotations

import cv2


def use_threads(count: int) -> None:
    """Let OpenCV use at most this many threads; 0 lets it choose."""
    cv2.setNumThreads(count if count > 0 else -1)
