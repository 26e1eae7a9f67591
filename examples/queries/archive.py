"""A made-up television archive with its truth: hours of faces, captions and commercials.

Six channels show an hour each evening. Hosts talk alone, with guests, or show pictures of guests in
small; commercials stand between black frames and speak in lower case. Faces are looked at every
three seconds, as the archives of the analysts were.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

import vquery as vq

HOSTS = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn")
GUESTS = ("Gil", "Hana", "Ivo", "June")
HOUR = 3600.0
SPEECH = 1800.0  # seconds after eight, on every channel that shows it
LOOK = 3.0  # seconds from one look at the faces to the next
TOPICS = ("ELECTION", "WEATHER", "MARKETS", "HARBOUR")
FILLER = "AND NOW THE CITY SAYS THAT THERE WILL BE MORE OF IT NEXT WEEK".split()


@dataclass(frozen=True)
class Archive:
    """Rows of the archive; ``commercials`` and ``interviews`` are the truth."""

    faces: vq.Intervals
    captions: vq.Intervals
    black: vq.Intervals
    episodes: vq.Intervals
    commercials: vq.Intervals
    interviews: vq.Intervals


@dataclass
class _Hour:
    """One programme while it is being made up."""

    video: str
    channel: str
    airs: int
    host: str
    rng: np.random.Generator
    at: float = 0.0
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, start: float, end: float, **columns: Any) -> None:
        row = {"video": self.video, "start": round(start, 3), "end": round(end, 3), **columns}
        self.rows.setdefault(table, []).append(row)

    def show(self, start: float, end: float, *people: str, height: float = 0.4) -> None:
        """Put people on screen side by side, as a recogniser that errs sees them."""
        width = height * 0.5
        for at in np.arange(np.ceil(start / LOOK) * LOOK, end, LOOK):
            for place, name in enumerate(people):
                left = (place + 0.5) / len(people) - width / 2 + self.rng.normal(0, 0.004)
                top = 0.15 + self.rng.normal(0, 0.004)
                sure = float(np.clip(self.rng.normal(0.9, 0.06), 0, 1))
                box = {"x1": left, "y1": top, "x2": left + width, "y2": top + height}
                self.add(
                    "faces", at, min(at + LOOK, end), **box, name=name, score=sure,
                    host=name == self.host, channel=self.channel, airs=self.airs,
                )  # fmt: skip

    def speak(self, start: float, end: float, topic: str = "", *, live: bool = True) -> None:
        """Caption what is said: live captions in upper case, ``>>`` where the speaker changes."""
        for at in np.arange(start, end - 1, LOOK):
            words = list(self.rng.choice(FILLER, 6))
            if topic:
                words[int(self.rng.integers(6))] = topic
            text = " ".join(words)
            turn = ">> " if self.rng.random() < 0.4 else ""
            shown = turn + text if live else text.lower()
            self.add("captions", at, min(at + LOOK, end), text=shown)

    def story(self, guest: str) -> None:
        """Let the host speak, with a picture of a guest for a moment."""
        long = self.rng.uniform(90, 200)
        small = self.at + self.rng.uniform(30, 60)
        self.show(self.at, small, self.host)
        self.show(small, small + 9, guest, height=0.18)
        self.show(small + 9, self.at + long, self.host)
        self.speak(self.at, self.at + long, str(self.rng.choice(TOPICS)))
        self.at += long

    def interview(self, guest: str) -> None:
        """Alternate between host, guest and both."""
        start, long = self.at, self.rng.uniform(250, 420)
        views = ((self.host, guest), (guest,), (self.host, guest), (self.host,), (guest,))
        turn = 0
        while self.at < start + long:
            shot = self.rng.uniform(9, 21)
            self.show(self.at, self.at + shot, *views[turn % len(views)])
            self.at, turn = self.at + shot, turn + 1
        self.speak(start, self.at, str(self.rng.choice(TOPICS)))
        self.add("interviews", start, self.at, guest=guest, host=self.host)

    def commercials(self) -> None:
        """Show spots of half a minute; every other one has captions."""
        start = self.at
        for spot in range(int(self.rng.integers(4, 7))):
            self.add("black", self.at - 0.2, self.at + 0.2)
            self.show(self.at + 3, self.at + 24, f"actor {spot}")
            if spot % 2:
                self.speak(self.at, self.at + 29, live=False)
            self.at += 30
        self.add("black", self.at - 0.2, self.at + 0.2)
        self.add("commercials", start, self.at)


@cache
def archive(evenings: int = 2, seed: int = 0) -> Archive:
    """Make up six channels on some evenings; on the first, four show a speech by Gil at once."""
    rows: dict[str, list[dict[str, Any]]] = {}
    extents = []
    for evening in range(evenings):
        for number, host in enumerate(HOSTS):
            # channels begin some seconds apart, so that video times do not agree
            airs = evening * 86_400 + 20 * 3600 + 7 * number
            rng = np.random.default_rng([seed, evening, number])
            hour = _Hour(f"{host}-{evening}", f"channel {number}", airs, host, rng, rows=rows)
            _programme(hour, speech=evening == 0 and number < 4)
            hour.add("episodes", 0, hour.at, channel=hour.channel, airs=airs)
            extents.append((hour.video, hour.at))
    names, ends = zip(*extents, strict=True)
    known = pa.table({"video": names, "start": [0.0] * len(ends), "end": ends})
    tables = ("faces", "captions", "black", "episodes", "commercials", "interviews")
    return Archive(
        *(vq.from_arrow(pa.Table.from_pylist(rows[n]), name=n, extents=known) for n in tables)
    )


def _programme(hour: _Hour, *, speech: bool) -> None:
    """Fill an hour: stories, interviews, commercials, and maybe the speech."""
    guests = list(hour.rng.permutation(GUESTS))
    hour.story(guests[3])
    while hour.at < HOUR - 600:
        begins = SPEECH - hour.airs % HOUR
        if speech and hour.at > begins - 800:
            hour.show(hour.at, begins, hour.host)
            hour.speak(hour.at, begins)
            hour.show(begins, begins + 120, "Gil", height=0.5)
            hour.speak(begins, begins + 120, "ELECTION")
            hour.at, speech = begins + 120, False
        hour.interview(guests[0])
        hour.commercials()
        hour.story(guests[1])
        guests.append(guests.pop(0))
    hour.story(guests[2])
