"""What looking several times is worth: ``python -m tests.bench.learn.ensemble DATA [EVERY]``.

Faces of clips in which it is known how many there are in each frame, and where: a sign clip has one
signer, a head pose clip one or two people, a clip of bottles or fruit none. The sign clips are
looked at in the distance too, an eighth of the size on black. Of the stage and of Chaplin it is
not known: there, what two detectors do not share is written as pictures (``EVERY`` th frames).
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from vquery.media.ensemble import FLOOR, LOOKS, Ensemble
from vquery.media.faces import SCORE, Faces, YuNet
from vquery.media.voting import overlap

HERE = 0.3
"""Shared area from which a box is the face that is known to be there."""
DISTANCE = 8
SIGNS = "videos/asl_gestures/*.mkv"
KNOWN = {
    "sign clips": (SIGNS, 1, 8),
    "sign clips in the distance": (SIGNS, 1, 8),
    "carphone": ("videos/carphone*.mp4", 1, 4),
    "one head": ("videos/preview_gif/head*detection-male.gif", 1, 3),
    "bottles": ("videos/bottle-detection.mp4", 0, 30),
    "fruit": ("videos/preview_gif/*fruit*.gif", 0, 5),
}
JUDGED = {"stage": ("videos/short_hamilton_clip.mp4", 5), "chaplin": ("videos/chaplin.mp4", 5)}
WAYS: dict[str, tuple[tuple[str, ...], int, float]] = {
    "plain, score 0.7": (("whole",), 1, SCORE),
    "plain, score 0.5": (("whole",), 1, FLOOR),
    "mirrored too, 1 look": (("whole", "mirrored"), 1, SCORE),
    "mirrored too, both": (("whole", "mirrored"), 2, SCORE),
    "all four, 1 look": (LOOKS, 1, SCORE),
    "all four, 2 looks": (LOOKS, 2, SCORE),
    "all four, 3 looks": (LOOKS, 3, SCORE),
}


def frames(path: Path, every: int):
    """Read every so many frames."""
    clip, number = cv2.VideoCapture(str(path)), 0
    while True:
        good, picture = clip.read()
        if not good:
            return
        if number % every == 0:
            yield number, picture
        number += 1


def far(picture: np.ndarray) -> np.ndarray:
    """Put a picture into the distance."""
    small = cv2.resize(
        picture, None, fx=1 / DISTANCE, fy=1 / DISTANCE, interpolation=cv2.INTER_AREA
    )
    canvas = np.zeros_like(picture)
    top, left = (np.array(picture.shape[:2]) - small.shape[:2]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def placed_far(box: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Say where the box of a near face is in the distance."""
    size = np.array(shape[:2])
    small = np.round(size / DISTANCE)
    offset = ((size - small) // 2 / size)[::-1]
    return box * np.tile((small / size)[::-1], 2) + np.tile(offset, 2)


def looks_at(
    detector: YuNet, picture: np.ndarray, spent: dict[str, list[float]]
) -> dict[str, Faces]:
    """Look once in each way, and count what it takes."""
    every, found = Ensemble(detector), {}
    for look in LOOKS:
        began = time.process_time()
        found[look] = every.seen(picture, look)
        spent[look].append(time.process_time() - began)
    return found


def merged(found: dict[str, Faces], way: str) -> Faces:
    """Let looks vote as a way has it."""
    looks, agree, score = WAYS[way]
    vote = Ensemble(YUNET, looks=looks, agree=agree, score=score)
    return vote.merged([found[look] for look in looks])


def tally(root: Path, detector: YuNet, spent: dict[str, list[float]]) -> None:
    """Count faces found and false ones of the clips whose faces are known."""
    print("| clips | frames | " + " | ".join(WAYS) + " |")
    print("|---|---|" + "---|" * len(WAYS))
    for name, (pattern, there, every) in KNOWN.items():
        right, false, count = defaultdict(int), defaultdict(int), 0
        for path in sorted(root.glob(pattern)):
            shown = list(frames(path, every))
            pictures = (
                [far(one) for _, one in shown] if "distance" in name else [p for _, p in shown]
            )
            known = place(detector, [p for _, p in shown]) if there else None
            if known is not None and "distance" in name:
                known = placed_far(known, shown[0][1].shape)
            for picture in pictures:
                found, count = looks_at(detector, picture, spent), count + 1
                for way in WAYS:
                    boxes = merged(found, way).boxes
                    mine = (
                        overlap(known, boxes) >= HERE if known is not None else np.zeros(len(boxes))
                    )
                    right[way] += int(np.any(mine))
                    false[way] += len(boxes) - int(np.any(mine))
        told = [f"{right[way]} + {false[way]} false" for way in WAYS]
        print(f"| {name} | {count} | " + " | ".join(told) + " |", flush=True)


def place(detector: YuNet, pictures: list[np.ndarray]) -> np.ndarray:
    """Median of the best box of each frame: the heads of these clips stay where they are."""
    best = [detector.detect(one).boxes[:1] for one in pictures]
    return np.median(np.concatenate(best), axis=0)


def differences(root: Path, detector: YuNet, spent: dict[str, list[float]], out: Path) -> None:
    """Write the faces that the plain detector and four looks do not share, for eyes to judge."""
    for name, (path, every) in JUDGED.items():
        both, sheets = 0, {"only plain": [], "only four looks": []}
        for _, picture in frames(root / path, every):
            found = looks_at(detector, picture, spent)
            one, two = merged(found, "plain, score 0.7"), merged(found, "all four, 2 looks")
            for kind, mine, other in (("only plain", one, two), ("only four looks", two, one)):
                for box in mine.boxes:
                    if len(other) and overlap(box, other.boxes).max() >= HERE:
                        both += kind == "only plain"
                        continue
                    sheets[kind].append(crop(picture, box))
        for kind, crops in sheets.items():
            print(f"{name}: {both} shared, {len(crops)} {kind}", flush=True)
            if crops:
                crops += [crops[0] * 0] * (-len(crops) % 10)
                rows = [np.hstack(crops[at : at + 10]) for at in range(0, len(crops), 10)]
                cv2.imwrite(str(out / f"{name}-{kind.replace(' ', '-')}.png"), np.vstack(rows))


def crop(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut a face with as much again around it."""
    height, width = picture.shape[:2]
    x, y = (box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height
    half = max((box[2] - box[0]) * width, (box[3] - box[1]) * height, 8)
    wide = cv2.copyMakeBorder(picture, *[int(half) + 1] * 4, cv2.BORDER_CONSTANT)
    x, y, half = int(x + half + 1), int(y + half + 1), int(half)
    return cv2.resize(wide[max(y - half, 0) : y + half, max(x - half, 0) : x + half], (96, 96))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    DATA, OUT = Path(sys.argv[1]), Path(sys.argv[2])
    WEIGHTS = DATA / "models" / "yunet_n_640_640.onnx"
    YUNET = YuNet(WEIGHTS, score=FLOOR)
    COST: dict[str, list[float]] = defaultdict(list)
    tally(DATA, YUNET, COST)
    differences(DATA, YUNET, COST, OUT)
    for LOOK, TOOK in COST.items():
        print(f"{LOOK}: {1000 * np.mean(TOOK):.0f} ms of one core a frame, {len(TOOK)} frames")
