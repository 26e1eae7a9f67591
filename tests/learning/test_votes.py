"""What the summary of votes says of real label functions whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

import vquery as vq

pytestmark = pytest.mark.data


def test_functions_on_tennis_rallies(data):
    folder = data / "weak" / "tennis_rally"
    dense = np.load(folder / "L_dev_video_first497.npy")
    truth = np.load(folder / "Y_dev_video_first497.npy")
    votes = vq.LabelMatrix.from_dense(dense, classes=[-1, 1], abstain=0)
    found = votes.summary((truth + 1) // 2)
    assert found.table["coverage"].to_numpy().round(2).tolist() == [1, 1, 0.22, 0.65, 1, 0.39]
    right = {
        (row["function"], row["vote"]): (round(row["accuracy"], 3), row["votes"])
        for row in found.classes.to_pylist()
    }
    # a function that is right about one class and nearly always wrong about the other
    assert (right["lf5", "1"], right["lf5", "-1"]) == ((0.858, 134), (0.136, 59))
    assert (right["lf1", "1"], right["lf1", "-1"]) == ((0.864, 198), (0.906, 299))
    assert ("lf2", "1") not in right
    # three functions share their errors, which no weights can mend, and votes alone show it
    for summary in (found, votes.summary()):
        first = summary.pairs().slice(0, 3).to_pylist()
        assert {name for pair in first for name in (pair["first"], pair["second"])} == {
            "lf0",
            "lf1",
            "lf4",
        }
        assert first[2]["correlation"] > 0.5


def test_coverage_of_comments(data):
    dense = np.load(data / "embeddings" / "youtube_spam" / "L_test.npy")
    abstain = min(np.unique(dense), key=lambda value: -np.mean(dense == value))
    classes = [value for value in np.unique(dense).tolist() if value != abstain]
    votes = vq.LabelMatrix.from_dense(dense, classes=classes, abstain=abstain)
    assert round(float((votes.votes >= 0).any(axis=1).mean()), 3) == 0.928
    assert round(float((votes.votes >= 0).mean()), 3) == 0.184
    assert votes.dense(classes, abstain).tolist() == dense.tolist()
