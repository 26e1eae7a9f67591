from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vquery.index.report import IndexReport
    from vquery.store.store import Store

    Index = Callable[..., IndexReport]


@pytest.mark.data
def test_all_real_captions_load_and_garbage_is_counted(
    index: Index, store: Store, data: Path, videos: Path
) -> None:
    shutil.copytree(data / "captions_tvnews", videos, dirs_exist_ok=True)
    report = index()
    assert (report.videos, report.indexed, report.failed) == (70, 70, {})
    assert report.counts["cues"] + sum(report.rows_skipped.values()) == 111_508
    assert report.counts["cues"] >= 111_507
    assert report.rows_suspect["only cue of its file"] == 7
    assert report.rows_suspect["cue with damaged characters"] >= 5
    with store.snapshot() as snapshot:
        cues = snapshot.read("cues")
        words = snapshot.read("words", columns=["word_id", "cue_id", "start_us", "end_us"])
    assert cues.num_rows == report.counts["cues"]
    assert len(pc.unique(cues["cue_id"])) == cues.num_rows
    assert len(pc.unique(words["word_id"])) == words.num_rows == report.counts["words"]
    assert pc.all(pc.is_in(words["cue_id"], value_set=cues["cue_id"].combine_chunks())).as_py()
    assert not (cues["start_us"].to_numpy() % 1_000_000).any()  # the files count whole seconds
    again = index()
    assert (again.indexed, again.unchanged) == (0, 70)


@pytest.mark.data
def test_real_transcripts_load(index: Index, data: Path, videos: Path) -> None:
    shutil.copytree(data / "transcripts" / "ted_kate_darling", videos, dirs_exist_ok=True)
    report = index()
    assert (report.indexed, report.failed) == (6, {})
    assert report.counts["words"] > 6 * 1400


def test_times_are_exact(index: Index, store: Store, videos: Path) -> None:
    (videos / "a.srt").write_text("1\n00:00:01,234 --> 01:02:03,456\nhello\n")
    index()
    with store.snapshot() as snapshot:
        row = snapshot.read("cues").to_pylist()[0]
    assert (row["start_us"], row["end_us"]) == (1_234_000, 3_723_456_000)
    assert (row["video"], row["source"], row["cue_id"]) == ("a.srt", "a.srt", 1_000_000_001)


def test_many_files_of_captions_take_few_commits(index: Index, store: Store, videos: Path) -> None:
    for number in range(200):
        (videos / f"{number}.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    assert index().indexed == 200
    with store.snapshot() as snapshot:
        assert len(snapshot.parts("cues")) == 1
        assert snapshot.generation <= 3
