"""Numbers that a run of training is told, checked and as plain values that checkpoints can keep."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TypeGuard

from vquery.errors import LearnError


def whole(name: str, value: object, low: int) -> int:
    """Return a whole number of at least ``low``, of Python or numpy.

    Raises
    ------
    LearnError
        If it is something else.

    >>> whole("epochs", 3, 1)
    3
    >>> whole("epochs", 2.5, 1)
    Traceback (most recent call last):
    vquery.errors.LearnError: epochs must be a whole number, got 2.5
    """
    if not is_whole(value):
        raise LearnError(f"{name} must be a whole number, got {value!r}")
    if value < low:
        raise LearnError(f"{name} must be at least {low}, got {value!r}")
    return int(value)


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether a value is a whole number, of Python or numpy.

    >>> is_whole(2), is_whole(2.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def positive(name: str, value: object) -> float:
    """Return a finite number above 0.

    >>> positive("rate", float("nan"))
    Traceback (most recent call last):
    vquery.errors.LearnError: rate must be above 0, got nan
    """
    if not (is_number(value) and value > 0):
        raise LearnError(f"{name} must be above 0, got {value!r}")
    return float(value)


def share(name: str, value: object) -> float:
    """Return a number from 0 to 1.

    >>> share("across", 2)
    Traceback (most recent call last):
    vquery.errors.LearnError: across is a share from 0 to 1, got 2
    """
    if not (is_number(value) and 0 <= value <= 1):
        raise LearnError(f"{name} is a share from 0 to 1, got {value!r}")
    return float(value)


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a value is a finite number.

    >>> is_number(1), is_number("1"), is_number(float("inf"))
    (True, False, False)
    """
    if isinstance(value, bool):
        return False
    return isinstance(value, Real) and math.isfinite(value)
