"""Processes that are killed, that write at the same time, that run out of room."""

from __future__ import annotations

import os
import random
import time

import pytest

from vquery.errors import LockedError
from vquery.store import Store


def files(store):
    return sorted(p for p in (store.path / "parts").rglob("*") if p.is_file())


def listed(store):
    with store.snapshot() as snapshot:
        tables = [t for t in snapshot.tables() if t not in ("videos", "runs")]
        return sorted(path for t in tables for path in snapshot.parts(t))


def test_kill_9_loses_nothing_finished_and_the_same_command_completes_the_rest(
    tmp_path, made, jobs
):
    whole = Store.create(tmp_path / "whole.vq")
    made.add_videos(whole, 40)
    chance = random.Random(5)
    kills = collections = 0
    while kills < 10:  # where the machine is busy a process may be done before it is killed
        collections += 1
        assert collections <= 10
        torn = Store.create(tmp_path / f"torn{collections}.vq")
        finished = 0
        while finished < 40 and kills < 12:
            job = jobs.start("index", root=torn.path, count=40, compact_every=7)
            until = time.monotonic() + 30
            goal = finished + chance.randrange(2)  # die at the start, or when some work is done
            while len(torn.units()) < goal and time.monotonic() < until:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.02))
            kills += job.kill() != 0
            units = torn.units()
            assert len(units) >= finished, "a finished unit was lost"
            finished = len(units)
            with torn.snapshot() as snapshot:
                assert snapshot.videos()["video"].to_pylist() == [u.split("/")[0] for u in units]
                for name in ("detections", "embedding.face", "picture.face"):
                    if finished:
                        assert snapshot.read(name).num_rows == 20 * finished
        assert jobs.run("index", root=torn.path, count=40, compact_every=7) == "done"
        same_as(torn, whole)


def same_as(torn, whole):
    """Assert that a collection has the rows of another, and no files but those that hold them."""
    left, right = torn.contents(), whole.contents()
    assert left.keys() == right.keys()
    for name, rows in right.items():
        assert left[name].equals(rows), name
    torn.compact()
    with torn.writer("sweep"):
        pass
    assert files(torn) == listed(torn)


def test_readers_keep_their_snapshot_while_a_writer_commits(tmp_path, store, made, jobs, wait_for):
    made.add_videos(store, 2)
    stop = tmp_path / "stop"
    watchers, changed = [], [tmp_path / f"changed{number}" for number in range(2)]
    for number in range(2):
        ready = tmp_path / f"ready{number}"
        told = {"ready": ready, "changed": changed[number], "stop": stop}
        watchers.append(jobs.start("watch", root=store.path, **told))
        wait_for(ready)
    made.add_videos(store, 10, compact_every=3)
    for one in changed:  # else one that gets no turn meanwhile sees the first and the last alone
        wait_for(one)
    with store.writer("replace") as writer:
        rows = made.video_rows("v001.mp4", 2, 5)
        parts = [writer.write(name, rows[name]) for name in rows]
        writer.commit(parts, replace={name: ["v001.mp4"] for name in rows})
    stop.touch()
    for watcher in watchers:
        word, generations = watcher.result().split()
        assert word == "whole"
        assert int(generations) >= 3


def test_a_second_writer_waits_and_then_names_the_holder(tmp_path, store, jobs, wait_for):
    ready, release = tmp_path / "ready", tmp_path / "release"
    holder = jobs.start("hold", root=store.path, ready=ready, release=release)
    wait_for(ready)
    before = time.monotonic()
    with pytest.raises(LockedError) as told, store.writer("mine", wait_s=0.3):
        pass
    assert time.monotonic() - before >= 0.3
    for word in (f"process {holder.pid} on ", "`index news`", "since 2", str(store.path)):
        assert word in str(told.value)
    store.label([1], "name", "Bernie", who="ann")  # a person need not wait
    waiting = jobs.start("write", root=store.path, wait_s=20)
    time.sleep(0.1)
    release.touch()
    assert waiting.result() == "got it"
    assert holder.result() == "released"


def test_a_killed_writer_holds_nothing(tmp_path, store, jobs, wait_for):
    ready = tmp_path / "ready"
    holder = jobs.start("hold", root=store.path, ready=ready, release=tmp_path / "never")
    wait_for(ready)
    holder.kill()
    with store.writer("mine", wait_s=0) as writer:
        assert writer.run_id == 2
    runs = store.snapshot().runs()
    assert runs["finished_us"].is_valid().to_pylist() == [False, True]


def test_a_forked_child_does_not_hold_or_end_the_run(store, jobs):
    assert jobs.run("fork", root=store.path) == "3 LockedError"
    assert store.snapshot().runs()["report"].to_pylist() == ['{"child": 3}']


def test_sweeping_respects_living_leases_and_drops_dead_ones(tmp_path, store, made, jobs, wait_for):
    made.add_videos(store, 3)
    ready = tmp_path / "ready"
    reader = jobs.start("lease", root=store.path, ready=ready)
    wait_for(ready)
    before = files(store)
    assert store.compact() == 9
    assert set(before) < set(files(store)), "a living reader may still read them"
    with store.writer("any"):
        pass
    assert set(before) < set(files(store))
    reader.kill()
    with store.writer("any") as writer:
        assert writer.swept.files == 9
        assert writer.swept.kept == 0
    assert files(store) == listed(store)
    assert list((store.path / "leases").iterdir()) == []


def test_disk_full_is_said_and_loses_nothing(store, made, jobs):
    made.add_videos(store, 2)
    before = store.contents()
    told = jobs.run("starved", root=store.path, limit=1 << 20, task="big part")
    assert told.startswith("StoreError")
    assert "no room on the disk while writing a part" in told
    assert "Free some space and run the same command again" in told
    told = jobs.run("starved", root=store.path, limit=200_000, task="big event")
    assert "no room on the disk while keeping an action" in told
    assert files(store) == listed(store), "the unfinished part is removed"
    after = store.contents()
    assert all(after[name].equals(rows) for name, rows in before.items())
    assert jobs.run("starved", root=store.path, limit=1 << 30, task="big part") == "it worked"


def test_a_really_full_disk(store, made, jobs):
    made.add_videos(store, 2)
    told = jobs.run("may_mount")
    if "yes" in told:
        told = jobs.run("small_disk", root=store.path, size="1m", task="big part")
        assert "No space left on device" in told
        assert told.endswith("left=0"), told
    else:  # the next best: no file may grow at all
        told = jobs.run("starved", root=store.path, limit=0, task="big part")
    assert told.startswith("StoreError"), told
    assert "Free some space" in told


def test_a_read_only_disk_is_read_and_refuses_to_be_written(store, made, jobs):
    made.add_videos(store, 2)
    if os.geteuid() != 0:
        folders = [store.path, store.path / "leases", *(store.path / "parts").iterdir()]
        for path in [store.path / "catalog.sqlite", store.path / "writer.lock", *folders]:
            path.chmod(0o555)
        read, told = made.job_on(str(store.path), "read"), made.job_on(str(store.path), "lock")
        for path in folders:
            path.chmod(0o755)
    elif "yes" in jobs.run("may_mount"):
        read = jobs.run("read_only", root=store.path, task="read")
        told = jobs.run("read_only", root=store.path, task="lock")
    else:
        read = jobs.run("starved", root=store.path, limit=0, task="read")
        told = jobs.run("starved", root=store.path, limit=0, task="lock")
    assert read == "read 40"
    assert told.startswith("StoreError"), told
    assert "taking the writer lock" in told
