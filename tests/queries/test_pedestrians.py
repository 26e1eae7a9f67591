"""Missed boxes, close and crossing pairs on real detections, against numpy frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.data
SIZES = {"TUD-Campus": (640, 480), "MOT16-11": (1920, 1080)}
FILES = [("TUD-Campus", "det"), ("TUD-Campus", "tracker_result"), ("MOT16-11", "tracker_result")]


def read(data, sequence, file):
    """Frame, track and box (float32, shares of the picture) of each row that counts."""
    rows = np.loadtxt(data / "mot" / sequence / f"{file}.txt", delimiter=",")
    if file == "gt":
        rows = rows[rows[:, 6] != 0]
    width, height = SIZES[sequence]
    x1, y1 = rows[:, 2] - 1, rows[:, 3] - 1
    box = np.stack([x1, y1, x1 + rows[:, 4], y1 + rows[:, 5]], 1) / [width, height, width, height]
    kept = (box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1])
    return rows[kept, 0].astype(int), rows[kept, 1].astype(int), box[kept].astype(np.float32)


def iou(a, b):
    """Every box of ``a`` with every one of ``b``, in float32."""
    low, high = (
        np.maximum(a[:, None, :2], b[None, :, :2]),
        np.minimum(a[:, None, 2:], b[None, :, 2:]),
    )
    shared = np.prod(np.maximum(high - low, np.float32(0)), axis=2, dtype=np.float32)
    areas = [(each[:, 2] - each[:, 0]) * (each[:, 3] - each[:, 1]) for each in (a, b)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


@pytest.mark.parametrize(("sequence", "file"), FILES)
def test_missed_boxes(data, sequence, file):
    import loaders
    from q15_missed_boxes import false_alarms, missed, missed_by_distance

    frame, _, box = read(data, sequence, "gt")
    other_frame, _, other = read(data, sequence, file)
    large = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) >= np.float32(0.02)
    counts = dict.fromkeys(("missed", "far", "false"), 0)
    for now in np.union1d(frame, other_frame):
        here, there = frame == now, other_frame == now
        hit = iou(box[here], other[there]) >= 0.5
        middles = [
            (each[:, :2] + each[:, 2:]) / np.float32(2) for each in (box[here], other[there])
        ]
        apart = np.abs(middles[0][:, None] - middles[1][None])
        near = (apart <= np.float32(0.1)).all(axis=2)
        counts["missed"] += int((~hit.any(axis=1) & large[here]).sum())
        counts["far"] += int((~near.any(axis=1) & large[here]).sum())
        counts["false"] += int((~hit.any(axis=0)).sum())
    truth, found = (loaders.pedestrians(data, sequence, each) for each in ("gt", file))
    assert missed(truth, found).count() == counts["missed"] > 0
    assert missed_by_distance(truth, found).count() == counts["far"] > 0
    assert false_alarms(truth, found).count() == counts["false"] > 0


def middles_by_frame(data):
    """For each frame the tracks and the middles of their boxes."""
    frame, track, box = read(data, "MOT16-11", "gt")
    middle = (box[:, :2] + box[:, 2:]) / np.float32(2)
    for now in np.unique(frame):
        here = np.flatnonzero(frame == now)
        yield int(now), track[here], middle[here]


def test_close_pairs(data):
    import loaders
    from more_pairs import close_pairs

    frames: dict[tuple[int, int], list[int]] = {}
    for now, tracks, middle in middles_by_frame(data):
        near = (np.abs(middle[:, None] - middle[None]) <= np.float32(0.05)).all(axis=2)
        for i, j in np.argwhere(near):
            if tracks[i] < tracks[j]:
                frames.setdefault((int(tracks[i]), int(tracks[j])), []).append(now)
    wanted = 0
    for seen in frames.values():
        # a frame lasts 1/30 s; 0.2 s between the end of one and the start of another: 6 frames
        breaks = np.flatnonzero(np.diff(seen) - 1 > 6)
        starts, ends = np.r_[0, breaks + 1], np.r_[breaks, len(seen) - 1]
        wanted += sum(seen[e] - seen[s] + 1 >= 15 for s, e in zip(starts, ends, strict=True))
    found = close_pairs(loaders.pedestrians(data, "MOT16-11", "gt"))
    assert found.count() == wanted > 10


def test_crossings(data):
    import loaders
    from more_pairs import crossings

    ahead: dict[tuple[int, int], float] = {}
    wanted = 0
    for _, tracks, middle in middles_by_frame(data):
        for i, j in np.argwhere(tracks[:, None] < tracks[None]):
            pair = int(tracks[i]), int(tracks[j])
            now = middle[i, 0] - middle[j, 0]
            wanted += now * ahead.get(pair, np.float32(0)) < 0
            ahead[pair] = now
    assert crossings(loaders.pedestrians(data, "MOT16-11", "gt")).count() == wanted > 20
