"""Serve, bounce, swing: sequences of events, on real tennis."""

from __future__ import annotations

from loaders import run, tennis

import vquery as vq
from vquery import row


def returned_serves(events: vq.Intervals, *, within: float = 3) -> vq.Intervals:
    """Find serves that bounce and are then swung at, with nothing between.

    Runs on the frame-exact events of spot (Hong et al., 2022).
    """
    return events.partition_by().sequence(
        "serve bounce swing", by=row.event, within=within, skip=False
    )


if __name__ == "__main__":
    run(returned_serves, tennis)
