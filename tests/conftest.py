"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=300, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


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
