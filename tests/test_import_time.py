"""`import vquery` and `vquery --help` answer at once: nothing heavy is imported on the way."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "cv2",
    "duckdb",
    "faiss",
    "networkx",
    "numba",
    "numpy",
    "pyarrow",
    "rich",
    "scipy",
    "starlette",
    "torch",
    "uvicorn",
}
SHOW = "import sys; print(' '.join({name.partition('.')[0] for name in sys.modules}))"


def loaded(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {SHOW}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split()) & HEAVY


def test_import_vquery_imports_nothing_heavy():
    assert loaded("import vquery") == set()


def test_the_command_line_imports_nothing_heavy_for_its_help():
    assert loaded("from vquery.cli import main; main(['--help'], standalone_mode=False)") == set()
    assert (
        loaded("from vquery.cli import main; main(['query', '-h'], standalone_mode=False)") == set()
    )
    assert (
        loaded("from vquery.cli import main; main(['serve', '-h'], standalone_mode=False)") == set()
    )


@pytest.mark.parametrize("door", ["cv2", "faiss", "networkx", "numba", "scipy", "torch"])
def test_opening_a_collection_needs_neither_pictures_nor_graphs(door):
    assert door not in loaded("import vquery; vquery.open; vquery.face.score > 1")


def test_few_shot_heads_learn_where_pytorch_is_not():
    code = "import vquery; vquery.FewShot().fit([[1.0, 0.0], [0.0, 1.0]], ['a', 'b'])"
    assert "torch" not in loaded(code)


SPENT = """
import resource, subprocess, sys
line = [sys.executable, "-m", "vquery.cli", "--help"]
subprocess.run(line, stdout=subprocess.DEVNULL, check=True)
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
print(spent.ru_utime + spent.ru_stime)
"""


def test_help_takes_less_than_half_a_second():
    """Of the processor: how long people wait depends on what else the machine does, too."""
    best = min(
        float(subprocess.run([sys.executable, "-c", SPENT], capture_output=True, check=True).stdout)
        for _ in range(5)
    )
    assert best < 0.5, f"{best:.2f} s"


def test_help_loads_few_modules():
    """Whatever they are, also such as are not among the heavy ones: it takes 126 as it is."""
    code = "from vquery.cli import main; main(['--help'], standalone_mode=False)"
    code = f"import sys; {code}; print(len(sys.modules))"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 250
