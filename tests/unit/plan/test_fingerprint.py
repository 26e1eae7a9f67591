"""Equal parts of a query have equal fingerprints, and nothing else has."""

from __future__ import annotations

import functools
import gc

import pyarrow as pa
import pytest

import vquery as vq
from vquery.engine.sources import from_arrow
from vquery.expr import aggregates as agg
from vquery.expr import boxes, merge
from vquery.expr.placeholders import row, when
from vquery.expr.predicates import same
from vquery.expr.time import before, time_overlaps
from vquery.plan import fingerprint
from vquery.plan.fingerprint import Fingerprints, shared, source_identity
from vquery.plan.steps import plan

TABLE = pa.table(
    {"video": ["a"], "start": [0], "end": [1], "name": ["x"], "score": [0.5]}
    | {edge: [0.5] for edge in ("x1", "y1", "x2", "y2")}
)
FACES = from_arrow(TABLE)


def of(relation):
    return Fingerprints(source_identity).of(relation.node)


BUILT = [
    lambda f: f.filter(row.name == "x"),
    lambda f: f.filter(row.name == "y"),
    lambda f: f.filter(row.score == 1),
    lambda f: f.filter(row.score == 1.0),
    lambda f: f.filter(row.score > 0.5),
    lambda f: f.filter(row.score >= 0.5),
    lambda f: f.filter(row.name.isin(["x", "y"])),
    lambda f: f.filter(row.name.isin(["y", "x"])),
    lambda f: f.mutate(a=when(row.score > 0, 1).otherwise(2)),
    lambda f: f.mutate(b=when(row.score > 0, 1).otherwise(2)),
    lambda f: f.dilate(1),
    lambda f: f.dilate(1, side="start"),
    lambda f: f.coalesce(gap=1),
    lambda f: f.coalesce(gap=1, by=["name"]),
    lambda f: f.coalesce(gap=1, n=agg.count()),
    lambda f: f.join(f, predicate=time_overlaps),
    lambda f: f.join(f, predicate=before(max_gap=1)),
    lambda f: f.join(f, predicate=before(max_gap=2)),
    lambda f: f.join(f, time_overlaps & same("name")),
    lambda f: f.join(f, boxes.iou(at_least=0.5)),
    lambda f: f.join(f, time_overlaps, merge_op=merge.left),
    lambda f: f.semi_join(f, time_overlaps),
    lambda f: f.anti_join(f, time_overlaps),
    lambda f: f.sort(row.score),
    lambda f: f.sort(row.score.desc()),
    lambda f: f.limit(1),
    lambda f: f.per_frame().match(vq.pattern("a", "b").where(boxes.left_of("a", "b"))),
    lambda f: f.per_frame().match(vq.pattern("a", "b").where(boxes.left_of("b", "a"))),
]


@pytest.mark.parametrize("build", BUILT)
def test_the_same_query_built_twice(build):
    assert of(build(FACES)) == of(build(FACES))


def test_other_queries_are_others():
    found = [of(build(FACES)) for build in BUILT]
    assert len(set(found)) == len(found)
    assert of(BUILT[0](FACES)) != of(BUILT[0](from_arrow(TABLE)))


def test_traced_functions_are_what_they_say():
    near = FACES.join(FACES, lambda a, b: a.score > b.score)
    assert of(near) == of(FACES.join(FACES, lambda x, y: x.score > y.score))


@pytest.mark.parametrize("kind", ["function", "partial", "object", "method"])
def test_other_functions_are_equal_to_themselves_alone(kind):
    class Test:
        __slots__ = ()

        def __call__(self, left, right):
            return self.method(left, right)

        def method(self, left, _):
            return pa.array([True] * len(left))

    def make():
        made = {
            "function": lambda left, _: pa.array([True] * len(left)),
            "partial": functools.partial(lambda left, _: pa.array([True] * len(left))),
            "object": Test(),
            "method": Test().method,
        }[kind]
        return vq.udf(made, reads=["name"])

    one, other = make(), make()
    twice = FACES.join(FACES, one).union(FACES.join(FACES, one))
    inputs = shared(twice.node).inputs
    assert inputs[0] is inputs[1]
    mixed = shared(FACES.join(FACES, one).union(FACES.join(FACES, other)).node).inputs
    assert mixed[0] is not mixed[1]


def test_functions_are_forgotten():
    before_it = len(fingerprint._tokens)
    of(FACES.join(FACES, vq.udf(lambda left, _: left, reads=["name"])))
    gc.collect()
    assert len(fingerprint._tokens) <= before_it


def test_deep_queries():
    deep = FACES
    for number in range(300):
        deep = deep.mutate(score=row.score + number)
    assert of(deep) == of(deep)
    for options in ({}, {"on_error": "skip"}, {"cache": vq.Cache()}):
        assert deep.collect(**options)["score"].to_pylist() == [0.5 + 300 * 299 / 2]


def test_parts_that_double_at_every_level():
    wide = FACES
    for _ in range(30):
        wide = wide.semi_join(wide, time_overlaps)
    for options in ({}, {"on_error": "skip"}, {"cache": vq.Cache()}):
        assert wide.collect(**options).num_rows == 1


def test_what_is_shared_keeps_the_meaning():
    build = BUILT[17]
    root = plan(build(FACES.filter(row.score > 0)).union(build(FACES.filter(row.score > 0))).node)
    assert root.inputs[0] is root.inputs[1]
    assert root.inputs[0].inputs[0] is root.inputs[0].inputs[1]
