"""What the tables of misuse share: some relations, and what a good message has to say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import vquery as vq

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Misuse:
    """Something that cannot work, and what the message has to say about it.

    ``what`` is wrong, ``where`` (which argument, column or relation), and what to do ``instead``,
    each a regular expression.
    """

    name: str
    do: Callable[[], Any]
    what: str
    where: str
    instead: str
    error: type[Exception] = vq.QueryError


def cases(*table: Misuse) -> Any:
    """Make one test of each misuse."""
    names = [case.name for case in table]
    assert len(set(names)) == len(names)
    return pytest.mark.parametrize("case", table, ids=lambda case: case.name.replace(" ", "-"))


def check(case: Misuse) -> None:
    """Do it; the message must tell what, where and what instead, and be one readable sentence."""
    with pytest.raises(case.error) as caught:
        case.do()
    message = str(caught.value)
    assert isinstance(caught.value, vq.VQueryError)
    for part in (case.what, case.where, case.instead):
        assert re.search(part, message), f"{message!r} does not say {part!r}"
    assert len(message) < 600
    assert "object at 0x" not in message


def faces() -> vq.Intervals:
    """Faces with boxes, scores and names; lists in one column."""
    table = pa.table(
        {
            "video": ["a", "a", "b"],
            "start": [0.0, 1.0, 0.0],
            "end": [2.0, 3.0, 1.0],
            "x1": [0.1, 0.5, 0.2],
            "y1": [0.1, 0.1, 0.2],
            "x2": [0.3, 0.8, 0.4],
            "y2": [0.4, 0.4, 0.6],
            "name": ["Ann", "Bob", "Ann"],
            "score": [0.9, 0.5, 0.7],
            "track": [1, 2, 3],
            "words": [["a"], ["b"], []],
        }
    )
    return vq.from_arrow(table, name="faces")


def captions() -> vq.Intervals:
    """Captions: no boxes, no known length of the videos."""
    table = pa.table({"video": ["a"], "start": [0.0], "end": [2.0], "text": ["THANK YOU"]})
    return vq.from_arrow(table, name="captions")


def numbered() -> vq.Intervals:
    """Rows whose videos are numbers."""
    return vq.from_arrow(pa.table({"video": [1], "start": [0.0], "end": [2.0]}), name="numbered")


FACES, CAPTIONS, NUMBERED = faces(), captions(), numbered()
