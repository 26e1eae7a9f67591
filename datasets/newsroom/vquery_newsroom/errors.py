"""What can go wrong on purpose."""

from __future__ import annotations


class NewsroomError(RuntimeError):
    """The collection cannot be rendered: the folder, or the video encoder."""
