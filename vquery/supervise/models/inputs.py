"""Checks of what a label model is given: votes, balance, precision, groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LabelError, QueryError, SchemaError
from vquery.metrics.calibration import checked_weights
from vquery.supervise.soft import SUM_ERROR
from vquery.supervise.votes.matrix import ABSTAIN, LabelMatrix

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

PRECISION_VOTES = 100.0
"""Votes that a stated precision counts for, as if a person had checked so many."""

LOOKED_AT = 10_000
"""Items of which it is seen by what convention votes are numbers."""


def read_votes(
    votes: LabelMatrix | ArrayLike,
    classes: Sequence[Hashable] | None,
    abstain: Hashable,
    functions: tuple[str, ...] | None = None,
) -> LabelMatrix:
    """Bring votes to the classes, in their order, and to the functions, in theirs.

    Parameters
    ----------
    classes
        None takes those of the matrix, or of an array all values other than ``abstain``, sorted.
    functions
        Names that must be there; None takes them as they are.

    Raises
    ------
    LabelError
        If votes hold classes that the model does not know.
    SchemaError
        If functions are not those that the model was fitted on.
    """
    matrix = votes if isinstance(votes, LabelMatrix) else _dense(votes, classes, abstain)
    if classes is not None and tuple(classes) != matrix.classes:
        matrix = _recoded(matrix, tuple(classes))
    if functions is None or functions == matrix.functions:
        return matrix
    named = isinstance(votes, LabelMatrix)
    if not named and len(functions) == matrix.m:
        return matrix
    if set(functions) != set(matrix.functions):
        raise SchemaError(
            f"votes must be of the {len(functions)} functions that the model was fitted on "
            f"({_some(functions)}), got {matrix.m} ({_some(matrix.functions)}); fit a new model"
        )
    order = [matrix.functions.index(name) for name in functions]
    return LabelMatrix(
        matrix.votes[:, order], matrix.classes, functions, matrix.items, matrix.seconds
    )


def _dense(votes: ArrayLike, classes: Sequence[Hashable] | None, abstain: Hashable) -> LabelMatrix:
    array = np.asarray(votes)
    if array.ndim != 2:
        raise SchemaError(f"votes must have shape (items, functions), got {array.shape}")
    if classes is None:
        if array.dtype.kind == "f" and np.isnan(array).any():
            row, column = np.argwhere(np.isnan(array))[0].tolist()
            raise LabelError(
                f"votes, row {row}, function {column}: expected a class or {abstain!r} to abstain, "
                "got nan"
            )
        classes = _values(array, abstain)
        if not classes:
            raise LabelError(
                "votes: every function abstains on every item, so no class is known; "
                "name them: LabelModel(classes=[…])"
            )
    if (
        abstain == ABSTAIN
        and list(classes) == list(range(len(classes)))
        and _are_codes(array, len(classes))
    ):
        names = tuple(f"lf{j}" for j in range(array.shape[1]))
        return LabelMatrix(array.astype(np.int16), tuple(classes), names)
    return LabelMatrix.from_dense(array, classes=classes, abstain=abstain)


def convention(
    votes: LabelMatrix | ArrayLike, classes: Sequence[Hashable] | None, matrix: LabelMatrix
) -> tuple[str, ...]:
    """Say how -1, 0 and 1 were read, where they may mean no, nothing and yes.

    ``classes`` is what the user named. Of an array of all three values with classes 0 and 1 this is
    said unless they were named and most values are not 0, as they would be if 0 meant to abstain;
    of many items some are looked at.

    >>> array = np.array([[0, 0, 1], [-1, 0, 0]])
    >>> len(convention(array, [0, 1], read_votes(array, [0, 1], -1)))
    1
    >>> convention(array[:, ::2], [0, 1], read_votes(array[:, ::2], [0, 1], -1))
    ()
    """
    if isinstance(votes, LabelMatrix) or matrix.classes != (0, 1) or not matrix.votes.size:
        return ()
    step = max(1, matrix.n // LOOKED_AT)
    array, code = np.asarray(votes)[::step], matrix.votes[::step]
    if array.dtype.kind not in "if" or array.min() != ABSTAIN or code.max() != 1:
        return ()
    zeros = np.count_nonzero(code == 0)
    if not zeros or (classes is not None and 2 * zeros <= code.size):
        return ()
    return (
        "Of the values -1, 0 and 1, -1 was read as to abstain and 0 as a class. If 0 says nothing: "
        "LabelModel(classes=[-1, 1], abstain=0).",
    )


def _values(array: NDArray[Any], abstain: Hashable) -> list[Hashable]:
    """All values but ``abstain``, sorted; by their texts where they do not compare."""
    if array.dtype != object:
        return [value for value in np.unique(array).tolist() if value != abstain]
    return sorted({value for value in array.ravel().tolist() if value != abstain}, key=str)


def _are_codes(array: NDArray[Any], classes: int) -> bool:
    """Whether all votes are numbers of classes already, as Snorkel's are: nothing to look up."""
    whole = array.dtype.kind == "i" and bool(array.size)
    return whole and bool(array.min() >= ABSTAIN) and bool(array.max() < classes)


def _recoded(matrix: LabelMatrix, classes: tuple[Hashable, ...]) -> LabelMatrix:
    place = {name: code for code, name in enumerate(classes)}
    table = np.array([place.get(name, -2) for name in matrix.classes] + [-1], np.int16)
    votes = table[matrix.votes]
    bad = np.argwhere(votes == -2)
    if len(bad):
        row, column = bad[0].tolist()
        raise LabelError(
            f"votes, row {row}, function {matrix.functions[column]}: expected one of "
            f"{list(classes)}, got {matrix.classes[matrix.votes[row, column]]!r} "
            f"({len(bad)} such votes)"
        )
    return LabelMatrix(
        votes, classes, matrix.functions, matrix.items, matrix.seconds, matrix.sources
    )


def read_balance(balance: Any, classes: tuple[Hashable, ...]) -> Floats | None:
    """Shares of the classes in their order, of a sequence or a mapping {class: share}.

    >>> read_balance({"no": 0.9, "yes": 0.1}, ("yes", "no"))
    array([0.1, 0.9])
    """
    if balance is None:
        return None
    if isinstance(balance, Mapping):
        if set(balance) != set(classes):
            raise LabelError(
                f"balance must name each of the classes {list(classes)}, got {list(balance)}"
            )
        balance = [balance[name] for name in classes]
    share = np.asarray(balance, np.float64)
    good = share.shape == (len(classes),) and bool((share > 0).all())
    if not good or abs(share.sum() - 1) > SUM_ERROR:
        raise LabelError(
            f"balance must be {len(classes)} shares above 0 that sum to 1, one for each of "
            f"{list(classes)}, got {np.asarray(balance).tolist()}"
        )
    return np.asarray(share / share.sum())


def read_precision(precision: Any, functions: tuple[str, ...]) -> dict[int, tuple[float, float]]:
    """Stated precision by number of function: (share of its votes that are right, votes checked).

    >>> read_precision({"b": 0.9, "a": (0.8, 20)}, ("a", "b"))
    {1: (0.9, 100.0), 0: (0.8, 20.0)}
    """
    if precision is None:
        return {}
    if not isinstance(precision, Mapping):
        raise QueryError(
            "precision must be a mapping {function: share right} or {function: (share right, votes "
            f"checked)}}, got {type(precision).__name__}"
        )
    out = {}
    for name, said in precision.items():
        if name not in functions:
            raise LabelError(f"precision names {name!r}, which is no function: {_some(functions)}")
        share, checked = said if isinstance(said, Sequence) else (said, PRECISION_VOTES)
        if not (0 < share < 1 and checked > 0):
            raise LabelError(
                f"precision of {name!r} must lie between 0 and 1, and the votes checked above 0; "
                f"got {said!r}"
            )
        out[functions.index(name)] = (float(share), float(checked))
    return out


def read_groups(groups: Any, n: int) -> list[Hashable] | None:
    """One hashable an item, as a list; None is no group."""
    if groups is None:
        return None
    listed = (
        groups.to_pylist() if hasattr(groups, "to_pylist") else list(np.asarray(groups, object))
    )
    if len(listed) != n:
        raise LabelError(f"groups must name one group an item: expected {n}, got {len(listed)}")
    if None in listed:
        raise LabelError(f"groups: item {listed.index(None)} has none; name one for each item")
    return listed


def read_weights(weights: ArrayLike | None, n: int) -> Floats | None:
    """How many items each of n counts for, None for one.

    >>> read_weights([0.5, 2], 2)
    array([0.5, 2. ])
    """
    if weights is None:
        return None
    counts = checked_weights(weights, n)
    if n and not counts.any():
        raise LabelError("weights: all are 0, so that nothing can be learnt; one must be above 0")
    return counts


def read_temper(temper: Any) -> float | None:
    """Factor on the evidence, None to find it."""
    if isinstance(temper, str) and temper == "auto":
        return None
    if isinstance(temper, bool) or not isinstance(temper, int | float) or not 0 < temper <= 1:
        raise QueryError(f'temper must be "auto" or a number above 0 and at most 1, got {temper!r}')
    return float(temper)


def read_pairs(pairs: Any, functions: tuple[str, ...]) -> tuple[tuple[int, int], ...] | None:
    """Numbers of functions that err together, None to find them; no function twice.

    >>> read_pairs([("b", "a")], ("a", "b", "c"))
    ((1, 0),)
    """
    if isinstance(pairs, str) and pairs == "auto":
        return None
    named = [tuple(pair) for pair in pairs]
    flat = [name for pair in named for name in pair]
    if any(len(pair) != 2 for pair in named) or len(set(flat)) < len(flat):
        raise LabelError(f"pairs must be pairs of functions, no function twice; got {named}")
    unknown = [name for name in flat if name not in functions]
    if unknown:
        raise LabelError(f"pairs name {unknown[0]!r}, which is no function: {_some(functions)}")
    return tuple((functions.index(a), functions.index(b)) for a, b in named)


def _some(names: Sequence[str], shown: int = 8) -> str:
    rest = f", … {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + rest
