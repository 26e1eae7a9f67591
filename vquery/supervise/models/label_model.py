"""A label model: from noisy votes to the probability of each class."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from vquery.errors import LabelError, QueryError
from vquery.supervise.models.estimate import Settings, estimate
from vquery.supervise.models.groups import of_group, parts_of
from vquery.supervise.models.inputs import (
    convention,
    read_balance,
    read_groups,
    read_pairs,
    read_precision,
    read_temper,
    read_votes,
    read_weights,
)
from vquery.supervise.models.majority import DAWID_SKENE, MAJORITY, TRIPLETS, decide
from vquery.supervise.models.patterns import Patterns
from vquery.supervise.soft import posterior_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from vquery.supervise.models.estimate import Estimate
    from vquery.supervise.models.summary import Summary
    from vquery.supervise.votes.matrix import LabelMatrix

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

METHODS = ("auto", DAWID_SKENE, TRIPLETS, MAJORITY)
TIES = ("prior", "abstain")


class LabelModel:
    """Learns from votes alone how far to believe each function, and combines their votes.

    Parameters follow scikit-learn: they are kept as given and checked by `fit`. Nothing is random.

    Parameters
    ----------
    classes
        What values mean a class, in the order of probabilities: ``[0, 1]`` for a dense array of
        Snorkel, ``[-1, 1]`` with ``abstain=0`` for FlyingSquid. None takes the classes of the
        label matrix, or all values of a dense array, sorted.
    abstain
        What value of a dense array says nothing.
    method
        ``"majority"``: the smoothed share of votes. ``"dawid-skene"``: a confusion table for each
        function in which to abstain is one more vote, by expectation maximisation.
        ``"triplets"``: the same for two classes from covariances alone. ``"auto"``: Dawid and
        Skene's where items are enough, it explains how votes go together, and foretells left-out
        votes of other items better than counting beyond noise; else counting. See ``notes_``.
    balance
        Shares of the classes, in their order or as ``{class: share}``; None estimates them.
    precision
        ``{function: share of its votes that are right}`` where you know it, or
        ``{function: (share, votes checked)}``; 100 checked votes unless said.
    temper
        Factor in (0, 1] on the evidence of votes, 1 if functions err independently. ``"auto"``
        takes the one with which left-out votes are foretold best; the less that is, the more votes
        (up to one) the class balance counts for on each item: all may err together where no vote
        shows it. Three functions of two classes fit any votes; they are no surer than counting.
    pairs
        ``[("one", "other"), …]``: functions that err together and are taken as one. ``"auto"``
        looks for them where items have votes enough (up to 100 functions); ``()`` takes none.

    Attributes
    ----------
    classes_, functions_
        What was voted for and by whom.
    balance_
        Shape (k,).
    confusion_
        Shape (m, k, k + 1): P(vote | class), to abstain last.
    temper_, doubt_
        Factor on the evidence; votes that the balance counts for on each item.
    pairs_
        Names of functions that were taken as one.
    groups_
        Group → (balance, confusion), empty without groups.
    method_, notes_
        What was done, and sentences on why.

    >>> model = LabelModel().fit([[1, 1], [0, 0]])
    >>> model.predict([[1, -1], [-1, -1]])
    array([1, None], dtype=object)
    >>> model.method_
    'majority'
    """

    classes_: tuple[Hashable, ...]
    functions_: tuple[str, ...]
    balance_: Floats
    confusion_: Floats
    temper_: float
    doubt_: float
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
        pairs: Sequence[tuple[str, str]] | str = "auto",
    ) -> None:
        self.classes = classes
        self.abstain = abstain
        self.method = method
        self.balance = balance
        self.precision = precision
        self.temper = temper
        self.pairs = pairs

    def fit(
        self, votes: LabelMatrix | ArrayLike, groups: Any = None, weights: ArrayLike | None = None
    ) -> Self:
        """Learn from votes, and forget what was learnt before.

        Time grows with items × functions once, then with distinct rows of votes.

        Parameters
        ----------
        votes
            n items × m functions, a label matrix or a dense array.
        groups
            One hashable an item, such as its channel: each group gets a balance and tables of its
            own, drawn to those of all items.
        weights
            How many items each counts for, such as ``votes.seconds / votes.seconds.mean()`` where
            items last for different times and the balance shall be one of time; 1 by default.

        Raises
        ------
        LabelError
            If a vote is no class, or a setting does not fit the votes.
        QueryError
            If a setting is of another kind, such as a method that there is not.
        SchemaError
            If votes or weights have another shape, or a weight cannot be; it names the row.
        """
        for name in ("classes_", "_counted"):
            self.__dict__.pop(name, None)
        return self.partial_fit(votes, groups, weights)

    def partial_fit(
        self, votes: LabelMatrix | ArrayLike, groups: Any = None, weights: ArrayLike | None = None
    ) -> Self:
        """Learn from more votes: the same as one `fit` of all.

        Counts of distinct rows are kept and added to, so the cost is that of the new votes and of
        the distinct rows. The first call settles classes and functions: name ``classes`` if the
        first votes may lack some.

        Raises
        ------
        LabelError
            If the model was fitted with groups and these votes have none, or the other way round.
        QueryError
            If the model was stored without its counts.
        """
        if self.method not in METHODS:
            raise QueryError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        first = not hasattr(self, "classes_")
        if not first and not hasattr(self, "_counted"):
            raise QueryError(
                "this model came from to_dict() without counts, so it cannot learn more votes; "
                "keep them with to_dict(counts=True), or fit() anew"
            )
        known = self.classes if first else self.classes_
        matrix = read_votes(votes, known, self.abstain, None if first else self.functions_)
        self._hints = convention(votes, self.classes, matrix)
        listed, counts = read_groups(groups, matrix.n), read_weights(weights, matrix.n)
        if first:
            self.classes_, self.functions_ = matrix.classes, matrix.functions
            self._counted: dict[Hashable, Patterns] = {}
        elif self._counted and (listed is None) != (None in self._counted):
            raise LabelError("groups must be given for all votes of a model, or for none")
        k = len(self.classes_)
        for name, rows in parts_of(listed, matrix.n):
            part = None if counts is None else counts[rows]
            found = Patterns.of(matrix.votes[rows], k, part)
            before = self._counted.get(name)
            self._counted[name] = found if before is None else before.merged(found, k)
        self._settle()
        return self

    def _settle(self) -> None:
        k = len(self.classes_)
        whole, *rest = self._counted.values()
        for other in rest:
            whole = whole.merged(other, k)
        given = read_balance(self.balance, self.classes_)
        settings = Settings(
            self.method,
            given,
            read_precision(self.precision, self.functions_),
            read_temper(self.temper),
            read_pairs(self.pairs, self.functions_),
        )
        found = estimate(whole, k, settings)
        self._estimate = replace(found, notes=(*found.notes, *self._hints))
        self._groups = {
            name: of_group(part, self._estimate, given)
            for name, part in self._counted.items()
            if name is not None
        }
        self._show()

    def _show(self) -> None:
        found = self._estimate
        self.balance_, self.confusion_ = found.balance, found.confusion
        self.temper_, self.doubt_ = found.temper, found.doubt
        self.method_, self.notes_ = found.method, found.notes
        if len(found.members):
            pairs = ", ".join(f"{one} and {other}" for one, other in self.pairs_)
            self.notes_ = (*found.notes, f"Taken as one, since they err together: {pairs}.")

    @property
    def pairs_(self) -> tuple[tuple[str, str], ...]:
        """Names of functions that were taken as one."""
        names = self._fitted().functions_
        return tuple((names[a], names[b]) for a, b in self._estimate.members)

    @property
    def groups_(self) -> dict[Hashable, tuple[Floats, Floats]]:
        """Group → (balance, confusion)."""
        groups = self._fitted()._groups.items()
        return {name: (each.balance, each.confusion) for name, each in groups}

    def predict_proba(self, votes: LabelMatrix | ArrayLike, groups: Any = None) -> Floats:
        """Probability of each class, shape (n, k); the class balance where no function votes.

        Parameters
        ----------
        groups
            One an item of a model fitted with groups; one not seen gets the model of all items.

        Raises
        ------
        QueryError
            If the model is not fitted.
        SchemaError, LabelError
            If votes are of other functions, or are no class that the model knows.
        """
        return self._proba(self._read(votes), groups)

    def _proba(self, matrix: LabelMatrix, groups: Any) -> Floats:
        out = np.empty((matrix.n, len(self.classes_)))
        for rows, model, patterns in self._models(matrix, groups):
            share, _ = posterior_of(model.evidence(patterns) + np.log(model.balance))
            out[rows] = share[patterns.place]
        return out

    def log_likelihoods(self, votes: LabelMatrix | ArrayLike, groups: Any = None) -> Floats:
        """Tempered evidence of each item without the class balance, shape (n, k).

        Zeros where no function votes. ``predict_proba`` is this plus the log of the balance,
        normalised (and capped, where functions are so few that they fit any votes); a decoder of
        time takes it for the evidence of each moment.
        """
        matrix = self._read(votes)
        out = np.empty((matrix.n, len(self.classes_)))
        for rows, model, patterns in self._models(matrix, groups):
            out[rows] = model.evidence(patterns, capped=False)[patterns.place]
        return out

    def predict(
        self, votes: LabelMatrix | ArrayLike, ties: Any = None, groups: Any = None
    ) -> NDArray[Any]:
        """Take the most likely class of each item.

        Parameters
        ----------
        ties
            What items get of which two classes are equally likely, or that no function votes on:
            None for None, ``"abstain"`` for the value that means it, ``"prior"`` for the class
            with the largest balance (the first of equal ones), or a class.

        Returns
        -------
        (n,) array
            Of classes, as objects if ``ties`` is None.

        Raises
        ------
        QueryError
            If ``ties`` is nothing of that; else as `predict_proba`.
        """
        matrix = self._read(votes)
        silent = np.asarray((matrix.votes < 0).all(axis=1))
        codes = decide(self._proba(matrix, groups), silent)
        named = np.empty(len(self.classes_) + 1, object)
        named[:] = (*self.classes_, self._tie(ties))
        out = named[codes]
        return out if ties is None else np.array(out.tolist())

    def _tie(self, ties: Any) -> Hashable:
        if ties in self.classes_:
            return ties  # type: ignore[no-any-return]
        choice = {
            None: None,
            "abstain": self.abstain,
            "prior": self.classes_[int(self.balance_.argmax())],
        }
        if ties not in choice:
            raise QueryError(
                f"ties must be None, {', '.join(map(repr, TIES))} or one of the classes "
                f"{list(self.classes_)}, got {ties!r}"
            )
        return choice[ties]

    def decode(self, votes: LabelMatrix, **options: Any) -> Any:
        """Decode votes over time; see `vquery.decode`."""
        from vquery.supervise.time import decode

        return decode(votes, self._fitted(), **options)

    def summary(self) -> Summary:
        """Say how good each function is held to be, and how the model compares with counting."""
        from vquery.supervise.models.summary import summarised

        return summarised(self._fitted())

    def to_dict(self, *, counts: bool = False) -> dict[str, Any]:
        """Give all that was learnt as plain values; with ``counts`` it can learn more later."""
        from vquery.supervise.models.storing import to_dict

        return to_dict(self._fitted(), counts=counts)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Make the model that `to_dict` was called on.

        Raises
        ------
        SchemaError
            If a later version wrote it.
        """
        from vquery.supervise.models.storing import fill

        model = cls(**stored["settings"])
        fill(model, stored)
        return model

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002
        """Give the settings by name, as scikit-learn wants."""
        return {name: getattr(self, name) for name in _parameters()}

    def set_params(self, **params: Any) -> Self:
        """Change settings; what was learnt stays until the next fit."""
        for name, value in params.items():
            if name not in _parameters():
                raise QueryError(
                    f"LabelModel has no parameter {name!r}. Parameters: {', '.join(_parameters())}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        default = {n: p.default for n, p in inspect.signature(type(self)).parameters.items()}
        changed = [f"{n}={v!r}" for n, v in self.get_params().items() if v is not default[n]]
        return f"LabelModel({', '.join(changed)})"

    def _repr_html_(self) -> str:
        return self.summary().html() if hasattr(self, "_estimate") else f"<code>{self!r}</code>"

    def _fitted(self) -> Self:
        if not hasattr(self, "_estimate"):
            raise QueryError("the label model is not fitted: call fit(votes) first")
        return self

    def _read(self, votes: LabelMatrix | ArrayLike) -> LabelMatrix:
        self._fitted()
        return read_votes(votes, self.classes_, self.abstain, self.functions_)

    def _models(self, matrix: LabelMatrix, groups: Any) -> Iterator[tuple[Any, Estimate, Patterns]]:
        """For each group its rows, its model, and its distinct rows of votes."""
        k = len(self.classes_)
        for name, rows in parts_of(read_groups(groups, matrix.n), matrix.n):
            model = self._groups.get(name, self._estimate)
            yield rows, model, Patterns.of(matrix.votes[rows], k)


def _parameters() -> list[str]:
    return list(inspect.signature(LabelModel).parameters)
