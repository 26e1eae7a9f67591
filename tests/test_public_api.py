"""The public surface: what it names, that it is documented and typed."""

from __future__ import annotations

import ast
import builtins
import importlib.resources
import inspect
from pathlib import Path

import pytest

import vquery as vq
from vquery import errors

SOURCE = Path(vq.__file__)
HIDES = {"all", "any", "list", "max", "min", "open", "slice", "sum"}
"""Public names that hide a builtin: reached as ``vq.sum``, never by a star import."""

TREE = {
    "VQueryError": "Exception",
    "QueryError": "VQueryError TypeError",
    "UnknownColumnError": "QueryError AttributeError",
    "UnknownMethodError": "QueryError AttributeError",
    "SchemaError": "VQueryError ValueError",
    "IngestError": "SchemaError",
    "StoreError": "VQueryError",
    "LockedError": "StoreError",
    "MediaError": "VQueryError",
    "LabelError": "VQueryError ValueError",
    "LearnError": "VQueryError ValueError",
    "PipelineError": "VQueryError ValueError",
    "ExportError": "VQueryError",
    "MissingDependencyError": "VQueryError ImportError",
}

DESIGNED = """
open create from_arrow propagate concept ABSTAIN pattern aligned param when udf
row face caption shot time_overlaps before after during meets left_of above iou same
span intersection time_intersection left right
overlaps starts finishes equals met_by overlapped_by started_by contains finished_by
right_of below inside encloses boxes_overlap
""".split()

COLLECTION = """
faces captions words shots frames index query concept save label labels undo redo propagate export
propagation propagations undo_run suggest draw redraw erase
""".split()


def typed_names() -> set[str]:
    """Names that type checkers see: those imported under TYPE_CHECKING."""
    body = next(node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name
        for node in body.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def public() -> dict[str, object]:
    return {name: getattr(vq, name) for name in {*vq.__all__, *HIDES}}


def test_all_names_what_is_public():
    assert typed_names() == {*vq.__all__, *HIDES}
    assert set(vq.__all__).isdisjoint(dir(builtins))
    assert set(dir(vq)) >= typed_names()
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        vq.nonsense  # noqa: B018


@pytest.mark.parametrize("name", sorted({*DESIGNED, *TREE}))
def test_the_names_of_the_design_are_there(name):
    assert getattr(vq, name) is not None


def test_the_package_is_typed():
    assert (importlib.resources.files("vquery") / "py.typed").is_file()
    assert (importlib.resources.files("vquery_kernels") / "py.typed").is_file()


def test_every_public_function_and_method_is_documented():
    silent = []
    for name, value in public().items():
        if inspect.isclass(value):
            silent += [
                f"{name}.{key}"
                for key, member in vars(value).items()
                if not key.startswith("_")
                and (callable(member) or isinstance(member, (property, classmethod)))
                and not inspect.getdoc(member)
            ]
        if (inspect.isclass(value) or inspect.isroutine(value)) and not inspect.getdoc(value):
            silent.append(name)
    assert silent == []


def test_public_functions_have_types():
    bare = [
        name
        for name, value in public().items()
        if inspect.isroutine(value)
        and inspect.signature(value).return_annotation is inspect.Signature.empty
    ]
    assert bare == []


@pytest.mark.parametrize(("name", "bases"), TREE.items())
def test_errors_form_the_tree_that_is_drawn(name, bases):
    made = getattr(errors, name)
    assert getattr(vq, name) is made
    assert " ".join(base.__name__ for base in made.__bases__) == bases
    assert name in errors.__doc__


def test_no_error_is_missing_from_the_tree():
    defined = {
        n for n, v in vars(errors).items() if inspect.isclass(v) and issubclass(v, Exception)
    }
    assert defined == set(TREE)


@pytest.mark.parametrize("name", COLLECTION)
def test_a_collection_has_the_designed_names(name):
    assert hasattr(vq.Collection, name)
