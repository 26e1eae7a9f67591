"""Two tabs, and the command line, on one collection at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.conftest import Bench, Served

from vquery.api.collection import Collection


def test_two_tabs_and_another_writer_lose_nothing(
    served: Served, opener: Callable[..., Bench]
) -> None:
    first, second = opener(served.address).open(), opener(served.address).open()
    first.query("faces.filter(video == 'a.webm')", 120)
    second.query("faces.filter(video == 'b.webm')", 120)
    for bench, label in ((first, "Ann"), (second, "Bob")):
        bench.press("+")
        bench.type(label)
        bench.press("Enter")
        bench.wait("#cell-0.is-confirmed")
    second.wait("#labels .chip:has-text('Ann')")  # what the other tab labelled is a value here
    first.page.reload()
    first.shown()
    first.query("faces.filter(video == 'a.webm')", 120)
    first.wait("#labels .chip:has-text('Bob')")
    first.press("ArrowRight")
    second.press("ArrowRight")
    # which comes first in a tab depends on what it has heard of the other when it gives its own
    ann, bob = (
        bench.page.inner_text(f"#labels .chip:has-text('{label}') kbd")
        for bench, label in ((first, "Ann"), (second, "Bob"))
    )
    with Collection.open(served.workbench.root) as other:
        for number in range(10):
            first.press(ann)
            second.press(bob)
            face = other.query("faces.filter(video == 'c.webm')").collect()["detection_id"][number]
            other.label([face.as_py()], "name", "Cleo", by="other")
    for bench in (first, second):
        bench.wait("#cell-10.is-confirmed")
    first.shot("1-first-tab")
    second.shot("2-second-tab")
    db = served.workbench.db
    given = Counter(db.labels("name")["label"].to_pylist())
    assert given == {"Ann": 11, "Bob": 11, "Cleo": 10}
    events = served.workbench.store.events_until(served.workbench.moment().last_event)
    assert len(events) == 11 + 11 + 10
    where = db.query("faces").collect().select(["detection_id", "video"])
    labelled = db.labels("name").select(["detection_id", "label"]).join(where, "detection_id")
    videos = set(zip(labelled["label"].to_pylist(), labelled["video"].to_pylist(), strict=True))
    assert videos == {("Ann", "a.webm"), ("Bob", "b.webm"), ("Cleo", "c.webm")}


def test_a_label_given_elsewhere_shows_up(bench: Bench, served: Served) -> None:
    bench.query("faces.filter(video == 'a.webm')", 120)
    with Collection.open(served.workbench.root) as other:
        other.label(
            other.query("faces.filter(video == 'a.webm')").collect()["detection_id"],
            "name", "Ann", by="other",
        )  # fmt: skip
    bench.wait("#cell-0.is-confirmed .label:has-text('Ann')")
    bench.press("z")  # one undoes one's own actions only
    bench.wait("#status :text('nothing')")
    assert len(served.workbench.db.labels("name")) == 120
