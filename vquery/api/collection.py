"""The collection as an analyst holds it: ``db = vq.open("news.vq")``."""

from __future__ import annotations

import getpass
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import exporting, indexing, labelling, propagation
from vquery.api.relations import Detections, relation
from vquery.api.tables import DetectionTable, StoredTable, Wanted, ids_of
from vquery.engine.intervals import Intervals
from vquery.errors import LabelError, QueryError, StoreError
from vquery.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from vquery.export.report import Written
    from vquery.index.pipeline import IndexReport
    from vquery.store.snapshot import Snapshot

HIDDEN = ("embedding.", "picture.")


class Collection:
    """Videos and everything known of them, in one folder ``NAME.vq``.

    Tables are read as they were when they were asked for: ``db.faces`` taken after a label shows
    it, one taken before does not. Use `vquery.open` or `vquery.create`; the collection may be
    used in a ``with`` block, and several processes may read while one writes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._snapshots: list[Snapshot] = []

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a collection; see `vquery.open`."""
        return cls(Store.open(path))

    @classmethod
    def create(cls, path: Path | str) -> Self:
        """Make a collection; see `vquery.create`."""
        return cls(Store.create(path))

    @property
    def path(self) -> Path:
        """Where the collection is."""
        return self._store.path

    def __repr__(self) -> str:
        with self._store.snapshot() as snapshot:
            videos, faces = snapshot.videos().num_rows, snapshot.count("detections")
        return f"<Collection {self.path.name}: {videos} videos, {faces:,} detections>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the snapshots, so that replaced files can be removed."""
        for snapshot in self._snapshots:
            snapshot.close()
        self._snapshots.clear()

    # -- tables -----------------------------------------------------------------------------

    @property
    def faces(self) -> Detections:
        """Detected faces with their ``name``: the human label, else the propagated one."""
        return self._detections("faces", "face", (Wanted("name"),))

    @property
    def detections(self) -> Detections:
        """Detections of every class, with ``name`` as in `faces`."""
        return self._detections("detections", None, (Wanted("name"),))

    @property
    def captions(self) -> Intervals:
        """Timed captions: ``cue_id, text, speaker``."""
        return self["cues"]

    @property
    def words(self) -> Intervals:
        """Timed words."""
        return self["words"]

    @property
    def shots(self) -> Intervals:
        """Shots, which cover each video without gaps."""
        return self["shots"]

    @property
    def frames(self) -> Intervals:
        """Every frame with its exact time."""
        return self["frames"]

    @property
    def videos(self) -> pa.Table:
        """One row a video."""
        with self._store.snapshot() as snapshot:
            return snapshot.videos()

    @property
    def runs(self) -> pa.Table:
        """One row for every command that wrote."""
        with self._store.snapshot() as snapshot:
            return snapshot.runs()

    def __getitem__(self, name: str) -> Intervals:
        """Return a table by name: a built-in one, or one kept with `save`.

        Raises
        ------
        StoreError
            If there is no such table; the message lists those there are.
        """
        if name in {"faces", "detections"}:
            return self.faces if name == "faces" else self.detections
        return relation(StoredTable(self._snapshot(), "cues" if name == "captions" else name))

    def tables(self) -> list[str]:
        """List the tables that can be queried."""
        with self._store.snapshot() as snapshot:
            stored = [name for name in snapshot.tables() if not name.startswith(HIDDEN)]
        plain = [name for name in stored if name not in {"videos", "runs", "soft_labels"}]
        return sorted({"faces", "captions", *plain})

    def _detections(
        self, name: str, only_class: str | None, labels: tuple[Wanted, ...]
    ) -> Detections:
        snapshot = self._snapshot()
        seeds = self._store.labels(snapshot=snapshot)
        return Detections.of(DetectionTable(snapshot, seeds, name, only_class, labels))

    def _snapshot(self) -> Snapshot:
        """Share one snapshot between the relations made while nothing changes."""
        newest = self._store.snapshot()
        for held in self._snapshots:
            if (held.generation, held.last_event) == (newest.generation, newest.last_event):
                newest.close()
                return held
        self._snapshots.append(newest)
        return newest

    def picture(self, detection_id: int) -> bytes | None:
        """Return the JPEG crop of a detection, None where there is none."""
        return self._snapshot().picture("picture.detection", detection_id)

    # -- queries ----------------------------------------------------------------------------

    def query(self, text: str, *, concepts: Iterable[Path | str] = ()) -> Intervals:
        """Run the name of a concept, or an expression such as ``faces.filter(score > 0.9)``.

        The text is parsed, never evaluated. ``concepts`` are Python files that define concepts;
        they are run, so give only files that you trust.
        """
        from vquery.engine.concept import load_concepts, registered
        from vquery.engine.parse import parse_relation

        for file in concepts:
            load_concepts(Path(file))
        if text in registered():
            return self.concept(text)
        return parse_relation(text, {name: self[name] for name in self.tables()})

    def concept(self, name: str | Callable[..., Intervals]) -> Intervals:
        """Run a concept, filling its parameters by name: ``db``, or a table such as ``faces``."""
        from vquery.engine.concept import run_concept

        return run_concept(name, self._table_for)

    def _table_for(self, parameter: str) -> Any:
        if parameter == "db":
            return self
        if parameter not in self.tables():
            raise QueryError(
                f"a concept asks for {parameter!r}; there are db, {', '.join(self.tables())}"
            )
        return self[parameter]

    def save(self, name: str, rows: Intervals | pa.Table) -> Intervals:
        """Keep a relation under a name; ``db[name]`` from then on, replacing what had it.

        Raises
        ------
        StoreError
            If the name is taken by a built-in table or is no identifier.
        """
        table = rows.collect() if isinstance(rows, Intervals) else rows
        self._store.save(name, table)
        return self[name]

    # -- index ------------------------------------------------------------------------------

    def index(self, folder: Path | str, **options: Any) -> IndexReport:
        """Bring the collection up to date with a folder of videos, captions and detections.

        Only what is new is done, so the same call completes an interrupted one.

        Parameters
        ----------
        folder
            A folder, or one file.
        every : float
            Seconds between the frames that faces are detected in; 0 (default) is every frame.
        faces : {"auto", "yunet", "haar", "none"}
            Face detector. "auto" takes YuNet where weights are found, else the one that ships
            with OpenCV, and none for videos with a file of detections beside them.
        models, embedding : path, optional
            Folder with weights; ONNX file that embeds crops.
        images : float or str, optional
            Take folders of pictures for videos at this rate.
        workers : int, optional
            Processes; by default one a core.
        fps, size
            Frame rate and ``(width, height)`` of detection files without a video.

        Returns
        -------
        IndexReport
            Counts, and every file that failed or was left aside, with the reason.
        """
        return indexing.index(self._store, folder, **options)

    # -- labels -----------------------------------------------------------------------------

    def label(
        self,
        rows: Intervals | pa.Table | Sequence[int] | np.ndarray[Any, Any],
        concept: str,
        value: str | Sequence[str | None] | None,
        *,
        by: str | None = None,
    ) -> int:
        """Label detections as one undoable action; return how many.

        Parameters
        ----------
        rows
            A relation or table with ``detection_id``, or ids.
        value
            The label, one for each row, or None for "none of them".
        by
            Who says so; by default the user's login name.

        Raises
        ------
        LabelError
            If there are no rows, ids that do not exist, or two labels for one detection.
        """
        ids = ids_of(rows.collect() if isinstance(rows, Intervals) else rows)
        self._check_ids(ids)
        query = repr(rows)[:2000] if isinstance(rows, Intervals) else None
        self._store.label(ids, concept, value, who=by or _login(), query=query)
        return len(np.unique(ids))

    def _check_ids(self, ids: np.ndarray[Any, Any]) -> None:
        with self._store.snapshot() as snapshot:
            known = snapshot.read("detections", columns=["detection_id"])["detection_id"]
        missing = ids[~pc.is_in(pa.array(ids), value_set=known).to_numpy(zero_copy_only=False)]
        if len(missing):
            raise LabelError(
                f"{len(missing)} of {len(ids)} ids are not detections of this collection, "
                f"such as {int(missing[0])}: take ids from db.faces"
            )

    def label_file(self, path: Path | str, concept: str = "name", *, by: str | None = None) -> int:
        """Label from a CSV with ``video,time,x,y,label`` or ``detection_id,label``.

        Raises
        ------
        LabelError, IngestError
            Naming the row: a seed that hits no detection, two that contradict, a bad value.
        """
        ids, values = labelling.match_file(Path(path), self._store)
        return self.label(ids, concept, values, by=by)

    def labels(self, concept: str | None = None) -> pa.Table:
        """Return the human labels in force (schema SEED), of one concept or of all."""
        return self._store.labels(concept)

    def undo(self) -> str | None:
        """Take back the last label action; return what it was, None if there was none."""
        return labelling.describe(self._store.undo())

    def redo(self) -> str | None:
        """Bring back what was undone; return what it was, None if there was nothing."""
        return labelling.describe(self._store.redo())

    def propagate(
        self, concept: str, *, over: Intervals | None = None, threshold: float = 0.5
    ) -> propagation.Propagation:
        """Spread the human labels of a concept to the detections that look alike.

        Parameters
        ----------
        over
            The detections that take part; by default all faces.
        threshold
            Probability from which a label is given.

        Returns
        -------
        Propagation
            ``table`` (schema SOFT_LABEL, kept in the collection) and ``summary()``.

        Raises
        ------
        LabelError
            If nothing is labelled, or two labels contradict inside one track.
        """
        ids = ids_of((self.faces if over is None else over).collect())
        return propagation.propagate(self._store, concept, ids, threshold=threshold)

    # -- export -----------------------------------------------------------------------------

    def export(
        self,
        folder: Path | str,
        *,
        format: str = "coco",  # noqa: A002 - the field's name for it
        labels: str = "name",
        split: tuple[float, float, float] = (0.8, 0.1, 0.1),
        threshold: float | None = None,
        seed: int = 0,
        images: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> Written:
        """Write the labels of a concept as a training set; whole videos go to one split.

        Parameters
        ----------
        format
            "coco", "yolo", "parquet" or "fiftyone".
        threshold
            Least probability of a propagated label; by default that of its propagation.
        images
            Whether to write the frames too (Parquet carries crops instead).

        Raises
        ------
        ExportError
            If nothing is labelled, the folder exists, or it cannot be written.
        """
        return exporting.export(
            self._store,
            Path(folder),
            format=format,
            concept=labels,
            split=split,
            threshold=threshold,
            seed=seed,
            images=images,
            progress=progress,
        )

    # -- upkeep -----------------------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        """Say what is in the collection, as plain values."""
        with self._store.snapshot() as snapshot:
            videos = snapshot.videos()
            counts = {name: snapshot.count(name) for name in snapshot.tables()}
            runs = snapshot.runs().num_rows
        seeds = self._store.labels()
        return {
            "path": str(self.path),
            "videos": videos.num_rows,
            "hours": round((pc.sum(videos["duration_us"]).as_py() or 0) / 3.6e9, 3),
            "rows": {name: count for name, count in counts.items() if count},
            "human_labels": labelling.counts(seeds),
            "runs": runs,
        }

    def compact(self) -> int:
        """Merge small parts into larger ones; return how many were merged."""
        return self._store.compact()


def open_or_create(path: Path | str) -> Collection:
    """Open the collection at ``path``, or make it if there is nothing."""
    path = Path(path)
    if path.exists():
        return Collection.open(path)
    if path.suffix != ".vq":
        raise StoreError(f"{path}: a collection is a folder named NAME.vq")
    return Collection.create(path)


def _login() -> str:
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return "unknown"
