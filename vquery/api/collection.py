"""The collection as an analyst holds it: ``db = vq.open("news.vq")``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from vquery.api import facts
from vquery.api.assessing import Assessing
from vquery.api.checking import Checking
from vquery.api.distilling import Distilling
from vquery.api.drawing import Drawing
from vquery.api.fusing import Fusing
from vquery.api.judging import Judging
from vquery.api.learned import Learned
from vquery.api.moment import Newest
from vquery.api.outside import Outside
from vquery.api.relations import FACE, Detections, detections_of, relation, table_names
from vquery.api.supervised import Supervised
from vquery.api.tables import crop
from vquery.api.training import Training
from vquery.api.voting import Voting
from vquery.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    import pyarrow as pa

    from vquery.engine.concept import Concept
    from vquery.engine.intervals import Intervals
    from vquery.export.report import Written
    from vquery.index.report import IndexReport, Progress


class Collection(
    Supervised,
    Judging,
    Drawing,
    Voting,
    Checking,
    Fusing,
    Assessing,
    Learned,
    Training,
    Distilling,
    Outside,
):
    """Videos and everything known of them, in one folder ``NAME.vq``.

    Tables are read as they were when they were asked for: ``db.faces`` taken after a label shows
    it, one taken before does not. Use `vquery.open` or `vquery.create`; the collection may be
    used in a ``with`` block, and several processes may read while one writes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest = Newest(store)
        self._registered: dict[str, Intervals] = {}

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
        return facts.line(self._store)

    def _repr_html_(self) -> str:
        return facts.html(self._store)

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
        """Let go of the state that was read last, so that replaced files can be removed.

        Relations that were made before go on working, and so does the collection.
        """
        self._newest.forget()

    @property
    def faces(self) -> Detections:
        """Detected faces with their ``name``: the human label, else the propagated one."""
        return detections_of(self._newest.get(), "faces", FACE)

    @property
    def detections(self) -> Detections:
        """Detections of every class, with ``name`` as in `faces`."""
        return detections_of(self._newest.get(), "detections", None)

    @property
    def captions(self) -> Intervals:
        """Timed captions: ``cue_id, text, speaker``."""
        return self["captions"]

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
        """One row a video (schema VIDEO)."""
        with self._store.snapshot() as snapshot:
            return snapshot.videos()

    @property
    def runs(self) -> pa.Table:
        """One row for every command that wrote (schema RUN)."""
        with self._store.snapshot() as snapshot:
            return snapshot.runs()

    def __getitem__(self, name: str) -> Intervals:
        """Return a table by name: a built-in one, one kept with `save`, one of `register`.

        Raises
        ------
        StoreError
            If there is no such table of intervals; the message lists those there are.
        """
        registered = self._registered.get(name)
        return relation(self._newest.get(), name) if registered is None else registered

    def tables(self) -> list[str]:
        """List the tables of intervals, which ``db[name]`` gives and queries may use."""
        return sorted([*table_names(self._newest.get()), *self._registered])

    def picture(self, detection_id: int) -> bytes | None:
        """Return the JPEG crop of a detection, None where there is none."""
        return crop(self._newest.get().snapshot, detection_id)

    def query(self, text: str, *, concepts: Iterable[Path | str] = ()) -> Intervals:
        """Run the name of a concept, or an expression such as ``faces.filter(score > 0.9)``.

        The text is parsed, never evaluated, and may use tables, saved relations and concepts.

        Parameters
        ----------
        text
            What to run.
        concepts
            Python files that define concepts; they are run, so give only files that you trust.

        Raises
        ------
        QueryError
            If the text cannot be understood or a file cannot be run; the message says where.
        """
        from vquery.api import concepts as named

        tables = self._tables()
        return named.query(text, [Path(one) for one in concepts], tables, {"db": self, **tables})

    def concept(self, concept: str | Concept | Callable[..., Intervals]) -> Intervals:
        """Run a concept or a function, filling its parameters by name: ``db``, or a table.

        Raises
        ------
        QueryError
            If there is no such concept or table, or it fails.
        """
        from vquery.api import concepts

        found = concepts.named(concept) if isinstance(concept, str) else concept
        return concepts.run(found, {"db": self, **self._tables()})

    def _tables(self) -> dict[str, Intervals]:
        """Make a relation of every table, all of one moment."""
        moment = self._newest.get()
        return {name: relation(moment, name) for name in table_names(moment)} | self._registered

    def save(self, name: str, rows: Intervals | pa.Table) -> Intervals:
        """Keep a relation under a name; ``db[name]`` from then on, replacing what had it.

        Raises
        ------
        StoreError
            If the name is taken by a built-in table or is no identifier.
        SchemaError
            If a table is none of intervals, see `vquery.from_arrow`.
        """
        from vquery.api.saving import save

        save(self._store, name, rows)
        return self[name]

    def index(
        self,
        folder: Path | str,
        *,
        every: float = 0.0,
        faces: Literal["auto", "yunet", "haar", "none"] = "auto",
        ensemble: bool = False,
        models: Path | str | None = None,
        embedding: Path | str | None = None,
        images: float | str | None = None,
        fps: float | str | None = None,
        size: tuple[int, int] | None = None,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> IndexReport:
        """Bring the collection up to date with a folder of videos, captions and detections.

        Only what is new is done, so the same call completes an interrupted one.

        Parameters
        ----------
        folder
            A folder, or one file.
        every
            Seconds between the frames that faces are detected in; 0 is every frame.
        faces
            Face detector. "auto" takes YuNet where weights are found, else the one that ships
            with OpenCV, and none for videos with a file of detections beside them.
        ensemble
            Look for faces in each picture as it is, mirrored, larger and smaller, and keep those
            that two of these agree on: more faces are found, in about 7 times the time.
        models, embedding
            Folder with weights; ONNX file that embeds crops.
        images
            Take folders of pictures for videos at this rate.
        fps, size
            Frame rate, and width and height, of detection files without a video.
        workers
            Processes; by default one a core.
        progress
            Told what is planned, how far each video is, and when it is finished.

        Returns
        -------
        IndexReport
            Counts, and every file that failed or was left aside, with the reason.

        Raises
        ------
        IngestError
            If there is nothing to index, or an option cannot be.
        StoreError
            If another process is writing, a video has changed, or other settings were used before.
        """
        from vquery.api import indexing

        return indexing.index(
            self._store,
            folder,
            every=every,
            faces=faces,
            ensemble=ensemble,
            models=models,
            embedding=embedding,
            images=images,
            fps=fps,
            size=size,
            workers=workers,
            progress=progress,
        )

    def export(
        self,
        folder: Path | str,
        *,
        format: str = "coco",  # noqa: A002 - the field's name for it
        labels: str = "name",
        split: Sequence[float] = (0.8, 0.1, 0.1),
        threshold: float | None = None,
        seed: int = 0,
        images: bool = True,
        keyframes_only: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Written:
        """Write the labels of a concept as a training set; whole videos go to one split.

        Labels of detections and those of spans of time, such as shots, have formats of their own.
        Where a concept has both, Parquet holds both, apart (``train.parquet`` with crops,
        ``spans/train.parquet``) and split alike; other formats hold one kind and count the other
        as left out. Spans are written as they are labelled or fused: those that touch stay
        apart. A human label overrules a fused one: the span that people have labelled at least
        half of gives way, another one loses the moments that they labelled.

        Parameters
        ----------
        folder
            Must not exist; it appears when everything is written.
        format
            For detections "coco", "yolo", "parquet" or "fiftyone"; for spans of time
            "activitynet", "csv" (``spans.csv``), "vtt" (subtitles, a file a video) or "parquet".
        labels
            The concept.
        split
            Shares of train, val and test, which add up to 1.
        threshold
            Least probability of a propagated or fused label; by default that of its run.
        seed
            Of the random order in which videos are given to splits.
        images
            Whether to write the frames too (Parquet carries crops instead; spans have none).
        keyframes_only
            Whether to leave out the boxes that are interpolated where a track has gaps, and
            between boxes that were drawn.
        progress
            Called with pictures written and pictures to write; for spans of time, with spans.

        Raises
        ------
        ExportError
            If nothing is labelled that the format holds, the folder exists, or it cannot be
            written.
        """
        from vquery.api import exporting

        return exporting.export(
            self._store,
            Path(folder),
            format=format,
            concept=labels,
            split=split,
            threshold=threshold,
            seed=seed,
            images=images,
            keyframes_only=keyframes_only,
            progress=progress,
        )

    def info(self) -> dict[str, Any]:
        """Say what is in the collection, as plain values."""
        return facts.info(self._store)

    def compact(self) -> int:
        """Merge small parts into larger ones; return how many were merged.

        Neighbour lists of parts of the faces, and those that cannot be used, are removed.
        """
        from vquery.api.propagation import cached

        merged = self._store.compact()
        cached.sweep(self._store)
        return merged
