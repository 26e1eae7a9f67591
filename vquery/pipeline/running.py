"""What of a pipeline is due, and doing it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vquery.errors import PipelineError
from vquery.pipeline.state import State, locked
from vquery.pipeline.world import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vquery.pipeline.steps.base import Step
    from vquery.pipeline.world import World

RUNS, MAY_RUN, WAITS, DONE = "runs", "may run", "waits", "up to date"
LISTED = 3


@dataclass(frozen=True)
class Due:
    """One step, whether it is due, and why.

    Attributes
    ----------
    step
        Its name.
    status
        "runs", "may run" (a step before it runs, and may change what it depends on), "waits" (for
        labels), or "up to date".
    why
        In words.
    seconds
        That it took last time; null if it never ran.
    """

    step: str
    status: str
    why: str
    seconds: float | None = None


@dataclass
class Report:
    """What a run did.

    Attributes
    ----------
    due
        What each step was due for, in order.
    told
        Step → what came out, in a line; of steps that are up to date, last time.
    outcomes
        Step → its outcome, as plain values.
    seconds
        Step → what it took, of those that ran.
    notes
        What else is to be known.
    """

    due: list[Due] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def ran(self) -> list[str]:
        """Steps that ran, in order."""
        return list(self.seconds)

    @property
    def missed(self) -> list[str]:
        """Thresholds of the check that are missed, now or when it ran last."""
        return list(self.outcomes.get("check", {}).get("missed", ()))

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as plain values."""
        return {
            "steps": [
                vars(one) | {"told": self.told.get(one.step), "took": self.seconds.get(one.step)}
                for one in self.due
            ],
            "ran": self.ran,
            "missed": self.missed,
            "notes": self.notes,
        }

    def __str__(self) -> str:
        lines = []
        for one in self.due:
            took = self.seconds.get(one.step)
            ran = f"done in {took:.1f} s" if took is not None else one.status
            why = f" ({one.why})" if one.status != DONE else ""
            said = f": {self.told[one.step]}" if one.step in self.told else ""
            lines.append(f"{one.step}: {ran}{why}{said}")
        if not self.seconds:
            lines.append("nothing was due")
        lines += self.notes
        return "\n".join(lines)

    __repr__ = __str__


class Explained(list[Due]):
    """What each step is due for; a list that prints as a table."""

    def __str__(self) -> str:
        wide = max((len(one.step) for one in self), default=0)
        lines = [f"{one.step:<{wide}}  {one.status:<10}  {one.why}" for one in self]
        due = sum(one.status in (RUNS, MAY_RUN) for one in self)
        return "\n".join([*lines, f"{due} of {len(self)} steps are due or may be"])

    __repr__ = __str__

    def to_dict(self) -> list[dict[str, Any]]:
        """Give it as plain values."""
        return [dict(vars(one)) for one in self]


def explain(steps: Sequence[Step], world: World, state: State) -> Explained:
    """Say what would run and why; nothing is written."""
    found = Explained()
    for step in steps:
        found.append(_due(step, world, state, found))
    return found


def _due(step: Step, world: World, state: State, before: Sequence[Due]) -> Due:
    waiting = {one.step for one in before if one.status == WAITS}
    running = [
        one.step for one in before if one.step in step.needs and one.status in (RUNS, MAY_RUN)
    ]
    kept = state.steps.get(step.name)
    seconds = None if kept is None else kept["seconds"]
    wait = None if running else step.waits(world, waiting)
    if wait:
        return Due(step.name, WAITS, wait, seconds)
    if kept is None or not world.there:
        return Due(step.name, RUNS, "it never ran here", seconds)
    why = _changed(kept["inputs"], _inputs(step, world, state)) or step.lost(world, kept["outcome"])
    if why:
        return Due(step.name, RUNS, why, seconds)
    if running:
        return Due(step.name, MAY_RUN, f"{_listed(running)} {_run(running)} before it", seconds)
    return Due(step.name, DONE, "nothing it depends on has changed", seconds)


def run(steps: Sequence[Step], world: World) -> Report:
    """Do what is due, step by step; what is done is remembered at once, so that it is not lost."""
    _ = world.db
    report = Report()
    with locked(world.path):
        state = State(world.path)
        world.hashes = state.files
        for step in steps:
            try:
                _step(step, world, state, report)
            except Exception as error:
                told = PipelineError(str(error)) if isinstance(error, OSError) else error
                told.add_note(
                    f"in the step {step.name!r} of {world.where}; what was done before is kept"
                )
                if told is error:
                    raise
                raise told from error
    return report


def _step(step: Step, world: World, state: State, report: Report) -> None:
    due = _due(step, world, state, [one for one in report.due if one.status == WAITS])
    report.due.append(due)
    kept = state.steps.get(step.name)
    if due.status == RUNS:
        world.say(f"{step.name}: {due.why}")
        inputs = _inputs(step, world, state)  # before: what people say meanwhile is new
        step.after(None if kept is None else kept["outcome"])
        began = time.monotonic()
        outcome = step.run(world)
        took = time.monotonic() - began
        kept = {"inputs": inputs, "outcome": outcome, "seconds": round(took, 3)}
        state.steps[step.name] = kept
        state.write()
        report.seconds[step.name] = took
    if due.status != WAITS and kept is not None:
        report.told[step.name] = step.told(kept["outcome"])
        report.outcomes[step.name] = kept["outcome"]


def _inputs(step: Step, world: World, state: State) -> dict[str, str]:
    found = {f"setting {name}": one for name, one in step.set(world).items()}
    found |= step.inputs(world)
    for need in step.follows:
        outcome = state.steps.get(need, {}).get("outcome", {})
        found[f"step {need}"] = str(outcome.get("run", outcome.get("version")))
    return found


def _changed(before: dict[str, str], now: dict[str, str]) -> str:
    """Say which inputs are others than before."""
    said = list(_differences(before, now))
    more = f", and {len(said) - LISTED} more" if len(said) > LISTED else ""
    return f"{', '.join(said[:LISTED])}{more}" if said else ""


def _differences(before: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *now]):
        if before.get(name) == now.get(name):
            continue
        kind, _, rest = name.partition(" ")
        if kind == "setting":
            yield f"{rest}: {before.get(name, 'not set')} → {now.get(name, 'not set')}"
        elif kind == "step":
            yield f"{rest} ran"
        elif now.get(name) == MISSING:
            yield f"{name} is not there"
        elif name not in before:
            yield f"{name} is new"
        elif name not in now:
            yield f"{name} is gone"
        else:
            yield f"{name} changed"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")


def _run(names: list[str]) -> str:
    return "runs" if len(names) == 1 else "run"
