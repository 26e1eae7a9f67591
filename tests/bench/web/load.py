"""Many people at one workbench: queries, pictures, ranges of videos and labels, all at once.

``python -m tests.bench.web.load COLLECTION.vq [--clients 20] [--seconds 60]`` serves a copy of the
collection in a process of its own. Each client, seeded, draws what to do next: a third of the time
it looks (pages, timelines, why), a third it takes bytes of videos and crops, a quarter it labels
one to twenty detections (a tenth of that sent twice, as after a broken connection), else it runs a
query. At the end every label is looked up in the collection: each that was acknowledged must be
there once, with its rows, and there must be no other.

Prints a table of requests by kind: how many, median, 95th percentile and largest milliseconds.
The exit status says whether every answer was right and no event was lost or doubled.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import vquery as vq
from tests.bench.web.million import Page, served

QUERIES = (
    "faces.filter(score > 0.{})",
    "faces.filter(x1 < 0.{})",
    "faces.filter(score > 0.{}).semi_join(shots, during())",
    "captions",
    "shots",
)
SHARE = 0.1


class Client(Page):
    """One person: what was asked, how long it took, what went wrong."""

    def __init__(self, address: str, number: int, facts: dict[str, Any]) -> None:
        super().__init__(address)
        self.random, self.number, self.facts = random.Random(number), number, facts
        self.taken: dict[str, list[float]] = defaultdict(list)
        self.wrong: list[str] = []
        self.labelled: dict[str, tuple[int, list[int]]] = {}
        self.unanswered: set[str] = set()
        self.result = self.run("faces")

    def send(
        self, kind: str, method: str, path: str, data: Any = None, **headers: str
    ) -> bytes | None:
        """Send a request, keep its time; None if the answer is not what it must be."""
        own = {"X-VQuery-Token": self.token} | ({"Origin": f"http://{self.host}"} if data else {})
        began = time.perf_counter()
        try:
            self.connection.request(
                method, path, None if data is None else json.dumps(data), own | headers
            )
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.wrong.append(f"{kind}: {error!r}")
            return None
        self.taken[kind].append(1000 * (time.perf_counter() - began))
        if answer.status == (206 if "Range" in headers else 200):
            return body
        self.wrong.append(f"{kind}: {answer.status} {body[:200]!r}")
        return None

    def work(self, until: float) -> None:
        """Do one thing after the other."""
        while time.monotonic() < until:
            drawn = self.random.random()
            if drawn < 0.33:
                self.look()
            elif drawn < 0.66:
                self.watch()
            elif drawn < 0.91:
                self.label()
            else:
                self.query()

    def look(self) -> None:
        """Read a page, a timeline or the reasons for a label."""
        kind = self.random.choice(("page", "timeline", "why"))
        video = self.random.choice(self.facts["videos"])
        result = self.result["id"]
        if kind == "page":
            offset = self.random.randrange(max(1, self.result["total"] - 100))
            sort = self.random.choice(("row", "score", "margin", "label", "time"))
            path = f"/api/results/{result}/rows?" + urlencode(
                {"offset": offset, "limit": 100, "sort": sort}
            )
        elif kind == "timeline":
            asked = {"video": video["video"], "end_us": video["duration_us"], "width": 800}
            path = "/api/timeline?" + urlencode({**asked, "result": result})
        else:
            face = self.random.choice(self.facts["faces"])
            path = "/api/why?" + urlencode({"concept": "name", "detection_id": face})
        self.send(kind, "GET", path)

    def watch(self) -> None:
        """Take a range of a video, or a crop."""
        if self.random.random() < 0.5:
            face = self.random.choice(self.facts["faces"])
            self.send("crop", "GET", f"/media/crop/{face}.jpg")
            return
        video = self.random.choice(self.facts["videos"])["video"]
        size = self.facts["sizes"][video]
        start = self.random.randrange(size)
        end = min(size, start + 200_000) - 1
        body = self.send(
            "range", "GET", f"/media/video/{quote(video)}", Range=f"bytes={start}-{end}"
        )
        if body is not None and len(body) != end - start + 1:
            self.wrong.append(f"range: {len(body)} bytes for {start}-{end}")

    def label(self) -> None:
        """Label some detections, now and then twice."""
        chosen = self.random.sample(self.facts["faces"], self.random.randint(1, 20))
        value = f"{self.number}-{len(self.labelled) + len(self.unanswered)}"
        data = {"selection": {"detection_ids": chosen}, "concept": "name", "value": value}
        for _ in range(2 if self.random.random() < SHARE else 1):
            body = self.send("label", "POST", "/api/labels", data, **{"X-VQuery-Action": value})
            if body is None:
                self.unanswered.add(value)
                return
            said = json.loads(body)["event"]
            if self.labelled.setdefault(value, (said, sorted(chosen)))[0] != said:
                self.wrong.append(f"label: sent twice it is two events, {value}")

    def query(self) -> None:
        """Run a query to its end."""
        text = self.random.choice(QUERIES).format(self.random.randint(1, 9))
        body = self.send("query asked", "POST", "/api/queries", {"text": text})
        if body is None:
            return
        name, began = json.loads(body)["query"], time.perf_counter()
        while (
            body := self.send("query polled", "GET", f"/api/queries/{name}?wait_s=10")
        ) is not None:
            said = json.loads(body)
            if said["state"] != "running":
                break
        else:
            return
        self.taken["query in all"].append(1000 * (time.perf_counter() - began))
        if said["state"] != "done":
            self.wrong.append(f"query {text}: {said}")
        elif said["result"]["detections"] and said["result"]["total"]:
            self.result = said["result"]


def facts_of(path: Path) -> dict[str, Any]:
    """Read what clients may ask for."""
    with vq.open(path) as db:
        videos = db.videos.to_pylist()
        faces = db.query("faces").collect()["detection_id"].to_pylist()
    return {"faces": faces, "videos": videos}


def lost_or_doubled(path: Path, clients: list[Client], before: int) -> list[str]:
    """Compare the collection's events with what clients were told."""
    with vq.open(path) as db:
        events = [event for event in db._store.events() if event.event_id > before]
    there = {event.event_id: event for event in events}
    problems = []
    seen = Counter(event.rows["label"][0].as_py() for event in events if event.rows is not None)
    problems += [f"{value} is there {times} times" for value, times in seen.items() if times > 1]
    for client in clients:
        for value, (number, faces) in client.labelled.items():
            rows = there[number].rows if number in there else None
            if rows is None or sorted(rows["detection_id"].to_pylist()) != faces:
                problems.append(f"{value}: event {number} is not what was acknowledged")
    told = {value for client in clients for value in (*client.labelled, *client.unanswered)}
    return problems + [f"{value} was never sent" for value in set(seen) - told]


def report(clients: list[Client], seconds: float) -> None:
    """Print the table."""
    taken: dict[str, list[float]] = defaultdict(list)
    for client in clients:
        for kind, times in client.taken.items():
            taken[kind] += times
    count = sum(len(times) for kind, times in taken.items() if kind != "query in all")
    print(f"{len(clients)} clients, {seconds:.0f} s, {count:,} requests, {count / seconds:.0f}/s\n")
    print("| request | times | median ms | 95 % ms | largest ms |\n|---|---|---|---|---|")
    for kind, times in sorted(taken.items()):
        times.sort()
        high = times[int(0.95 * (len(times) - 1))]
        middle = statistics.median(times)
        print(f"| {kind} | {len(times):,} | {middle:.0f} | {high:.0f} | {times[-1]:.0f} |")


def run(path: Path, count: int, seconds: float) -> list[str]:
    """Let clients work; return what went wrong."""
    facts = facts_of(path)
    with vq.open(path) as db:
        before = max((event.event_id for event in db._store.events()), default=0)
    with served(path) as (page, _):
        known = {one["video"]: one for one in page.get("/api/collection")["videos"]}
        facts["videos"] = list(known.values())
        facts["sizes"] = {name: size_of(page, name) for name in known}
        clients = [Client(f"http://{page.host}/", number, facts) for number in range(count)]
        began = time.monotonic()
        threads = [
            threading.Thread(target=client.work, args=(began + seconds,)) for client in clients
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        report(clients, time.monotonic() - began)
    wrong = [problem for client in clients for problem in client.wrong]
    labels = sum(len(client.labelled) for client in clients)
    print(f"\n{labels:,} labels acknowledged.")
    return wrong + lost_or_doubled(path, clients, before)


def size_of(page: Page, video: str) -> int:
    """Ask how long a video's file is."""
    page.connection.request("GET", f"/media/video/{quote(video)}", headers={"Range": "bytes=0-0"})
    answer = page.connection.getresponse()
    answer.read()
    assert answer.status == 206, answer.status
    return int(str(answer.headers["Content-Range"]).rpartition("/")[2])


def main() -> None:
    """Work on a copy and say what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collection", type=Path)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(given.collection, Path(folder) / given.collection.name))
        wrong = run(copy, given.clients, given.seconds)
    for problem in wrong[:20]:
        print(problem)
    print(f"{len(wrong)} problems" if wrong else "no error, no lost or doubled event")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
