"""Read captions and transcripts into the tables of cues and words: of one video, or of many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import SchemaError
from vquery.index import ledger as units
from vquery.index.jobs import Outcome
from vquery.ingest.captions import read_captions
from vquery.ingest.transcripts import read_transcript

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vquery.index.ledger import Ledger
    from vquery.index.report import IndexReport
    from vquery.index.survey import Entry, File
    from vquery.ingest.result import Ingested
    from vquery.store.writer import Writer

BATCH_WORDS = 200_000
"""Words that are read before they are committed."""


def read_all(
    files: Iterable[Path], video: str, video_id: int, outcome: Outcome
) -> dict[str, pa.Table]:
    """Read the files of one video; return ``cues`` and ``words`` with ids, in order of the files.

    A file that cannot be read is told in ``outcome.unread``; the others go on.
    """
    tables: dict[str, list[pa.Table]] = {
        "cues": [schema.CUE.empty_table()],
        "words": [schema.WORD.empty_table()],
    }
    n_cues = n_words = 0
    for path in files:
        try:
            result = _read(path, video)
        except (SchemaError, OSError) as error:
            outcome.unread[str(path)] = str(error)
            continue
        cues, words = result.tables["cues"], result.tables["words"]
        cue_ids = pc.add(words["cue"], video_id * schema.IDS_PER_VIDEO + n_cues + 1)
        words = words.drop_columns(["cue"]).append_column("cue_id", cue_ids)
        tables["cues"].append(_with_ids(cues, "cue_id", video_id, n_cues, schema.CUE))
        tables["words"].append(_with_ids(words, "word_id", video_id, n_words, schema.WORD))
        n_cues, n_words = n_cues + cues.num_rows, n_words + words.num_rows
        _account(path, result, outcome)
    outcome.count("cues", n_cues)
    outcome.count("words", n_words)
    return {name: pa.concat_tables(found) for name, found in tables.items()}


def _read(path: Path, video: str) -> Ingested:
    read = read_transcript if path.suffix.lower() == ".json" else read_captions
    return read(path, video=video)


def _account(path: Path, result: Ingested, outcome: Outcome) -> None:
    outcome.read.append(str(path))
    for reason, count in result.skipped.items():
        outcome.skip(path.name, reason, count)
    for reason, count in result.suspect.items():
        outcome.doubt(path.name, reason, count)
    outcome.notes += [f"{path.name}: {note}" for note in result.notes]


def _with_ids(
    table: pa.Table, name: str, video_id: int, before: int, target: pa.Schema
) -> pa.Table:
    ids = schema.item_ids(video_id, before + 1, table.num_rows)
    return schema.conform(table.append_column(name, ids), target, what=name)


class LateCaptions:
    """Reads the captions of videos whose pictures are stored or that have none.

    Changed captions replace those before; many files go to one commit.
    """

    def __init__(self, writer: Writer, ledger: Ledger, report: IndexReport) -> None:
        self._writer = writer
        self._ledger = ledger
        self._report = report
        self._tables: dict[str, list[pa.Table]] = {"cues": [], "words": []}
        self._units: list[str] = []
        self._replaced: dict[str, str] = {}

    def read(self, entries: Iterable[Entry]) -> set[str]:
        """Bring the captions of these videos up to date; return the videos that were changed."""
        changed = {entry.video for entry in entries if entry.captions and self._read(entry)}
        self._commit()
        return changed

    def _read(self, entry: Entry) -> bool:
        if self._ledger.is_done(self._unit(entry, entry.captions)):
            return False
        outcome = Outcome(entry.video)
        paths = [file.path for file in entry.captions]
        tables = read_all(paths, entry.video, entry.video_id, outcome)
        good = [file for file in entry.captions if str(file.path) in outcome.read]
        for file in entry.captions:
            if str(file.path) in outcome.unread:
                self._report.failed[file.name] = outcome.unread[str(file.path)]
        unit = self._unit(entry, good)
        if not good or self._ledger.is_done(unit):
            return False
        self._report.add(outcome)
        for name, rows in tables.items():
            self._tables[name].append(rows)
        self._units.append(unit)
        head = f"captions/{entry.video_id}"
        if self._ledger.tails(head):
            self._replaced[head] = entry.video
        if sum(rows.num_rows for rows in self._tables["words"]) >= BATCH_WORDS:
            self._commit()
        return True

    @staticmethod
    def _unit(entry: Entry, files: Iterable[File]) -> str:
        return units.captions(entry.video_id, [(file.path.name, file.sha256) for file in files])

    def _commit(self) -> None:
        if not self._units:
            return
        parts = []
        for name, waiting in self._tables.items():
            rows = pa.concat_tables(waiting)
            if rows.num_rows:
                parts.append(self._writer.write(name, rows))
            waiting.clear()
        self._writer.commit(
            parts,
            units=self._units,
            replace={name: list(self._replaced.values()) for name in self._tables},
            forget=[f"{head}/" for head in self._replaced],
        )
        self._ledger.drop(self._replaced)
        self._ledger.add(self._units)
        self._units, self._replaced = [], {}
