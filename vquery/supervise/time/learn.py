"""Learning transitions and durations from votes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery.supervise.time.durations import fit_durations
from vquery.supervise.time.lags import lag_covariances
from vquery.supervise.time.transitions import Transitions, powers, spent, stochastic
from vquery_kernels.chain import Spell, posterior, spell_posterior

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import NDArray

    from vquery.supervise.time.lags import Lagged
    from vquery.supervise.time.sequences import Sequences

    Codes = NDArray[np.int16]
    Floats = NDArray[np.float64]

    Stated = Mapping[int, tuple[float, float | None]]

SURE = 3.0
"""Standard errors by which functions must agree for their covariances over time to be used."""
VAGUE = 0.25
"""Largest standard error of the correlation after one tick that is of use."""
START = 0.95
"""Chance to stay from tick to tick where Baum-Welch starts."""
ROUNDS, STILL = 100, 1e-5
SPELL_ROUNDS = 10
"""Rounds in which durations beyond stated least ones are learnt: they change little after five."""


class Evidence(NamedTuple):
    """Votes in the order of a model's classes, and what they say of each item.

    ``votes`` (n, m) codes; ``evidence`` (n, K) log-likelihoods; ``confusion`` (m, K, K + 1);
    ``balance`` (K,).
    """

    classes: tuple[Hashable, ...]
    votes: Codes
    evidence: Floats
    confusion: Floats
    balance: Floats


def learn_transitions(
    given: Evidence,
    sequences: Sequences,
    *,
    least: Stated,
    stated: Stated,
    method: str = "auto",
) -> tuple[Transitions, tuple[str, ...]]:
    """Learn how classes follow each other and how long they last.

    Parameters
    ----------
    least
        Class → (seconds that it lasts at least, None), as stated.
    stated
        Class → (least seconds or mean seconds, mean seconds or None), see `vquery.decode`.
    method
        ``"lags"``, ``"em"``, or ``"auto"``: lags unless functions are too few or disagree.

    Returns
    -------
    Transitions, and sentences on what was decided and why.
    """
    k = len(given.classes)
    if k == 1 or not len(sequences.row):
        return _unknown(given, sequences.step, "given"), ()
    lagged = None if method == "em" else _usable(given, sequences)
    notes: list[str] = []
    if lagged is None:
        if method == "lags":
            notes.append("covariances of functions over time are too weak, so Baum-Welch is used")
        made = _baum_welch(given, sequences)
    else:
        made = _from_lags(given, lagged)
    notes.append(_said(made))
    if made.lags.size:
        made, more = _with_fitted(made)
        notes += more
    if stated or least:
        made, more = with_stated(made, given, sequences, least=least, stated=stated)
        notes += more
    return made, tuple(notes)


def _unknown(given: Evidence, step: float, method: str) -> Transitions:
    k = len(given.classes)
    none = np.empty(0)
    return Transitions(
        given.classes, step, np.ones((k, 1)) * given.balance, given.balance, np.zeros(k),
        np.full(k, step), none.astype(np.int64), none, none, np.full((k, k), np.nan), method,
    )  # fmt: skip


def _usable(given: Evidence, sequences: Sequences) -> Lagged | None:
    """Give the covariances over time where functions agree on more than noise."""
    found = lag_covariances(given.votes, given.confusion, given.balance, sequences)
    if found is None or found.lags.size < 2:
        return None
    now = np.trace(found.joint[0])
    if now <= SURE * _jackknife(np.trace(found.left_out[:, 0], axis1=1, axis2=2)):
        return None
    _, error = _correlation(found)
    return found if error[1] <= VAGUE else None


def _jackknife(left_out: Floats) -> Floats:
    """Standard error from figures without one block each; blocks along the first axis."""
    b = len(left_out)
    spread = left_out - left_out.mean(axis=0)
    return np.asarray(np.sqrt((b - 1) / b * (spread**2).sum(axis=0)))


def _correlation(found: Lagged) -> tuple[Floats, Floats]:
    traces = np.trace(found.joint, axis1=1, axis2=2)
    left = np.trace(found.left_out, axis1=2, axis2=3)
    return traces / traces[0], _jackknife(left / left[:, :1])


def _matrix(now: Floats, next_: Floats, balance: Floats) -> Floats:
    """Give the transitions that turn the covariance now into that one tick later.

    With Σ = diag(π) - ππᵀ, the covariance after a tick is ΣA. Both are estimated by the same
    functions, so that what these overstate falls out.
    """
    inner = np.linalg.pinv(now) @ next_
    return np.asarray(inner + (balance - balance @ inner))


def _from_lags(given: Evidence, found: Lagged) -> Transitions:
    correlation, error = _correlation(found)
    balance = given.balance
    raw = _matrix(found.joint[0], found.joint[1], balance)
    each = [_matrix(part[0], part[1], balance) for part in found.left_out]
    matrix = _slowed(stochastic(raw), given, 1 / max(2.0, found.lags[-1] * SURE))
    mean = found.step / (1 - np.diag(matrix))
    return Transitions(
        given.classes, found.step, matrix, balance, np.zeros(len(balance)), mean,
        found.lags, correlation, error, _jackknife(np.array(each)), "lags",
    )  # fmt: skip


def _slowed(matrix: Floats, given: Evidence, least: float) -> Floats:
    """Let no class last longer than what lags could show."""
    change = 1 - np.diag(matrix)
    low = change < least
    if low.any():
        others = given.balance * (1 - np.eye(len(matrix)))
        others /= others.sum(axis=1, keepdims=True)
        matrix = matrix.copy()
        matrix[low] = least * others[low]
        matrix[np.flatnonzero(low), np.flatnonzero(low)] = 1 - least
    return matrix


def _baum_welch(given: Evidence, sequences: Sequences) -> Transitions:
    """Learn transitions by expectation maximisation, with the evidence as it is.

    L. Baum et al., Annals of Mathematical Statistics 41, 1970. One pseudo-count a transition.
    """
    k = len(given.classes)
    matrix = np.full((k, k), (1 - START) / max(k - 1, 1))
    np.fill_diagonal(matrix, START)
    evidence = of_nodes(given.evidence, sequences)
    ticks = sequences.length / sequences.step
    for _ in range(ROUNDS):
        place, tables = powers(matrix, ticks)
        start = given.balance
        found = posterior(
            sequences.bounds, np.ones(len(ticks), int), evidence, place, tables, start
        )
        new = (found.changes + 1 / k) / (found.changes.sum(axis=1, keepdims=True) + 1)
        moved = np.abs(new - matrix).max()
        matrix = stochastic(new)
        if moved < STILL:
            break
    blank = _unknown(given, sequences.step, "em")
    mean = sequences.step / (1 - np.diag(matrix))
    return _changed(blank, matrix=matrix, mean=mean)


def of_nodes(evidence: Floats, sequences: Sequences) -> Floats:
    """Bring evidence of items to nodes: a gap says nothing."""
    out = evidence[np.maximum(sequences.row, 0)]
    out[sequences.row < 0] = 0.0
    return np.asarray(out)


def _changed(made: Transitions, **values: Floats) -> Transitions:
    from dataclasses import replace

    return replace(made, **values)  # type: ignore[arg-type]


def _said(made: Transitions) -> str:
    how = "covariances of functions over time" if made.method == "lags" else "Baum-Welch"
    parts = [f"{name} {mean:.3g} s" for name, mean in zip(made.classes, made.mean, strict=True)]
    return f"by {how} classes last on average: {', '.join(parts)}"


def jumps(matrix: Floats) -> Floats:
    """Where classes go when they end, (K, K), rows sum to 1."""
    out = matrix * (1 - np.eye(len(matrix)))
    return np.asarray(out / np.maximum(out.sum(axis=1, keepdims=True), np.finfo(float).tiny))


def _with_fitted(made: Transitions) -> tuple[Transitions, tuple[str, ...]]:
    mean = made.mean / made.step
    found = fit_durations(
        made.lags[1:], made.correlation[1:], made.error[1:], mean, jumps(made.matrix)
    )
    if not found.part:
        return made, ("correlations over time show no least duration",)
    mean = made.mean * found.cycle / mean.sum()
    least = found.part * mean
    parts = [f"{name} {each:.3g} s" for name, each in zip(made.classes, least, strict=True)]
    said = f"correlations over time show least durations: {', '.join(parts)}"
    return _changed(made, shortest=least, mean=mean), (said,)


def with_stated(
    made: Transitions, given: Evidence, sequences: Sequences, *, least: Stated, stated: Stated
) -> tuple[Transitions, tuple[str, ...]]:
    """Put in what the user says; learn the mean durations again that are not stated."""
    shortest, mean = made.shortest.copy(), made.mean.copy()
    for code, (seconds, _) in least.items():
        shortest[code] = seconds
    for code, (seconds, average) in stated.items():
        if average is not None:
            shortest[code], mean[code] = seconds, average
    short = mean <= shortest
    notes = []
    for code in np.flatnonzero(short):
        notes.append(
            f"{made.classes[code]} lasts {mean[code]:.3g} s on average by the votes, less than the"
            " least duration stated: its mean is learnt again with it"
        )
        mean[code] = 2 * shortest[code]
    made = _changed(made, shortest=shortest, mean=mean)
    fixed = {code for code, (_, average) in stated.items() if average is not None}
    return _lasting(made, given, sequences, fixed), tuple(notes)


def _lasting(
    made: Transitions, given: Evidence, sequences: Sequences, fixed: set[int]
) -> Transitions:
    """Learn mean durations of classes beyond their least ones, by expectation maximisation."""
    k = len(given.classes)
    free = np.array([code not in fixed for code in range(k)])
    if not free.any():
        return made
    evidence = of_nodes(given.evidence, sequences)
    length = sequences.length / made.step
    first = made.mean / made.step
    least = np.maximum(made.shortest / made.step, 1.0)
    mean = first.copy()
    for _ in range(SPELL_ROUNDS):
        now = _changed(made, mean=mean * made.step)
        found = spell_posterior(sequences.bounds, length, evidence, spell_of(now))
        # one spell beside those that were counted, as long as was known before
        ended = found.changes.sum(axis=1) + 1
        beyond = (found.held + (first - least)) / ended
        mean = np.where(free, least + np.maximum(beyond, 0.0), mean)
    return _changed(made, mean=mean * made.step)


def spell_of(made: Transitions) -> Spell:
    """Give the kernel what it needs of least and mean durations, in ticks.

    >>> none = np.empty(0)
    >>> made = Transitions(("a", "b"), 0.5, np.full((2, 2), 0.5), np.full(2, 0.5), np.zeros(2),
    ...     np.array([1.0, 2.0]), none, none, none, none, "given")
    >>> np.exp(spell_of(made).stay).tolist()
    [0.5, 0.75]
    """
    least, mean = made.shortest / made.step, made.mean / made.step
    beyond = np.maximum(mean - np.maximum(least, 1.0) + 1, 1 + SHORT)
    with np.errstate(divide="ignore"):
        switch = np.log(jumps(made.matrix) / beyond[:, None])
    start = spent(made.mean, jumps(made.matrix)) if least.any() else made.balance
    return Spell(least, np.log(start), np.log1p(-1 / beyond), switch)


SHORT = 1e-6
"""Ticks that a spell lasts beyond its least duration at least, so that logarithms are finite."""
