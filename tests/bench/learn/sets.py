"""Real pictures to learn from: what is known of them without labels, and what people say of them.

Faces of sign clips and of a stage, screenshots on television, and digits. The built-in descriptor
of each stands beside, made of the same pixels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from sklearn.datasets import load_digits

import vquery as vq
from tests.learning.realdata import EPISODE, GOLD, _gold
from tests.learning.test_names import HAMILTON, on_stage
from vquery.learn.augment.base import Transformation
from vquery.learn.augment.policies import Compose
from vquery.learn.augment.shape import Crop, Rotate
from vquery.learn.augment.tone import Colour
from vquery.learn.core.pictures import ALONE, Pictures, load
from vquery.learn.pretext import views
from vquery.media.descriptors import FrameDescriptor
from vquery.media.pictures import squared
from vquery.store.store import Store

SIDE = 48
DIGIT_SIDE = 32
TRIES = 1000
APART_S = 10.0
SHOT = 0.7
"""Cosine of neighbouring seconds below which another shot begins, where there are only seconds."""


@dataclass(frozen=True)
class Set:
    """Pictures with all that is known of them.

    Attributes
    ----------
    pictures
        All n, of which some have no label: they are learnt from too.
    built : float32 (n, d)
        Vectors of the built-in descriptor, of unit length.
    truth : object (n,)
        Labels; None is not asked for.
    group : int64 (n,)
        Labelled pictures and those that count never share one.
    lane : int64 (n,)
        Pictures of one lane that lie within `APART_S` of each other are no neighbours.
    view
        How pictures are varied.
    spaces
        How many spaces ``built`` is made of.
    """

    name: str
    pictures: Pictures
    built: np.ndarray
    truth: np.ndarray
    group: np.ndarray
    lane: np.ndarray
    view: Transformation
    spaces: int = 1

    @property
    def rows(self) -> np.ndarray:
        """Rows that have a label."""
        return np.flatnonzero([one is not None for one in self.truth])

    def joined(self, learned: np.ndarray) -> np.ndarray:
        """Both kinds of vectors, each space counting alike, as `db.propagate` joins them."""
        share = 1 / (self.spaces + 1)
        return np.hstack([self.built * np.sqrt(1 - share), learned * np.sqrt(share)])

    def only(self, name: str, truth: np.ndarray, group: np.ndarray) -> Set:
        """The same pictures with other labels."""
        return replace(self, name=name, truth=truth, group=group, lane=group)


def digits() -> Set:
    """1,797 handwritten digits of 8 × 8 pixels (scikit-learn); pixels are the descriptor."""
    found = load_digits()
    grey = [(one * 255 / 16).astype(np.uint8) for one in found.images]
    size = (DIGIT_SIDE, DIGIT_SIDE)
    pixels = np.stack([cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in grey])
    n = len(pixels)
    own = np.arange(n)
    pictures = Pictures(
        np.repeat(pixels[:, None], 3, 1), own, own, np.full(n, ALONE), np.zeros(n, np.int64)
    )
    truth = np.array(list(map(str, found.target)), object)
    view = Compose([Crop((0.5, 1.0)), Rotate(15.0), Colour(0.4, 0.4, 0.0, 0.0)])
    return Set("digits", pictures, unit(found.data), truth, own, own, view)


def faces(folder: Path, collection: Path) -> tuple[Set, Set]:
    """Faces of all clips: who of five signs, clips apart; who of two is on stage, shots apart.

    ``collection`` is an index of the clips, made where it is not there.
    """
    if not collection.exists():
        with vq.create(collection) as db:
            db.index(folder / "videos", models=folder / "models")
    with Store.open(collection).snapshot() as snapshot:
        pictures = load(snapshot, "detection", side=SIDE)
        spaces = [snapshot.vectors(f"embedding.{name}") for name in ("face", "face_wide")]
        rows = snapshot.read(
            "detections", columns=["detection_id", "frame", "x1", "y1", "x2", "y2"]
        )
        rows = rows.sort_by("detection_id")
    at = np.searchsorted(rows["detection_id"].to_numpy(), pictures.ids)
    frame = rows["frame"].to_numpy()[at]
    boxes = np.stack([rows[name].to_numpy() for name in ("x1", "y1", "x2", "y2")], 1)[at]
    built = unit(np.hstack([m[np.searchsorted(ids, pictures.ids)] for ids, m in spaces]))
    clips = np.array(pictures.videos)[pictures.video]
    nobody = np.full(len(clips), None, object)
    everyone = Set(
        "faces", pictures, built, nobody, pictures.video, pictures.video, views.standard(), 2
    )
    signs = everyone.only("five signers", signers(folder, pictures, clips), pictures.video)
    return signs, everyone.only("two on stage", *stage(clips, frame, boxes))


def signers(folder: Path, pictures: Pictures, clips: np.ndarray) -> np.ndarray:
    """The signer is the long track of a sign clip."""
    told = json.loads((folder / "videos" / "shots_ground_truth.json").read_text())["sign_clips"]
    who = np.full(len(clips), None, object)
    for person, names in told.items():
        for name in names if person != "note" else ():
            mine = np.flatnonzero(clips == f"asl_gestures/{name}.mkv")
            tracks, counts = np.unique(pictures.track[mine], return_counts=True)
            who[mine[pictures.track[mine] == tracks[counts.argmax()]]] = person
    return who


def stage(clips: np.ndarray, frame: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two people in two shots each; a shot of a person is a group."""
    mine = np.flatnonzero(clips == HAMILTON)
    who = np.full(len(clips), None, object)
    who[mine] = on_stage(frame[mine], boxes[mine])
    shot = np.searchsorted([20, 82, 211], frame, side="right")
    group = np.where(clips == HAMILTON, 1000 + 2 * shot, 0)
    group[who == "Miranda"] += 1  # two people of one shot need not be on one side
    return who, group


def television(folder: Path) -> Set:
    """Lower thirds of 521 seconds of television; screenshots in one episode, segments apart."""
    root = folder / "tvnews_frames"
    gold, describe = _gold(root, GOLD["screenshot"]), FrameDescriptor().describe
    pixels, lower, whole, time, video, truth = [], [], [], [], [], []
    for path in sorted((root / "images").glob("*/*.jpg")):
        picture = cv2.imread(str(path))
        third = np.ascontiguousarray(picture[2 * picture.shape[0] // 3 :])
        pixels.append(squared(third, SIDE, stretch=True)[:, :, ::-1].transpose(2, 0, 1))
        lower.append(describe(third))
        whole.append(describe(picture))
        time.append(int(path.stem))
        video.append(path.parent.name)
        mine = path.parent.name == EPISODE
        truth.append(gold[f"{path.parent.name}-{path.name}"] if mine else None)
    names, code = np.unique(video, return_inverse=True)
    gap = (np.diff(time) != 1) | (np.diff(code) != 0)
    alike = (np.stack(whole)[1:] * np.stack(whole)[:-1]).sum(1) >= SHOT
    segment = np.r_[0, np.cumsum(gap)]
    shot = np.r_[0, np.cumsum(gap | ~alike)]
    start = np.array(time, np.int64) * 1_000_000
    own = np.arange(len(time))
    pictures = Pictures(np.stack(pixels), own, code, shot, start, tuple(names))
    built, said = unit(lower), np.array(truth, object)
    return Set("screenshots", pictures, built, said, segment, code, views.standard(flip=False))


def unit(vectors) -> np.ndarray:
    found = np.asarray(vectors, np.float32)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def split(data: Set, seed: int, each: int) -> tuple[dict[int, str], np.ndarray]:
    """Draw labels, and the rows that count.

    Half of the groups of each class (at least one, and not all) may be labelled; where groups hold
    several classes, half of all groups. ``each`` labels a class are drawn from them; rows that are
    given first for a smaller number are given again for a larger one.
    """
    rng = np.random.default_rng(seed)
    rows = data.rows
    group, truth = data.group[rows], data.truth[rows].astype(str)
    classes, names = np.unique(truth), np.unique(group)
    for _ in range(TRIES):
        side = np.isin(group, rng.permutation(names)[: len(names) // 2])
        counts = [((truth == one) & side).sum() for one in classes]
        others = [((truth == one) & ~side).sum() for one in classes]
        if min(counts) >= 1 and min(others) >= 1:
            break
    else:
        raise ValueError(f"{data.name}: no split has every class on both sides")
    seeds: dict[int, str] = {}
    for one in classes:
        mine = rng.permutation(rows[(truth == one) & side])[:each]
        seeds |= {int(row): str(one) for row in mine}
    return seeds, rows[~side]
