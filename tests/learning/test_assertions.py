"""Assertions on real people: errors injected into ground truth, real detections, real trackers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench.supervision import assertions as bench

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.data
LEAST = {"multibox": (0.9, 0.9), "flicker": (0.9, 0.75), "appear": (0.85, 0.9)}


@pytest.mark.parametrize(("sequence", "seeds"), [("TUD-Campus", 10), ("MOT16-11", 2)])
def test_injected_errors_are_found_and_mended(data: Path, sequence: str, seeds: int):
    scores, before, after = bench.injected(data, sequence, range(seeds))
    for rule, (precision, recall) in LEAST.items():
        assert scores[rule].injected >= 20
        assert scores[rule].precision >= precision
        assert scores[rule].recall >= recall
    assert scores["switches"].recall >= 0.9
    assert before.max() < 0.98 <= after.min()


def test_real_detections_become_better(data: Path):
    before, after = bench.campus(data)
    assert round(before, 4) == 0.7765
    assert after >= 0.79


@pytest.mark.parametrize("sequence", bench.CLOCKS)
def test_results_of_trackers_do_not_become_worse(data: Path, sequence: str):
    before, after, _ = bench.tracker(data, sequence)
    assert after >= before - 0.001
