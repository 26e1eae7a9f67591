"""Texts as sparse vectors of their words, and which of them say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from vquery.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

MATCHES = 8_000_000
"""Pairs of equal words that are looked at together; about 12 bytes each."""
LEFT_OUT = 0.7
"""Of the least cosine: the more words are left out, the fewer are looked up, the more pairs are
computed. About the fastest on the words of television news."""
ROUNDING, SLACK = 1e-6, 1e-4
"""By which the least cosine and the bounds of it are widened, against rounding of float32."""


@dataclass(frozen=True, slots=True)
class Wordings:
    """Distinct texts as unit vectors of their words.

    Attributes
    ----------
    code
        Shape (n,): the text of each item, -1 for none.
    vectors
        Shape (u, words): rows of length 1 (0 for texts without a word), columns from the most to
        the least common word.
    evidence
        Shape (u,): 0 to 1, how much a text says, see `wordings`.
    """

    code: Ints
    vectors: sparse.csr_array
    evidence: Floats


def wordings(texts: Sequence[str | None] | NDArray[Any] | pa.Array) -> Wordings:
    """Cut texts into words and weigh these by TF-IDF.

    A word that occurs f times in a text, and in ``df`` of the ``u`` distinct texts that have words,
    weighs ``(1 + log f) · log((u + 1) / df)``: what everybody says counts next to nothing. Words
    are those of phrases and of the table of words (`vquery.engine.wordindex`). ``evidence`` is
    ``S / (S + log² (u + 1))`` with S the sum of squared weights: one more word, which nobody else
    says, is counted to every text, so that few or common words in common prove little.

    Raises
    ------
    SchemaError
        If a value is neither a text nor null.
    """
    from vquery.engine.wordindex import word_index

    column = _column(texts)
    encoded = column.dictionary_encode()
    code = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    u = len(encoded.dictionary)
    nowhere = pa.array(np.zeros(u, np.int64))
    index = word_index(
        pa.table(
            {"video": nowhere, "start_us": nowhere, "end_us": nowhere, "text": encoded.dictionary}
        ),
        "text",
    )
    pairs = (np.ones(len(index.row), np.float32), (index.row, index.code))
    counts = sparse.csr_array(sparse.coo_array(pairs, shape=(u, len(index.known))))
    return _weighed(code, counts)


def _column(texts: Sequence[str | None] | NDArray[Any] | pa.Array) -> pa.Array:
    try:
        column = pa.array(texts, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:
        raise SchemaError(f"texts must be texts or None, one for each item: {error}") from error
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    texts_only = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if not texts_only and len(column) > column.null_count:
        raise SchemaError(f"texts must be texts or None, one for each item; got {column.type}")
    return column.cast(pa.large_string())


def _weighed(code: Ints, counts: sparse.csr_array) -> Wordings:
    spread = np.bincount(counts.indices, minlength=counts.shape[1])
    said = np.diff(counts.indptr) > 0
    rarest = np.log1p(said.sum())
    weight = np.log(counts.data)
    weight += 1
    weight *= (rarest - np.log(np.maximum(spread, 1)))[counts.indices]
    rank = np.empty(len(spread), np.int32)
    rank[np.argsort(-spread, kind="stable")] = np.arange(len(spread), dtype=np.int32)
    vectors = sparse.csr_array(
        (weight.astype(np.float32), rank[counts.indices], counts.indptr), shape=counts.shape
    )
    vectors.sort_indices()
    squared = _row_sums(vectors.data.astype(np.float64) ** 2, vectors)
    length = np.sqrt(np.where(said, squared, 1))
    vectors.data /= np.repeat(length, np.diff(vectors.indptr)).astype(np.float32)
    evidence = squared / (squared + rarest**2) if said.any() else squared
    return Wordings(code, vectors, evidence.astype(np.float32))


def _row_sums(values: NDArray[Any], matrix: sparse.csr_array) -> NDArray[Any]:
    upto = np.concatenate(([0.0], np.cumsum(values)))
    return np.asarray(upto[matrix.indptr[1:]] - upto[matrix.indptr[:-1]])


def alike(vectors: sparse.csr_array, least: float) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Find all pairs of texts with a cosine of at least ``least``, in blocks by the first one.

    Exact, though most texts are not looked up by their commonest words (prefix filter: R. Bayardo,
    Y. Ma, R. Srikant 2007). Of two texts, take the one that leaves out more: the other one's
    words in common with what it leaves in are in the index, and what it leaves out adds at most
    its length, ``LEFT_OUT`` of ``least``. Only pairs that can still reach ``least`` are computed.

    Parameters
    ----------
    vectors
        Shape (u, words): rows of length 1 or 0, common words first.

    Yields
    ------
    (first, second, cosine)
        Sorted by the first, never empty; each pair in both orders, and each text with itself. At
        most ``MATCHES`` equal words, or those of one text, are looked at together.
    """
    index, left = _index(vectors, LEFT_OUT * least)
    inverse = sparse.csr_array(index.T)
    occurs = np.diff(inverse.indptr).astype(np.int64)[index.indices]
    work = np.concatenate(([0], np.cumsum(occurs)))[index.indptr]
    for first, last in slices(work, MATCHES):
        part = sparse.csr_array(index[first:last] @ inverse)
        a = np.repeat(np.arange(first, last), np.diff(part.indptr))
        hopeful = part.data + np.maximum(left[a], left[part.indices]) >= least - SLACK
        a, b = a[hopeful], part.indices[hopeful].astype(np.int64)
        cosine = _cosines(vectors, a, b)
        cosine[a == b] = 1
        near = np.flatnonzero(cosine >= least - ROUNDING)
        near = near[np.lexsort((b[near], a[near]))]
        if len(near):
            yield a[near], b[near], np.minimum(cosine[near], np.float32(1))


def slices(upto: Ints, most: int) -> Iterator[tuple[int, int]]:
    """Cut rows, ``upto[i]`` the work before row i, into runs of at most ``most``, or of one row.

    >>> list(slices(np.array([0, 2, 4, 9, 10]), 4))
    [(0, 2), (2, 3), (3, 4)]
    """
    first, n = 0, len(upto) - 1
    while first < n:
        last = int(np.searchsorted(upto, upto[first] + most, side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


def _index(vectors: sparse.csr_array, most: float) -> tuple[sparse.csr_array, Floats]:
    """Leave out the first words of each text while their length together is less than ``most``.

    Returns the rest, and the length of what was left out.
    """
    squared = vectors.data.astype(np.float64) ** 2
    upto = np.concatenate(([0.0], np.cumsum(squared)))
    before = np.repeat(upto[vectors.indptr[:-1]], np.diff(vectors.indptr))
    out = upto[1:] - before < most**2
    left = np.sqrt(_row_sums(np.where(out, squared, 0), vectors)).astype(np.float32)
    index = sparse.csr_array(
        (np.where(out, np.float32(0), vectors.data), vectors.indices.copy(), vectors.indptr.copy()),
        shape=vectors.shape,
    )
    index.eliminate_zeros()
    return index, left


def _cosines(vectors: sparse.csr_array, a: Ints, b: Ints) -> Floats:
    """Cosine of each pair of rows."""
    out = np.empty(len(a), np.float32)
    longest = int(np.diff(vectors.indptr).max(initial=1))
    step = max(1, MATCHES // max(longest, 1))
    for start in range(0, len(a), step):
        part = slice(start, start + step)
        product = vectors[a[part]].multiply(vectors[b[part]])
        out[part] = np.asarray(product.sum(axis=1)).ravel()
    return out
