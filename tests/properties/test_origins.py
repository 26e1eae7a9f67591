"""What a step says its rows come from is true: its rows follow from those alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, note
from hypothesis import strategies as st

from tests.properties.test_engine import (
    CONDITIONS,
    GAPS,
    MERGES,
    TIME,
    predicates,
    queries,
    tables,
)
from vquery.engine.running.executor import all_steps
from vquery.engine.sources import from_arrow
from vquery.engine.trust.asked import asked as as_asked
from vquery.engine.trust.trail import Trail
from vquery.expr import aggregates as agg
from vquery.expr import boxes, merge, time
from vquery.expr.groups import Aggregated, Coalesce, GroupFilter, Match
from vquery.expr.pairs import Intersect, Join, Minus, SemiJoin
from vquery.expr.partition import WindowFilter
from vquery.expr.partners import CollectBy, CountOverlaps, Coverage, Nearest
from vquery.expr.pattern import pattern
from vquery.expr.predicates import LEFT
from vquery.expr.relations import Dilate, Distinct, Filter, Limit, Project, Sample, Sort
from vquery.expr.spans import Shift, SlidingWindows, Split
from vquery.plan.explain import title
from vquery.schema import BOX, KEYS

PASSED_ON = (
    Filter, Sort, Limit, Distinct, Sample, GroupFilter, WindowFilter, SemiJoin,
    CountOverlaps, Coverage, CollectBy, Dilate, Shift, Split, SlidingWindows, Minus, Intersect,
)  # fmt: skip
MOVED = (Dilate, Shift, Split, SlidingWindows, Minus, Intersect)
MADE = (CountOverlaps, Coverage, CollectBy)


def check(query):
    note(query.explain())
    with Trail(query.node) as trail:
        for step in all_steps(trail.root):
            for place, each in enumerate(step.inputs):
                rows, outputs = pairs_of(trail, step, place)
                assert ((rows >= 0) & (rows < trail.table(each).num_rows)).all()
                assert ((outputs >= 0) & (outputs < trail.table(step).num_rows)).all()
                check_step(trail, step, place, rows, outputs)


def pairs_of(trail, step, place):
    every = np.arange(trail.table(step.inputs[place]).num_rows)
    return trail.outcomes(step, place, every)


def check_step(trail, step, place, rows, outputs):
    node, result = step.node, trail.table(step)
    origin = trail.table(step.inputs[place])
    if isinstance(node, PASSED_ON) and place == 0:
        assert sorted(outputs) == list(range(result.num_rows))
        changed = KEYS if isinstance(node, MOVED) else ()
        changed = (*changed, node.column) if isinstance(node, MADE) else changed
        kept = [name for name in step.columns if name not in changed]
        assert_equal(result, outputs, origin, rows, dict(zip(kept, kept, strict=True)))
    if isinstance(node, Project):
        assert_equal(result, outputs, origin, rows, dict(node.columns))
    if isinstance(node, (Join, Nearest)):
        assert sorted(outputs) == list(range(result.num_rows))
        side = LEFT if place == 0 else "right"
        from_side = [each for each in node.outputs if each.side == side]
        names = {e.field.name: e.source for e in from_side if e.field.name in step.columns}
        assert_equal(result, outputs, origin, rows, names)
    if isinstance(node, (Coalesce, Aggregated)):
        assert sorted(rows) == list(range(origin.num_rows))  # every row, each once
        assert_hull(result, outputs, origin, rows)
    if isinstance(node, Match):
        assert len(rows) == result.num_rows * len(node.pattern.variables)
        assert_hull(result, outputs, origin, rows)
    if isinstance(node, SemiJoin) and place == 1:
        assert set(outputs) == (set() if node.negated else set(range(result.num_rows)))
        assert same_video(trail, step, rows, outputs)
    if isinstance(node, Minus) and place == 1:
        check_cutters(trail, step, rows, outputs)


def assert_equal(result, outputs, origin, rows, names):
    for name, source in names.items():
        if name in result.column_names:
            given_back = result[name].take(pa.array(outputs)).to_pylist()
            assert given_back == origin[source].take(pa.array(rows)).to_pylist()


def assert_hull(result, outputs, origin, rows):
    for number, row in enumerate(result.to_pylist()):
        members = [origin.slice(int(each), 1).to_pylist()[0] for each in rows[outputs == number]]
        assert {each["video"] for each in members} == {row["video"]}
        assert row["start_us"] == min(each["start_us"] for each in members)
        assert row["end_us"] == max(each["end_us"] for each in members)


def same_video(trail, step, rows, outputs):
    ours, theirs = trail.table(step)["video"], trail.table(step.inputs[1])["video"]
    return ours.take(pa.array(outputs)).to_pylist() == theirs.take(pa.array(rows)).to_pylist()


def check_cutters(trail, step, rows, outputs):
    """A piece is its left row without exactly what its cutters cover."""
    left_rows, made = pairs_of(trail, step, 0)
    left, right = (trail.table(each).to_pylist() for each in step.inputs)
    pieces = trail.table(step).to_pylist()
    parent = dict(zip(made.tolist(), left_rows.tolist(), strict=True))
    for number, piece in enumerate(pieces):
        whole = left[parent[number]]
        cutters = [right[each] for each in rows[outputs == number]]
        assert all(each["video"] == piece["video"] for each in cutters)
        assert all(
            each["start_us"] < max(whole["end_us"], whole["start_us"] + 1) for each in cutters
        )
        ends = {whole["start_us"], *(each["end_us"] for each in cutters)}
        starts = {whole["end_us"], *(each["start_us"] for each in cutters)}
        assert piece["start_us"] in ends
        assert piece["end_us"] in starts
        for each in cutters:
            apart = each["end_us"] <= piece["start_us"] or each["start_us"] >= piece["end_us"]
            assert apart


@given(queries())
def test_of_queries(query):
    check(query)


@given(tables(), tables(), predicates(), MERGES)
def test_of_joins(left, right, predicate, merge_op):
    check(left.join(right, predicate=predicate, merge_op=merge_op))


@given(tables(), tables(6), TIME, st.sampled_from([-0.5, 1]))
def test_of_partners_and_spans(left, right, test, seconds):
    check(left.nearest(right, k=2, max_gap=2))
    check(left.count_overlaps(right, predicate=test, name="n"))
    check(left.coverage(right).intersect(right))
    check(left.collect_by(right, test).shift(seconds).split(every=1))
    check(left.windows(1.5).sample(4, seed=1))


@given(tables(10), st.booleans(), st.sampled_from([("start_us",), (), ("name",)]))
def test_of_matches(rows, exact, by):
    wanted = pattern("a", "b").where(boxes.left_of("a", "b"))
    check(rows.group_by(*by).match(wanted, exact=exact))


@given(queries(2), tables(6), TIME, st.data())
def test_lineage_of_a_row_is_the_same_by_number_and_by_values(query, other, test, data):
    query = query.join(other, predicate=test)
    result = query.collect()
    if not result.num_rows:
        return
    number = data.draw(st.integers(0, result.num_rows - 1))
    by_number = query.lineage(number)
    row = result.slice(number, 1).to_pylist()[0]
    assert by_number.row == row
    equal = result.to_pylist().index(row)
    by_values = query.lineage(row)
    assert by_values.row == row
    assert str(by_values) == str(query.lineage(equal))
    everything = set(BOX) | set(KEYS)
    assert all(everything <= set(table.column_names) for table in by_number.tables.values())


@given(tables(), tables(), predicates())
def test_witnesses_and_partners_are_the_same_rows(left, right, predicate):
    """The rows that keep a left row are those with which a join would pair it."""
    with Trail(left.join(right, predicate=predicate).node) as joined:
        sides = [pairs_of(joined, joined.root, side)[0].tolist() for side in (0, 1)]
        pairs = set(zip(*sides, strict=True))
        with Trail(left.semi_join(right, predicate).node) as kept:
            ours, place = pairs_of(kept, kept.root, 0)
            witnesses, outputs = pairs_of(kept, kept.root, 1)
    parent = dict(zip(place.tolist(), ours.tolist(), strict=True))
    found = zip(outputs.tolist(), witnesses.tolist(), strict=True)
    assert {(parent[output], witness) for output, witness in found} == pairs


def named(rows, name):
    return from_arrow(rows.collect(), name=name)


@given(tables(), tables(), tables(5), CONDITIONS, TIME, GAPS)
def test_a_row_follows_from_its_lineage_alone(one, two, three, condition, test, gap):
    """Run again over nothing but the rows of its lineage, the query gives the row again."""

    def query(first, second, third):
        pairs = first.filter(condition).join(second, predicate=test, merge_op=merge.left)
        runs = pairs.semi_join(third, time.time_overlaps).coalesce(gap, by="name", n=agg.count())
        return runs.union(first.group_by("track").agg(n=agg.count()))

    sources = named(one, "one"), named(two, "two"), named(three, "three")
    whole = query(*sources)
    for number, row in enumerate(whole.collect().to_pylist()):
        kept = whole.lineage(number).tables
        again = query(*(from_arrow(kept[each.node.name], name=each.node.name) for each in sources))
        assert row in again.collect().to_pylist()


@given(queries(), st.sampled_from(["a", "b"]), st.integers(0, 10), st.integers(0, 3))
def test_why_not_names_a_step_that_gave_nothing_there(query, video, start, length):
    interval = (video, start / 2, (start + length) / 2)
    found = query.why_not(interval)
    asked = as_asked(interval)
    there = asked.overlapping(query.collect())
    assert (found.step is None) == bool(there.size)
    assert found.found.num_rows == there.size
    if found.step is None:
        return
    with Trail(query.node, video=video) as trail:
        same = [each for each in all_steps(trail.root) if title(each.node) == found.step]
        empty = [each for each in same if not asked.overlapping(trail.table(each)).size]
        assert empty
        given_rows = [asked.overlapping(trail.table(i)).size for e in empty for i in e.inputs]
        assert any(given_rows) or found.step.startswith("scan")
