"""What the requests of one run share."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from vquery.api.collection import Collection
from vquery.api.concept_files import ConceptFiles
from vquery.api.labelling import login
from vquery.api.lately import Lately
from vquery.api.span_labels import SpanLabels
from vquery.web.folders import Folder
from vquery.web.jobs import Jobs
from vquery.web.labelled import Found, Labelled, LabelledSpans
from vquery.web.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from vquery.api.moment import Moment
    from vquery.store.store import Store

Value = TypeVar("Value")
LIMIT_S = 60.0
"""Seconds that a query may take."""
Moments: TypeAlias = tuple[int, int]
ONCE = 16
"""Facts of a generation of the data that are held."""
KEPT = 8
"""Concepts whose labels are held."""


class Workbench:
    """One collection in the browser.

    Attributes
    ----------
    db : Collection
        The collection.
    root : Path
        Its folder.
    who : str
        Who labels.
    token : str
        What changes must carry; new with every run.
    results : Results
        What queries gave.
    jobs : Jobs
        What takes longer than a request.
    files : ConceptFiles
        Python files that define concepts, and may be edited meanwhile.
    limit_s : float
        Seconds that a query may take.
    folder : Path
        Private, for temporary files; removed at the end.
    """

    def __init__(
        self, path: Path | str, *, who: str | None = None, files: Sequence[Path] = ()
    ) -> None:
        self.db = Collection.open(path)
        self.root = Path(path).resolve()
        self.who = who or login()
        self.files = ConceptFiles([Path(each) for each in files])
        self.files.functions()  # what is wrong with them is told at once
        self.token = secrets.token_urlsafe(32)
        self._folder = Folder()
        self.folder = self._folder.path
        self.limit_s = LIMIT_S
        self.results = Results()
        self.jobs = Jobs()
        self._lock = threading.Lock()
        self._labelled: dict[tuple[bool, str], tuple[Moments, Labelled | LabelledSpans]] = {}
        self._once: Lately[Any] = Lately(ONCE)

    @property
    def store(self) -> Store:
        """The store of the collection, for what `Collection` does not say."""
        return self.db._store

    def moment(self) -> Moment:
        """Return what the collection holds now, the same object while nothing changes."""
        return self.db._newest.get()

    def beside(self, rows: pa.Table, concept: str) -> pa.Table:
        """Return what is known of rows about a concept: `vquery.web.labelled.COLUMNS`."""
        return self._said("detection_id" in rows.column_names, concept).beside(rows)

    def column(self, rows: pa.Table, concept: str, name: str) -> Any:
        """Return one column of what `beside` returns."""
        return self._said("detection_id" in rows.column_names, concept).column(rows, name)

    def labelled(self, concept: str) -> Labelled:
        """Return all that is known of detections about a concept."""
        known = self._said(detections=True, concept=concept)
        assert isinstance(known, Labelled)
        return known

    def _said(self, detections: bool, concept: str) -> Labelled | LabelledSpans:  # noqa: FBT001
        moment = self.moment()
        now = (moment.snapshot.generation, moment.last_event)
        with self._lock:
            held = self._labelled.get((detections, concept))
            if held is not None and held[0] == now:
                return held[1]
            events = self.store.events_until(moment.last_event)
            made: Labelled | LabelledSpans
            if not detections:
                made = LabelledSpans(SpanLabels.of(moment.snapshot, events, concept))
            else:
                made = Labelled.of(moment, events, concept, self._found(moment, concept))
            self._labelled[detections, concept] = now, made
            while len(self._labelled) > KEPT:
                self._labelled.pop(next(iter(self._labelled)))
        return made

    def _found(self, moment: Moment, concept: str) -> Found:
        """Read what was found, which new labels do not change."""
        generation = moment.snapshot.generation
        held = self._labelled.get((True, concept))
        if held is not None and held[0][0] == generation and isinstance(held[1], Labelled):
            return held[1].found
        return Found.of(moment.snapshot, concept)

    def warm(self, concept: str) -> None:
        """Read the labels of a concept before anybody waits for them."""
        self._said(detections=True, concept=concept)

    def once(self, name: str, make: Callable[[], Value]) -> Value:
        """Return what was made of this generation of the data; who comes meanwhile waits."""
        kept: Value = self._once.get((self.moment().snapshot.generation, name), make)
        return kept

    def close(self) -> None:
        """End what runs and remove temporary files; again does nothing."""
        self.jobs.close()
        self.db.close()
        self._folder.remove()
