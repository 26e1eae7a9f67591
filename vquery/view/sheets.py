"""Contact sheets: crops side by side with a caption each, wrong ones marked."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Card:
    """One crop: JPEG bytes (None where there is no picture), a caption, and whether it is wrong.

    ``tip`` is shown when the pointer rests on it.
    """

    jpeg: bytes | None
    caption: str
    wrong: bool = False
    tip: str = ""


def sheet_html(title: str, cards: Sequence[Card], *, note: str = "") -> str:
    """Lay out cards in the order given; ``note`` stands beside the title, else how many they are.

    >>> sheet_html("Bernie", [Card(None, "0.97")])
    '<section class="vq-sheet"><h3>Bernie <small>1</small></h3><div>...no picture...0.97...'
    """
    body = "".join(_card(card) for card in cards)
    small = html.escape(note) if note else f"{len(cards):,}"
    return (
        f'<section class="vq-sheet"><h3>{html.escape(title)} <small>{small}</small></h3>'
        f"<div>{body}</div></section>"
    )


def _card(card: Card) -> str:
    kind = "vq-card vq-wrong" if card.wrong else "vq-card"
    tip = f' title="{html.escape(card.tip)}"' if card.tip else ""
    caption = html.escape(card.caption)
    picture = (
        f'<img src="data:image/jpeg;base64,{base64.b64encode(card.jpeg).decode()}" alt="{caption}">'
        if card.jpeg
        else "<span>no picture</span>"
    )
    mark = '<b title="wrong">✗</b> ' if card.wrong else ""
    return f'<figure class="{kind}"{tip}>{picture}<figcaption>{mark}{caption}</figcaption></figure>'
