"""Exports from the page: only into their own folder, and sent as the ZIP file of what is there."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from vquery.web.exporting import zipped

ANN = 1_000_000_001


@pytest.fixture
def page(workbench):
    given = {"selection": {"detection_ids": [ANN]}, "concept": "name", "value": "Ann"}
    workbench.client.post("/api/labels", given)
    return workbench.client


def export(page, **more):
    given = {"format": "coco", "concept": "name", "split": [1, 0, 0], "images": False, **more}
    return page.post("/api/exports", given)["job"]


def test_an_export_is_written_beside_the_collection_listed_and_sent(workbench, page, path):
    assert page.get("/api/exports") == {"exports": []}
    done = page.job(export(page))
    folder = path.parent / "sample-exports" / done["name"]
    assert folder.is_dir()
    assert done["report"]["by_source"] == {"human": 1}
    assert done["report"]["by_split"] == {"train": 1}
    files = sorted(
        str(one.relative_to(folder.parent)) for one in folder.rglob("*") if one.is_file()
    )
    assert done["files"] == len(files)
    listed = page.get("/api/exports")["exports"]
    assert [(one["name"], one["files"]) for one in listed] == [(done["name"], len(files))]

    answer = page.ask("GET", f"/api/exports/{done['name']}.zip")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/zip"
    assert f'filename="{done["name"]}.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == files
        coco = next(name for name in files if "train" in name and name.endswith(".json"))
        found = json.loads(archive.read(coco))
    names = {one["id"]: one["name"] for one in found["categories"]}
    assert [names[one["category_id"]] for one in found["annotations"]] == ["Ann"]
    assert page.get("/api/events")["events"][-1]["action"] == "export"


def test_two_exports_at_once_have_names_of_their_own(page):
    names = {page.job(job)["name"] for job in [export(page), export(page), export(page)]}
    assert len(names) == 3


def test_what_cannot_be_written_says_why(page):
    for change, says in (
        ({"format": "avi"}, "'format' must be one of coco"),
        ({"concept": "../up"}, "cannot name a concept"),
        ({"concept": "score"}, "cannot name a concept"),
        ({"threshold": 3}, "from 0 to 1"),
        ({"split": ["a"]}, "'split' must be a number"),
        ({"folder": "/tmp/elsewhere"}, "no field 'folder'"),
    ):
        given = {"format": "coco", "concept": "name", **change}
        assert says in page.post("/api/exports", given, status=400)["error"]
    for change, says in (
        ({"concept": "mood"}, "nothing has a label of 'mood'"),
        ({"split": [0.5, 0.1]}, "split"),
    ):
        said = page.ended("jobs", export(page, **change))
        assert said["state"] == "failed"
        assert says in said["error"]
    assert page.get("/api/exports") == {"exports": []}


def test_nothing_else_is_sent(page, path):
    done = page.job(export(page))
    folder = path.parent / "sample-exports"
    (folder / "secret.txt").write_text("secret")
    (folder / "mine").mkdir()
    (folder / "coco-name-20200101-000000").symlink_to(path)
    (folder / done["name"] / "link").symlink_to(path / "catalog.sqlite")
    assert [one["name"] for one in page.get("/api/exports")["exports"]] == [done["name"]]
    for name in (
        *("none", "mine", "secret.txt", "..", "..%2Fsample.vq", "%2e%2e%2fsample.vq", "."),
        *("coco-name-20200101-000000", f"{done['name']}%00", f".{done['name']}.part"),
        *(f"{done['name']}%2F..%2F{done['name']}", f"../sample-exports/{done['name']}"),
    ):
        answer = page.ask("GET", f"/api/exports/{name}.zip")
        assert answer.status in (400, 404), name
    whole = page.ask("GET", f"/api/exports/{done['name']}.zip").body
    names = zipfile.ZipFile(io.BytesIO(whole)).namelist()
    assert not [name for name in names if name.endswith("link")]


def test_a_zip_file_is_made_in_pieces(tmp_path):
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "large.jpg").write_bytes(bytes(range(256)) * (5 << 12))
    (folder / "ünïcode.json").write_text("{}" * 1000)
    pieces = list(zipped(folder))
    assert max(map(len, pieces)) < 2 << 20
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["data/deep/large.jpg", "data/ünïcode.json"]
        assert archive.read("data/deep/large.jpg") == bytes(range(256)) * (5 << 12)
