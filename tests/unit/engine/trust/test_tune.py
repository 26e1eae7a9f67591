"""tune: the best settings on some videos, random search beside, checked on held-out videos."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import vquery as vq
from vquery import param, row
from vquery.engine.trust.search import METHODS, best_first
from vquery.engine.trust.space import Dimension, Space
from vquery.errors import QueryError

VIDEOS = 20


@pytest.fixture(scope="module")
def faces():
    """Runs of short rows, 1.5 s apart inside a true interval; noise has lower scores."""
    rng = np.random.default_rng(5)
    rows = {"video": [], "start": [], "end": [], "score": []}
    for video in range(VIDEOS):
        for run in range(4):
            for step in range(6):
                add(rows, video, 100 * run + 2 * step, 0.5, rng.uniform(0.62, 1))
        for _ in range(25):
            add(rows, video, rng.uniform(0, 400), 0.5, rng.uniform(0, 0.58))
    return vq.from_arrow(pa.table(rows), name="faces")


def add(rows, video, start, length, score):
    for name, value in zip(rows, (f"v{video:02}", start, start + length, score), strict=True):
        rows[name].append(float(value) if name != "video" else value)


@pytest.fixture(scope="module")
def labels():
    rows = {"video": [], "start": [], "end": []}
    for video in range(VIDEOS):
        for run in range(4):
            rows["video"].append(f"v{video:02}")
            rows["start"].append(100.0 * run)
            rows["end"].append(100.0 * run + 10.5)
    return pa.table(rows)


@pytest.fixture(scope="module")
def query(faces):
    sure = faces.filter(row.score > param("least", 0.1, range=(0.0, 1.0)))
    return sure.coalesce(param("gap", 0, range=(0, 12)))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_improves_and_is_the_same_every_time(query, labels, method):
    found = query.tune(labels, method=method, budget=14, seed=1)
    assert found.best.score > found.default.score + 0.2
    assert found.best.holdout > found.default.holdout
    assert 1 <= found.params["gap"] <= 12
    assert isinstance(found.params["gap"], int)
    again = query.tune(labels, method=method, budget=14, seed=1)
    assert again.trials.drop("seconds").equals(found.trials.drop("seconds"))
    assert (again.best, again.random) == (found.best, found.random)


@pytest.mark.parametrize("method", METHODS)
def test_best_is_the_highest_score_on_all_videos(query, labels, method):
    found = query.tune(labels, method=method, budget=12, seed=2)
    rows = found.trials.to_pylist()
    every = len(found.tuned_on)
    mine = [each for each in rows if each["search"] == method]
    whole = [each["score"] for each in mine if each["videos"] == every]
    assert found.best.score == max(whole)
    best = next(each for each in mine if each["videos"] == every and each["score"] == max(whole))
    assert found.params == {"least": best["least"], "gap": best["gap"]}
    spent = sum(each["videos"] for each in mine[1:]) / every  # the first is as written
    assert spent <= 12 + 1e-6
    assert mine[0]["least"] == 0.1
    score = query.evaluate(labels, params=found.params, videos=found.tuned_on).time.f1
    assert score == pytest.approx(found.best.score)
    score = query.evaluate(labels, params=found.params, videos=found.held_out).time.f1
    assert score == pytest.approx(found.best.holdout)


def test_videos_are_held_out(query, labels):
    found = query.tune(labels, budget=2)
    assert len(found.held_out) == 6
    assert set(found.held_out) | set(found.tuned_on) == {f"v{n:02}" for n in range(VIDEOS)}
    assert not set(found.held_out) & set(found.tuned_on)
    assert query.tune(labels, budget=2, seed=9).held_out != found.held_out
    whole = query.tune(labels, budget=2, split=None)
    assert (whole.held_out, whole.best.holdout) == ((), None)


@pytest.mark.parametrize("method", ["halving", "asha", "hyperband"])
def test_what_goes_up_a_rung_is_the_best_of_it(query, labels, method):
    found = query.tune(labels, method=method, budget=20, seed=4, split=None)
    rows = [each for each in found.trials.to_pylist() if each["search"] == method][1:]
    rungs = sorted({each["videos"] for each in rows})
    assert rungs == [2, 6, 20] or (method == "asha" and rungs[0] == 2)
    low = {(each["least"], each["gap"]): each["score"] for each in rows if each["videos"] == 2}
    high = [(each["least"], each["gap"]) for each in rows if each["videos"] == 6]
    promoted = [low[key] for key in high if key in low]
    assert promoted
    assert np.mean(promoted) > np.mean(list(low.values()))
    assert len(low) > len(promoted)


def test_random_search_is_shown_beside(query, labels):
    found = query.tune(labels, method="grid", budget=9)
    assert found.trials["search"].unique().to_pylist() == ["grid", "random"]
    assert found.random.score is not None
    alone = query.tune(labels, method="random", budget=9)
    assert alone.trials["search"].unique().to_pylist() == ["random"]
    assert alone.best == alone.random == found.random


def test_the_query_has_the_best_settings_as_defaults(query, labels):
    found = query.tune(labels, method="grid", budget=16)
    assert {k: p.default for k, p in found.query.parameters.items()} == found.params
    assert found.query.collect().equals(query.collect(params=found.params))
    assert found.query.parameters["gap"].range == (0, 12)


def test_other_metrics_and_parameters(query, labels):
    found = query.tune(labels, metric="f1@0.6", budget=8, params=["gap"], method="grid")
    assert list(found.params) == ["gap"]
    assert "least" not in found.trials.column_names
    moved = query.tune(labels, params={"gap": (1, 2)}, budget=4, method="grid")
    assert set(moved.trials["gap"].to_pylist()) <= {0, 1, 2}
    ends = query.tune(labels, metric="end_error", budget=16, method="grid")
    assert ends.default.score is None  # single rows match no run
    mine = [each["score"] for each in ends.trials.to_pylist() if each["search"] == "grid"]
    assert ends.best.score == min(each for each in mine if each is not None)


def test_operations_across_videos_run_on_all_of_them(query, labels):
    found = query.sort(row.start).limit(30).tune(labels, budget=3)
    assert found.best.score is not None


def test_settings_that_find_nothing_come_last(faces, labels):
    query = faces.filter(row.score > param("least", 0.5, range=(0.0, 5.0)))
    found = query.tune(labels, metric="time_precision", method="grid", budget=6)
    assert None in found.trials["score"].to_pylist()
    assert found.best.score is not None


def test_progress_text_and_html(query, labels):
    told = []
    found = query.tune(labels, method="asha", budget=4, progress=told.append)
    assert len(told) == found.trials.num_rows
    text = str(found)
    assert text.splitlines()[0].split()[:2] == ["time_f1", "tuned"]
    assert "as written" in text
    assert "random" in text
    html = found._repr_html_()
    assert "<svg" in html
    assert html.count("<polyline") == 2


def test_grid_fits_the_budget():
    space = Space((Dimension("a", 1, 1, 3, whole=True), Dimension("b", 0.5, 0.0, 1.0, whole=False)))
    points = list(space.grid(12))
    assert len(points) == 12
    assert {each["a"] for each in points} == {1, 2, 3}
    assert len(list(space.grid(1))) == 1
    assert [score for score, _ in best_first([(1, {}), (3, {}), (2, {})])] == [3, 2, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "magic"}, "method= must be one of grid, random"),
        ({"metric": "f2"}, "takes mean_ap, time_precision"),
        ({"metric": "ap@2"}, "such as f1@0.5, got 'ap@2'"),
        ({"budget": 0}, "budget= must be a whole number"),
        ({"split": "rows"}, "split= must be 'video' or None"),
        ({"holdout": 1.0}, "holdout= must be a share"),
        ({"params": ["gop"]}, "no param 'gop'. Params: least, gap"),
        ({"params": {"gap": (5, 1)}}, "needs a range of two numbers"),
        ({"videos": []}, "there must be labels"),
        ({"progress": "yes"}, "progress= must be"),
    ],
)
def test_misuse(query, labels, given, message):
    with pytest.raises(QueryError, match=message):
        query.tune(labels, **{"budget": 2} | given)


def test_a_query_without_ranges(faces, labels):
    with pytest.raises(QueryError, match="searches parameters with a range"):
        faces.filter(row.score > param("least", 0.5)).tune(labels)


@pytest.mark.data
def test_on_real_annotations(data):
    """Pieces of real segments, some noise: the gap that joins them again is found."""
    path = data / "events" / "activitynet" / "sample_detection_prediction.json"
    results = json.loads(path.read_text())["results"]
    rng = np.random.default_rng(0)
    truth, found = [], []
    for video, each in list(results.items())[:400]:
        for one in each:
            start, end = sorted(one["segment"])
            truth.append({"video": video, "start": start, "end": end})
            pieces = [(at, min(at + 1.0, end), 0.5) for at in np.arange(start, end - 0.5, 3.0)]
            for low, high, least in (*pieces, (end + 9, end + 30, 0.0)):
                score = rng.uniform(least, least * 0.6 + 0.7)
                found.append({"video": video, "start": low, "end": high, "score": score})
    pieces = vq.from_arrow(pa.Table.from_pylist(found))
    query = pieces.filter(row.score > param("least", 0.0, range=(0.0, 1.0))).coalesce(
        param("gap", 0.0, range=(0.0, 20.0))
    )
    result = query.tune(
        pa.Table.from_pylist(truth), method="hyperband", budget=15, metric="time_f1"
    )
    assert result.best.holdout > result.default.holdout + 0.2
    assert result.params["gap"] > 2


def test_progress_is_drawn_when_it_is_wanted(query, labels, capsys):
    query.tune(labels, method="asha", budget=2, progress=True)
    query.tune(labels, method="grid", metric="start_error", budget=2, progress=True)
    assert "tuning" in capsys.readouterr().err
    query.tune(labels, budget=1)  # no terminal here
    assert capsys.readouterr().err == ""
