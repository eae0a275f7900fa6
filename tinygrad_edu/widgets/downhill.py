"""The simulator "roll downhill": a ball on a curve, sliders and buttons. What it does is in `lessons/downhill.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.lessons import hill, pictures
from tinygrad_edu.lessons.downhill import HIGH, LOW, OPTIMIZERS, RATES, SCHEDULES, STEPS, Ball
from tinygrad_edu.widgets.face import Runner, Widget, button, choice, columns, picture, readouts, row, slider, widgets
from tinygrad_edu.widgets.pictures import canvas, figure_html, wipe

__all__ = ["Downhill"]


class Downhill(Widget):
    """A ball that rolls down f(x) = 0.12·x² + sin(2.4·x) + 0.3·cos(5·x), by gradient descent.

    "Run" takes at most 200 steps, in the kernel's own loop: the sliders work while it does. Another learning rate
    counts from the next step on; anything else puts the ball back at its start, and a run goes on from there.

    Args:
        start: where the ball lies. The slider goes from −6 to 6, and to this if it is further away.
        lr: the learning rate. The slider goes from 0.01 to 1.2, and to this; the list beside it makes it ten times so
            large. From 2 / 0.24 ≈ 8.3 on, plain descent flies away: far out f′(x) ≈ 0.24·x.
        optimizer: "sgd", "momentum" or "adam".
        momentum: of "momentum", at least 0 and less than 1.
        schedule: "constant", "step decay" or "cosine".
        seed: of the random starts.

    Attributes:
        ball: the `tinygrad_edu.lessons.downhill.Ball` that is shown.

    Raises:
        ValueError: an optimizer or schedule that there is not, a start that is far away, or a setting out of range.
        ImportError: ipywidgets is not installed.

    Example:
        >>> from tinygrad_edu.widgets import Downhill
        >>> widget = Downhill(start=3.0, lr=0.1)
        >>> widget.step.click()
        >>> widget
        Downhill(step 1, x = 2.8795, f(x) = 1.5050, f′(x) = 1.1842, smooth)
    """

    def __init__(
        self,
        start: float = 3.0,
        lr: float = 0.1,
        optimizer: str = "sgd",
        momentum: float = 0.9,
        schedule: str = "constant",
        seed: int = 0,
    ) -> None:
        self.ball = Ball(start, lr, optimizer, momentum, schedule)
        self._last = STEPS  # the step at which a run ends
        self._rng = np.random.default_rng(seed)
        self._figures = [canvas(), canvas()]
        self._runner = Runner(self._run_on, self._show_running)
        self._make_controls()
        self._pictures = [picture(), picture()]
        self._said = widgets.HTML()
        super().__init__(
            [
                row(self.step, self.run, self.reset, self.random),
                columns(self.lr, self.times, self.start),
                self._said,
                row(*self._pictures),
                columns(self.optimizer, self.momentum, self.schedule),
            ]
        )
        self._show()

    def _make_controls(self) -> None:
        ball = self.ball
        self.step = button("Step", self._take_step, "one step against the slope")
        self.run = button("Run", self._toggle, f"up to {STEPS} steps, until the ball comes to rest")
        self.reset = button("Reset", self._back, "the ball back at its start")
        self.random = button("Random start", self._restart, "somewhere from −6 to 6")
        self.lr = slider("learning rate", ball.lr, RATES[0], RATES[-1], 0.01, ".2f")
        self.times = choice("times", 1, [1, 10])
        self.start = slider("start", ball.start, LOW, HIGH, 0.1, ".1f")
        self.optimizer = choice("optimizer", ball.optimizer, OPTIMIZERS)
        self.momentum = slider("momentum", ball.momentum, 0, 0.99, 0.01, ".2f")
        self.schedule = choice("schedule", ball.schedule, SCHEDULES)
        for control in (self.lr, self.times):
            control.observe(lambda _: self._change_rate(), "value")
        for control in (self.start, self.optimizer, self.momentum, self.schedule):
            control.observe(lambda _: self._begin_again(), "value")

    # ---- what the buttons do
    def _take_step(self) -> None:
        self._runner.pause()
        self.ball.step()
        self._show()

    def _toggle(self) -> None:
        if self._runner.is_running:
            self._runner.pause()
        else:
            self._last = self.ball.steps + STEPS
            self._runner.start()

    def _run_on(self) -> bool:
        ball = self.ball
        if ball.is_gone or ball.is_at_rest or ball.steps >= self._last:
            return False
        ball.step()
        self._show()
        return True

    def _back(self) -> None:
        self._runner.pause()
        self.ball.reset()
        self._show()

    def _restart(self) -> None:
        self.start.value = round(float(self._rng.uniform(LOW, HIGH)), 1)
        self._begin_again()  # also where the ball was there before

    @property
    def _rate(self) -> float:
        return float(self.lr.value * self.times.value)

    def _change_rate(self) -> None:
        self.ball.lr = self._rate
        self._show()

    def _begin_again(self) -> None:
        self.ball = Ball(self.start.value, self._rate, self.optimizer.value, self.momentum.value, self.schedule.value)
        self._last = STEPS
        self._show()

    # ---- what is shown
    def _show_running(self) -> None:
        self.run.description = "Pause" if self._runner.is_running else "Run"

    def _readouts(self) -> dict[str, str]:
        ball = self.ball
        return {
            "step": str(ball.steps),
            "x": f"{ball.x:.4f}",
            "f(x)": f"{ball.f:.4f}",
            "f′(x)": f"{ball.slope:.4f}",
            "rate": f"{ball.rate:.4g}",
            "verdict": ball.verdict,
        }

    def _show(self) -> None:
        ball, (hill_figure, loss_figure) = self.ball, self._figures
        self.momentum.disabled = self.optimizer.value != "momentum"
        for figure, draw in ((hill_figure, hill.curve), (loss_figure, hill.heights)):
            wipe(figure.axes[0])
            draw(figure.axes[0], ball)
        seen = self._readouts()
        place = f"x = {seen['x']}, height {seen['f(x)']}, slope {seen['f′(x)']}"
        self._pictures[0].value = figure_html(hill_figure, f"The curve with the ball at {place}, and its tangent.")
        self._pictures[1].value = figure_html(
            loss_figure, f"Loss against step: {ball.heights[0]:.4f} at first, {ball.f:.4f} after {ball.steps} steps."
        )
        self._said.value = readouts(seen)  # last, so that whoever waits for a figure sees its picture

    def still(self) -> Any:
        return pictures.ball(self.ball)

    def __repr__(self) -> str:
        seen = self._readouts()
        place = ", ".join(f"{name} = {seen[name]}" for name in ("x", "f(x)", "f′(x)"))
        return f"Downhill(step {seen['step']}, {place}, {seen['verdict']})"
