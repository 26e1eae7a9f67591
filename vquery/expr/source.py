"""Where the rows of a relation come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pyarrow as pa


@runtime_checkable
class TableSource(Protocol):
    """A table of intervals that is read when a query runs.

    It must be picklable, and ``read`` must give the same rows in the same order every time. Rows
    carry ``video`` (text or integer, never null) and ``start_us <= end_us`` (int64, never null);
    boxes, where there are any, are float32 ``x1, y1, x2, y2``, all four null or none.
    A source may also have

    - ``num_rows: int``, used for estimates only;
    - ``picture(detection_id) -> bytes | None``, the JPEG that a notebook shows for a row;
    - ``videos() -> pyarrow.Table`` (or None): its videos, each once, with the number of ``rows`` of
      each, which may be a guess; and with it ``read_videos(columns, videos) -> pyarrow.Table``: the
      rows of some videos, those of one video in the order of ``read``. Large queries then never
      hold all rows at once;
    - ``identity``: equal for two sources that give the same rows;
    - ``versions(videos) -> list[bytes]`` (or None): one text for each of some videos, another one
      whenever its rows are others, where that is known without reading them;
    - ``extents: Callable[[], pyarrow.Table] | None``: what is known of whole videos, one row a
      video with ``video, start_us, end_us`` (never null) and ``frame_us`` (float64, the mean time
      of a frame, null where unknown). It is called when a query runs, and only where an operation
      asks how long a video is; None where nothing is known;
    - ``frame_times: Callable[[], pyarrow.Table]``: when each frame of its videos is shown, with
      ``video, start_us, frame``; it is called where an operation asks for frame numbers;
    - ``collection: str | None``: which collection the videos are of. Rows of two collections do
      not meet, even where their videos have equal names.
    """

    @property
    def name(self) -> str:
        """Name of the relation in messages and plans."""

    @property
    def schema(self) -> pa.Schema:
        """Columns, known without reading rows."""

    def read(self, columns: list[str] | None) -> pa.Table:
        """Return the rows with these columns, in this order (None: all)."""
