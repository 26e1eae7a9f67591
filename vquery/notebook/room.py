"""One collection as the widgets of this process see it: messages in, answers out."""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from vquery.web import wire
from vquery.web.inside import Answered, Inside
from vquery.web.state import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    import pyarrow as pa

    from vquery.web.results import Result

    Reply: TypeAlias = Callable[[dict[str, Any], bytes], None]

ENDING_S = 5.0
"""Seconds that the end of the process waits for what is at work."""
LONGEST_ID = 80
LONGEST_PATH = 16_384
LONGEST_ACTION = 100
FIELDS = ("kind", "id", "method", "path", "action", "body")
log = logging.getLogger("vquery")


class Room:
    """Answers what widgets ask, in a thread of its own, so that no cell waits for it.

    Parameters
    ----------
    path
        The collection.
    who
        Who labels; by default the user's login name.
    """

    def __init__(self, path: Path, who: str | None) -> None:
        self.workbench = Workbench(path, who=who)
        self._inside = Inside(self.workbench)
        self._asked: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live()), name="vquery-widgets", daemon=True
        )
        self._thread.start()
        self._open.wait()

    async def _live(self) -> None:
        """Be there until `close`; what is at work then is cancelled."""
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._open.set()
        await self._over.wait()

    def result(self, table: pa.Table, text: str) -> Result:
        """Make rows a result that widgets can ask for."""
        return self.workbench.results.add(table, text)

    def hear(self, message: Any, result: Result | None, reply: Reply) -> None:
        """Take a message of a widget: a request, or that nobody waits for one any more.

        Parameters
        ----------
        message
            ``{"kind": "ask", "id", "method", "path", "action", "body"}`` or ``{"kind": "cancel",
            "id"}``; whatever else a page sends is refused, or passed over where no answer could
            be told apart.
        result
            What the widget shows; it is kept as long as the widget asks.
        reply
            Called with the answer, from another thread.
        """
        name = message.get("id") if isinstance(message, dict) else None
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID:
            log.warning("a widget sent a message without a name, which was passed over")
            return
        if message.get("kind") == "cancel":
            self._cancel(name)
            return
        problem = wrong(message)
        if problem is not None:
            refused = wire.error(400, problem)
            reply(*written(name, Answered(400, "application/json", bytes(refused.body))))
            return
        if result is not None:
            self.workbench.results.keep(result)
        self._start(name, message, reply)

    def _start(self, name: str, message: dict[str, Any], reply: Reply) -> None:
        if not self._open.is_set():
            log.warning("a widget asked for something of a collection that was closed")
            return
        work = self._answer(name, message, reply)
        with self._lock:
            asked = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._asked[name] = asked
        asked.add_done_callback(lambda _: self._forget(name, asked))

    def _forget(self, name: str, asked: Future[None]) -> None:
        with self._lock:
            if self._asked.get(name) is asked:
                del self._asked[name]

    def _cancel(self, name: str) -> None:
        with self._lock:
            asked = self._asked.pop(name, None)
        if asked is not None:
            asked.cancel()

    async def _answer(self, name: str, message: dict[str, Any], reply: Reply) -> None:
        try:
            body = (message.get("body") or "").encode()
            answered = await self._inside.answer(
                message["method"], message["path"], body, action=message.get("action")
            )
        except Exception as problem:  # the page must hear of it, whatever it is
            log.exception("a widget asked for %s, which failed", message["path"][:200])
            said = wire.error(500, f"this failed: {type(problem).__name__}: {problem}")
            answered = Answered(500, "application/json", bytes(said.body))
        try:
            reply(*written(name, answered))
        except Exception:  # the notebook is gone; the next message cannot be told either
            log.exception("an answer could not be sent to the notebook")

    def close(self) -> None:
        """End the thread and remove temporary files; again does nothing."""
        if not self._open.is_set():
            return
        self._open.clear()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(ENDING_S)
        self._inside.close()
        self.workbench.close()


def written(name: str, answered: Answered) -> tuple[dict[str, Any], bytes]:
    """Put an answer as the page takes it: what it is, and its content beside it.

    >>> written("a:1", Answered(200, "image/jpeg", b""))
    ({'kind': 'answer', 'id': 'a:1', 'status': 200, 'type': 'image/jpeg'}, b'')
    """
    said = {"kind": "answer", "id": name, "status": answered.status, "type": answered.type}
    return said, answered.body


def wrong(message: dict[str, Any]) -> str | None:
    """Say what is wrong with a request; None if nothing is.

    >>> wrong({"kind": "ask", "id": "a", "method": "GET", "path": "/api/collection"}) is None
    True
    >>> wrong({"kind": "ask", "id": "a", "method": "GET", "path": 5})
    "'path' must be a text of at most 16384 characters"
    """
    unknown = sorted(str(name) for name in set(message) - set(FIELDS))
    if unknown:
        return f"a message has no field {unknown[0][:40]!r}: take {', '.join(FIELDS)}"
    if message.get("kind") != "ask":
        return "'kind' must be ask or cancel"
    for name, longest in (("method", 20), ("path", LONGEST_PATH)):
        if not _is_text(message.get(name), longest):
            return f"{name!r} must be a text of at most {longest} characters"
    if message.get("action") is not None and not _is_text(message["action"], LONGEST_ACTION):
        return f"'action' must be a text of at most {LONGEST_ACTION} characters"
    if message.get("body") is not None and not _is_text(message["body"], wire.LARGEST):
        return f"'body' must be a text of at most {wire.LARGEST} bytes"
    return None


def _is_text(value: Any, longest: int) -> bool:
    if not isinstance(value, str) or len(value) > longest:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half a character
        return False
    return True


_rooms: dict[tuple[Path, str | None], Room] = {}
_opening = threading.Lock()


def room_of(path: Path, who: str | None) -> Room:
    """Return the room of a collection, made when the first widget needs it."""
    key = (path.resolve(), who)
    with _opening:
        if key not in _rooms:
            _rooms[key] = Room(key[0], who)
        return _rooms[key]


def close_all() -> None:
    """Close every room, at the end of the process."""
    with _opening:
        rooms = list(_rooms.values())
        _rooms.clear()
    for room in rooms:
        room.close()


atexit.register(close_all)
