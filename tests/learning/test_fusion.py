"""A label model, likeness and thirty human labels together, on real comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import vquery as vq
from tests.bench.supervision import fusion

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.data
def test_fused_is_better_than_the_best_of_its_sources(data: Path) -> None:
    comments = fusion.read(data)
    model = vq.LabelModel([-1, 1], abstain=0).fit(comments["train"])
    found = [fusion.draw(comments, model, seed) for seed in range(4)]
    loss, score, _ = np.mean([[one[way] for way in fusion.WAYS] for one in found], axis=0).T
    assert loss[2] < min(loss[:2]) - 0.05
    assert score[2] > max(score[:2])
