"""``vq.open`` and ``vq.create``."""

from __future__ import annotations

from pathlib import Path

from vquery.api.collection import Collection
from vquery.errors import StoreError
from vquery.store.catalog import FILE


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


def open_or_create(path: Path | str) -> Collection:
    """Open the collection at ``path``, or make it if there is nothing, or a half-made one.

    Raises
    ------
    StoreError
        If a new one is not called ``NAME.vq``, or as for `open` and `create`.

    >>> open_or_create("missing")
    Traceback (most recent call last):
    vquery.errors.StoreError: missing: there is no collection, and a new one is called NAME.vq
    """
    path = Path(path)
    half_made = path.suffix == ".vq" and path.is_dir() and not (path / FILE).exists()
    if path.exists() and not half_made:
        return Collection.open(path)
    if path.suffix != ".vq":
        raise StoreError(f"{path}: there is no collection, and a new one is called NAME.vq")
    return Collection.create(path)
