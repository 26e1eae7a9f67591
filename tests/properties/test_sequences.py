"""Sequences by the automaton and by trying every row after every row."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.test_engine import assert_agree, tables
from vquery.engine.sequences import automaton
from vquery.errors import QueryError
from vquery.expr.placeholders import row
from vquery.expr.symbols import read_sequence
from vquery_kernels.sequence import FAR, Limits, cpu, reference

SYMBOLS = st.sampled_from(["Ann", "Bob", "Ci", "."])


@st.composite
def patterns(draw: st.DrawFn, depth: int = 2) -> str:
    """Draw the text of a sequence: no two ! in a row, none at an end."""

    def one(level: int) -> str:
        kind = draw(st.integers(0, 4)) if level else 0
        if kind == 1:
            return f"({chain(level - 1)} | {chain(level - 1)})"
        if kind == 2:
            times = draw(st.sampled_from(["?", "*", "+", "{2}", "{1,2}", "{,2}", "{2,}"]))
            return f"({chain(level - 1)}){times}"
        return str(draw(SYMBOLS))

    def chain(level: int) -> str:
        parts = [one(level) for _ in range(draw(st.integers(1, 3)))]
        text = draw(SYMBOLS) + " " + parts[0]
        for part in parts[1:]:
            no = draw(st.sampled_from(["", "", " !Bob", " !(Ann | Ci)", " !."]))
            text += f"{no} {part}"
        return text if draw(st.booleans()) else parts[0]

    return chain(depth)


def possible(text: str) -> bool:
    """Whether a drawn pattern is one: '!' may have come to stand at an end."""
    try:
        read_sequence(text)
    except QueryError as error:
        if "must stand between" not in str(error):
            raise
        return False
    return True


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "max_gap": st.sampled_from([0, 0.5, 1.5]),
        "min_gap": st.sampled_from([0, 0.5]),
        "within": st.sampled_from([1, 2.5, 4]),
        "mode": st.sampled_from(["greedy", "all"]),
        "overlap": st.sampled_from(["forbid", "allow"]),
        "skip": st.booleans(),
        "min_duration": st.just(0.5),
    },
)


@settings(max_examples=2 * settings.default.max_examples)
@given(tables(7), patterns().filter(possible), SETTINGS, st.sampled_from([(), ("track",)]))
def test_sequences_of_values(rows, text, given_settings, by):
    if given_settings.get("min_gap", 0) > given_settings.get("max_gap", 9):
        del given_settings["max_gap"]
    found = rows.partition_by(*by).sequence(text, by="name", **given_settings)
    assert_agree(found)
    assert_agree(found.select("n_parts"))
    assert_agree(found.filter(row.track > 1, row.video == "a"))


@given(tables(6), patterns(1).filter(possible), SETTINGS)
def test_rows_that_carry_several_symbols(rows, text, given_settings):
    if given_settings.get("min_gap", 0) > given_settings.get("max_gap", 9):
        del given_settings["max_gap"]
    symbols: dict[str, Any] = {
        "Ann": row.score > 0.3,
        "Bob": row.name.is_null() | (row.name == "Bob"),
        "Ci": row.track >= 1,
    }
    assert_agree(rows.sequence(text, symbols=symbols, **given_settings))


@pytest.mark.parametrize("every", [False, True])
@settings(max_examples=3 * settings.default.max_examples)
@given(data=st.data())
def test_the_compiled_kernel_gives_what_its_reference_gives(every, data):
    pattern = read_sequence(data.draw(patterns().filter(possible)))
    sizes = data.draw(st.lists(st.integers(0, 6), max_size=3))
    partitions = np.cumsum([0, *sizes])
    number = int(partitions[-1])
    numbers = st.lists(st.integers(0, 6), min_size=number, max_size=number)
    start = np.array(data.draw(numbers), np.int64)
    for first, last in itertools.pairwise(partitions):
        start[first:last].sort()
    end = start + np.array(data.draw(numbers), np.int64)
    bits = st.lists(st.booleans(), min_size=number, max_size=number)
    carries = np.array([data.draw(bits) for _ in pattern.symbols], np.bool_)
    carries = carries.reshape(len(pattern.symbols), number)
    limits = Limits(
        min_gap=data.draw(st.sampled_from([0, 0, 1])),
        max_gap=data.draw(st.sampled_from([FAR, 1, 3])),
        within=data.draw(st.sampled_from([FAR, FAR, 4, 8])),
        overlap=data.draw(st.booleans()),
        skip=data.draw(st.booleans()),
    )
    given_arrays = (partitions, start, end, carries, automaton(pattern), limits)
    expected = reference.sequence(*given_arrays, every=every)
    found = cpu.sequence(*given_arrays, every=every)
    for one, other in zip(found, expected, strict=True):
        assert one.tolist() == other.tolist()
