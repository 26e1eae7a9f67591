"""Heads that learn a concept from one to five examples in a millisecond, on vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from vquery.errors import LearnError, SchemaError
from vquery.learn.ends.targets import items_of, labels_of
from vquery.supervise.soft import softmax

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHARPNESS = 10.0
"""What cosines are multiplied by before they become probabilities; see `FewShot`."""
RIDGE = 1.0
"""Penalty of the squared weights, beside vectors of unit length."""
KINDS = ("prototype", "ridge")


class FewShot:
    """Learn classes from very few examples: by their mean, or by ridge regression.

    Parameters
    ----------
    kind
        "prototype": an item is like the class whose mean vector it is most like by cosine (J.
        Snell, K. Swersky, R. Zemel, Prototypical Networks for Few-shot Learning, 2017, where the
        embedding is given); "ridge": linear regression on one column a class, centred at the mean
        of the classes, in closed form.
    penalty
        Of "ridge".
    sharpness
        What scores are multiplied by before the softmax. It is a convention and no calibration:
        so few examples cannot tell how sure one may be. Scores rank.

    Attributes
    ----------
    classes_ : tuple
    centre_ : float64 (d,)
        What vectors are compared from: the mean of the background, where one was given.

    >>> model = FewShot().fit([[1.0, 0.0], [0.0, 1.0]], ["yes", "no"])
    >>> model.predict([[0.9, 0.2]]).tolist(), model.predict_proba([[1.0, 1.0]]).round(3).tolist()
    (['yes'], [[0.5, 0.5]])

    One class alone needs a background, so that something is not of it:

    >>> FewShot().fit([[1.0, 0.0]], ["yes"])
    Traceback (most recent call last):
    vquery.errors.LearnError: all examples are 'yes': give one of another class, or background=,
    vectors of items of which most are something else
    """

    def __init__(
        self,
        kind: Literal["prototype", "ridge"] = "prototype",
        *,
        penalty: float = RIDGE,
        sharpness: float = SHARPNESS,
    ) -> None:
        if kind not in KINDS:
            raise LearnError(f"FewShot(kind=) must be one of {', '.join(KINDS)}, got {kind!r}")
        for name, value in (("penalty", penalty), ("sharpness", sharpness)):
            if not 0 < value < np.inf:
                raise LearnError(f"FewShot({name}=) must be above 0, got {value!r}")
        self.kind, self.penalty, self.sharpness = kind, penalty, sharpness
        self.classes_: tuple[Hashable, ...] = ()

    def fit(
        self,
        X: Any,  # noqa: N803 - as in scikit-learn
        y: Any,
        *,
        background: Any = None,
        classes: Sequence[Hashable] | None = None,
        rest: Hashable = None,
    ) -> Self:
        """Learn from examples.

        Parameters
        ----------
        X, y
            Vectors (n, d) and a class for each; soft labels (n, k) count by their shares.
        background
            Vectors (m, d) of any items, of which most are of none of the classes: their mean is
            where vectors are compared from, and for a single class it stands for the rest.
        classes
            The columns of soft labels.
        rest
            What the class of the background is called, where there is one class alone.

        Raises
        ------
        LearnError, SchemaError, LabelError
            If nothing is labelled, values are not finite, or there is one class and no background.
        """
        given = _vectors(X)
        soft, known, names = labels_of(y, classes)
        if len(soft) != len(given):
            raise SchemaError(f"y must have {len(given)} entries, one an item; got {len(soft)}")
        given, soft = given[known], soft[known]
        there = np.flatnonzero(soft.sum(0) > 0)
        if not len(there):
            raise LearnError("no example has a class: label at least one item")
        soft, names = soft[:, there], tuple(names[at] for at in there)
        around = None if background is None else _vectors(background)
        if around is not None and around.shape[1] != given.shape[1]:
            raise SchemaError(
                f"background must have {given.shape[1]} dimensions as X, got {around.shape[1]}"
            )
        if len(names) < 2 and (around is None or not len(around)):
            raise LearnError(
                f"all examples are {names[0]!r}: give one of another class, or background=, "
                "vectors of items of which most are something else"
            )
        own = (soft.T @ given) / soft.sum(0)[:, None]
        self.centre_ = own.mean(0) if around is None or not len(around) else around.mean(0)
        if len(names) < 2:
            names = (*names, rest)
            given = np.vstack([given, self.centre_])
            soft = np.vstack([np.c_[soft, np.zeros(len(soft))], [0.0, 1.0]])
        self.classes_ = names
        self._learn(given - self.centre_, soft)
        return self

    def _learn(self, rows: Floats, soft: Floats) -> None:
        if self.kind == "prototype":
            self.weights_ = _unit((soft.T @ _unit(rows)) / soft.sum(0)[:, None]).T
            self.offset_ = np.zeros(soft.shape[1])
            return
        rows = _unit(rows)
        # every class counts alike, whatever the number of its examples
        root = np.sqrt((soft / soft.sum(0)).sum(1))
        target = (2 * soft - 1) * root[:, None]
        scaled = np.c_[rows, np.ones(len(rows))] * root[:, None]
        inner = scaled @ scaled.T + self.penalty * np.eye(len(rows)) / len(rows)
        solved = scaled.T @ np.linalg.solve(inner, target)
        self.weights_, self.offset_ = solved[:-1], solved[-1]

    def scores(self, X: Any) -> Floats:  # noqa: N803
        """Return how much each item is like each class, (n, k): comparable, no probabilities."""
        if not self.classes_:
            raise LearnError("this FewShot has learnt nothing yet: call fit(X, y)")
        given = _checked(X)
        if given.shape[1] != len(self.centre_):
            raise SchemaError(f"X must have {len(self.centre_)} dimensions, got {given.shape[1]}")
        kind = given.dtype  # many rows are not copied to twice their size
        rows = given - self.centre_.astype(kind)
        length = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
        found = (rows @ self.weights_.astype(kind)) / np.where(length > 0, length, 1)
        return np.asarray(found + self.offset_, np.float64)

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return scores as shares that sum to 1, (n, k); not calibrated."""
        return softmax(self.sharpness * self.scores(X))

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the class of each item."""
        names = np.empty(len(self.classes_), object)
        names[:] = self.classes_
        return np.asarray(names[self.scores(X).argmax(1)])


def _checked(given: Any) -> NDArray[Any]:
    found = items_of(given)
    if found.ndim != 2:
        raise SchemaError(f"FewShot learns from vectors (items, dimensions), got {found.shape}")
    return found


def _vectors(given: Any) -> Floats:
    return _checked(given).astype(np.float64)


def _unit(rows: Floats) -> Floats:
    """Divide rows by their length; a row of zeros stays: it is like nothing."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0))
