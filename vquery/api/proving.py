"""Whether a collection is good enough: assertions, slices, assessments, and thresholds on them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from vquery.api import concepts
from vquery.api.assessing import judged_items
from vquery.api.proving_slices import ENDS, by_slice, fitting, with_ends
from vquery.engine.concept import Concept
from vquery.engine.trust.evaluation import Evaluation
from vquery.errors import QueryError
from vquery.supervise.assertions.appear import appear
from vquery.supervise.assertions.consistent import consistent
from vquery.supervise.assertions.flicker import flicker
from vquery.supervise.assertions.multibox import multibox
from vquery.supervise.assertions.switches import switches
from vquery.supervise.proof import Assessment, assess
from vquery.supervise.proof.subgroups import MOST_VALUES
from vquery.supervise.slices import MOST_VALUES as MOST_SLICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vquery.api.collection import Collection
    from vquery.supervise.assertions.checked import Checked
    from vquery.supervise.assertions.findings import Assertion
    from vquery.supervise.slices import Slice, Slices

FACES, SHOTS, FRAMES = "faces", "shots", "frames"
ALL = "all"
"""In place of a rule: the violations of all rules together."""
COLUMNS = ("video", "class", "name", "score")
"""Columns of checked rows whose values, or quartiles, are looked at as slices."""
WORST = 10
Judged = Assessment | Evaluation


class Bound(NamedTuple):
    """A threshold: ``kind`` is "under", "over" or "violations"."""

    kind: str
    name: str
    limit: float


class Missed(NamedTuple):
    """A threshold that was missed, and the figure that missed it; null where there is none."""

    bound: Bound
    value: float | None

    def __str__(self) -> str:
        kind, name, limit = self.bound
        if self.value is None:
            return f"{name} could not be measured, and {limit:g} was asked for"
        if kind == "violations":
            return f"{name}: {self.value:,.0f} violations, more than {limit:,.0f}"
        return f"{name} is {self.value:.4g}, {'below' if kind == 'under' else 'above'} {limit:g}"


@dataclass(frozen=True)
class Rules:
    """What is to be looked at.

    Attributes
    ----------
    assertions
        By the name of the table that they are about.
    slices
        Of the rows of these tables, and of the shots by which concepts are judged; each of those
        that have its columns.
    assessments
        Functions of the collection by name, each returns what `vquery.assess` or
        ``relation.evaluate`` gives.
    concepts
        Names of concepts; those that people labelled are judged by that, over shots.
    """

    assertions: Mapping[str, Sequence[Assertion]]
    slices: Sequence[Slice | str] = ()
    assessments: Mapping[str, Any] | None = None
    concepts: Sequence[str] = ()

    @classmethod
    def of(cls, files: Iterable[Path]) -> Rules:
        """Take the rules of files: ``ASSERTIONS``, ``SLICES`` and ``ASSESSMENTS``.

        ``ASSERTIONS`` is a list of assertions about faces, or a mapping from names of tables to
        such lists; what no file says are `usual` ones. Files are run.

        Raises
        ------
        QueryError
            If a file cannot be run, or something in it is of another kind.
        """
        assertions: dict[str, list[Assertion]] = {}
        slices: list[Slice | str] = []
        judged: dict[str, Any] = {}
        defined: list[str] = []
        for file in files:
            there = vars(concepts.module_of(file))
            defined += [one.name for one in there.values() if isinstance(one, Concept)]
            for table, rules in _by_table(there.get("ASSERTIONS", {}), file).items():
                assertions.setdefault(table, []).extend(rules)
            slices += _of_kind(list | tuple, there.get("SLICES", []), file, "SLICES")
            for name, function in _of_kind(
                dict, there.get("ASSESSMENTS", {}), file, "ASSESSMENTS"
            ).items():
                if not callable(function) or name in judged:
                    raise QueryError(
                        f"{file}: ASSESSMENTS[{name!r}] must be a function of the collection, and "
                        "its name must be there once"
                    )
                judged[name] = function
        asked = [name for name in dict.fromkeys(defined) if name not in judged]
        return cls(assertions or {FACES: usual()}, slices, judged, asked)


@dataclass(frozen=True, eq=False)
class Proof:
    """What was found in a collection.

    Attributes
    ----------
    facts
        As `Collection.info` tells.
    checked
        What breaks assertions, by table.
    sound
        By table: how many rows break no rule, which `Assessment` tells by slice as accuracy.
    assessments
        By name.
    notes
        What could not be looked at, and why.
    sliced
        Whether slices were asked for; without any, there is one a video.
    """

    facts: dict[str, Any]
    checked: dict[str, Checked]
    sound: dict[str, Assessment]
    assessments: dict[str, Judged]
    notes: tuple[str, ...] = ()
    sliced: bool = False

    @property
    def violations(self) -> dict[str, int]:
        """Violations by rule, and of all of them; of several tables they are added up."""
        found: dict[str, int] = {}
        for one in self.checked.values():
            for rule, count in one.counts.items():
                found[rule] = found.get(rule, 0) + count
        return found | {ALL: sum(found.values())}

    @property
    def metrics(self) -> dict[str, float | None]:
        """Every figure that thresholds may name, but for those of slices.

        ``NAME.METRIC`` of each assessment, ``NAME.METRIC.low`` and ``.high`` for the ends of its
        interval, and ``sound.TABLE``, the share of rows that break no rule.
        """
        found: dict[str, float | None] = {}
        for name, one, metric in self._figures():
            found |= with_ends(name, one, metric)
        for name, judged in self.assessments.items():
            if not isinstance(judged, Assessment):
                found |= {f"{name}.{key}": value for key, value in judged.to_dict().items()}
        return found

    def _figures(self) -> Iterator[tuple[str, Assessment, str]]:
        for table, one in self.sound.items():
            yield f"sound.{table}", one, "accuracy"
        for name, judged in self.assessments.items():
            if isinstance(judged, Assessment):
                yield from ((f"{name}.{metric}", judged, metric) for metric in judged.metrics)

    def value(self, bound: Bound) -> float | None:
        """Look up what a threshold names; ``METRIC/SLICE`` is a metric in one slice.

        Raises
        ------
        QueryError
            If there is none; the message lists what there is.
        """
        if bound.kind == "violations":
            known: Mapping[str, float | None] = self.violations
        else:
            known = self.metrics
            for name, one, metric in self._figures():
                if bound.name.startswith(f"{name}/"):
                    known = by_slice(name, one, metric)
        if bound.name in known:
            return known[bound.name]
        what = "rule" if bound.kind == "violations" else "metric"
        near = difflib.get_close_matches(bound.name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        listed = [name for name in known if not name.endswith(tuple(f".{end}" for end in ENDS))]
        ends = "; each also with .low and .high" if len(listed) < len(known) else ""
        raise QueryError(
            f"there is no {what} {bound.name!r}. There are: {', '.join(listed)}{ends}.{hint}"
            + "".join(f" ({note})" for note in self.notes)
        )

    @property
    def less_is_better(self) -> frozenset[str]:
        """Metrics of assessments that fall as labels become better."""
        return frozenset(
            f"{name}.{metric}{end}"
            for name, judged in self.assessments.items()
            if isinstance(judged, Assessment)
            for metric in judged.metrics
            if judged.sign(metric) < 0
            for end in ("", *(f".{one}" for one in ENDS))
        )

    def missed(self, bounds: Iterable[Bound]) -> list[Missed]:
        """Say which thresholds are missed.

        Raises
        ------
        QueryError
            If a threshold names what there is not (the message lists what there is), or is a least
            value where less is better.
        """
        found = []
        for bound in bounds:
            value = self.value(bound)
            if bound.kind == "under" and bound.name.split("/")[0] in self.less_is_better:
                raise QueryError(f"{bound.name}: less is better; use --fail-over {bound.name}=…")
            fits = value is not None and (
                value >= bound.limit if bound.kind == "under" else value <= bound.limit
            )
            if not fits:
                found.append(Missed(bound, value))
        return found

    def to_dict(self, bounds: Sequence[Bound] = ()) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return {
            "collection": self.facts,
            "violations": self.violations,
            "rules": {name: one.summary().to_pylist() for name, one in self.checked.items()},
            "notes": [*self.notes, *(note for one in self.checked.values() for note in one.notes)],
            "metrics": self.metrics,
            "slices": {
                name: one.by_slice("accuracy").to_pylist() for name, one in self.sound.items()
            },
            "worst": {name: worst(one).to_pylist() for name, one in self.sound.items()},
            "assessments": {name: one.to_dict() for name, one in self.assessments.items()},
            "thresholds": [bound._asdict() for bound in bounds],
            "missed": [str(one) for one in self.missed(bounds)],
        }


def usual() -> list[Assertion]:
    """Give the assertions that hold for faces and their tracks in any video."""
    return [multibox(), switches(), consistent("name", within="track"), flicker(), appear()]


def prove(db: Collection, rules: Rules) -> Proof:
    """Look at a collection: what breaks assertions, in which slices, and how good labels are.

    Raises
    ------
    QueryError
        If there is no such table, or an assessment fails or is none.
    """
    tables = {name: db[name].collect() for name in rules.assertions}
    people = set(db.labels()["concept"].to_pylist())
    said = [name for name in rules.concepts if name in people]
    notes = [
        f"{name}: nobody labelled it, so it is not judged"
        for name in rules.concepts
        if name not in people
    ]
    shots = SHOTS if db.shots.count() else FRAMES
    judges = {shots: judged_items(None, db)} if said else {}
    members, unfit = fitting(rules.slices, tables | judges)
    checked, sound = {}, {}
    for table, assertions in rules.assertions.items():
        checked[table] = db.check(assertions, over=table)
        if tables[table].num_rows:
            sound[table] = soundness(tables[table], checked[table], members[table])
    judged = _assessed(db, rules.assessments or {})
    for name in said:
        judged[name] = db.assess(name, name, slices=members[shots])
    return Proof(db.info(), checked, sound, judged, (*notes, *unfit), bool(rules.slices))


def soundness(rows: pa.Table, checked: Checked, slices: Slices) -> Assessment:
    """Count rows that break no rule, as accuracy, so that slices can be compared.

    Rows are known by ``detection_id``, else by ``item``, else by number; of rows that a rule would
    add nothing is counted.
    """
    key = next((name for name in ("detection_id", "item") if name in rows.column_names), None)
    ids = np.arange(rows.num_rows) if key is None else rows[key].to_numpy()
    broken = np.concatenate([np.zeros(0, np.int64), *map(np.asarray, _items(checked))])
    sound = ~np.isin(ids, broken)
    return assess(
        None,
        np.ones(rows.num_rows, np.int64),
        labels=sound.astype(np.int64),
        classes=["broken", "sound"],
        items=rows,
        slices=slices or _videos(rows),
    )


def _videos(rows: pa.Table) -> list[str]:
    """Slice by video, unless they are too many for a table."""
    return ["video"] if len(rows["video"].unique()) <= MOST_SLICES else []


def worst(one: Assessment) -> pa.Table:
    """Look for the slices in which most rows break rules."""
    there = set() if one.items is None else set(one.items.column_names)
    columns = [name for name in COLUMNS if name in there and _few(one, name)]
    return one.worst(WORST, metric="accuracy", columns=columns)


def bounds_of(under: Sequence[str], over: Sequence[str], most: Sequence[str]) -> list[Bound]:
    """Read thresholds as the command line writes them, ``NAME=VALUE``.

    Raises
    ------
    QueryError
        Naming the one that cannot be read.

    >>> bounds_of(["logo.f1=0.8"], [], ["flicker=0"])
    [Bound(kind='under', name='logo.f1', limit=0.8), Bound(kind='violations', name='flicker',
     limit=0.0)]
    """
    found = []
    for kind, texts in (("under", under), ("over", over), ("violations", most)):
        for text in texts:
            name, _, number = text.rpartition("=")
            try:
                limit = float(number)
            except ValueError:
                limit = np.nan
            if not name or not np.isfinite(limit):
                raise QueryError(f"a threshold is NAME=NUMBER, such as logo.f1=0.8; got {text!r}")
            found.append(Bound(kind, name, limit))
    return found


def _items(checked: Checked) -> list[list[int]]:
    return [items or [] for items in checked.violations["items"].to_pylist()]


def _few(one: Assessment, name: str) -> bool:
    """Whether a column makes slices: numbers are cut, of texts there must be few values."""
    if one.items is None:
        return False
    column = one.items[name]
    number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    return bool(number or len(column.unique()) <= MOST_VALUES)


def _assessed(db: Collection, functions: Mapping[str, Any]) -> dict[str, Judged]:
    found: dict[str, Judged] = {}
    for name, function in functions.items():
        result = concepts.call(function, db, f"ASSESSMENTS[{name!r}]")
        if not isinstance(result, Judged):
            raise QueryError(
                f"ASSESSMENTS[{name!r}] must return what vq.assess() or relation.evaluate() gives,"
                f" got {type(result).__name__}"
            )
        found[name] = result
    return found


def _by_table(given: Any, file: Path) -> Mapping[str, Sequence[Assertion]]:
    if isinstance(given, dict):
        return {
            str(table): _of_kind(list | tuple, rules, file, "ASSERTIONS")
            for table, rules in given.items()
        }
    return {FACES: _of_kind(list | tuple, given, file, "ASSERTIONS")}


def _of_kind(kind: Any, given: Any, file: Path, name: str) -> Any:
    if not isinstance(given, kind):
        wanted = "a mapping" if kind is dict else "a list"
        raise QueryError(f"{file}: {name} must be {wanted}, got {type(given).__name__}")
    return given
