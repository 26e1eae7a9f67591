"""What each round of a loop gave: kept beside the collection's models, as CSV and as a curve."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.errors import PipelineError
from vquery.store import disk
from vquery.view.growth import At, growth_svg

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "loops"
STATE, TABLE, CURVE = "rounds.json", "rounds.csv", "curve.svg"


@dataclass(frozen=True)
class Round:
    """One round of a loop.

    Attributes
    ----------
    round
        From 0, which is before anything was asked.
    labels
        Human labels of the concept in force, after it.
    asked, answered
        Suggestions, and how many of them got a label.
    agreed
        Of those answered, how many had been found right before; they are the hard ones.
    items, coverage, accuracy, accuracy_low, accuracy_high, macro_f1, coverage_accuracy
        How right the labels in force are by the test file, with an interval over videos; null
        without one.
    note
        What could not be done, such as training with one class.
    seconds
        That the machine took.
    """

    round: int
    labels: int
    asked: int = 0
    answered: int = 0
    agreed: int = 0
    items: int | None = None
    coverage: float | None = None
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    macro_f1: float | None = None
    coverage_accuracy: float | None = None
    note: str = ""
    seconds: float = 0.0


@dataclass
class Rounds:
    """The rounds of a loop, in order.

    Attributes
    ----------
    settings
        How was asked; a loop goes on only with the same.
    attempt
        Which loop on this concept it is.
    rounds
        Those that are done.
    folder
        Where ``rounds.csv`` and ``curve.svg`` are.
    """

    folder: Path
    settings: dict[str, Any]
    attempt: int = 0
    rounds: list[Round] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Rounds | None:
        """Read what is kept; None where nothing is."""
        try:
            found = json.loads((folder / STATE).read_text(encoding="utf-8"))
            rounds = [Round(**one) for one in found["rounds"]]
            return cls(folder, dict(found["settings"]), int(found["attempt"]), rounds)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise PipelineError(
                f"{folder / STATE}: these are no rounds of a loop ({error}): move the file away to "
                "begin anew; labels stay"
            ) from None

    def add(self, one: Round) -> None:
        """Keep a round, with the table and the curve."""
        self.rounds.append(one)
        self.write()

    def write(self) -> None:
        """Keep all rounds; what is read again is written last, and as a whole."""
        with disk.guarded(self.folder, "keeping the rounds of a loop"):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / TABLE).write_text(self.to_csv(), encoding="utf-8")
            (self.folder / CURVE).write_text(self.to_svg(), encoding="utf-8")
            told = {
                "settings": self.settings,
                "attempt": self.attempt,
                "rounds": [asdict(one) for one in self.rounds],
            }
            fresh = self.folder / f"{STATE}.new"
            fresh.write_text(json.dumps(told, indent=1), encoding="utf-8")
            fresh.replace(self.folder / STATE)

    @property
    def table(self) -> pa.Table:
        """One row a round."""
        return pa.Table.from_pylist([asdict(one) for one in self.rounds])

    def to_csv(self) -> str:
        """Write one line a round."""
        out = io.StringIO()
        writer = csv.DictWriter(out, [one.name for one in fields(Round)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(one) for one in self.rounds)
        return out.getvalue()

    def to_svg(self) -> str:
        """Draw quality over the number of human labels."""
        known = [one for one in self.rounds if one.accuracy is not None]
        points = [
            At(one.labels, one.accuracy or 0.0, one.accuracy_low, one.accuracy_high)
            for one in known
        ]
        name = f"{self.settings.get('strategy', '')}"
        lines = {name: points} if points else {}
        return growth_svg(lines, across="human labels", up="accuracy")

    def __str__(self) -> str:
        lines = []
        for one in self.rounds:
            said = f"round {one.round}: {one.labels:,} labels"
            if one.asked:
                said += f", {one.answered} of {one.asked} answered, {one.agreed} as found before"
            if one.accuracy is not None:
                ends = f"{_shown(one.accuracy_low)} to {_shown(one.accuracy_high)}"
                said += f"; accuracy {one.accuracy:.3f} ({ends}) of {one.items:,}"
            lines.append(said + (f"; {one.note}" if one.note else ""))
        lines.append(f"{self.folder / TABLE}, {CURVE}")
        return "\n".join(lines)

    __repr__ = __str__


def _shown(value: float | None) -> str:
    return "?" if value is None else f"{value:.3f}"
