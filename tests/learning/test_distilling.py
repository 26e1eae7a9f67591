"""What distillation and several looks are worth on real pictures; figures in ``tests/bench``."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.bench.learn import distillation, ensemble, sets
from vquery.media.ensemble import FLOOR, Ensemble
from vquery.media.faces import YuNet

pytestmark = [pytest.mark.slow]


def test_digits_gain_by_their_own_surest_predictions():
    """Two labels of each digit, ten draws; the rule wins, and one score for all does not."""
    digits = sets.digits()
    names = ["the rule", "… a score above .9 instead"]
    draws = [
        distillation.one_draw(
            distillation.drawn(digits, seed, 2, pictures=False), distillation.NEAR, {}, seed, names
        )
        for seed in range(10)
    ]
    teacher, rule, score = (
        np.array([one[name][0] for one in draws]) for name in (distillation.TEACHER, *names)
    )
    assert 0.6 < teacher.mean() < 0.85
    assert (rule - teacher).mean() > 0.01
    assert (rule > teacher).sum() >= 7
    assert rule.mean() > score.mean()
    kept = [one["the rule"][2] for one in draws]
    assert min(kept) > 1000


@pytest.mark.data
def test_four_looks_find_faces_in_the_distance(data):
    """A face of 15 pixels in the middle of a black picture; none where there is none."""
    weights = data / "models" / "yunet_n_640_640.onnx"
    plain, looks = YuNet(weights), Ensemble(YuNet(weights, score=FLOOR))
    found = [0, 0]
    shown = 0
    for clip in sorted((data / "videos" / "asl_gestures").glob("*.mkv"))[:4]:
        for _, picture in ensemble.frames(clip, 15):
            shown += 1
            far = ensemble.far(picture)
            for at, detector in enumerate((plain, looks)):
                found[at] += len(detector.detect(far)) > 0
    assert shown >= 15
    assert found[1] >= found[0]
    assert found[1] >= 0.85 * shown
    for _, picture in ensemble.frames(data / "videos" / "bottle-detection.mp4", 200):
        assert len(looks.detect(picture)) == 0
    assert len(looks.detect(np.zeros((90, 160, 3), np.uint8))) == 0
    portrait = cv2.imread(str(data / "faces" / "biden.jpg"))
    assert len(looks.detect(portrait)) == 1
