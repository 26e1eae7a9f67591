"""The one training loop: epochs, a cosine schedule, checkpoints, an early stop, clear failures.

All that is random in an epoch is seeded by the run's seed and the epoch's number, and a checkpoint
is written after each epoch. So a run that is killed continues at the last whole epoch and ends with
the weights that it would have had (on the CPU to the last bit, with as many threads).
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

import numpy as np
import torch

from vquery.errors import LearnError
from vquery.learn.core import checkpoints
from vquery.learn.core.checkpoints import NETWORK
from vquery.learn.core.device import mixed, pick, seed_torch
from vquery.learn.core.values import is_number, positive, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from vquery.learn.core.networks import Architecture

CHECKPOINT = "checkpoint.safetensors"
BEST, OPTIMIZER = "best.", "optimizer."
MEASURE = "measure"
"""The entry of a probe that is to rise: it tells which epoch was best."""
SECONDS = "seconds"

B = TypeVar("B")


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes
    ----------
    epochs
        At most.
    rate, decay
        Highest learning rate and weight decay of AdamW (I. Loshchilov, F. Hutter 2019).
    warmup
        Share of all steps in which the rate rises from 0; then it falls to 0 along a cosine.
    clip
        Largest norm of the gradients of a step.
    patience
        Stop after so many probes without a better ``measure``; None never stops early.
    probe_every
        Epochs between probes; the last epoch always has one.
    minutes
        Stop after the epoch in which this time is over, those before an interruption counted.
    seed
        Of all that is random.
    """

    epochs: int = 100
    rate: float = 1e-3
    decay: float = 1e-4
    warmup: float = 0.05
    clip: float = 1.0
    patience: int | None = None
    probe_every: int = 1
    minutes: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("epochs", 1), ("probe_every", 1), ("patience", 1), ("seed", 0)):
            if name != "patience" or self.patience is not None:
                object.__setattr__(self, name, whole(name, getattr(self, name), low))
        for name in ("rate", "clip", "minutes"):
            if name != "minutes" or self.minutes is not None:
                object.__setattr__(self, name, positive(name, getattr(self, name)))
        if not (is_number(self.warmup) and 0 <= self.warmup < 1):
            raise LearnError(f"warmup is a share from 0 to below 1, got {self.warmup!r}")
        if not (is_number(self.decay) and self.decay >= 0):
            raise LearnError(f"decay must be at least 0, got {self.decay!r}")


class Task(Protocol[B]):
    """What is learnt: a network, batches, a loss, and a measure of how good it is."""

    network: torch.nn.Module
    """Everything that has weights to train, heads included."""
    architecture: Architecture
    """What the network is."""

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """Say in plain values what is learnt from: another run of the same gives the same."""
        ...

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[B]:
        """Make the batches of an epoch, alike for alike ``rng``."""
        ...

    def loss(self, batch: B) -> torch.Tensor:
        """Compute the loss of a batch, a scalar; the network is in training mode."""
        ...

    def probe(self) -> Mapping[str, float]:
        """Measure the network, in evaluation mode; may be empty. ``measure`` is to rise."""
        ...


@dataclass
class History:
    """What happened: a row an epoch, the best epoch, and why it ended.

    Attributes
    ----------
    rows
        Of each epoch ``epoch`` (from 1), ``loss`` (mean), ``rate``, ``seconds``, and its probe.
    best
        The epoch whose weights the network has in the end: that of the highest ``measure``, the
        last one without measures.
    ended
        "all epochs", "no longer better" or "out of time".
    resumed
        The epoch after which an interrupted run was taken up; None if there was none.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    best: int = 0
    ended: Literal["", "all epochs", "no longer better", "out of time"] = ""
    resumed: int | None = None

    @property
    def seconds(self) -> float:
        """Time of all epochs together."""
        return sum(row[SECONDS] for row in self.rows)


def train(
    task: Task[B],
    settings: Settings,
    *,
    device: str | torch.device | None = None,
    folder: Path | None = None,
    fresh: bool = False,
    progress: Callable[[str], None] | None = None,
) -> History:
    """Train a task's network in place; it ends with its best weights, in evaluation mode.

    Parameters
    ----------
    device
        By default a GPU if there is one.
    folder
        Where the checkpoint is kept after each epoch, and where a run that was interrupted is
        taken up; None keeps nothing.
    fresh
        Whether to start anew although there is a checkpoint.
    progress
        Told a line an epoch.

    Raises
    ------
    LearnError
        If the loss is no longer a number, or the checkpoint is damaged or of other settings.
    """
    run = _Run(task, settings, pick(device), folder)
    if folder is not None and not fresh:
        run.resume()
    while not run.history.ended:
        row = run.epoch()
        if progress is not None:
            progress(_line(row, settings, run.history))
    run.finish()
    return run.history


class _Run(Generic[B]):
    """One run of the loop, with all its state."""

    def __init__(
        self, task: Task[B], settings: Settings, device: torch.device, folder: Path | None
    ) -> None:
        if task.steps < 1:
            raise LearnError("there is nothing to train on: not one batch")
        self.task, self.settings, self.device = task, settings, device
        self.path = None if folder is None else folder / CHECKPOINT
        self.history = History()
        self.best: dict[str, torch.Tensor] | None = None
        task.network.to(device)
        self.optimizer = torch.optim.AdamW(
            task.network.parameters(), lr=settings.rate, weight_decay=settings.decay
        )

    def epoch(self) -> dict[str, float]:
        """Train one epoch, probe, and keep it; return its row of the history."""
        number, started = len(self.history.rows) + 1, time.monotonic()
        loss = self._steps(number)
        row: dict[str, float] = {"epoch": number, "loss": loss, "rate": self._rate(number, 0)}
        last = number == self.settings.epochs
        if last or number % self.settings.probe_every == 0 or self._late(started):
            row |= self._probe()
        row[SECONDS] = time.monotonic() - started
        self.history.rows.append(row)
        self._judge(row, last=last)
        self._keep()
        return row

    def _steps(self, number: int) -> float:
        rng = np.random.default_rng([self.settings.seed, number])
        seed_torch(self.settings.seed, number)
        self.task.network.train()
        losses = []
        for step, batch in enumerate(self.task.batches(number, rng)):
            for group in self.optimizer.param_groups:
                group["lr"] = self._rate(number, step)
            with mixed(self.device):
                loss = self.task.loss(batch)
            found = self._finite(float(loss.detach()), "loss", number, step)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            weights = self.task.network.parameters()
            norm = torch.nn.utils.clip_grad_norm_(weights, self.settings.clip)
            # the last step of an epoch would put them into the checkpoint, unseen
            self._finite(float(norm), "norm of the gradients", number, step)
            self.optimizer.step()
            losses.append(found)
        return float(np.mean(losses))

    def _finite(self, value: float, what: str, number: int, step: int) -> float:
        if math.isfinite(value):
            return value
        stays = self.path is not None and number > 1
        raise LearnError(
            f"the {what} became {value} in epoch {number}, step {step + 1}: lower rate= "
            f"(it is {self.settings.rate:g}), and look for values in the data that are not finite"
            + ("; the checkpoint of the epoch before stays as it is" if stays else "")
        )

    def _rate(self, number: int, step: int) -> float:
        steps = self.task.steps
        done = (number - 1) * steps + step + 1
        return self.settings.rate * schedule(done, self.settings.epochs * steps, self.settings)

    def _late(self, started: float) -> bool:
        minutes = self.settings.minutes
        spent = self.history.seconds + time.monotonic() - started
        return minutes is not None and spent >= 60 * minutes

    def _probe(self) -> Mapping[str, float]:
        self.task.network.eval()
        with torch.inference_mode():
            return dict(self.task.probe())

    def _judge(self, row: dict[str, float], *, last: bool) -> None:
        """See whether this epoch is the best, and whether it is the last."""
        history, settings = self.history, self.settings
        measured = [one for one in history.rows if MEASURE in one]
        best = max((one[MEASURE] for one in measured), default=None)
        if best is None or row.get(MEASURE) == best != self._measure_of(history.best):
            history.best = int(row["epoch"])
            self.best = None if best is None else _copy(self.task.network)
        since = sum(one["epoch"] > history.best for one in measured)
        if last:
            history.ended = "all epochs"
        elif settings.patience is not None and since >= settings.patience:
            history.ended = "no longer better"
        elif settings.minutes is not None and history.seconds >= 60 * settings.minutes:
            history.ended = "out of time"

    def _measure_of(self, number: int) -> float | None:
        return self.history.rows[number - 1].get(MEASURE) if number else None

    def finish(self) -> None:
        """Give the network its best weights."""
        if self.best is not None:
            self.task.network.load_state_dict(self.best)
        self.task.network.eval()

    def _told(self) -> dict[str, Any]:
        """Say what a checkpoint must agree in to be taken up."""
        settings = asdict(self.settings)
        settings.pop("minutes")  # giving more time continues a run
        return {
            "settings": settings,
            "learns": dict(self.task.identity()),
            "steps": self.task.steps,
        }

    def _keep(self) -> None:
        if self.path is None:
            return
        tensors = {NETWORK + n: one for n, one in self.task.network.state_dict().items()}
        tensors |= {BEST + n: one for n, one in (self.best or {}).items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"{OPTIMIZER}{number}.{name}": one for name, one in state.items()}
        history = {
            "rows": self.history.rows,
            "best": self.history.best,
            "ended": self.history.ended,
        }
        told = {**self._told(), "history": history}
        checkpoints.save(self.path, self.task.architecture, tensors, told)

    def resume(self) -> None:
        """Take up what a checkpoint holds, if there is one."""
        if self.path is None or not self.path.exists():
            return
        saved = checkpoints.load(self.path, self.task.architecture)
        self._same(saved.told)
        checkpoints.put(self.task.network, saved.part(NETWORK), what=str(self.path))
        self.best = {n: one.to(self.device) for n, one in saved.part(BEST).items()} or None
        try:
            self._restore_optimizer(saved.part(OPTIMIZER))
            history = saved.told["history"]
            self.history = History(**history, resumed=len(history["rows"]))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise LearnError(
                f"{self.path}: is damaged: it cannot be taken up ({error!r}); fresh=True starts "
                "anew"
            ) from error
        if self.history.ended == "out of time" and not self._late(time.monotonic()):
            self.history.ended = ""

    def _same(self, told: Mapping[str, Any]) -> None:
        own = self._told()
        for part in own:
            if told.get(part) != own[part]:
                raise LearnError(
                    f"{self.path}: is of a run with {_differs(told.get(part), own[part])}; give "
                    "another folder or name, or fresh=True to start anew"
                )

    def _restore_optimizer(self, tensors: Mapping[str, torch.Tensor]) -> None:
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, one in tensors.items():
            number, key = name.split(".", 1)
            state.setdefault(int(number), {})[key] = one
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def schedule(done: int, steps: int, settings: Settings) -> float:
    """Return the share of the highest rate at a step (from 1): a linear rise, then a cosine.

    >>> [round(schedule(n, 10, Settings(warmup=0.2)), 2) for n in (1, 2, 6, 10)]
    [0.5, 1.0, 0.5, 0.0]
    """
    rise = round(settings.warmup * steps)
    if done <= rise:
        return done / rise
    return 0.5 * (1 + math.cos(math.pi * (done - rise) / max(steps - rise, 1)))


def _copy(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: one.detach().clone() for name, one in network.state_dict().items()}


def _differs(old: object, new: object) -> str:
    """Say where the values of two runs differ."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return f"{old!r} where {new!r} is asked for"
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return ", ".join(f"{n} {old.get(n)!r} (asked for: {new.get(n)!r})" for n in names[:3])


def _line(row: Mapping[str, float], settings: Settings, history: History) -> str:
    probed = [f"{n} {v:.3f}" for n, v in row.items() if n not in {"epoch", "loss", "rate", SECONDS}]
    parts = [f"loss {row['loss']:.4f}", *probed, f"{row[SECONDS]:.1f} s"]
    ended = f" ({history.ended}; best: epoch {history.best})" if history.ended else ""
    return f"epoch {row['epoch']:.0f} of {settings.epochs}: {', '.join(parts)}{ended}"
