"""A model that a collection keeps: how good it is on what was left out, and beside others."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vquery.api.labelling import NONE_OF_THEM
from vquery.errors import LearnError
from vquery.schema import KEYS
from vquery.supervise.proof import assess
from vquery.view.page import fragment, heading, table_html

if TYPE_CHECKING:
    from pathlib import Path

    from vquery.learn.ends.model import EndModel
    from vquery.supervise.proof import Assessment, Comparison

MODELS = "models"
MODEL, LEFT_OUT, HISTORY, REPORT = (
    "model.safetensors",
    "left_out.parquet",
    "history.csv",
    "report.html",
)
FIGURES = ("accuracy", "f1", "log_loss", "brier", "ece")
SLICE = "slice: "
VERSION = "version"
"""Beside left-out predictions: of which model they are."""
NOTED: dict[str, type | tuple[type, ...]] = {
    "concept": str, "version": str, "over": str, "by": str, "kind": str,
    "items": int, "human": int, "seconds": float, "temperature": float, "calibrated": bool,
    "classes": list, "spaces": list, "notes": list, "curves": list, "options": dict,
    "side": (int, type(None)),
}  # fmt: skip
"""What must be noted with a model."""
COLUMNS = (*KEYS, "item", "label", "human", "group", "weight", "probability")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")


def folder_of(root: Path, name: str) -> Path:
    """Say where the model of a name lies.

    Raises
    ------
    LearnError
        If it cannot be a name.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise LearnError(
            f"{name!r} cannot name a model: give name= of letters, digits, '_' and '-', a letter "
            "first"
        )
    return root / MODELS / name


def names_of(root: Path) -> list[str]:
    """List the end models of a collection."""
    found = sorted((root / MODELS).glob(f"*/{LEFT_OUT}"))
    return [path.parent.name for path in found if (path.parent / MODEL).exists()]


AGAIN = "train it again"


def _left_out(path: Path, told: dict[str, Any]) -> pa.Table:
    """Read left-out predictions.

    Raises
    ------
    LearnError
        If they cannot be read, or are of another training than the model.
    """
    try:
        found = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise LearnError(f"{path}: is damaged ({error}); {AGAIN}") from error
    missing = [name for name in COLUMNS if name not in found.column_names]
    if missing:
        raise LearnError(f"{path}: is damaged (no column {missing[0]!r}); {AGAIN}")
    lengths = set(pc.list_value_length(found["probability"]).to_pylist())
    if lengths - {len(told["classes"])}:
        raise LearnError(f"{path}: is damaged (not one probability a class); {AGAIN}")
    of = (found.schema.metadata or {}).get(VERSION.encode())
    if of is not None and of.decode() != told[VERSION]:
        raise LearnError(
            f"{path}: is of another training than the model beside it: one was interrupted while "
            f"it was kept; {AGAIN}"
        )
    return found


@dataclass(frozen=True, eq=False)
class Trained:
    """An end model of a collection.

    Attributes
    ----------
    name, folder
        Where it is kept: the model, ``history.csv``, ``report.html``, the left-out predictions.
    told
        What is known of it, as plain values: concept, spaces, what it learnt from, version.
    left_out : pyarrow.Table
        One row an item that was learnt from: what a model that did not know its video says of it.
    """

    name: str
    folder: Path
    told: dict[str, Any]
    left_out: pa.Table

    @classmethod
    def read(cls, root: Path, name: str) -> Trained:
        """Read one of a collection.

        Raises
        ------
        LearnError
            If there is none of that name, or its files are damaged or not of one training.
        """
        from vquery.api.learning import room

        folder, known = folder_of(root, name), names_of(root)
        if name not in known:
            raise LearnError(
                f"there is no end model {name!r} in this collection; there are: "
                f"{', '.join(known) or 'none'}"
            )
        told = room("ends.storing").told_of(folder / MODEL)
        odd = [one for one, kind in NOTED.items() if not isinstance(told.get(one), kind)]
        if odd:
            raise LearnError(
                f"{folder / MODEL}: is damaged or no end model of a collection (its note "
                f"{odd[0]!r} cannot be); {AGAIN}"
            )
        return cls(name, folder, told, _left_out(folder / LEFT_OUT, told))

    @cached_property
    def model(self) -> EndModel:
        """The model itself."""
        from vquery.api.learning import room

        found: EndModel = room("ends").EndModel.load(self.folder / MODEL)
        return found

    @property
    def concept(self) -> str:
        """What it tells."""
        return str(self.told["concept"])

    @property
    def version(self) -> str:
        """Changes whenever its weights do."""
        return str(self.told["version"])

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, as texts."""
        return tuple(shown(one) for one in self.told["classes"])

    @cached_property
    def by_people(self) -> Assessment | None:
        """How good left-out predictions are, judged by what people said; None if they said little.

        People choose what they label, so that these items may be harder, or easier, than others.
        """
        human = self.left_out["human"].to_numpy(zero_copy_only=False)
        truth = self.left_out["label"].to_numpy()[human]
        if len(np.unique(truth)) < 2:
            return None
        return self._judged(human)

    @cached_property
    def by_labels(self) -> Assessment:
        """How far left-out predictions agree with the labels that were learnt from."""
        return self._judged(np.ones(self.left_out.num_rows, bool))

    def _judged(self, rows: np.ndarray[Any, Any]) -> Assessment:
        table = self.left_out.filter(pa.array(rows))
        chance = np.stack(table["probability"].to_numpy(zero_copy_only=False))
        slices = {
            name.removeprefix(SLICE): table[name].to_numpy(zero_copy_only=False)
            for name in table.column_names
            if name.startswith(SLICE)
        }
        return assess(
            chance,
            table["label"].to_numpy(),
            classes=self.classes,
            groups=table["group"].to_numpy(),
            slices=slices or None,
            labels=[self.classes[code] for code in chance.argmax(1)],
        )

    @property
    def best_known(self) -> Assessment:
        """`by_people`, or where there is none `by_labels`."""
        return self.by_labels if self.by_people is None else self.by_people

    def beside(self, *others: Trained) -> Beside:
        """Put this run beside others; see `vquery.compare_runs`."""
        return Beside((self, *others))

    def summary(self) -> dict[str, Any]:
        """Say what it is and how good, as plain values."""
        found: dict[str, Any] = {name: one for name, one in self.told.items() if name != "options"}
        for name, judged in (("by_people", self.by_people), ("by_labels", self.by_labels)):
            found[name] = None if judged is None else figures(judged)
        return found

    def to_onnx(self, path: Path | str, *, output: Any = "probability") -> Path:
        """Write it as ONNX; see `vquery.EndModel.to_onnx`."""
        from pathlib import Path

        return self.model.to_onnx(Path(path), output=output)

    def __repr__(self) -> str:
        told, judged = self.told, self.best_known
        by = "people" if self.by_people is not None else "its own labels"
        name = judged.main
        return (
            f"<Trained {self.name!r} of {self.concept!r}: {told['kind']} on {told['items']:,} "
            f"{told['over']} ({told['human']:,} by people); left out {name} "
            f"{judged.metric(name) or 0:.3f}, judged by {by}>"
        )

    def _repr_html_(self) -> str:
        from vquery.api.learnt.report import pieces

        return fragment(*pieces(self))


def shown(label: str | None) -> str:
    """Write a label; None has words of its own."""
    return NONE_OF_THEM if label is None else str(label)


def figures(judged: Assessment) -> dict[str, Any]:
    """Take the figures that are shown, with their intervals."""
    return {
        name: {"value": one.value, "low": one.low, "high": one.high}
        for name, one in judged.metrics.items()
        if name in FIGURES
    } | {"items": int(judged.rows.known.sum()), "groups": judged.groups}


@dataclass(frozen=True, eq=False)
class Beside:
    """Runs side by side: how they were made, how good they are, and paired differences.

    Differences are to the first run, over draws of the same groups, on the items that both left
    out, judged by people where they said enough, else by the first run's labels.
    """

    runs: tuple[Trained, ...]

    def __post_init__(self) -> None:
        if len({one.classes for one in self.runs}) > 1 or len(self.runs) < 2:
            kinds = "; ".join(f"{one.name}: {', '.join(one.classes)}" for one in self.runs)
            raise LearnError(
                f"runs that are compared must be two or more of the same classes: {kinds}"
            )

    def against_first(self, other: Trained) -> Comparison:
        """Compare a run with the first one on the items of both.

        Raises
        ------
        LearnError
            If they have no items in common.
        """
        first = self.runs[0]
        names, theirs = (
            list(zip(*(one.left_out[name].to_pylist() for name in (*KEYS, "item")), strict=True))
            for one in (first, other)
        )
        place = {name: at for at, name in enumerate(theirs)}
        mine = np.array([at for at, name in enumerate(names) if name in place], np.int64)
        if not len(mine):
            raise LearnError(f"{first.name} and {other.name} left out no item in common")
        at = np.array([place[names[one]] for one in mine], np.int64)
        human = first.left_out["human"].to_numpy(zero_copy_only=False)[mine]
        truth = first.left_out["label"].to_numpy()[mine]
        rows = human if len(np.unique(truth[human])) > 1 else np.ones(len(mine), bool)
        group = first.left_out["group"].to_numpy()[mine][rows]
        judged = []
        for table, which in ((first.left_out, mine[rows]), (other.left_out, at[rows])):
            chance = np.stack(table["probability"].to_numpy(zero_copy_only=False)[which])
            judged.append(
                assess(
                    chance,
                    truth[rows],
                    classes=first.classes,
                    groups=group,
                    labels=[first.classes[code] for code in chance.argmax(1)],
                )
            )
        return judged[0].compare(judged[1])

    @property
    def table(self) -> pa.Table:
        """One row a run: how it was made and its own figures."""
        rows = []
        for one in self.runs:
            judged = figures(one.best_known)
            options = json.dumps(one.told["options"], sort_keys=True)
            rows.append(
                {
                    "run": one.name,
                    "kind": one.told["kind"],
                    "labels": one.told["by"],
                    "items": one.told["items"],
                    "judged_by": "labels" if one.by_people is None else "people",
                    **{name: judged[name]["value"] for name in FIGURES if name in judged},
                    "options": options,
                }
            )
        return pa.Table.from_pylist(rows)

    def __repr__(self) -> str:
        from vquery.view.text import aligned

        rows = self.table.drop_columns("options").to_pylist()
        lines = aligned(list(rows[0]), [list(row.values()) for row in rows])
        for other in self.runs[1:]:
            lines += ["", f"{other.name} after {self.runs[0].name}:"]
            lines.append(str(self.against_first(other)))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from vquery.supervise.proof.texts import comparison_pieces

        rows = self.table.to_pylist()
        out = [table_html(list(rows[0]), [list(row.values()) for row in rows])]
        for other in self.runs[1:]:
            out.append(heading(f"{other.name} after {self.runs[0].name}"))
            out += comparison_pieces(self.against_first(other))
        return fragment(*out)


def compare_runs(*runs: Trained) -> Beside:
    """Put runs side by side: how they were made, their figures, and paired differences.

    Parameters
    ----------
    runs
        Two or more of the same classes, from ``db.train`` or ``db.trained``; the first is what the
        others are compared with.

    Raises
    ------
    LearnError
        If there are fewer than two, or their classes differ.
    """
    return Beside(runs)
