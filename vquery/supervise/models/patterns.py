"""Distinct rows of votes with how often each occurs, and sums over them that cost little.

Ten functions of two classes cast at most 3¹⁰ different rows, however many items there are. All that
a label model needs of the items are these rows and their counts, which add over shards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int16]
    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

CODES = 1 << 10
"""Functions are taken together while their votes have at most so many combinations: a table of so
many rows stays in the fast part of the cache."""
DENSE_CODES = 1 << 22
"""Up to so many possible rows all are counted in one array; above, rows that occur are hashed."""
WORTH_FOLDING = 0.5
"""Rows are left as they are where more than this share of them are different: to look on costs
more than to have fewer rows saves."""


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """Rows of votes and how often each occurs.

    Attributes
    ----------
    votes
        Shape (p, m), int16, -1 to abstain; all different and sorted unless most rows of a large
        input differ, when they stay as they are.
    counts
        Shape (p,): how often each occurs, or the weights of the items that have it.
    place
        Shape (n,): which row each item has.
    """

    votes: Codes
    counts: Floats
    place: Ints

    @classmethod
    def of(cls, votes: Codes, classes: int, weights: Floats | None = None) -> Patterns:
        """Find the distinct rows of votes (n, m) of so many classes.

        Time grows with n·m, memory with n.

        >>> found = Patterns.of(np.array([[1, -1], [0, 1], [1, -1]], np.int16), 2)
        >>> found.votes.tolist(), found.counts.tolist(), found.place.tolist()
        ([[0, 1], [1, -1]], [1.0, 2.0], [1, 0, 1])
        """
        code, size, plain = _row_codes(votes, classes)
        if code is None:
            ones = np.ones(len(votes)) if weights is None else weights.astype(np.float64)
            return cls(votes, ones, np.arange(len(votes)))
        times = np.bincount(code, minlength=size)
        counts = times if weights is None else np.bincount(code, weights, minlength=size)
        present = np.flatnonzero(times)
        number = np.zeros(size, np.int64)
        if plain:  # the numbers of rows are in their order, and tell what is in them
            rows = _read(present, classes, votes.shape[1])
        else:
            first = np.empty(size, np.int64)
            first[code] = np.arange(len(code))
            rows = votes[first[present]]
            order = np.lexsort(rows.T[::-1])
            rows, present = rows[order], present[order]
        number[present] = np.arange(len(present))
        return cls(rows, counts[present].astype(np.float64), number[code])

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Shape (p,): rows in which all functions abstain."""
        return np.asarray((self.votes < 0).all(axis=1))

    def sample(self, size: int) -> Patterns:
        """Draw ``size`` items at equal steps through all rows, which draws rows as they occur.

        All rows stay where there are at most ``size`` of them; ``place`` says which rows are taken.

        >>> rows = Patterns(np.array([[0], [1]], np.int16), np.array([3.0, 1.0]), np.empty(0))
        >>> rows.sample(1).counts
        array([1.])
        """
        if len(self.counts) <= size:
            return Patterns(self.votes, self.counts, np.arange(len(self.counts)))
        up = np.cumsum(self.counts)
        taken = np.searchsorted(up, (np.arange(size) + 0.5) * (up[-1] / size))
        rows, times = np.unique(taken, return_counts=True)
        return Patterns(self.votes[rows], times.astype(np.float64), rows)

    def merged(self, other: Patterns, classes: int) -> Patterns:
        """Add the counts of other rows; ``place`` is that of the rows of both, one after another.

        >>> one = Patterns.of(np.array([[1]], np.int16), 2)
        >>> one.merged(one, 2).counts.tolist()
        [2.0]
        """
        rows = np.concatenate((self.votes, other.votes))
        return Patterns.of(rows, classes, np.concatenate((self.counts, other.counts)))


class Design:
    """Sums over the votes of rows: of a table by vote, and of rows by vote.

    Functions are taken together in blocks, so that a row is one entry a block instead of one a
    function; with ten functions of two classes that is two.

    >>> votes = np.array([[0, -1], [1, 0]], np.int16)
    >>> design = Design(votes, 2)
    >>> table = np.arange(12.0).reshape(2, 2, 3)  # function, class, vote
    >>> design.total(table).tolist()  # 0 + 8 and 3 + 11, 1 + 6 and 4 + 9
    [[8.0, 14.0], [7.0, 13.0]]
    >>> design.cast(np.array([[1.0, 0.0], [0.0, 1.0]]))[0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """

    def __init__(self, votes: Codes, classes: int) -> None:
        self.shape = (votes.shape[1], classes + 1)
        blocks = list(_blocks(votes, classes))
        size = [len(members) for _, members in blocks]
        start = np.concatenate(([0], np.cumsum(size)))
        count = len(blocks)
        columns = np.column_stack([code + at for (code, _), at in zip(blocks, start, strict=False)])
        self.rows = _ones(columns.astype(np.int64).ravel(), count, len(votes), int(start[-1]))
        symbols = [members for _, members in blocks]
        self.members = sparse.vstack(
            [
                _ones(each.ravel(), each.shape[1], len(each), votes.shape[1] * (classes + 1))
                for each in symbols
            ],
            format="csr",
        )
        self.rows_t, self.members_t = self.rows.T.tocsr(), self.members.T.tocsr()

    def total(self, table: Floats) -> Floats:
        """Sum ``table`` (m, classes, classes + 1) over the votes of each row: (rows, classes)."""
        flat = np.ascontiguousarray(table.transpose(0, 2, 1)).reshape(-1, table.shape[1])
        return np.asarray(self.rows @ (self.members @ flat))

    def cast(self, weights: Floats) -> Floats:
        """Sum ``weights`` (rows, classes) by function and vote: (m, classes, classes + 1)."""
        flat = np.asarray(self.members_t @ (self.rows_t @ weights))
        return np.ascontiguousarray(flat.reshape(*self.shape, -1).transpose(0, 2, 1))


def _ones(columns: Ints, a_row: int, rows: int, width: int) -> sparse.csr_matrix:
    pointer = np.arange(rows + 1) * a_row
    return sparse.csr_matrix((np.ones(len(columns)), columns, pointer), shape=(rows, width))


def _blocks(votes: Codes, classes: int) -> list[tuple[Ints, Ints]]:
    """For each block: the combination of each row, and the symbols of each combination.

    A symbol is function · (classes + 1) + vote, where to abstain comes last.
    """
    m, symbols = votes.shape[1], classes + 1
    step = max(1, int(np.log(CODES) / np.log(symbols)))
    out = []
    for begin in range(0, m, step):
        part = votes[:, begin : begin + step]
        code = _digits(part, symbols)
        if symbols ** part.shape[1] > CODES:  # one function of many classes
            met, code = np.unique(code, return_inverse=True)
        else:
            met = np.arange(symbols ** part.shape[1])
        vote = _read(met, classes, part.shape[1]) % symbols  # to abstain comes last
        out.append((code, (begin + np.arange(part.shape[1])) * symbols + vote))
    return out


def _digits(votes: Codes, symbols: int) -> Ints:
    """Read votes plus one as digits of a number, the first function the highest."""
    code = np.zeros(len(votes), np.int64)
    for column in votes.T:
        code *= symbols
        code += column
    code += sum(symbols**j for j in range(votes.shape[1]))
    return code


def _read(codes: Ints, classes: int, m: int) -> Codes:
    """Votes (rows, m) that numbers from `_digits` stand for."""
    symbols = classes + 1
    out = np.empty((len(codes), m), np.int16)
    for j in range(m):
        out[:, j] = codes // symbols ** (m - 1 - j) % symbols - 1
    return out


def _row_codes(votes: Codes, classes: int) -> tuple[Ints | None, int, bool]:
    """Give each row a number below a size, equal rows the same; None where most differ.

    The third says whether numbers are those of `_digits`.
    """
    symbols, n, plain = classes + 1, len(votes), True
    step = max(1, int(np.log(DENSE_CODES) / np.log(symbols)))
    code, size = np.zeros(n, np.int64), 1
    for begin in range(0, votes.shape[1], step):
        part = votes[:, begin : begin + step]
        code = (
            code * symbols ** part.shape[1] + _digits(part, symbols)
            if begin
            else _digits(part, symbols)
        )
        size *= symbols ** part.shape[1]
        if size > DENSE_CODES:
            found = pa.array(code).dictionary_encode()
            code, size = found.indices.to_numpy().astype(np.int64), len(found.dictionary)
            plain = False
        if n > DENSE_CODES // CODES and size > WORTH_FOLDING * n and begin + step < votes.shape[1]:
            return None, n, False
    return code, max(size, 1), plain
