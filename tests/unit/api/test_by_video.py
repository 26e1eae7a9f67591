"""Tables of a collection, read and run video by video."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

import vquery as vq
from vquery.api.tables import listed_videos, part_versions
from vquery.engine.running import batches
from vquery.engine.running.executor import RUNNERS
from vquery.expr.pairs import Join


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 1)


def near(db):
    return db.faces.join(db.shots, predicate=vq.time_overlaps)


def test_some_videos_give_the_rows_that_all_give(path):
    db = vq.open(path)
    db.label([1_000_000_001], "name", "Ann")
    for relation in (db.faces, db.detections, db.shots, db.captions):
        source = relation.node.source
        names = source.schema.names
        whole = source.read(names)
        videos = source.videos()["video"].to_pylist()
        assert set(whole["video"].to_pylist()) <= set(videos)
        for video in videos:
            part = source.read_videos(names, pa.array([video]))
            of_whole = [row for row in whole.to_pylist() if row["video"] == video]
            assert part.to_pylist() == of_whole


def test_batches_of_videos_give_the_same(path):
    db = vq.open(path)
    whole = near(db).collect()
    assert near(db).collect(workers=2).equals(whole)
    assert sum(batch.num_rows for batch in near(db).batches()) == whole.num_rows


def test_a_table_built_twice_is_one(path):
    db = vq.open(path)
    text = db.faces.join(db.faces, predicate=vq.time_overlaps).explain()
    assert "same as step" in text
    labelled = db.faces
    db.label([1_000_000_001], "name", "Ann")
    text = labelled.join(db.faces, predicate=vq.time_overlaps).explain()
    assert "same as step" not in text  # the labels in force are others


def test_the_cache_knows_tables_and_sees_labels(path, monkeypatch):
    db = vq.open(path)
    cache, ran = vq.Cache(), []
    runner = RUNNERS[Join]
    monkeypatch.setitem(RUNNERS, Join, lambda *args: ran.append(args[2]) or runner(*args))
    first = near(db).collect(cache=cache)
    assert len(ran) == 2  # one video a batch
    assert near(db).collect(cache=cache).equals(first)
    assert len(ran) == 2
    db.label([1_000_000_001], "name", "Ann")
    near(db).collect(cache=cache)
    (again,) = ran[2:]
    assert set(again["video"].to_pylist()) == {"a.mp4"}


def test_parts_tell_which_videos_changed(path):
    db = vq.open(path)
    snapshot = db.shots.node.source.snapshot
    listed = listed_videos(snapshot, "shots")
    videos = listed["video"].combine_chunks()
    assert sum(listed["rows"].to_pylist()) >= db.shots.count()
    versions = part_versions(snapshot, "shots", videos)
    assert all(versions)
    assert part_versions(snapshot, "shots", pa.array(["no video"])) == [b""]


def test_a_damaged_part_costs_its_videos(path):
    db = vq.open(path)
    snapshot = db.shots.node.source.snapshot
    live = snapshot.live("shots")[0]
    (path / live.path).write_bytes(b"damaged")
    whole = near(db)
    with pytest.raises(vq.VQueryError, match="damaged"):
        whole.collect()
    for cache in (False, vq.Cache()):
        result = whole.collect(on_error="skip", cache=cache)
        failed = {each["video"] for each in json.loads(result.schema.metadata[b"vquery.failed"])}
        assert failed == set(live.videos)
        assert not failed & set(result["video"].to_pylist())
