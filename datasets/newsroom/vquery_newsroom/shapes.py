"""Smooth outlines in head units, and the canvas that draws them without jagged edges.

A head unit is half the height of a face; x points right, y down and z to the viewer, with the
origin in the middle of the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Colour = tuple[int, int, int]  # blue, green, red: what cv2 draws with

SUBPIXEL_BITS = 4


def rgb(code: str) -> Colour:
    """Turn ``"rrggbb"`` into the blue, green, red that cv2 draws with.

    >>> rgb("ff8000")
    (0, 128, 255)
    """
    return int(code[4:6], 16), int(code[2:4], 16), int(code[0:2], 16)


def tint(colour: Colour, factor: float) -> Colour:
    """Darken (factor < 1) or lighten a colour.

    >>> tint((100, 200, 50), 1.5)
    (150, 255, 75)
    """
    blue, green, red = (min(255, round(channel * factor)) for channel in colour)
    return blue, green, red


def blend(colour: Colour, other: Colour, share: float) -> Colour:
    """Mix two colours; ``share`` is the part of ``other``.

    >>> blend((0, 0, 0), (200, 100, 50), 0.5)
    (100, 50, 25)
    """
    blue, green, red = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return blue, green, red


def smooth(points: list[tuple[float, float]] | Array, steps: int = 5) -> Array:
    """Draw a closed Catmull-Rom curve through ``points`` (n, 2), as an outline of (n * steps, 2).

    >>> smooth([(0, 0), (1, 0), (1, 1), (0, 1)], steps=4).shape
    (16, 2)
    """
    p1 = np.asarray(points, dtype=np.float64)[:, None, :]
    p0, p2, p3 = np.roll(p1, 1, axis=0), np.roll(p1, -1, axis=0), np.roll(p1, -2, axis=0)
    t = (np.arange(steps) / steps)[None, :, None]
    curve = (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * (p1 - p2) + p3 - p0) * t**3
    )
    outline: Array = (curve / 2).reshape(-1, 2)
    return outline


def ellipse(x: float, y: float, rx: float, ry: float, n: int = 24) -> Array:
    """Outline of an ellipse as n points (n, 2)."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def bumpy(x: float, y: float, radius: float, bumps: int, depth: float, n: int = 96) -> Array:
    """Outline of a circle with ``bumps`` round bumps, for curls, bushes and clouds."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    r = radius * (1 - depth + depth * np.abs(np.sin(bumps * angle / 2)))
    return np.stack([x + r * np.cos(angle), y + r * np.sin(angle)], axis=1)


def blot(rng: np.random.Generator, x: float, y: float, radius: float) -> Array:
    """Outline of an irregular patch, for land on a map."""
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    r = radius * rng.uniform(0.55, 1.25, 12)
    return smooth(np.stack([x + 1.2 * r * np.cos(angle), y + r * np.sin(angle)], axis=1), steps=8)


def mirrored(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Complete the left half of a symmetric outline, listed from top to bottom.

    >>> mirrored([(0, -1), (-1, 0), (0, 1)])
    [(0, -1), (-1, 0), (0, 1), (1, 0)]
    """
    return points + [(-x, y) for x, y in reversed(points) if x]


@dataclass(frozen=True, slots=True)
class Part:
    """A filled outline, or a line of some ``width`` in head units, in three dimensions (n, 3)."""

    points: Array
    colour: Colour
    width: float = 0.0
    closed: bool = True


def part(
    outline: list[tuple[float, float]] | Array,
    colour: Colour,
    z: float | Array = 0.0,
    *,
    width: float = 0.0,
    closed: bool = True,
) -> Part:
    """Lift a flat outline (n, 2) to depth ``z``."""
    flat = np.asarray(outline, dtype=np.float64)
    depth = np.broadcast_to(np.asarray(z, dtype=np.float64), flat.shape[:1])
    return Part(np.column_stack([flat, depth]), colour, width, closed)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a head is (pixels), how large (pixels per head unit) and how turned (radians)."""

    x: float
    y: float
    size: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    mouth: float = 0.0  # 0 closed, 1 wide open
    blink: float = 0.0  # 0 open, 1 shut

    def matrix(self) -> Array:
        """Rotation and scale (3, 2): head units to pixels, by orthographic projection."""
        cy, sy, cp, sp = np.cos(self.yaw), np.sin(self.yaw), np.cos(self.pitch), np.sin(self.pitch)
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        turned = np.array([[cy, 0.0, sy], [sp * sy, cp, -sp * cy]])
        rolled = np.array([[cr, -sr], [sr, cr]]) @ turned
        matrix: Array = (rolled * self.size).T
        return matrix

    def project(self, points: Array) -> Array:
        """Points in head units (n, 3) to pixels (n, 2)."""
        pixels: Array = points @ self.matrix() + (self.x, self.y)
        return pixels


def fixed(points: Array) -> NDArray[np.int32]:
    """Pixels as the fixed-point integers that cv2 draws sub-pixel outlines from."""
    return np.round(points * (1 << SUBPIXEL_BITS)).astype(np.int32)


def fill(image: Image, points: Array, colour: Colour) -> None:
    """Fill an outline (n, 2) given in pixels."""
    cv2.fillPoly(image, [fixed(points)], colour, cv2.LINE_AA, SUBPIXEL_BITS)


def stroke(
    image: Image, points: Array, colour: Colour, width: float, *, closed: bool = False
) -> None:
    """Draw a line (n, 2) of some width, both in pixels."""
    thickness = max(1, round(width))
    cv2.polylines(image, [fixed(points)], closed, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def draw(image: Image, parts: tuple[Part, ...], pose: Pose) -> None:
    """Draw parts from back to front, all projected at once."""
    if not parts:
        return
    pixels = pose.project(np.concatenate([p.points for p in parts]))
    at = 0
    for p in parts:
        outline, at = pixels[at : at + len(p.points)], at + len(p.points)
        if p.width:
            stroke(image, outline, p.colour, p.width * pose.size, closed=p.closed)
        else:
            fill(image, outline, p.colour)
