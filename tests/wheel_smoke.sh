#!/bin/sh
# Build the wheel and use it in a bare environment: finds what only the checkout has.
# Usage: wheel_smoke.sh PYTHON VENV_PYTHON
set -eu
python=$1
venv_python=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$venv_python" -m build --wheel --outdir "$work/dist" . >"$work/build.log" 2>&1 || {
    cat "$work/build.log"
    exit 1
}
"$python" -m venv "$work/bare"
"$work/bare/bin/python" -m pip install --quiet --disable-pip-version-check "$work"/dist/*.whl
cd "$work"
"$work/bare/bin/vquery" --help >/dev/null
"$work/bare/bin/python" - <<'PY'
import pyarrow as pa
import vquery as vq
from vquery import face, span, time_overlaps

table = pa.table({"video": ["a", "a"], "start": [0, 1], "end": [2, 3], "name": ["Bernie", "Jake"]})
faces = vq.from_arrow(table)
pairs = faces.filter(face.name == "Bernie").join(
    faces.filter(face.name == "Jake"), predicate=time_overlaps, merge_op=span
)
assert pairs.count() == 1, pairs.collect()
vq.create("bare.vq").close()
import vquery_newsroom
PY
"$work/bare/bin/vquery" info bare.vq >/dev/null
echo "wheel: installs, imports and answers in a bare environment"
