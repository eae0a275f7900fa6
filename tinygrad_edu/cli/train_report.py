"""What `tinygrad-edu train` and `evaluate` show in the terminal."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_edu.cli.network import Trained
from tinygrad_edu.cli.page import Page, literal
from tinygrad_edu.cli.training import Outcome, Training
from tinygrad_edu.nn import summary

__all__ = ["TrainReport"]

MOST_CLASSES = 10  # that a confusion matrix has room for
LONGEST = 12  # characters of a class's name


class TrainReport(Page):
    """Prints a training run: what there is before it begins, and what came of it."""

    def before(self, training: Training) -> None:
        """The data, the network, how it will be trained."""
        data, chosen = training.data, training.settings
        self.headline(f"Training on {literal(data.name)}")
        self.heading("1. The data")
        samples = ", ".join(f"{len(y)} for {part}" for part, (_, y) in training.parts.items())
        self.say(f"{len(data.x)} samples: {samples} (seed {chosen.seed})")
        self.say(listed("feature", data.columns))
        quantity = f"the quantity {literal(repr(data.target))}"
        self.say(f"to predict: {quantity if data.classes is None else listed('class', data.classes)}")
        self.heading("2. The network")
        x, _ = training.fitted("training")
        for line in summary(training.trained.model, x[:1]).text(self.console.width - 2).splitlines():
            self.console.print("  " + literal(line) if line else "")
        self.heading(
            f"3. Training: {chosen.optimizer}, rate {chosen.lr:g} ({chosen.schedule}), "
            f"batches of {min(chosen.batch_size, len(x))}"
        )

    def after(self, training: Training, outcome: Outcome) -> None:
        """Figures of all parts, and the confusion of the test part."""
        history = outcome.history
        seconds = sum(history.epochs.get("seconds", ()))
        end = "[red]The loss blew up[/]" if outcome.diverged else literal(history.stopped.capitalize())
        self.say(f"{len(history)} epochs in {seconds:.1f} s. {end}.")
        self.heading("4. How well it does")
        self.results(outcome.trained, outcome.results)
        if training.settings.label_smoothing and outcome.trained.classes is not None:
            self.say("The losses are without the label smoothing of training.")
        if outcome.confusion:
            self.confusion(outcome.trained, outcome.confusion, "the test part")

    def results(self, trained: Trained, results: dict[str, dict[str, float]]) -> None:
        """One line a part."""
        if trained.classes is not None:
            table = self.table("part", "samples", "loss", "accuracy")
            for part, found in results.items():
                accuracy = f"{100 * found['accuracy']:.2f} %"
                table.add_row(part, str(found["samples"]), number(found["loss"]), f"[bold]{accuracy}[/]")
        else:
            table = self.table("part", "samples", "root mean squared error", "R²")
            for part, found in results.items():
                table.add_row(part, str(found["samples"]), number(found["rmse"]), f"[bold]{found['r2']:.4f}[/]")
        self.put(table)

    def confusion(self, trained: Trained, counts: list[list[int]], where: str) -> None:
        """True classes down, predicted ones across."""
        names = [short(name) for name in trained.classes or ()]
        width = max(len(names[0]), *(max(len(name), len(str(max(row)))) for name, row in zip(names, counts))) + 1
        if len(names) > MOST_CLASSES or width * len(names) + LONGEST > self.console.width:
            return
        self.console.print()
        self.say(f"Of {where}: the true class on the left, what it was taken for above")
        self.console.print()
        table = self.table("", *map(literal, names))
        for i, (name, row) in enumerate(zip(names, counts)):
            cells = [f"[bold]{n}[/]" if i == j else str(n) if n else "[dim]·[/]" for j, n in enumerate(row)]
            table.add_row(literal(name), *cells)
        self.put(table)

    def end(self, outcome: Outcome, written: list[str]) -> None:
        """What was written."""
        if written:
            self.console.print()
        for name in written:
            self.console.print("wrote", literal(name), soft_wrap=True)


def listed(kind: str, names: list[str]) -> str:
    """How many, and the first few names."""
    plural = {"class": "classes"}.get(kind, kind + "s") if len(names) != 1 else kind
    shown = ", ".join(short(name) for name in names[:5]) + ", …" * (len(names) > 5)
    return literal(f"{len(names)} {plural}: {shown}")


def short(name: str) -> str:
    """A name of at most so many characters."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def number(value: Any) -> str:
    """Four digits; or what is not finite."""
    return f"{value:.4g}" if math.isfinite(value) else "overflow"
