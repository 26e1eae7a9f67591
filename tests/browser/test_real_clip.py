"""The workbench on a real clip: two people named from one moment, seen, and exported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import serving

if TYPE_CHECKING:
    from tests.browser.conftest import Bench, Served

CLIP = "short_hamilton_clip.mp4"
MOMENT = "faces.filter((start < 0.5) & (x1 {} 0.5))"
LATER = "faces.filter(start > 0.65)"

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture
def hamilton(data: Path, tmp_path: Path) -> Iterator[Served]:
    """Serve one clip in which faces are looked for five times a second."""
    from vquery.api.collection import Collection

    (tmp_path / "clips").mkdir()
    shutil.copy(data / "videos" / CLIP, tmp_path / "clips")
    with Collection.create(tmp_path / "clips.vq") as db:
        db.index(tmp_path / "clips", every=0.2, models=data / "models", workers=1)
    with serving(tmp_path / "clips.vq") as served:
        yield served


def test_two_people_of_a_real_clip(hamilton: Served, opener: Callable[..., Bench]) -> None:
    bench = opener(hamilton.address).open()
    page = bench.page
    total = hamilton.workbench.db.query("faces").collect().num_rows
    for side, name in ((">", "Miranda"), ("<", "Lacamoire")):
        hits = hamilton.workbench.db.query(MOMENT.format(side)).collect().num_rows
        bench.query(MOMENT.format(side), hits)
        bench.press("Control+a", "+")
        bench.type(name)
        bench.press("Enter")
        bench.wait(f"#cells .cell.is-confirmed .label:text('{name}')")
    bench.shot("1-two-named")
    bench.tool("g")
    bench.wait("dialog .gain")
    bench.shot("2-preview")
    page.click("dialog button:has-text('Keep')")
    bench.says("Propagated")
    bench.query(LATER, hamilton.workbench.db.query(LATER).collect().num_rows)
    bench.wait("#cells .cell.is-proposed")
    page.wait_for_function(
        """[...document.querySelectorAll("#cells img")].filter(one => one.complete
             && one.naturalWidth > 1).length > 10"""
    )
    bench.press("Enter")
    page.wait_for_function("document.querySelector('#inspector .screen')")
    page.wait_for_timeout(500)
    bench.press("k")
    bench.shot("3-proposed")
    bench.press("Escape", "Control+a", "y")
    bench.wait("#cells .cell.is-confirmed")
    bench.shot("4-accepted")
    bench.tool("e")
    page.click("dialog .dialog-actions button:has-text('Export')")
    bench.wait("dialog p.done")
    exports = hamilton.workbench.root.with_name("clips-exports")
    written = [json.loads(file.read_text()) for file in exports.rglob("*.json")]
    names = {
        each["name"]
        for one in written
        if isinstance(one, dict)
        for each in one.get("categories", [])
    }
    assert {"Miranda", "Lacamoire"} <= names
    marks = sum(len(one.get("annotations", [])) for one in written if isinstance(one, dict))
    assert 10 < marks <= total
