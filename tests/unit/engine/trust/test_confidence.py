"""Every operation: what it does with scores, and that it tells where its rows come from."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from vquery import row
from vquery.engine.trust.confidence import BY_RULE, KEPT, LOWEST, NONE, RULES
from vquery.engine.trust.trail import Trail
from vquery.expr.node import walk
from vquery.expr.relations import Relation

ROWS = {
    "video": ["a", "a", "a", "b"],
    "start": [0.0, 1.0, 4.0, 0.0],
    "end": [2.0, 3.0, 5.0, 1.0],
    "x1": [0.0, 0.5, 0.0, 0.0],
    "y1": [0.0] * 4,
    "x2": [0.4, 0.9, 0.4, 0.4],
    "y2": [0.5] * 4,
    "name": ["Ann", "Bob", "Ann", "Cid"],
    "text": ["hello you", "thank you", "bye", "you"],
    "score": pa.array([0.5, 0.8, None, 0.25]),
}
OTHER = {
    "video": ["a", "a", "b"],
    "start": [1.5, 4.5, 0.5],
    "end": [2.5, 6.0, 2.0],
    "kind": ["x", "y", "z"],
    "score": pa.array([0.6, 0.9, None]),
}
EXTENTS = pa.table({"video": ["a", "b"], "start": [0.0, 0.0], "end": [10.0, 10.0]})


def faces(name="faces"):
    return vq.from_arrow(pa.table(ROWS), name=name, extents=EXTENTS)


def other():
    return vq.from_arrow(pa.table(OTHER), name="other")


FACES, OTHERS = faces(), other()
SAME = [0.5, 0.8, None, 0.25]
BESIDE = vq.pattern("p", "q").where(vq.left_of("p", "q"))
CASES = {
    "filter": (FACES.filter(row.name != "Cid"), [0.5, 0.8, None]),
    "mutate": (FACES.mutate(half=row.score / 2), SAME),
    "mutate score": (FACES.mutate(score=row.score / 2), [0.25, 0.4, None, 0.125]),
    "select": (FACES.select("score"), SAME),
    "rename": (FACES.rename({"name": "who"}), SAME),
    "sort": (FACES.sort(row.name.desc()), [0.25, 0.8, 0.5, None]),
    "limit": (FACES.limit(2), [0.5, 0.8]),
    "distinct": (FACES.distinct("name"), [0.5, 0.8, 0.25]),
    "sample": (FACES.sample(4, seed=0), SAME),
    "union": (FACES.union(OTHERS), [0.5, 0.8, 0.6, None, 0.9, 0.25, None]),
    "semi_join": (FACES.semi_join(OTHERS, vq.time_overlaps), SAME),
    "anti_join": (FACES.anti_join(OTHERS, vq.before), [None, 0.25]),
    "minus": (FACES.minus(OTHERS), [0.5, 0.8, 0.8, None, 0.25]),
    "intersect": (FACES.intersect(OTHERS), [0.5, 0.8, None, 0.25]),
    "complement": (FACES.complement(), None),
    "join": (FACES.join(OTHERS, vq.time_overlaps), [0.5, 0.6, 0.9, 0.25]),
    "join product": (FACES.join(OTHERS, vq.time_overlaps, score="product"), [0.3, 0.48, 0.9, 0.25]),
    "join left": (FACES.join(OTHERS, vq.before, how="left"), [0.5, 0.8, None, 0.25]),
    "join noisy_or": (
        FACES.join(OTHERS, vq.time_overlaps, score="noisy_or"),
        [0.8, 0.92, 0.9, 0.25],
    ),
    "nearest": (FACES.nearest(OTHERS), [0.5, 0.8, 0.9, 0.25]),
    "nearest max": (FACES.nearest(OTHERS, score="max"), [0.6, 0.8, 0.9, 0.25]),
    "count_overlaps": (FACES.count_overlaps(OTHERS), SAME),
    "coverage": (FACES.coverage(OTHERS), SAME),
    "collect_by": (FACES.collect_by(OTHERS, vq.time_overlaps), SAME),
    "coalesce": (FACES.coalesce(), [0.8, None, 0.25]),
    "coalesce mean": (FACES.coalesce(score="mean"), [0.65, None, 0.25]),
    "coalesce sum": (FACES.coalesce(score=vq.sum(row.score)), [1.3, None, 0.25]),
    "dilate": (FACES.dilate(0.1), SAME),
    "shift": (FACES.shift(1), SAME),
    "clip": (FACES.clip(), SAME),
    "split": (FACES.split(every=1.5), [0.5, 0.8, 0.5, 0.8, None, 0.25]),
    "split at": (FACES.split(at=OTHERS), [0.5, 0.8, 0.5, 0.8, None, None, 0.25, 0.25]),
    "windows": (FACES.windows(1), [0.5, 0.5, 0.8, 0.8, None, 0.25]),
    "agg": (FACES.group_by("name").agg(n=vq.count()), None),
    "agg score": (FACES.group_by("name").agg(score=vq.max(row.score)), [0.5, 0.8, 0.25]),
    "group filter": (FACES.group_by("name").filter(vq.count() > 1), [0.5, None]),
    "match": (FACES.group_by().match(BESIDE), [0.5, 0.8]),
    "partition mutate": (FACES.partition_by("name").mutate(before=vq.lag(row.start)), SAME),
    "partition filter": (FACES.partition_by().filter(vq.row_number() == 1), [0.5, 0.25]),
    "sequence": (FACES.sequence("Ann Bob", by="name", overlap="allow"), [0.5]),
    "phrase": (FACES.phrase("you"), [0.5, 0.8, 0.25]),
    "rekey": (FACES.rekey("name"), [0.5, None, 0.8, 0.25]),
    "rekey_back": (FACES.rekey("name").rekey_back(), SAME),
    "concat": (vq.concat(FACES, faces(), names=["one", "two"]), SAME + SAME),
}


@pytest.mark.parametrize("name", CASES)
def test_score_of_every_operation(name):
    query, expected = CASES[name]
    table = query.collect()
    if expected is None:
        assert "score" not in table.column_names or table["score"].null_count == table.num_rows
        return
    found = [None if each is None else round(each, 6) for each in table["score"].to_pylist()]
    assert found == expected


@pytest.mark.parametrize("name", CASES)
def test_every_operation_tells_where_its_rows_come_from(name):
    query, _ = CASES[name]
    table = query.collect()
    assert table.num_rows
    for number in range(table.num_rows):
        found = query.lineage(number)
        assert found.row == table.slice(number, 1).to_pylist()[0]
        assert found.tables
        if name != "complement":  # what nobody covers comes from no row
            assert any(each.num_rows for each in found.tables.values())
    with Trail(query.node) as trail:
        for place in range(len(trail.root.inputs)):
            assert trail.origins(trail.root, place, trail.in_order()) is not None


@pytest.mark.parametrize("name", CASES)
def test_why_not_of_every_operation(name):
    found = CASES[name][0].why_not(("nobody", 0, 1))
    assert found.step is not None
    for interval in (("a", 0, 1), ("a", 3.5, 3.6), ("b", 8, 9)):
        found = CASES[name][0].why_not(interval)
        assert (found.step is None) == bool(found.found.num_rows)
        assert found.reason


def kinds(cls=Relation):
    below = [each for sub in cls.__subclasses__() for each in kinds(sub)]
    return [cls, *below] if cls is not Relation else below


def test_every_kind_of_node_has_a_rule_and_a_case():
    there = {each.__qualname__ for each in kinds() if each.__module__.startswith("vquery.")}
    assert there == {each.__qualname__ for each in RULES}
    tried = {type(node).__qualname__ for query, _ in CASES.values() for node in walk(query.node)}
    assert there <= tried


def test_rules_say_what_the_cases_show():
    shown = {type(query.node): expected for query, expected in CASES.values()}
    for kind, rule in RULES.items():
        assert rule in (KEPT, LOWEST, BY_RULE, NONE) or "none" in rule or "source" in rule
        if rule == NONE:
            assert shown[kind] is None
