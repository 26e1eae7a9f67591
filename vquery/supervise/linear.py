"""A linear model on vectors, trained on soft labels: what votes say, carried over by appearance.

Multinomial logistic regression with an L2 penalty. Its targets are distributions, its loss the
cross-entropy, each item weighted by how far its best class leads: an item that votes leave open
teaches nothing. The penalty is chosen without labels. Each function is left out in turn; what a
model trained on the others' soft labels expects of it is compared with its votes. A model that only
learns to repeat the functions is found out that way, since a function that it never saw repeats
nothing. Of penalties within one standard error of the best the strongest is taken (L. Breiman, J.
Friedman, R. Olshen, C. Stone, Classification and Regression Trees, 1984).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from vquery.errors import LabelError, SchemaError
from vquery.metrics.calibration import checked_weights, numbers
from vquery.supervise.calm import calm
from vquery.supervise.soft import checked_soft, lead, softmax
from vquery.supervise.votes.matrix import ABSTAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from vquery.supervise.models.label_model import LabelModel
    from vquery.supervise.votes import LabelMatrix

    Codes = NDArray[np.int16]
    Floats = NDArray[np.float64]

PENALTIES = tuple(10.0 ** (e / 2) for e in range(2, -11, -1))
"""From 10 to 10⁻⁵, on vectors whose mean squared length is 1."""
PLAIN_PENALTY = 1e-2
"""Where there is no function to leave out: the middle of those that did well on drawn clusters."""
CHOOSE_ITEMS = 5_000
"""Items, drawn once, on which the penalty is chosen; more would change it little."""
STEPS = 500
TINY = 1e-12


class LeftOut(NamedTuple):
    """One function, and what the others say.

    Attributes
    ----------
    probability
        Shape (n, K): soft labels made without the function.
    votes
        Shape (n,): its votes, -1 where it abstains.
    confusion
        Shape (K, K + 1): probability of each vote given the class, the last one to abstain.
    """

    probability: Floats
    votes: Codes
    confusion: Floats


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A fitted model; make it with `fit_linear`.

    Attributes
    ----------
    weights, offset
        Shapes (d, K) and (K,), for vectors as they are given.
    penalty
        What was chosen or given.
    choice
        For each penalty that was tried: the penalty, the mean log-likelihood of what left-out
        functions do (nats), and the standard error of its distance from the best. Empty where
        the penalty was given.
    """

    weights: Floats
    offset: Floats
    penalty: float
    choice: tuple[tuple[float, float, float], ...] = ()

    def predict_proba(self, vectors: ArrayLike) -> Floats:
        """Return the probability of each class, shape (n, K); rows sum to 1.

        Raises
        ------
        SchemaError
            If vectors have another length, or values that are not finite.
        """
        points = _points(vectors)
        if points.shape[1] != len(self.weights):
            raise SchemaError(
                f"vectors must have {len(self.weights)} dimensions, as those the model was trained "
                f"on; got {points.shape[1]}"
            )
        return softmax(points @ self.weights + self.offset)


def fit_linear(
    vectors: ArrayLike,
    probability: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    penalty: float | None = None,
    left_out: Iterable[LeftOut] = (),
) -> LinearModel:
    """Train a linear model on soft labels.

    Parameters
    ----------
    vectors
        Shape (n, d).
    probability
        Shape (n, K): targets.
    weight
        Shape (n,): what each item counts; by default how far its best class leads the second.
    penalty
        Of the squared weights, on centred vectors whose mean squared length is 1. None chooses it
        by ``left_out``, or takes a plain value without.
    left_out
        One entry a function, see `LeftOut` and `leave_functions_out`.

    Returns
    -------
    LinearModel
        Time O(n d min(n, d)) and one solution for each penalty and function.

    Raises
    ------
    SchemaError, LabelError
        If shapes differ, values are not finite, or no item has any weight.

    >>> points = [[0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.1]]
    >>> soft = [[0.9, 0.1], [0.5, 0.5], [0.1, 0.9], [0.5, 0.5]]
    >>> fit_linear(points, soft).predict_proba(points).argmax(1).tolist()
    [0, 0, 1, 1]
    """
    points, soft = _points(vectors), checked_soft(probability)
    if len(points) != len(soft):
        raise SchemaError(f"probability must have {len(points)} rows, as vectors; got {len(soft)}")
    counts = lead(soft) if weight is None else checked_weights(weight, len(soft), "weight")
    if not counts.any():
        raise LabelError("fit_linear: no item has any weight, so there is nothing to learn from")
    basis = _Basis.of(points)
    chosen = PLAIN_PENALTY if penalty is None else penalty
    tried: tuple[tuple[float, float, float], ...] = ()
    if not isinstance(chosen, int | float | np.number) or not 0 < chosen < np.inf:
        raise LabelError(f"fit_linear(penalty=) must be a number above 0, got {penalty!r}")
    folds = list(left_out) if penalty is None else []
    for number, fold in enumerate(folds):
        if len(fold.probability) != len(soft) or len(fold.votes) != len(soft):
            raise SchemaError(
                f"left_out, function {number}: probability and votes must have {len(soft)} rows, "
                f"as vectors; got {len(fold.probability)} and {len(fold.votes)}"
            )
    if folds:
        tried = _tried(basis.rows, folds)
        chosen = _strongest(tried)
    inner, offset, _ = _solve(basis.rows, soft, counts, chosen)
    weights = basis.back(inner)
    return LinearModel(weights, offset - basis.centre @ weights, float(chosen), tried)


def fit_linear_path(
    vectors: ArrayLike,
    probability: ArrayLike,
    penalties: Sequence[float],
    *,
    weight: ArrayLike | None = None,
) -> list[LinearModel]:
    """Train a linear model for each of several penalties, each one starting from the one before.

    Parameters
    ----------
    vectors, probability, weight
        As for `fit_linear`.
    penalties
        From strong to weak, which is fastest.

    Raises
    ------
    SchemaError, LabelError
        As for `fit_linear`.

    >>> models = fit_linear_path([[0.0], [1.0]], [[1.0, 0.0], [0.0, 1.0]], [1.0, 0.01])
    >>> [each.penalty for each in models]
    [1.0, 0.01]
    """
    points, soft = _points(vectors), checked_soft(probability)
    if len(points) != len(soft):
        raise SchemaError(f"probability must have {len(points)} rows, as vectors; got {len(soft)}")
    counts = lead(soft) if weight is None else checked_weights(weight, len(soft), "weight")
    if not counts.any():
        raise LabelError("fit_linear_path: no item has any weight, so there is nothing to learn")
    basis, flat, found = _Basis.of(points), None, []
    for penalty in penalties:
        inner, offset, flat = _solve(basis.rows, soft, counts, penalty, flat)
        weights = basis.back(inner)
        found.append(LinearModel(weights, offset - basis.centre @ weights, float(penalty)))
    return found


def leave_functions_out(
    model: LabelModel,
    fitted_on: LabelMatrix,
    votes: LabelMatrix,
    *,
    change: Callable[[Floats, NDArray[np.bool_], Floats], Floats] | None = None,
) -> Iterator[LeftOut]:
    """Make soft labels without each function in turn.

    Parameters
    ----------
    model
        A fitted label model; others like it are fitted without each function.
    fitted_on, votes
        What those are fitted on, and the items that get soft labels; may be the same.
    change
        Makes other soft labels of them, such as spread ones: told the soft labels (n, K), which
        items have votes (n,), and the balance (K,).

    Raises
    ------
    LabelError
        If there is only one function.

    >>> from vquery.supervise.models.label_model import LabelModel
    >>> from vquery.supervise.votes import LabelMatrix
    >>> votes = LabelMatrix.from_dense([[0, 0], [1, 1], [0, -1]], classes=[0, 1])
    >>> [each.votes.tolist() for each in leave_functions_out(LabelModel().fit(votes), votes, votes)]
    [[0, 1, 0], [0, 1, -1]]
    """
    if votes.m < 2:
        raise LabelError("leaving a function out needs at least two functions")
    given = model.get_params()
    precision = given.pop("precision", None) or {}
    for j, name in enumerate(votes.functions):
        others = [other for other in votes.functions if other != name]
        known = {other: precision[other] for other in others if other in precision}
        rest = type(model)(**given, precision=known or None).fit(fitted_on.select(others))
        kept = votes.select(others)
        soft, voted = rest.predict_proba(kept), (kept.votes != ABSTAIN).any(1)
        if change is not None:
            soft = change(soft, voted, rest.balance_)
        yield LeftOut(soft, votes.votes[:, j], model.confusion_[j])


class _Basis(NamedTuple):
    """Centred and scaled vectors, in as few coordinates as they span."""

    rows: Floats
    centre: Floats
    turn: Floats | None
    scale: float

    @classmethod
    def of(cls, points: Floats) -> _Basis:
        centre = points.mean(0)
        rows = points - centre
        scale = float(np.sqrt((rows**2).sum(1).mean())) or 1.0
        rows /= scale
        if len(rows) >= rows.shape[1]:
            return cls(rows, centre, None, scale)
        # more dimensions than items: the solution lies in the span of the items
        turn, triangle = np.linalg.qr(rows.T)
        return cls(triangle.T, centre, turn, scale)

    def back(self, inner: Floats) -> Floats:
        turned = inner if self.turn is None else self.turn @ inner
        return np.asarray(turned / self.scale)


def _solve(
    rows: Floats, soft: Floats, counts: Floats, penalty: float, start: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Minimise the mean cross-entropy plus the penalty: weights (d, K), offsets (K,), both flat.

    ``start`` are those of another penalty, flat; zeros by default.
    """
    d, k = rows.shape[1], soft.shape[1]
    share = counts / counts.sum()

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, offset = flat[: d * k].reshape(d, k), flat[d * k :]
        logits = rows @ weights + offset
        logs = logits - logsumexp(logits, axis=1, keepdims=True)
        value = -(share[:, None] * soft * logs).sum() + 0.5 * penalty * (weights**2).sum()
        slope = share[:, None] * (np.exp(logs) - soft)
        return float(value), np.r_[(rows.T @ slope + penalty * weights).ravel(), slope.sum(0)]

    begin = np.zeros((d + 1) * k) if start is None else start
    with calm(rows.size):
        found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    return found[: d * k].reshape(d, k), found[d * k :], found


def _tried(rows: Floats, folds: Sequence[LeftOut]) -> tuple[tuple[float, float, float], ...]:
    """Mean and standard error of the log-likelihood of left-out votes, for each penalty."""
    drawn = np.random.default_rng(0).permutation(len(rows))[:CHOOSE_ITEMS]
    some = rows[drawn]
    gains: list[list[Floats]] = [[] for _ in PENALTIES]
    for fold in folds:
        soft, votes = fold.probability[drawn], fold.votes[drawn]
        counts = lead(soft)
        if not (votes != ABSTAIN).any() or not counts.any():
            continue
        likely = fold.confusion[:, votes].T  # -1 is the last column: to abstain
        flat = None  # from strong to weak, each near the one before
        for at, penalty in enumerate(PENALTIES):
            inner, offset, flat = _solve(some, soft, counts, penalty, flat)
            believed = softmax(some @ inner + offset)
            gains[at].append(np.log(np.maximum((believed * likely).sum(1), TINY)))
    if not gains[0]:
        return ()
    every = [np.concatenate(each) for each in gains]
    best = every[int(np.argmax([each.mean() for each in every]))]
    return tuple(
        (penalty, float(each.mean()), float((best - each).std() / np.sqrt(len(each))))
        for penalty, each in zip(PENALTIES, every, strict=True)
    )


def _strongest(tried: tuple[tuple[float, float, float], ...]) -> float:
    """Strongest penalty within one standard error of its difference from the best."""
    if not tried:
        return PLAIN_PENALTY
    best = max(mean for _, mean, _ in tried)
    return max(penalty for penalty, mean, error in tried if mean >= best - error)


def _points(vectors: ArrayLike) -> Floats:
    points = numbers(vectors, "vectors")
    if points.ndim != 2 or not points.size:
        raise SchemaError(f"vectors must have shape (items, dimensions), got {points.shape}")
    bad = np.flatnonzero(~np.isfinite(points).all(1))
    if len(bad):
        raise SchemaError(f"vectors, row {bad[0]}: values must be finite ({len(bad)} such rows)")
    return points
