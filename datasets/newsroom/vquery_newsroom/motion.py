"""How heads move: slow turns and nods, blinking, lips while somebody speaks, walking by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_newsroom.picture import H, W
from vquery_newsroom.shapes import Pose

if TYPE_CHECKING:
    from vquery_newsroom.programme import Role

YAW, PITCH, ROLL, BOB = 0.20, 0.09, 0.07, 0.07  # largest swing: radians, and head units


class Actor:
    """A role with the random rhythm of its movements; every pose is a function of time alone."""

    def __init__(
        self, role: Role, speech: list[tuple[float, float]], rng: np.random.Generator
    ) -> None:
        self.role = role
        self.speech = speech  # seconds within the shot
        self.rate = rng.uniform(0.12, 0.45, (5, 2))
        self.phase = rng.uniform(0, 2 * np.pi, (5, 2))
        self.blink_every, self.blink_at = rng.uniform(2.4, 4.4), rng.uniform(0, 2.4)
        self.syllables = rng.uniform(3.2, 4.6)

    def _swing(self, t: float) -> np.ndarray:
        """Five smooth movements in [-1, 1]."""
        swing: np.ndarray = np.sin(2 * np.pi * self.rate * t + self.phase) @ np.array([0.65, 0.35])
        return swing

    def _mouth(self, t: float) -> float:
        if not any(start <= t < end for start, end in self.speech):
            return 0.0
        loud = 0.45 + 0.55 * abs(np.sin(2 * np.pi * 0.8 * t + self.phase[0, 0]))
        return float(loud * abs(np.sin(np.pi * self.syllables * t)))

    def _blink(self, t: float) -> float:
        since = (t + self.blink_at) % self.blink_every
        return float(max(0.0, 1 - abs(since - 0.1) / 0.1))

    def poses(self, t: float) -> tuple[Pose, Pose]:
        """Poses of head and body ``t`` seconds into the shot, in pixels of the canvas."""
        role, (turn, nod, tilt, across, lean) = self.role, self._swing(t)
        size = role.size * H * (1 + 0.02 * lean)
        x = (role.x + role.walk * t) * W
        y = role.y * H - (0.10 * size * abs(np.sin(2 * np.pi * 0.9 * t)) if role.walk else 0.0)
        mouth = self._mouth(t)
        head = Pose(
            x + BOB * size * across,
            y + BOB * size * 0.4 * nod - 0.03 * size * mouth,
            size,
            role.facing + YAW * turn,
            PITCH * nod,
            ROLL * tilt,
            mouth,
            self._blink(t),
        )
        return head, Pose(x + 0.3 * BOB * size * across, y, size, 0.4 * head.yaw)
