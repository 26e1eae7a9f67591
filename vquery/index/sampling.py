"""Which frames of a video are sampled."""

from __future__ import annotations

EARLY_US = 1_000
"""A frame this little before its turn is sampled: containers round times to milliseconds."""


class Every:
    """Pick the first frame at or after each multiple of a step.

    >>> every = Every(0.1)
    >>> [us for us in range(0, 300_000, 40_000) if every.due(us)]
    [0, 120000, 200000]
    """

    def __init__(self, seconds: float) -> None:
        self._step = round(seconds * 1e6)
        self._next = -EARLY_US

    def due(self, start_us: int) -> bool:
        """Tell whether the frame at this time is sampled; call it once a frame, in order."""
        if start_us + EARLY_US < self._next:
            return False
        if self._step > 0:
            self._next = ((start_us + EARLY_US) // self._step + 1) * self._step
        return True
