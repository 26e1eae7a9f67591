"""Every example is run by some test: those of real clips in `learning/test_names.py`, the label
functions with `examples/vquery.toml` in `unit/pipeline/test_example.py`.
"""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_every_example_has_a_test() -> None:
    tested = {"label_functions", "real_clips", "torch_dataset"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested
