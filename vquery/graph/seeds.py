"""Seeds on items, brought to the nodes that the items share, with the errors people make."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from vquery.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seeds:
    """Labels on nodes.

    Attributes
    ----------
    rows
        Shape (s,): the first labelled item of each node.
    nodes
        Shape (s,): distinct nodes.
    labels
        Sparse (s, c): one row a node, summing to 1; one class, or the shares of its votes.
    classes
        The c labels, sorted, None last.
    names
        The same as an Arrow array, to take labels from.
    confidence
        Shape (s,): mean confidence of the node's votes, 1 unless given.
    """

    rows: Ints
    nodes: Ints
    labels: sparse.csr_array
    classes: tuple[Hashable | None, ...]
    names: pa.Array
    confidence: Weights

    @property
    def truth(self) -> Ints:
        """Shape (s,): the class with the largest share on each node, the first of equal ones."""
        return np.asarray(self.labels.argmax(axis=1), np.int64).ravel()


def read_seeds(
    seeds: Mapping[int, Hashable],
    node: Ints,
    *,
    confidence: Mapping[int, float] | None = None,
    soft: bool = False,
) -> Seeds:
    """Bring seeds on items to nodes.

    Parameters
    ----------
    seeds
        Item → label; None is a class of its own, "none of them".
    node
        Shape (n,): the node of each item.
    confidence
        Item → number above 0 and at most 1, for some or all of the seeds.
    soft
        Whether items of one node may have different labels; the node then gets their shares,
        weighted by confidence. Otherwise that is an error.

    Raises
    ------
    LabelError
        Without seeds, for an item that does not exist, labels that cannot stand in one column,
        copies with different labels, a confidence outside (0, 1]. The message names the item.

    >>> votes = {0: "Ann", 1: "Bob", 2: "Bob"}
    >>> read_seeds(votes, np.array([0, 0, 1]), soft=True).labels.toarray().tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    >>> read_seeds(votes, np.array([0, 0, 1]))
    Traceback (most recent call last):
    vquery.errors.LabelError: rows 0 and 1 are copies of one another but are labelled 'Ann' and \
'Bob': correct one of them, or use method='spreading', which takes contradicting votes
    """
    if not isinstance(seeds, Mapping):
        raise LabelError(
            f"seeds must be a mapping {{item: label}}, got {type(seeds).__name__}: give the "
            "labelled items alone, as in {i: y for i, y in enumerate(labels) if y != -1}"
        )
    if not seeds:
        raise LabelError("propagate needs at least one seed: {item: label}")
    rows = _rows(seeds, len(node))
    values = [_plain(value, row) for row, value in seeds.items()]
    classes, names = _classes(values)
    place = {value: c for c, value in enumerate(classes)}
    code = np.array([place[value] for value in values], np.int64)
    trust = _trust(confidence, seeds, rows)
    order = np.argsort(rows, kind="stable")
    rows, code, trust = rows[order], code[order], trust[order]
    nodes, first, at = np.unique(node[rows], return_index=True, return_inverse=True)
    at = at.ravel()
    if not soft:
        _refuse_contradictions(rows, code, first[at], classes)
    total = np.bincount(at, weights=trust)
    shares = sparse.coo_array((trust / total[at], (at, code)), shape=(len(nodes), len(classes)))
    mean = total / np.bincount(at)
    return Seeds(rows[first], nodes, sparse.csr_array(shares), classes, names, mean)


def _rows(seeds: Mapping[int, Hashable], n: int) -> Ints:
    rows = np.empty(len(seeds), np.int64)
    for i, key in enumerate(seeds):
        row = whole(key)
        if row is None:
            raise LabelError(f"seeds: {key!r} is no row number (a whole number from 0 to {n - 1})")
        if not 0 <= row < n:
            raise LabelError(f"seed row {row} does not exist: there are {n} rows")
        rows[i] = row
    return rows


def whole(value: Any) -> int | None:
    """Read a whole number of Python or numpy; None for what is none, such as True.

    >>> whole(np.int32(3)), whole(3.0), whole("3"), whole(True)
    (3, None, None, None)
    """
    try:
        return None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        return None


def _plain(value: Any, row: int) -> Hashable | None:
    """Turn numpy's scalars into Python's, so that they compare and print as what they are."""
    plain = value.item() if isinstance(value, np.generic) else value
    try:
        hash(plain)
    except TypeError as error:
        raise LabelError(
            f"seed row {row}: a label must be a single value such as a text or a number, "
            f"got {type(value).__name__}"
        ) from error
    if isinstance(plain, float) and np.isnan(plain):
        raise LabelError(
            f"seed row {row}: the label is NaN; leave the row out, or give None for 'none of them'"
        )
    return plain  # type: ignore[no-any-return]


def _classes(values: list[Hashable | None]) -> tuple[tuple[Hashable | None, ...], pa.Array]:
    """Sort the distinct labels, None last, and make the column that labels are taken from."""
    kinds = {type(value) for value in values if value is not None}
    classes = tuple(sorted(set(values), key=lambda value: (value is None, str(value))))
    named = ", ".join(sorted(kind.__name__ for kind in kinds))
    try:
        names = pa.array(classes)
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise LabelError(f"labels must be of one type, got {named}: {error}") from error
    # what Arrow turns into something else, such as texts among bytes, and what only Python takes
    # for equal, such as True and 1
    if names.to_pylist() != list(classes) or (bool in kinds and len(kinds) > 1):
        raise LabelError(f"labels must be single values of one type, got {named}")
    return classes, names


def _trust(
    confidence: Mapping[int, float] | None, seeds: Mapping[int, Hashable], rows: Ints
) -> Weights:
    if confidence is None:
        return np.ones(len(rows))
    if not isinstance(confidence, Mapping):
        raise LabelError(
            f"confidence must be a mapping {{item: number}}, got {type(confidence).__name__}"
        )
    for row in confidence:
        if row not in seeds:
            raise LabelError(f"confidence: row {row!r} is not among the seeds")
    try:
        trust = np.array([float(confidence.get(row, 1.0)) for row in seeds])
    except (TypeError, ValueError) as error:
        raise LabelError(f"confidence must be numbers: {error}") from error
    bad = np.flatnonzero(~((trust > 0) & (trust <= 1)))
    if len(bad):
        raise LabelError(
            f"confidence of row {rows[bad[0]]} must be above 0 and at most 1, got {trust[bad[0]]}"
        )
    return trust


def _refuse_contradictions(
    rows: Ints, code: Ints, first: Ints, classes: tuple[Hashable | None, ...]
) -> None:
    bad = np.flatnonzero(code != code[first])
    if len(bad):
        other, row = first[bad[0]], bad[0]
        raise LabelError(
            f"rows {rows[other]} and {rows[row]} are copies of one another but are labelled "
            f"{classes[code[other]]!r} and {classes[code[row]]!r}: correct one of them, or use "
            "method='spreading', which takes contradicting votes"
        )
