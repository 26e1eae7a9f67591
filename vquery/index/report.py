"""What a run tells while it works, and what it says at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vquery.index.jobs import Outcome


class Progress(Protocol):
    """What a run tells while it works."""

    def planned(self, videos: int, frames: int | None) -> None:
        """Say how much there is to do; frames are None where the containers do not tell."""

    def advanced(self, video: str, done: int, announced: int | None) -> None:
        """Say how many frames of a video are done."""

    def finished(self, outcome: Outcome) -> None:
        """Say that one video is done, or why it is not."""


@dataclass
class IndexReport:
    """What a run found and did.

    Attributes
    ----------
    videos : int
        Videos that the folder holds; each is new (``indexed``), ``unchanged``, an alias or has
        failed.
    indexed, unchanged : int
        Videos of which something was stored, and videos that were complete before.
    aliases : dict
        Path → the video that has the same content.
    failed : dict
        Video, caption or detection file → why it could not be read. Another run tries again.
    skipped : dict
        Reason → files left aside.
    rows_skipped, rows_suspect : Counter
        Reason → rows left out, and rows that look wrong but were kept; the notes name the files.
    counts : Counter
        Rows made, by table.
    detectors : Counter
        Face detector → videos it was used for.
    notes : list of str
        What a person should know.
    seconds : float
        How long it took.
    """

    videos: int = 0
    indexed: int = 0
    unchanged: int = 0
    aliases: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)
    rows_skipped: Counter[str] = field(default_factory=Counter)
    rows_suspect: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    detectors: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, object]:
        """Return plain values, for JSON.

        >>> IndexReport(counts=Counter(cues=2)).to_dict()["counts"]
        {'cues': 2}
        """
        facts = dict(vars(self))
        return {k: dict(v) if isinstance(v, Counter) else v for k, v in facts.items()}

    def _repr_html_(self) -> str:
        from vquery.view.page import fragment, paragraph, table_html

        told = f"{self.videos:,} videos: {self.indexed:,} indexed, {self.unchanged:,} unchanged"
        others = (("the same as others", self.aliases), ("failed", self.failed))
        told += "".join(f", {len(found):,} {word}" for word, found in others if found)
        made = [[table, count] for table, count in self.counts.items()]
        failed = [[file, why] for file, why in self.failed.items()]
        out = [[why, count] for why, count in self.rows_skipped.items()]
        return fragment(
            paragraph(f"{told}, in {self.seconds:.1f} s"),
            table_html(["table", "rows made"], made) if made else "",
            table_html(["failed", "because"], failed) if failed else "",
            table_html(["rows left out because", "rows"], out) if out else "",
            *(paragraph(note) for note in self.notes),
        )

    def note(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def add(self, outcome: Outcome) -> None:
        """Count what one video gave."""
        self.counts.update(outcome.counts)
        self.rows_skipped.update(outcome.skipped)
        self.rows_suspect.update(outcome.suspect)
        for sentence in outcome.notes:
            self.note(f"{outcome.video}: {sentence}")
