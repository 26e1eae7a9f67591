"""Two relations at once: the engine gives what nested loops give, on random tables."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.test_engine import (
    CONDITIONS,
    GAPS,
    MERGES,
    SCHEMA,
    TIME,
    assert_agree,
    assert_rows,
    predicates,
    queries,
    records,
    tables,
)
from vquery.engine import reference
from vquery.engine.lookups import count_overlaps, coverage
from vquery.engine.sources import from_arrow
from vquery.expr import merge
from vquery.expr.placeholders import row
from vquery.plan.rewrite import push_filters

AXES = st.sampled_from(["time", "x", "y"])
BY = st.sampled_from([None, "name", ["track", "name"]])
WAYS = st.sampled_from(merge.WAYS)
MIXES = st.builds(lambda time, x, y: merge.merge(time=time, x=x, y=y), WAYS, WAYS, WAYS)
SCORES = st.sampled_from(["min", "max", "mean", "product", "noisy_or", "left", "right"])
RULES = st.dictionaries(
    st.sampled_from(["name", "track"]),
    st.sampled_from(["left", "right", "coalesce", lambda a, b: b.fill_null(a)]),
) | st.dictionaries(st.just("track"), st.sampled_from(["min", "max", "sum"]))
NEAREST = st.fixed_dictionaries(
    {"k": st.integers(1, 3)},
    optional={
        "direction": st.sampled_from(["either", "before", "after"]),
        "max_gap": GAPS,
        "by": BY,
        "overlap": st.booleans(),
        "merge_op": MERGES,
        "score": SCORES,
        "how": st.sampled_from(["inner", "left"]),
    },
)


@given(tables(), tables(), predicates(), MERGES | MIXES, SCORES)
def test_left_joins(left, right, predicate, merge_op, score):
    settings = {"predicate": predicate, "merge_op": merge_op, "score": score}
    joined = left.join(right, **settings, how="left")
    assert_agree(joined)
    # every left row is there, and the pairs are those of the inner join
    numbered = from_arrow(
        left.collect(ordered=False).append_column("i", pa.array(range(left.count()), pa.int64()))
    )
    kept = numbered.join(right, **settings, how="left").collect()["i"].to_pylist()
    found = numbered.join(right, **settings).collect()["i"].to_pylist()
    assert sorted(kept) == sorted([*found, *(set(range(left.count())) - set(found))])


@given(tables(), tables(), predicates(), MIXES, SCORES, RULES)
def test_mixed_merges_and_rules_for_columns(left, right, predicate, mix, score, rules):
    axes = {"time": mix.time, "x": mix.x, "y": mix.y}
    rule = merge.merge(**axes, columns=rules)
    assert_agree(left.join(right, predicate, merge_op=rule, score=score))
    assert_agree(left.join(right, predicate, merge_op=rule, score=score, how="left"))


@given(tables(), tables(), predicates(), CONDITIONS, st.sampled_from(["inner", "left"]))
def test_filters_above_left_joins(left, right, predicate, condition, how):
    joined = left.join(right, predicate, how=how, suffix="_b", score=lambda a, b: (a + b) / 2)
    assert_agree(joined.filter(condition))
    assert_agree(joined.filter(row.name_b != "Bob"))
    assert_agree(joined.filter(row.track_b.is_null()))


@given(queries(1), tables(), NEAREST)
def test_nearest(left, right, settings):
    assert_agree(left.nearest(right, **settings))


@given(tables(), tables(), NEAREST, CONDITIONS)
def test_filters_above_nearest(left, right, settings, condition):
    found = left.nearest(right, **settings, suffix="_b")
    assert_agree(found.filter(condition).filter(row.gap <= 1))
    assert_agree(found.filter(row.name_b != "Bob").select("gap"))


@given(queries(1), tables(), predicates(), CONDITIONS)
def test_count_overlaps(left, right, predicate, condition):
    counted = left.count_overlaps(right, predicate, name="n")
    assert_agree(counted)
    assert_agree(counted.filter(condition).filter(row.n >= 1))
    assert_agree(left.mutate(n=count_overlaps(right, predicate) * 2 + row.track))
    assert_agree(left.filter(count_overlaps(right, predicate) == 0))
    assert left.filter(count_overlaps(right, predicate) > 0).count() == (
        left.semi_join(right, predicate).count()
    )


@given(queries(1), tables(), BY, CONDITIONS)
def test_coverage(left, right, by, condition):
    covered = left.coverage(right, name="share", by=by)
    assert_agree(covered)
    assert_agree(covered.filter(condition).filter(row.share > 0.5).select("name"))
    assert_agree(left.mutate(n=coverage(right, by=by) + coverage(left)))
    assert_agree(left.filter(coverage(right, by=by).between(0.2, 0.8)))


@given(queries(1), tables(), predicates(), st.booleans(), CONDITIONS)
def test_collect_by(left, right, predicate, keep_empty, condition):
    found = left.collect_by(right, predicate, columns=["name", "score"], keep_empty=keep_empty)
    assert_agree_on_lists(found)
    assert_agree_on_lists(found.filter(condition))
    plain = found.drop("partners")
    assert_agree(plain)
    assert plain.count() == (left if keep_empty else left.semi_join(right, predicate)).count()


def assert_agree_on_lists(query) -> None:
    answer, expected = query.collect().to_pylist(), reference.run(query.node)
    lists = [[each.pop("partners") for each in rows] for rows in (answer, expected)]
    assert_rows(answer, expected)
    for one, other in zip(*lists, strict=True):
        assert_rows(one, other)


@given(queries(1), tables(), st.none() | predicates(), AXES, BY)
def test_minus_and_intersect(left, right, predicate, axis, by):
    assert_agree(left.minus(right, predicate, axis=axis, by=by))
    assert_agree(left.intersect(right, predicate, axis=axis, by=by))


@given(tables(), tables(), st.none() | predicates(), AXES, CONDITIONS)
def test_filters_above_minus_and_intersect(left, right, predicate, axis, condition):
    assert_agree(left.minus(right, predicate, axis=axis).filter(condition))
    assert_agree(left.intersect(right, predicate, axis=axis).filter(condition))


@given(tables(), tables(), st.none() | TIME, BY)
def test_minus_and_intersect_are_a_partition(left, right, predicate, by):
    kept = left.minus(right, predicate, by=by)
    cut = left.intersect(right, predicate, by=by)
    total = sum(_seconds(each) for each in (kept, cut))
    assert total == _seconds(left)
    instants = row.start_us == row.end_us
    there = [each.filter(instants).count() for each in (kept, cut, left)]
    assert there[0] + there[1] == there[2]
    if predicate is None and by is None:
        share = left.coverage(right).collect()
        lengths = zip(*(share[name].to_pylist() for name in ("start_us", "end_us")), strict=True)
        shares = share["coverage"].to_pylist()
        covered = sum((b - a) * part for (a, b), part in zip(lengths, shares, strict=True))
        assert round(covered) == _seconds(cut)


def _seconds(relation) -> int:
    table = relation.collect()
    return sum(table["end_us"].to_pylist()) - sum(table["start_us"].to_pylist())


@given(st.lists(records(), max_size=8), st.permutations(range(8)), TIME)
def test_what_is_near_does_not_depend_on_how_rows_lie(rows, order, test):
    """Equal rows aside, only the usual order of the right rows decides ties."""
    for number, each in enumerate(rows):
        each["track"] = number
        each["start_us"], each["end_us"] = number * 250_000, number * 250_000 + 500_000
    plain = _table(rows)
    mixed = _table([rows[place] for place in order if place < len(rows)])
    for make in (
        lambda other: plain.nearest(other, k=2).collect(),
        lambda other: plain.collect_by(other, test, keep_empty=True).collect(),
    ):
        assert make(plain).equals(make(mixed))


def _table(rows):
    return from_arrow(pa.Table.from_pylist(rows, schema=SCHEMA))


@given(tables(), tables(), predicates())
def test_pushing_filters_keeps_the_nodes_whole(left, right, predicate):
    query = left.collect_by(right, predicate).filter(row.score > 0.5)
    moved = push_filters(query.node)
    assert moved.schema.equals(query.schema)
    assert reference.run(moved) == reference.run(query.node)
