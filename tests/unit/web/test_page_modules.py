"""The page's arithmetic: selections, the places of cells, words, and boxes, as node runs them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import vquery.web

STATIC = Path(vquery.web.__file__).with_name("static")
CHECKS = Path(__file__).with_name("page_modules.mjs")


def test_arithmetic_of_the_page_is_what_plain_ways_give(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: these checks of the page's modules need it")
    for name in ("selection", "layout", "formats", "boxes"):  # modules that import no others
        shutil.copy(STATIC / f"{name}.js", tmp_path / f"{name}.mjs")
    done = subprocess.run(
        [node, str(CHECKS), str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "all held"
