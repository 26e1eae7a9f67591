"""What all steps of a pipeline have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vquery.pipeline.world import World

    Outcome = dict[str, Any]

PLAIN = (str, int, float, bool, type(None))


class Step:
    """One thing that a pipeline does, and what it depends on.

    Attributes
    ----------
    name
        Such as "propagate name".
    needs
        Steps whose outcome it depends on; they come before it.
    settings
        What the file says, without what other steps do.
    follows
        Those of them that it is done after anew whenever they were: what they put in force takes
        the place of what it did, or is its input.
    """

    def __init__(
        self,
        name: str,
        needs: tuple[str, ...],
        settings: Mapping[str, Any],
        follows: tuple[str, ...] = (),
    ) -> None:
        self.name, self.settings, self.follows = name, dict(settings), follows
        self.needs = tuple(dict.fromkeys((*needs, *follows)))

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    def inputs(self, world: World) -> dict[str, str]:
        """Fingerprint what it depends on beside settings and steps, by what people call it."""
        del world
        return {}

    def waits(self, world: World, waiting: Collection[str]) -> str | None:
        """Say why it cannot be done yet, though nothing is wrong; None where it can."""
        del world, waiting
        return None

    def run(self, world: World) -> Outcome:
        """Do it; the outcome has a ``version``, equal where the result is."""
        raise NotImplementedError

    def lost(self, world: World, outcome: Outcome) -> str | None:
        """Say why what was done holds no longer, though its inputs are the same."""
        del world, outcome
        return None

    def after(self, outcome: Outcome | None) -> None:
        """Take note of what came out last time, before it runs again."""

    def told(self, outcome: Outcome) -> str:
        """Say in a line what came out."""
        return ", ".join(f"{key} {_short(one)}" for key, one in outcome.items() if key != "version")

    def set(self, world: World) -> dict[str, str]:
        """Write the settings, so that the one that changed can be named."""
        found: dict[str, str] = {}
        for key, one in sorted(self.settings.items()):
            inner = {f"{key}.{each}": own for each, own in one.items()} if _is(one) else {key: one}
            found |= {name: _written(world, own) for name, own in inner.items()}
        return found


def _is(value: Any) -> bool:
    return isinstance(value, dict)


def _written(world: World, value: Any) -> str:
    if isinstance(value, PLAIN):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_written(world, one) for one in value)}]"
    if isinstance(value, dict):
        inner = (f"{key}: {_written(world, one)}" for key, one in value.items())
        return f"{{{', '.join(inner)}}}"
    return world.print_of(value)


def _short(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
