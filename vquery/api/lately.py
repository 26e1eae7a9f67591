"""What was made lately, kept to be given again: bounded, and made once however many ask."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Lately(Generic[T]):
    """The values used last, by key, up to a total size.

    Parameters
    ----------
    most
        Total size that is kept; one value is kept however large it is.
    size
        Size of a value; by default each counts as 1.

    >>> squares = Lately(2)
    >>> [squares.get(n, lambda n=n: n * n) for n in (2, 3, 2, 4)], 3 in squares, 2 in squares
    ([4, 9, 4, 16], False, True)
    """

    def __init__(self, most: int, size: Callable[[T], int] = lambda _: 1) -> None:
        self._most = most
        self._size = size
        self._held: OrderedDict[Hashable, T] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._total = 0
        self._lock = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    @property
    def total(self) -> int:
        """Size of all values that are kept."""
        return self._total

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of a key, made now if it is not kept; who comes meanwhile waits."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._held:
                    return self._held[key]
            try:
                value = make()
                self._keep(key, value)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def _keep(self, key: Hashable, value: T) -> None:
        with self._lock:
            self._held[key] = value
            self._total += self._size(value)
            while self._total > self._most and len(self._held) > 1:
                _, oldest = self._held.popitem(last=False)
                self._total -= self._size(oldest)


def weight(value: Any) -> int:
    """Estimate the bytes of arrays and tables, and of what is made of them.

    >>> import numpy as np
    >>> weight([np.zeros(4), {"a": np.zeros(2, np.int8)}, "ab"])
    90
    """
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if dataclasses.is_dataclass(value):
        return sum(weight(getattr(value, one.name)) for one in dataclasses.fields(value))
    if isinstance(value, dict):
        return sum(weight(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return sum(weight(one) for one in value)
    return 56
