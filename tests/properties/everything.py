"""Random queries made of every operation, on columns that the relation at hand has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

import vquery as vq
from tests.properties.test_engine import (
    CONDITIONS,
    EDGES,
    GAPS,
    MERGES,
    predicates,
)
from tests.properties.test_pairs import AXES, BY, MIXES, NEAREST, RULES, SCORES
from tests.properties.test_sequences import SETTINGS as SEQUENCES
from tests.properties.test_sequences import patterns, possible
from tests.properties.test_spans import SCORES as RUN_SCORES
from tests.properties.test_spans import SECONDS, STEPS, TESTS
from tests.properties.walks import STEP, Walk, step
from vquery import row
from vquery.errors import QueryError

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals

    Draw = st.DrawFn


@step
def keep(walk: Walk, given: Intervals) -> Intervals:
    condition = walk.draw(CONDITIONS)
    kind = walk.of("plain", "param", "frames", "seconds", "columns")
    if kind == "param":
        condition &= row.score >= walk.param(0.5, 0.1)
    elif kind == "frames":
        condition |= row.duration > vq.frames(walk.of(2, 5, -1))
    elif kind == "seconds":
        condition |= row.duration <= vq.seconds(walk.of(0.5, 2))
    elif kind == "columns":
        for name in walk.columns(given):
            condition |= row[name].is_null() | (row[name] != row[name])
    return given.filter(condition)


@step
def mutate(walk: Walk, given: Intervals) -> Intervals:
    by = walk.param(0.5, 1.5)
    made: dict[str, Any] = {
        "score": row.score * 0.5,
        "track": row.track + 1,
        "start": row.start - by,
        "end": row.end + by,
        "x1": row.x1 + 0.25,
        walk.new("made"): row.duration * 2,
        walk.new("text"): row.name.lower() + "!",
        walk.new("test"): vq.when(row.score > 0.5, row.x1).otherwise(row.y1),
    }
    names = walk.draw(st.lists(st.sampled_from(list(made)), max_size=4, unique=True))
    return given.mutate(**{name: made[name] for name in names})


@step
def lookups(walk: Walk, given: Intervals) -> Intervals:
    other, by = walk.other(), walk.draw(BY)
    share, number = vq.coverage(other, by=by), vq.count_overlaps(other, walk.draw(predicates()))
    if walk.draw(st.booleans()):
        return given.filter((share > 0.25) | (number >= walk.param(1, 2)))
    return given.mutate(**{walk.new("share"): share + number, "track": number + row.track})


@step
def sort(walk: Walk, given: Intervals) -> Intervals:
    keys: list[Any] = [row[name] for name in walk.columns(given)]
    return given.sort(*keys, row.score.desc(), descending=walk.draw(st.booleans()))


@step
def limit(walk: Walk, given: Intervals) -> Intervals:
    return given.limit(walk.param(walk.of(0, 3, 6), 2), walk.of(0, 0, 1))


@step
def distinct(walk: Walk, given: Intervals) -> Intervals:
    return given.distinct(*walk.columns(given))


@step
def union(walk: Walk, given: Intervals) -> Intervals:
    return given.union(walk.other(), given)


@step
def choose(walk: Walk, given: Intervals) -> Intervals:
    kind = walk.of("drop", "select", "rename", "swap")
    if kind == "rename":
        return given.rename({name: walk.new(name) for name in walk.columns(given)})
    if kind == "swap":
        return given.rename({"name": "track", "track": "name"}).rename(track="name", name="track")
    names = walk.columns(given, 4)
    return given.drop(*names) if kind == "drop" else given.select(*names, "name", "score")


@step
def sample(walk: Walk, given: Intervals) -> Intervals:
    by, seed = walk.columns(given), walk.of(0, 1)
    if walk.draw(st.booleans()):
        return given.sample(walk.param(3, 1), by=by, seed=seed)
    return given.sample(fraction=walk.param(0.5, 0.75), by=by, seed=seed)


@step
def join(walk: Walk, given: Intervals) -> Intervals:
    merge: Any = walk.draw(MERGES | MIXES)
    if walk.draw(st.booleans()):
        axes = {"time": merge.time, "x": merge.x, "y": merge.y}
        merge = vq.merge(**axes, columns=walk.draw(RULES))
    settings = {
        "merge_op": merge,
        "score": walk.draw(SCORES),
        "how": walk.of("inner", "left"),
        "suffix": walk.new("_right"),
    }
    if walk.of(False, False, True):
        return given.join(walk.other(), cross=True, **settings)
    return given.join(walk.other(), distances(walk), **settings)


def distances(walk: Walk) -> Any:
    """Predicate, maybe with lengths in frames, seconds or params."""
    kind = walk.of("plain", "plain", "frames", "param", "self")
    if kind == "frames":
        return vq.before(max_gap=vq.frames(walk.of(1, 3))) | vq.time_overlaps
    if kind == "param":
        return vq.meets(tolerance=walk.param(0.5, 1)) | vq.iou(at_least=walk.param(0.25, 0.5))
    return walk.draw(predicates())


@step
def join_itself(walk: Walk, given: Intervals) -> Intervals:
    other = given.filter(walk.draw(CONDITIONS))
    if walk.draw(st.booleans()):
        other = other.shift(walk.draw(SECONDS))
    how = walk.of("inner", "left")
    return given.join(other, distances(walk), merge_op=vq.left, suffix=walk.new("_b"), how=how)


@step
def partnered(walk: Walk, given: Intervals) -> Intervals:
    other = walk.of(given, walk.other())
    make = walk.of(given.semi_join, given.anti_join)
    return make(other, distances(walk))  # type: ignore[no-any-return]


@step
def cut(walk: Walk, given: Intervals) -> Intervals:
    make, test = walk.of(given.minus, given.intersect), walk.draw(st.none() | predicates())
    other = walk.of(given.shift(0.25), walk.other())
    return make(other, test, axis=walk.draw(AXES), by=walk.draw(BY))  # type: ignore[no-any-return]


@step
def nearest(walk: Walk, given: Intervals) -> Intervals:
    settings = walk.draw(NEAREST)
    settings["k"] = walk.param(settings["k"], 2)
    if "max_gap" in settings:
        settings["max_gap"] = walk.of(walk.param(settings["max_gap"], 1), vq.frames(3))
    return given.nearest(walk.other(), **settings, suffix=walk.new("_n"), name=walk.new("gap"))


@step
def count_overlaps(walk: Walk, given: Intervals) -> Intervals:
    return given.count_overlaps(walk.other(), distances(walk), name=walk.new("n"))


@step
def coverage(walk: Walk, given: Intervals) -> Intervals:
    return given.coverage(walk.other(), name=walk.new("share"), by=walk.draw(BY))


@step
def collect_by(walk: Walk, given: Intervals) -> Intervals:
    name, other = walk.new("near"), walk.other()
    kept = walk.columns(other, 3)
    found = given.collect_by(
        other,
        distances(walk),
        name=name,
        columns=[each for each in kept if each != "video"],
        keep_empty=walk.draw(st.booleans()),
    )
    return walk.of(found, found.mutate(track=row[name].length()), found.drop(name))


@step
def coalesce(walk: Walk, given: Intervals) -> Intervals:
    axis = walk.draw(AXES)
    share = 1 if axis == "time" else 0.1
    gap = walk.draw(GAPS) * share
    longest = walk.draw(st.none() | STEPS)
    return given.coalesce(
        walk.of(gap, walk.param(gap, share), *[vq.frames(2)] * (axis == "time")),
        by=walk.columns(given),
        where=walk.draw(st.none() | TESTS),
        axis=axis,
        max_length=longest if longest is None else walk.param(longest * share, 2 * share),
        score=walk.draw(RUN_SCORES),
        **{walk.new("n"): vq.count()},
    )


@step
def bounds(walk: Walk, given: Intervals) -> Intervals:
    axis, clip = walk.draw(AXES), walk.draw(st.booleans())
    by = walk.draw(SECONDS) if axis == "time" else walk.draw(EDGES)
    amount = walk.of(walk.param(by, 0.25), *[vq.frames(walk.of(1, -2))] * (axis == "time"))
    kind = walk.of("dilate", "shift", "clip", "clip all", "clip start")
    if kind == "dilate":
        side = walk.of("both", "start", "end")
        return given.dilate(amount, side=side, axis=axis, clip=clip)
    if kind == "shift":
        return given.shift(amount, axis=axis)
    if kind == "clip all":
        return given.clip(axis=axis)
    if kind == "clip start":
        return given.clip(start=amount, axis=axis)
    return given.clip(walk.param(0.25, 0), walk.of(0.5, 1.5), axis=axis)


@step
def pieces(walk: Walk, given: Intervals) -> Intervals:
    length = walk.param(walk.draw(STEPS), 0.75)
    kind = walk.of("split", "at", "windows", "steps")
    if kind == "split":
        return given.split(walk.of(length, vq.frames(2)), anchor=walk.of("row", "video"))
    if kind == "at":
        return given.split(at=walk.of(given.shift(0.25), walk.other()))
    if kind == "windows":
        return given.windows(length, partial=walk.draw(st.booleans()))
    return given.windows(length, walk.draw(STEPS), partial=walk.draw(st.booleans()))


@step
def complement(walk: Walk, given: Intervals) -> Intervals:
    kind = walk.of("whole", "within", "of", "extents")
    if kind == "whole":
        return given.union(given.clip().complement())
    if kind == "within":
        return walk.other().complement(given)
    return given.complement(given.extents() if kind == "extents" else walk.other())


@step
def concat(walk: Walk, given: Intervals) -> Intervals:
    put = vq.concat(given, walk.other(), names=["one", "two"]).rename({"collection": walk.new("c")})
    return walk.of(put, put.rekey(row.name).rekey_back())


@step
def rekey(walk: Walk, given: Intervals) -> Intervals:
    shift = walk.of(0, row.track * 1.5, -row.score, walk.param(2, 0.5))
    key = walk.of("name", row.track, vq.lit("all"), row.video + "x")
    there = given.rekey(key, shift=shift)
    kind = walk.of("back", "stay", "named", "coalesce", "join")
    if kind == "stay":
        return there.rename({"from_video": walk.new("v"), "from_shift_us": walk.new("s")})
    if kind == "coalesce":
        there = there.coalesce(0.5, by="from_video")
    elif kind == "join":
        other = walk.other().rekey(key, shift=shift)
        there = there.join(other, distances(walk), suffix=walk.new("_k"))
    elif kind == "named":
        there = there.filter(walk.draw(CONDITIONS))
    return there.rekey_back()


@step
def partition(walk: Walk, given: Intervals) -> Intervals:
    keys = walk.columns(given)
    order = [walk.of(row[name], row[name].desc()) for name in walk.columns(given)]
    parts = given.partition_by(*keys, order=order)
    kind = walk.of("mutate", "filter", "coalesce")
    if kind == "coalesce":
        return parts.coalesce(walk.draw(GAPS), n=vq.count()).drop("n")
    if kind == "filter":
        return parts.filter((vq.lag(row.start) < row.start) | (vq.rank(row.score) <= 2))
    made = {
        "before": row.start - vq.lag(row.end),
        "after": vq.lead(row.name),
        "sum": vq.cumulative_sum(row.track),
        "place": vq.row_number(),
        "most": vq.max(row.score),
        "first": vq.rank(row.score, descending=True, dense=True),
        "long": vq.rolling(vq.max(row.track), rows=2),
    }
    return parts.mutate(**{walk.new(name): made[name] for name in walk.of(*[[n] for n in made])})


@step
def sequence(walk: Walk, given: Intervals) -> Intervals:
    text, settings = walk.draw(patterns(1).filter(possible)), walk.draw(SEQUENCES)
    if settings.get("min_gap", 0) > settings.get("max_gap", 9):
        del settings["max_gap"]
    parts = given.limit(7).partition_by(*walk.columns(given, 1))
    found = parts.sequence(text, by="name", **settings)
    return walk.of(found, found.drop("parts")).rename({"n_parts": walk.new("parts")})


@step
def groups(walk: Walk, given: Intervals) -> Intervals:
    keys = given.group_by(*walk.columns(given))
    kind = walk.of("agg", "filter", "any", "match")
    if kind == "filter":
        return keys.filter(vq.count() >= walk.param(2, 1))
    if kind == "any":
        return keys.filter(vq.any(row.score > 0.5))
    if kind == "agg":
        made = {
            "score": vq.max(row.score),
            "track": vq.n_unique(row.name),
            "end_of": vq.last(row.end_us),
        }
        names = {"name": vq.first(row.name)} if walk.draw(st.booleans()) else {}
        return keys.agg(
            **{walk.new(n) if n in given.columns else n: e for n, e in (made | names).items()}
        )
    test = walk.of(vq.left_of("a", "b"), vq.before("a", "b"), vq.time_overlaps("a", "b"))
    wanted = vq.pattern("a", "b").where(test, lambda a, b: a.track <= b.track)
    found = keys.match(wanted, exact=walk.draw(st.booleans()))
    plain = found.select("x1", "x2", "y1", "y2", "score", "a_name", "b_track", "a_start_us")
    return plain.rename({"a_name": "name", "b_track": "track", "a_start_us": walk.new("a")})


@step
def phrase(walk: Walk, given: Intervals) -> Intervals:
    settings = walk.of(
        {},
        {"max_gap": walk.param(0.5, 1)},
        {"near": "ann", "within": walk.param(1, 3)},
        {"not_near": "ci", "words": 1},
    )
    found = given.phrase(walk.of("ann", "b*", "ann bob | ci", "bob ann"), on="name", **settings)
    return found.drop("text", "n_words", "exact")


@st.composite
def compositions(
    draw: Draw, depth: int = 4, *, odd: bool = False
) -> tuple[Intervals, dict[str, Any]]:
    """Draw a query and other values for its params."""
    walk = Walk(draw, odd=odd)
    made = walk.film()
    for _ in range(draw(st.integers(1, depth))):
        kind = draw(st.sampled_from(list(STEP)))
        try:
            made = STEP[kind](walk, made)
        except QueryError:  # a column that is gone, or has another type by now
            continue
    known = made.parameters
    return made, {name: value for name, value in walk.params.items() if name in known}
