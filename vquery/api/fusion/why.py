"""Why an item has its fused label: what each source adds, and where that is from."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.api.fusion.gather import CORRECTIONS, PROPAGATION, VOTES
from vquery.api.labelling import NONE_OF_THEM
from vquery.metrics.calibration import UNKNOWN
from vquery.schema import US_PER_S
from vquery.supervise.fusion.split import by_function
from vquery.view.clock import clock
from vquery.view.page import fragment, heading, paragraph, table_html
from vquery.view.text import short

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.api.fusion.gather import Gathered
    from vquery.supervise.fusion import Fusion

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

BALANCE, CALIBRATION, TOGETHER, TIME = "balance", "calibration", "votes together", "time"
FUNCTION = "function"
NOTHING = 1e-9
"""Log-odds below this are what rounding leaves."""
TOLD = 120
"""Letters of each of these in text; ``detail`` has all."""
SHOWN = ("query", "version", "problem", "rule", "before", "weight")
"""What text tells of where a contribution is from; ``detail`` has all."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What adds up to the log-odds of each item: names and kinds (p,), log-odds (n, p)."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    log_odds: Floats


@dataclass(frozen=True)
class Contribution:
    """What one source adds.

    Attributes
    ----------
    source
        Its name: a label function, "propagation", "corrections", "balance" …
    kind
        "function", "propagation", "corrections", "balance", "time", "votes together" (what
        functions say as a whole and not one by one) or "calibration".
    says
        What it says of the item, None where it abstains.
    log_odds
        What it adds to the log-odds of the label over the runner-up.
    share
        Its part of all that is added and taken away, 0 to 1.
    detail
        Where it is from: the query and data version of a function, the seeds of a propagation, the
        rule of a correction.
    """

    source: str
    kind: str
    says: str | None
    log_odds: float
    share: float
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Why:
    """Why an item has its label, or none.

    Attributes
    ----------
    label, best, probability
        As in the table.
    against
        The class that contributions are measured against: the runner-up, or for a human label what
        the sources would say.
    human
        ``{"label", "by", "at_us"}`` where a person decided, else None. This is final.
    contributions
        Strongest first. They sum to the log-odds of ``best`` over ``against``.
    """

    item: int
    kind: str
    video: str
    start_us: int
    concept: str
    label: str | None
    best: str | None
    against: str | None
    probability: float
    reached: bool
    threshold: float
    human: dict[str, Any] | None
    contributions: tuple[Contribution, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def verdict(self) -> str:
        """Say the outcome in one line."""
        here = f"{self.kind[:-1]} {self.item} ({self.video} at {clock(self.start_us)})"
        if self.human is not None:
            when = datetime.fromtimestamp(self.human["at_us"] / US_PER_S, UTC)
            by = f" by {self.human['by']}" if self.human["by"] else ""
            return f"{here}: {shown_label(self.best)}, said{by} on {when:%Y-%m-%d %H:%M} UTC"
        if not self.reached:
            return f"{here}: no {self.concept}, since no source speaks of it"
        if self.label is not None:
            return f"{here}: {self.label}, probability {self.probability:.2f}"
        likely = f"{shown_label(self.best)} has probability {self.probability:.2f}"
        if self.probability < self.threshold:
            return f"{here}: no {self.concept}; {likely}, less than {self.threshold:g}"
        return f"{here}: no {self.concept}; {likely}"

    def __repr__(self) -> str:
        lines = [self.verdict()]
        if self.contributions:
            lines.append(
                f"  log-odds of {shown_label(self.best)} over {shown_label(self.against)}:"
            )
        lines += [f"  {one.log_odds:+.2f} {_told(one)}" for one in self.contributions]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [
            [f"{one.log_odds:+.2f}", f"{one.share:.0%}", one.source, _shown_vote(one), _origin(one)]
            for one in self.contributions
        ]
        columns = ["log-odds", "share", "source", "says", "from"]
        note = f"log-odds of {shown_label(self.best)} over {shown_label(self.against)}"
        table = [paragraph(note), table_html(columns, rows)] if rows else []
        return fragment(heading(self.verdict()), *table)


def shown_label(label: str | None) -> str:
    """Write a label; None has words of its own."""
    return NONE_OF_THEM if label is None else label


def _shown_vote(one: Contribution) -> str:
    if one.kind == FUNCTION and one.says is None:
        return "abstains"
    return shown_label(one.says) if one.kind in (FUNCTION, PROPAGATION, CORRECTIONS) else ""


def _told(one: Contribution) -> str:
    says, origin = _shown_vote(one), _origin(one, TOLD)
    verb = says if says == "abstains" else f"says {says}" if says else ""
    return " ".join(piece for piece in (one.source, verb, f"({origin})" if origin else "") if piece)


def _origin(one: Contribution, letters: int = sys.maxsize) -> str:
    """Say in words where a contribution is from, without line breaks and cut off."""
    found = []
    for name in SHOWN:
        value = one.detail.get(name)
        if value is not None:
            text = f"{value:.2f}" if isinstance(value, float) else " ".join(str(value).split())
            found.append(f"{name}: {short(text, letters)}")
    found += [f"seed {seed['seed']} {seed['weight']:.2f}" for seed in one.detail.get("seeds", ())]
    return ", ".join(found)


def parts_of(fusion: Fusion, known: Gathered) -> Parts:
    """Split the log-odds of all items among the functions and the other sources."""
    table = fusion.share_table()
    names, kinds, columns = [BALANCE], [BALANCE], [table[:, :1]]
    for place, source in enumerate(fusion.sources):
        whole = table[:, place + 1]
        if source.name == VOTES and known.voted is not None:
            functions, rest = _functions(fusion, known, whole, place)
            rest_of = TIME if known.voted.decoded else TOGETHER
            names += [*known.voted.matrix.functions, rest_of]
            kinds += [*[FUNCTION] * functions.shape[1], rest_of]
            columns += [functions, rest[:, None]]
        else:
            names.append(source.name)
            kinds.append(source.name)
            columns.append(whole[:, None])
    names, kinds = [*names, CALIBRATION], [*kinds, CALIBRATION]
    return Parts(tuple(names), tuple(kinds), np.hstack([*columns, table[:, -1:]]))


def _functions(fusion: Fusion, known: Gathered, whole: Floats, place: int) -> tuple[Floats, Floats]:
    """Split what the votes add; what decoding of time adds to them is the rest."""
    assert known.voted is not None
    voted = known.voted
    code = np.full(len(known.labels), -1)
    code[known.own] = np.arange(len(known.own))
    best, rival = code[fusion.best], code[fusion.rivals]
    weight = fusion.factors[place] * fusion.discounts[:, place]
    rows = np.arange(len(best))
    apart = voted.evidence[rows, np.maximum(best, 0)] - voted.evidence[rows, np.maximum(rival, 0)]
    alone = np.where((best >= 0) & (rival >= 0), weight * apart, 0.0)
    together = alone if voted.decoded else whole
    functions, _ = by_function(voted.model, voted.matrix.votes, best, rival, together)
    return functions, whole - functions.sum(axis=1)


def explain(
    fusion: Fusion, known: Gathered, parts: Parts, item: int, concept: str, threshold: float
) -> Why:
    """Explain one item, by its place."""
    row = parts.log_odds[item]
    total = float(np.abs(row).sum())
    found = [
        Contribution(
            source=name,
            kind=kind,
            says=_says(known, kind, place, item),
            log_odds=float(row[place]),
            share=abs(float(row[place])) / total if total else 0.0,
            detail=_detail(known, kind, place, item),
        )
        for place, (name, kind) in enumerate(zip(parts.names, parts.kinds, strict=True))
        if abs(row[place]) > NOTHING
        or (kind == FUNCTION and _says(known, kind, place, item) is not None)
    ]
    said = fusion.labels(threshold)[item]
    table = known.items.table
    return Why(
        item=int(known.items.numbers[item]),
        kind=known.items.kind,
        video=str(table["video"][item].as_py()),
        start_us=int(table["start_us"][item].as_py()),
        concept=concept,
        label=None if said == UNKNOWN else known.labels[said],
        best=known.labels[fusion.best[item]],
        against=known.labels[fusion.rivals[item]],
        probability=float(fusion.probability[item].max()),
        reached=bool(fusion.reached[item]),
        threshold=threshold,
        human=_person(fusion, known, item),
        contributions=tuple(sorted(found, key=lambda one: -abs(one.log_odds))),
    )


def _person(fusion: Fusion, known: Gathered, item: int) -> dict[str, Any] | None:
    if fusion.human[item] == UNKNOWN:
        return None
    human = known.human
    row: dict[str, Any] = human.rows.slice(human.row(item), 1).to_pylist()[0]
    return {name: row[name] for name in ("label", "by", "at_us")}


def _says(known: Gathered, kind: str, place: int, item: int) -> str | None:
    if kind == FUNCTION:
        assert known.voted is not None
        code = int(known.voted.matrix.votes[item, place - 1])
        return None if code < 0 else str(known.voted.matrix.classes[code])
    if kind == PROPAGATION:
        assert known.spread is not None
        return known.spread.best[item]  # type: ignore[no-any-return]
    if kind == CORRECTIONS:
        return _correction(known, item)["after"]  # type: ignore[no-any-return]
    return None


def _detail(known: Gathered, kind: str, place: int, item: int) -> dict[str, Any]:
    if kind == FUNCTION:
        assert known.voted is not None
        sources = known.voted.matrix.sources
        return dict(sources[place - 1]) if sources else {}
    if kind == PROPAGATION:
        assert known.spread is not None
        return {"seeds": [{"seed": s, "weight": w} for s, w in known.spread.seeds(item)]}
    if kind == CORRECTIONS:
        fix = _correction(known, item)
        return {name: fix[name] for name in ("rule", "before", "weight")}
    return {}


def _correction(known: Gathered, item: int) -> dict[str, Any]:
    place = np.searchsorted(known.corrections["place"].to_numpy(), item)
    return known.corrections.slice(int(place), 1).to_pylist()[0]  # type: ignore[no-any-return]
