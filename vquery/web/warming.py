"""What the first requests of a page ask for, read before it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.web.overview import overview

if TYPE_CHECKING:
    from vquery.web.jobs import Job
    from vquery.web.media import Desk
    from vquery.web.state import Workbench

CONCEPT = "name"
"""What a page shows first."""


def warm(job: Job, workbench: Workbench, desk: Desk) -> dict[str, Any]:
    """Read it in the order in which a page asks; a request that comes meanwhile waits for it.

    Nothing is kept that requests would not keep too.
    """
    overview(workbench)
    job.check()
    workbench.warm(CONCEPT)
    job.check()
    moment = workbench.moment()
    desk.reasoner.last_run(moment, CONCEPT)
    first = moment.snapshot.videos()["video"][:1].to_pylist()
    for video in first:
        job.check()
        desk.timeline.draw(moment, video, (0, 1), 1, concept=CONCEPT)
    return {}
