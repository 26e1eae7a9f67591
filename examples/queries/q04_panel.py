"""Query 4: a panel of three people."""

from __future__ import annotations

from loaders import run
from newsroom import newsroom

import vquery as vq
from vquery import face, left_of, row


def panel(faces: vq.Intervals, *, height: float = 0.15, least: float = 1) -> vq.Intervals:
    """Find shots of exactly three large faces in a row, at about one height.

    Esper-tv, ``queries/panels_rekall.py``: heights of 0.3 and more, neighbours' tops within 0.05;
    faces of the newsroom's panels are a fifth of the picture high.
    """
    abreast = vq.pattern("a", "b", "c").where(
        left_of("a", "b", "c"), vq.aligned("a", "b", "c", within=0.05)
    )
    large = faces.filter(face.height >= height)
    found = large.per_frame().match(abreast, exact=True).select()
    return found.coalesce(gap=0.6).filter(row.duration >= least)


if __name__ == "__main__":
    run(panel, lambda: newsroom().faces)
