"""Bring what is known of items together: votes, propagation, corrections, people."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import correcting
from vquery.api.fusion import items as described
from vquery.api.fusion.spread import Spread, read_spread
from vquery.api.labelling import NONE_OF_THEM
from vquery.errors import LabelError, QueryError
from vquery.supervise.assertions.findings import RELABEL
from vquery.supervise.fusion import Source, aligned, hints, posterior
from vquery.supervise.time import decode
from vquery.supervise.votes.matrix import ABSTAIN

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    import numpy.typing as npt

    from vquery.api.fusion.items import Human, Items
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store
    from vquery.supervise.assertions.checked import Checked
    from vquery.supervise.votes.matrix import LabelMatrix

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

VOTES, PROPAGATION, CORRECTIONS = "votes", "propagation", "corrections"
HALF = 0.5
"""Of a label, added to the count of each class: what was never labelled may still occur."""


@dataclass(frozen=True, eq=False)
class Voted:
    """The votes and the model of them.

    Attributes
    ----------
    evidence
        Shape (n, k of the model), before time is decoded.
    decoded
        Whether time was decoded on top.
    notes
        What the model and the decoding of time tell.
    """

    matrix: LabelMatrix
    model: Any
    evidence: Floats
    probability: Floats | None
    notes: tuple[str, ...] = ()

    @property
    def decoded(self) -> bool:
        """Whether time was decoded."""
        return self.probability is not None


@dataclass(frozen=True, eq=False)
class Gathered:
    """All that is known.

    Attributes
    ----------
    labels
        The k classes as texts, in the order of probabilities; None is "none of them".
    own
        Place of each class of the label model among ``labels``.
    """

    items: Items
    labels: tuple[str | None, ...]
    own: Ints
    balance: Floats
    sources: tuple[Source, ...]
    human: Human
    voted: Voted | None
    spread: Spread | None
    corrections: pa.Table
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """What takes part, and how."""

    concept: str
    model: Any = None
    propagate: bool = True
    decode: bool | Mapping[str, Any] | None = None
    corrections: bool | Checked = True
    balance: Mapping[str | None, float] | None = None
    none: str | None = None
    learn: bool = True


def gather(store: Store, snapshot: Snapshot, votes: LabelMatrix, wanted: Wanted) -> Gathered:
    """Read and align everything; see `Collection.fuse`."""
    items = described.read_items(votes.items, snapshot)
    voted = _voted(votes, wanted, items)
    spread = None
    if wanted.propagate and items.kind != described.SPANS:
        spread = read_spread(store, snapshot, items, wanted.concept, learn=wanted.learn)
    fixes, notes = _corrections(snapshot, items, wanted)
    labels = _labels(store, snapshot, wanted, voted, spread, fixes)
    codes = {label: code for code, label in enumerate(labels)}
    if wanted.none is not None:
        codes[None] = codes[wanted.none]
    human = described.said_of(store, snapshot, items, wanted.concept, codes)
    own = np.array([codes[text] for text in _texts(voted)], np.int64)
    balance = _balance(labels, own, voted, human.codes, wanted.balance)
    sources = [
        *([] if voted is None else [_votes_source(voted, own, labels, balance)]),
        *([] if spread is None else [spread.source(PROPAGATION, codes, balance)]),
        *([] if not fixes.num_rows else [_fixed(fixes, items.n, codes, balance)]),
    ]
    spoken = tuple(one for one in sources if one.says.any() or one.left_out is not None)
    notes = [
        *(("no function votes on any item",) if voted is None else voted.notes),
        *_unlike(voted, human, labels),
        *notes,
        *human.notes,
        *([] if spread is None else spread.notes),
    ]
    return Gathered(items, labels, own, balance, spoken, human, voted, spread, fixes, tuple(notes))


def _unlike(voted: Voted | None, human: Human, labels: tuple[str | None, ...]) -> Iterator[str]:
    """Say so where people and functions have no class in common, as if by different names."""
    said = {labels[code] for code in human.codes[human.codes >= 0]} - {None}
    own = {text for text in _texts(voted) if text is not None}
    if said and own and not said & own:
        yield (
            f"people say {_listed(said)} and functions {_listed(own)}, which count as different "
            "classes: let functions vote what people say, if they are the same"
        )


def _listed(labels: set[str]) -> str:
    return ", ".join(map(repr, sorted(labels)))


def _voted(votes: LabelMatrix, wanted: Wanted, items: Items) -> Voted | None:
    """Fit the model and ask it; None where no function says anything."""
    if not (votes.votes != ABSTAIN).any():
        return None
    if len(votes.classes) == 1:  # functions can only say yes: what they leave is the other class
        other = NONE_OF_THEM if wanted.none in (None, *votes.classes) else wanted.none
        votes = dataclasses.replace(votes, classes=(*votes.classes, other))
    model = wanted.model
    if model is None:
        from vquery.supervise.models.label_model import LabelModel

        model = LabelModel().fit(votes)
    evidence = np.asarray(model.log_likelihoods(votes), np.float64)
    notes = tuple(model.notes_)
    if wanted.decode is None or wanted.decode is False:
        return Voted(votes, model, evidence, None, notes)
    decoded = model.decode(votes, **_decoding(wanted.decode, items))
    probability = np.asarray(decoded.probability, np.float64)
    return Voted(votes, model, evidence, probability, (*notes, *decoded.notes))


def _decoding(wanted: Any, items: Items) -> dict[str, Any]:
    """Check the options of decoding."""
    if items.kind == described.TRACKS:
        raise QueryError(
            "fuse(decode=): a track is one item from its begin to its end, so that there is no "
            "time to decode; take votes over db.faces, which are followed track by track"
        )
    if wanted is True:
        return {}
    known = list(inspect.signature(decode).parameters)[2:]
    if not isinstance(wanted, Mapping) or not set(wanted) <= set(known):
        raise QueryError(
            f"fuse(decode=) must be True or a mapping of {', '.join(known)}, as for vq.decode; "
            f"got {wanted!r}"
        )
    return dict(wanted)


def _votes_source(voted: Voted, own: Ints, labels: tuple[Hashable, ...], balance: Floats) -> Source:
    says = (voted.matrix.votes != ABSTAIN).any(axis=1)
    evidence = voted.evidence
    if voted.probability is not None:
        told = posterior(VOTES, voted.probability, voted.model.balance_)
        evidence, says = told.evidence, told.says
    names = [labels[place] for place in own]
    full = aligned(evidence, names, labels, balance)
    full[~says] = 0.0
    return Source(VOTES, full, says)


def _texts(voted: Voted | None) -> list[str | None]:
    """Classes of the model as labels are written."""
    if voted is None:
        return []
    return [None if one in (None, NONE_OF_THEM) else str(one) for one in voted.model.classes_]


def _labels(
    store: Store,
    snapshot: Snapshot,
    wanted: Wanted,
    voted: Voted | None,
    spread: Spread | None,
    fixes: pa.Table,
) -> tuple[str | None, ...]:
    """List all classes: those of the votes, then further ones that others name, None last.

    None is a class where somebody says it, or where the propagation leaves items unnamed.
    """
    said = described.labels_in(
        store.labels(wanted.concept, snapshot), store.span_labels(wanted.concept, snapshot)
    )
    others = [*said, *([] if spread is None else [*spread.labels(), None])]
    others += fixes["after"].to_pylist()
    found = dict.fromkeys([*_texts(voted), *sorted({one for one in others if one is not None})])
    if wanted.none is not None:
        if wanted.none not in found:
            raise LabelError(
                f"fuse(none=) names the class that 'none of them' means: {wanted.none!r} is none "
                f"of {', '.join(map(repr, found))}"
            )
    elif None in others or None in found or len(found) < 2:
        found.pop(None, None)
        found[None] = None
    return tuple(found)


def _balance(
    labels: tuple[str | None, ...],
    own: Ints,
    voted: Voted | None,
    human: Ints,
    given: Mapping[str | None, float] | None,
) -> Floats:
    """Share the classes out: those of the model as it has them, others as people labelled them."""
    if given is not None:
        if set(given) != set(labels):
            raise LabelError(
                f"fuse(balance=) needs a share for each of {', '.join(map(repr, labels))}, got "
                f"{', '.join(map(repr, given))}"
            )
        return np.array([given[label] for label in labels], np.float64)
    count = np.bincount(human[human >= 0], minlength=len(labels)) + HALF
    share = count / count.sum()
    if voted is not None:
        left = share[own].sum()
        share[own] = np.maximum(np.asarray(voted.model.balance_), np.finfo(np.float64).eps) * left
    return np.asarray(share / share.sum())


def _corrections(snapshot: Snapshot, items: Items, wanted: Wanted) -> tuple[pa.Table, list[str]]:
    """Read the corrections that give items another label of this concept, one an item.

    The one that is believed most counts where there are several.
    """
    if wanted.corrections is False or items.kind == described.SPANS:
        return _NO_FIXES, []
    if wanted.corrections is True:
        log = correcting.in_force(snapshot, None)
    else:
        log = wanted.corrections.corrections
    mine = pc.and_(pc.equal(log["action"], RELABEL), pc.equal(log["column"], wanted.concept))
    log = log.filter(pc.fill_null(mine, fill_value=False))
    here, item = items.of_detections(log["item"].to_numpy())
    columns = ["rule", "item", "before", "after", "weight"]
    fixes = log.select(columns).take(pa.array(here)).append_column("place", pa.array(item))
    fixes = fixes.sort_by([("place", "ascending"), ("weight", "descending"), ("item", "ascending")])
    place = fixes["place"].to_numpy()
    first = np.r_[True, place[1:] != place[:-1]][: len(place)]
    notes = []
    if not first.all():
        notes.append(f"{int((~first).sum())} corrections give way to others of the same item")
    return fixes.filter(pa.array(first)).combine_chunks(), notes


_NO_FIXES = pa.table(
    {
        "rule": pa.array([], pa.string()),
        "item": pa.array([], pa.int64()),
        "before": pa.array([], pa.string()),
        "after": pa.array([], pa.string()),
        "weight": pa.array([], pa.float32()),
        "place": pa.array([], pa.int64()),
    }
)


def _fixed(fixes: pa.Table, n: int, codes: Mapping[str | None, int], balance: Floats) -> Source:
    code, chance = np.full(n, -1), np.zeros(n)
    place = fixes["place"].to_numpy()
    code[place] = [codes[label] for label in fixes["after"].to_pylist()]
    chance[place] = fixes["weight"].to_numpy()
    return hints(CORRECTIONS, code, chance, balance)
