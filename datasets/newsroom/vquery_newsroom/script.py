"""What is said: a small grammar of live-caption sentences, in upper case without accents."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np

Random = np.random.Generator
LINE_WIDTH = 32  # characters in a line of live captions
PACE = 17.0  # characters spoken in a second
PAUSE = 0.35  # seconds after a sentence


@dataclass(frozen=True, slots=True)
class Topic:
    """A story: its headline and sentences; ``{n}`` takes a number."""

    headline: str
    facts: tuple[str, ...]
    questions: tuple[str, ...]
    answers: tuple[str, ...]


TOPICS = (
    Topic(
        "HARBOUR BRIDGE REOPENS",
        (
            "THE HARBOUR BRIDGE REOPENED THIS MORNING AFTER {n} WEEKS.",
            "MORE THAN {n} THOUSAND PEOPLE WALKED ACROSS IT.",
        ),
        ("HOW SAFE IS THE BRIDGE NOW?", "WHAT TOOK THE REPAIRS SO LONG?"),
        (
            "EVERY BOLT HAS BEEN TESTED TWICE. IT WILL STAND.",
            "WE FOUND RUST IN {n} PLACES. ALL OF IT IS GONE.",
            "THE FERRIES KEEP RUNNING UNTIL FRIDAY.",
        ),
    ),
    Topic(
        "NEW NIGHT TRAMS",
        (
            "NIGHT TRAMS WILL RUN EVERY {n} MINUTES FROM MONDAY.",
            "THE NEW LINE LINKS THE STATION WITH THE MARKET.",
        ),
        ("WHO WILL PAY FOR THE NIGHT TRAMS?", "WILL THE OLD TICKETS STILL WORK?"),
        (
            "THE CITY PAYS HALF, THE RIDERS THE OTHER HALF.",
            "YES. NOTHING CHANGES FOR {n} MONTHS.",
            "DRIVERS HAVE ASKED FOR THIS FOR YEARS.",
        ),
    ),
    Topic(
        "RECORD APPLE HARVEST",
        (
            "GROWERS REPORT THE BEST APPLE HARVEST IN {n} YEARS.",
            "WARM NIGHTS AND EARLY RAIN MADE THE DIFFERENCE.",
        ),
        ("WILL APPLES BE CHEAPER THIS WINTER?", "CAN THE ORCHARDS FIND ENOUGH PICKERS?"),
        (
            "PRICES SHOULD FALL BY {n} PERCENT, I THINK.",
            "WE STILL NEED {n} HUNDRED PEOPLE BY SUNDAY.",
            "MY GRANDFATHER NEVER SAW A YEAR LIKE THIS.",
        ),
    ),
    Topic(
        "LIBRARY STAYS OPEN LATE",
        (
            "THE CITY LIBRARY NOW STAYS OPEN UNTIL MIDNIGHT.",
            "READERS BORROWED {n} THOUSAND BOOKS LAST WEEK.",
        ),
        ("WHO COMES TO A LIBRARY AT MIDNIGHT?", "ARE THERE ENOUGH SEATS?"),
        (
            "STUDENTS, NURSES, PEOPLE WHO CANNOT SLEEP.",
            "WE ADDED {n} DESKS AND A VERY GOOD KETTLE.",
            "A QUIET ROOM IS WORTH MORE THAN IT COSTS.",
        ),
    ),
    Topic(
        "STORM WARNING LIFTED",
        (
            "THE STORM WARNING FOR THE COAST HAS BEEN LIFTED.",
            "WINDS REACHED {n} MILES AN HOUR AT THE LIGHTHOUSE.",
        ),
        ("IS THE WORST OVER?", "WHEN WILL THE LIGHTS COME BACK ON?"),
        (
            "THE WORST IS OVER, BUT STAY AWAY FROM THE PIER.",
            "CREWS HAVE FIXED {n} LINES SINCE DAWN.",
            "NEIGHBOURS HELPED EACH OTHER ALL NIGHT.",
        ),
    ),
    Topic(
        "CUP FINAL TONIGHT",
        (
            "TONIGHT {n} THOUSAND FANS WILL FILL THE OLD STADIUM.",
            "THE ROVERS HAVE NOT WON THE CUP IN {n} YEARS.",
        ),
        ("WHO WINS TONIGHT?", "CAN THE ROVERS KEEP THEIR NERVE?"),
        (
            "THE ROVERS, TWO ONE. I FEEL IT IN MY KNEES.",
            "THEY TRAINED IN SNOW FOR {n} DAYS. THEY ARE READY.",
            "WHOEVER SCORES FIRST WILL WIN IT.",
        ),
    ),
)

GREETINGS = (
    "GOOD MORNING. I'M {name}. HERE IS THE NEWS.",
    "GOOD EVENING, I'M {name}. GLAD YOU ARE WITH US.",
    "HELLO, I'M {name}. THIS IS THE CITY REPORT.",
)
WELCOMES = (
    "JOINING ME NOW IS {name}.",
    "JOINING ME NOW IS {name}. GOOD TO SEE YOU.",
    "WITH ME IN THE STUDIO IS {name}.",
)
THANKS = ("THANK YOU, {name}.", "{name}, THANK YOU VERY MUCH.", "THANK YOU FOR COMING IN, {name}.")
REPLIES = ("THANK YOU FOR HAVING ME.", "ALWAYS A PLEASURE.", "GLAD TO BE HERE.")
FAREWELLS = (
    "THANK YOU FOR WATCHING. GOOD NIGHT.",
    "THAT IS ALL WE HAVE. SEE YOU TOMORROW.",
    "STAY WITH US. MORE AFTER THE HOUR.",
)
ROUNDS = (
    "LET'S GO AROUND THE TABLE. {name}, YOU FIRST.",
    "THREE VIEWS TONIGHT. {name}, WHERE DO YOU STAND?",
)
FORECASTS = (
    "CLEARING FROM THE WEST, WITH {n} DEGREES BY NOON.",
    "A LIGHT BREEZE AND {n} DEGREES TOMORROW.",
)
PASSERS_BY = (
    "I THINK IT'S ABOUT TIME, HONESTLY.",
    "MY KIDS TALK ABOUT NOTHING ELSE.",
    "I'LL BELIEVE IT WHEN I SEE IT.",
)


def pick(rng: Random, sentences: tuple[str, ...], *, name: str = "") -> str:
    """One of the sentences, with its gaps filled.

    >>> pick(np.random.default_rng(0), ("THANK YOU, {name}.",), name="Jake")
    'THANK YOU, JAKE.'
    """
    sentence = sentences[int(rng.integers(len(sentences)))]
    return sentence.format(name=name.upper(), n=int(rng.integers(3, 40)))


def spoken_for(text: str) -> float:
    """Seconds that it takes to say ``text``."""
    return max(1.0, len(text) / PACE)


@dataclass(frozen=True, slots=True)
class Cue:
    """A caption from ``start`` to ``end`` (seconds); ``speaker`` is a character or empty."""

    start: float
    end: float
    text: str
    speaker: str


def wrapped(text: str) -> list[str]:
    """Break a caption into lines of at most LINE_WIDTH characters."""
    return textwrap.wrap(text, LINE_WIDTH)


def timestamp(seconds: float) -> str:
    """Time of day of the SubRip format.

    >>> timestamp(3661.25)
    '01:01:01,250'
    """
    rest, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(rest, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{whole:02d},{thousandths:03d}"


def subrip(cues: tuple[Cue, ...]) -> str:
    """Write captions as an SRT file; ``>>`` marks a change of speaker, as live captioners do."""
    blocks, before = [], None
    for number, cue in enumerate(cues, start=1):
        turn = ">> " if cue.speaker != before and cue.text.isupper() else ""
        before = cue.speaker
        lines = "\n".join(wrapped(turn + cue.text))
        blocks.append(f"{number}\n{timestamp(cue.start)} --> {timestamp(cue.end)}\n{lines}\n")
    return "\n".join(blocks)
