"""Small made-up scenes with their truth: a car park, traffic lights, poses, cyclists, pictures.

Each function returns rows and, where the rows alone do not show it, what is true of them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

import vquery as vq

Rows = list[dict[str, Any]]


def relation(rows: Rows, name: str, **extents: float) -> vq.Intervals:
    """Make rows a relation; with ``length`` all of their videos go from 0 to there."""
    known = None
    if extents:
        videos = sorted({row["video"] for row in rows})
        known = pa.table(
            {
                "video": videos,
                "start": [0.0] * len(videos),
                "end": [float(extents["length"])] * len(videos),
            }
        )
    return vq.from_arrow(pa.Table.from_pylist(rows), name=name, extents=known)


def _box(x: float, y: float, width: float, height: float) -> dict[str, float]:
    return {"x1": x, "y1": y, "x2": x + width, "y2": y + height}


@cache
def parking(seed: int = 0) -> tuple[vq.Intervals, vq.Intervals]:
    """Cars on twelve spots of two car parks for 30 minutes, seen every 30 s; and the free spots.

    All spots are taken at first. Boxes tremble a little; cars that drive by do not stay.
    """
    rng = np.random.default_rng(seed)
    cars: Rows = []
    free: Rows = []
    for video in ("north", "south"):
        for spot in range(12):
            x, y = 0.02 + 0.16 * (spot % 6), 0.2 + 0.4 * (spot // 6)
            leaves, stays_away = int(rng.integers(4, 30)), int(rng.integers(2, 24))
            if rng.random() < 0.3:
                leaves = 60
            for look in range(60):
                if not leaves <= look < leaves + stays_away:
                    dx, dy = rng.normal(0, 0.004, 2)
                    cars.append(_look(video, look, **_box(x + dx, y + dy, 0.13, 0.25)))
            if leaves < 60:
                end = min(leaves + stays_away, 60)
                free.append(
                    {
                        "video": video,
                        "start": leaves * 30.0,
                        "end": end * 30.0,
                        **_box(x, y, 0.13, 0.25),
                    }
                )
        for look in range(1, 60, 7):  # driving by, between the rows
            cars.append(_look(video, look, **_box(rng.uniform(0, 0.8), 0.47, 0.13, 0.12)))
    return relation(cars, "cars", length=1800), relation(free, "free")


def _look(video: str, look: int, **columns: Any) -> dict[str, Any]:
    """One look of a camera that looks every 30 seconds."""
    return {"video": video, "start": look * 30.0, "end": (look + 1) * 30.0, **columns}


@cache
def lights(seed: int = 0) -> tuple[vq.Intervals, vq.Intervals]:
    """Traffic lights of two crossings, ten readings a second, some wrong; and the true phases."""
    rng = np.random.default_rng(seed)
    readings: Rows = []
    phases: Rows = []
    for video in ("first", "second"):
        for track in range(4):
            at = 0.0
            while at < 300:
                for colour, least in (("green", 12), ("yellow", 2), ("red", 15)):
                    end = round(at + float(rng.integers(least, 2 * least)), 1)
                    columns = {"video": video, "track": track, "colour": colour}
                    phases.append({"start": at, "end": end, **columns})
                    for tick in range(round(at * 10), round(end * 10)):
                        wrong = rng.random() < 0.02
                        seen = str(rng.choice(["green", "red"])) if wrong else colour
                        now = {"start": tick / 10, "end": (tick + 1) / 10}
                        readings.append({**columns, **now, "colour": seen})
                    at = end
    return relation(readings, "lights"), relation(phases, "phases")


@cache
def poses(seed: int = 0) -> vq.Intervals:
    """Key points of hosts, five a second for 40 seconds, and what they truly do: ``doing``.

    Columns: ``track, name, gender``, the heights ``nose_y, left_wrist_y, right_wrist_y,
    left_elbow_y, right_elbow_y, hip_y, knee_y``, and ``…_x`` of nose, wrists and elbows.
    """
    rng = np.random.default_rng(seed)
    rows: Rows = []
    cast = (("Ada", "woman", 0.004), ("Ben", "man", 0.02), ("Cleo", "woman", 0.009))
    for track, (name, gender, lively) in enumerate(cast):
        middle = 0.2 + 0.3 * track
        offset = dict.fromkeys(PARTS, 0.0)
        for tick in range(200):
            doing = ("standing", "hands up", "sitting", "standing")[(tick // 25 + track) % 4]
            offset = {p: 0.7 * o + rng.normal(0, lively) for p, o in offset.items()}
            resting = _pose(doing)
            points = {f"{part}_y": resting[part] + offset[part] for part in PARTS}
            points |= {f"{part}_x": middle + 0.5 * offset[part] for part in PARTS}
            points |= {"hip_y": 0.6, "knee_y": 0.63 if doing == "sitting" else 0.8}
            rows.append(
                {
                    "video": "studio", "start": tick / 5, "end": (tick + 1) / 5, "track": track,
                    "name": name, "gender": gender, "doing": doing, **points,
                    **_box(middle - 0.1, 0.1, 0.2, 0.85),
                }
            )  # fmt: skip
    return relation(rows, "poses")


PARTS = ("nose", "left_wrist", "right_wrist", "left_elbow", "right_elbow")


def _pose(doing: str) -> dict[str, float]:
    up = doing == "hands up"
    wrist, elbow = (0.08, 0.2) if up else (0.6, 0.5)
    heights = {"nose": 0.2, "left_wrist": wrist, "right_wrist": wrist}
    return heights | {"left_elbow": elbow, "right_elbow": elbow}


@cache
def street(seed: int = 0) -> vq.Intervals:
    """People and bicycles on a street, five looks a second: ``kind, rider`` (truth), ``track``.

    Some people ride, others walk by behind a bicycle that somebody pushes at some distance.
    """
    rng = np.random.default_rng(seed)
    rows: Rows = []
    for track in range(40):
        begins, speed = rng.integers(0, 500), rng.uniform(0.01, 0.03)
        rides = track % 3 == 0
        for tick in range(int(1 / speed)):
            x, now = (
                tick * speed * 0.8,
                {"start": (begins + tick) / 5, "end": (begins + tick + 1) / 5},
            )
            lane = 0.02 + 0.19 * (track % 5)
            person = _box(x, lane, 0.04, 0.1)
            columns = {"video": "street", "track": track, "rider": rides, **now}
            rows.append({**columns, "kind": "person", **person})
            if rides:
                rows.append(
                    {**columns, "kind": "bicycle", **_box(x - 0.01, lane + 0.05, 0.07, 0.08)}
                )
            elif track % 3 == 1:
                away = _box(x, lane + 0.14, 0.07, 0.04)  # further down
                rows.append({**columns, "kind": "bicycle", **away})
    return relation(rows, "street")


@cache
def pictures(seed: int = 0) -> vq.Intervals:
    """Tracks of faces, two looks a second: living faces move, photographs do not (``still``)."""
    rng = np.random.default_rng(seed)
    rows: Rows = []
    for track in range(40):
        still = track % 2 == 0
        name = ("Gil", "Hana")[track % 4 // 2]
        x, y = rng.uniform(0.1, 0.6, 2)
        for tick in range(12):
            dx, dy = rng.normal(0, 0.001 if still else 0.03, 2)
            now = {"start": track * 10 + tick / 2, "end": track * 10 + (tick + 1) / 2}
            known = rng.random() < 0.7  # a recogniser does not know every face of a track
            box = _box(x + dx, y + dy, 0.1, 0.2)
            row = {"video": "news", "track": track, "name": name if known else None}
            rows.append({**row, **now, "still": still, **box})
    return relation(rows, "faces")


@cache
def split_screens(seed: int = 0) -> vq.Intervals:
    """Frames with a host in one half and smaller faces in the other, and frames that only look so.

    ``kind`` is the truth: wanted, too tall, same half, crowd, tiny, centred.
    """
    rng = np.random.default_rng(seed)
    rows: Rows = []
    kinds = ("wanted", "too tall", "same half", "crowd", "tiny", "centred")
    for frame in range(300):
        kind = kinds[int(rng.integers(len(kinds)))]
        mirrored = rng.random() < 0.5
        host = _box(0.35 if kind == "centred" else 0.1, 0.2, 0.2, 0.4)
        size = {"too tall": 0.36, "tiny": 0.06}.get(kind, 0.2)
        side = 0.32 if kind == "same half" else 0.6
        others = [_box(side + 0.1 * n, 0.3, 0.08, size) for n in range(3 if kind == "crowd" else 1)]
        for box, name in [(host, "Ada"), *((other, "someone") for other in others)]:
            if mirrored:
                box = {**box, "x1": 1 - box["x2"], "x2": 1 - box["x1"]}
            now = {"video": "talk", "start": frame / 2, "end": (frame + 1) / 2}
            rows.append({**now, **box, "name": name, "score": 0.9, "kind": kind})
    return relation(rows, "faces")


@cache
def crowds(seed: int = 0) -> vq.Intervals:
    """Frames of many faces: in a row, scattered, or too few; ``kind`` is the truth."""
    rng = np.random.default_rng(seed)
    rows: Rows = []
    for frame in range(60):
        kind = ("row", "scattered", "few")[frame % 3]
        for place in range(6 if kind == "few" else 11):
            y = rng.uniform(0.1, 0.7) if kind == "scattered" else 0.4 + rng.normal(0, 0.005)
            now = {"video": "gallery", "start": float(frame), "end": frame + 1.0, "kind": kind}
            rows.append({**now, **_box(0.02 + place * 0.085, y, 0.07, 0.15)})
    return relation(rows, "faces")


@cache
def films(seed: int = 0) -> tuple[vq.Intervals, vq.Intervals]:
    """Shots of a film with the faces in them; ``idiom`` of a shot is the truth.

    Returns shots (``shot, idiom``) and faces (``name``), two looks a second.
    """
    rng = np.random.default_rng(seed)
    shots: Rows = []
    faces: Rows = []
    at = 0.0
    for _ in range(60):
        idiom = ("conversation", "intensification", "plain")[int(rng.integers(3))]
        first, second = rng.permutation(["Ann", "Bob", "Cy", "Di", "Ed"])[:2]
        for step in range({"conversation": 4, "intensification": 4, "plain": 2}[idiom]):
            long = round(float(rng.uniform(1.5, 4)), 1)
            who = (first, second)[step % 2] if idiom == "conversation" else first
            height = 0.15 + 0.1 * step if idiom == "intensification" else 0.3 - 0.02 * (step % 2)
            shot = {"video": "film", "start": round(at, 1), "end": round(at + long, 1)}
            shots.append({**shot, "shot": len(shots), "idiom": idiom})
            for look in np.arange(shot["start"], shot["end"] - 0.4, 0.5):
                now = {"video": "film", "start": float(look), "end": float(look) + 0.4}
                faces.append({**now, **_box(0.3, 0.2, height / 2, height), "name": str(who)})
            at += long
    return relation(shots, "shots"), relation(faces, "faces")
