"""Steps that learn: embeddings, end models and what they predict."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from vquery.errors import LearnError
from vquery.pipeline.steps.base import Step
from vquery.pipeline.steps.bringing import named_in
from vquery.pipeline.steps.labels import run_state
from vquery.pipeline.world import rows_print, short

if TYPE_CHECKING:
    from collections.abc import Collection

    from vquery.pipeline.steps.base import Outcome
    from vquery.pipeline.world import World


NO_RECIPE = frozenset(("minutes", "device", "labels"))
"""Settings that a training does not begin anew for."""


class Embed(Step):
    """Learn an embedding, and embed what is new."""

    def __init__(self, name: str, settings: dict[str, Any], needs: tuple[str, ...]) -> None:
        super().__init__(f"embed {name}", needs, settings)
        self.space = name
        self._before: dict[str, str] | None = None

    def after(self, outcome: Outcome | None) -> None:
        """Take note of how it was trained last."""
        self._before = None if outcome is None else outcome["recipe"]

    def inputs(self, world: World) -> dict[str, str]:
        """Fingerprint what was indexed, and weights; labels only watch it."""
        found = {"indexed": world.indexed()}
        if "weights" in self.settings:
            path = self.settings["weights"]
            found[f"file {path}"] = world.print_at(path)
        return found

    def run(self, world: World) -> Outcome:
        """Train (or take up an interrupted training) and embed."""
        options = dict(self.settings)
        if "weights" in options:
            options["weights"] = world.at(options["weights"])
        own = {key: one for key, one in self.set(world).items() if key not in NO_RECIPE}
        own |= {key: one for key, one in self.inputs(world).items() if key.startswith("file ")}
        other = self._before is not None and self._before != own and options.get("train", True)
        unfinished = (world.path / "models" / self.space / "checkpoint.safetensors").exists()
        try:
            fresh = bool(other and not unfinished)
            world.db.embed(name=self.space, progress=world.say, fresh=fresh, **options)
        except LearnError:
            if not (other and unfinished):
                raise
            world.say("what was begun is of other settings: it is trained anew")
            world.db.embed(name=self.space, progress=world.say, fresh=True, **options)
        return {
            "version": _vectors(world, self.space),
            "vectors": _count(world, self.space),
            "recipe": own,
        }

    def told(self, outcome: Outcome) -> str:
        """Count vectors."""
        return f"{outcome['vectors']:,} vectors"

    def lost(self, world: World, outcome: Outcome) -> str | None:
        """Look whether the vectors are there."""
        there = _count(world, self.space)
        made = outcome["vectors"]
        return None if there == made else f"there are {there:,} vectors now, not {made:,}"


class Train(Step):
    """Train an end model on the soft labels of a concept."""

    def __init__(
        self,
        concept: str,
        settings: dict[str, Any],
        needs: tuple[str, ...],
        follows: tuple[str, ...],
        labels: str | None,
    ) -> None:
        super().__init__(f"train {concept}", needs, settings, follows)
        self.concept, self.labels = concept, labels
        self.model = settings.get("name", concept)

    def inputs(self, world: World) -> dict[str, str]:
        """Fingerprint labels, what was indexed, and what slices find."""
        found = {
            "indexed": world.indexed(),
            f"labels of {self.concept!r}": world.said(self.concept),
        }
        for name in self.settings.get("slices", ()):
            text = world.given["slices"].texts[name]
            found[f"slice {name}"] = short([text, named_in(world, text)])
        return found

    def waits(self, world: World, waiting: Collection[str]) -> str | None:
        """Without labels there is nothing to learn."""
        if self.labels in waiting:
            return f"{self.labels} waits"
        if self.labels is None and not (world.there and world.store.labels(self.concept).num_rows):
            return f"nobody has labelled {self.concept!r} yet"
        return None

    def run(self, world: World) -> Outcome:
        """Train; an interrupted run is taken up."""
        options = {name: one for name, one in self.settings.items() if name != "name"}
        if "slices" in options:
            options["slices"] = {name: world.given["slices"][name] for name in options["slices"]}
        over = None if world.videos is None else _labelled(world)
        found = world.db.train(self.concept, self.model, over=over, progress=world.say, **options)
        judged = found.best_known
        return {
            "version": found.version,
            "items": found.told["items"],
            "left_out": {judged.main: judged.metric(judged.main)},
            "judged_by": "people" if found.by_people is not None else "its own labels",
        }

    def lost(self, world: World, outcome: Outcome) -> str | None:
        """Look whether the model is the one that was trained."""
        try:
            version = world.db.trained(self.model).version
        except LearnError:
            return f"there is no model {self.model!r} any more"
        made = outcome["version"]
        return None if version == made else f"the model is version {version} now, not {made}"

    def told(self, outcome: Outcome) -> str:
        """Tell how good it is on left-out items."""
        ((metric, value),) = outcome["left_out"].items()
        shown = "unknown" if value is None else f"{value:.3f}"
        return f"{outcome['items']:,} items, left out {metric} {shown} by {outcome['judged_by']}"


class Predict(Step):
    """Label by an end model."""

    def __init__(
        self,
        concept: str,
        model: str,
        settings: dict[str, Any],
        needs: tuple[str, ...],
        follows: tuple[str, ...],
    ) -> None:
        super().__init__(f"predict {concept}", needs, settings, follows)
        self.concept, self.model = concept, model

    def inputs(self, world: World) -> dict[str, str]:
        """Fingerprint what was indexed and what people said."""
        return {"indexed": world.indexed(), f"labels of {self.concept!r}": world.said(self.concept)}

    def waits(self, world: World, waiting: Collection[str]) -> str | None:
        """Without a model there is nothing to ask."""
        del world
        train = f"train {self.concept}"
        return f"{train} waits" if train in waiting else None

    def run(self, world: World) -> Outcome:
        """Predict and keep the labels."""
        over = None if world.videos is None else _labelled(world)
        found = world.db.predict(self.model, concept=self.concept, over=over, **self.settings)
        told = found.summary()
        return {
            "version": rows_print(found.table),
            "run": found.run_id,
            "items": told["items"],
            "labelled": told["labelled"],
        }

    def lost(self, world: World, outcome: Outcome) -> str | None:
        """Look whether it is in force."""
        return run_state(world, outcome["run"])

    def told(self, outcome: Outcome) -> str:
        """Count labels."""
        return f"{outcome['labelled']:,} of {outcome['items']:,} labelled, run {outcome['run']}"


def _labelled(world: World) -> Any:
    return world.over("faces")


def _table(space: str) -> str:
    return f"embedding.{space}"


def _count(world: World, space: str) -> int:
    with world.db._store.snapshot() as snapshot:
        name = _table(space)
        return snapshot.count(name) if name in snapshot.tables() else 0


def _vectors(world: World, space: str) -> str:
    with world.db._store.snapshot() as snapshot:
        ids, vectors = snapshot.vectors(_table(space))
        made = hashlib.sha256(ids.tobytes())
        for start in range(0, len(vectors), 100_000):
            made.update(vectors[start : start + 100_000].tobytes())
    return short(made.hexdigest())
