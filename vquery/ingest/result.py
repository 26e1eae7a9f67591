"""What every reader returns: tables, and an account of what did not get into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from vquery import schema

if TYPE_CHECKING:
    from collections.abc import Mapping


def _without(full: pa.Schema, *names: str) -> pa.Schema:
    return pa.schema([column for column in full if column.name not in names])


CUE_ROWS = _without(schema.CUE, "cue_id")
"""CUE before ids are given."""

WORD_ROWS = pa.schema([pa.field("cue", pa.int64()), *_without(schema.WORD, "word_id", "cue_id")])
"""WORD before ids are given; ``cue`` is the row of the word's cue in the cue table, from 0."""

DETECTION_ROWS = pa.schema(
    [*_without(schema.DETECTION, "detection_id", "shot_id"), pa.field("name", pa.string())]
)
"""DETECTION before ids are given; ``name`` is a label that came with the file, else null."""


@dataclass(frozen=True)
class Ingested:
    """The rows of one file.

    Parameters
    ----------
    tables
        By the name of the table in a collection: ``cues``, ``words``, ``detections`` ...
    skipped
        Why rows of the file are in no table, and how many.
    suspect
        Why rows look wrong although they were kept, and how many.
    notes
        Sentences for the person who started the reading.
    """

    tables: dict[str, pa.Table]
    skipped: dict[str, int] = field(default_factory=dict)
    suspect: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def n_skipped(self) -> int:
        """Count the rows that are in no table.

        >>> Ingested({}, skipped={"empty": 2, "no area": 1}).n_skipped
        3
        """
        return sum(self.skipped.values())


def counts(reasons: Mapping[str, int]) -> dict[str, int]:
    """Drop the reasons that never happened.

    >>> counts({"empty": 0, "no area": 3})
    {'no area': 3}
    """
    return {reason: int(count) for reason, count in reasons.items() if count}
