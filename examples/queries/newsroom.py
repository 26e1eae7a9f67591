"""The synthetic newsroom as rows, without drawing a picture: faces, captions, shots, the truth.

For queries that need to know who is on screen, and how right they are. Nobody in it exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

import vquery as vq
from vquery_newsroom import truth
from vquery_newsroom.director import plan
from vquery_newsroom.film import Take
from vquery_newsroom.people import CAST
from vquery_newsroom.picture import FPS
from vquery_newsroom.programme import Shot

EVERY = 5  # frames between looks, as a detector samples
WOMEN = {"amara", "lucia", "stranger-2", "stranger-3", "stranger-4"}
MISSED = 0.03  # share of faces that the simulated detector overlooks


@dataclass(frozen=True)
class Newsroom:
    """Rows of the newsroom; ``concepts`` is the truth: ``concept`` is interview, panel …"""

    faces: vq.Intervals
    captions: vq.Intervals
    shots: vq.Intervals
    concepts: vq.Intervals


class Unseen(Take):
    """A shot of which nobody wants to see the set: only where faces are."""

    @staticmethod
    def _set(shot: Shot) -> Any:
        del shot
        return np.zeros((1, 1, 3), np.uint8)


@cache
def newsroom(videos: int = 10, seconds: float = 30.0, seed: int = 0) -> Newsroom:
    """Plan the programmes and say where each face is, every fifth frame."""
    rng = np.random.default_rng(seed)
    faces: list[dict[str, Any]] = []
    cues: list[dict[str, Any]] = []
    shots: list[dict[str, Any]] = []
    concepts: list[dict[str, Any]] = []
    lengths = []
    for index in range(videos):
        programme = plan(index, seed=seed, seconds=seconds)
        seen, until = [], {}
        for number, shot in enumerate(programme.shots):
            take, until[number] = Unseen(shot, title=""), shot.end
            shots.append(_row(programme.name, shot.first, shot.end, shot=number, kind=shot.kind))
            looks = range(-(-shot.first // EVERY) * EVERY, shot.end, EVERY)
            seen += [
                truth.SeenFace(programme.name, frame, number, *_what(face), detected=True)
                for frame in looks
                for face in take.faces(frame)
            ]
        faces += [_face(face, until[face.shot], rng) for face in seen if rng.random() >= MISSED]
        cues += [
            {"video": programme.name, "start": cue.start, "end": cue.end, "text": cue.text}
            for cue in programme.cues
        ]
        reel = truth.Reel(programme.name, programme, tuple(seen), 0, 0, 0)
        concepts += [
            {"video": programme.name, "start": start, "end": end, "concept": name}
            for name, start, end in truth.concepts(reel)
            if name in {"commercial", "interview"}
        ]
        lengths.append((programme.name, programme.n_frames / FPS))
    names, ends = zip(*lengths, strict=True)
    extents = pa.table(
        {"video": names, "start": [0.0] * len(ends), "end": ends, "fps": [float(FPS)] * len(ends)}
    )

    def relation(rows: list[dict[str, Any]], name: str) -> vq.Intervals:
        return vq.from_arrow(pa.Table.from_pylist(rows), name=name, extents=extents)

    return Newsroom(
        relation(faces, "faces"),
        relation(cues, "captions"),
        relation(shots, "shots"),
        relation(concepts, "concepts"),
    )


def _what(face: Any) -> tuple[Any, ...]:
    return face.character, face.box, face.frontal


def _row(video: str, first: int, end: int, **columns: Any) -> dict[str, Any]:
    return {"video": video, "start": first / FPS, "end": end / FPS, **columns}


def _face(face: truth.SeenFace, until: int, rng: np.random.Generator) -> dict[str, Any]:
    """One face: who it is, how sure the recogniser is, and which cluster it fell into."""
    box = dict(zip(("x1", "y1", "x2", "y2"), face.box, strict=True))
    return _row(
        face.video,
        face.frame,
        min(face.frame + EVERY, until),
        **box,
        name=CAST[face.character].name or None,
        cluster=face.character,
        gender="woman" if face.character in WOMEN else "man",
        score=float(np.clip(rng.normal(0.92, 0.05), 0.4, 1)),
        shot=face.shot,
    )
