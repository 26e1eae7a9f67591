"""The queries through vquery's public interface; results as Arrow tables."""

from __future__ import annotations

import pyarrow as pa

import vquery as vq
from vquery import before, boxes_overlap, during, row, time_overlaps

PAIR = ["id", "id_right"]


class Engine:
    """Holds the tables as relations."""

    name = "vquery"

    def __init__(self, tables):
        spelled = {"t1": "start_us", "t2": "end_us"}
        for name, table in tables.items():
            columns = {spelled.get(key, key): pa.array(each) for key, each in table.items()}
            setattr(self, name, vq.from_arrow(pa.table(columns), name=name))

    def q1(self):
        """Faces of one name overlap faces of another: the hull and both ids."""
        both = self.faces.filter(row.name == 0).join(
            self.faces.filter(row.name == 1), predicate=time_overlaps
        )
        return both.collect(columns=["start_us", "end_us", *PAIR], ordered=False)

    def q2(self):
        """Count the pairs of faces and shots."""
        return self.faces.join(self.shots, predicate=time_overlaps).count()

    def q2b(self):
        """Pairs of faces and shots."""
        return self._pairs(self.faces, self.shots, time_overlaps)

    def q3(self):
        """Pairs of faces and words."""
        return self._pairs(self.faces, self.captions, time_overlaps)

    def q4(self):
        """Runs of faces of one name, bridging 5 s."""
        runs = self.faces.coalesce(gap=5, by="name", n=vq.count())
        return runs.collect(columns=["start_us", "end_us", "n"], ordered=False)

    def q5(self):
        """What of each shot has no face."""
        free = self.shots.minus(self.faces)
        return free.collect(columns=["id", "start_us", "end_us"], ordered=False)

    def q6(self):
        """Faces that start at most 10 s after a shot ends."""
        return self._pairs(self.shots, self.faces, before(max_gap=10))

    def q7(self):
        """Three large faces of one frame, level with each other, on distinct tracks."""
        trio = vq.pattern("a", "b", "c").where(
            lambda a, b, c: (a.id < b.id) & (b.id < c.id),
            lambda a, b: level(a, b) & (a.track != b.track),
            lambda b, c: level(b, c) & (b.track != c.track),
            lambda a, c: level(a, c) & (a.track != c.track),
        )
        found = self.faces.filter(row.height > 0.3).per_frame().match(trio)
        return found.collect(columns=["a_id", "b_id", "c_id"], ordered=False)

    def q8(self):
        """Faces during a graphic, left of its centre, boxes sharing area."""
        placed = during & boxes_overlap & (lambda a, b: a.center_x < b.center_x)
        return self._pairs(self.faces, self.graphics, placed)

    @staticmethod
    def _pairs(left, right, predicate):
        joined = left.join(right, predicate=predicate)
        return joined.collect(columns=PAIR, ordered=False)

    def full_rows(self):
        """Q2b once more with all columns, merged times and boxes, sorted."""
        return self.faces.join(self.shots, predicate=time_overlaps).collect()


def level(one, other):
    """Centres differ by less than a tenth of the picture's height."""
    return abs(one.center_y - other.center_y) < 0.1
