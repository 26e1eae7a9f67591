"""Whole videos go to train, val or test: frames of one video are too alike for two sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import ExportError
from vquery.export.items import SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def split_videos(
    counts: Mapping[str, int], shares: Sequence[float], *, seed: int = 0
) -> dict[str, str]:
    """Give each video to the split that lacks most items, the largest videos first.

    The number of items in a split is off its share by less than twice the largest video. Every
    split with a share gets a video as long as there are enough videos; a single video goes to
    the split with the largest share.

    Parameters
    ----------
    counts
        Items by video.
    shares
        Of train, val and test; they add up to 1.
    seed
        Decides between videos that have equally many items.

    Returns
    -------
    The split of each video, in the order of their names.

    Raises
    ------
    ExportError
        If the shares are not three numbers from 0 to 1 that add up to 1.

    Notes
    -----
    O(v log v) for v videos. The greedy rule is that of R. L. Graham (1969) for loads of machines.

    >>> split_videos({"a": 80, "b": 10, "c": 10}, (0.8, 0.1, 0.1))["a"]
    'train'
    >>> split_videos({"a": 5}, (0.8, 0.1, 0.1))
    {'a': 'train'}
    """
    if len(shares) != 3 or not (min(shares) >= 0 and abs(sum(shares) - 1) <= 1e-6):
        given = ", ".join(f"{share:g}" for share in shares)
        raise ExportError(
            f"split must be three shares from 0 to 1 that add up to 1, such as 0.8, 0.1, 0.1; "
            f"got {given}"
        )
    videos = sorted(counts)
    order = np.random.default_rng(seed).permutation(len(videos))
    ranked = sorted((videos[i] for i in order), key=lambda video: -counts[video])
    total = sum(counts.values())
    lacking = {name: share * total for name, share in zip(SPLITS, shares, strict=True) if share}
    empty = dict.fromkeys(lacking)
    sides: dict[str, str] = {}
    for done, video in enumerate(ranked):
        must_fill = empty and len(empty) >= len(ranked) - done
        side = max(empty if must_fill else lacking, key=lacking.__getitem__)
        sides[video] = side
        lacking[side] -= counts[video]
        empty.pop(side, None)
    return {video: sides[video] for video in videos}
