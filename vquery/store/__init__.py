"""The collection on disk: a transactional SQLite catalog over immutable, sorted parts.

Layout of ``NAME.vq/``::

    catalog.sqlite               videos, runs, live parts, units of work, human actions
    parts/<table>/<name>.parquet ordinary tables, zstd
    parts/<table>/<name>.arrow   vectors and pictures, memory-mapped when read
    writer.lock                  held (flock) by the one writer; says who it is
    leases/                      one locked file for each living snapshot
    cache/                       derived files, such as neighbour lists; safe to delete

A part is written first and counts once the catalog lists it; it never changes afterwards.
Replacing the rows of a video drops its parts, and rewrites those that hold other videos too, so
that the files of a snapshot are exactly its rows. Generations count commits: a part is live from
the one that added it up to the one that dropped it, and is removed when no living snapshot is in
between.
"""

from vquery.store.events import Event
from vquery.store.parts import Part, PartWriter
from vquery.store.register import NewVideo, Registered
from vquery.store.snapshot import Snapshot
from vquery.store.store import Store
from vquery.store.writer import Writer

__all__ = [
    "Event",
    "NewVideo",
    "Part",
    "PartWriter",
    "Registered",
    "Snapshot",
    "Store",
    "Writer",
]
