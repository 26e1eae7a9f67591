"""Trials: a pipeline with other values, on a copy of the collection that lacks some labels."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.correcting import TABLE as CORRECTIONS
from vquery.api.propagation import keeping
from vquery.pipeline import running
from vquery.pipeline.making import concept_of, steps_of
from vquery.pipeline.quality import NOTHING, Judged, Truth, judge
from vquery.pipeline.state import FOLDER, State
from vquery.schema import IDS_PER_VIDEO
from vquery.store.catalog import FILE as CATALOG
from vquery.store.lock import LEASES, LOCK
from vquery.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from vquery.pipeline.pipeline import Pipeline
    from vquery.pipeline.steps.base import Step

PREFIX = "trial-"
SHARED = ("parts", "cache")
"""Folders whose files never change: a copy of the collection has the same files."""
TRIED = ("embed ", "relation ", "propagate ", "fuse ", "train ", "predict ")
FOLDS = 2
WHO = "trial"


class Trials:
    """Runs a pipeline with given values and judges it by labels that it was not shown.

    The labels of half of the videos are taken away in a copy of the collection, the pipeline runs
    on the videos of the trial with the other half, and the reverse.

    Parameters
    ----------
    pipeline, concept, metric
        What is run, and which labels are judged how.
    """

    def __init__(
        self, pipeline: Pipeline, concept: str, metric: str, say: Callable[[str], None]
    ) -> None:
        self.pipeline, self.concept, self.metric, self.say = pipeline, concept, metric, say
        self._copies: dict[tuple[Any, ...], Path] = {}
        sweep(pipeline.path)
        (pipeline.path / FOLDER).mkdir(exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=pipeline.path / FOLDER)

    def close(self) -> None:
        """Remove the copies."""
        self._folder.cleanup()

    def score(self, values: Mapping[str, Any], videos: Sequence[str]) -> float | None:
        """Judge values on some videos, each by the labels of the others."""
        return self.judged(values, videos).value(self.metric)

    def judged(self, values: Mapping[str, Any], videos: Sequence[str]) -> Judged:
        """Run on some videos, in turn without the labels of a part of them."""
        number = min(FOLDS, len(videos))
        parts = [list(videos[fold::number]) for fold in range(number)]
        found = NOTHING
        for part in parts:
            rest = [one for one in videos if one not in part]
            found = found.plus(self.hidden(values, rest, part))
        return found

    def hidden(
        self, values: Mapping[str, Any], shown: Sequence[str], judged: Sequence[str]
    ) -> Judged:
        """Run with the labels of ``shown`` videos, on these and on ``judged`` ones; judge those."""
        path = self._copy(tuple(shown), tuple(judged))
        world = self.pipeline.world(path, self.say)
        world.videos = (*shown, *judged)
        try:
            steps = steps_of(self.pipeline.chosen(values), self.pipeline.where)
            running.run([one for one in steps if one.name in self._tried(steps)], world)
            truth = labels_in(Store.open(self.pipeline.path), self.concept, judged)
            return judge(world.db, self.concept, truth)
        finally:
            world.close()

    def _tried(self, steps: Sequence[Step]) -> set[str]:
        """Name the steps that the labels of the concept come from."""
        there = {one.name: one for one in steps if one.name.startswith(TRIED)}
        found = {one for one in there if one.split(" ", 1)[1] == self.concept}
        while True:
            more = {need for one in found for need in there[one].needs if need in there} - found
            if not more:
                return found
            found |= more

    def _made(self) -> list[str]:
        tasks = self.pipeline.chosen({}).get("tasks", {})
        return [concept_of(name, one) for name, one in tasks.items()]

    def _copy(self, shown: tuple[str, ...], judged: tuple[str, ...]) -> Path:
        key = (shown, judged)
        if key not in self._copies:
            path = Path(self._folder.name) / f"{len(self._copies)}.vq"
            copy(self.pipeline.path, path)
            hide(Store.open(path), self.concept, shown, self._made())
            self._copies[key] = path
        return self._copies[key]


def sweep(collection: Path) -> None:
    """Remove copies that a killed search left behind."""
    for old in (collection / FOLDER).glob(f"{PREFIX}*"):
        shutil.rmtree(old, ignore_errors=True)


def copy(collection: Path, path: Path) -> None:
    """Copy a collection; what never changes is shared with it and takes no room."""
    path.mkdir()
    with Store.open(collection).snapshot():  # keeps the files that the catalog names
        _copy_all(collection, path)
    state = State(path)
    known = State(collection)
    state.files = known.files
    state.steps = {name: one for name, one in known.steps.items() if name.startswith(TRIED[:2])}
    state.write()


def _copy_all(collection: Path, path: Path) -> None:
    source = sqlite3.connect(f"file:{collection / CATALOG}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(path / CATALOG)) as target:
        source.backup(target)
    for one in collection.iterdir():
        if one.name in SHARED:
            shutil.copytree(one, path / one.name, copy_function=_link)
        elif one.is_dir() and one.name not in (LEASES, FOLDER):
            shutil.copytree(one, path / one.name)
    (path / LEASES).mkdir()
    (path / LOCK).touch()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:  # of a writer at work, or older than the catalog
        return
    except OSError:  # a disk that cannot
        shutil.copyfile(source, target)


def hide(store: Store, concept: str, shown: Sequence[str], made: Collection[str] = ()) -> None:
    """Take away what people said of a concept but in some videos, and all that was made of it.

    Labels that were propagated, fused or predicted are of all videos, and so would show what is
    hidden: none are left of the concept, nor of ``made``. Corrections, such as those of
    `vquery.consistent`, were found with all labels in sight: none are left in force.
    """
    known = labels_in(store, concept, None)
    kept = labels_in(store, concept, shown)
    _end_rejections(store, concept, shown)
    ids = sorted(set(known.detections) - set(kept.detections))
    if ids:
        store.unlabel(ids, concept, who=WHO)
    spans = known.spans
    if spans is not None and spans.num_rows:
        gone = spans.filter(pc.invert(_of(spans, shown)))
        if gone.num_rows:
            store.unlabel_spans(gone.select(["video", "start_us", "end_us"]), concept, who=WHO)
    _drop_made(store, {concept, *made})


def _end_rejections(store: Store, concept: str, shown: Sequence[str]) -> None:
    """End rejections in the other videos: a label and taking it back again does."""
    refused = store.rejected(concept)
    refused = refused.filter(pc.invert(_in_videos(store, refused, shown)))
    labelled = set(store.labels(concept)["detection_id"].to_pylist())
    for label in pc.unique(refused["label"]).to_pylist():
        ids = refused.filter(pc.equal(refused["label"], label))["detection_id"].to_pylist()
        store.label(ids, concept, label, who=WHO)
        back = sorted(set(ids) - labelled)
        if back:
            store.unlabel(back, concept, who=WHO)


def _drop_made(store: Store, concepts: set[str]) -> None:
    names = [name for shelf in keeping.SHELVES for name in (shelf.now, shelf.before)]
    own = pa.array(sorted(concepts), pa.string())
    with store.writer("trial", {"concepts": sorted(concepts)}) as writer:
        with store.snapshot() as now:
            tables = {name: now.read(name) for name in names}
        left = {
            name: rows.filter(pc.invert(pc.is_in(rows["concept"], value_set=own)))
            for name, rows in tables.items()
        }
        parts = [writer.write(name, rows) for name, rows in left.items() if rows.num_rows]
        writer.commit(parts, units=[], replace=dict.fromkeys((*names, CORRECTIONS)))


def labels_in(store: Store, concept: str, videos: Sequence[str] | None) -> Truth:
    """Read what people said of a concept in some videos, or in all."""
    seeds, spans = store.labels(concept), store.span_labels(concept)
    if videos is not None:
        seeds = seeds.filter(_in_videos(store, seeds, videos))
        spans = spans.filter(_of(spans, videos))
    said = zip(seeds["detection_id"].to_pylist(), seeds["label"].to_pylist(), strict=True)
    return Truth(dict(said), spans)


def _in_videos(store: Store, rows: pa.Table, videos: Sequence[str]) -> pa.ChunkedArray:
    with store.snapshot() as snapshot:
        table = snapshot.videos()
    numbers = table.filter(_of(table, videos))["video_id"]
    own = pc.divide(rows["detection_id"], IDS_PER_VIDEO)
    return pc.is_in(own, value_set=numbers.combine_chunks())


def labelled_videos(store: Store, concept: str) -> list[str]:
    """Name the videos in which people labelled a concept, sorted."""
    with store.snapshot() as snapshot:
        table = snapshot.videos()
    names = dict(zip(table["video_id"].to_pylist(), table["video"].to_pylist(), strict=True))
    known = labels_in(store, concept, None)
    found = {names[one // IDS_PER_VIDEO] for one in known.detections}
    spans = known.spans
    return sorted(found | (set() if spans is None else set(spans["video"].to_pylist())))


def _of(table: pa.Table, videos: Sequence[str]) -> pa.ChunkedArray:
    return pc.is_in(table["video"], value_set=pa.array(list(videos), pa.string()))
