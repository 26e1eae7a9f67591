"""Ticks are round, few and inside the axis."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vquery.view.clock import clock, ticks

S = 1_000_000


@given(st.integers(S, 40 * 24 * 3600 * S))
def test_ticks_are_few_and_even(length):
    found = ticks(length)
    assert 4 <= len(found) <= 11
    assert found[0] == 0
    assert found[-1] <= length < found[-1] + found[1]
    assert len({b - a for a, b in pairwise(found)}) == 1
    assert len({clock(us) for us in found}) == len(found), "no two ticks look alike"


def test_steps_are_those_of_clocks():
    assert [ticks(length * S)[1] / S for length in (1, 9, 70, 100, 400, 2000, 9000, 90_000)] == [
        0.1,
        1,
        10,
        10,
        60,
        300,
        900,
        10_800,
    ]


def test_rounding_carries():
    assert clock(59_960_000) == "1:00"
    assert clock(3_599_999_999) == "1:00:00"
    assert clock(61_000_000, digits=3) == "1:01.000"
