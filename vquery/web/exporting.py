"""Exports: written into a folder beside the collection, listed, and sent as a ZIP file."""

from __future__ import annotations

import os
import re
import threading
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.routing import Route

from vquery.api import labelling
from vquery.export.write import FORMATS
from vquery.web import wire
from vquery.web.wire import MIB, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from vquery.export.report import Written
    from vquery.web.jobs import Job
    from vquery.web.state import Workbench

NAME = re.compile(r"[a-z0-9]+-[A-Za-z0-9_]+-[0-9]{8}-[0-9]{6}(-[0-9]+)?")
"""Names of exports: the format, the concept, the time; made here, never by the page."""
CHUNK = MIB
LISTED = 200
_NAMING = threading.Lock()
_WRITING: set[Path] = set()
PACKED = frozenset({".jpg", ".jpeg", ".png", ".parquet"})


def folder_of(workbench: Workbench) -> Path:
    """Return the folder of the exports, which is beside the collection."""
    root = workbench.root
    return root.with_name(f"{root.stem}-exports")


async def start(request: Request) -> Response:
    """``POST /api/exports``."""
    given = await wire.body(
        request,
        {
            "format": str,
            "concept": str,
            "split": (list, None),
            "threshold": (float, None),
            "images": (bool, None),
        },
    )
    if given["format"] not in FORMATS:
        raise Refused(400, f"'format' must be one of {', '.join(FORMATS)}")
    labelling.check_concept(given["concept"])
    split = [0.8, 0.1, 0.1] if given["split"] is None else given["split"]
    shares = [wire.checked("split", one, float) for one in split]
    if given["threshold"] is not None and not 0 <= given["threshold"] <= 1:
        raise Refused(400, f"'threshold' must be from 0 to 1, got {given['threshold']:g}")
    workbench = request.app.state.workbench

    def work(job: Job) -> dict[str, Any]:
        with _fresh(folder_of(workbench), f"{given['format']}-{given['concept']}") as target:
            written = workbench.db.export(
                target,
                format=given["format"],
                labels=given["concept"],
                split=shares,
                threshold=given["threshold"],
                images=given["images"] is not False,
                progress=lambda done, of: job.say(f"{done:,} of {of:,} written", done / of),
            )
        said = {"concept": given["concept"], "name": target.name, "labels": written.total}
        workbench.store.append("export", said, who=workbench.who)
        return {"name": target.name, "files": len(_files(target)), "report": _report(written)}

    return wire.json({"job": workbench.jobs.start("export", work).id})


@contextmanager
def _fresh(folder: Path, begins: str) -> Iterator[Path]:
    """Give a name that no export has, nor another one that is being written."""
    name = f"{begins}-{time.strftime('%Y%m%d-%H%M%S')}"
    number, chosen = 1, folder / name
    with _NAMING:
        while chosen in _WRITING or os.path.lexists(chosen):
            number += 1
            chosen = folder / f"{name}-{number}"
        _WRITING.add(chosen)
    try:
        yield chosen
    finally:
        with _NAMING:
            _WRITING.discard(chosen)


def _report(written: Written) -> dict[str, Any]:
    return {
        "labels": written.total,
        "by_split": dict(written.by_split),
        "by_source": dict(written.by_source),
        "by_class": {split: dict(labels) for split, labels in written.by_class.items()},
        "skipped": dict(written.skipped),
        "pictures": written.pictures,
        "warnings": written.warnings,
    }


def _files(folder: Path) -> list[Path]:
    """List the files of an export, sorted; links are none of its files."""
    found = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        files = (Path(place) / name for name in sorted(names))
        found += [file for file in files if file.is_file() and not file.is_symlink()]
    return found


async def listing(request: Request) -> Response:
    """``GET /api/exports``: the newest first."""
    workbench = request.app.state.workbench
    return wire.json({"exports": await run_in_threadpool(_listed, folder_of(workbench))})


def _listed(folder: Path) -> list[dict[str, Any]]:
    if not folder.is_dir() or folder.is_symlink():
        return []
    names = [one.name for one in folder.iterdir() if _known(folder, one.name)]
    made = {name: (folder / name).stat().st_mtime_ns // 1000 for name in names}
    newest = sorted(names, key=lambda name: (-made[name], name))[:LISTED]
    return [_about(folder / name, made[name]) for name in newest]


def _about(export: Path, at_us: int) -> dict[str, Any]:
    files = _files(export)
    size = sum(file.stat().st_size for file in files)
    return {"name": export.name, "files": len(files), "bytes": size, "at_us": at_us}


def _known(folder: Path, name: str) -> bool:
    """Whether this is an export: its name is one that is made here, and it is no link."""
    place = folder / name
    return bool(NAME.fullmatch(name)) and place.is_dir() and not place.is_symlink()


async def download(request: Request) -> Response:
    """``GET /api/exports/{name}.zip``."""
    folder, name = folder_of(request.app.state.workbench), request.path_params["name"]
    if folder.is_symlink() or not _known(folder, name):
        raise Refused(404, "there is no such export: the list says which there are")
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
    return StreamingResponse(zipped(folder / name), 200, headers, "application/zip")


class _Sink:
    """What a ZIP file is written to, taken out piece by piece: it cannot be sought."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written is taken out when it is asked for."""

    def take(self) -> bytes:
        """Take out what was written since."""
        data, self._pieces = b"".join(self._pieces), []
        return data


def zipped(folder: Path) -> Iterator[bytes]:
    """Write the files of a folder as a ZIP file, in pieces that are never all in memory."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", allowZip64=True) as archive:  # type: ignore[call-overload]
        for file in _files(folder):
            inside = zipfile.ZipInfo.from_file(
                file, str(Path(folder.name) / file.relative_to(folder))
            )
            packed = file.suffix.lower() in PACKED
            inside.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            with file.open("rb") as source, archive.open(inside, "w", force_zip64=True) as entry:
                while piece := source.read(CHUNK):
                    entry.write(piece)
                    yield sink.take()
            yield sink.take()
    yield sink.take()


ROUTES = [
    Route("/api/exports", start, methods=["POST"]),
    Route("/api/exports", listing, methods=["GET"]),
    Route("/api/exports/{name}.zip", download, methods=["GET"]),
]
