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
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
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

    Exact, and without looking at the commonest words of most texts: what is left out of the index
    of a text is shorter than ``least``, so no pair can reach it by those words alone (R. Bayardo,
    Y. Ma, R. Srikant 2007). Never more than ``MATCHES`` word pairs, or those of one text, at once.

    Parameters
    ----------
    vectors
        Shape (u, words): rows of length 1 or 0, common words first.

    Yields
    ------
    (first, second, cosine)
        Sorted by the first, never empty; each pair in both orders, and each text with itself.
    """
    index, left = _index(vectors, least)
    inverse = sparse.csr_array(index.T)
    occurs = np.concatenate(([0], np.cumsum(np.diff(inverse.indptr)[vectors.indices])))
    work = occurs[vectors.indptr]
    first = 0
    while first < vectors.shape[0]:
        last = int(np.searchsorted(work, work[first] + MATCHES, side="right")) - 1
        last = min(max(last, first + 1), vectors.shape[0])
        part = sparse.coo_array(vectors[first:last] @ inverse)
        a, b = (axis.astype(np.int64) for axis in part.coords)
        a += first
        hopeful = part.data + left[b] >= least - SLACK
        a, b = a[hopeful], b[hopeful]
        cosine = _cosines(vectors, a, b)
        cosine[a == b] = 1
        near = cosine >= least - ROUNDING
        a, b, cosine = a[near], b[near], cosine[near]
        order = np.lexsort((b, a))
        if len(order):
            yield a[order], b[order], np.minimum(cosine[order], np.float32(1))
        first = last


def _index(vectors: sparse.csr_array, least: float) -> tuple[sparse.csr_array, Floats]:
    """Leave out the first words of each text while they are shorter than ``least`` together."""
    squared = vectors.data.astype(np.float64) ** 2
    upto = np.cumsum(squared)
    before = np.concatenate(([0.0], upto))[vectors.indptr[:-1]]
    size = np.diff(vectors.indptr)
    out = upto - np.repeat(before, size) < max(least - SLACK, 0.0) ** 2
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
