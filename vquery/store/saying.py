"""What people say of rows of a collection: each method is one event, and undone as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.errors import LabelError
from vquery.store import labels, spans, verdicts
from vquery.store.events import (
    JUDGE,
    LABEL_SPANS,
    REJECT,
    REJECT_SPANS,
    TRIM_SPANS,
    UNLABEL_SPANS,
    UNSURE,
    UNSURE_SPANS,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from vquery.store.events import EventLog

LABEL, UNLABEL = "label", "unlabel"


class Saying:
    """The actions of people on the rows of a collection."""

    _events: EventLog

    def label(
        self,
        ids: labels.Ids,
        concept: str,
        label: labels.Labels,
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
        how: str | None = None,
    ) -> int:
        """Label detections: one action, undone as one. Returns its event_id.

        Parameters
        ----------
        ids : array-like of int64 (n,)
        concept : str
            Such as "name".
        label : str, None or sequence (n,)
            One for all or one each; None says "none of them".
        who, query : str or None
            The person, and the query that found the rows.
        key : str, optional
            A name of this one action: sent again under it, the action is kept once.
        how : str, optional
            In which way it was said, such as "accept"; kept with the action.

        Raises
        ------
        LabelError
            If there are no rows, or one detection gets two labels.
        """
        rows = labels.label_rows(ids, label)
        payload = {"concept": labels.concept_name(concept)} | ({} if how is None else {"how": how})
        return self._events.append(LABEL, payload, who=who, query=query, rows=rows, key=key)

    def unlabel(
        self,
        ids: labels.Ids,
        concept: str,
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
    ) -> int:
        """Take labels off detections, so that nothing is known of them. Returns the event_id."""
        rows = labels.label_rows(ids, None).select(["detection_id"])
        payload = {"concept": labels.concept_name(concept)}
        return self._events.append(UNLABEL, payload, who=who, query=query, rows=rows, key=key)

    def reject(
        self,
        ids: labels.Ids,
        concept: str,
        label: labels.Labels,
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
    ) -> int:
        """Say that labels are wrong, without saying what is right. Returns the event_id.

        A human label that is rejected is taken off; see `verdicts.rejected`.
        """
        rows = labels.label_rows(ids, label)
        if rows["label"].null_count:
            raise LabelError("only a label can be rejected; some of these rows have none")
        payload = {"concept": labels.concept_name(concept)}
        return self._events.append(REJECT, payload, who=who, query=query, rows=rows, key=key)

    def unsure(
        self,
        ids: labels.Ids,
        concept: str,
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
    ) -> int:
        """Say that nobody can tell; a label that is there is taken off. Returns the event_id."""
        rows = labels.label_rows(ids, None).select(["detection_id"])
        payload = {"concept": labels.concept_name(concept)}
        return self._events.append(UNSURE, payload, who=who, query=query, rows=rows, key=key)

    def judge(
        self,
        rows: pa.Table,
        concept: str,
        by: str,
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
    ) -> int:
        """Keep which rows of a result are right (`verdicts.JUDGED`). Returns the event_id."""
        payload = {"concept": labels.concept_name(concept), "by": by}
        found = verdicts.judged_rows(rows)
        return self._events.append(JUDGE, payload, who=who, query=query, rows=found, key=key)

    def label_spans(
        self,
        rows: pa.Table,
        concept: str,
        label: labels.Labels,
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
        how: str | None = None,
    ) -> int:
        """Label spans of time: one action, undone as one. Returns its event_id.

        Parameters
        ----------
        rows : pyarrow.Table (n,)
            ``video, start_us, end_us``; where earlier labels overlap them they are cut.
        concept, label, who, query, key, how
            As for `label`.

        Raises
        ------
        LabelError
            If there are no rows, a span cannot be, or two labels overlap.
        """
        found = spans.span_rows(rows, label)
        payload = {"concept": labels.concept_name(concept)} | ({} if how is None else {"how": how})
        return self._events.append(LABEL_SPANS, payload, who=who, query=query, rows=found, key=key)

    def unlabel_spans(
        self,
        rows: pa.Table,
        concept: str,
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
    ) -> int:
        """Take labels off spans, so that nothing is known of them. Returns the event_id."""
        found = spans.span_rows(rows, None).drop_columns("label")
        payload = {"concept": labels.concept_name(concept)}
        return self._events.append(
            UNLABEL_SPANS, payload, who=who, query=query, rows=found, key=key
        )

    def trim_span(
        self,
        old: pa.Table,
        new: pa.Table,
        concept: str,
        label: str | None,
        *,
        who: str | None,
        key: str | None = None,
    ) -> int:
        """Give a labelled span other ends, as one action; see `spans.trim_rows`."""
        found = spans.trim_rows(old, new, label)
        payload = {"concept": labels.concept_name(concept)}
        return self._events.append(TRIM_SPANS, payload, who=who, rows=found, key=key)

    def reject_spans(
        self,
        rows: pa.Table,
        concept: str,
        label: labels.Labels,
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
    ) -> int:
        """Say that labels of spans are wrong, without saying what is right. Returns the event_id.

        A human label that is rejected is taken off; see `span_verdicts.rejected_spans`.
        """
        found = spans.span_rows(rows, label, several=True)
        if found["label"].null_count:
            raise LabelError("only a label can be rejected; some of these rows have none")
        payload = {"concept": labels.concept_name(concept)}
        return self._events.append(REJECT_SPANS, payload, who=who, query=query, rows=found, key=key)

    def unsure_spans(
        self,
        rows: pa.Table,
        concept: str,
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
    ) -> int:
        """Say that nobody can tell; labels that are there are taken off. Returns the event_id."""
        found = spans.span_rows(rows, None).drop_columns("label")
        payload = {"concept": labels.concept_name(concept)}
        return self._events.append(UNSURE_SPANS, payload, who=who, query=query, rows=found, key=key)
