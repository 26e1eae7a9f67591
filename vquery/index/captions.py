"""Read the captions and transcripts of a video into its tables of cues and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.ingest.captions import read_captions
from vquery.ingest.transcripts import read_transcript

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vquery.index.jobs import Outcome


def read_all(
    files: Sequence[Path], video: str, video_id: int, outcome: Outcome
) -> dict[str, pa.Table]:
    """Read every file of one video; return ``cues`` and ``words`` with ids."""
    cues, words = [], []
    n_cues = n_words = 0
    for path in files:
        read = read_transcript if path.suffix.lower() == ".json" else read_captions
        result = read(path, video=video)
        mine, said = result.tables["cues"], result.tables["words"]
        cues.append(_with_ids(mine, "cue_id", video_id, n_cues))
        cue_ids = pc.add(said["cue"], video_id * schema.IDS_PER_VIDEO + n_cues + 1)
        said = said.drop_columns(["cue"]).append_column("cue_id", cue_ids)
        words.append(_with_ids(said, "word_id", video_id, n_words))
        n_cues, n_words = n_cues + mine.num_rows, n_words + said.num_rows
        for reason, count in (result.skipped | result.suspect).items():
            outcome.skipped[reason] = outcome.skipped.get(reason, 0) + count
        outcome.notes += [f"{path.name}: {note}" for note in result.notes]
    outcome.counts |= {"cues": n_cues, "words": n_words}
    return {"cues": pa.concat_tables(cues), "words": pa.concat_tables(words)}


def _with_ids(table: pa.Table, name: str, video_id: int, before: int) -> pa.Table:
    return table.append_column(name, schema.item_ids(video_id, before + 1, table.num_rows))
