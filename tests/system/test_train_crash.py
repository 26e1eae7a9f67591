"""`kill -9` while an end model is trained: the same command ends with the same model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

import vquery as vq
from vquery.schema import IDS_PER_VIDEO, embedding
from vquery.store import NewVideo

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")
from vquery.learn.core.checkpoints import load  # noqa: E402
from vquery.learn.core.training import CHECKPOINT  # noqa: E402

EPOCHS, DIMENSIONS, FACES = 60, 6, 8
BEGUN = "fold-2"
"""The part in which it is killed, of three folds and the model itself."""
COMMAND = ("-m", "vquery.cli")
WAITING = f"""
import time
from vquery.cli import main
from vquery.learn.core import checkpoints
save, left = checkpoints.save, iter(range(20))
def saved(path, *what):
    save(path, *what)
    if path.parent.name == "{BEGUN}" and next(left, None) is None:
        time.sleep(600)
checkpoints.save = saved
main()
"""
"""The command, which waits to be killed at an epoch of that part: it would be done before."""


def collection(path: Path) -> Path:
    """Make three videos of two people without pictures: their vectors are drawn."""
    rng, looks = np.random.default_rng(0), np.eye(2, DIMENSIONS)
    with vq.create(path) as db:
        said = {}
        with db._store.writer("made") as writer:
            for video in ("a", "b", "c"):
                number = writer.register([NewVideo(video, None, kind="none")])[video]
                ids = number * IDS_PER_VIDEO + 1 + np.arange(FACES)
                rows = [
                    {"detection_id": item, "video": video, "start_us": at, "end_us": at + 1,
                     "x1": 0.1, "y1": 0.1, "x2": 0.2, "y2": 0.2, "class": "face", "score": 0.9}
                    for at, item in enumerate(ids.tolist())
                ]  # fmt: skip
                drawn = looks[np.arange(FACES) % 2] + rng.normal(0, 0.3, (FACES, DIMENSIONS))
                flat = pa.array(drawn.astype(np.float32).ravel())
                vectors = pa.FixedSizeListArray.from_arrays(flat, DIMENSIONS)
                space = pa.table([ids, [video] * FACES, vectors], schema=embedding(DIMENSIONS))
                parts = [
                    writer.write("detections", pa.Table.from_pylist(rows)),
                    writer.write("embedding.face", space),
                ]
                writer.commit(parts)
                said |= {item: ("ann", "bob")[at % 2] for at, item in enumerate(ids.tolist())}
        db.label(list(said), "name", list(said.values()))
    return path


def start(path: Path, way: tuple[str, str] = COMMAND) -> subprocess.Popen[str]:
    line = [sys.executable, *way, "train", str(path), "--kind", "mlp", "--device", "cpu",
            "--epochs", str(EPOCHS), "--seed", "3"]  # fmt: skip
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **one}
    )


def test_killed_while_it_trains_it_ends_with_the_same_model(tmp_path: Path) -> None:
    half = collection(tmp_path / "half.vq")
    parts = half / "models" / "name" / "parts"
    killed = start(half, ("-c", WAITING))
    while killed.poll() is None and not (parts / BEGUN / CHECKPOINT).exists():
        time.sleep(0.001)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    with vq.open(half) as db, pytest.raises(vq.VQueryError, match="no end model 'name'"):
        db.trained("name")
    done = load(parts / "fold-1" / CHECKPOINT).told["history"]["rows"]
    assert done
    again = start(half)
    _, said = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert not parts.exists()

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as there: the last bits depend on how many there are
    with vq.open(collection(tmp_path / "whole.vq")) as db:
        whole = db.train("name", kind="mlp", device="cpu", epochs=EPOCHS, seed=3)
    torch.set_num_threads(threads)
    with vq.open(half) as db:
        found = db.trained("name")
    assert found.version == whole.version
    assert found.left_out.equals(whole.left_out)
    # the very seconds that its epochs took: they were not done again
    curves = [row for row in found.told["curves"] if row["part"] == "fold 1"]
    assert [row["seconds"] for row in curves] == [row["seconds"] for row in done]
