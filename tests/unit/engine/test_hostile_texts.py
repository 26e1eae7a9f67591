"""Small texts that would take all time, memory or stack are refused, each with one clear error."""

from __future__ import annotations

import pyarrow as pa
import pytest

from vquery.engine.parse import parse_query
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError
from vquery.expr.placeholders import row
from vquery.expr.regex import check_regex
from vquery.expr.symbols import read_sequence
from vquery.expr.wording import read_phrase


@pytest.fixture
def rows():
    table = {"video": ["a"] * 3, "start": [0, 1, 2], "end": [1, 2, 3], "name": ["x", "y", "z"]}
    return from_arrow(pa.table({**table, "score": [0.1, 0.2, 0.3]}), extents={"a": 3.0})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t.mutate(x=(lambda d: d(d(row.score)))(lambda x: x + x))", "cannot be called"),
        ("(lambda f: f(f))(lambda f: f(f))", "cannot be called"),
        ("t.filter(" + "not " * 150 + "(row.score > 0))", "nested deeper"),
        ("t" + ".limit(1)" * 200, "nested deeper"),
        ("(" * 3000 + "t" + ")" * 3000, "too many nested parentheses"),
        ("t.mutate(a=" + "-" * 5000 + "1)", "cannot be read"),
        ("t.filter(row.score > " + "9" * 5000 + ")", "4300 digits"),
        ("t.filter(row.score > " + "9" * 4000 + ")", "expected a number"),
        ("t.rename({[1]: 'a'})", "keys of a mapping"),
        ("t.mutate(a=time_overlaps + 1)", "unsupported operand"),
        ("t.join(t, predicate=before(max_gap=1e300))", "31,000 years"),
        ("t.join(t, predicate=meets(tolerance=1e400))", "number of seconds"),
        ("t.filter(row.name.matches('" + "(" * 5000 + "'))", "missing \\)"),
        ("t.filter(row.name.matches('a{99999999999}('))", "missing \\)"),
        ("t.filter(row.name.matches('(((a{1,100}){1,100}){1,100}'))", "no regular expression"),
        ("t.windows(0.000000001)", "more than 0 seconds"),
        ("t.mutate(a=greatest())", "greatest\\(\\) takes at least one value"),
        ("t.mutate(a=coalesce())", "coalesce\\(\\) takes at least one value"),
        ("t.limit(frames(2))", "limit\\(\\)"),
        ("t.sample(frames(2))", "sample\\(\\)"),
        ("t.rekey(row.name, shift=1e300)", "31,000 years"),
        ("t.partition_by().mutate(a=lag(row.score, 99999999999999999999))", "number of rows"),
        ("t.shift(1e300)", "31,000 years"),
        ("t.mutate(a=row.name.extract('a', group=99999999999999999999))", "from 0 to 9"),
        ("t.mutate(a=row.name.words().join_text(row.name))", "takes a text to write between"),
        ("t.group_by('name').agg(a=arg_max(row.name, by=None))", "by= must be something"),
    ],
)
def test_queries(rows, text, message):
    with pytest.raises(QueryError, match=message):
        parse_query(text, {"t": rows})


@pytest.mark.parametrize("word", ["and", "or"])
def test_long_conditions_are_no_deep_ones(rows, word):
    text = f" {word} ".join(["row.score > 0"] * 1100)
    assert parse_query(f"t.filter({text})", {"t": rows}).count() == 3


@pytest.mark.parametrize("owner", ["t", "t.group_by('name')", "t.partition_by('name')"])
def test_null_is_never_true(rows, owner):
    assert parse_query(f"{owner}.filter(None)", {"t": rows}).count() == 0


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_what_a_column_holds(rows):
    single = rows.mutate(score=row.score.cast("float")).collect()
    place = single.schema.get_field_index("score")
    single = from_arrow(single.set_column(place, "score", single["score"].cast(pa.float32())))
    for condition in ("row.score < 1e300", "row.score > -1e300", "row.score != 1e300"):
        assert parse_query(f"t.filter({condition})", {"t": single}).count() == 3


def test_columns_that_double_are_computed_step_by_step(rows):
    text = "t.mutate(a=row.score)" + ".mutate(a=row.a + row.a)" * 40 + ".filter(row.a > 0)"
    doubled = parse_query(text, {"t": rows}).collect()["a"].to_pylist()
    assert doubled == [score * 2**40 for score in (0.1, 0.2, 0.3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(" * 400 + "a" + ")" * 400, "more than 50 brackets"),
        ("!" * 3000 + "a", "missing after '!' at column 1"),
        ("a !(" + "(" * 3000, "more than 50 brackets"),
        ("a" + "*" * 5000, "too many signs of repetition"),
        ("a{" + "9" * 5000 + "}", "number is too large at column 2"),
        ("a{0,999999999}", "more than 1000 symbols"),
        ("a{30}{30}{30}{30}", "more than 1000 symbols"),
        ("(a?){999}", "too many ways"),
        ("x " + " ".join(f"(y? | !a{n})" for n in range(30)) + " z", "too many ways"),
    ],
)
def test_sequences(text, message):
    with pytest.raises(QueryError, match=message):
        read_sequence(text)


def test_deep_sequences_that_may_be():
    text = "(" * 50 + "a****" + ")****" * 50
    assert read_sequence(text).symbols == ("a",)
    assert read_sequence("((a*)*)*").edges == read_sequence("a*").edges
    assert len(read_sequence("a{0,1000}").states) == 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(a|b)" * 14, "more than 10,000 ways"),
        ("(a|b)" * 13 + " c" * 4000, "more than 200,000 words"),
        ("(" * 900 + "a" + ")" * 900, "more than 50 brackets"),
        ("a & b // " + "9" * 400, "farther than any recording"),
        ("a & b :: " + "9" * 400, "farther than any recording"),
    ],
)
def test_phrases(text, message):
    with pytest.raises(QueryError, match=message):
        read_phrase(text)


def test_patterns_that_python_warns_of_or_cannot_read():
    with pytest.raises(QueryError, match="at character"):
        check_regex("[[a(](", "matches()")
    check_regex("(" * 900 + "a" + ")" * 900, "matches()")


def test_more_rows_than_fit(rows):
    day = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [86_400]}))
    for made in (day.windows(0.000_001), day.split(0.000_001), day.windows(9, step=0.000_001)):
        with pytest.raises(QueryError, match=r"would make 86,\d\d\d,\d\d\d,\d\d\d rows"):
            made.count()
    assert rows.split(0.5).count() == 6
