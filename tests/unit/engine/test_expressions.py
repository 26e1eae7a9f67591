"""Texts, lists, numbers and moments: exact values, nulls, and what is refused when it is built."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from vquery.engine import reference
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError
from vquery.expr import aggregates as agg
from vquery.expr.placeholders import coalesce, param, row, when

NOON = datetime.datetime(2024, 2, 29, 12, 30)
LATE = datetime.datetime(2023, 12, 31, 23, 59)
TEXTS = ["Don't STOP — now 3.5", "  padded\t", "", None]
ROWS = from_arrow(
    pa.table(
        {
            "video": ["a"] * 4,
            "start_us": [0, 1, 2, 3],
            "end_us": [1_500_000, 2, 3, 3],
            "text": TEXTS,
            "number": pa.array([2.5, -2.5, 0.0, None]),
            "whole": pa.array([7, -7, 0, None], pa.int64()),
            "short": pa.array([0.15, 0.25, 4.0, None], pa.float32()),
            "tags": pa.array([["x", "y"], ["x", None], [], None], pa.list_(pa.string())),
            "places": pa.array([[1, 2, 3], [9], [], None], pa.list_(pa.int64())),
            "vector": pa.array([[1, 2]] * 3 + [None], pa.list_(pa.float32(), 2)),
            "when": pa.array([NOON, LATE, NOON, None], pa.timestamp("us")),
            "zoned": pa.array([NOON, LATE, NOON, None], pa.timestamp("us", "Asia/Tokyo")),
            "date": pa.array([NOON.date()] * 3 + [None]),
            "yes": [True, False, True, None],
        }
    )
)


def values(expression):
    """Values of an expression, the same from the engine and from the oracle."""
    query = ROWS.mutate(made=expression)
    made = query.collect()["made"].to_pylist()
    expected = [each["made"] for each in reference.run(query.node)]
    assert made == pytest.approx(expected) if isinstance(made[0], float) else made == expected
    return made


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (row.text.words(), [["Don't", "STOP", "now", "3", "5"], ["padded"], [], None]),
        (row.text.words().length(), [5, 1, 0, None]),
        (row.text.words().get(-1).lower(), ["5", "padded", None, None]),
        (row.text.strip(), ["Don't STOP — now 3.5", "padded", "", None]),
        (row.text.length(), [20, 9, 0, None]),
        (row.text.replace("STOP", "go"), ["Don't go — now 3.5", "  padded\t", "", None]),
        (row.text.upper().startswith("DON"), [True, False, False, None]),
        (row.text.strip().endswith("d"), [False, True, False, None]),
        (row.text.like("%stop%"), [False, False, False, None]),
        (row.text.ilike("%stop%"), [True, False, False, None]),
        (row.text.contains_any(["now", "pad"]), [True, True, False, None]),
        (row.text.matches(r"\d\.\d$"), [True, False, False, None]),
        (row.text.matches("(?i)stop"), [True, False, False, None]),
        (row.text.extract("[A-Z]{2,}"), ["STOP", None, None, None]),
        (row.text.extract(r"(\d)\.(\d)", 2), ["5", None, None, None]),
        (row.text.extract("(x)?now", 1), ["", None, None, None]),
        (row.tags.length(), [2, 2, 0, None]),
        (row.tags[0], ["x", "x", None, None]),
        (row.tags.first(), ["x", "x", None, None]),
        (row.tags.last(), ["y", None, None, None]),
        (row.tags.get(5), [None] * 4),
        (row.tags.contains("y"), [True, False, False, None]),
        (row.tags.contains_any(["y", "z"]), [True, False, False, None]),
        (row.tags.join_text("+"), ["x+y", "x", "", None]),
        (row.places[row.whole - 7], [1, None, None, None]),
        (row.places.contains(9), [False, True, False, None]),
        (row.vector.length(), [2, 2, 2, None]),
        (row.number.round(), [3.0, -3.0, 0.0, None]),
        (row.number.floor(), [2.0, -3.0, 0.0, None]),
        (row.number.ceil(), [3.0, -2.0, 0.0, None]),
        (row.whole.floor(), [7, -7, 0, None]),
        (row.whole.round(), [7, -7, 0, None]),
        (row.number.sqrt(), [2.5**0.5, None, 0.0, None]),
        (row.whole.log(), [1.9459101490553132, None, None, None]),
        (row.whole.exp().round(3), [1096.633, 0.001, 1.0, None]),
        (row.number.clip(-1, 1), [1.0, -1.0, 0.0, None]),
        (row.number.clip(low=0), [2.5, 0.0, 0.0, None]),
        (row.number.abs(), [2.5, 2.5, 0.0, None]),
        (row.number.cast("int"), [2, -2, 0, None]),
        (row.whole.cast(float), [7.0, -7.0, 0.0, None]),
        (row.whole.cast(str), ["7", "-7", "0", None]),
        (row.yes.cast("text"), ["true", "false", "true", None]),
        (row.yes.cast(int), [1, 0, 1, None]),
        (row.whole.cast("bool"), [True, True, False, None]),
        (row.text.extract("[0-9.]+").cast("float"), [3.5, None, None, None]),
        (row.text.extract("[0-9.]+").cast("int"), [None, None, None, None]),
        (row.text.extract("[0-9]+").cast("int"), [3, None, None, None]),
        (row.when.year(), [2024, 2023, 2024, None]),
        (row.when.month(), [2, 12, 2, None]),
        (row.when.day(), [29, 31, 29, None]),
        (row.when.hour(), [12, 23, 12, None]),
        (row.when.weekday(), [3, 6, 3, None]),
        (row.date.weekday(), [3, 3, 3, None]),
        (row.when > datetime.datetime(2024, 1, 1), [True, False, True, None]),
        (coalesce(row.text, "none"), [*TEXTS[:3], "none"]),
        (coalesce(row.whole, row.number, 1), [7.0, -7.0, 0.0, 1.0]),
        (row.tags.is_null(), [False, False, False, True]),
        (when(row.tags.length() > 1, "many").otherwise("few"), ["many", "many", "few", "few"]),
    ],
    ids=repr,
)
def test_values(expression, expected):
    made = values(expression)
    assert made == pytest.approx(expected) if isinstance(made[0], float) else made == expected


def test_zones_count_in_utc():
    assert ROWS.mutate(h=row.zoned.hour()).collect()["h"].to_pylist() == [12, 23, 12, None]


def test_box_sizes_are_float32():
    edges = {"x1": [0.0], "y1": [0.0], "x2": [0.3], "y2": [0.1]}
    boxed = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [1], **edges}))
    made = boxed.mutate(r=row.aspect, a=row.area).collect()
    assert made.schema.field("r").type == pa.float32()
    assert made["r"][0].as_py() == pytest.approx(3, abs=1e-6)
    flat = boxed.mutate(y2=0.0).mutate(r=row.aspect)
    assert flat.collect()["r"].to_pylist() == [None]
    assert reference.run(flat.node)[0]["r"] is None


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: row.text.matches("a(b"), "missing [)], at character 2"),
        (lambda: row.text.matches("ab**"), r"bad repetition operator '\*\*', at character 3"),
        (lambda: row.text.matches("x(?=y)"), "look-around"),
        (lambda: row.text.matches(7), "takes a regular expression as a text"),
        (lambda: row.text.extract("a(b)", 2), "has no group 2"),
        (lambda: row.text.extract("a", -1), "group= must be a whole number"),
        (lambda: row.text.matches(param("p", "[")), "missing ]"),
        (lambda: ROWS.filter(row.number.matches("a")), "needs texts, but row.number is a number"),
        (lambda: ROWS.mutate(n=row.number.length()), "needs a text or a list"),
        (lambda: ROWS.mutate(n=row.text[0]), "needs a list, but row.text is a string"),
        (lambda: ROWS.mutate(n=row.tags["x"]), "give the number of an element"),
        (lambda: ROWS.mutate(n=row.tags[1:]), "give the number of an element"),
        (lambda: ROWS.filter(row.tags.contains(3)), "list of string and never contains 3"),
        (lambda: ROWS.mutate(n=row.places.join_text()), "needs a list of texts"),
        (lambda: ROWS.mutate(n=row.date.hour()), "needs a timestamp, but"),
        (lambda: ROWS.mutate(n=row.text.year()), "needs a timestamp or date"),
        (lambda: ROWS.mutate(n=row.text.sqrt()), "needs a number"),
        (lambda: ROWS.mutate(n=row.tags.cast("int")), "needs a number, a text or a truth value"),
        (lambda: row.text.cast("date"), "cast.. takes 'int', 'float', 'text' or 'bool'"),
        (lambda: row.number.round(-1), "digits from 0 to 15"),
        (lambda: row.number.clip(), "needs a lowest value"),
        (lambda: row.text.replace("", "x"), "must not be empty"),
        (lambda: row.text.contains_any("ab"), "takes a list"),
        (lambda: row.text.contains_any([]), "at least one value"),
        (lambda: row.text == "half \ud800", "half a character"),
        (lambda: agg.quantile(row.number, 1.5), "share from 0 to 1"),
        (lambda: agg.quantile(row.number, row.short), "share from 0 to 1"),
        (lambda: ROWS.group_by().agg(m=agg.median(row.text)), "needs numbers"),
        (lambda: ROWS.group_by().agg(m=agg.count(row.text)), "needs a condition"),
        (lambda: ROWS.group_by().agg(m=agg.arg_max(row.text, row.tags)), "with an order"),
        (lambda: ROWS.group_by().agg(m=agg.max(row.tags)), "with an order"),
        (lambda: coalesce(), "at least one value"),
    ],
)
def test_what_is_refused(build, message):
    with pytest.raises(QueryError, match=message):
        build()


def test_a_bad_regex_from_a_param_is_refused_before_anything_runs():
    query = ROWS.filter(row.text.matches(param("p", "STOP")))
    assert query.count() == 1
    assert query.count(params={"p": "^$"}) == 1
    with pytest.raises(QueryError, match="missing \\)"):
        query.count(params={"p": "("})
    share = ROWS.group_by().agg(q=agg.quantile(row.number, param("q", 0.5)))
    assert share.collect(params={"q": 1.0})["q"].to_pylist() == [2.5]
    with pytest.raises(QueryError, match="share from 0 to 1"):
        share.collect(params={"q": 2.0})


def test_aggregates():
    made = {
        "n": agg.count(row.number > 0),
        "part": agg.share(row.number > 0),
        "middle": agg.median(row.number),
        "spread": agg.std(row.number),
        "high": agg.quantile(row.number, 0.75),
        "texts": agg.list(row.text),
        "best": agg.arg_max(row.text, by=row.number),
        "worst": agg.arg_min(row.whole, by=row.number),
        "nothing": agg.arg_max(row.text, by=when(row.number > 99, 1)),
        "one": agg.std(when(row.number > 0, row.number)),
    }
    query = ROWS.group_by().agg(**made)
    (row_made,) = query.collect().to_pylist()
    expected = {
        "n": 1,
        "part": 1 / 3,
        "middle": 0.0,
        "spread": 2.5,
        "high": 1.25,
        "texts": TEXTS[:3],
        "best": TEXTS[0],
        "worst": -7,
        "nothing": None,
        "one": None,
    }
    (oracle,) = reference.run(query.node)
    for name, value in expected.items():
        wanted = pytest.approx(value) if isinstance(value, float) else value
        assert row_made[name] == wanted, name
        assert oracle[name] == wanted, name


def test_the_first_of_several_best_rows_wins():
    table = {"video": ["a"] * 3, "start": [2, 0, 1], "end": [3, 1, 2], "name": ["c", "a", "b"]}
    ties = from_arrow(pa.table(table)).group_by().agg(m=agg.arg_max(row.name, by=row.duration))
    assert ties.collect()["m"].to_pylist() == ["a"]


def test_names_of_columns_and_methods_do_not_meet():
    table = {"video": ["a"], "start": [0], "end": [1], "list": ["x"], "share": [1], "get": [2]}
    odd = from_arrow(pa.table(table))
    assert odd.filter((row["list"] == "x") & (row.share == 1) & (row["get"] == 2)).count() == 1
