"""From a folder of real clips and two labelled faces to a training set.

    python examples/real_clips.py FOLDER OUTPUT [MODELS]

FOLDER holds videos, among them ``short_hamilton_clip.mp4``; MODELS holds face detector weights. For
a folder of your own, change `SEEDS`: a moment and a point inside a face are all that is needed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa

import vquery as vq
from vquery import before, face, row, span

CLIP = "short_hamilton_clip.mp4"
SEEDS = """\
video,time,x,y,label
short_hamilton_clip.mp4,0.30,0.85,0.20,Miranda
short_hamilton_clip.mp4,0.95,0.70,0.50,Lacamoire
"""


def appearances(faces: vq.Intervals, name: str) -> vq.Intervals:
    """When somebody is on screen: faces of one name, gaps of half a second bridged."""
    return faces.filter(face.name == name).coalesce(gap=0.5)


def gives_way(faces: vq.Intervals, first: str, second: str) -> vq.Intervals:
    """Where ``first`` leaves the screen and ``second`` comes within two seconds."""
    return (
        appearances(faces, first)
        .join(appearances(faces, second), predicate=before(max_gap=2), merge_op=span)
        .filter(row.duration < 60)
    )


def main(folder: Path, output: Path, models: Path | None = None) -> pa.Table:
    """Index, label, propagate, query, export; return where one gives way to the other."""
    output.mkdir(parents=True, exist_ok=True)
    with vq.create(output / "clips.vq") as db:
        report = db.index(folder, models=models)
        print(f"{report.indexed} videos, {report.counts['detections']} faces")
        print("detector:", *report.notes[:1])

        seeds = output / "seeds.csv"
        seeds.write_text(SEEDS)
        db.label_file(seeds, "name")
        print(db.propagate("name").summary()["labels"])

        changes = gives_way(db.faces, "Lacamoire", "Miranda")
        db.save("lacamoire_to_miranda", changes)
        changes.show()

        written = db.export(output / "training", format="coco")
        print(f"{written.total} labels in {output / 'training'}")
        return changes.collect()


if __name__ == "__main__":
    if len(sys.argv) not in {3, 4}:
        sys.exit(__doc__)
    main(*(Path(argument) for argument in sys.argv[1:]))
