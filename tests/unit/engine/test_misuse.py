"""Misuse of expressions, columns and rows: each message says what, where and what instead."""

from __future__ import annotations

import vquery as vq
from tests.unit.engine.misuse import CAPTIONS, FACES, Misuse, cases, check
from vquery import UnknownColumnError, row, time_overlaps

EXPRESSIONS = [
    Misuse(
        "a misspelt column", lambda: FACES.filter(row.nam == "Ann"),
        "no column 'nam'", "faces", "Did you mean 'name'", UnknownColumnError,
    ),
    Misuse(
        "a misspelt size", lambda: FACES.filter(row.hight > 0.3),
        "no column 'hight'", "faces", "Did you mean 'height'", UnknownColumnError,
    ),
    Misuse(
        "a size without boxes", lambda: CAPTIONS.filter(row.height > 0.3),
        "no boxes", r"captions.*row\.height", "Columns: video", UnknownColumnError,
    ),
    Misuse(
        "text against a number", lambda: FACES.filter(row.name > 3),
        "cannot compare", r"row\.name \(string.*3 \(integer", "compare texts with texts",
    ),
    Misuse(
        "a number against text", lambda: FACES.filter(row.score == "high"),
        "cannot compare", r"row\.score \(number.*'high'", "numbers with numbers",
    ),
    Misuse(
        "and between conditions", lambda: FACES.filter((row.score > 0.5) and (row.name == "Ann")),
        "no truth value", r"row\.score > 0\.5", "use & instead of 'and'",
    ),
    Misuse(
        "or between conditions", lambda: FACES.filter((row.score > 0.5) or (row.name == "Ann")),
        "no truth value", r"row\.score > 0\.5", r"\| instead of 'or'",
    ),
    Misuse(
        "not of a condition", lambda: FACES.filter(not row.name.is_null()),
        "no truth value", r"row\.name\.is_null\(\)", "~ instead of 'not'",
    ),
    Misuse(
        "if on a condition", lambda: "close" if row.height > 0.3 else "far",
        "no truth value", r"row\.height > 0\.3", r"vq\.when\(\.\.\.\) instead of 'if'",
    ),
    Misuse(
        "a chain of comparisons", lambda: FACES.filter(0.2 < row.score < 0.5),
        "no truth value", r"row\.score > 0\.2", r"\.between\(low, high\)",
    ),
    Misuse(
        "in a list", lambda: FACES.filter(row.name in ["Ann", "Bob"]),
        "no truth value", r"row\.name", r"\.isin\(\[",
    ),
    Misuse(
        "in a text", lambda: FACES.filter("nn" in row.name),
        "'in' does not work", r"row\.name", r"\.contains\('nn'\)",
    ),
    Misuse(
        "a loop over a column", lambda: list(row.name),
        "cannot be looped over", r"row\.name", r"\.collect\(\) gives the rows",
    ),
    Misuse(
        "is None by ==", lambda: FACES.filter(row.name == None),  # noqa: E711
        "never true", r"row\.name", r"\.is_null\(\)",
    ),
    Misuse(
        "not None by !=", lambda: FACES.filter(row.name != None),  # noqa: E711
        "never true", r"row\.name", r"\.not_null\(\)",
    ),
    Misuse(
        "comparison with nan", lambda: FACES.filter(row.score == float("nan")),
        "compares with nothing", "nan", r"\.is_null\(\)",
    ),
    Misuse(
        "brackets forgotten around &", lambda: FACES.filter(row.track & 1),
        "joins conditions", "got 1", r"put each comparison in brackets",
    ),
    Misuse(
        "isin of a text", lambda: FACES.filter(row.name.isin("Ann")),
        "takes a list", "'Ann'", r"\.isin\(\['Ann'\]\)",
    ),
    Misuse(
        "isin of another type", lambda: FACES.filter(row.track.isin(["Ann"])),
        "can never be 'Ann'", r"row\.track is an integer", "values of one kind with the column",
    ),
    Misuse(
        "text method on a number", lambda: FACES.filter(row.track.lower() == "ann"),
        "row.track is an integer", "'lower'", "needs texts",
    ),
    Misuse(
        "arithmetic on text", lambda: FACES.mutate(n=row.name * 2),
        "row.name is a string", r"'\*'", "needs numbers",
    ),
    Misuse(
        "a condition that is none", lambda: FACES.filter(row.score),
        "condition is needed", r"row\.score is a number", r"such as row\.score > 0\.5",
    ),
    Misuse(
        "a plain value as a condition", lambda: FACES.filter("Ann"),
        "condition is needed", "'Ann' is a string", r"such as row\.score > 0\.5",
    ),
    Misuse(
        "an aggregate outside a group", lambda: FACES.filter(vq.max(row.score) > 0.5),
        "about many rows", r"max\(row\.score\)", r"agg\(\), coalesce\(\)",
    ),
    Misuse(
        "a column that differs within a group",
        lambda: FACES.group_by("name").agg(score=row.score),
        "differs between the rows of a group", r"row\.score", r"vq\.max\(row\.score\)",
    ),
    Misuse(
        "mean of texts", lambda: FACES.group_by("track").agg(m=vq.mean(row.name)),
        "got a string", r"mean\(row\.name\)", "needs numbers",
    ),
    Misuse(
        "a list value", lambda: FACES.filter(row.name == ["Ann"]),
        "expected a number, a text", r"\['Ann'\]", "truth value or a date",
    ),
    Misuse(
        "branches of two types", lambda: FACES.mutate(k=vq.when(row.score > 0.5, 1).otherwise("x")),
        r"when\(\) mixes", "int64 and string", "bring them to one type",
    ),
    Misuse(
        "a bad regular expression", lambda: FACES.filter(row.name.matches("(Ann")),
        "no regular expression", r"matches\(\): '\(Ann'", r"missing \), at character 1",
    ),
    Misuse(
        "a lag outside a partition", lambda: FACES.mutate(d=row.x1 - vq.lag(row.x1)),
        "other rows of a partition", r"lag\(row\.x1\)", r"partition_by\(",
    ),
    Misuse(
        "a lag of no rows", lambda: vq.lag(row.x1, 0),
        "at least 1", r"lag\(offset=\)", "whole number",
    ),
    Misuse(
        "a rolling value that is no aggregate", lambda: vq.rolling(row.score, rows=3),
        "takes an aggregate", r"rolling\(\)", r"vq\.mean\(row\.score\)",
    ),
    Misuse(
        "rolling over rows and seconds", lambda: vq.rolling(vq.count(), rows=3, seconds=2),
        "either", r"rolling\(\)", r"rows= or seconds=",
    ),
]  # fmt: skip

PARAMS = [
    Misuse(
        "a parameter without a name", lambda: vq.param(0.5, 3),
        "needs a name", r"param\(\)", r"got 0\.5",
    ),
    Misuse(
        "a default out of its range", lambda: vq.param("gap", 10, range=(20, 60)),
        "lies outside", "param 'gap': the default 10", r"\(20, 60\)",
    ),
    Misuse(
        "a range of one number", lambda: vq.param("gap", 10, range=(20,)),
        "two numbers", "param 'gap'.*range=", r"\(low, high\)",
    ),
    Misuse(
        "a parameter of another kind",
        lambda: FACES.filter(row.score > vq.param("p", 0.5)).count(params={"p": "high"}),
        "must be a number", "param 'p'", "got 'high'",
    ),
    Misuse(
        "an unknown parameter",
        lambda: FACES.filter(row.score > vq.param("p", 0.5)).count(params={"q": 1}),
        "no param 'q'", "the query", "Params: p$",
    ),
    Misuse(
        "a negative value for a gap",
        lambda: FACES.coalesce(gap=vq.param("gap", 1)).count(params={"gap": -1}),
        "got -1", r"coalesce\(gap=\)", "a number of seconds of at least 0",
    ),
    Misuse(
        "one parameter of two kinds",
        lambda: FACES.filter(row.score > vq.param("p", 1), row.name == vq.param("p", "x")).count(),
        "written in two ways", "param 'p'", "give both the same",
    ),
]  # fmt: skip

ROWS = [
    Misuse(
        "a misspelt column in select", lambda: FACES.select("nme"),
        "no column 'nme'", "faces", "Did you mean 'name'", UnknownColumnError,
    ),
    Misuse(
        "a misspelt column in group_by", lambda: FACES.group_by("trak"),
        "no column 'trak'", "faces", "Did you mean 'track'", UnknownColumnError,
    ),
    Misuse(
        "an expression where a column is meant", lambda: FACES.select(row.score > 1),
        r"select\(\) takes columns", r"row\.score > 1", r"row\.name or 'name'",
    ),
    Misuse(
        "dropping the time", lambda: FACES.drop("start_us"),
        "makes a row an interval", "'start_us'", "stays as it is",
    ),
    Misuse(
        "renaming to a taken name", lambda: FACES.rename(name="track"),
        "two columns would be called", "'name'", "rename one",
    ),
    Misuse(
        "computing the video", lambda: FACES.mutate(video=row.name),
        "cannot be computed", "video", r"which rows can meet",
    ),
    Misuse(
        "seconds as microseconds", lambda: FACES.mutate(start_us=row.start * 2.0),
        "whole microseconds", "start_us", "set start",
    ),
    Misuse(
        "a text as a coordinate", lambda: FACES.mutate(x1=row.name),
        "must be a number", "x1", "string",
    ),
    Misuse(
        "sorting by nothing", lambda: FACES.sort(),
        "at least one column", r"sort\(\)", r"row\.score\.desc\(\)",
    ),
    Misuse(
        "sorting by a list", lambda: FACES.sort(row.words),
        "no order", r"sort\(\).*row\.words", "sort by a number or a text",
    ),
    Misuse(
        "grouping by a list", lambda: FACES.group_by("words").agg(n=vq.count()),
        "cannot be grouped", "'words'", "group by a number, a text",
    ),
    Misuse(
        "a negative limit", lambda: FACES.limit(-1),
        "at least 0", r"limit\(\)", "got -1",
    ),
    Misuse(
        "a sample of 150 percent", lambda: FACES.sample(fraction=1.5),
        "from 0 to 1", r"sample\(fraction=\)", r"1\.5",
    ),
    Misuse(
        "a union of two types",
        lambda: FACES.union(CAPTIONS.mutate(track="one")),
        "'track' is int64", "string in captions", "to one type first, or rename",
    ),
    Misuse(
        "a predicate on one row", lambda: FACES.filter(time_overlaps),
        "about two", r"filter\(\) looks at one row", "in a join",
    ),
    Misuse(
        "a function that needs real values", lambda: FACES.filter(lambda r: float(r.score) > 0.5),
        "cannot be traced", "lambda", r"vq\.udf",
    ),
    Misuse(
        "a function that returns nothing", lambda: FACES.filter(lambda _: None),
        "must return a condition", "lambda", "got None",
    ),
    Misuse(
        "a relation as a condition", lambda: bool(FACES),
        "no truth value", "relation", r"\.count\(\)",
    ),
    Misuse(
        "an aggregate that computes the hull",
        lambda: FACES.coalesce(start_us=vq.min(row.start_us)),
        "that of its hull", "'start_us'", r"dilate\(\) or mutate\(\)",
    ),
]  # fmt: skip

TABLES = [EXPRESSIONS, PARAMS, ROWS]


@cases(*EXPRESSIONS)
def test_expressions(case):
    check(case)


@cases(*PARAMS)
def test_parameters(case):
    check(case)


@cases(*ROWS)
def test_rows(case):
    check(case)
