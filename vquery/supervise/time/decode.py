"""Decoding votes over time: one class for each moment, as intervals with confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.errors import QueryError
from vquery.supervise.models.inputs import read_votes
from vquery.supervise.models.majority import MAJORITY
from vquery.supervise.time.durations import read_durations
from vquery.supervise.time.learn import Told, learn_transitions, settle
from vquery.supervise.time.run import Evidence, chances, of_nodes, path
from vquery.supervise.time.sequences import sequences_of
from vquery.supervise.time.transitions import Transitions

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import ArrayLike, NDArray

    from vquery.supervise.models.label_model import LabelModel
    from vquery.supervise.time.sequences import Sequences
    from vquery.supervise.votes.matrix import LabelMatrix

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

METHODS = ("auto", "lags", "em")


@dataclass(frozen=True, eq=False, repr=False)
class Decoded:
    """Classes over time.

    Attributes
    ----------
    classes
        The classes, in the order of ``probability``.
    probability
        Shape (n, K): of each item given all votes of its sequence, its mean over the item.
    path
        Shape (n,): numbers of the classes that are likeliest together.
    intervals
        ``video, start_us, end_us, label, probability``: maximal stretches of one class in
        ``path``, which end at gaps and where classes begin anew; ``probability`` is that of the
        label, averaged over the seconds.
    transitions
        How classes follow each other; give it to another call to use it there.
    notes
        What was decided and why.
    """

    classes: tuple[Hashable, ...]
    probability: Floats
    path: Ints
    intervals: pa.Table
    transitions: Transitions
    notes: tuple[str, ...]

    @property
    def labels(self) -> list[Hashable]:
        """The class of each item on the path."""
        return [self.classes[code] for code in self.path.tolist()]

    def __repr__(self) -> str:
        return (
            f"<Decoded: {len(self.path):,} items in {self.intervals.num_rows:,} intervals of "
            f"{', '.join(map(str, self.classes))}>"
        )

    def _repr_html_(self) -> str:
        from vquery.view.page import paragraph, relation_html

        shown = relation_html(self.intervals, name="intervals")
        return shown + "".join(paragraph(note) for note in self.notes)


def decode(
    votes: LabelMatrix | ArrayLike,
    model: LabelModel,
    *,
    durations: Any = None,
    min_duration: Any = None,
    cuts: Any = None,
    gap: float | None = None,
    step: float | None = None,
    learn: LabelMatrix | ArrayLike | None = None,
    transitions: Transitions | str = "auto",
    temper: float | str = "auto",
    groups: Any = None,
) -> Decoded:
    """Decode votes over whole videos: what is the case when, given that classes last.

    Items of a video follow each other; behind a gap classes may have changed as often as its length
    lets them. How classes follow each other and how long they last at least is learnt from the
    votes alone, unless it is stated.

    Parameters
    ----------
    votes
        Label matrix whose items have ``video``, ``start_us`` and ``end_us``. Rows of a matrix
        without times follow each other, each one second long.
    model
        A fitted label model.
    durations
        ``{class: mean seconds}`` or ``{class: (least seconds, mean seconds)}``.
    min_duration
        ``{class: seconds}`` that a class lasts at least, or seconds for all of them; 0 for none.
        Stretches at the ends of a sequence may be shorter, as it may cut them off.
    cuts
        Where classes begin anew: a relation or table such as ``db.shots`` (at each ``start_us``),
        ``{video: seconds}``, or seconds where there is one video.
    gap
        Seconds without items behind which classes begin anew.
    step
        Seconds of one look at the votes: an item of r steps counts as r looks that saw the same. By
        default each item is one look, however long; but atomic segments (items of uneven length
        whose neighbours differ in votes) weigh by time, their median length as one look.
    learn
        Votes to learn transitions and durations from, such as all videos; ``votes`` by default.
    transitions
        Those of an earlier result; or ``"lags"`` (covariances over time of different functions),
        ``"em"`` (Baum-Welch), ``"auto"``.
    temper
        Factor in (0, 1] on the evidence of the votes beside the model's own, since errors that last
        are no news; ``"auto"`` learns it from how long residuals last.
    groups
        One an item, for a model that was fitted with groups.

    Returns
    -------
    Decoded

    Raises
    ------
    LabelError
        If items overlap in time, or a duration or cut names what is not there.
    QueryError
        If the model is not fitted, or an option has no meaning.

    Notes
    -----
    Time and memory O(items · K²), whatever the durations. With least durations, classes change at
    borders of items only.

    >>> from vquery.supervise.models.label_model import LabelModel
    >>> votes = [[1, 1], [1, 1], [0, 1], [1, 1], [0, 0], [0, 0], [0, 0]]
    >>> model = LabelModel().fit(votes)
    >>> decode(votes, model, min_duration=2).path.tolist()
    [1, 1, 1, 1, 0, 0, 0]
    """
    given, matrix = _evidence(votes, model, groups)
    sequences = sequences_of(matrix, cuts=cuts, gap=gap, step=step)
    told = Told(*read_durations(durations, min_duration, given.classes), _factor(temper))
    source, where = given, sequences
    if learn is not None:
        source, others = _evidence(learn, model)
        where = sequences_of(others, gap=gap, step=step)
    if isinstance(transitions, Transitions):
        if transitions.classes != given.classes:
            raise QueryError(
                f"transitions are of the classes {list(transitions.classes)}, the model knows "
                f"{list(given.classes)}"
            )
        made = transitions
        notes: tuple[str, ...] = ()
        if any(told):
            made, notes = settle(made, source, where, told)
        notes = ("transitions are those given", *notes)
    elif transitions in METHODS:
        made, notes = learn_transitions(source, where, told, transitions)
    else:
        raise QueryError(
            f"transitions must be those of an earlier result or one of {', '.join(METHODS)}, got "
            f"{transitions!r}"
        )
    if model.method_ == MAJORITY:
        notes += ("the model only counts votes: functions that mostly vote one class lean on it",)
    return _decoded(given, sequences, made, notes)


def _factor(temper: float | str) -> float | None:
    if temper == "auto":
        return None
    if isinstance(temper, str) or not 0 < temper <= 1:
        raise QueryError(f"temper must be above 0 and at most 1, or 'auto'; got {temper!r}")
    return float(temper)


def _evidence(votes: Any, model: LabelModel, groups: Any = None) -> tuple[Evidence, LabelMatrix]:
    if not hasattr(model, "classes_"):
        raise QueryError("decode() needs a fitted label model: call model.fit(votes) first")
    matrix = read_votes(votes, model.classes_, model.abstain, model.functions_)
    given = Evidence(
        model.classes_, matrix.votes, model.log_likelihoods(matrix, groups), model.confusion_,
        model.balance_,
    )  # fmt: skip
    return given, matrix


def _decoded(
    given: Evidence, sequences: Sequences, made: Transitions, notes: tuple[str, ...]
) -> Decoded:
    n, k = given.evidence.shape
    evidence = of_nodes(given.evidence, sequences)
    share = chances(evidence, sequences, made).probability
    code = path(evidence, sequences, made)
    item = sequences.row >= 0
    probability, codes = np.empty((n, k)), np.empty(n, np.int64)
    probability[sequences.row[item]] = share[item]
    codes[sequences.row[item]] = code[item]
    if sequences.by_time:
        said = f"items weigh by their time: {sequences.step:.3g} s count as one look at the votes"
        notes += (said,)
    intervals = _intervals(given.classes, sequences, share, code)
    return Decoded(given.classes, probability, codes, intervals, made, notes)


def _intervals(
    classes: tuple[Hashable, ...], sequences: Sequences, share: Floats, code: Ints
) -> pa.Table:
    """Join neighbours of one class, within a sequence and between gaps."""
    item = np.flatnonzero(sequences.row >= 0)
    number = np.repeat(np.arange(len(sequences.video)), np.diff(sequences.bounds))
    begins = np.ones(item.size, bool)
    begins[1:] = (np.diff(item) > 1) | (np.diff(number[item]) > 0) | (np.diff(code[item]) != 0)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], item.size)[: first.size] - 1
    length = sequences.length[item]
    chance = share[item, code[item]] * length
    mean = np.add.reduceat(chance, first) / np.add.reduceat(length, first) if item.size else chance
    start, end = sequences.start_us[item], sequences.end_us[item]
    videos = [sequences.video[each] for each in number[item[first]]] if item.size else []
    labels = [str(classes[each]) for each in code[item[first]]] if item.size else []
    return pa.table(
        {
            "video": pa.array(videos, pa.string()),
            "start_us": start[first],
            "end_us": end[last],
            "label": pa.array(labels, pa.string()),
            "probability": mean,
        }
    )
