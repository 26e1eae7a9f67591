"""Learning transitions and durations from votes alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery.supervise.time.durations import fit_durations
from vquery.supervise.time.lags import lag_covariances
from vquery.supervise.time.persistence import temper_of
from vquery.supervise.time.run import chances, of_nodes, path, sampled
from vquery.supervise.time.transitions import Transitions, jumps, spent, stochastic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.time.lags import Lagged
    from vquery.supervise.time.run import Evidence
    from vquery.supervise.time.sequences import Sequences

    Floats = NDArray[np.float64]

SURE = 3.0
"""Standard errors by which functions must agree for their covariances over time to be used."""
VAGUE = 0.25
"""Largest standard error of the correlation after one tick that is of use."""
COMPARABLE = 5.0
"""Times the mean of the class that lasts shortest up to which least durations are believed."""
START = 0.95
"""Chance to stay from tick to tick where Baum-Welch starts."""
ROUNDS, STILL = 100, 1e-5
SPELL_ROUNDS, FEW_ROUNDS = 10, 3
"""Rounds in which durations beyond least ones are learnt: they change little after five, and the
order of choices does not after three."""
MULTIPLES = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Least durations of single classes that are compared, as multiples of what all show together."""
MOST = 0.9
"""Largest part of a mean duration that can be certain."""
FAINT = 0.1
"""Factor on the evidence that tempering starts with. From below: a path that follows every error
leaves nothing of it to be seen, where a smooth one that was too smooth comes nearer and nearer."""
TEMPER_ROUNDS, ALIKE = 12, 0.005
"""Path and tempering follow each other until the latter moves by less; about six rounds do."""


class Told(NamedTuple):
    """What a user states: least and mean seconds by class, and a factor on the evidence.

    Means lie above the least durations of their classes; None learns the factor.
    """

    least: dict[int, float]
    mean: dict[int, float]
    temper: float | None


def learn_transitions(
    given: Evidence,
    sequences: Sequences,
    told: Told,
    method: str = "auto",
) -> tuple[Transitions, tuple[str, ...]]:
    """Learn how classes follow each other and how long they last.

    Parameters
    ----------
    told
        What the user states.
    method
        ``"lags"``, ``"em"``, or ``"auto"``: lags unless functions are too few or disagree.

    Returns
    -------
    Transitions, and sentences on what was decided and why.
    """
    k = len(given.classes)
    if k == 1 or not len(sequences.row):
        return _unknown(given, sequences.step, "given"), ()
    n = len(given.evidence)
    given, sequences = sampled(given, sequences)
    lagged = None if method == "em" else _usable(given, sequences)
    notes: list[str] = []
    if len(given.evidence) < n:
        notes.append(f"learnt from {len(given.evidence):,} of {n:,} items, in stretches")
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
    made, more = settle(made, given, sequences, told)
    return made, (*notes, *more)


def settle(
    made: Transitions, given: Evidence, sequences: Sequences, told: Told
) -> tuple[Transitions, tuple[str, ...]]:
    """Put in what is stated, and learn in turns what follows from it and how long errors last."""
    given, sequences = sampled(given, sequences)
    evidence = of_nodes(given.evidence, sequences)
    base = made if told.temper is None else replace(made, temper=told.temper)
    made, notes = _with_stated(base, evidence, sequences, told)
    made, said = _tempered(made, given, sequences, told)
    chosen = set(np.flatnonzero(made.shortest).tolist()) - {*told.least, *told.mean}
    if chosen:
        made = _chosen(made, evidence, sequences, sorted(chosen))
        made, said = _tempered(made, given, sequences, told)
    if made.shortest.any():
        notes += (f"classes last at least {_each(made, made.shortest)}",)
    return made, (*notes, *said)


def _tempered(
    made: Transitions, given: Evidence, sequences: Sequences, told: Told
) -> tuple[Transitions, tuple[str, ...]]:
    """Learn how long errors last; path and durations follow, until all agree."""
    if told.temper is not None:
        return made, ()
    evidence = of_nodes(given.evidence, sequences)
    item = sequences.row >= 0
    code = np.empty(len(given.evidence), np.int64)
    whole, made = made, replace(made, temper=FAINT)
    for _ in range(TEMPER_ROUNDS):
        code[sequences.row[item]] = path(evidence, sequences, made)[item]
        found = temper_of(given.evidence, code, sequences)
        if found is None:
            return whole, ("items are too few to tell how long errors last",)
        if abs(found - made.temper) < ALIKE:
            break
        made = replace(made, temper=found)
        if made.shortest.any():
            made = _lasting(made, evidence, sequences, list(told.mean), FEW_ROUNDS)
    if made.temper == 1:
        return made, ("errors are told anew at each look",)
    return made, (f"errors last: {1 / made.temper:.2g} looks at the votes count as one",)


def _chosen(
    made: Transitions, evidence: Floats, sequences: Sequences, classes: list[int]
) -> Transitions:
    """Choose least durations class by class, by the likelihood of the votes.

    Correlations over time show how much of durations is certain, but hardly of which class.
    """

    def tried(parts: Floats) -> tuple[float, Transitions]:
        one = replace(made, shortest=parts * made.mean)
        if one.shortest.any():
            one = _lasting(one, evidence, sequences, [], FEW_ROUNDS)
        return float(chances(evidence, sequences, one).log_likelihood.sum()), one

    parts = made.shortest / made.mean
    common = parts[classes].max()
    best, found = tried(parts)
    for code in [*classes, *classes]:
        for times in MULTIPLES:
            other = parts.copy()
            other[code] = min(times * common, MOST)
            score, one = tried(other) if other[code] != parts[code] else (best, found)
            if score > best:
                best, found = score, one
        parts = found.shortest / made.mean
    return found


def _unknown(given: Evidence, step: float, method: str) -> Transitions:
    k = len(given.classes)
    none = np.empty(0)
    return Transitions(
        given.classes, step, np.ones((k, 1)) * given.balance, given.balance, np.zeros(k),
        np.full(k, step), none.astype(np.int64), none, none, np.full((k, k), np.nan), 1.0,
        method,
    )  # fmt: skip


def _usable(given: Evidence, sequences: Sequences) -> Lagged | None:
    """Give the covariances over time where functions agree on more than noise."""
    found = lag_covariances(given, sequences)
    if found is None or found.lags.size < 2:
        return None
    now = np.trace(found.joint[0])
    if now <= SURE * _jackknife(np.trace(found.left_out[:, 0], axis1=1, axis2=2)):
        return None
    _, error = _correlation(found)
    return found if error[1] <= VAGUE else None


def _jackknife(left_out: Floats) -> Floats:
    """Give the standard error from figures (blocks, …) that leave one block out each."""
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
    each = [
        _matrix(part[0], part[1], share)
        for part, share in zip(found.left_out, found.balance, strict=True)
    ]
    matrix = _slowed(stochastic(raw), given, 1 / max(2.0, found.lags[-1] * SURE))
    mean = found.step / (1 - np.diag(matrix))
    return Transitions(
        given.classes, found.step, matrix, balance, np.zeros(len(balance)), mean,
        found.lags, correlation, error, _jackknife(np.array(each)), 1.0, "lags",
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
    made = _unknown(given, sequences.step, "em")
    for _ in range(ROUNDS):
        made = replace(made, matrix=matrix)
        changes = chances(evidence, sequences, made).changes
        new = stochastic((changes + 1 / k) / (changes.sum(axis=1, keepdims=True) + 1))
        moved = np.abs(new - matrix).max()
        matrix = new
        if moved < STILL:
            break
    return replace(made, matrix=matrix, mean=sequences.step / (1 - np.diag(matrix)))


def _said(made: Transitions) -> str:
    how = "covariances of functions over time" if made.method == "lags" else "Baum-Welch"
    return f"by {how} classes last on average {_each(made, made.mean)}"


def _each(made: Transitions, seconds: Floats) -> str:
    return ", ".join(f"{x:.3g} s ({name})" for name, x in zip(made.classes, seconds, strict=True))


def _with_fitted(made: Transitions) -> tuple[Transitions, tuple[str, ...]]:
    mean = made.mean / made.step
    found = fit_durations(
        made.lags[1:], made.correlation[1:], made.error[1:], mean, jumps(made.matrix)
    )
    if not found.part:
        return made, ("correlations over time show no least duration",)
    mean = made.mean * found.cycle / mean.sum()
    # what lies between two stretches of a rare class shows only in a return that does not come,
    # which is as small as the share of that class: nothing is said of how long it lasts at least
    least = np.where(mean <= COMPARABLE * mean.min(), found.part * mean, 0.0)
    said = f"correlations over time fall as if {found.part:.0%} of mean durations were certain"
    return replace(made, shortest=least, mean=mean), (said,)


def _with_stated(
    made: Transitions, evidence: Floats, sequences: Sequences, told: Told
) -> tuple[Transitions, tuple[str, ...]]:
    """Put in what the user says; learn the mean durations again that are not stated."""
    if not told.least and not told.mean:
        return made, ()
    shortest, mean = made.shortest.copy(), made.mean.copy()
    for known, values in ((told.least, shortest), (told.mean, mean)):
        for code, seconds in known.items():
            values[code] = seconds
    notes = []
    free = np.array([code not in told.mean for code in range(len(mean))])
    short = free & (mean <= shortest)
    if short.any():
        code = int(np.flatnonzero(short)[0])
        notes.append(
            f"{made.classes[code]} lasts {mean[code]:.3g} s on average by the votes, less than the"
            " least duration stated: means are learnt again with it"
        )
        mean[free] *= float((2 * shortest[short] / mean[short]).max())
    made = replace(made, shortest=shortest, mean=mean)
    if shortest.any():
        made = _lasting(made, evidence, sequences, list(told.mean))
    # the chain that lasts as long, for where no least duration holds
    jump, ticks = jumps(made.matrix), np.maximum(made.mean / made.step, 1.0)
    matrix = stochastic(jump / ticks[:, None] + np.diag(1 - 1 / ticks))
    return replace(made, matrix=matrix, balance=spent(made.mean, jump)), tuple(notes)


def _lasting(
    made: Transitions,
    evidence: Floats,
    sequences: Sequences,
    fixed: list[int],
    rounds: int = SPELL_ROUNDS,
) -> Transitions:
    """Learn mean durations beyond least ones, by expectation maximisation.

    Unless some are stated, all grow or shrink alike, so that classes keep their shares of the time.
    """
    free = np.ones(len(made.mean), bool)
    free[fixed] = False
    first = made.mean / made.step
    least = np.maximum(made.shortest / made.step, 1.0)
    spells = spent(np.ones(len(first)), jumps(made.matrix))
    mean = first.copy()
    for _ in range(rounds if free.any() else 0):
        found = chances(evidence, sequences, replace(made, mean=mean * made.step))
        # one spell beside those that were counted, as long as was known before
        ended = found.changes.sum(axis=1) + 1
        beyond = (found.held + (first - least)) / ended
        each = least + np.maximum(beyond, 0.0)
        if not fixed:
            each = np.maximum(first * float(spells @ each) / float(spells @ first), least)
        mean = np.where(free, each, mean)
    return replace(made, mean=mean * made.step)
