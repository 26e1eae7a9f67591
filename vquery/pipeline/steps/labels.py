"""Steps that turn labels and votes into soft labels."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from vquery.api.propagation import keeping
from vquery.engine.concept import Concept
from vquery.pipeline.steps.base import Step
from vquery.pipeline.world import rows_print, short
from vquery.supervise.models.label_model import LabelModel

if TYPE_CHECKING:
    from collections.abc import Collection

    from vquery.pipeline.steps.base import Outcome
    from vquery.pipeline.world import World

OF_LABELS = {"faces", "detections", "db"}
"""Words that may show labels of other concepts."""


def run_state(world: World, run_id: int) -> str | None:
    """Say what became of a run: None while it, or what was made of it, is in force."""
    runs = {one["run_id"]: one for one in world.db.propagations()}
    one = runs.get(run_id)
    if one is None:
        return f"run {run_id} is gone"
    if one["state"] == "undone":
        return f"run {run_id} was undone by run {one['undone_by']}"
    later = [
        other["run_id"]
        for other in runs.values()
        if other["run_id"] > run_id
        and (other["concept"], other["did"]) == (one["concept"], one["did"])
        and other["state"] != "undone"
    ]
    if later:
        return f"run {later[-1]} took the place of run {run_id}"
    return None


class Propagate(Step):
    """Spread human labels to what looks alike."""

    def __init__(
        self,
        concept: str,
        settings: dict[str, Any],
        needs: tuple[str, ...],
        follows: tuple[str, ...],
    ) -> None:
        super().__init__(f"propagate {concept}", needs, settings, follows)
        self.concept = concept

    def inputs(self, world: World) -> dict[str, str]:
        """Fingerprint labels, detections and edges."""
        found = {
            "indexed": world.indexed(),
            f"labels of {self.concept!r}": world.said(self.concept),
        }
        if "edges" in self.settings:
            path = self.settings["edges"]
            found[f"file {path}"] = world.print_at(path)
        return found

    def waits(self, world: World, waiting: Collection[str]) -> str | None:
        """Without a label there is nothing to spread."""
        del waiting
        labelled = world.there and world.store.labels(self.concept).num_rows
        return None if labelled else f"nobody has labelled {self.concept!r} yet"

    def run(self, world: World) -> Outcome:
        """Propagate over all faces, or those of the videos that take part."""
        from vquery.api.propagation.options import read_edges

        options = dict(self.settings)
        if "edges" in options:
            options["edges"] = read_edges(world.at(options["edges"]))
        over = None if world.videos is None else world.over("faces").select("detection_id")
        found = world.db.propagate(self.concept, over=over, progress=world.say, **options)
        told = found.summary()
        return {
            "version": rows_print(found.table),
            "run": found.run_id,
            "items": told["items"],
            "labelled": told["labelled"],
        }

    def lost(self, world: World, outcome: Outcome) -> str | None:
        """Look whether it is in force, or below what was fused of it."""
        return run_state(world, outcome["run"])

    def told(self, outcome: Outcome) -> str:
        """Count labels."""
        return f"{outcome['labelled']:,} of {outcome['items']:,} labelled, run {outcome['run']}"


class Fuse(Step):
    """Ask label functions, and fuse what they say with everything else that is known."""

    def __init__(
        self,
        concept: str,
        settings: dict[str, Any],
        needs: tuple[str, ...],
        follows: tuple[str, ...],
        later: Collection[str],
    ) -> None:
        super().__init__(f"fuse {concept}", needs, settings, follows)
        self.concept, self.later = concept, later

    def functions(self, world: World) -> dict[str, Any]:
        """Find the label functions that are named."""
        given = self.settings["functions"]
        if isinstance(given, dict):
            return {name: world.function(one) for name, one in given.items()}
        return {_name(one, i): world.function(one) for i, one in enumerate(given)}

    def inputs(self, world: World) -> dict[str, str]:
        """Fingerprint functions, labels, and what functions may read."""
        found = {
            "indexed": world.indexed(),
            f"labels of {self.concept!r}": world.said(self.concept),
            "corrections": world.corrections(),
        }
        over = self.settings["over"]
        if over in world.db.tables() and over not in OF_LABELS:
            found[f"table {over}"] = world.rows_of(over)
        reads: set[str] = set()
        for name, one in self.functions(world).items():
            if isinstance(one, str):
                found[f"table {one}"] = world.rows_of(one)
            else:
                found[f"function {name}"] = world.print_of(one)
                reads |= _reads(one)
        if reads & OF_LABELS:
            for name in sorted({*world.concepts(), *soft_concepts(world)} - {self.concept}):
                soft = "" if name in self.later else in_force(world, name)  # it sees those before
                found[f"labels of {name!r}"] = short([world.said(name), soft])
        known = set(world.db.tables()) - OF_LABELS
        tables = known if "db" in reads else known & reads
        return found | {f"table {one}": world.rows_of(one) for one in sorted(tables)}

    def run(self, world: World) -> Outcome:
        """Collect votes, fit the label model, fuse and keep the result."""
        s = self.settings
        more = {name: s[name] for name in ("classes", "cover") if name in s}
        world.say("asking label functions")
        votes = world.db.votes(self.functions(world), world.over(s["over"]), **more)
        model = LabelModel(**s["model"]).fit(votes) if s["model"] else None
        world.say("fusing")
        found = world.db.fuse(self.concept, votes, model=model, **s["fuse"])
        told = found.summary()
        return {
            "version": rows_print(found.table),
            "run": found.run_id,
            "items": told["items"],
            "labelled": told["labelled"],
            "notes": list(found.notes),
        }

    def lost(self, world: World, outcome: Outcome) -> str | None:
        """Look whether it is in force, or below what a model predicted."""
        return run_state(world, outcome["run"])

    def told(self, outcome: Outcome) -> str:
        """Count labels."""
        return f"{outcome['labelled']:,} of {outcome['items']:,} labelled, run {outcome['run']}"


def in_force(world: World, concept: str) -> str:
    """Fingerprint of the soft labels of a concept that are in force."""
    return world.known(("in force", concept), lambda: _in_force(world, concept))


def _in_force(world: World, concept: str) -> str:
    with world.db._store.snapshot() as snapshot:
        found = []
        for shelf in keeping.SHELVES:
            rows = snapshot.read(shelf.now)
            found.append(rows_print(rows.filter(pc.equal(rows["concept"], concept))))
    return short(found)


def soft_concepts(world: World) -> set[str]:
    """Name the concepts that have soft labels."""
    with world.db._store.snapshot() as snapshot:
        tables = [snapshot.read(shelf.now, columns=["concept"]) for shelf in keeping.SHELVES]
    return {name for one in tables for name in pc.unique(one["concept"]).to_pylist()}


def _reads(function: Any) -> set[str]:
    plain = function.function if isinstance(function, Concept) else function
    try:
        return set(inspect.signature(plain).parameters)
    except (TypeError, ValueError):
        return set(OF_LABELS)


def _name(one: Any, at: int) -> str:
    if isinstance(one, str):
        return one
    name = getattr(one, "name", None) or getattr(one, "__name__", "<lambda>")
    return f"lf{at}" if name == "<lambda>" else str(name)
