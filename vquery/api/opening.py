"""``vq.open`` and ``vq.create``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.api.collection import Collection

if TYPE_CHECKING:
    from pathlib import Path


def open(path: Path | str) -> Collection:  # noqa: A001 - the field's name for it
    """Open a collection for queries, labels and indexing.

    Raises
    ------
    StoreError
        If there is no collection at ``path``, or a newer vquery made it.

    >>> open("missing.vq")
    Traceback (most recent call last):
    vquery.errors.StoreError: missing.vq...
    """
    return Collection.open(path)


def create(path: Path | str) -> Collection:
    """Make an empty collection, a folder named ``NAME.vq``.

    Raises
    ------
    StoreError
        If there is something at ``path`` already, or it cannot be written.
    """
    return Collection.create(path)
