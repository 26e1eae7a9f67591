"""Two processes read while a third indexes: no error, and every snapshot is whole."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from vquery.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READER = """
import sys, time
from pathlib import Path
from vquery.store.store import Store

root, stop, before_us = Path(sys.argv[1]), Path(sys.argv[2]), -1
store = Store.open(root)
seen, reads, last = {}, 0, False
while not last:
    last = stop.exists()  # one more round afterwards
    with store.snapshot() as snapshot:
        videos = {row["video"]: row for row in snapshot.videos().to_pylist()}
        rows = {
            table: snapshot.read(table).to_pylist()
            for table in ("frames", "shots", "cues", "words", "detections")
        }
        vectors = {
            table: set(snapshot.vectors(table)[0].tolist())
            for table in ("embedding.frame", "embedding.face", "embedding.face_wide")
            if table in snapshot.tables()
        }
        crops = set()
        if "picture.detection" in snapshot.tables():
            crops = set(snapshot.read("picture.detection")["item_id"].to_pylist())
    ids = {row["detection_id"] for row in rows["detections"]}
    assert vectors.get("embedding.face", set()) == ids == crops
    assert vectors.get("embedding.face_wide", set()) == ids
    for name, video in videos.items():
        if video["kind"] != "video":
            continue
        count = {table: sum(r["video"] == name for r in found) for table, found in rows.items()}
        assert count["frames"] == video["n_frames"] == 150, (name, count)
        assert count["shots"] == 3 and count["cues"] == 6, (name, count)
        assert count["detections"] > 50 and count["words"] == 24, (name, count)
        thumbnails = {v for v in vectors["embedding.frame"] if v // 10**9 == video["video_id"]}
        assert len(thumbnails) == 30, (name, len(thumbnails))
    for found in rows.values():
        assert {row["video"] for row in found} <= set(videos)
    assert set(seen) <= set(videos)  # what was there stays
    seen = videos
    reads += 1
    time.sleep(0.005)
print(reads, len(seen))
"""


def test_two_processes_read_while_a_third_indexes(
    command: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    collection, stop = tmp_path / "c.vq", tmp_path / "stop"
    Store.create(collection)
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(collection), str(stop)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    indexing = subprocess.run(command(collection), capture_output=True, text=True, check=False)
    stop.touch()
    told = [reader.communicate(timeout=300) for reader in readers]
    assert indexing.returncode == 1, indexing.stderr  # one file of the folder is broken
    for reader, (said, wrong) in zip(readers, told, strict=True):
        assert reader.returncode == 0, wrong
        reads, videos = map(int, said.split())
        assert reads > 5
        assert videos == 7
