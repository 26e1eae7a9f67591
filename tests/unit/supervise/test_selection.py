"""Which violations come next: shares, turns, spacing and slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import LabelError
from vquery.supervise.selection import APART_S, choose, shares

KINDS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.floats(0, 1),
        st.sampled_from("uvw"),
        st.integers(0, 9),
        st.booleans(),
    ),
    max_size=14,
)


@given(KINDS, st.integers(1, 8), st.sampled_from([None, {"a": 9, "b": 2}, {"a": 1, "z": 4}]))
def test_choices_are_free_apart_and_as_many_as_can_be(rows, n, previous):
    rule, severity, video, time, barred = zip(*rows, strict=True) if rows else ((),) * 5
    found = choose(
        rule, severity, n, previous=previous, video=video, time_s=time, barred=barred
    ).row.tolist()
    assert len(set(found)) == len(found) <= n
    assert not any(barred[at] for at in found)

    def near(one, other):
        return video[one] == video[other] and abs(time[one] - time[other]) < APART_S

    assert not any(near(one, other) for one in found for other in found if one != other)
    left = [
        at
        for at in range(len(rows))
        if at not in found and not barred[at] and not any(near(at, one) for one in found)
    ]
    assert len(found) == n or not left


def test_rules_take_turns_by_their_shares():
    rule = ["a"] * 40 + ["b"] * 40
    found = choose(rule, np.linspace(1, 0, 80), 16, previous={"a": 80, "b": 40})
    assert [rule[at] for at in found.row].count("a") == 14  # .75 + .125 of 16
    assert found.row[:3].tolist() == [0, 1, 2]
    first = choose(rule, np.linspace(1, 0, 80), 16)
    assert [rule[at] for at in first.row].count("a") == 8


def test_what_no_longer_fires_leaves_the_others_alike():
    assert shares({"a": 0, "b": 3, "c": 3}, {"a": 5, "b": 3, "c": 3}) == {"b": 0.5, "c": 0.5}
    assert shares({}, {"a": 1}) == {}
    assert shares({"a": 7, "b": 99}, {"a": 5, "b": 100}) == pytest.approx({"a": 0.125, "b": 0.875})


def test_the_uncertain_come_first_when_no_rule_falls():
    found = choose(
        ["a", "a", "b"],
        [0.9, 0.8, 0.7],
        3,
        previous={"a": 2, "b": 1},
        uncertainty=[0.1, np.nan, 0.4],
    )
    assert found.row.tolist() == [2, 0, 1]
    assert set(found.reason) == {"uncertain: no rule falls any more"}


def test_slices_are_served_alike():
    found = choose(["a"] * 4, [0.9, 0.8, 0.7, 0.1], 4, group=["x", "x", "x", "y"])
    assert found.row.tolist() == [0, 3, 1, 2]


def test_mistakes_are_named():
    with pytest.raises(LabelError, match="at least 1, got 0"):
        choose(["a"], [1], 0)
    for wrong in ({"severity": [1, 2]}, {"barred": [True, True]}, {"video": ["a", "b"]}):
        arguments = {"severity": [1.0], **wrong}
        with pytest.raises(LabelError, match="must have 1 entries"):
            choose(["a"], n=1, **arguments)
    assert choose([], [], 3).row.tolist() == []
