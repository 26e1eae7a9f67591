"""Keep OpenCV and FFmpeg from writing to stderr: what is wrong with a file is said once, by us."""

from __future__ import annotations

import os

import cv2


def silence() -> None:
    """Turn the libraries' own messages off, unless the environment asks for them.

    Set ``OPENCV_LOG_LEVEL`` or ``OPENCV_FFMPEG_LOGLEVEL`` to see them. FFmpeg's level is read
    when the process opens its first video.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
