"""Operations on spans and videos give what the slow reference gives, on random tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.test_engine import (
    CONDITIONS,
    EDGES,
    GAPS,
    SCHEMA,
    TICKS,
    assert_agree,
    predicates,
    records,
    tables,
)
from vquery.engine.methods.rekeying import concat
from vquery.engine.sources import from_arrow
from vquery.expr import aggregates as agg
from vquery.expr import boxes, time
from vquery.expr.placeholders import lit, row, when
from vquery.expr.predicates import same

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals

SECONDS = st.sampled_from([-2.0, -0.5, 0, 0.25, 1, 3.5])
STEPS = st.sampled_from([0.25, 0.5, 0.7, 1, 3])
AXES = st.sampled_from(["time", "x", "y"])


@st.composite
def films(draw: st.DrawFn, max_size: int = 10) -> Intervals:
    """Rows with the extents of their videos, and of one that has no rows."""
    rows = draw(st.lists(records(), max_size=max_size))
    ends = {
        name: sorted([draw(TICKS) / 1e6, draw(TICKS) / 1e6 + draw(st.integers(0, 1))])
        for name in ("b", "a", "c")
    }
    known = pa.table(
        {
            "video": list(ends),
            "start": [low for low, _ in ends.values()],
            "end": [high for _, high in ends.values()],
        }
    )
    return from_arrow(pa.Table.from_pylist(rows, schema=SCHEMA), extents=known)


@given(films(), SECONDS, st.sampled_from(["both", "start", "end"]), st.booleans())
def test_dilate(rows, seconds, side, clip):
    assert_agree(rows.dilate(seconds, side=side, clip=clip))


@given(tables(), EDGES, st.sampled_from(["x", "y"]), st.booleans(), st.booleans())
def test_dilate_boxes(rows, by, axis, clip, shrink):
    assert_agree(rows.dilate(-by if shrink else by, axis=axis, clip=clip))


@given(films(), SECONDS, SECONDS, EDGES, AXES)
def test_shift_and_clip(rows, first, second, edge, axis):
    assert_agree(rows.shift(first if axis == "time" else edge, axis=axis))
    assert_agree(rows.clip())
    low, high = sorted([first, second])
    if low < high:
        assert_agree(rows.clip(low, high, axis=axis))
    assert_agree(rows.clip(end=second, axis=axis))
    assert_agree(rows.shift(0.25, axis="x").clip(axis="x"))


@given(tables(), tables(), STEPS, STEPS, st.sampled_from(["row", "video"]), st.booleans())
def test_pieces(rows, others, length, step, anchor, partial):
    moved = rows.shift(-1.3)
    for each in (rows, moved):
        assert_agree(each.split(length, anchor=anchor))
        assert_agree(each.windows(length, step, partial=partial))
    assert_agree(rows.split(at=others))
    assert_agree(rows.split(at=others.shift(0.25)).split(step))


@given(films(), tables())
def test_complement(rows, others):
    if set(rows.collect()["video"].to_pylist()) <= set("abc"):
        assert_agree(rows.complement())
    assert_agree(rows.complement(others))
    assert_agree(rows.complement(within=rows.extents()))


@given(films(), st.lists(st.sampled_from([(), ("name",), ("video", "track")]), max_size=1))
def test_samples(rows, bys):
    by = bys[0] if bys else ()
    assert_agree(rows.sample(2, by=by, seed=3))
    assert_agree(rows.sample(fraction=0.5, by=by))
    assert_agree(rows.sort(row.score.desc(), "name").sample(4, seed=1).limit(3))


@given(tables(6), tables(6))
def test_concat_and_rekey(rows, others):
    put = concat(rows.mutate(more=row.score * 2), others, names=["one", "two"])
    assert_agree(put)
    assert_agree(put.filter((row.score > 0.3) & (row.video != "one/a") & (row.collection == "two")))
    live = rows.rekey("name", shift=row.track * 1.5)
    assert_agree(live)
    assert_agree(live.coalesce(1, by="from_video").rekey_back())
    shifted = others.rekey(lit(7), shift=-row.score)
    assert_agree(rows.rekey(row.track + 1).join(shifted, predicate=time.before).rekey_back())


SCORES = st.sampled_from(["max", "min", "mean", "noisy_or", "first"])
TESTS = st.one_of(
    predicates(),
    st.sampled_from(
        [
            boxes.iou(at_least=0.3),
            boxes.boxes_overlap & same(row.name),
            same("track"),
            same(row.name) & same(row.track) & time.time_overlaps,
            lambda run, new: new.start - run.start < 2,
            lambda run, new: (run.name < new.name) | (run.track % 2 == new.track // 2),
            lambda run, new: run.name.lower() == new.name.lower(),
            lambda run, new: when(run.track > new.track, run.x1).otherwise(new.x2) > 0.2,
            lambda run, new: (run.score + new.score).fill_null(1) >= 1.2,
            lambda run, new: (run.end - new.end).abs() * new.track > run.score,
            lambda run, new: ~(run.score > new.score) & new.name.isin(["Ann", "Bob"]),
            lambda run, new: run.width / new.width > run.height,
        ]
    ),
)


@given(tables(), GAPS, AXES, st.none() | TESTS, st.none() | STEPS, SCORES)
def test_coalesce(rows, gap, axis, test, longest, score):
    by = {"time": (), "x": ("start_us",), "y": "track"}[axis]
    gap = gap if axis == "time" else gap / 10
    assert_agree(
        rows.coalesce(
            gap,
            by=by,
            axis=axis,
            where=test,
            max_length=longest if axis == "time" or longest is None else longest / 4,
            score=score,
            n=agg.count(),
            names=agg.n_unique(row.name),
        )
    )


@given(films())
def test_complement_and_rows_cover_the_video_together(rows):
    cut = rows.filter(row.duration > 0).clip()
    whole = cut.union(cut.complement()).coalesce()
    found = Counter(whole.collect()["video"].to_pylist())
    assert found == Counter(rows.extents().collect()["video"].to_pylist())


@given(films(), tables(6), CONDITIONS, SECONDS)
def test_filters_above(rows, others, condition, seconds):
    for step in (
        rows.shift(seconds),
        rows.dilate(seconds),
        rows.dilate(0.1, axis="x"),
        rows.clip(),
        rows.split(0.75),
        rows.split(at=others),
        rows.windows(1, step=0.5),
        others.complement(rows),
        rows.sample(3),
        concat(rows, others, names=["a", "b"]),
        rows.rekey("track", shift=seconds),
        rows.coalesce(1, by=["name", "start_us"]),
        rows.union(others),
    ):
        assert_agree(step.filter(condition & (row.name != "Bob")))


def _answer(query: Any) -> Any:
    return query.collect().to_pylist()


@given(tables(12), st.integers(0, 9))
def test_samples_are_the_same_at_every_run_and_grow_with_their_size(rows, seed):
    numbered = rows.distinct()
    few, more = (numbered.sample(n, seed=seed) for n in (2, 4))
    assert _answer(few) == _answer(few)
    assert few.count() == min(2, numbered.count())
    assert all(each in _answer(more) for each in _answer(few))
