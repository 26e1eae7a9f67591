"""Query 22: parking spaces that are free."""

from __future__ import annotations

from loaders import run
from scenes import parking

import vquery as vq
from vquery import iou, row, time_overlaps

ALL_DAY = 86_400


def empty_spaces(cars: vq.Intervals) -> vq.Intervals:
    """Find where a car stood at first and none stands any more, for four minutes and longer.

    Every place that is taken at the start lasts as long as the video; cars that cover it by a
    quarter are cut out of it. Tutorials 02 and 04 of Rekall, which tune both numbers.
    """
    taken = vq.param("taken", 0.25, range=(0.1, 0.9))
    least = vq.param("least", 240, range=(10, 500))
    places = cars.filter(row.start == 0).dilate(ALL_DAY, side="end", clip=True)
    free = places.minus(cars, predicate=time_overlaps & iou(at_least=taken))
    return free.filter(row.duration >= least)


if __name__ == "__main__":
    run(empty_spaces, lambda: parking()[0])
