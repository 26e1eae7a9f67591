"""What people write who know pandas, Polars and SQL: the message says what to write here."""

from __future__ import annotations

import copy
import re

import pyarrow as pa
import pytest

import vquery as vq
from tests.unit.engine.misuse import FACES, Misuse, cases, check
from vquery import UnknownMethodError, row, time_overlaps
from vquery.api.sql import SqlResult, run_sql
from vquery.engine.grouped import Grouped
from vquery.engine.show import cell, print_table
from vquery.expr import habits
from vquery.expr.expression import Expression

GROUPED = FACES.group_by("name")

HABITS = [
    Misuse(
        "a method of pandas",
        lambda: FACES.groupby("name"),
        "no 'groupby'",
        "faces",
        r"\.group_by\('name'\)",
        UnknownMethodError,
    ),
    Misuse(
        "a misspelt method",
        lambda: FACES.colect(),
        "no 'colect'",
        "faces",
        "Did you mean 'collect'",
        UnknownMethodError,
    ),
    Misuse(
        "a column as an attribute",
        lambda: FACES.score,
        r"faces\.score",
        "named by row.score",
        r"\.filter\(row\.score",
        UnknownMethodError,
    ),
    Misuse(
        "a column in brackets",
        lambda: FACES["score"],
        "no brackets",
        r"\['score'\]",
        r"\.filter\(row\.x1 > 0\.5\) chooses rows",
    ),
    Misuse(
        "a loop over a relation",
        lambda: list(FACES),
        "cannot be looped over",
        "relation",
        r"\.collect\(\) gives its rows",
    ),
    Misuse(
        "the length of a relation",
        lambda: len(FACES),
        "no length",
        "relation",
        r"\.count\(\)",
    ),
    Misuse(
        "a function of each value",
        lambda: row.name.apply(str),
        "no 'apply'",
        r"row\.name",
        r"vq\.when",
        UnknownMethodError,
    ),
    Misuse(
        "an accessor of pandas",
        lambda: row.name.str.lower(),
        "no 'str'",
        r"row\.name",
        "the method itself",
        UnknownMethodError,
    ),
    Misuse(
        "an aggregate as a method",
        lambda: row.score.mean(),
        "no 'mean'",
        r"row\.score",
        r"vq\.mean\(row\.x1\) in agg\(\)",
        UnknownMethodError,
    ),
    Misuse(
        "rows of groups",
        lambda: GROUPED.mean("score"),
        "no 'mean'",
        r"Grouped\(faces",
        r"\.agg\(m=vq\.mean",
        UnknownMethodError,
    ),
    Misuse(
        "groups of a partition",
        lambda: FACES.partition_by("track").sum(),
        "no 'sum'",
        r"Partitioned\(faces",
        r"\.agg\(",
        UnknownMethodError,
    ),
    Misuse(
        "the name of an aggregate",
        lambda: GROUPED.agg(n="count"),
        "got 'count'",
        r"agg\(\) takes an aggregate for n=",
        r"vq\.count\(\)",
    ),
    Misuse(
        "a pair of column and aggregate",
        lambda: GROUPED.agg(m=("score", "mean")),
        r"got \('score', 'mean'\)",
        r"agg\(\) takes an aggregate for m=",
        r"vq\.mean\(row\.score\)",
    ),
    Misuse(
        "a setting that there is none of",
        lambda: FACES.coalesce(max_gap=1),
        "got 1",
        r"coalesce\(\) takes an aggregate for max_gap=",
        "its settings are gap, by",
    ),
    Misuse(
        "aggregates in a dictionary",
        lambda: GROUPED.agg({"score": "mean"}),
        "by name",
        r"agg\(\)",
        r"n=vq\.count\(\)",
    ),
    Misuse(
        "is None",
        lambda: FACES.filter(row.name is None),
        "got False",
        r"filter\(\)",
        r"row\.name\.is_null\(\)",
    ),
    Misuse(
        "a predicate called with rows",
        lambda: FACES.join(FACES, lambda a, b: time_overlaps(a, b) & (a.x1 < b.x1)),
        "not called with rows",
        "time_overlaps",
        r"time_overlaps & \(lambda",
    ),
]


@cases(*HABITS)
def test_habits_get_an_answer(case):
    check(case)


def test_what_the_answers_name_exists():
    texts = " ".join([*habits.RELATION.values(), *habits.GROUPS.values(), *habits.VALUE.values()])
    known = {*dir(vq.Intervals), *dir(Expression), *dir(Grouped), "to_pylist", "to_csv"}
    known |= {"write_table"}
    for name in re.findall(r"(?<!vq)(?<!db)\.([a-z_]+)\(", texts):
        assert name in known, name
    assert {name for name in re.findall(r"vq\.(\w+)", texts) if not hasattr(vq, name)} == set()
    assert set(habits.RELATION).isdisjoint(dir(vq.Intervals))
    assert set(habits.GROUPS).isdisjoint(dir(Grouped))
    assert set(habits.VALUE).isdisjoint(dir(Expression))
    assert set(habits.RESULT).isdisjoint(dir(SqlResult))


def test_python_and_libraries_may_look_for_names_of_their_own():
    assert not hasattr(FACES, "__array__")
    assert not hasattr(row.score, "_ipython_canary_method_should_not_exist_")
    assert not hasattr(FACES, "x99")
    assert copy.copy(FACES).count() == FACES.count()
    assert repr(copy.deepcopy(row.score)) == "row.score"


def test_plans_are_shown_as_they_read():
    plan = FACES.filter(row.score > 0.6).explain()
    assert repr(plan) == plan == str(plan)
    assert "\n" in repr(plan)


def test_results_of_sql_can_be_looked_at(capsys):
    result = run_sql(
        "SELECT name, count(*) AS n FROM faces GROUP BY name", {"faces": FACES.collect}
    )
    result.show(limit=1)
    assert "first 1 rows; show(limit=…) for more" in capsys.readouterr().out  # in one line
    with pytest.raises(UnknownMethodError, match=r"result of sql.* 'df': use \.to_pandas\(\)"):
        result.df()


def test_lists_and_times_of_partners_are_readable(capsys):
    part = {"symbol": "serve", "start_us": 0, "end_us": 1_500_000}
    assert cell("parts", [part]) == "[symbol serve, start 0:00.000, end 0:01.500]"
    assert cell("words", ["a", None]) == "[a, –]"
    print_table(pa.table({"a_start_us": [2_000_000], "from_shift_us": [5]}))
    printed = capsys.readouterr().out
    assert "a_start " in printed
    assert "0:02.000" in printed
    assert "from_shift_us" in printed


def test_an_interval_in_microseconds_is_noticed():
    assert "start and end in seconds" in str(FACES.why_not(("a", 1_000_000, 2_000_000)))
    assert "start and end in seconds" not in str(FACES.why_not(("a", 100, 200)))
