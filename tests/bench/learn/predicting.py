"""Memory that ``db.predict`` takes: ``python -m tests.bench.learn.predicting FOLDER``.

Drawn detections (`ITEMS`) in tracks of 50, each with a vector of 256 numbers and a picture of 48
pixels, which is the same for all of a video; two models learn from 400 of them. Each predicts in a
process of its own, whose largest resident memory is told, mapped files included, beside what it had
when the model was read. Probabilities go to ``FOLDER/MODEL.npy``; given ``FOLDER/MODEL-before.npy``
it tells how far they are apart.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

import vquery as vq
from tests.bench.web.million import faces
from vquery.schema import PICTURE, embedding
from vquery.store.register import NewVideo

ITEMS, VIDEOS, DIMENSIONS, LABELS = 240_000, 12, 256, 400
PICTURED = 120_000
"""Items that are asked about by pictures, which take longer."""
MODELS = ("vectors", "pictures")


def made(path: Path) -> None:
    """Make the collection and both models."""
    rng, each = np.random.default_rng(0), ITEMS // VIDEOS
    looks = rng.normal(size=(2, DIMENSIONS)).astype(np.float32)
    labels: dict[str, list[int]] = {"a": [], "b": []}
    with vq.create(path) as db:
        with db._store.writer("bench") as writer:
            names = [f"{number:03d}.mp4" for number in range(VIDEOS)]
            numbers, parts = writer.register([NewVideo(n, None, kind="none") for n in names]), []
            for name in names:
                rows = faces(rng, name, numbers[name], each)
                ids = np.sort(rows["detection_id"].to_numpy())
                kind = np.arange(each) // 50 % 2
                drawn = rng.standard_normal((each, DIMENSIONS), dtype=np.float32) + looks[kind]
                flat = pa.FixedSizeListArray.from_arrays(drawn.ravel(), DIMENSIONS)
                video = pa.repeat(pa.scalar(name), each)
                jpeg = cv2.imencode(".jpg", rng.integers(0, 256, (48, 48, 3), np.uint8))[1]
                jpegs = pa.repeat(pa.scalar(jpeg.tobytes(), pa.binary()), each)
                vectors = pa.table([ids, video, flat], schema=embedding(DIMENSIONS))
                parts += [
                    writer.write("detections", rows),
                    writer.write("embedding.face", vectors),
                    writer.write("picture.detection", pa.table([ids, video, jpegs], PICTURE)),
                ]
                some = rng.choice(each, LABELS // VIDEOS, False)
                for label, code in (("a", 0), ("b", 1)):
                    labels[label] += ids[some[kind[some] == code]].tolist()
            writer.commit(parts)
        for label, some_ids in labels.items():
            db.label(some_ids, "name", label, by="bench")
        over = [*labels["a"], *labels["b"]]
        db.train("name", "vectors", over=over, penalty=1.0)
        db.train("name", "pictures", over=over, kind="network", width=4, blocks=(1,), epochs=1)


def predict(folder: Path, model: str) -> None:
    """Predict in this process, and tell what it took."""
    with vq.open(folder / "bench.vq") as db:
        over = None
        if model == "pictures":
            over = np.sort(db.faces.collect()["detection_id"].to_numpy())[:PICTURED]
        _ = db.trained(model).model.temperature_  # torch is loaded
        before, began = peak(), time.process_time()
        found = db.predict(model, over=over, keep=False)
        spent, after = time.process_time() - began, peak()
    n = len(found.probability)
    print(f"| {model} | {n:,} | {before:.0f} | {after:.0f} | {spent:.0f} |")
    np.save(folder / f"{model}.npy", found.probability)
    old = folder / f"{model}-before.npy"
    if old.exists():
        print("largest difference:", np.abs(np.load(old) - found.probability).max())


def peak() -> float:
    """Return the largest resident memory so far, MiB (``ru_maxrss`` begins with the parent's)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    ROOM = Path(sys.argv[1])
    if len(sys.argv) > 2:
        predict(ROOM, sys.argv[2])
    else:
        if not (ROOM / "bench.vq").exists():
            made(ROOM / "bench.vq")
        print(
            "| model | items | MiB before | MiB at most | CPU s |\n|---|---|---|---|---|",
            flush=True,
        )
        for each in MODELS:
            command = [sys.executable, "-m", "tests.bench.learn.predicting", str(ROOM), each]
            subprocess.run(command, check=True)
