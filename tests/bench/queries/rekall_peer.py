"""The queries in Rekall, with the narrowest search window that loses no pair of the query."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

SECOND = 1_000_000


class Rekall:
    """Interval sets by video; the payload is a row of the table as a mapping."""

    name = "rekallpy"

    def __init__(self, tables):
        from rekall import Interval, IntervalSet, IntervalSetMapping
        from rekall.bounds import Bounds1D, Bounds3D

        self._interval, self._bounds = Interval, Bounds1D
        self._set, self._mapping = IntervalSet, IntervalSetMapping
        self._sets = {}
        for name, table in tables.items():
            boxed = "x1" in table
            grouped = defaultdict(list)
            rows = zip(*(each.tolist() for each in table.values()), strict=True)
            for values in rows:
                row = dict(zip(table, values, strict=True))
                edges = [row[edge] for edge in ("x1", "x2", "y1", "y2")] if boxed else []
                bounds = (Bounds3D if boxed else Bounds1D)(row["t1"], row["t2"], *edges)
                grouped[row["video"]].append(Interval(bounds, row))
            sets = {video: IntervalSet(each) for video, each in grouped.items()}
            self._sets[name] = IntervalSetMapping(sets)

    def _pair(self, a, b):
        bounds = self._bounds(min(a["t1"], b["t1"]), max(a["t2"], b["t2"]))
        return self._interval(bounds, (a["payload"]["id"], b["payload"]["id"]))

    def _pairs(self, left, right, predicate, window=0):
        return self._sets[left].join(self._sets[right], predicate, self._pair, window=window)

    @staticmethod
    def _columns(mapping, *functions):
        rows = [each for key in mapping for each in mapping[key].get_intervals()]
        return [np.array([function(each) for each in rows], np.int64) for function in functions]

    def _ids(self, pairs):
        return self._columns(pairs, lambda i: i["payload"][0], lambda i: i["payload"][1])

    def q1(self):
        from rekall.predicates import overlaps

        faces = self._sets["faces"]
        named = [faces.filter(lambda i, name=name: i["payload"]["name"] == name) for name in (0, 1)]
        both = named[0].join(named[1], overlaps(), self._pair, window=0)
        hull = self._columns(both, lambda i: i["t1"], lambda i: i["t2"])
        return [*hull, *self._ids(both)]

    def q2b(self):
        from rekall.predicates import overlaps

        return self._ids(self._pairs("faces", "shots", overlaps()))

    def q4(self):
        by_name = self._mapping.from_intervalset(
            self._set(
                [
                    i
                    for video in self._sets["faces"]
                    for i in self._sets["faces"][video].get_intervals()
                ]
            ),
            lambda i: (i["payload"]["video"], i["payload"]["name"]),
        )
        counted = by_name.map(lambda i: self._interval(self._bounds(i["t1"], i["t2"]), 1))
        runs = counted.coalesce(
            ("t1", "t2"), self._bounds.span, lambda a, b: a + b, epsilon=5 * SECOND
        )
        return self._columns(runs, lambda i: i["t1"], lambda i: i["t2"], lambda i: i["payload"])

    def q5(self):
        rest = self._sets["shots"].minus(self._sets["faces"], window=0)
        return self._columns(
            rest, lambda i: i["payload"]["id"], lambda i: i["t1"], lambda i: i["t2"]
        )

    def q6(self):
        from rekall.predicates import before

        window = 10 * SECOND
        pairs = self._pairs("shots", "faces", before(0, window), window)
        return self._ids(pairs)

    def q8(self):
        from rekall.predicates import and_pred, during, overlaps

        bounds = type(next(iter(self._sets["faces"][0].get_intervals()))["bounds"])
        two = np.float32(2)

        def left_of_centre(a, b):
            middle = [(np.float32(i["x1"]) + np.float32(i["x2"])) / two for i in (a, b)]
            return middle[0] < middle[1]

        crossed = [bounds.X(overlaps()), bounds.Y(overlaps())]
        return self._ids(
            self._pairs("faces", "graphics", and_pred(during(), left_of_centre, *crossed))
        )
