"""Draws a programme frame by frame, and notes whose face is where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vquery_newsroom import overlay, sets
from vquery_newsroom.adverts import PRODUCTS, Advert
from vquery_newsroom.figure import draw_from_behind, draw_person, face_box
from vquery_newsroom.graphics import GRAPHICS, Graphic
from vquery_newsroom.motion import Actor
from vquery_newsroom.people import CAST
from vquery_newsroom.picture import FPS, H, W, reduce
from vquery_newsroom.programme import BLEND, Programme, Shot
from vquery_newsroom.shapes import Image, Pose, rgb, tint

if TYPE_CHECKING:
    from collections.abc import Iterator

Box = tuple[float, float, float, float]
LEAST_LIGHT = 0.35  # of a fading picture: in less a face cannot be seen
LEAST_VISIBLE = 0.6  # of a face's box: less is not counted as a face
DESKS = {"skyline": "1d2a4d", "panels": "5b2a1a", "control": "0f2f45", "map": "0c4f4d"}


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a frame: its box in fractions of the picture, cut at its edges."""

    character: str
    box: Box
    frontal: float  # radians away from looking straight into the camera


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _shared(a: Box, b: Box) -> Box:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _occluders(pose: Pose) -> tuple[Box, Box]:
    """Return what the head and the body of somebody in front hide, in pixels."""
    s = pose.size
    head = (pose.x - 1.1 * s, pose.y - 1.3 * s, pose.x + 1.1 * s, pose.y + 1.4 * s)
    return head, (pose.x - 1.9 * s, pose.y + 1.6 * s, pose.x + 1.9 * s, float(H))


class Take:
    """One shot, ready to be drawn at any moment; what stands still is drawn once."""

    def __init__(self, shot: Shot, *, title: str) -> None:
        self.shot = shot
        rng = np.random.default_rng(shot.seed)
        self.graphic: Graphic | None = None
        if shot.scene in GRAPHICS:
            words = title if shot.scene == "title" else shot.headline
            self.graphic = GRAPHICS[shot.scene](rng, words)
        elif shot.kind == "commercial":
            product = next(p for p in PRODUCTS if p.name == shot.scene)
            self.graphic = Advert(rng, product, aside=bool(shot.roles), closing=shot.camera == 1.0)
        self.base = self.graphic.base if self.graphic else self._set(shot)
        begin = shot.first / FPS
        said = {
            role.character: [
                (c.start - begin, c.end - begin) for c in shot.speech if c.speaker == role.character
            ]
            for role in shot.roles
        }
        self.actors = [Actor(role, said[role.character], rng) for role in shot.roles]
        self.backs = [Actor(role, [], rng) for role in shot.backs]
        self.drift = float(rng.uniform(0, 2 * np.pi))
        self.straps = cache(self._straps)

    @staticmethod
    def _set(shot: Shot) -> Image:
        return sets.backdrop(shot.scene, seed=shot.set_seed, camera=shot.camera, zoom=shot.zoom)

    def _straps(self, caption: str) -> tuple[overlay.Strap, ...]:
        shot = self.shot
        if shot.kind == "title":
            return ()
        if isinstance(self.graphic, Advert):
            name = overlay.brand(
                shot.scene, self.graphic.middle, tint(self.graphic.product.floor, 0.35)
            )
            return overlay.caption_above(caption), name
        return (overlay.lower_third(shot.headline, shot.tag, caption),)

    def _caption(self, frame: int) -> str:
        """Return the caption: it stays on until the next one comes."""
        said = [cue.text for cue in self.shot.speech if cue.start * FPS <= frame]
        return said[-1] if said else ""

    def picture(self, frame: int) -> Image:
        """Draw a frame (HEIGHT, WIDTH, 3), by its number in the video; in blends also outside."""
        shot, t = self.shot, (frame - self.shot.first) / FPS
        image = self.base.copy()
        if self.graphic:
            self.graphic.paint(image, t)
        for actor in self.actors:
            head, body = actor.poses(t)
            draw_person(image, CAST[actor.role.character], head, body, shot.side)
        for actor in self.backs:
            draw_from_behind(image, CAST[actor.role.character], actor.poses(t)[0])
        if shot.scene in DESKS and shot.kind in {"two", "panel", "over_shoulder"}:
            sets.desk(image, rgb(DESKS[shot.scene]))
        small = self._lit(reduce(image), t)
        for strap in self.straps(self._caption(frame)):
            strap.put(small)
        return small

    def _lit(self, image: Image, t: float) -> Image:
        """Light of the shot, with the slow drift of an automatic exposure."""
        gain = np.array(self.shot.light) * (1 + 0.02 * np.sin(0.9 * t + self.drift))
        table = np.clip(np.arange(256)[:, None] * gain, 0, 255).round().astype(np.uint8)
        return np.asarray(cv2.LUT(image, table[None]), dtype=np.uint8)

    def faces(self, frame: int) -> list[Face]:
        """Return the faces that can be seen in a frame, from back to front."""
        t = (frame - self.shot.first) / FPS
        poses = [actor.poses(t)[0] for actor in self.actors]
        hiding = [_occluders(pose) for pose in poses] + [
            _occluders(actor.poses(t)[0]) for actor in self.backs
        ]
        found = []
        for i, (actor, pose) in enumerate(zip(self.actors, poses, strict=True)):
            whole = face_box(CAST[actor.role.character], pose)
            seen = _shared(whole, (0.0, 0.0, float(W), float(H)))
            hidden = sum(_area(_shared(seen, box)) for pair in hiding[i + 1 :] for box in pair)
            if _area(seen) - hidden < LEAST_VISIBLE * _area(whole):
                continue
            box = (seen[0] / W, seen[1] / H, seen[2] / W, seen[3] / H)
            found.append(
                Face(actor.role.character, box, abs(pose.yaw) + abs(pose.pitch) + abs(pose.roll))
            )
        return found


@dataclass(frozen=True, slots=True)
class FilmedFrame:
    """A frame of the video: its picture, and the faces of the shot that it belongs to."""

    index: int
    shot: int
    picture: Image
    faces: list[Face]
    blended: bool


def _blend(before: Image, after: Image, share: float, how: str) -> Image:
    """Return a moment of a dissolve or a fade through black; ``share`` goes from 0 to 1."""
    if how == "dissolve":
        return np.asarray(cv2.addWeighted(before, 1 - share, after, share, 0), dtype=np.uint8)
    picture, weight = (before, 1 - 2 * share) if share < 0.5 else (after, 2 * share - 1)
    return np.asarray(cv2.convertScaleAbs(picture, alpha=weight), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Seam:
    """The gradual transition around the first frame of ``after``, half of it on either side."""

    before: Take
    after: Take

    @property
    def half(self) -> int:
        """Frames on either side; 0 at a cut."""
        return BLEND.get(self.after.shot.opens_with, 0) // 2

    def share(self, frame: int) -> float:
        """How far the transition is at ``frame``, from 0 (not begun) to 1 (over)."""
        if not self.half:
            return float(frame >= self.after.shot.first)
        return float(np.clip(0.5 + (frame - self.after.shot.first + 0.5) / (2 * self.half), 0, 1))

    def picture(self, frame: int) -> Image:
        """Draw a frame of the transition."""
        before, after = self.before.picture(frame), self.after.picture(frame)
        return _blend(before, after, self.share(frame), self.after.shot.opens_with)

    def is_dark(self, frame: int) -> bool:
        """Whether a fade has left too little light to see a face."""
        return self.after.shot.opens_with == "fade" and abs(2 * self.share(frame) - 1) < LEAST_LIGHT


def film(programme: Programme) -> Iterator[FilmedFrame]:
    """Draw every frame of a programme in order; at most three shots are held at a time.

    A frame of a gradual transition belongs to the shot that makes up more of it.
    """
    title = programme.name.partition("-")[2].replace("-", " ").upper()
    this = Take(programme.shots[0], title=title)
    opening: Seam | None = None
    for number, shot in enumerate(programme.shots):
        following = programme.shots[number + 1 : number + 2]
        closing = Seam(this, Take(following[0], title=title)) if following else None
        seams = [seam for seam in (opening, closing) if seam]
        for frame in range(shot.first, shot.end):
            seam = next((s for s in seams if 0 < s.share(frame) < 1), None)
            picture = seam.picture(frame) if seam else this.picture(frame)
            faces = [] if seam and seam.is_dark(frame) else this.faces(frame)
            yield FilmedFrame(frame, number, picture, faces, seam is not None)
        if closing:
            this, opening = closing.after, closing
