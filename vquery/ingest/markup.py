"""Plain text out of caption markup."""

from __future__ import annotations

import html
import re

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""Characters that no text has: they come from damaged caption streams."""

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,30});")
_SRT_TAG = re.compile(
    r"</?(?:i|b|u|s|c|v|p|font|span|div|em|strong|small|big|sub|sup|ruby|rt|lang)(?:[ .=][^<>]*)?>",
    re.IGNORECASE,
)
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_OVERRIDE = re.compile(r"\{\\[^{}]*\}")  # such as {\an8}; "{LAUGHS}" is text
_VTT_TAG = re.compile(r"<[^<>]*>")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]+([^<>]+)>")
_VTT_TIME = re.compile(r"<((?:\d{1,4}:)?\d{2}:\d{2}\.\d{1,9})>")


def srt_text(raw: str) -> str:
    r"""Return the text of a SubRip cue on one line, without tags, overrides and entities.

    >>> srt_text("{\\an8}<i>FORTUNE</i>\nCOOKIES &amp; <3 {LAUGHS}")
    'FORTUNE COOKIES & <3 {LAUGHS}'
    """
    if "<" in raw:
        raw = _SRT_TAG.sub("", _BREAK.sub("\n", raw))
    if "{" in raw:
        raw = _OVERRIDE.sub("", raw)
    return _tidy(raw)


def vtt_text(raw: str) -> str:
    """Return the text of a WebVTT cue on one line; everything in ``<>`` is markup.

    >>> vtt_text("<v Ann>Is <c.loud>4 &gt; 3</c>?")
    'Is 4 > 3?'
    """
    return _tidy(_VTT_TAG.sub("", raw) if "<" in raw else raw)


def vtt_speaker(raw: str) -> str | None:
    """Return the voice of a WebVTT cue; None if there is none, or more than one.

    >>> vtt_speaker("<v.first Ann Lee>Hello"), vtt_speaker("<v Ann>No. <v Bob>Yes.")
    ('Ann Lee', None)
    """
    voices = {_tidy(voice) for voice in _VOICE.findall(raw)} if "<v" in raw else set()
    return voices.pop() if len(voices) == 1 else None


def vtt_pieces(raw: str) -> list[tuple[str | None, str]]:
    """Cut the text of a WebVTT cue at its inner time stamps: ``(time, text)``, the first untimed.

    >>> vtt_pieces("we<00:01.500><c> shall</c>")
    [(None, 'we'), ('00:01.500', 'shall')]
    """
    parts = _VTT_TIME.split(raw)
    times: list[str | None] = [None, *parts[1::2]]
    return [(time, vtt_text(text)) for time, text in zip(times, parts[::2], strict=True)]


def _tidy(text: str) -> str:
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if not text.isprintable():
        text = CONTROL.sub("", text.replace("\u200e", "").replace("\u200f", ""))
    return " ".join(text.split())
