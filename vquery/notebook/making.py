"""``vq.grid`` and ``vq.timeline``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from vquery.errors import MissingDependencyError

if TYPE_CHECKING:
    from vquery.api.collection import Collection
    from vquery.notebook.widgets import Widget

NEEDED = ("anywidget", "starlette")


def grid(
    rows: Any,
    concept: str = "name",
    *,
    db: Collection | None = None,
    timeline: bool = False,
    height: int = 480,
    by: str | None = None,
) -> Widget:
    """Show rows as a grid of crops in a notebook, to select and label them there.

    It is the grid of the workbench with its keys, in JupyterLab, VS Code and Colab: ``?`` lists
    the keys, digits label what is selected, ``z`` undoes. Every action is an event in the
    collection, as in ``db.label``.

    Parameters
    ----------
    rows
        A relation, or a table with ``video, start_us, end_us``. Rows with a ``detection_id`` are
        labelled as detections, others as spans of time.
    concept
        Whose labels are shown and given; it can be changed in the grid.
    db
        The collection that rows are of, where they do not tell: a relation of ``db`` does.
    timeline
        Show the timeline of the row in focus below.
    height
        Pixels, 200 to 4000.
    by
        Who labels; by default the user's login name.

    Returns
    -------
    Widget
        ``widget.selection`` is a table of the rows that are selected, ``widget.concept`` and
        ``widget.rows`` can be set.

    Raises
    ------
    MissingDependencyError
        If the extra ``notebook`` is not installed.
    QueryError
        If these are no rows, or not of a collection that is known.
    """
    parts = ["grid", "timeline"] if timeline else ["grid"]
    return _made(rows, concept, parts=parts, db=db, height=height, by=by, name="grid")


def timeline(
    rows: Any, concept: str = "name", *, db: Collection | None = None, by: str | None = None
) -> Widget:
    """Show rows on the timeline of their videos in a notebook, one lane for each source.

    Beside the rows there are lanes of detections, captions, propagated and human labels; ``n``
    and ``p`` go from hit to hit, edges of labelled spans can be moved.

    Parameters
    ----------
    rows
        A relation, or a table with ``video, start_us, end_us``.
    concept
        Whose labels are shown.
    db
        The collection that rows are of, where they do not tell: a relation of ``db`` does.
    by
        Who moves edges; by default the user's login name.

    Raises
    ------
    MissingDependencyError
        If the extra ``notebook`` is not installed.
    QueryError
        If these are no rows, or not of a collection that is known.
    """
    return _made(rows, concept, parts=["timeline"], db=db, by=by, name="timeline")


def _made(rows: Any, concept: str, *, name: str, **more: Any) -> Widget:
    missing = [each for each in NEEDED if find_spec(each) is None]
    if missing:
        raise MissingDependencyError(
            f"{name}() needs {' and '.join(missing)}: pip install 'vquery-video[notebook]'"
        )
    from vquery.notebook.widgets import Widget

    return Widget(rows, concept, **more)
