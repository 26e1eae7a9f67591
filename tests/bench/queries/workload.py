"""Tables like those of TV news, made from a seed: faces, captions, shots and graphics.

Every video lasts one hour; times are whole milliseconds, given in microseconds. Tables are sorted
by ``(video, t1)`` and ``id`` numbers their rows. Boxes are float32.
"""

from __future__ import annotations

import numpy as np

SECOND = 1_000_000
HOUR = 3_600 * SECOND
FACES_PER_VIDEO = 2_250
SLOTS, SAMPLES, PLACES = 120, 10, 4  # slots of 30 s, a sample every 3 s, up to 4 faces in each
NAMES = 1_000
WORDS = 50_000


def zipf(rng, exponent, values, size):
    weights = np.arange(1, values + 1, dtype=float) ** -exponent
    cumulated = np.cumsum(weights)
    return np.searchsorted(cumulated, rng.random(size) * cumulated[-1]).astype(np.int32)


def workload(faces, seed=1):
    """Tables by name, each a mapping of columns; about ``faces`` rows in that of faces."""
    rng = np.random.default_rng(seed)
    videos = max(1, round(faces / FACES_PER_VIDEO))
    tables = {"shots": shots_of(videos, rng), "graphics": graphics_of(videos, rng)}
    tables["faces"] = faces_of(videos, rng, tables["shots"])
    tables["captions"] = captions_of(videos, rng)
    for table in tables.values():
        table["video"] = table["video"].astype(np.int32)
        table["id"] = np.arange(table["video"].size, dtype=np.int32)
    return tables


def faces_of(videos, rng, shots):
    """Every 3 s, 1 to 4 faces in three of four slots; name and track keep inside a shot."""
    filled = rng.random((videos, SLOTS)) >= 0.25
    number = rng.integers(1, PLACES + 1, (videos, SLOTS, SAMPLES)) * filled[:, :, None]
    video, slot, sample = (
        np.repeat(axis, number.ravel()) for axis in map(np.ravel, np.indices(number.shape))
    )
    place = np.arange(video.size) - np.repeat(np.cumsum(number) - number.ravel(), number.ravel())
    start = (slot * SAMPLES + sample) * 3 * SECOND
    shot = shot_at(shots, video, start)
    track = (shot * PLACES + place).astype(np.int64)
    name = zipf(rng, 1.1, NAMES, shots["video"].size * PLACES)[track]
    height = rng.uniform(0.1, 0.6, video.size)
    width = height * rng.uniform(0.5, 0.8, video.size)
    x = (place + 0.5) / PLACES + rng.normal(0, 0.03, video.size)
    y = rng.normal(0.4, 0.08, video.size)
    table = {"video": video, "t1": start, "t2": start + 3 * SECOND, "name": name, "track": track}
    return table | boxes(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def boxes(x1, y1, x2, y2):
    edges = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return {name: np.clip(each, 0, 1).astype(np.float32) for name, each in edges.items()}


def shot_at(shots, video, time):
    """Number of the shot in which each moment lies."""
    starts = shots["video"].astype(np.int64) * 2 * HOUR + shots["t1"]
    return np.searchsorted(starts, video.astype(np.int64) * 2 * HOUR + time, side="right") - 1


def back_to_back(lengths, pauses):
    """Rows one behind the other in every video, up to the hour; lengths and pauses (videos, n)."""
    end = np.cumsum(lengths + pauses, axis=1)
    start = end - lengths
    inside = start < HOUR
    video = np.nonzero(inside)[0]
    return {"video": video, "t1": start[inside], "t2": np.minimum(end[inside], HOUR)}


def shots_of(videos, rng):
    length = np.maximum(400, rng.exponential(5_000, (videos, 1_400)).astype(np.int64)) * 1_000
    return back_to_back(length, np.zeros_like(length))


def captions_of(videos, rng):
    """A word after the other; a pause before one in twenty. Made in parts, to spare memory."""
    parts = []
    for first in range(0, videos, 200):
        count = min(200, videos - first)
        word = rng.integers(150, 451, (count, 13_000), dtype=np.int64) * 1_000
        paused = rng.random(word.shape) < 0.05
        part = back_to_back(word, rng.integers(200, 800, word.shape) * 1_000 * paused)
        part["video"] = (part["video"] + first).astype(np.int32)
        part["word"] = np.minimum(zipf(rng, 1.3, WORDS, part["video"].size), WORDS - 1)
        parts.append(part)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def graphics_of(videos, rng):
    """450 a video, 4 to 12 s long, anywhere: their ends do not ascend with their starts."""
    start = rng.integers(0, (HOUR - 12 * SECOND) // 1_000, (videos, 450)) * 1_000
    start = np.sort(start, axis=1).ravel()
    end = start + rng.integers(4_000, 12_001, start.size) * 1_000
    x, y = rng.uniform(0, 0.5, start.size), rng.uniform(0.5, 0.8, start.size)
    width = rng.uniform(0.2, 0.5, start.size)
    table = {"video": np.repeat(np.arange(videos), 450), "t1": start, "t2": end}
    return table | boxes(x, y, x + width, y + 0.2)


def folded(tables, streams):
    """Return the same rows in a few long streams, the videos one behind the other."""
    made = {}
    for name, table in tables.items():
        video, hour = table["video"] % streams, table["video"] // streams
        shift = hour.astype(np.int64) * HOUR
        moved = {"video": video.astype(np.int32), "t1": table["t1"] + shift}
        moved["t2"] = table["t2"] + shift
        order = np.lexsort((moved["t1"], moved["video"]))
        made[name] = {key: each[order] for key, each in (table | moved).items()}
    return made
