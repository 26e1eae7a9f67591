"""What a sweep may take away."""

from __future__ import annotations

import os
import time

from vquery.store import PartWriter
from vquery.store.catalog import Catalog
from vquery.store.sweep import sweep_orphans


def test_only_orphans_older_than_the_lock_are_swept(store, made):
    made.add_videos(store, 1)
    before = sorted((store.path / "parts").rglob("*.*"))
    now = time.time_ns()
    old, young = PartWriter(store.path, "frames"), PartWriter(store.path, "frames")
    old.close()
    os.utime(old.file, ns=(now - 10**9, now - 10**9))
    young.close()
    os.utime(young.file, ns=(now, now))
    note = store.path / "parts" / "frames" / "note.txt"
    note.write_text("not ours")
    os.utime(note, ns=(0, 0))
    swept = sweep_orphans(Catalog(store.path), now)
    assert (swept.files, swept.bytes > 0) == (1, True)
    assert not old.file.exists()
    after = set((store.path / "parts").rglob("*.*"))
    assert after == {*before, young.file, note}


def test_parts_of_workers_of_this_writer_stay_until_the_next_one(store, made):
    with store.writer("index") as writer:
        part = PartWriter(store.path, "frames")
        part.close()
        assert sweep_orphans(Catalog(store.path), writer._lock.taken_ns).files == 0
        assert part.file.exists()
    while time.time_ns() < part.file.stat().st_mtime_ns + 20_000_000:
        time.sleep(0.005)  # file times are as coarse as the kernel's clock
    with store.writer("next") as writer:
        assert writer.swept.files == 1


def test_links_are_not_followed(store, tmp_path):
    elsewhere = tmp_path / "films"
    elsewhere.mkdir()
    (elsewhere / "mine.parquet").touch()
    os.utime(elsewhere / "mine.parquet", ns=(0, 0))
    (store.path / "parts" / "films").symlink_to(elsewhere)
    with store.writer("any") as writer:
        assert writer.swept.files == 0
    assert (elsewhere / "mine.parquet").exists()
