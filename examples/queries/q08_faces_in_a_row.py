"""Query 8: ten and more faces in a row."""

from __future__ import annotations

from loaders import run
from scenes import crowds

import vquery as vq
from vquery import face, row


def faces_in_a_row(faces: vq.Intervals, *, least: int = 10, within: float = 0.05) -> vq.Intervals:
    """Find frames whose faces stand side by side, each beside the one before it at its height.

    Esper-tv, ``rekalling_entire_tvnews.ipynb``: at least ten faces a tenth of the picture high,
    tops and bottoms of neighbours within 0.05.
    """
    large = faces.filter(face.height >= 0.1)
    in_line = (
        (vq.lag(row.x2) < row.x1)
        & ((row.y1 - vq.lag(row.y1)).abs() <= within)
        & ((row.y2 - vq.lag(row.y2)).abs() <= within)
    )
    beside = large.partition_by("start_us", order=row.x1).mutate(in_line=in_line)
    rows = beside.per_frame().filter(vq.count() >= least, vq.all(row.in_line))
    return rows.per_frame().agg(faces=vq.count())


if __name__ == "__main__":
    run(faces_in_a_row, crowds)
