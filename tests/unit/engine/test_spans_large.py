"""Steps on spans over one video of many rows, and over many videos of one row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import vquery as vq
from vquery import iou, row

ROWS = 100_000
LENGTH = 10_000


@pytest.fixture(params=[1, ROWS], ids=["one video", "one row a video"], scope="module")
def many(request):
    rng = np.random.default_rng(5)
    videos = np.arange(ROWS) % request.param
    start = np.sort(rng.uniform(0, LENGTH, ROWS)) if request.param == 1 else rng.uniform(0, 9, ROWS)
    edge = rng.uniform(0, 0.9, (2, ROWS))
    table = pa.table(
        {
            "video": videos,
            "start": start,
            "end": start + rng.exponential(0.05, ROWS),
            **dict(zip(("x1", "y1"), edge, strict=True)),
            **dict(zip(("x2", "y2"), edge + 0.1, strict=True)),
            "track": rng.integers(0, 50, ROWS),
        }
    )
    known = dict.fromkeys(range(request.param), 2 * LENGTH)
    return vq.from_arrow(table, extents=known)


def total(relation):
    rows = relation.collect(ordered=False)
    return pc.sum(pc.subtract(rows["end_us"], rows["start_us"])).as_py()


def test_what_is_covered_and_what_is_not_make_up_the_videos(many):
    covered = many.coalesce()
    assert total(covered) + total(many.complement()) == total(many.extents())
    assert total(many.extents().minus(many)) == total(many.complement())
    assert covered.complement().count() == many.complement().count()


def test_pieces_make_up_their_rows(many):
    assert total(many.split(0.01)) == total(many.split(0.01, anchor="video")) == total(many)
    cut = many.split(at=many.shift(0.005))
    assert total(cut) == total(many)
    assert cut.count() > many.count()
    assert many.windows(0.01).count() == many.split(0.01).count()


def test_moving_there_and_back_changes_nothing(many):
    same = many.collect()
    assert many.dilate(2).dilate(-2).collect().equals(same)
    assert many.shift(-7.25).shift(7.25).collect().equals(same)
    assert many.dilate(0, clip=True).collect().equals(same)
    assert many.rekey(vq.lit("all"), shift=row.track).rekey_back().collect().equals(same)


def test_runs_that_grow_by_a_test(many):
    tracks = many.coalesce(0.1, by="track")
    test = many.coalesce(0.1, where=lambda run, new: run.track == new.track)
    assert test.collect().equals(tracks.collect())
    alike = many.coalesce(0.05, where=iou(at_least=0.3), n=vq.count()).collect()
    assert pc.sum(alike["n"]).as_py() == ROWS
    short = many.coalesce(0.1, max_length=0.5).filter(row.duration > 0.5)
    assert short.count() <= many.filter(row.duration > 0.5).count()


def test_samples_of_many_groups(many):
    some = many.sample(20, by="track").collect()
    assert some.num_rows == 50 * 20
    assert many.sample(fraction=0.1).count() == ROWS // 10
