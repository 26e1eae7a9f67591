"""The example queries can be imported, and what they run on is read or made up once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

QUERIES = Path(__file__).parents[2] / "examples" / "queries"
sys.path.insert(0, str(QUERIES))  # the examples import each other as scripts do


@pytest.fixture(scope="session")
def news():
    """The synthetic newsroom."""
    from newsroom import newsroom

    return newsroom()


@pytest.fixture(scope="session")
def tv():
    """The made-up archive of twelve hours."""
    from archive import archive

    return archive()


@pytest.fixture(scope="session")
def captions(data):
    """The captions of 70 real programmes."""
    import loaders

    return loaders.captions(data)
