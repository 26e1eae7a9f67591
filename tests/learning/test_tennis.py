"""Decoding real votes over time: bounds that must hold; labels only score."""

from __future__ import annotations

from pathlib import Path

import pytest

import vquery as vq
from tests.bench.supervision.tennis import (
    WIDTH,
    Tennis,
    frame_f1,
    read,
    segment_f1,
    smoothed,
)
from vquery.metrics.calibration import log_loss

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def votes(data: Path) -> Tennis:
    return read(data)


@pytest.fixture(scope="module")
def model(votes: Tennis) -> vq.LabelModel:
    return vq.LabelModel().fit(votes.train)


def test_rallies_are_found_with_defaults(votes, model):
    found = vq.decode(votes.shown, model, learn=votes.train)
    lead = (votes.shown.votes == 1).sum(1) - (votes.shown.votes == 0).sum(1)
    assert segment_f1(lead >= 0, votes.truth) == pytest.approx(0.387, abs=0.001)
    assert segment_f1(found.path == 1, votes.truth) >= 0.387 + 0.05
    assert frame_f1(found.path == 1, votes.truth) >= 0.862
    assert log_loss(found.probability, votes.truth.astype(int)) <= 0.364


def test_told_how_long_rallies_last_it_beats_a_median_filter(votes, model):
    lead = (votes.shown.votes == 1).sum(1) - (votes.shown.votes == 0).sum(1)
    filtered = segment_f1(smoothed(lead > 0), votes.truth)
    assert filtered == pytest.approx(0.667, abs=0.001)
    for told in ({1: WIDTH}, WIDTH):
        found = vq.decode(votes.shown, model, learn=votes.train, min_duration=told)
        assert segment_f1(found.path == 1, votes.truth) >= filtered


def test_correlations_over_time_are_those_known(votes, model):
    made = vq.decode(votes.train, model).transitions
    known = {1: 0.84, 2: 0.69, 3: 0.55, 5: 0.32, 8: 0.12, 10: 0.05}
    for lag, correlation in known.items():
        assert made.correlation[made.lags == lag][0] == pytest.approx(correlation, abs=0.02)
    assert made.matrix[0, 1] == pytest.approx(0.07, abs=0.015)
    assert made.matrix[1, 0] == pytest.approx(0.09, abs=0.015)
    assert made.temper < 0.5, "errors last for several frames"
