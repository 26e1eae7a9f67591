"""Three concept detectors for the sample newsroom, written as an analyst would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import vquery as vq
from vquery import caption, face, left_of, row, span, time_overlaps

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals


def bernie_and_jake(faces: Intervals) -> Intervals:
    """Bernie and Jake on screen together."""
    bernie = faces.filter(face.name == "Bernie")
    jake = faces.filter(face.name == "Jake")

    bernie_and_jake = bernie.join(jake, predicate=time_overlaps, merge_op=span)

    return bernie_and_jake  # noqa: RET504 - as it is always printed


def panel(faces: Intervals) -> Intervals:
    """Three people side by side: exactly three large faces of one frame, in a row."""
    abreast = vq.pattern("a", "b", "c").where(
        left_of("a", "b"), left_of("b", "c"), vq.aligned("a", "b", "c", within=0.1)
    )
    large = faces.filter(face.height > 0.15)
    return large.per_frame().match(abreast, exact=True).coalesce(gap=0.6).filter(row.duration >= 1)


def commercial(captions: Intervals) -> Intervals:
    """Advertisements: live captions are upper case, advertisers write their own in lower case."""
    spoken = captions.filter(caption.text != caption.text.upper())
    return spoken.coalesce(gap=2).filter(row.duration >= 2)


CONCEPTS = {
    "bernie_and_jake": bernie_and_jake,
    "panel": panel,
    "commercial": commercial,
}
