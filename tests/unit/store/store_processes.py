"""What the tests of the store do in processes of their own, so that they can be killed.

Run as a script it is a small server: it imports the store once and then forks a child for each
job named on its input, since starting Python for each would take most of the tests' time.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.errors import VQueryError
from vquery.store import NewVideo, Store
from vquery.store.drawn import BOX_ROWS

DIMENSIONS = 8


def video_rows(video: str, video_id: int, count: int) -> dict[str, pa.Table]:
    """Rows of three tables for one video; more detections begin with those of fewer."""
    ids = schema.item_ids(video_id, 1, count)
    start = np.arange(count, dtype=np.int64) * 40_000
    random = np.random.default_rng(video_id)
    corner = random.random((count, 2), np.float32).T / 2
    detections = pa.table(
        {
            "detection_id": ids,
            "video": pa.array([video] * count, pa.string()),
            "start_us": start,
            "end_us": start + 40_000,
            "x1": corner[0],
            "y1": corner[1],
            "x2": corner[0] + np.float32(0.2),
            "y2": corner[1] + np.float32(0.3),
            "class": pa.array(["face"] * count, pa.string()),
        }
    )
    vectors = pa.FixedSizeListArray.from_arrays(
        random.random(count * DIMENSIONS, np.float32), DIMENSIONS
    )
    names = pa.array([video] * count, pa.string())
    jpegs = pa.array([random.bytes(50) for _ in range(count)], pa.binary())
    return {
        "detections": detections,
        "embedding.face": pa.table({"item_id": ids, "video": names, "vector": vectors}),
        "picture.face": pa.table({"item_id": ids, "video": names, "jpeg": jpegs}),
    }


def new_videos(count: int) -> list[NewVideo]:
    return [NewVideo(f"v{number:03d}.mp4", f"{number:064x}") for number in range(count)]


def add_videos(store: Store, count: int, rows: int = 20, *, compact_every: int = 0) -> None:
    """Index what is not there yet, a commit for each video, as a pipeline would."""
    with store.writer("index", {"videos": count}) as writer:
        ids = writer.register(new_videos(count))
        for video, video_id in ids.items():
            if writer.is_done(f"{video}/index"):
                continue
            parts = [writer.write(t, r) for t, r in video_rows(video, video_id, rows).items()]
            facts = {"video": video, "n_frames": rows, "width": 640, "height": 360}
            store.label([video_id * schema.IDS_PER_VIDEO + 1], "name", video, who="test")
            writer.commit(parts, units=[f"{video}/index"], videos=[facts])
            if compact_every and video_id % compact_every == 0:
                writer.compact()
        writer.finish({"videos": count})


def index(root: str, **options: int) -> str:
    add_videos(Store.open(root), **options)
    return "done"


def hold(root: str, ready: str, release: str) -> str:
    with Store.open(root).writer("index news", {}):
        Path(ready).touch()
        _wait_for(release)
    return "released"


def fork(root: str) -> str:
    """Leave the writer's block in a forked child; the parent must go on undisturbed."""
    with Store.open(root).writer("parent", {}) as writer:
        child = os.fork()
        if child == 0:
            try:
                writer.finish({})
            except VQueryError:
                writer.__exit__(None, None, None)
                os._exit(3)
            os._exit(0)
        told = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        locked = write_now(root)
        writer.finish({"child": told})
    return f"{told} {locked}"


def write_now(root: str) -> str:
    try:
        with Store.open(root).writer("other", {}, wait_s=0):
            return "free"
    except VQueryError as error:
        return type(error).__name__


def write(root: str, wait_s: float) -> str:
    with Store.open(root).writer("second", {}, wait_s=wait_s):
        return "got it"


def watch(root: str, ready: str, changed: str, stop: str) -> str:
    """Read one snapshot again and again, and fresh ones beside it; every one must be whole.

    A file says when the first one is there, another when a fresh one was of another generation.
    """
    store = Store.open(root)
    with store.snapshot() as mine:
        first = mine.contents()
        Path(ready).touch()
        generations = {mine.generation}
        while True:
            last = Path(stop).exists()
            if any(not first[name].equals(rows) for name, rows in mine.contents().items()):
                return "the snapshot changed"
            with store.snapshot() as fresh:
                generations.add(fresh.generation)
                if len(generations) > 1:
                    Path(changed).touch()
                counts = {n: fresh.read(n).num_rows for n in ("detections", "embedding.face")}
                if len(set(counts.values())) != 1:
                    return f"half a commit: {counts}"
            time.sleep(0.01)
            if last:
                return f"whole {len(generations)}"


def lease(root: str, ready: str) -> str:
    snapshot = Store.open(root).snapshot()
    Path(ready).touch()
    time.sleep(600)
    return str(snapshot.generation)


def starved(root: str, limit: int, task: str) -> str:
    """Do a job where files cannot grow beyond ``limit`` bytes, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    return job_on(root, task)


def small_disk(root: str, size: str, task: str) -> str:
    """Do a job on a copy of the collection on a disk of its own that has little room."""
    import shutil

    mounted = Path(root).with_name("small")
    mounted.mkdir()
    _mount(b"tmpfs", str(mounted).encode(), b"tmpfs", 0, f"size={size}".encode())
    copy = mounted / Path(root).name
    shutil.copytree(root, copy)
    told = job_on(str(copy), task)
    (mounted / "room").mkdir()  # the disk has room again: parts of the failed job are gone
    return told + f" left={_stray(copy)}"


def read_only(root: str, task: str) -> str:
    """Do a job on the collection mounted read-only."""
    _mount(root.encode(), root.encode(), None, 4096, None)  # MS_BIND
    _mount(root.encode(), root.encode(), None, 4096 | 32 | 1, None)  # MS_REMOUNT | MS_RDONLY
    return job_on(root, task)


def draw(root: str, video_id: int, count: int, ready: str) -> str:
    """Draw boxes one after the other; a line in ``ready`` for each that was answered for."""
    store = Store.open(root)
    with Path(ready).open("a") as told:
        for number in range(count):
            event = store.draw(box_rows(number * 40_000, video_id), video_id, who="ann")
            told.write(f"{event}\n")
            told.flush()
    return "done"


def box_rows(start_us: int, video_id: int = 1, x: float = 0.1, **more: object) -> pa.Table:
    """One drawn box of one frame."""
    row = {
        "video": f"v{video_id - 1:03d}.mp4",
        "start_us": start_us,
        "end_us": start_us + 40_000,
        "x1": x,
        "y1": 0.1,
        "x2": x + 0.2,
        "y2": 0.4,
        "class": "face",
        "source": "human",
    }
    return pa.Table.from_pylist([row | more], schema=BOX_ROWS)


def may_mount() -> str:
    """Say whether this process may mount, which takes root."""
    try:
        _mount(b"none", b"/", None, 16384 | (1 << 18), None)  # MS_REC | MS_PRIVATE
    except OSError:
        return "no"
    return "yes"


def _mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, data: bytes | None
) -> None:
    """Mount where only this process sees it."""
    libc = ctypes.CDLL(None, use_errno=True)
    private = 16384 | (1 << 18)  # MS_REC | MS_PRIVATE: nothing gets out
    if libc.unshare(0x20000) or libc.mount(b"none", b"/", None, private, None):  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "cannot mount here")
    if libc.mount(source, target, kind, flags, data):
        raise OSError(ctypes.get_errno(), "cannot mount here")


def _stray(root: Path) -> int:
    with Store.open(root).snapshot() as snapshot:
        listed = {path for name in snapshot.tables()[2:] for path in snapshot.parts(name)}
    return len([f for f in (root / "parts").rglob("*") if f.is_file() and f not in listed])


def job_on(root: str, task: str) -> str:
    store = Store.open(root)
    if task == "read":
        with store.snapshot() as snapshot:
            return f"read {snapshot.read('detections').num_rows}"
    try:
        if task == "big part":
            with store.writer("big", {}, wait_s=0) as writer:
                video_id = writer.register(new_videos(1))["v000.mp4"]
                vectors = np.random.default_rng(0).random(3_000_000, np.float32)
                rows = pa.table(
                    {
                        "item_id": schema.item_ids(video_id, 1, 3000),
                        "video": pa.array(["v000.mp4"] * 3000, pa.string()),
                        "vector": pa.FixedSizeListArray.from_arrays(vectors, 1000),
                    }
                )
                writer.commit([writer.write("embedding.big", rows)])
        elif task == "big event":
            ids = np.random.default_rng(0).integers(1, 10**15, 400_000)
            store.label(ids, "name", "Bernie", who="test")
        else:
            with store.writer("small", {}, wait_s=0):
                pass
    except VQueryError as error:
        return f"{type(error).__name__}: {error}"
    return "it worked"


JOBS = {
    job.__name__: job
    for job in (
        *(index, hold, fork, write, watch, lease, starved, small_disk, read_only, may_mount),
        draw,
    )
}


def _wait_for(path: str, limit_s: float = 300) -> None:
    end = time.monotonic() + limit_s
    while not Path(path).exists():
        if time.monotonic() > end:
            raise TimeoutError(path)
        time.sleep(0.005)


def _child(order: dict[str, object]) -> None:
    try:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        told = JOBS[str(order["job"])](**order["arguments"])  # type: ignore[arg-type]
    except BaseException:  # noqa: BLE001 - the test is told whatever happened
        told = traceback.format_exc()
    descriptor = os.open(str(order["out"]), os.O_WRONLY | os.O_CREAT)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    os.write(descriptor, told.encode())
    os._exit(0)


def serve() -> None:
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401 - what the children would each import

    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            print(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]), flush=True)
            continue
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            _child(order)
        print(child, flush=True)


if __name__ == "__main__":
    serve()
