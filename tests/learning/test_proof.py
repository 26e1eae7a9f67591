"""Assessments of real runs: published figures, slices found by themselves, flipped labels."""

from __future__ import annotations

import pytest

from tests.bench.supervision.proof import runs, scores, spam_errors
from tests.bench.supervision.tvnews import television

pytestmark = pytest.mark.data

CHANNELS = {"channel=CNN": 0.606, "channel=FOXNEWS": 0.831, "channel=MSNBC": 0.876}
"""Best published F1 of a single run, by channel."""


@pytest.fixture(scope="module")
def found(data):
    return runs(television(data))


def test_figures_are_those_published(found):
    tables = [one.slices.to_pylist() for one in found.values()]
    for name, wanted in CHANNELS.items():
        best = max(row["value"] for table in tables for row in table if row["slice"] == name)
        assert best == pytest.approx(wanted, abs=0.001)
    assert max(one.metric("f1") for one in found.values()) == pytest.approx(0.808, abs=0.001)
    segments = max(one.metric("segment_f1@0.5") for one in found.values())
    assert segments == pytest.approx(0.504, abs=0.001)


def test_channels_of_few_episodes_are_not_told_apart_and_advertisements_are_the_worst(found):
    for one in found.values():
        table = {row["slice"]: row for row in one.slices.to_pylist()}
        assert not any(table[name]["worse"] for name in CHANNELS)
        assert table["adverts"]["worse"]
        first = one.worst(1).to_pylist()[0]
        assert first["slice"] == "adverts"
        assert first["worse"]


def test_pairs_of_episodes_tell_runs_apart_that_intervals_do_not(found):
    first, second, third = found.values()
    assert first.metrics["f1"].high > third.metrics["f1"].low
    better = {row["metric"]: row["better"] for row in first.compare(third).table.to_pylist()}
    assert (better["f1"], better["recall"]) == (True, False)
    told = {row["metric"]: row["better"] for row in second.compare(third).table.to_pylist()}
    assert set(told.values()) == {None}


def test_flipped_labels_are_suspected(data):
    errors, wrong = spam_errors(data, seed=0)
    precision, recall = scores(errors, wrong)
    assert precision >= 0.8
    assert recall >= 0.55
