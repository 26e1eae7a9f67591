"""Writes programmes: which blocks a video has, and which shots a block has."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from vquery_newsroom import script, sets
from vquery_newsroom.adverts import PRODUCTS
from vquery_newsroom.graphics import BROLL
from vquery_newsroom.people import CAST, STRANGERS
from vquery_newsroom.picture import FPS
from vquery_newsroom.programme import SHORTEST, Programme, Role, Shot
from vquery_newsroom.script import Cue, Topic, pick

if TYPE_CHECKING:
    from collections.abc import Callable

LEAD_IN = 0.2  # seconds from a cut to the first word
WHOLE_PROGRAMME = 12.0  # seconds: anything shorter has neither greeting nor farewell
DRAWN = {"title", "graphic", "commercial"}  # no camera was there: the day's light is not on them
Lines = list[tuple[str, str]]  # speaker, text


@dataclass(frozen=True, slots=True)
class View:
    """What the camera sees behind the people, and what is written in front of them."""

    scene: str
    headline: str = ""
    tag: str = "LIVE"
    camera: float = 0.5
    zoom: float = 1.0


@dataclass
class Director:
    """Adds block after block of shots to a programme."""

    rng: np.random.Generator
    shots: list[Shot] = field(default_factory=list)
    block: int = 0
    block_kind: str = ""

    def __post_init__(self) -> None:
        """Choose what a programme keeps: the studio, the day's light and the stories."""
        self.studio, self.other = (str(name) for name in self.rng.permutation(sets.STUDIOS)[:2])
        self.set_seed = int(self.rng.integers(1 << 30))
        self.warmth = float(self.rng.uniform(-0.05, 0.05))
        self.topics = [script.TOPICS[i] for i in self.rng.permutation(len(script.TOPICS))]
        self.products = [PRODUCTS[i] for i in self.rng.permutation(len(PRODUCTS))]
        self.extras = [STRANGERS[i].character for i in self.rng.permutation(len(STRANGERS))]

    @property
    def seconds(self) -> float:
        """Length so far."""
        return self.shots[-1].end / FPS if self.shots else 0.0

    def topic(self) -> Topic:
        """Return the next story."""
        self.topics.append(self.topics.pop(0))
        return self.topics[-1]

    def extra(self) -> str:
        """Return the next stranger."""
        self.extras.append(self.extras.pop(0))
        return self.extras[-1]

    def begin(self, kind: str) -> None:
        """Start a new block."""
        self.block += 1
        self.block_kind = kind

    def shoot(
        self,
        kind: str,
        view: View,
        lines: Lines,
        roles: tuple[Role, ...] = (),
        *,
        backs: tuple[Role, ...] = (),
        opens_with: str = "cut",
    ) -> None:
        """Add a shot just long enough for its lines."""
        first = self.shots[-1].end if self.shots else 0
        speech, seconds = self._speech(lines, first / FPS)
        self.shots.append(
            Shot(
                kind=kind,
                first=first,
                end=first + int(np.ceil(max(SHORTEST, seconds) * FPS)),
                scene=view.scene,
                roles=tuple(self._jittered(role) for role in roles),
                backs=backs,
                speech=speech,
                headline=view.headline,
                tag=view.tag,
                opens_with=opens_with if self.shots else "start",
                block=self.block,
                block_kind=self.block_kind,
                set_seed=self.set_seed,
                camera=view.camera,
                zoom=view.zoom,
                light=self._light(kind),
                side=int(self.rng.choice((-1, 1))),
                seed=int(self.rng.integers(1 << 30)),
            )
        )

    @staticmethod
    def _speech(lines: Lines, begin: float) -> tuple[tuple[Cue, ...], float]:
        """Time the lines of a shot; also how many seconds they take."""
        clock, speech = begin + LEAD_IN, []
        for speaker, text in lines:
            end = clock + script.spoken_for(text)
            speech.append(Cue(round(clock, 3), round(end, 3), text, speaker))
            clock = end + script.PAUSE
        return tuple(speech), clock - begin

    def _light(self, kind: str) -> tuple[float, float, float]:
        """Gain of blue, green and red: brighter or darker, warmer or colder."""
        gain, warm = self.rng.uniform(0.84, 1.10), self.warmth + self.rng.uniform(-0.05, 0.05)
        if kind in DRAWN:
            return 1.0, 1.0, 1.0
        return float(gain * (1 - warm)), float(gain), float(gain * (1 + warm))

    def _jittered(self, role: Role) -> Role:
        """Frame a role a little differently in every take."""
        right, down, nearer = (float(by) for by in self.rng.uniform(-1, 1, 3))
        size = role.size * (1 + 0.06 * nearer)
        return replace(role, x=role.x + 0.012 * right, y=role.y + 0.008 * down, size=size)

    def single(
        self, who: str, lines: Lines, topic: Topic, *, side: int = 0, opens_with: str = "cut"
    ) -> None:
        """Add one person in the studio; ``side`` -1 or 1: left or right, looking across."""
        size = float(self.rng.uniform(0.145, 0.195))
        role = Role(who, 0.5 + 0.12 * side, 0.41, size, facing=-0.18 * side)
        tag = CAST[who].name.upper() or "LIVE"
        zoom = 1.5 if side else 1.25
        view = View(self.studio, topic.headline, tag, camera=0.5 + 0.5 * side, zoom=zoom)
        self.shoot("single", view, lines, (role,), opens_with=opens_with)

    def opening(self, host: str) -> None:
        """Add the title card and the greeting."""
        self.begin("opening")
        self.shoot("title", View("title"), [])
        greeting = pick(self.rng, script.GREETINGS, name=CAST[host].name)
        self.single(host, [(host, greeting)], self.topic())

    def story(self, host: str) -> None:
        """Add a story: the host announces it, then pictures of it."""
        self.begin("story")
        topic = self.topic()
        # another camera than the greeting's, or the cut between them would hardly show
        side = int(self.rng.choice((-1, 1)))
        self.single(host, [(host, pick(self.rng, topic.facts[:1]))], topic, side=side)
        view = View(str(self.rng.choice(BROLL)), topic.headline)
        self.shoot(
            "graphic", view, [(host, pick(self.rng, topic.facts[1:]))], opens_with="dissolve"
        )

    def interview(self, host: str, guest: str) -> None:
        """Show both, then one after the other, then both again from closer."""
        self.begin("interview")
        topic, rng, name = self.topic(), self.rng, CAST[guest].name
        far = (Role(host, 0.29, 0.42, 0.128, 0.24), Role(guest, 0.71, 0.42, 0.128, -0.24))
        welcome = [(host, pick(rng, script.WELCOMES, name=name))]
        self.shoot("two", View(self.studio, topic.headline, "INTERVIEW"), welcome, far)
        self.single(guest, [(guest, pick(rng, topic.answers))], topic, side=1)
        face, back = Role(host, 0.36, 0.41, 0.15, 0.22), Role(guest, 0.90, 0.58, 0.24)
        view = View(self.studio, topic.headline, camera=0.0, zoom=1.6)
        question = [(host, pick(rng, topic.questions))]
        self.shoot("over_shoulder", view, question, (face,), backs=(back,))
        near = (Role(host, 0.27, 0.41, 0.15, 0.18), Role(guest, 0.73, 0.41, 0.15, -0.18))
        closing = [(host, pick(rng, script.THANKS, name=name)), (guest, pick(rng, script.REPLIES))]
        view = View(self.studio, topic.headline, "INTERVIEW", camera=0.3, zoom=1.3)
        self.shoot("two", view, closing, near)

    def panel(self, left: str, middle: str, right: str) -> None:
        """Seat three people in a row at one desk."""
        self.begin("panel")
        topic, rng = self.topic(), self.rng
        row = (
            Role(left, 0.2, 0.43, 0.105, 0.2),
            Role(middle, 0.5, 0.43, 0.105),
            Role(right, 0.8, 0.43, 0.105, -0.2),
        )
        view = View(self.other, topic.headline, "PANEL")
        question = pick(rng, script.ROUNDS, name=CAST[middle].name)
        self.shoot("panel", view, [(left, question)], row)
        self.single(middle, [(middle, pick(rng, topic.answers))], topic, side=-1)
        view = replace(view, camera=0.8, zoom=1.2)
        self.shoot("panel", view, [(right, pick(rng, topic.answers))], row)

    def advert(self, *, actor: bool = False) -> None:
        """Add a commercial of two shots."""
        self.begin("commercial")
        product = self.products[0]
        self.products.append(self.products.pop(0))
        view = View(product.name, tag="", camera=0.0)
        self.shoot("commercial", view, [("", product.lines[0])], opens_with="fade")
        who = self.extra()
        roles = (Role(who, 0.70, 0.42, 0.165, -0.18),) if actor else ()
        view = replace(view, camera=1.0)
        self.shoot("commercial", view, [(who if actor else "", product.lines[1])], roles)

    def advert_with_actor(self) -> None:
        """Add a commercial in whose second shot a stranger speaks."""
        self.advert(actor=True)

    def street(self, reporter: str) -> None:
        """Add a reporter outside whom somebody walks past, then a voice from the street."""
        self.begin("street")
        topic, rng = self.topic(), self.rng
        place, way = str(rng.choice(sets.OUTSIDE)), int(rng.choice((-1, 1)))
        walker = Role(self.extra(), 0.5 - 0.56 * way, 0.45, 0.068, 0.35 * way, walk=0.24 * way)
        face = Role(reporter, 0.5 + 0.14 * way, 0.42, 0.145)
        view = View(place, topic.headline, CAST[reporter].name.upper(), zoom=1.1)
        report = [(reporter, pick(rng, topic.facts))]
        self.shoot("standup", view, report, (walker, face), opens_with="dissolve")
        passer = self.extra()
        view = View(place, topic.headline, "STREET", camera=1.0, zoom=1.55)
        opinion = [(passer, pick(rng, script.PASSERS_BY))]
        self.shoot("street", view, opinion, (Role(passer, 0.44, 0.41, 0.165, 0.25),))

    def weather(self, host: str) -> None:
        """Add the forecast."""
        self.begin("weather")
        view = View("weather", "THE WEATHER", "TOMORROW")
        forecast = [(host, pick(self.rng, script.FORECASTS))]
        self.shoot("graphic", view, forecast, opens_with="dissolve")

    def close(self, host: str) -> None:
        """Let the host say goodbye."""
        self.begin("close")
        farewell = [(host, pick(self.rng, script.FAREWELLS))]
        self.single(host, farewell, self.topic(), side=-1, opens_with="dissolve")


BLOCKS: dict[str, Callable[..., None]] = {
    "advert": Director.advert,
    "advert_with_actor": Director.advert_with_actor,
    "interview": Director.interview,
    "panel": Director.panel,
    "story": Director.story,
    "street": Director.street,
    "weather": Director.weather,
}

Order = tuple[str, str, tuple[tuple[str, ...], ...]]  # name, host, blocks with their cast
ORDERS: tuple[Order, ...] = (
    (
        "morning-briefing",
        "lucia",
        (("interview", "jake", "bernie"), ("advert",), ("story", "lucia")),
    ),
    (
        "city-report",
        "jake",
        (("street", "amara"), ("advert_with_actor",), ("interview", "jake", "bernie")),
    ),
    (
        "round-table",
        "lucia",
        (("panel", "amara", "lucia", "kenji"), ("advert",), ("interview", "kenji", "amara")),
    ),
    (
        "evening-news",
        "jake",
        (("story", "jake"), ("panel", "bernie", "amara", "jake"), ("advert",)),
    ),
    (
        "business-hour",
        "kenji",
        (("interview", "jake", "kenji"), ("advert_with_actor",), ("street", "bernie")),
    ),
    (
        "late-edition",
        "bernie",
        (("interview", "bernie", "jake"), ("weather", "bernie"), ("advert",)),
    ),
    (
        "coast-to-coast",
        "amara",
        (("street", "jake"), ("interview", "lucia", "bernie"), ("advert",)),
    ),
    (
        "one-to-one",
        "kenji",
        (("interview", "bernie", "jake"), ("advert_with_actor",), ("story", "kenji")),
    ),
    (
        "town-hall",
        "lucia",
        (("panel", "jake", "lucia", "stranger-2"), ("weather", "lucia"), ("street", "kenji")),
    ),
    (
        "week-in-review",
        "amara",
        (("panel", "jake", "kenji", "bernie"), ("advert",), ("interview", "amara", "bernie")),
    ),
)


def plan(index: int, *, seed: int, seconds: float) -> Programme:
    """Write the programme of video ``index`` (from 0), about ``seconds`` long.

    Whole blocks are added until it is long enough, and at least one. The running orders repeat
    after ten videos, with other stories, sets and framing.
    """
    name, host, blocks = ORDERS[index % len(ORDERS)]
    director = Director(np.random.default_rng([seed, index]))
    whole = seconds >= WHOLE_PROGRAMME
    if whole:
        director.opening(host)
    turn = 0
    while turn == 0 or director.seconds < seconds - 3.5:
        kind, *cast = blocks[turn % len(blocks)]
        BLOCKS[kind](director, *cast)
        turn += 1
    if whole:
        director.close(host)
    return Programme(f"{index + 1:02d}-{name}", tuple(director.shots))
