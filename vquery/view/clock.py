"""Times as people read them, and the ticks of a time axis."""

from __future__ import annotations

from vquery.schema import US_PER_S

TICKS = 10
STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def clock(us: int, *, digits: int = 1) -> str:
    """Write a time as hours, minutes and seconds; tenths are left out where they are 0.

    >>> clock(83_500_000), clock(3_600_000_000), clock(-500_000), clock(7_207_000, digits=3)
    ('1:23.5', '1:00:00', '-0:00.5', '0:07.207')
    """
    unit = 10**digits
    whole, fraction = divmod(round(abs(us) * unit / US_PER_S), unit)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    tail = f".{fraction:0{digits}d}" if fraction or digits > 1 else ""
    return f"{'-' if us < 0 else ''}{head}:{seconds:02d}{tail}"


def ticks(length_us: int) -> list[int]:
    """Choose about ten round times from 0 to ``length_us``.

    >>> [clock(us) for us in ticks(200 * US_PER_S)]
    ['0:00', '0:30', '1:00', '1:30', '2:00', '2:30', '3:00']
    """
    least = length_us / US_PER_S / TICKS
    step = next((step for step in STEPS_S if step >= least), 0)
    if not step:
        hours = least / 3600
        step = 3600 * next(n for n in (2, 3, 6, 12, 24 * -(-hours // 24)) if n >= hours)
    step_us = round(step * US_PER_S)
    return list(range(0, length_us + 1, step_us))
