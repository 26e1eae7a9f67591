"""Embeddings learnt without labels on real pictures, beside the built-in descriptor."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.learn import sets
from tests.bench.learn.embeddings import RATE
from vquery.learn.core.training import Settings
from vquery.learn.pretext.learning import Recipe, learn
from vquery.learn.pretext.probe import purity

pytestmark = [pytest.mark.data, pytest.mark.slow]


def test_screenshots_find_their_like_in_other_segments(data):
    """A few seconds of learning tell screenshots better than gradients and colours do."""
    television = sets.television(data)
    settings = Settings(epochs=8, rate=RATE)
    learnt = learn(
        television.pictures,
        Recipe(width=8, batch=128, settings=settings),
        view=television.view,
        device="cpu",
    )
    rows = television.rows
    said = television.truth[rows].astype(str)
    assert len(rows) == 258
    usual, found = (
        purity(x[rows].astype(np.float32), said, television.group[rows], 1).mean()
        for x in (television.built, learnt.vectors(television.pictures))
    )
    assert usual == pytest.approx(0.884, abs=0.005)
    assert found >= usual + 0.015
