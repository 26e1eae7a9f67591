"""Human labels: the rows they are for, seeds from files, and label actions in words.

Rows with ``detection_id`` are labelled as detections, rows with video and times as spans.
"""

from __future__ import annotations

import getpass
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.api.tables import PUBLIC_DETECTION
from vquery.engine.bring import any_table
from vquery.engine.intervals import Intervals
from vquery.errors import LabelError
from vquery.schema import IDS_PER_VIDEO, KEYS, US_PER_S
from vquery.store.events import JUDGE, MOVE, ON_BOXES, ON_DETECTIONS, REMOVE, TRIM_SPANS
from vquery.store.labels import detection_ids

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import TypeAlias

    import numpy.typing as npt

    from vquery.store.events import Event
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Ints: TypeAlias = npt.NDArray[np.int64]
    Rows: TypeAlias = Intervals | pa.Table | Sequence[int] | Ints
    Values: TypeAlias = str | Sequence[str | None] | pa.Array | pa.ChunkedArray | None

NONE_OF_THEM = "none of them"


def label(
    store: Store,
    rows: Rows,
    concept: str,
    value: Values,
    *,
    by: str | None = None,
    query: str | None = None,
) -> int:
    """Label detections or spans as one action, found by ``query``; see `Collection.label`."""
    return act(store, rows, concept, value, by=by, query=query)[1]


def act(
    store: Store,
    rows: Rows,
    concept: str,
    value: Values,
    *,
    by: str | None = None,
    query: str | None = None,
    key: str | None = None,
) -> tuple[int, int]:
    """Label detections or spans as `label` does; return the event and how many they are.

    ``key`` names this one action: sent again under it, it is kept once.
    """
    check_concept(concept)
    if query is None and isinstance(rows, Intervals):
        query = rows.explain()
    found, said = collected(rows), check_values(value)
    who = by or login()
    if is_spans(found):
        with store.snapshot() as snapshot:
            spans = known_spans(found, snapshot)
        event = store.label_spans(spans, concept, said, who=who, query=query, key=key)
        return event, int(spans.num_rows)
    ids = ids_of(found)
    with store.snapshot() as snapshot:
        check_known(ids, snapshot)
    event = store.label(ids, concept, said, who=who, query=query, key=key)
    return event, len(np.unique(ids))


def check_concept(concept: str) -> None:
    """Refuse what cannot name a concept."""
    named = isinstance(concept, str) and concept.isidentifier()
    if not named or (concept != "name" and concept in PUBLIC_DETECTION.names):
        raise LabelError(
            f"{concept!r} cannot name a concept, since it names a column: use letters, digits and "
            f"'_', and none of {', '.join(PUBLIC_DETECTION.names)}"
        )


def collected(rows: Any) -> Any:
    """Return a relation or a table of another library as an Arrow table, anything else as it is."""
    found = rows.collect() if isinstance(rows, Intervals) else rows
    if not isinstance(found, (pa.Array, pa.ChunkedArray)) and hasattr(found, "__arrow_c_stream__"):
        found = pa.table(found)
    return found


def is_spans(rows: Any) -> bool:
    """Whether rows are labelled by their time: they have a video, a start and no detection.

    >>> is_spans(pa.table({"video": ["a"], "start": [0.0], "end": [2.5]})), is_spans([7])
    (True, False)
    """
    if not isinstance(rows, pa.Table) or "detection_id" in rows.column_names:
        return False
    return "video" in rows.column_names and bool({"start", "start_us"} & set(rows.column_names))


def known_spans(rows: pa.Table, snapshot: Snapshot) -> pa.Table:
    """Return ``video, start_us, end_us`` of rows in their order, with the videos' own names.

    Raises
    ------
    LabelError
        If there are no rows, or of a video that the collection does not have.
    SchemaError
        If the columns are not those of intervals.
    """
    if not rows.num_rows:
        raise LabelError("the label hits nothing: no rows were given")
    numbered = rows.append_column("row_given", pa.array(np.arange(rows.num_rows)))
    spans = any_table(numbered, "rows to label").collect().sort_by("row_given").select(list(KEYS))
    own = {name: name for name in snapshot.videos()["video"].to_pylist()} | snapshot.aliases()
    given = spans["video"].to_pylist()
    missing = sorted({str(name) for name in given if name not in own})
    if missing:
        raise LabelError(
            f"rows to label: video {missing[0]!r} is not in the collection ({len(missing)} such "
            "videos): `videos` lists those there are"
        )
    return spans.set_column(0, "video", pa.array([own[name] for name in given], pa.string()))


def ids_of(rows: Rows, *, none: str = "the label hits nothing: no rows were given") -> Ints:
    """Take the detection ids out of a relation, a table (or data frame) or a list, in its order.

    Raises
    ------
    LabelError
        If there is no column of ids, the ids are none, or (as ``none`` says) there are no rows.

    >>> ids_of(pa.table({"detection_id": [5], "name": ["Ann"]})).tolist()
    [5]
    >>> ids_of([])
    Traceback (most recent call last):
    vquery.errors.LabelError: the label hits nothing: no rows were given
    """
    found = collected(rows)
    if not len(found):
        raise LabelError(none)
    if isinstance(found, pa.Table):
        if "detection_id" not in found.column_names:
            raise LabelError(
                "labels are for detections, so rows need a column 'detection_id'; these have "
                f"{', '.join(found.column_names)}. Take rows of db.faces, or label spans of time, "
                "which need 'video' and times"
            )
        found = found["detection_id"]
    elif not isinstance(found, (pa.Array, pa.ChunkedArray)):
        try:
            found = pa.array(found)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise LabelError(f"detection ids are whole numbers: {error}") from error
    if not (pa.types.is_integer(found.type) or pa.types.is_null(found.type)):
        raise LabelError(f"detection ids are whole numbers, got {found.type}")
    return detection_ids(found)


def check_known(ids: Ints, snapshot: Snapshot) -> None:
    """Refuse ids that no detection has; only the videos that they lie in are read."""
    known = _detections(ids, snapshot, ["detection_id"])["detection_id"]
    missing = ids[~np.isin(ids, known.to_numpy())]
    if len(missing):
        raise LabelError(
            f"{len(missing)} of {len(ids)} ids are not detections of this collection, "
            f"such as {missing[0]}: take ids from db.faces"
        )


def _detections(ids: Ints, snapshot: Snapshot, columns: list[str]) -> pa.Table:
    """Read the detections of the videos that some of them lie in."""
    videos = snapshot.videos()
    here = pc.is_in(videos["video_id"], value_set=pa.array(np.unique(ids // IDS_PER_VIDEO)))
    among = videos.filter(here)["video"].to_pylist()
    return snapshot.read("detections", columns=columns, videos=among)


def check_values(value: Values) -> Any:
    """Refuse labels that are no text or blank: only None says "none of them"."""
    if value is None:
        return None
    values = [value] if isinstance(value, str) else value
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        values = values.to_pylist()
    try:
        wrong = [
            one for one in values if not (one is None or (isinstance(one, str) and one.strip()))
        ]
    except TypeError:
        wrong = [value]
    if wrong:
        raise LabelError(
            f"a label is a text such as 'Bernie', or None for {NONE_OF_THEM!r}; got {wrong[0]!r}"
        )
    return value if isinstance(value, str) else list(values)


def login() -> str:
    """Name the user at work."""
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return "unknown"


def match_file(path: Path, store: Store) -> tuple[Ints, list[str | None]]:
    """Read a file of seeds and find the detection that each hits; see `Collection.label_file`."""
    from vquery.ingest.seeds import match_seeds, read_seeds

    seeds = read_seeds(path).tables["seeds"]
    with store.snapshot() as snapshot:
        seeds = _by_first_name(seeds, snapshot.aliases())
        ids = match_seeds(seeds, snapshot.read("detections"), what=str(path))
    return ids, seeds["label"].to_pylist()


def _by_first_name(seeds: pa.Table, aliases: dict[str, str]) -> pa.Table:
    """Call a video that has several paths by the one it was indexed under."""
    names = [aliases.get(name, name) for name in seeds["video"].to_pylist()]
    at = seeds.schema.get_field_index("video")
    return seeds.set_column(at, "video", pa.array(names, pa.string()))


def undo(store: Store) -> str | None:
    """Take back the last label action and say what it was."""
    return _described(store, store.undo())


def redo(store: Store) -> str | None:
    """Bring back what was undone and say what it was."""
    return _described(store, store.redo())


def _described(store: Store, event: Event | None) -> str | None:
    if event is None:
        return None
    return described(next(one for one in store.events() if one.event_id == event.event_id))


def described(event: Event) -> str:
    """Say what an action on labels or boxes was, in a line."""
    if event.action in ON_BOXES:
        return f"{_drawing(event)}, by {event.who}"
    count = count_of(event)
    value = value_of(event)
    given = "" if value is None else f" {value}"
    things = "detection" if event.action in ON_DETECTIONS else "span"
    things = "row" if event.action == JUDGE else things
    things += "" if count == 1 else "s"
    word = event.payload.get("how", event.action.split()[0])
    return f"{word} of {event.payload['concept']!r}:{given} for {count} {things}, by {event.who}"


def _drawing(event: Event) -> str:
    """Say what was drawn, or removed."""
    assert event.rows is not None
    rows = event.rows.num_rows
    if event.action == REMOVE:
        return "removal of a drawn box" if rows == 1 else f"removal of {rows:,} drawn boxes"
    first = event.rows.slice(0, 1).to_pylist()[0]
    at_s = first["start_us"] / US_PER_S
    word = "move" if event.action == MOVE else "drawing"
    said = f"{word} of a box of {first['class']!r} at {at_s:.2f} s of {first['video']!r}"
    if "concept" in event.payload:
        said += f", {event.payload['concept']!r}: {first['label']!r}"
    more = "box" if rows == 2 else "boxes"
    return said if rows == 1 else f"{said}, with {rows - 1:,} {more} in between"


def count_of(event: Event) -> int:
    """Count what an action is about."""
    if event.rows is None:
        return 0
    return 1 if event.action == TRIM_SPANS else int(event.rows.num_rows)


def value_of(event: Event) -> str | None:
    """Say the label that an action gave, or how many, or the verdicts; None where it gave none."""
    rows = event.rows
    if rows is None or "label" not in rows.column_names:
        return None
    if event.action == JUDGE:
        right = pc.sum(rows["right"]).as_py() or 0
        return f"{right} right and {rows.num_rows - right} wrong"
    labels = [_shown(one) for one in pc.unique(rows["label"]).to_pylist()]
    return labels[0] if len(labels) == 1 else f"{len(labels)} values"


def every(store: Store, concept: str | None) -> pa.Table:
    """Return the labels of detections, then those of spans (schema HUMAN_LABEL)."""
    said = [store.labels(concept), store.span_labels(concept)]
    tables = [schema.conform(one, schema.HUMAN_LABEL, what="labels") for one in said]
    return pa.concat_tables(tables).combine_chunks()


def as_intervals(store: Store, concept: str) -> Intervals:
    """Return the labels of a concept as intervals; see `Collection.labelled`."""
    with store.snapshot() as snapshot:
        seeds = store.labels(concept, snapshot)
        rows = _detections(seeds["detection_id"].to_numpy(), snapshot, ["detection_id", *KEYS])
        spans = store.span_labels(concept, snapshot)
    of_detections = seeds.join(rows, "detection_id", join_type="inner")
    tables = [
        schema.conform(one, schema.HUMAN_LABEL, what="labels") for one in (of_detections, spans)
    ]
    found = pa.concat_tables(tables).select([*KEYS, "label", "detection_id", "by", "at_us"])
    return any_table(found, f"labels of {concept}")


def counts(seeds: pa.Table) -> dict[str, dict[str, int]]:
    """Count human labels by concept and label."""
    found: dict[str, dict[str, int]] = {}
    for concept in sorted(pc.unique(seeds["concept"]).to_pylist()):
        mine = seeds.filter(pc.equal(seeds["concept"], concept))
        found[concept] = {
            entry["values"] if entry["values"] is not None else NONE_OF_THEM: entry["counts"]
            for entry in pc.value_counts(mine["label"]).to_pylist()
        }
    return found


def _shown(label: str | None) -> str:
    return NONE_OF_THEM if label is None else repr(label)
