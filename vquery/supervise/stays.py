"""How long what is seen stays on screen, told from the lengths of runs alone.

A detector that errs for single frames leaves many runs of one or two samples beside those of things
that were put on screen to be seen. Agreement of several detectors does not tell the two apart where
they err on the same frame, such as a black one; duration does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from vquery.errors import LabelError, SchemaError
from vquery.metrics.calibration import numbers
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

FEWEST = 20
"""Runs needed: four numbers are estimated, and five runs for each is little enough."""
NARROWEST = 0.1
"""Least deviation of log lengths: equal stays would make their likelihood infinite."""
PARAMETERS = 4
"""Share and median of stays, their spread, and how flashes end."""
ROUNDS, STILL = 500, 1e-9
NO_STEP = 0.0
"""Step between samples where there is no run to tell it from."""
HALF = 0.5
EACH, FINE = 10_000, 1e-3
"""Steps up to which each is looked at, and how far apart (relatively) further ones are, between
which the border is bisected: there may be millions where one run is much shorter than the others,
and both chances change over tenths and not thousandths of a length."""


class Stays(NamedTuple):
    """Two kinds of runs: flashes, and what stays.

    Attributes
    ----------
    shortest
        Seconds from which on a run is more likely a stay than a flash: a whole number of steps; one
        step where the two kinds cannot be told apart.
    share
        Share of runs that are stays.
    typical
        Median length of a stay in seconds.
    flash
        Mean length of a flash in seconds.
    gain
        Log-likelihood of two kinds above that of the better single one, less what its further
        parameters cost by the Bayesian information criterion; only a positive one is believed.
    runs
        How many runs there were.
    note
        What was decided, in a sentence.
    """

    shortest: float
    share: float
    typical: float
    flash: float
    gain: float
    runs: int
    note: str


class _Mixture(NamedTuple):
    """Share of stays, mean and deviation of their log lengths, chance that a flash goes on."""

    share: float
    middle: float
    spread: float
    on: float


def stays(runs: ArrayLike | pa.Table, step: float | None = None) -> Stays:
    """Tell flashes from stays by the lengths of runs, without labels.

    Flashes end by chance, so their lengths are geometric; lengths of stays are log-normal, rounded
    to steps. Both are estimated together by expectation maximisation. It believes in two kinds only
    where they explain the lengths better than either one alone.

    Parameters
    ----------
    runs
        Lengths in seconds, or a table with ``start_us`` and ``end_us``: one row a run, touching
        rows merged before (``coalesce()``).
    step
        Seconds between two samples; the shortest run by default.

    Raises
    ------
    LabelError
        If a length or the step is not a positive number.
    SchemaError
        If a table has no times, or an array more than one dimension.

    Notes
    -----
    O(different lengths) a round. Lengths of stays: moments of the logs, which rounding hardly
    biases; the gain is understated by that. EM: A. Dempster, N. Laird, D. Rubin, Journal of the
    Royal Statistical Society B 39, 1977. Criterion: G. Schwarz, Annals of Statistics 6, 1978.

    >>> seen = [1] * 40 + [2] * 8 + [6, 7, 8, 9, 10, 12, 7, 8, 14, 9, 11, 6, 7, 5, 20, 8]
    >>> stays(seen).shortest
    4.0
    >>> stays([1, 1, 7]).note
    '3 runs are too few to tell flashes from stays (20 are needed): none is left out'
    """
    lengths = _lengths(runs)
    if step is None:
        step = lengths.min() if lengths.size else NO_STEP
    elif not isinstance(step, int | float | np.number) or not 0 < step < np.inf:
        raise LabelError(f"step must be a positive number of seconds, got {step!r}")
    step = float(step)
    if lengths.size < FEWEST:
        note = (
            f"{lengths.size} runs are too few to tell flashes from stays"
            f" ({FEWEST} are needed): none is left out"
        )
        return _one_kind(lengths, step, 0.0, note)
    cells, count = np.unique(np.maximum(np.rint(lengths / step), 1), return_counts=True)
    found = _fit(cells, count)
    gain = _gain(cells, count, found)
    mean_flash = 1 / (1 - found.on)
    if gain <= 0 or np.exp(found.middle) <= mean_flash:
        note = "lengths do not show two kinds of runs: none is left out"
        return _one_kind(lengths, step, gain, note)
    shortest = _first_stay(found) * step
    note = (
        f"runs below {shortest:g} s are more likely flashes: they last {mean_flash * step:.2g} s"
        f" on average, stays {np.exp(found.middle) * step:.2g} s"
    )
    typical = float(np.exp(found.middle) * step)
    return Stays(shortest, found.share, typical, mean_flash * step, gain, lengths.size, note)


def _lengths(runs: ArrayLike | pa.Table) -> Floats:
    if isinstance(runs, pa.Table):
        missing = [name for name in ("start_us", "end_us") if name not in runs.column_names]
        if missing:
            raise SchemaError(
                f"runs must have start_us and end_us, lacks {', '.join(missing)};"
                f" columns: {', '.join(runs.column_names)}"
            )
        out: Floats = (runs["end_us"].to_numpy() - runs["start_us"].to_numpy()) / US_PER_S
    else:
        out = numbers(runs, "runs")
    if out.ndim != 1:
        raise SchemaError(f"runs must have one dimension, got shape {out.shape}")
    bad = np.flatnonzero(~((out > 0) & np.isfinite(out)))
    if bad.size:
        raise LabelError(
            f"runs, row {bad[0]}: a length must be a positive number of seconds, got {out[bad[0]]}"
            f" ({bad.size} such rows); leave instants out"
        )
    return out


def _one_kind(lengths: Floats, step: float, gain: float, note: str) -> Stays:
    typical = float(np.median(lengths)) if lengths.size else 0.0
    return Stays(step, 1.0, typical, step, gain, lengths.size, note)


def _fit(cells: Floats, count: NDArray[np.int64]) -> _Mixture:
    """Start with runs above the mean log length as stays; end when shares of stays stand still."""
    logs = np.log(cells)
    stay = np.where(logs > np.average(logs, weights=count), 0.9, 0.1)
    for _ in range(ROUNDS):
        found = _moments(cells, count, stay)
        one, other = _both(cells, found)
        new = one / (one + other)
        moved = np.abs(new - stay).max()
        stay = new
        if moved < STILL:
            break
    return _moments(cells, count, stay)


def _moments(cells: Floats, count: NDArray[np.int64], stay: Floats) -> _Mixture:
    """Give the mixture that fits lengths of which each is a stay by a share."""
    weight, rest, logs = stay * count, (1 - stay) * count, np.log(cells)
    middle = float(np.average(logs, weights=weight))
    spread = max(float(np.sqrt(np.average((logs - middle) ** 2, weights=weight))), NARROWEST)
    # one run of one step beside what was counted keeps the chance to go on below 1
    on = 1 - (rest.sum() + 1) / ((rest * cells).sum() + 2)
    return _Mixture(float(weight.sum() / count.sum()), middle, spread, float(on))


def _both(cells: Floats, found: _Mixture) -> tuple[Floats, Floats]:
    """Chance of each length as a stay and as a flash."""
    one = found.share * _rounded(cells, found.middle, found.spread)
    other = (1 - found.share) * (1 - found.on) * found.on ** (cells - 1)
    return np.maximum(one, np.finfo(float).tiny), np.maximum(other, np.finfo(float).tiny)


def _rounded(cells: Floats, middle: float, spread: float) -> Floats:
    """Chance of each whole number of steps when log lengths are normal and 0 steps are not seen."""

    def below(edge: Floats) -> Floats:
        return np.asarray(ndtr((np.log(edge) - middle) / spread))

    unseen = below(np.array([HALF]))
    return np.asarray((below(cells + HALF) - below(cells - HALF)) / (1 - unseen))


def _gain(cells: Floats, count: NDArray[np.int64], found: _Mixture) -> float:
    runs = count.sum()
    one, other = _both(cells, found)
    price = np.log(runs) / 2
    two = float((count * np.log(one + other)).sum() - PARAMETERS * price)
    everything = _moments(cells, count, np.ones(len(cells)))
    only_stays = np.maximum(_both(cells, everything)[0], np.finfo(float).tiny)
    nothing = _moments(cells, count, np.full(len(cells), np.finfo(float).eps))
    only_flashes = (1 - nothing.on) * nothing.on ** (cells - 1)
    singles = (
        float((count * np.log(only_stays)).sum()) - 2 * price,
        float((count * np.log(np.maximum(only_flashes, np.finfo(float).tiny))).sum()) - price,
    )
    return float(two - max(singles))


def _first_stay(found: _Mixture) -> int:
    """Give the number of steps after which, up to the median of stays, none is rather a flash."""
    last = int(np.exp(found.middle)) + 1
    cells = np.arange(1.0, min(last, EACH) + 1)
    if last > EACH:
        many = int(np.log(last / EACH) / FINE) + 2
        cells = np.append(cells, np.unique(np.rint(np.geomspace(EACH, last, many)))[1:])
    flashes = np.flatnonzero(_rather_flash(cells, found))
    if not flashes.size:
        return 1
    low = int(cells[flashes[-1]])
    high = int(cells[flashes[-1] + 1]) if flashes[-1] + 1 < cells.size else low + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _rather_flash(np.array([float(middle)]), found)[0]:
            low = middle
        else:
            high = middle
    return high


def _rather_flash(cells: Floats, found: _Mixture) -> NDArray[np.bool_]:
    one, other = _both(cells, found)
    return np.asarray(one < other)
