"""Steps that bring things in: videos, labels of files, relations."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from vquery.api import labelling
from vquery.errors import PipelineError
from vquery.index.discover import discover
from vquery.pipeline.steps.base import Step
from vquery.pipeline.world import rows_print, short

if TYPE_CHECKING:
    from pathlib import Path

    from vquery.pipeline.steps.base import Outcome
    from vquery.pipeline.world import World

NAMED = 3


class Index(Step):
    """Bring the collection up to date with a folder."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.folder = settings["folder"]
        rest = {name: one for name, one in settings.items() if name not in ("folder", "workers")}
        super().__init__(f"index {self.folder}", (), rest)
        self.workers = settings.get("workers")

    def inputs(self, world: World) -> dict[str, str]:
        """Hash every file of the folder that is indexed, and weights that are named."""
        folder = world.at(self.folder)
        if not folder.exists():
            raise PipelineError(f"sources: there is no folder {folder}")
        found = {"place": str(folder.resolve())}  # videos are read there again
        for path in _brought(folder, images="images" in self.settings):
            name = path.name if folder.is_file() else path.relative_to(folder).as_posix()
            found[f"file {name}"] = world.print_at(path)
        if "embedding" in self.settings:
            found["embedding"] = world.print_at(self.settings["embedding"])
        if "models" in self.settings:
            weights = sorted(world.at(self.settings["models"]).rglob("*.onnx"))
            found |= {f"weights {one.name}": world.print_at(one) for one in weights}
        return found

    def run(self, world: World) -> Outcome:
        """Index; only what is new is done."""
        options = dict(self.settings)
        for name in ("models", "embedding"):
            if name in options:
                options[name] = world.at(options[name])
        if "size" in options:
            options["size"] = tuple(options["size"])
        report = world.db.index(world.at(self.folder), workers=self.workers, **options)
        for name, why in report.failed.items():
            world.say(f"failed: {name}: {why}")
        return {
            "version": world.indexed(),
            "videos": report.videos,
            "indexed": report.indexed,
            "failed": dict(sorted(report.failed.items())),
        }

    def lost(self, world: World, outcome: Outcome) -> str | None:
        """Try again what failed."""
        del world
        failed = outcome["failed"]
        return f"{len(failed)} failed last time, such as {next(iter(failed))}" if failed else None

    def told(self, outcome: Outcome) -> str:
        """Count videos."""
        failed = outcome["failed"]
        told = f"{outcome['indexed']} of {outcome['videos']} videos were new"
        return told + "".join(f"; failed: {name}: {why}" for name, why in failed.items())


def _brought(folder: Path, *, images: bool) -> list[Path]:
    """List the files that indexing reads."""
    found: set[Path] = set()
    for one in discover(folder, images=images).sources:
        pictures = one.path.iterdir() if one.path.is_dir() else [one.path]
        found.update(path for path in pictures if path.is_file())
        found.update((*one.captions, *one.detections))
    return sorted(found)


class Label(Step):
    """Give the labels of a file: rows that are new in it, or changed.

    What people said or took back since stays as they said it, unless the file changes there.
    """

    def __init__(self, concept: str, given: Any, needs: tuple[str, ...]) -> None:
        said = given if isinstance(given, dict) else {"files": given}
        super().__init__(f"label {concept}", needs, {"by": said.get("by")})
        self.concept, self.paths = concept, said["files"]
        self._before: dict[str, Any] = {}

    def inputs(self, world: World) -> dict[str, str]:
        """Hash the files, and fingerprint the detections that they speak of."""
        found = {f"file {one}": world.print_at(one) for one in self.paths}
        return found | {"indexed": world.indexed()}

    def run(self, world: World) -> Outcome:
        """Label what the files say and did not say when they were read before."""
        before = self._before.get("given", {})
        given = {str(one): value for one, value in world.labels_at(self.paths).items()}
        times = self._before.get("times", 0) + 1
        fresh = {one: value for one, value in given.items() if before.get(one, "?") != value}
        if fresh:
            world.db._store.label(
                [int(one) for one in fresh],
                self.concept,
                list(fresh.values()),
                who=self.settings["by"] or labelling.login(),
                query=f"labels of {', '.join(map(str, self.paths))}",
                key=f"pipeline/{self.concept}/{times}/{short(fresh)}",  # once, though it is killed
            )
        gone = len(set(before) - set(given))
        return {
            "version": short(given),
            "rows": len(given),
            "labelled": len(fresh),
            "gone": gone,
            "times": times,
            "given": given,
        }

    def after(self, outcome: Outcome | None) -> None:
        """Say what came out last time."""
        self._before = outcome or {}

    def told(self, outcome: Outcome) -> str:
        """Count labels."""
        gone = outcome["gone"]
        left = f"; {gone} are no longer in the file and stay in force" if gone else ""
        return f"{outcome['labelled']:,} of {outcome['rows']:,} labels were new{left}"


class Relation(Step):
    """Keep what a query finds under a name."""

    def __init__(
        self, name: str, given: Any, needs: tuple[str, ...], follows: tuple[str, ...] = ()
    ) -> None:
        query = given if isinstance(given, str) else given["query"]
        super().__init__(f"relation {name}", needs, {"query": query}, follows)
        self.table = name

    def inputs(self, world: World) -> dict[str, str]:
        """Fingerprint what the text names, and what people said."""
        said = {"indexed": world.indexed(), "what people said": world.said()}
        return said | named_in(world, self.settings["query"], besides=self.table)

    def run(self, world: World) -> Outcome:
        """Run the query and keep its rows."""
        kept = world.db.save(
            self.table, world.db.query(self.settings["query"], concepts=world.files)
        )
        rows = kept.collect()
        return {"version": rows_print(rows), "rows": rows.num_rows}

    def lost(self, world: World, outcome: Outcome) -> str | None:
        """Look whether the relation is still there."""
        if self.table not in world.db.tables():
            return f"there is no relation {self.table!r} any more"
        there = world.db[self.table].count()
        rows = outcome["rows"]
        return None if there == rows else f"it has {there:,} rows now, not {rows:,}"


def named_in(world: World, text: str, besides: str = "") -> dict[str, str]:
    """Fingerprint the functions and kept tables that a query names."""
    found = {}
    for name in sorted(words(text) - {besides}):
        meant = world.function(name)
        if not isinstance(meant, str):
            found[f"function {name}"] = world.print_of(meant)
        elif world.there and name in world.db.tables():
            found[f"table {name}"] = world.rows_of(name)
    return found


def words(text: str) -> set[str]:
    """List the names in a query, and its texts, which may be names of concepts.

    >>> sorted(words("faces.filter(name == 'Ann')"))
    ['Ann', 'faces', 'filter', 'name']
    """
    try:
        nodes = list(ast.walk(ast.parse(f"({text}\n)", mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()  # running it says what is wrong with it
    found = [getattr(one, "id", None) or getattr(one, "attr", None) for one in nodes]
    texts = [one.value for one in nodes if isinstance(one, ast.Constant)]
    return {one for one in (*found, *texts) if isinstance(one, str)}
