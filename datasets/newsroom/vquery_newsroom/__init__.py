"""Renders a synthetic newsroom collection for the demo and the tests."""

from vquery_newsroom.collection import Summary, render
from vquery_newsroom.errors import NewsroomError

__all__ = ["NewsroomError", "Summary", "render"]
