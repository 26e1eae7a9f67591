"""Frames, transitions and shots of one video as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from vquery.schema import FRAME, SHOT, TRANSITION, item_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vquery.media.shots import Transition

    Numbers = Sequence[int] | NDArray[np.int64]


def frames_table(
    video: str, numbers: Numbers, starts_us: Numbers, ends_us: Numbers | int
) -> pa.Table:
    """Return the FRAME rows of a video.

    Parameters
    ----------
    video
        Its name.
    numbers, starts_us
        Of each frame, in order.
    ends_us
        Of each frame, or only of the last one where each ends with the next one's start.

    >>> frames_table("a.mp4", [0, 1], [0, 40_000], 80_000)["end_us"].to_pylist()
    [40000, 80000]
    """
    starts = np.asarray(starts_us, np.int64)
    if isinstance(ends_us, int):
        ends = np.append(starts[1:], ends_us) if len(starts) else starts
    else:
        ends = np.asarray(ends_us, np.int64)
    columns = [pa.array(column) for column in (starts, ends, np.asarray(numbers, np.int64))]
    return pa.table([pa.repeat(video, len(starts)), *columns], schema=FRAME)


def boundary_frame(transition: Transition) -> int:
    """Return the number from which frames belong to the new shot: of a gradual one the middle.

    In a picture folder that frame may be missing; then the next one opens the shot.
    """
    return (transition.first_frame + transition.last_frame + 1) // 2


def transitions_table(video: str, transitions: Sequence[Transition]) -> pa.Table:
    """Return the TRANSITION rows of a video."""
    rows = [
        {
            "video": video,
            "start_us": found.start_us,
            "end_us": found.end_us,
            "first_frame": found.first_frame,
            "last_frame": found.last_frame,
            "kind": found.kind,
        }
        for found in transitions
    ]
    return pa.Table.from_pylist(rows, schema=TRANSITION)


def shots_table(
    video: str, transitions: Sequence[Transition], frames: pa.Table, *, video_id: int
) -> pa.Table:
    """Return the SHOT rows of a video: they cover it without gaps, from first frame to last.

    Parameters
    ----------
    video
        Its name.
    transitions
        In order, as `ShotDetector` finds them; each opens a shot with its `boundary_frame`.
    frames
        FRAME rows of the video, in order.
    video_id
        Base of the shot ids.
    """
    numbers, starts = frames["frame"].to_numpy(), frames["start_us"].to_numpy()
    if not len(numbers):
        return SHOT.empty_table()
    opens = {0: "start"}
    for found in transitions:
        opens.setdefault(int(np.searchsorted(numbers, boundary_frame(found))), found.kind)
    rows = np.array(sorted(opens), np.int64)
    begin = starts[rows]
    columns = {
        "video": pa.repeat(video, len(rows)),
        "start_us": pa.array(begin),
        "end_us": pa.array(np.append(begin[1:], frames["end_us"][-1].as_py())),
        "shot_id": item_ids(video_id, 1, len(rows)),
        "first_frame": pa.array(numbers[rows]),
        "opens_with": pa.array([opens[row] for row in rows.tolist()]),
    }
    return pa.table(columns, schema=SHOT)
