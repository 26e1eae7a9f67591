"""From the sections of a pipeline to its steps, in the order in which they are done."""

from __future__ import annotations

from os.path import normpath
from typing import TYPE_CHECKING, Any

from vquery.errors import PipelineError
from vquery.pipeline.steps.bringing import Index, Label, Relation, words
from vquery.pipeline.steps.ending import Check, Export, Test
from vquery.pipeline.steps.labels import Fuse, Propagate
from vquery.pipeline.steps.learning import Embed, Predict, Train

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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
    named = _Relations(settings, where)
    said = (*brought, *(f"label {name}" for name in settings.get("labels", {})))
    made += named.ready(made, said)
    done: list[str] = []
    tasks = settings.get("tasks", {})
    for name, task in tasks.items():
        later = {concept_of(one, each) for one, each in tasks.items() if one not in done}
        made += _task(concept_of(name, task), task, made, later)
        done.append(name)
        made += named.ready(made, said, done)
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


def _ends_of(made: list[Step], concept: str) -> tuple[str, ...]:
    """Find the step whose labels of a concept are in force at the end."""
    there = {one.name for one in made}
    names = (f"{what} {concept}" for what in (*OF_TASK, "label"))
    return next(((name,) for name in names if name in there), ())


class _Relations:
    """Relations, each made once what it names is: other relations, and labels that tasks make.

    ``after`` names tasks where the text does not show them; a relation that a task is about comes
    before it.
    """

    def __init__(self, settings: Mapping[str, Any], where: str) -> None:
        self._left = dict(settings.get("relations", {}))
        self._tasks = settings.get("tasks", {})
        self._names = {name: words(_text(one)) for name, one in self._left.items()}
        self._after = {name: self._tasks_before(name, one) for name, one in self._left.items()}
        self._check(where)

    def _tasks_before(self, relation: str, given: Any) -> set[str]:
        if isinstance(given, dict) and "after" in given:
            return set(given["after"])
        return {
            name
            for name, task in self._tasks.items()
            if concept_of(name, task) in self._names[relation]
            and relation not in self._reached(_tables(task))
        }

    def _reached(self, names: set[str]) -> set[str]:
        """Relations among names, and those that they name."""
        while True:
            more = {one for name in names & set(self._names) for one in self._names[name]} - names
            if not more:
                return names
            names = names | more

    def _check(self, where: str) -> None:
        known = set(self._names)
        while True:
            free = {name for name in known if not self._names[name] & (known - {name})}
            if not free:
                break
            known -= free
        if known:
            raise PipelineError(f"{where}: relations {', '.join(sorted(known))} name one another")

    def ready(
        self, made: list[Step], needs: tuple[str, ...], done: Collection[str] = ()
    ) -> list[Step]:
        """Take those that can be made after some tasks."""
        found: list[Step] = []
        while True:
            free = [
                name
                for name in self._left
                if self._after[name] <= set(done)
                and not self._names[name] & (set(self._left) - {name})
            ]
            if not free:
                return found
            for name in free:
                tasks = [one for one in self._tasks if one in self._after[name]]
                concepts = [concept_of(one, self._tasks[one]) for one in tasks]
                ends = tuple(end for one in concepts for end in _ends_of(made, one))
                others = (f"relation {one}" for one in self._names if one in self._names[name])
                before = (*needs, *(one for one in others if one != f"relation {name}"))
                found.append(Relation(name, self._left.pop(name), before, ends))


def _text(relation: Any) -> str:
    return str(relation["query"] if isinstance(relation, dict) else relation)


def _tables(task: Mapping[str, Any]) -> set[str]:
    """Names that a task reads as tables, or functions."""
    functions = task.get("functions", ())
    given = functions.values() if isinstance(functions, dict) else functions
    return {task.get("over", ""), *(one for one in given if isinstance(one, str))}


def _check(settings: Mapping[str, Any], where: str) -> None:
    """Refuse what names what there is not, and tasks that have no way to a label."""
    tasks, slices = settings.get("tasks", {}), settings.get("slices", {})
    for name, one in settings.get("relations", {}).items():
        for task in one.get("after", ()) if isinstance(one, dict) else ():
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
    models = {
        f"tasks.{name}.train.name": (_options(task.get("train", True)) or {}).get(
            "name", concept_of(name, task)
        )
        for name, task in tasks.items()
        if task.get("train", "predict" in task)
    }
    _once(models, "model", where)
    exports = settings.get("exports", {}).items()
    folders = {f"exports.{name}.folder": one.get("folder", name) for name, one in exports}
    _once({key: normpath(one) for key, one in folders.items()}, "folder", where)
    wanted = settings.get("search", {}).get("task")
    if wanted is not None:
        _known(wanted, tasks, f"{where}: search.task names", "tasks")


def _once(given: Mapping[str, str], what: str, where: str) -> None:
    seen: dict[str, str] = {}
    for key, value in given.items():
        if value in seen:
            raise PipelineError(
                f"{where}: {key} is {value!r}, as is {seen[value]}: each needs a {what} of its own"
            )
        seen[value] = key


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
