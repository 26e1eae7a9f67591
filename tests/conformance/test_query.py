"""Every conformance case of the query algebra, on the engine and on the slow reference.

The cases are data outside the repository: ``VQUERY_CONFORMANCE`` names the file, else it is looked
for beside the folder that ``VQUERY_DATA`` names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.conformance.inputs import (
    BOX,
    KEY,
    LENGTHS,
    ONE_ROW,
    epsilon,
    one_list,
    predicate,
    relation,
)
from vquery.engine import reference
from vquery.engine.sources import from_arrow
from vquery.expr import aggregates as agg
from vquery.expr import merge, time
from vquery.expr.pattern import pattern
from vquery.expr.placeholders import row


def cases() -> list[Any]:
    where = os.environ.get("VQUERY_CONFORMANCE")
    if where is None and "VQUERY_DATA" in os.environ:
        beside = Path(os.environ["VQUERY_DATA"]).resolve().parent / "conformance" / "query.json"
        where = str(beside) if beside.is_file() else None
    if where is None:
        skip = pytest.mark.skip(reason="VQUERY_CONFORMANCE does not name the cases")
        return [pytest.param(None, id="absent", marks=skip)]
    given = json.loads(Path(where).read_text())["cases"]
    return [pytest.param(case, id=case["id"]) for case in given]


@pytest.fixture(params=["engine", "reference"])
def rows_of(request):
    """Run a relation on one of the two implementations."""
    if request.param == "engine":
        return lambda intervals: intervals.collect().to_pylist()
    return lambda intervals: reference.run(intervals.node)


@pytest.mark.parametrize("case", cases())
def test_case(case, rows_of):
    answer = OPERATIONS[case["op"]](case, rows_of)
    assert_same(answer, case["expected"])


# --- operations


def predicate_holds(case, rows_of):
    given = case["args"]["predicate"]
    if case["right"] is None and isinstance(case["left"], list):
        return len(rows_of(one_list(case["left"]).filter(LENGTHS[given["name"]](given)))) == 1
    left = relation(case["left"])
    if case["right"] is None:
        return len(rows_of(left.filter(ONE_ROW[given["name"]](given)))) == 1
    right = relation(case["right"])
    joined = rows_of(left.join(right, predicate=predicate(given)))
    kept = rows_of(left.semi_join(right, predicate(given)))
    assert len(joined) == len(kept)
    return len(joined) == 1


def bounds(merge_op):
    def run(case, rows_of):
        pair = relation(case["left"]).join(relation(case["right"]), cross=True, merge_op=merge_op)
        rows = rows_of(pair)
        return interval(rows[0]) if rows else None

    return run


def join(case, rows_of):
    joined = joined_pairs(case)
    if case["args"]["merge"].get("payload") == "plus":
        joined = joined.mutate(payload=row.payload + row.payload_right)
    return intervals(rows_of(joined), case["left"])


def joined_pairs(case):
    merges = {
        "span": merge.span,
        "first": merge.left,
        "intersect_time_span_space": merge.time_intersection,
    }
    merge_op = merges[case["args"]["merge"]["bounds"]]
    test = predicate(case["args"]["predicate"])
    return relation(case["left"]).join(relation(case["right"]), predicate=test, merge_op=merge_op)


def join_count(case, rows_of):
    generated = [{"t1": k, "t2": k + 1} for k in range(1001)]
    joined = joined_pairs(case | {"left": generated, "right": generated})
    assert joined.count() == case["expected"]
    fewer = joined_pairs(case | {"left": generated[:100], "right": generated[:100]})
    assert len(rows_of(fewer)) == 100 * 99 // 2
    return case["expected"]


def semi_join(case, rows_of):
    left, right = relation(case["left"]), relation(case["right"])
    return intervals(rows_of(left.semi_join(right, predicate(case["args"]["predicate"]))))


def minus(case, rows_of):
    left, right = relation(case["left"]), relation(case["right"])
    axis = {"T": "time", "X": "x", "Y": "y"}[case["args"].get("axis", "T")]
    given = case["args"].get("predicate")
    rows = rows_of(left.minus(right, predicate(given) if given else None, axis=axis))
    return intervals(rows, case["left"])


def collect_by(case, rows_of):
    """Nest join: the payload becomes [old payload, list of partners]."""
    left, right = relation(case["left"]), relation(case["right"])
    test, kept = predicate(case["args"]["predicate"]), not case["args"].get("filter_empty", True)
    rows = rows_of(left.collect_by(right, test, name="found", keep_empty=kept))
    made = [each | {"payload": [each["payload"], intervals(each["found"])]} for each in rows]
    return intervals(made, case["left"])


def group_by_axis(case, rows_of):
    """Rows with equal times as a list; the other coordinates are the unit."""
    assert case["args"]["axis"] == "T"
    given = relation(case["left"])
    moments = given.distinct("video", "start_us", "end_us").mutate(x1=0, x2=1, y1=0, y2=1)
    rows = rows_of(moments.collect_by(given, time.equals, name="found"))
    return intervals([each | {"payload": intervals(each["found"])} for each in rows])


def coalesce(case, rows_of):
    by = ["payload"] if "predicate" in case["args"] else []
    sums = {"payload": agg.sum(row.payload)} if case["args"].get("payload") == "plus" else {}
    gap = case["args"].get("epsilon", 0)
    return intervals(rows_of(relation(case["left"]).coalesce(gap=gap, by=by, **sums)))


def filter_size(case, rows_of):
    name = {"T": "duration", "X": "width", "Y": "height"}[case["args"].get("axis", "T")]
    low, high = case["args"].get("min_size", 0), case["args"].get("max_size", 1e9)
    return intervals(rows_of(relation(case["left"]).filter(row[name].between(low, high))))


def fold(case, rows_of):
    given = relation(case["left"])
    if case["args"]["fn"] == "list_payload":
        return [each["payload"] for each in rows_of(given.sort(row.x1, row.x2))]
    volume = agg.sum(row.duration * row.width * row.height)
    return rows_of(given.group_by().agg(total=volume))[0]["total"] + case["args"]["init"]


def size(case, rows_of):
    rows = rows_of(relation(case["left"]).group_by().agg(n=agg.count()))
    by_key = {each["video"]: each["n"] for each in rows}
    return by_key if isinstance(case["left"], dict) else by_key.get(KEY, 0)


def duration(case, rows_of):
    rows = rows_of(relation(case["left"]).group_by().agg(total=agg.sum(row.duration)))
    return rows[0]["total"] if rows else 0


def match(case, rows_of):
    names = list(dict.fromkeys(n for names, _ in case["args"]["pattern"] for n in names))
    wanted = pattern(*names)
    for variables, given in case["args"]["pattern"]:
        for each in given:
            if len(variables) == 1:
                (limit,) = each["pos"]
                test = eval(f"lambda {variables[0]}: {variables[0]}.height >= {limit}")
                wanted = wanted.where(test)
            elif each["name"] == "same_height":
                a, b = variables
                text = f"lambda {a}, {b}: ({a}.height - {b}.height).abs() < {epsilon(each)}"
                wanted = wanted.where(eval(text))
            else:
                wanted = wanted.where(predicate(each)(*variables))
    found = relation(case["left"]).group_by().match(wanted, exact=case["args"].get("exact", False))
    return [
        {
            name: interval(
                {k[len(name) + 1 :]: v for k, v in each.items() if k.startswith(f"{name}_")}
            )
            for name in names
        }
        for each in rows_of(found)
    ]


def less(case, rows_of):
    """Order of two bounds, as plain columns: a box may be inverted here."""
    bounds = [{"t1": 0, "t2": 1, **BOX, **case[side]} for side in ("left", "right")]
    columns = {f"of_{name}": [float(each[name]) for each in bounds] for name in bounds[0]}
    spans = {"video": [KEY] * 2, "start": [0.0] * 2, "end": [0.0] * 2, "side": ["left", "right"]}
    keys = [f"of_{name}" for name in ("t1", "t2", "x1", "x2", "y1", "y2")]
    given = from_arrow(pa.table(spans | columns))
    first = rows_of(given.sort(*keys).limit(1))[0]["side"] == "left"
    same_rows = rows_of(given.distinct(*keys))
    return first and len(same_rows) == 2


OPERATIONS = {
    "predicate": predicate_holds,
    "bounds.span": bounds(merge.span),
    "bounds.intersect1d": bounds(merge.intersection),
    "bounds.intersect_time_span_space": bounds(merge.time_intersection),
    "bounds.lt": less,
    "bounds.expand_to_frame": lambda case, rows_of: expand(case, rows_of)[0],
    "expand_to_frame": lambda case, rows_of: expand(case, rows_of),
    "union": lambda case, rows_of: intervals(
        rows_of(relation(case["left"]).union(relation(case["right"])))
    ),
    "filter": lambda case, rows_of: intervals(
        rows_of(relation(case["left"]).filter(row.payload > 2))
    ),
    "join": join,
    "join_count": join_count,
    "filter_against": semi_join,
    "minus": minus,
    "collect_by_interval": collect_by,
    "group_by_axis": group_by_axis,
    "coalesce": coalesce,
    "dilate": lambda case, rows_of: intervals(
        rows_of(relation(case["left"]).dilate(case["args"]["window"]))
    ),
    "filter_size": filter_size,
    "fold": fold,
    "map_payload": lambda case, rows_of: intervals(
        rows_of(relation(case["left"]).mutate(payload=row.payload + case["args"]["add"]))
    ),
    "size": size,
    "duration": duration,
    "empty": lambda case, rows_of: not rows_of(relation(case["left"])),
    "match": match,
    "add_key_to_payload": lambda case, rows_of: with_keys(case, rows_of),
    "flatten": lambda case, rows_of: intervals(rows_of(relation(case["left"]))),
}


def expand(case, rows_of):
    return intervals(rows_of(relation(case["left"]).mutate(x1=0, y1=0, x2=1, y2=1)))


def with_keys(case, rows_of):
    rows = rows_of(relation(case["left"]).mutate(key=row.video))
    pairs = [each | {"payload": [each["payload"], each["key"]]} for each in rows]
    return intervals(pairs, case["left"])


# --- answers


def interval(given: dict[str, Any]) -> dict[str, Any]:
    made = {"t1": given["start_us"] / 1e6, "t2": given["end_us"] / 1e6}
    made |= {name: given[name] for name in BOX}
    return made | {"payload": given.get("payload")}


def intervals(rows: list[dict[str, Any]], like: Any = None) -> Any:
    if not isinstance(like, dict):
        return [interval(each) for each in rows]
    by_key: dict[str, list[dict[str, Any]]] = {}
    for each in rows:
        by_key.setdefault(each["video"], []).append(interval(each))
    return by_key


def assert_same(answer: Any, expected: Any) -> None:
    """Compare; bounds that the case leaves out are the unit, boxes may differ by rounding."""
    if isinstance(expected, dict) and "t1" in expected:
        complete = {**BOX, "payload": None, **expected}
        assert set(answer) == set(complete)
        assert_same(answer["payload"], complete.pop("payload"))
        for name, value in complete.items():
            wanted = pytest.approx(value, abs=1e-6) if name in BOX else value
            assert answer[name] == wanted, name
    elif isinstance(expected, dict):
        assert set(answer) == set(expected)
        for name, value in expected.items():
            assert_same(answer[name], value)
    elif isinstance(expected, list):
        assert len(answer) == len(expected)
        if expected and isinstance(expected[0], dict) and "t1" not in expected[0]:
            answer, expected = in_any_order(answer), in_any_order(expected)
        for one, other in zip(answer, expected, strict=True):
            assert_same(one, other)
    else:
        assert answer == expected


def in_any_order(solutions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort the solutions of a match, whose order has no meaning."""

    def key(solution: dict[str, Any]) -> list[Any]:
        return [
            (name, each["t1"], each["t2"], str(each.get("payload")), each.get("x1", 0.0))
            for name, each in sorted(solution.items())
        ]

    return sorted(solutions, key=key)
