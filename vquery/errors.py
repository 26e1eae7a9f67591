"""Every exception that vquery raises on purpose.

::

    VQueryError
    ├── QueryError (TypeError)              a query that cannot mean anything
    │   ├── UnknownColumnError (AttributeError)
    │   └── UnknownMethodError (AttributeError)
    ├── SchemaError (ValueError)            data that breaks the rules of its table
    │   └── IngestError                     ... found while reading a file
    ├── StoreError                          the collection on disk
    │   └── LockedError                     another process is writing
    ├── MediaError                          a video or picture that cannot be read
    ├── LabelError (ValueError)             labels that contradict or hit nothing
    ├── LearnError (ValueError)             a model that cannot be trained, loaded or applied
    ├── PipelineError (ValueError)          a pipeline whose file cannot be, or that cannot be run
    ├── ExportError                         an export that cannot be written
    └── MissingDependencyError (ImportError)  an extra that is not installed

Every message says which file, row, column or argument is at fault, what was expected, and
what to do.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class VQueryError(Exception):
    """Base class of everything that vquery raises on purpose."""


class QueryError(VQueryError, TypeError):
    """A query that is misused or has the wrong types."""


class UnknownColumnError(QueryError, AttributeError):
    """A column that the relation does not have."""

    @classmethod
    def of(
        cls, name: str, columns: Iterable[str], *, where: str = "the relation"
    ) -> UnknownColumnError:
        """Name the columns that exist and the nearest spelling.

        >>> str(UnknownColumnError.of("nam", ["name", "score"], where="faces"))
        "faces has no column 'nam'. Columns: name, score. Did you mean 'name'?"
        """
        known = list(columns)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return cls(f"{where} has no column {name!r}. Columns: {', '.join(known)}.{hint}")


class UnknownMethodError(QueryError, AttributeError):
    """A method that a relation, a group or a value does not have."""


class SchemaError(VQueryError, ValueError):
    """A table that breaks the rules of its schema."""


class IngestError(SchemaError):
    """A file that cannot be read as what it should be."""

    @classmethod
    def at(
        cls, path: Path | str, problem: str, *, row: int | None = None, column: str | None = None
    ) -> IngestError:
        """Say where in which file the problem is.

        >>> str(IngestError.at("faces.csv", "expected a number, got 'abc'", row=7, column="x1"))
        "faces.csv, row 7, column 'x1': expected a number, got 'abc'"
        """
        place = [str(path)]
        if row is not None:
            place.append(f"row {row}")
        if column is not None:
            place.append(f"column {column!r}")
        return cls(f"{', '.join(place)}: {problem}")


class StoreError(VQueryError):
    """A collection on disk that cannot be opened, read or written."""


class LockedError(StoreError):
    """Another process is writing the collection; the message names it."""


class MediaError(VQueryError):
    """A video or picture that cannot be read."""


class LabelError(VQueryError, ValueError):
    """Labels that contradict each other or hit nothing."""


class LearnError(VQueryError, ValueError):
    """A model that cannot be trained, loaded or applied."""


class PipelineError(VQueryError, ValueError):
    """A pipeline whose file cannot be, or that cannot be run."""


class ExportError(VQueryError):
    """An export that cannot be written."""


class MissingDependencyError(VQueryError, ImportError):
    """A package that an optional feature needs is not installed."""
