"""A label model: from noisy votes to the probability of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from vquery.errors import QueryError
from vquery.supervise.models.dawid_skene import fit, prior_counts, start_of
from vquery.supervise.models.inputs import read_balance, read_precision, read_votes
from vquery.supervise.models.majority import decide, vote_share
from vquery.supervise.models.patterns import Design, Patterns

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from vquery.supervise.votes.matrix import LabelMatrix

    Floats = NDArray[np.float64]

METHODS = ("auto", "dawid-skene", "majority")


class LabelModel:
    """Learns from votes alone how far to believe each function, and combines their votes.

    Parameters
    ----------
    classes
        What values mean a class, in the order of probabilities; None takes those of the votes.
    abstain
        What value of a dense array says nothing.
    method
        ``"dawid-skene"``, ``"majority"``, or ``"auto"``.
    balance
        Shares of the classes, or None to estimate them.
    precision
        ``{function: share of its votes that are right}`` where you know it.
    temper
        Factor in (0, 1] on the evidence of the votes, or ``"auto"``.

    >>> LabelModel().fit([[1, 1], [0, 0]]).predict([[1, -1], [-1, -1]])
    array([1, None], dtype=object)
    """

    classes_: tuple[Hashable, ...]
    functions_: tuple[str, ...]
    balance_: Floats
    confusion_: Floats
    temper_: Floats | float
    method_: str
    notes_: tuple[str, ...]

    def __init__(
        self,
        classes: Sequence[Hashable] | None = None,
        *,
        abstain: Hashable = -1,
        method: str = "auto",
        balance: Sequence[float] | Mapping[Hashable, float] | None = None,
        precision: Mapping[str, float | tuple[float, float]] | None = None,
        temper: float | str = "auto",
    ) -> None:
        self.classes = classes
        self.abstain = abstain
        self.method = method
        self.balance = balance
        self.precision = precision
        self.temper = temper

    def fit(self, votes: LabelMatrix | ArrayLike, groups: Any = None) -> Self:
        """Learn from votes."""
        matrix = read_votes(votes, self.classes, self.abstain)
        self.classes_, self.functions_ = matrix.classes, matrix.functions
        k = len(self.classes_)
        given = read_balance(self.balance, self.classes_)
        read_precision(self.precision, self.functions_)
        patterns = Patterns.of(matrix.votes, k)
        design = Design(patterns.votes, k)
        prior = prior_counts(design, patterns.counts)
        start = start_of(patterns, k, given, None)
        found = fit(design, patterns.counts, start, prior=prior, balance=given)
        self.balance_, self.confusion_ = found.balance, found.confusion
        self.temper_ = 1.0 if isinstance(self.temper, str) else float(self.temper)
        self.method_ = "majority" if self.method == "majority" else "dawid-skene"
        self.notes_ = ()
        return self

    def predict_proba(self, votes: LabelMatrix | ArrayLike) -> Floats:
        """Probability of each class, shape (n, k); the class balance where no function votes."""
        joint = self.log_likelihoods(votes) + np.log(self.balance_)
        joint -= joint.max(axis=1, keepdims=True)
        np.exp(joint, out=joint)
        return np.asarray(joint / joint.sum(axis=1, keepdims=True))

    def log_likelihoods(self, votes: LabelMatrix | ArrayLike) -> Floats:
        """Tempered evidence of each item without the class balance, shape (n, k).

        Zeros where no function votes.
        """
        self._check_fitted()
        matrix = read_votes(votes, self.classes_, self.abstain, self.functions_)
        k = len(self.classes_)
        patterns = Patterns.of(matrix.votes, k)
        if self.method_ == "majority":
            evidence = np.log(vote_share(patterns.votes, self.balance_) / self.balance_)
        else:
            design = Design(patterns.votes, k)
            evidence = self.temper_ * design.total(np.log(self.confusion_))
        evidence[patterns.silent] = 0.0
        return np.asarray(evidence[patterns.place])

    def predict(self, votes: LabelMatrix | ArrayLike, ties: Any = None) -> NDArray[np.object_]:
        """The most likely class of each item; None where two are equally likely."""
        codes = decide(self.predict_proba(votes))
        named = np.array([*self.classes_, None], object)
        return named[codes]

    def decode(self, votes: LabelMatrix, **options: Any) -> Any:
        """Decode votes over time; see `vquery.decode`."""
        from vquery.supervise.time import decode

        return decode(votes, self, **options)

    def _check_fitted(self) -> None:
        if not hasattr(self, "confusion_"):
            raise QueryError("the label model is not fitted: call fit(votes) first")
