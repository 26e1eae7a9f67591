"""Query 3: all interviews of an archive, without the commercials between their parts."""

from __future__ import annotations

from archive import GUESTS, archive
from loaders import run

import vquery as vq
from vquery import after, before, face, row, span, time_overlaps


def interviews(
    faces: vq.Intervals, commercials: vq.Intervals, guest: str = GUESTS[0]
) -> vq.Intervals:
    """Find stretches of a guest near a host in which the guest is seen often, and in large.

    Esper-tv, ``interview.py``: hosts in pieces of 30 s, at most 60 s from the guest, merged over
    240 s, at least 240 s long before and after commercials are cut out; the guest is on screen for
    more than 0.35 of the time, and in small (height below 0.3) for less than 0.7 of that.
    """
    least = vq.param("least", 240, range=(60, 600))
    near = time_overlaps | before(max_gap=60) | after(max_gap=60)
    guests = faces.filter(face.name == guest, face.score > 0.7)
    hosts = faces.filter(face.host, face.score > 0.7).coalesce().split(30)
    shown = guests.select().coalesce(gap=3)
    return (
        shown.join(hosts.select(), predicate=near, merge_op=span)
        .coalesce(gap=60)
        .filter(row.duration >= least)
        .minus(commercials)
        .filter(row.duration >= least)
        .mutate(guest=vq.coverage(guests), small=vq.coverage(guests.filter(face.height < 0.3)))
        .filter(row.guest > 0.35, row.small < 0.7 * row.guest)
    )


def parts(faces: vq.Intervals, interview: vq.Intervals, guest: str = GUESTS[0]) -> vq.Intervals:
    """Divide interviews into ``guest``, ``host`` and ``both``: who is on screen."""
    one = faces.filter(face.name == guest).select().coalesce()
    other = faces.filter(face.host).select().coalesce()
    return (
        one.minus(other)
        .mutate(who="guest")
        .union(other.minus(one).mutate(who="host"), one.intersect(other).mutate(who="both"))
        .intersect(interview)
    )


if __name__ == "__main__":
    run(interviews, lambda: archive().faces, lambda: archive().commercials)
