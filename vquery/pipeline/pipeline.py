"""A pipeline as a user holds it: ``vq.Pipeline.load("vquery.toml").run()``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vquery.errors import PipelineError
from vquery.pipeline import running
from vquery.pipeline.keys import PIPELINE
from vquery.pipeline.kinds import Open, read
from vquery.pipeline.making import steps_of
from vquery.pipeline.state import State, locked
from vquery.pipeline.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vquery.pipeline.running import Explained, Report
    from vquery.pipeline.steps.base import Step
    from vquery.pipeline.tuning import Searched

    Say = Callable[[str], None]

FILE = "vquery.toml"
GIVEN = "Pipeline()"
LONGEST = 1 << 20
"""Bytes of a pipeline file."""
Way = tuple[str, ...]


def quiet(_: str) -> None:
    """Tell nobody what is being done."""


class Pipeline:
    """All that brings a collection about, declared once, and done only where something changed.

    Each step knows what it depends on: hashes of files, the code of functions, settings, what
    people said, and the steps before it. What it was done with is kept in the collection.

    Parameters
    ----------
    collection
        The collection, which is made where it is not there.
    folder
        What relative paths start from.
    sections
        As in ``vquery.toml``: ``files, sources, labels, relations, slices, embeddings, tasks,
        tests, exports, check, search, loop``. Label functions may be functions here.

    Raises
    ------
    PipelineError
        Naming the key that cannot be, and what was expected.

    >>> Pipeline("news.vq", tasks={"name": {"propagate": {"treshold": 0.6}}})
    Traceback (most recent call last):
    vquery.errors.PipelineError: Pipeline(): tasks.name.propagate.treshold is no key there; did you
    mean 'threshold'? There are: ...
    """

    def __init__(
        self, collection: Path | str, *, folder: Path | str = ".", **sections: Any
    ) -> None:
        self._made({"collection": str(collection), **sections}, Path(folder), GIVEN)

    def _made(self, given: Mapping[str, Any], folder: Path, where: str) -> None:
        self.where, self.folder = where, folder
        self.settings: dict[str, Any] = read(PIPELINE, dict(given), where)
        self.path = folder / self.settings["collection"]
        self.steps: list[Step] = steps_of(self.chosen({}), where)

    @classmethod
    def load(cls, path: Path | str = FILE) -> Self:
        """Read a pipeline file; relative paths in it start from its folder.

        Raises
        ------
        PipelineError
            If it is not there, is no TOML, or has a key that cannot be: with the file and the key.
        """
        file = Path(path)
        file = file / FILE if file.is_dir() else file
        made = cls.__new__(cls)
        made._made(_toml(file), file.parent, str(file))
        return made

    @property
    def open(self) -> dict[str, Open]:
        """Values that are left open for a search, by their key."""
        return {".".join(way): one for way, one in _opened(self.settings)}

    @property
    def tuned(self) -> dict[str, Any]:
        """Values that a search of just these ranges found; none before it."""
        from vquery.pipeline import tuning

        kept = State(self.path).tuned
        found = kept.get("values", {}) if kept.get("space") == tuning.space_print(self) else {}
        return dict(found)

    def chosen(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give the settings with values for what is open; by default the default of each."""
        found: dict[str, Any] = _closed(self.settings, (), values)
        return found

    def world(self, path: Path | None = None, say: Say = quiet) -> World:
        """Make what steps act on."""
        where = self.path if path is None else path
        files = [self.folder / one for one in self.settings.get("files", ())]
        made = World(where, self.folder, files, State(where).files, say)
        made.where = self.where
        made.given["slices"] = _Slices(made, self.settings.get("slices", {}))
        return made

    def explain(self) -> Explained:
        """Say of each step whether it would run, and why; nothing is written."""
        world = self.world()
        try:
            return running.explain(self._steps(), world, State(self.path))
        finally:
            world.close()

    def run(self, progress: Say | None = None) -> Report:
        """Bring everything up to date: what changed, and what depends on it.

        An interrupted run is taken up by the next one: steps that were done stay done, and those
        that train or index go on where they were.

        Parameters
        ----------
        progress
            Told in a few words what is being done.

        Raises
        ------
        VQueryError
            What a step raises, with a note that names it.
        """
        world = self.world(say=progress or quiet)
        try:
            report = running.run(self._steps(), world)
        finally:
            world.close()
        missing = [key for key in self.open if key not in self.tuned]
        if missing:
            report.notes.append(
                f"left open, defaults were taken until a search: {', '.join(missing)}"
            )
        return report

    def tune(self, progress: Say | None = None) -> Searched:
        """Search the values that are left open, and keep the best ones for `run`.

        Videos that people labelled are split: on some of them values are tried, each time without
        the labels of a part, by the method and budget of the section ``search``; on the others
        what was found is judged, beside random search and the values as they are written.
        Corrections in force take no part: they were found with all labels in sight.

        Raises
        ------
        PipelineError
            If nothing is left open, ``fuse.corrections`` is, or too few videos are labelled.
        """
        from vquery.pipeline import tuning

        _ = self.world().store  # it must be there
        with locked(self.path):
            found = tuning.search(self, progress or quiet)
            state = State(self.path)
            known = {"space": tuning.space_print(self), "values": found.best.values}
            state.tuned = known | {"found": found.to_dict()}
            state.write()
        return found

    def _steps(self) -> list[Step]:
        if not self.open:
            return self.steps
        known = {key: one for key, one in self.tuned.items() if key in self.open}
        return steps_of(self.chosen(known), self.where) if known else self.steps

    def __repr__(self) -> str:
        return f"<Pipeline {self.where}: {len(self.steps)} steps on {self.path}>"


def _toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as source:
            given = source.read(LONGEST + 1)
        read_whole = len(given) <= LONGEST
        found = tomllib.loads(given.decode()) if read_whole else {}
    except FileNotFoundError:
        raise PipelineError(f"{file}: there is no such file; write one, or name another") from None
    except OSError as error:
        raise PipelineError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{file}: this is no TOML: {error}") from None
    if not read_whole:
        raise PipelineError(f"{file}: this is no pipeline file: it has more than {LONGEST:,} bytes")
    return found


class _Slices(dict[str, Any]):
    """What slices are made of, by name, each queried when it is asked for."""

    def __init__(self, world: World, texts: Mapping[str, str]) -> None:
        super().__init__()
        self._world, self.texts = world, texts

    def __missing__(self, name: str) -> Any:
        world = self._world
        self[name] = world.db.query(self.texts[name], concepts=world.files)
        return self[name]


def _opened(value: Any, way: Way = ()) -> Iterator[tuple[Way, Open]]:
    if isinstance(value, Open):
        yield way, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _opened(one, (*way, name))


def _closed(value: Any, way: Way, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Open):
        return values.get(".".join(way), value.default)
    if isinstance(value, dict):
        return {name: _closed(one, (*way, name), values) for name, one in value.items()}
    return value
