"""From the sections of a pipeline to its steps, in the order in which they are done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.errors import PipelineError
from vquery.pipeline.steps.bringing import Index, Label, Relation
from vquery.pipeline.steps.ending import Check, Export, Test
from vquery.pipeline.steps.labels import Fuse, Propagate
from vquery.pipeline.steps.learning import Embed, Predict, Train

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.pipeline.steps.base import Step

OF_TASK = ("predict", "fuse", "propagate")
"""Steps of a task, the one whose labels are in force first."""


def steps_of(settings: Mapping[str, Any], where: str) -> list[Step]:
    """Make the steps; each comes after those that it needs.

    Raises
    ------
    PipelineError
        If sections do not go together: it names the key.
    """
    _check(settings, where)
    made: list[Step] = [Index(one) for one in settings.get("sources", ())]
    brought = tuple(one.name for one in made)
    made += [Label(name, one, brought) for name, one in settings.get("labels", {}).items()]
    made += [Embed(name, one, brought) for name, one in settings.get("embeddings", {}).items()]
    relations = settings.get("relations", {})
    made += [Relation(name, one, brought) for name, one in relations.items() if not _after(one)]
    done: list[str] = []
    tasks = settings.get("tasks", {})
    for name, task in tasks.items():
        later = {concept_of(one, each) for one, each in tasks.items() if one not in done}
        made += _task(concept_of(name, task), task, made, later)
        done.append(name)
        made += [
            Relation(each, one, brought, _ends(made, _after(one), tasks))
            for each, one in relations.items()
            if _after(one) and _after(one)[-1] == name and set(_after(one)) <= set(done)
        ]
    for concept, paths in settings.get("tests", {}).items():
        made.append(Test(concept, paths, _ends_of(made, concept)))
    if "check" in settings:
        made.append(Check(settings["check"], _named(made)))
    for name, one in settings.get("exports", {}).items():
        made.append(Export(name, one, (*brought, *_ends_of(made, one["labels"]))))
    return made


def concept_of(name: str, task: Mapping[str, Any]) -> str:
    """Name the concept of a task: by default the name of the task."""
    return str(task.get("concept", name))


def _task(concept: str, task: Mapping[str, Any], before: list[Step], later: set[str]) -> list[Step]:
    index = tuple(one.name for one in before if one.name.startswith("index "))
    needs = (*index, *(one.name for one in before if one.name == f"label {concept}"))
    made: list[Step] = []
    spread = _options(task.get("propagate", "functions" not in task))
    if spread is not None:
        made.append(Propagate(concept, spread, needs, _spaces(before, spread)))
    if "functions" in task:
        given = {"functions": task["functions"], "over": task.get("over", "faces")}
        given |= {key: task[key] for key in ("classes", "cover") if key in task}
        given |= {"model": task.get("model", {}), "fuse": dict(task.get("fuse", {}))}
        earlier = [one for one in before if one.name.split(" ")[0] in (*OF_TASK, "relation")]
        made.append(Fuse(concept, given, (*needs, *_named(earlier)), _named(made), later))
    labels = made[-1].name if made else None
    learn = _options(task.get("train", "predict" in task))
    if learn is not None:
        above = () if labels is None else (labels,)
        made.append(Train(concept, learn, needs, (*_spaces(before, learn), *above), labels))
        given_ = _options(task.get("predict", True))
        if given_ is not None:
            model, trained = learn.get("name", concept), made[-1].name
            made.append(Predict(concept, model, given_, needs, (*above, trained)))
    return made


def _options(given: Any) -> dict[str, Any] | None:
    """Read what is true, false or a table of options: None where it is not done."""
    if isinstance(given, bool):
        return {} if given else None
    return dict(given)


def _named(steps: list[Step]) -> tuple[str, ...]:
    return tuple(one.name for one in steps)


def _spaces(before: list[Step], options: Mapping[str, Any]) -> tuple[str, ...]:
    there = {one.name for one in before}
    return tuple(f"embed {one}" for one in options.get("spaces", ()) if f"embed {one}" in there)


def _ends(made: list[Step], after: list[str], tasks: Mapping[str, Any]) -> tuple[str, ...]:
    concepts = [concept_of(name, tasks[name]) for name in after]
    return tuple(name for one in concepts for name in _ends_of(made, one))


def _ends_of(made: list[Step], concept: str) -> tuple[str, ...]:
    """Find the step whose labels of a concept are in force at the end."""
    there = {one.name for one in made}
    names = (f"{what} {concept}" for what in (*OF_TASK, "label"))
    return next(((name,) for name in names if name in there), ())


def _after(relation: Any) -> list[str]:
    return list(relation.get("after", ())) if isinstance(relation, dict) else []


def _check(settings: Mapping[str, Any], where: str) -> None:
    """Refuse what names what there is not, and tasks that have no way to a label."""
    tasks, slices = settings.get("tasks", {}), settings.get("slices", {})
    for name, one in settings.get("relations", {}).items():
        for task in _after(one):
            _known(task, tasks, f"{where}: relations.{name}.after names a task", "tasks")
    seen: dict[str, str] = {}
    for name, task in tasks.items():
        concept = concept_of(name, task)
        if concept in seen:
            raise PipelineError(
                f"{where}: tasks.{name}.concept is {concept!r}, as of tasks.{seen[concept]}: "
                "a concept has one task"
            )
        seen[concept] = name
        _check_task(name, task, where)
        learn = _options(task.get("train", False)) or {}
        for one in learn.get("slices", ()):
            _known(one, slices, f"{where}: tasks.{name}.train.slices names", "slices")
    wanted = settings.get("search", {}).get("task")
    if wanted is not None:
        _known(wanted, tasks, f"{where}: search.task names", "tasks")


def _check_task(name: str, task: Mapping[str, Any], where: str) -> None:
    if "functions" not in task:
        for key in ("over", "classes", "cover", "model", "fuse"):
            if key in task:
                raise PipelineError(
                    f"{where}: tasks.{name}.{key} goes with functions, which this task has none of"
                )
        if task.get("propagate") is False and not task.get("train"):
            raise PipelineError(f"{where}: tasks.{name} neither propagates, fuses nor trains")
    if task.get("train") is False and task.get("predict"):
        raise PipelineError(f"{where}: tasks.{name}.predict needs train")


def _known(name: str, known: Mapping[str, Any], what: str, section: str) -> None:
    if name not in known:
        there = ", ".join(known) or "none"
        raise PipelineError(f"{what} {name!r}, which is not in {section}: {there}")
