"""The loop: suggest, label, bring up to date, measure; round after round, taken up where it was."""

from __future__ import annotations

import time
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import labelling
from vquery.api.collection import Collection
from vquery.errors import LabelError, LearnError, PipelineError
from vquery.pipeline import todo
from vquery.pipeline.making import concept_of
from vquery.pipeline.pipeline import Pipeline, quiet
from vquery.pipeline.quality import Truth, judge
from vquery.pipeline.rounds import FOLDER, Round, Rounds
from vquery.pipeline.state import locked
from vquery.store.store import Store
from vquery.store.verdicts import unsure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Say = Callable[[str], None]
    Labels = dict[int, str | None]
    Ask = Callable[[pa.Table, Path], None]

STRATEGY, BATCH, ROUNDS = "mixed", 20, 5
RANDOM = "random"
TO_DO = "todo.csv"
LABEL = "label"
FIGURES = (
    *("items", "coverage", "accuracy", "accuracy_low", "accuracy_high"),
    *("macro_f1", "coverage_accuracy"),
)


class Loop:
    """Alternates suggest → label → propagate, fuse, train → evaluate.

    What was asked and said in a round is kept before anything follows from it, so that a loop that
    was interrupted goes on in the same round with the same suggestions.

    Parameters
    ----------
    pipeline
        What follows from labels; its section ``loop`` gives what is not given here.
    concept
        Which is asked about; by default the only task, or "name".
    labels
        A file of labels that answers in place of a person: each suggestion gets the label of its
        track, and those without one are not asked again.
    ask
        Asks a person: called with the suggestions and the path of ``todo.csv``, and returns when
        they are labelled, in the file or in the workbench.
    test
        A file of labels to measure by. Their tracks are never suggested.
    strategy
        As for ``db.suggest``, or "random".
    batch, rounds
        Suggestions a round, and how many rounds in all.

    Raises
    ------
    PipelineError
        If there is nobody to ask, or the concept is unclear.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        concept: str | None = None,
        labels: Path | str | None = None,
        ask: Ask | None = None,
        test: Path | str | None = None,
        strategy: str | None = None,
        batch: int | None = None,
        rounds: int | None = None,
        spaces: list[str] | None = None,
        seed: int | None = None,
    ) -> None:
        said = pipeline.settings.get("loop", {})
        self.pipeline, self.ask = pipeline, ask
        self.concept = concept or said.get("concept") or _only(pipeline)
        self.labels = _path(pipeline, labels, said.get("labels"))
        self.test = _path(pipeline, test, said.get("test"))
        self.strategy = strategy or said.get("strategy", STRATEGY)
        self.batch = batch or said.get("batch", BATCH)
        self.rounds = rounds or said.get("rounds", ROUNDS)
        self.spaces = spaces or said.get("spaces")
        self.seed = said.get("seed", 0) if seed is None else seed
        if (self.labels is None) == (ask is None):
            raise PipelineError(
                f"{pipeline.where}: a loop asks either a file (loop.labels, --from) or a person "
                "(--ask)"
            )
        self.folder: Path = pipeline.path / FOLDER / self.concept

    @property
    def settings(self) -> dict[str, Any]:
        """How is asked: another loop would give other rounds."""
        return {
            "concept": self.concept,
            "strategy": self.strategy,
            "batch": self.batch,
            "spaces": self.spaces,
            "seed": self.seed,
            "labels": self._beside(self.labels),
            "test": self._beside(self.test),
        }

    def _beside(self, path: Path | None) -> str | None:
        """Name a file as from the folder of the pipeline, which may be moved as a whole."""
        return None if path is None else relpath(path.resolve(), self.pipeline.folder.resolve())

    def run(self, progress: Say = quiet, *, fresh: bool = False) -> Rounds:
        """Go on until all rounds are done, nothing is left to ask, or nobody answers.

        Parameters
        ----------
        progress
            Told in a few words what is being done.
        fresh
            Begin anew with the labels that there are; the rounds before are let go.

        Raises
        ------
        PipelineError
            If there are rounds that were asked in another way, a file is not there, or the concept
            is not one of faces.
        LockedError
            If another loop asks about the concept.
        """
        self._check_files()
        first = fresh or Rounds.read(self.folder) is None
        note = self._follow(progress) if first else ""  # makes what is asked about
        self._check_items()
        with locked(self.pipeline.path, f"{FOLDER}/{self.concept}"):
            return self._run(progress, note, fresh=fresh)

    def _run(self, progress: Say, note: str, *, fresh: bool) -> Rounds:
        done = self._started(fresh=fresh)
        if not done.rounds:
            done.add(self._round(0, {}, {}, {}, note, time.monotonic()))
        while len(done.rounds) <= self.rounds:
            number = len(done.rounds)
            began = time.monotonic()
            progress(f"round {number}: choosing what to ask")
            asked = self._asked(done, number)
            if not asked:
                progress("nothing is left to ask")
                break
            answered = self._answered(done, number, asked)
            progress(f"round {number}: {len(answered)} of {len(asked)} answered")
            note = self._follow(progress)
            done.add(self._round(number, asked, answered, self._best(), note, began))
            if not answered and self.ask is not None:
                break
        return done

    def _check_files(self) -> None:
        for key, path in (("labels", self.labels), ("test", self.test)):
            if path is not None and not path.is_file():
                raise PipelineError(f"{self.pipeline.where}: loop.{key}: there is no file {path}")

    def _check_items(self) -> None:
        """Refuse concepts of spans: suggestions are faces."""
        tasks = self.pipeline.settings.get("tasks", {}).items()
        task: Any = next((one for name, one in tasks if concept_of(name, one) == self.concept), {})
        over = task.get("over", "faces")
        with Collection.open(self.pipeline.path) as db:
            if over != "tracks" and (
                over == "segments" or "detection_id" not in db[over].schema.names
            ):
                raise PipelineError(
                    f"{self.pipeline.where}: a loop asks about faces, but {self.concept!r} is a "
                    f"concept of {over}: label spans in the workbench or by db.label, and "
                    "`vquery run` brings the rest up to date"
                )

    def _started(self, *, fresh: bool) -> Rounds:
        kept = Rounds.read(self.folder)
        if kept is None or fresh:
            attempt = 0 if kept is None else kept.attempt + 1
            self._to_do.unlink(missing_ok=True)
            return Rounds(self.folder, self.settings, attempt)
        if kept.settings != self.settings:
            other = [key for key, one in self.settings.items() if kept.settings.get(key) != one]
            raise PipelineError(
                f"{self.folder}: {len(kept.rounds)} rounds are there that were asked with another "
                f"{', '.join(other)}: go on as before, or begin anew with --fresh (fresh=True)"
            )
        return kept

    @property
    def _to_do(self) -> Path:
        return self.folder / TO_DO

    def _key(self, done: Rounds, number: int, what: str) -> str:
        return f"loop/{self.concept}/{done.attempt}/{number}/{what}"

    def _asked(self, done: Rounds, number: int) -> dict[int, str | None]:
        """Choose detections, or read what this round chose before it was interrupted."""
        store = Store.open(self.pipeline.path)
        mark = self._key(done, number, "asked")
        kept = todo.read(self._to_do)
        if kept["mark"] == mark:
            return {int(key): one for key, one in kept["best"].items()}
        with Collection.open(self.pipeline.path) as db:
            pool = self._pool(db, store)
            rows = self._suggested(db, pool, done, number)
            if not rows.num_rows:
                return {}
            self.folder.mkdir(parents=True, exist_ok=True)
            todo.write(self._to_do, rows, mark)
        best = rows["best"].to_pylist()
        return dict(zip(rows["detection_id"].to_pylist(), best, strict=True))

    def _suggested(self, db: Collection, pool: Any, done: Rounds, number: int) -> pa.Table:
        if not len(pool):
            return pa.table({"detection_id": pa.array([], pa.int64())})
        if self.strategy != RANDOM:
            found = db.suggest(
                self.batch,
                strategy=self.strategy,
                concept=self.concept,
                over=pool,
                spaces=self.spaces,
            )
            return found.collect().sort_by("rank")
        rng = np.random.default_rng([self.seed, done.attempt, number])
        return _drawn(db, pool, self.concept, self.batch, rng)

    def _pool(self, db: Collection, store: Store) -> Any:
        """Faces that may be asked about: neither of tracks of the test, nor said to be unsure."""
        rows = db.faces.collect(columns=["detection_id", "track"])
        ids, tracks = rows["detection_id"].to_numpy(), rows["track"].to_numpy()
        leave = set(self._truth(store)) | set(unsure(store.events(), self.concept).tolist())
        if self.strategy == RANDOM:
            leave |= set(store.labels(self.concept)["detection_id"].to_pylist())
        gone = np.isin(ids, np.array(sorted(leave), np.int64))
        return ids[~(gone | np.isin(tracks, tracks[gone]))]

    def _truth(self, store: Store) -> Labels:
        if self.test is None:
            return {}
        ids, values = labelling.match_file(self.test, store)
        return dict(zip(ids.tolist(), values, strict=True))

    def _answered(self, done: Rounds, number: int, asked: Mapping[int, Any]) -> Labels:
        """Get answers and keep them under the name of the round, so that they count once."""
        store, key = Store.open(self.pipeline.path), self._key(done, number, LABEL)
        before = store.action_of(key, LABEL)
        if before is None and self.ask is not None:
            self.ask(pa.table({"detection_id": list(asked)}), self._to_do)
            answers = todo.filled(self._to_do)
            other = sorted(set(answers) - set(asked))
            if other:
                raise LabelError(
                    f"{self._to_do}: detection {other[0]} was not asked about: `vquery label` "
                    "takes other labels"
                )
        elif before is None:
            answers = self._from_file(store, asked)
        else:
            answers = {}
        if answers:
            ids, values = list(answers), list(answers.values())
            who = labelling.login()
            store.label(ids, self.concept, values, who=who, query=f"loop round {number}", key=key)
        said = _said(store, self.concept)
        found = {one: said[one] for one in asked if one in said}
        rest = [one for one in asked if one not in said]
        if rest and self.labels is not None:
            mark = self._key(done, number, "unsure")
            if store.action_of(mark, "unsure") is None:
                store.unsure(rest, self.concept, who=labelling.login(), key=mark)
        return found

    def _from_file(self, store: Store, asked: Mapping[int, Any]) -> Labels:
        """Find the label of each suggestion, or of another detection of its track."""
        assert self.labels is not None
        ids, values = labelling.match_file(self.labels, store)
        known = dict(zip(ids.tolist(), values, strict=True))
        with Collection.open(self.pipeline.path) as db:
            rows = db.detections.collect(columns=["detection_id", "track"])
        tracks = dict(zip(rows["detection_id"].to_pylist(), rows["track"].to_pylist(), strict=True))
        of_track = {tracks[one]: known[one] for one in known if tracks.get(one) is not None}
        found: Labels = {}
        for one in asked:
            if one in known:
                found[one] = known[one]
            elif tracks.get(one) in of_track:
                found[one] = of_track[tracks[one]]
        return found

    def _follow(self, progress: Say) -> str:
        """Bring everything up to date; a model that cannot be trained yet is noted."""
        try:
            self.pipeline.run(progress)
        except LearnError as error:
            return str(error)
        return ""

    def _best(self) -> Mapping[int, str | None]:
        """Read what was thought of the suggestions before they were labelled."""
        kept = todo.read(self._to_do)
        return {int(key): one for key, one in kept["best"].items()}

    def _round(
        self,
        number: int,
        asked: Mapping[int, Any],
        answered: Labels,
        best: Mapping[int, str | None],
        note: str,
        began: float,
    ) -> Round:
        store = Store.open(self.pipeline.path)
        figures: dict[str, Any] = {}
        truth = self._truth(store)
        if truth:
            with Collection.open(self.pipeline.path) as db:
                told = judge(db, self.concept, Truth(truth)).to_dict()
            figures = {name: told[name] for name in FIGURES}
        agreed = sum(best.get(one) == label for one, label in answered.items())
        return Round(
            number,
            len(_said(store, self.concept)),
            len(asked),
            len(answered),
            agreed,
            note=note,
            seconds=round(time.monotonic() - began, 3),
            **figures,
        )


def _only(pipeline: Pipeline) -> str:
    tasks = pipeline.settings.get("tasks", {})
    found = [concept_of(name, one) for name, one in tasks.items()]
    if len(found) == 1:
        return found[0]
    raise PipelineError(
        f"{pipeline.where}: loop.concept must say what is asked about: "
        f"{', '.join(found) or 'there is no task'}"
    )


def _path(pipeline: Pipeline, given: Path | str | None, said: str | None) -> Path | None:
    if given is not None:
        return Path(given)
    return None if said is None else pipeline.folder / said


def _said(store: Store, concept: str) -> Labels:
    seeds = store.labels(concept)
    return dict(zip(seeds["detection_id"].to_pylist(), seeds["label"].to_pylist(), strict=True))


def _drawn(
    db: Collection, pool: Any, concept: str, batch: int, rng: np.random.Generator
) -> pa.Table:
    """Draw tracks at random, each as likely as any other, and a detection of each."""
    rows = db.faces.with_labels(concept).collect()
    rows = rows.filter(pc.is_in(rows["detection_id"], value_set=pa.array(pool)))
    order = rng.permutation(rows.num_rows)
    tracks, first = np.unique(
        pc.fill_null(rows["track"], rows["detection_id"]).to_numpy()[order], return_index=True
    )
    chosen = order[first][rng.permutation(len(tracks))[:batch]]
    found = rows.take(pa.array(chosen))
    return found.append_column("best", found[concept])
