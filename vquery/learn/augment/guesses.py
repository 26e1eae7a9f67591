"""What models say of items that they were not trained on, transformed or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.supervise.linear import fit_linear, fit_linear_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.learn.augment.asked import Items
    from vquery.supervise.linear import LinearModel

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4)
AXES = 256


def main_axes(vectors: Floats) -> Floats:
    """Return the main axes of vectors (n, d), at most `AXES`, as columns (d, axes).

    A linear model with a penalty never leaves the span of what it was trained on, so that with
    fewer vectors or dimensions than `AXES` nothing is lost.
    """
    spread, axes = np.linalg.eigh(vectors.T @ vectors)
    kept = np.flatnonzero(spread > spread[-1] * 1e-9)[-AXES:]
    found: Floats = axes[:, kept]
    return found


class Guesses:
    """Linear models of each fold, classes weighted alike.

    The penalty is the strongest of those by which most left-out items are guessed right,
    untransformed: what is measured afterwards is how guesses change.

    Attributes
    ----------
    plain : int64 (n,)
        Guesses of untransformed items.
    accuracy : float
        Share of them that is right.
    """

    def __init__(self, plain: Floats, items: Items) -> None:
        self._items, self._vectors = items, plain
        self._held = [np.flatnonzero(items.fold == one) for one in np.unique(items.fold)]
        paths = [self._path(held) for held in self._held]
        found = [self._guess(list(models), plain) for models in zip(*paths, strict=True)]
        right = [float((one == items.code).mean()) for one in found]
        best = int(np.argmax(right))
        self._penalty, self._models = PENALTIES[best], [models[best] for models in paths]
        self.plain, self.accuracy = found[best], right[best]

    def under(self, vectors: Floats) -> Ints:
        """Guess classes (draws, n) of transformed items (draws, n, d)."""
        return np.stack([self._guess(self._models, each) for each in vectors])

    def again(self, draws: int, seed: int) -> Ints:
        """Guess classes (draws, n) of untransformed items by models of other draws of groups.

        Groups get random weights (the Bayesian bootstrap, D. Rubin 1981), so that the only other
        group of a rare class is not drawn away.
        """
        rng, group = np.random.default_rng(seed), self._items.group
        found = []
        for _ in range(draws):
            models = []
            for held in self._held:
                rows = self._others(held)
                names, own = np.unique(group[rows], return_inverse=True)
                times = rng.exponential(size=len(names))[own]
                models.append(self._fit(self._vectors[rows], rows, times))
            found.append(self._guess(models, self._vectors))
        return np.stack(found)

    def learnt(self, vectors: Floats) -> tuple[Ints, Ints]:
        """Guess classes by models trained on transformed items (draws, n, d) too, half and half.

        Returns
        -------
        plain, moved : int64 (n,), (draws, n)
        """
        models, draws = [], len(vectors)
        for held in self._held:
            rows = self._others(held)
            seen = np.concatenate([self._vectors[rows], *(each[rows] for each in vectors)])
            times = np.repeat([draws, 1.0], [len(rows), draws * len(rows)])
            models.append(self._fit(seen, np.tile(rows, draws + 1), times))
        moved = np.stack([self._guess(models, each) for each in vectors])
        return self._guess(models, self._vectors), moved

    def _others(self, held: Ints) -> Ints:
        return np.setdiff1d(np.arange(len(self._items.code)), held)

    def _path(self, held: Ints) -> list[LinearModel]:
        rows = self._others(held)
        soft, weight = self._targets(rows)
        return fit_linear_path(self._vectors[rows], soft, PENALTIES, weight=weight)

    def _fit(self, vectors: Floats, rows: Ints, times: Floats | None = None) -> LinearModel:
        soft, weight = self._targets(rows, times)
        return fit_linear(vectors, soft, weight=weight, penalty=self._penalty)

    def _targets(self, rows: Ints, times: Floats | None = None) -> tuple[Floats, Floats]:
        """Return targets and weights by which all classes count alike."""
        code, number = self._items.code[rows], len(self._items.classes)
        times = np.ones(len(rows)) if times is None else times
        count = np.bincount(code, times, number)
        share = np.where(count > 0, times.sum() / np.maximum(count, 1), 0.0)
        return np.eye(number)[code], times * share[code] / number

    def _guess(self, models: list[LinearModel], vectors: Floats) -> Ints:
        found = np.empty(len(vectors), np.int64)
        for held, model in zip(self._held, models, strict=True):
            found[held] = model.predict_proba(vectors[held]).argmax(1)
        return found
