"""A worker process: one query a line comes in, its rows go out as a file, as JSON lines.

Run as ``python -m vquery.web.worker COLLECTION [FILE.py…]``. A plain child process, so that a query
that takes too long or too much can be ended at once, whatever it does. It ends by itself when the
server does.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.api import texts
from vquery.api.collection import Collection
from vquery.api.concept_files import ConceptFiles
from vquery.errors import VQueryError

if TYPE_CHECKING:
    from typing import TextIO

MOST_ROWS = 2_000_000
MOST_BYTES = 1 << 30
PLACE = re.compile(r"line (\d+), column (\d+)")
SAVED = "in the saved concept"


def main() -> None:
    """Work until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides what ^C means
    _first_to_go()
    # Functions of users print; only this protocol may use the pipe.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    with Collection.open(sys.argv[1]) as db:
        files = ConceptFiles(map(Path, sys.argv[2:]))
        files.known()
        db.faces.limit(1).collect()  # what queries load is there when the first one comes
        _say(out, {"ready": os.getpid()})
        while True:
            job = json.loads(jobs.get())
            _say(out, {"taken": True})  # whoever ends from here on is ended by this query
            _say(out, _answer(db, files, job))


def _answer(db: Collection, files: ConceptFiles, job: dict[str, Any]) -> dict[str, Any]:
    try:
        relation = texts.query(db, job["text"], files.functions())
        if job["out"] is None:
            return {"plan": relation.explain()}
        return _kept(relation.collect(progress=False), Path(job["out"]))
    except VQueryError as problem:
        said = "\n".join([str(problem), *getattr(problem, "__notes__", ())])
        return {"error": said, **place(said)}
    except MemoryError:
        return {"error": "the query needs more memory than there is: ask for less"}
    except Exception as problem:  # noqa: BLE001 - whatever a query does, the worker goes on
        traceback.print_exc()
        return {"error": f"the query failed: {type(problem).__name__}: {problem}"}


def place(text: str) -> dict[str, int]:
    """Find where in the query an error is, counted from 1.

    >>> place("line 2, column 7: this cannot be called: f(1)"), place("no table 'x'")
    ({'line': 2, 'column': 7}, {})
    """
    found = None if text.startswith(SAVED) else PLACE.match(text)
    return {} if found is None else {"line": int(found[1]), "column": int(found[2])}


def _kept(table: pa.Table, out: Path) -> dict[str, Any]:
    """Write rows so that they can be mapped; of too many only the first."""
    total = table.num_rows
    share = min(1.0, MOST_BYTES / max(table.nbytes, 1))
    kept = min(total, MOST_ROWS, int(total * share))
    table = table.slice(0, kept).replace_schema_metadata(None).combine_chunks()
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    return {"rows": kept, "of": total}


def _first_to_go() -> None:
    """Ask Linux to end this process rather than the server when memory is short."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return


def _listen(jobs: queue.SimpleQueue[str]) -> None:
    """Pass jobs on; the input ends with the server, and then nobody wants the answer."""
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


def _say(out: TextIO, message: dict[str, Any]) -> None:
    try:
        out.write(json.dumps(message) + "\n")
    except OSError:  # the server is gone
        os._exit(0)


if __name__ == "__main__":
    main()
