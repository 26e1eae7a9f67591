"""Steps at the end: judge by labels that were put aside, check, export."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vquery.api.proving import Bound, Rules, prove
from vquery.errors import PipelineError
from vquery.pipeline.quality import Truth, judge
from vquery.pipeline.steps.base import Step
from vquery.pipeline.steps.labels import in_force, soft_concepts
from vquery.pipeline.world import short

if TYPE_CHECKING:
    from collections.abc import Collection

    from vquery.pipeline.steps.base import Outcome
    from vquery.pipeline.world import World

MANIFEST = "manifest.json"
MARK = ".vquery-run"
"""In the folder of an export: what it holds, so that nothing of others is ever replaced."""
KINDS = (("under", "fail_under"), ("over", "fail_over"), ("violations", "max_violations"))


class Test(Step):
    """Judge the labels in force by those of a file, which no other step reads."""

    __test__ = False

    def __init__(self, concept: str, paths: list[str], needs: tuple[str, ...]) -> None:
        super().__init__(f"test {concept}", needs, {})
        self.concept, self.paths = concept, paths

    def inputs(self, world: World) -> dict[str, str]:
        """Hash the files, and fingerprint what is judged."""
        found = {f"file {one}": world.print_at(one) for one in self.paths}
        found |= {
            "indexed": world.indexed(),
            f"labels of {self.concept!r}": world.said(self.concept),
        }
        return found | {"labels in force": in_force(world, self.concept)}

    def waits(self, world: World, waiting: Collection[str]) -> str | None:
        """There must be something to judge."""
        del world
        held = [one for one in self.needs if one in waiting]
        return f"{held[0]} waits" if held else None

    def run(self, world: World) -> Outcome:
        """Judge."""
        figures = judge(world.db, self.concept, Truth(world.labels_at(self.paths))).to_dict()
        return {"version": short(figures), **figures}

    def told(self, outcome: Outcome) -> str:
        """Tell the accuracy with its interval."""
        own = outcome["by_people"]
        circle = f"; {own:,} of them people labelled themselves" if own else ""
        return (
            f"accuracy {outcome['accuracy']:.3f} ({_bound(outcome['accuracy_low'])} to "
            f"{_bound(outcome['accuracy_high'])}) of {outcome['items']:,}, "
            f"{outcome['coverage']:.0%} labelled{circle}"
        )


class Check(Step):
    """Look for what cannot be, and hold figures to thresholds."""

    def __init__(self, settings: dict[str, Any], needs: tuple[str, ...]) -> None:
        super().__init__("check", needs, settings)

    def inputs(self, world: World) -> dict[str, str]:
        """Hash the files; fingerprint labels, tables and soft labels of all concepts."""
        files = self._files(world)
        found = {f"file {one.name}": world.print_at(one) for one in files}
        every = sorted({*world.concepts(), *soft_concepts(world)})
        soft = {one: in_force(world, one) for one in every}
        found |= {f"labels in force of {name!r}": one for name, one in soft.items()}
        return found | {"indexed": world.indexed(), "what people said": world.said()}

    def run(self, world: World) -> Outcome:
        """Check; what is missed is told, and nothing is changed."""
        from vquery.api.proving_report import write

        bounds = [
            Bound(kind, name, float(limit))
            for kind, key in KINDS
            for name, limit in self.settings.get(key, {}).items()
        ]
        proof = prove(world.db, Rules.of(self._files(world)))
        missed = [str(one) for one in proof.missed(bounds)]
        if "report" in self.settings:
            world.at(self.settings["report"]).write_text(write(proof, bounds), encoding="utf-8")
        told = {"missed": missed, "violations": proof.violations, "metrics": proof.metrics}
        return {"version": short(told), **told}

    def lost(self, world: World, outcome: Outcome) -> str | None:
        """Look whether the report is there."""
        del outcome
        report = self.settings.get("report")
        if report is not None and not world.at(report).is_file():
            return f"{report} is gone"
        return None

    def told(self, outcome: Outcome) -> str:
        """Tell what was missed."""
        found = "; ".join(outcome["missed"]) or "no threshold was missed"
        return f"{outcome['violations']['all']:,} violations; {found}"

    def _files(self, world: World) -> list[Path]:
        named = self.settings.get("files")
        return list(world.files) if named is None else [world.at(one) for one in named]


class Export(Step):
    """Write a training set; one that this pipeline wrote before is replaced as a whole."""

    def __init__(self, name: str, settings: dict[str, Any], needs: tuple[str, ...]) -> None:
        super().__init__(f"export {name}", needs, settings)
        self.folder = settings.get("folder", name)
        self.concept = settings["labels"]

    def inputs(self, world: World) -> dict[str, str]:
        """Fingerprint what is exported."""
        return {
            "indexed": world.indexed(),
            f"labels of {self.concept!r}": world.said(self.concept),
            "labels in force": in_force(world, self.concept),
        }

    def waits(self, world: World, waiting: Collection[str]) -> str | None:
        """There must be something to export."""
        held = [one for one in self.needs if one in waiting]
        if held and not (world.there and len(world.db.labels(self.concept))):
            return f"{held[0]} waits"
        return None

    def run(self, world: World) -> Outcome:
        """Write beside the folder, then take its place."""
        target = world.at(self.folder)
        self._check_ours(world, target)
        fresh, old = (target.with_name(f".{target.name}.{end}") for end in ("new", "old"))
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)
        options = {name: one for name, one in self.settings.items() if name != "folder"}
        target.parent.mkdir(parents=True, exist_ok=True)
        written = world.db.export(fresh, **options)
        (fresh / MARK).write_text(_contents(fresh), encoding="utf-8")
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return {
            "version": self._manifest(world),
            "labels": written.total,
            "left_out": sum(written.skipped.values()),
        }

    def _check_ours(self, world: World, target: Path) -> None:
        if not target.exists():
            return
        with suppress(OSError, ValueError):
            if (target / MARK).read_text(encoding="utf-8") == _contents(target):
                return
        raise PipelineError(
            f"exports: {world.at(self.folder)} exists and is not what this pipeline wrote, or was "
            "changed since; move it away, or give another folder"
        )

    def lost(self, world: World, outcome: Outcome) -> str | None:
        """Look whether what was written is there."""
        if not world.at(self.folder).exists():
            return f"{self.folder} is gone"
        return None if self._manifest(world) == outcome["version"] else f"{self.folder} was changed"

    def _manifest(self, world: World) -> str:
        return world.print_at(Path(self.folder) / MANIFEST)

    def told(self, outcome: Outcome) -> str:
        """Count labels."""
        return f"{outcome['labels']:,} labels in {self.folder}, {outcome['left_out']:,} left out"


def _contents(folder: Path) -> str:
    """Fingerprint of the manifest and of the names of all files."""
    names = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())
    made = hashlib.sha256("\n".join(name for name in names if name != MARK).encode())
    made.update((folder / MANIFEST).read_bytes())
    return made.hexdigest()


def _bound(value: float | None) -> str:
    return "?" if value is None else f"{value:.3f}"
