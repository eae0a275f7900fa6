"""What `tinygrad-edu flip` shows in the terminal: one method for each part of the lesson."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_edu.cli.page import Page, literal
from tinygrad_edu.cli.terminal import NARROWEST
from tinygrad_edu.lessons import flip as lesson

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["FlipReport"]


class FlipReport(Page):
    """Prints the parts of the lesson as they come.

    Args:
        console: rich's.
        settings: of the training runs.
        found: what `lesson` has yielded so far; whoever fills it then calls `show`.
    """

    def __init__(self, console: Console, settings: lesson.Settings, found: dict[str, Any]) -> None:
        super().__init__(console)
        self.settings = settings
        self.found = found
        self.bar: Progress | None = None
        self.pixels = ("░░", "██") if console.encoding.startswith("utf") else ("..", "##")

    def title(self) -> None:
        """The first line."""
        self.headline("The 2×2 diagonal flip")

    def show(self, part: str) -> None:
        """Print one part, by the name that `lesson` gives it."""
        self.stop()
        getattr(self, f"show_{part}")(self.found[part])

    def starting(self, hidden: int, done: int) -> None:
        """Show on a progress bar that so many random starts are done; nothing where there is no terminal."""
        from rich.progress import Progress

        if self.bar is None:
            is_silent = not self.console.is_terminal or self.console.is_dumb_terminal
            self.bar = Progress(console=self.console, transient=True, disable=is_silent)
            self.bar.start()
        text = f"  {hidden} hidden units, random start {done + 1}"
        if not done:
            self.bar.add_task(text, total=lesson.STARTS)
        self.bar.update(self.bar.task_ids[-1], description=text, completed=done)

    def stop(self) -> None:
        """Take the progress bar away."""
        if self.bar:
            self.bar.stop()
        self.bar = None

    # ---- the parts -----------------------------------------------------------------------------------------------
    def show_network(self, layers: list[lesson.Layer]) -> None:
        """Sizes and the number of parameters, layer by layer."""
        self.heading("1. The network: 4 pixels → 3 hidden units → 4 pixels")
        table = self.table("layer", "weights", "biases", "parameters")
        for layer in layers:
            weights = f"{layer.inputs} × {layer.outputs} = {layer.inputs * layer.outputs}"
            table.add_row(layer.name, weights, str(layer.outputs), str(layer.parameters))
        table.add_row("together", "", "", f"[bold]{sum(layer.parameters for layer in layers)}[/]")
        self.put(table)
        self.console.print()
        table = self.table("weights", "[0]", "[1]", "[2]", "[3]")
        for name, parameter in lesson.named(lesson.traced_network()).items():
            rows = parameter.data if parameter.ndim == 2 else [parameter.data]
            for k, row in enumerate(rows):
                table.add_row(literal(f"{name}[{k}]") if parameter.ndim == 2 else name, *map(number, row))
        self.put(table)

    def show_forward(self, trace: lesson.Trace) -> None:
        """The image, its flip, and the numbers on the way to the loss."""
        self.heading("2. One forward pass")
        for before, arrow, after in zip(self.image(trace.x), ("flip →", ""), self.image(trace.target), strict=True):
            self.console.print(f"  {before}  {arrow:<6}  {after}")
        self.console.print()
        table = self.table("", "how", "[0]", "[1]", "[2]", "[3]", words=(0, 1))
        for name, how, values in (
            ("x", "the image", trace.x),
            ("z1", "x @ W1 + b1", trace.z1),
            ("h", "relu(z1)", trace.h),
            ("prediction", "h @ W2 + b2", trace.prediction),
            ("target", "the flip", trace.target),
        ):
            table.add_row(name, how, *map(number, values))
        self.put(table)
        self.say(f"loss = mean of (prediction - target)² = [bold]{trace.loss:.5f}[/]")
        self.say(
            "Units 0 and 1 are silent (h = 0), so rows 0 and 1 of W2, which they feed, change nothing here. "
            "The lesson leaves these rows open; we chose them."
        )

    def image(self, pixels: Any) -> list[str]:
        """A 2×2 image as two lines of blocks."""
        blocks = [self.pixels[int(pixel)] for pixel in pixels]
        return [blocks[0] + blocks[1], blocks[2] + blocks[3]]

    def show_check(self, check: lesson.Check) -> None:
        """All gradients beside the measured ones, side by side where there is room, then the kink."""
        self.heading("3. One backward pass, and all 31 gradients measured")
        begins = ", ".join(number(value) for value in check.output)
        self.say(
            f"Backward begins with ∂loss/∂prediction = {literal(f'[{begins}]')}, which is ∂loss/∂b2 too, and goes on "
            "to every weight:"
        )
        self.console.print()
        sides = 2 if self.console.width >= NARROWEST else 1
        table = self.table(*("entry", "backward", "measured") * sides, words=(0, 3))
        rows = (len(check.entries) + sides - 1) // sides
        for i in range(rows):
            table.add_row(*(cell for entry in check.entries[i::rows] for cell in gradient(entry)))
        self.put(table)
        others = "".join(f", {n} {word} (!)" for word in ("mismatch", "inconclusive") if (n := check.count(word)))
        self.say(
            f"[bold]{check.count('agree')} agree, {len(check.kinks)} lie on a kink (*){others}.[/] "
            f"Largest difference off the kink: {check.max_error:.0e}."
        )
        if check.kinks:
            self.kinks(check.kinks)

    def kinks(self, kinks: list[lesson.Entry]) -> None:
        """Left slope, right slope, and what backward chose."""
        self.say(
            f"Unit 0 receives 0 on paper, where relu bends (here, with rounding: {self.found['forward'].z1[0]:.2g}). "
            "So its four parameters have no derivative, only a left and a right slope:"
        )
        self.console.print()
        table = self.table("entry", "left", "right", "backward chose", "between?")
        for e in kinks:
            between = min(e.left, e.right) - 1e-9 <= e.backprop <= max(e.left, e.right) + 1e-9
            slopes = (number(slope, 4) for slope in (e.left, e.right, e.backprop))
            table.add_row(literal(e.name), *slopes, "yes" if between else "[red]no[/]")
        self.put(table)
        self.say(
            "Measuring looks at both sides at once and gets half of each slope. That is no error of backward, nor is "
            "it more right: any value between the two slopes will do."
        )

    def show_timing(self, timing: lesson.Timing) -> None:
        """Passes and time, for both ways to the gradient."""
        check = self.found["check"]
        forward, backward = check.backprop_passes
        self.heading(f"4. {check.forward_passes} passes against {forward} + {backward}")
        table = self.table("all 31 gradients by", "forward", "backward", "time")
        table.add_row("measuring", str(check.forward_passes), "0", duration(timing.finite_difference))
        table.add_row("one backward pass", str(forward), str(backward), duration(timing.backprop))
        self.put(table)
        self.say(
            f"Measuring takes [bold]{timing.ratio:.0f} times[/] as long here: two passes for every parameter. "
            "A backward pass is one pass, whether for 31 parameters or a million."
        )

    def show_after_one_step(self, after: lesson.Trace) -> None:
        """The forward pass before and after the update."""
        before = self.found["forward"]
        self.heading(f"5. One step downhill: w ← w - {lesson.LR} · gradient")
        table = self.table("", "before", "after", "target")
        table.add_row("h[2]", f"{before.h[2]:.3f}", f"{after.h[2]:.3f}", "")
        for i, (old, new, target) in enumerate(zip(before.prediction, after.prediction, after.target, strict=True)):
            table.add_row(literal(f"prediction[{i}]"), f"{old:.6f}", f"{new:.6f}", number(target))
        table.add_row("loss", f"{before.loss:.7f}", f"[bold]{after.loss:.7f}[/]", "")
        self.put(table)

    def show_train_one(self, run: lesson.Run) -> None:
        """Training on the traced image."""
        chosen = self.settings
        self.heading(f"6. Training: {chosen.optimizer}, learning rate {chosen.learning_rate:g}")
        end = {
            "goal": f"below {loss(lesson.GOAL)} after [bold]{run.steps}[/] steps",
            "steps": f"not below {loss(lesson.GOAL)} in {run.steps} step{'s' * (run.steps != 1)}",
            "overflow": f"it blew up in {run.steps} step{'s' * (run.steps != 1)}",
        }[run.ended]
        self.say(f"The one image: loss {run.losses[0]:.3g} → [bold]{loss(run.loss)}[/], {end}.")
        self.say("All 16 images, from random starts, since some get stuck:")
        self.console.print()

    def show_train_all(self, tried: dict[int, lesson.Starts]) -> None:
        """What every number of hidden units reached, beside what it could reach at best."""
        table = self.table("units", "parameters", "floor", "loss", "right", "start")
        for hidden, t in tried.items():
            best = t.best
            start = f"{best.number} of {len(t.starts)}"
            right = f"[bold]{best.images_right}[/] of 16"
            reached = f"[bold]{loss(best.run.loss)}[/]"
            table.add_row(str(hidden), str(t.parameters), f"{t.floor:g}", reached, right, start)
        self.put(table)
        three = tried[3]
        self.say(
            "Three units cannot learn all 16, however long they train. Their outputs span 3 dimensions and the targets "
            "4: one direction is left out, along which the targets have the variance ¼, and over 4 outputs that is a "
            f"loss of at least [bold]1/16 = {three.floor}[/]. Four thresholds cut 3-space into at most "
            f"{lesson.most_images(3)} regions, so at most {lesson.most_images(3)} images come out right, and at the "
            "floor itself 14. The fourth unit opens the way to 0."
        )
        if counts := three.right_at_floor:
            extremes = " to ".join(str(count) for count in sorted({counts[0], counts[-1]}))
            self.say(
                f"How many come out right at the floor depends on the start: here {extremes} of 16. "
                "(Another 24 starts, when the lesson was planned, had 12 at best.)"
            )
        blown, total = three.blown_up, len(three.starts)
        if blown == total:
            self.say(f"Here all {total} starts with three units blew up: the steps are too long for them.")
            return
        ends = [f"{three.at_floor} reached the floor", f"{three.with_dead_units} lost a unit"]
        ends = [f"{blown} blew up", *ends] if blown else ends
        self.say(
            f"Of {total} starts with three units, {', '.join(ends[:-1])} and {ends[-1]}: silent for every image, it "
            "gets no gradient and never wakes (a dead ReLU). What is left learns like a smaller network, down to 2/16 "
            "or 3/16."
            if three.with_dead_units
            else f"Of {total} starts with three units, {', '.join(ends[:-1])} and none lost a unit."
        )

    def show_learning_rates(self, rates: list[lesson.Rate]) -> None:
        """The loss along the way, and a verdict drawn from it."""
        self.heading("7. Learning rates, and the loss after so many steps")
        table = self.table("rate", *map(str, lesson.TABLE_STEPS), "verdict", words=(0, 5))
        for rate in rates:
            losses = (loss(rate.at(step), 4) for step in lesson.TABLE_STEPS)
            table.add_row(f"{rate.lr:g}", *losses, rate.verdict)
        self.put(table)
        worse = "; ".join(f"{rate.rises} of {rate.run.steps} at rate {rate.lr:g}" for rate in rates if rate.rises)
        self.say(
            "sgd from the traced weights, on all 16 images. Unstable means that some steps made the loss worse"
            f"{': ' if worse else ''}{worse}."
        )

    def end(self, checks: dict[str, bool], plot: Path | None) -> None:
        """The checks that failed, or how many passed."""
        self.console.print()
        failed = [name for name, well in checks.items() if not well]
        for name in failed:
            self.console.print(f"[bold red]FAILED[/] {name}")
        if not failed:
            own = "" if self.settings.are_default else " Training is not judged with settings of your own."
            self.console.print(f"[green]All {len(checks)} checks passed.[/]{own}")
        if plot:
            self.console.print("The losses are drawn in", literal(str(plot)), soft_wrap=True)


def number(value: float, decimals: int | None = None) -> str:
    """As short as can be, a rounding error shown as the 0 that it stands for; or with a fixed number of decimals."""
    value = 0.0 if abs(value) < 1e-12 else value
    return f"{value:.6g}" if decimals is None else f"{value:.{decimals}f}"


def gradient(entry: lesson.Entry) -> list[str]:
    """An entry's three cells; a star marks the kink, an exclamation mark what is wrong."""
    mark = {"agree": " ", "kink": "*"}.get(entry.verdict, "!")
    style = {"agree": "none", "kink": "bold"}.get(entry.verdict, "bold red")
    cells = entry.name, number(entry.backprop, 4), number(entry.central, 4) + mark
    return [f"[{style}]{literal(cell)}[/]" for cell in cells]


def loss(value: float, decimals: int = 5) -> str:
    """A loss in at most eight characters."""
    if not math.isfinite(value):
        return "overflow"
    return f"{value:.{decimals}f}" if 1e-3 <= value < 10 else f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e+")


def duration(seconds: float) -> str:
    """Seconds in the unit that fits."""
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"
