"""The cast: who appears in the collection and what tells them apart.

Nobody here is or resembles a real person on purpose: five regulars who are named in the truth, and
strangers who have no name and must stay without one.
"""

from __future__ import annotations

from dataclasses import dataclass

from vquery_newsroom.shapes import Colour, rgb


@dataclass(frozen=True, slots=True)
class Look:
    """How a character is drawn; lengths in head units."""

    character: str
    name: str  # empty: a stranger
    skin: Colour
    hair: Colour
    style: str  # of the hair: see hair.STYLES
    clothes: str  # see body.CLOTHES
    top: Colour  # jacket, jumper, blouse
    under: Colour  # shirt
    accent: Colour  # tie, trim
    lips: Colour
    eyes: Colour
    width: float = 0.77  # half the width of the face
    jaw: float = 0.78  # width of the jaw as a share of the face's
    brow: float = 0.075  # thickness of the eyebrows
    glasses: str = ""  # "", "square", "round"
    rims: Colour = (26, 26, 26)
    beard: str = ""  # "", "full", "stubble", "goatee"
    earrings: bool = False
    freckles: bool = False
    extra: Colour = (0, 0, 0)  # cap or scarf


REGULARS = (
    Look(
        "bernie", "Bernie", skin=rgb("f2c6a4"), hair=rgb("c4602a"), style="quiff", clothes="jacket",
        top=rgb("2f7350"), under=rgb("f4f4ee"), accent=rgb("245a3e"),
        lips=rgb("c9776b"), eyes=rgb("3f7d4a"),
        width=0.82, jaw=0.86, brow=0.09, beard="full",
    ),
    Look(
        "jake", "Jake", skin=rgb("dba770"), hair=rgb("2a2220"), style="parted", clothes="suit",
        top=rgb("263c74"), under=rgb("dbe7f7"), accent=rgb("e2b32b"),
        lips=rgb("b8735c"), eyes=rgb("4a3526"),
        width=0.75, jaw=0.80, brow=0.08, glasses="square",
    ),
    Look(
        "amara", "Amara", skin=rgb("7c4b2c"), hair=rgb("1c1412"), style="afro", clothes="blouse",
        top=rgb("ecb42e"), under=rgb("7c4b2c"), accent=rgb("d99a1c"),
        lips=rgb("a8324a"), eyes=rgb("2a1a12"),
        width=0.77, jaw=0.76, brow=0.06, earrings=True,
    ),
    Look(
        "lucia", "Lucia", skin=rgb("ebbd92"), hair=rgb("6b3418"), style="long", clothes="blazer",
        top=rgb("17868f"), under=rgb("fbf7f0"), accent=rgb("126a72"),
        lips=rgb("c43d45"), eyes=rgb("5b3a1f"),
        width=0.72, jaw=0.70, brow=0.055,
    ),
    Look(
        "kenji", "Kenji", skin=rgb("f3d6ae"), hair=rgb("15151a"), style="fringe",
        clothes="turtleneck",
        top=rgb("6d4f9c"), under=rgb("6d4f9c"), accent=rgb("57407d"),
        lips=rgb("bd7c6c"), eyes=rgb("2b1d14"),
        width=0.78, jaw=0.82, brow=0.07,
    ),
)  # fmt: skip

STRANGERS = (
    Look(
        "stranger-1", "", skin=rgb("5d3b26"), hair=rgb("bdbdbd"), style="bald", clothes="polo",
        top=rgb("e5702a"), under=rgb("f0a060"), accent=rgb("b9541b"),
        lips=rgb("7c4038"), eyes=rgb("22160f"),
        width=0.80, jaw=0.88, brow=0.085, beard="full",
    ),
    Look(
        "stranger-2", "", skin=rgb("fce0d0"), hair=rgb("f0e2b0"), style="bob", clothes="blazer",
        top=rgb("c2357f"), under=rgb("2a2a30"), accent=rgb("9c2865"),
        lips=rgb("d8345f"), eyes=rgb("3c78a8"),
        width=0.73, jaw=0.72, brow=0.05, glasses="round", rims=rgb("c02434"),
    ),
    Look(
        "stranger-3", "", skin=rgb("c98f62"), hair=rgb("30211a"), style="scarf", clothes="blouse",
        top=rgb("3b3f58"), under=rgb("c98f62"), accent=rgb("2c2f44"),
        lips=rgb("a4524c"), eyes=rgb("2c1c12"),
        width=0.73, jaw=0.74, brow=0.06, extra=rgb("8e3b63"),
    ),
    Look(
        "stranger-4", "", skin=rgb("f4cfba"), hair=rgb("c9cbd2"), style="bun", clothes="cardigan",
        top=rgb("a79bd0"), under=rgb("fdfdf6"), accent=rgb("8579b4"),
        lips=rgb("cf7f7c"), eyes=rgb("5c7c98"),
        width=0.76, jaw=0.78, brow=0.05, glasses="round", rims=rgb("8a6a3a"),
    ),
    Look(
        "stranger-5", "", skin=rgb("a86f40"), hair=rgb("231a15"), style="cap", clothes="hoodie",
        top=rgb("9aa3ad"), under=rgb("e8e8e8"), accent=rgb("79828c"),
        lips=rgb("8f5545"), eyes=rgb("2a1a10"),
        width=0.78, jaw=0.84, brow=0.085, beard="stubble", extra=rgb("2456b0"),
    ),
    Look(
        "stranger-6", "", skin=rgb("f8d6b8"), hair=rgb("b98a3c"), style="curly", clothes="striped",
        top=rgb("fafafa"), under=rgb("fafafa"), accent=rgb("d8453a"),
        lips=rgb("cf8578"), eyes=rgb("4f86a8"),
        width=0.76, jaw=0.76, brow=0.06, freckles=True,
    ),
)  # fmt: skip

CAST = {look.character: look for look in REGULARS + STRANGERS}
NAMES = tuple(look.name for look in REGULARS)
