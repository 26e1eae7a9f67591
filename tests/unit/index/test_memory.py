"""The memory that indexing takes does not grow with the length of the video."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vquery.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIB = 1 << 20

INDEX = """
import resource, sys
from pathlib import Path
from vquery.index.jobs import Settings
from vquery.index.pipeline import index_folder
from vquery.store.store import Store
settings = Settings(faces="none")
report = index_folder(Store.create(sys.argv[1]), Path(sys.argv[2]), settings, workers=1)
assert not report.failed, report.failed
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""

ITEMS = """
import resource, sys
from pathlib import Path
import numpy as np
from vquery.index.crops import ItemWriter
from vquery.index.parts import Parts
from vquery.store.store import Store
store = Store.create(sys.argv[1])
with store.writer("test") as writer:
    parts = Parts(store.path)
    items = ItemWriter(parts, "v", "picture.detection", {"face": 768, "face_wide": 768})
    vectors = np.ones((4, 768), np.float32)
    for first in range(1, int(sys.argv[2]), 4):
        ids = range(first, first + 4)
        items.add(ids, [b"x" * 2000] * 4, {"face": vectors, "face_wide": vectors})
    items.flush()
    assert sum(part.rows for part in parts.close()) == 3 * int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak(script: str, *arguments: object) -> int:
    """Return the most memory that a process took, in bytes."""
    line = [sys.executable, "-c", script, *map(str, arguments)]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


@pytest.mark.parametrize("detections", [False, True])
def test_a_video_ten_times_as_long_takes_no_more_memory(
    tmp_path: Path, make_film: Callable[..., Path], detections: bool
) -> None:
    took = {}
    for frames in (600, 6000):
        folder = tmp_path / str(frames)
        make_film(folder / "a.avi", frames=frames)
        if detections:
            rows = "".join(f"{n},0.1,0.1,0.3,0.4\n" for n in range(0, frames, 5))
            (folder / "a.csv").write_text("frame,x1,y1,x2,y2\n" + rows)
        took[frames] = peak(INDEX, tmp_path / f"{frames}.vq", folder)
    assert took[6000] - took[600] < 24 * MIB, {n: b / MIB for n, b in took.items()}


@pytest.mark.slow
def test_vectors_of_any_number_of_items_wait_in_bounded_memory(tmp_path: Path) -> None:
    some, many = (peak(ITEMS, tmp_path / f"{n}.vq", n) for n in (40_000, 160_000))
    assert many - some < 48 * MIB, (some / MIB, many / MIB)  # of 720 MiB more
    Store.open(tmp_path / "160000.vq")
