"""Few-shot heads: one to five examples, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from vquery.errors import LearnError, SchemaError
from vquery.learn.ends import FewShot


def world(classes: int = 4, n: int = 400, seed: int = 0):
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(classes, 32))
    y = rng.integers(classes, size=n)
    return looks[y] + 0.6 * rng.normal(size=(n, 32)) + 3, y, rng


@pytest.mark.parametrize("kind", ["prototype", "ridge"])
@pytest.mark.parametrize("shots", [1, 5])
def test_few_examples_are_enough_where_classes_are_apart(kind, shots):
    x, y, rng = world()
    rows = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:shots] for c in range(4)])
    model = FewShot(kind).fit(x[rows], y[rows])
    assert (model.predict(x) == y).mean() > (0.85 if shots == 1 else 0.95)
    assert np.allclose(model.predict_proba(x).sum(1), 1)


@pytest.mark.parametrize("kind", ["prototype", "ridge"])
def test_one_class_alone_is_found_before_a_background(kind):
    x, y, _ = world(8)
    rows = np.flatnonzero(y == 2)[:3]
    model = FewShot(kind).fit(x[rows], ["it"] * 3, background=x)
    scores = model.scores(x)[:, 0]
    best = np.argsort(-scores)[: (y == 2).sum()]
    assert (y[best] == 2).mean() > 0.9
    assert model.classes_ == ("it", None)


def test_ridge_is_the_closed_form():
    """Against the normal equations, written out."""
    x, y, _ = world(2, 12)
    model = FewShot("ridge", penalty=0.3).fit(x, y)
    rows = x - np.stack([x[y == c].mean(0) for c in (0, 1)]).mean(0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    a = np.c_[rows, np.ones(12)]
    counts = np.where(y == 0, 1 / (y == 0).sum(), 1 / (y == 1).sum())
    b = np.c_[y == 0, y == 1] * 2.0 - 1
    solved = np.linalg.solve(
        a.T @ (counts[:, None] * a) + 0.3 / 12 * np.eye(33), a.T @ (counts[:, None] * b)
    )
    assert np.allclose(a @ solved, model.scores(x))


def test_what_cannot_be_is_said():
    x, y, _ = world()
    with pytest.raises(LearnError, match="no example has a class"):
        FewShot().fit(x[:2], [None, None])
    with pytest.raises(SchemaError, match="row 0: values must be finite"):
        FewShot().fit([[np.inf, 0.0]], ["a"])
    with pytest.raises(LearnError, match="learnt nothing"):
        FewShot().scores(x)
    with pytest.raises(SchemaError, match="32 dimensions"):
        FewShot().fit(x, y).scores(x[:, :3])
    with pytest.raises(LearnError, match="must be one of prototype, ridge"):
        FewShot("forest")
    with pytest.raises(LearnError, match="penalty"):
        FewShot(penalty=0)
