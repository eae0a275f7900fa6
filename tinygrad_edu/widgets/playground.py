"""A playground for the flip network. What it does is in `lessons/stepping.py`, how it looks in `net.py`."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.lessons.flip import IMAGE, images
from tinygrad_edu.lessons.stepping import STAGES, Stepper
from tinygrad_edu.plot.style import blank
from tinygrad_edu.widgets import net
from tinygrad_edu.widgets.face import Runner, Widget, button, choice, columns, picture, readouts, row, slider, widgets
from tinygrad_edu.widgets.pictures import canvas, figure_html

__all__ = ["Playground"]

STEPS = 5000  # that one run takes at most
SAYS = {
    "ready": "Next is forward: the image goes through the network.",
    "hidden": "Forward: every hidden unit adds up pixel × weight, and its bias; ReLU makes 0 of what is negative.",
    "output": "Forward: every output adds up hidden unit × weight, and its bias.",
    "loss": "The loss: the squares of output − target, averaged. Next is backward.",
    "b2": "Backward: what each output is to blame for, 2 · (output − target) / 4, is the gradient of its bias.",
    "W2": "Backward: a weight's gradient is the blame at its right end × the number at its left end.",
    "b1": "Backward: a hidden unit's blame is that of all outputs × weight; a silent unit gets none.",
    "W1": "Backward: again blame × number, so black pixels alone pass it on. All have arrived; next is the update.",
}


class Playground(Widget):
    """The 4-3-4 network that flips a 2×2 image, to step through forward, backward and update.

    "Train" takes up to 5000 steps in the kernel's own loop, until it is paused, the loss is below 1e-6 or no number any
    more; the more there have been, the more it takes between two pictures.

    Args:
        hidden: 3 or 4 hidden units.
        seed: of random weights; None takes the lesson's, which has three units.
        lr: the learning rate. The slider goes from 0.001 to 10, and to this if it is further away.

    Attributes:
        stepper: the `tinygrad_edu.lessons.stepping.Stepper` that is shown.

    Raises:
        ValueError: not 3 or 4 hidden units, the lesson's weights for 4, or a learning rate that is not above 0.
        ImportError: ipywidgets is not installed.

    Example:
        >>> from tinygrad_edu.widgets import Playground
        >>> widget = Playground()
        >>> widget.forward.click()
        >>> widget
        Playground(3 hidden units, step 0, loss 0.896250)
    """

    def __init__(self, hidden: int = 3, seed: int | None = None, lr: float = 0.1) -> None:
        self.stepper = Stepper(hidden, seed, lr)
        self._last = STEPS  # the step at which a run ends
        self._seeds = itertools.count(0 if seed is None else seed + 1)
        self._figures = [canvas(4.4, 3.7), canvas(4.4, 3.7), canvas()]
        for figure in self._figures[:2]:
            figure.axes[0].set_position((0.01, 0.01, 0.98, 0.89))
        self._runner = Runner(self._train_on, self._show_running)
        self._make_buttons()
        self._make_choices()
        self._pictures = [picture() for _ in self._figures]
        self._said, self._table = widgets.HTML(), widgets.HTML(layout={"flex": "1 1 320px", "min_width": "0"})
        super().__init__(
            [
                row(self.next, self.forward, self.backward, self.update, self.train, self.reset),
                self._said,
                row(*self._pictures[:2]),
                columns(self._drawn, self.learns, self.lr, self.hidden, row(self.lesson, self.random)),
                row(self._pictures[2], self._table),
            ]
        )
        self._show()

    def _make_buttons(self) -> None:
        self.next = button("Next stage", lambda: self._move(Stepper.advance), "a part of forward or backward")
        self.forward = button("Forward", lambda: self._move(Stepper.forward), "from the image to the loss")
        self.backward = button("Backward", lambda: self._move(Stepper.backward), "from the loss to every weight")
        self.update = button("Update", lambda: self._move(Stepper.update), "every weight against its gradient")
        self.train = button("Train", self._toggle, f"up to {STEPS} steps, until it has learned")
        self.reset = button("Reset", lambda: self._move(Stepper.reset), "back to the weights at the start")
        self.lesson = button("Lesson's weights", lambda: self._begin(3, None), "those of the traced example")
        self.random = button("Random weights", lambda: self._begin(self.hidden.value, next(self._seeds)))

    def _make_choices(self) -> None:
        self.pixels = [button("", functools.partial(self._flip, i), f"pixel {i}: press to change it") for i in range(4)]
        for pixel in self.pixels:
            pixel.add_class("pixel")
            pixel.layout, pixel.style = {"width": "2.6em", "margin": "1px"}, {"font_weight": "bold"}
        square = widgets.GridBox(self.pixels, layout={"grid_template_columns": "auto auto", "margin": "0 12px 0 0"})
        numbered = [(f"{n}: {' '.join(f'{pixel:g}' for pixel in image)}", n) for n, image in enumerate(images())]
        self.image = choice("image", _number(IMAGE), numbered)
        self.image.style.description_width = "4em"
        self._drawn = widgets.HBox([square, self.image], layout={"align_items": "center"})
        self.learns = choice("learn from", False, [("this image", False), ("all 16 images", True)])
        self.hidden = choice("hidden units", self.stepper.hidden, [3, 4])
        self.lr = slider("learning rate", self.stepper.lr, -3, 1, 0.1, ".3g", logarithmic=True)
        self.image.observe(lambda _: self._look(), "value")
        self.learns.observe(lambda _: self._learn(), "value")
        self.hidden.observe(lambda _: self._resize(), "value")
        self.lr.observe(lambda _: self._change_rate(), "value")

    # ---- what the buttons do: those that step pause a run, the others change what it runs with
    def _move(self, change: Callable[[Stepper], None]) -> None:
        self._runner.pause()
        change(self.stepper)
        self._show()

    def _toggle(self) -> None:
        if self._runner.is_running:
            self._runner.pause()
        else:
            self._last = self.stepper.updates + STEPS
            self._runner.start()

    def _train_on(self) -> bool:
        updates = self.stepper.updates
        goes_on = self.stepper.train(min(1 + updates // 5, self._last - updates))
        self._show()
        return goes_on and self.stepper.updates < self._last

    def _flip(self, pixel: int) -> None:
        self.image.value ^= 8 >> pixel

    def _look(self) -> None:
        self.stepper.look_at(images()[self.image.value])
        self._show()

    def _learn(self) -> None:
        self.stepper.learn_from_all(self.learns.value)
        self._show()

    def _resize(self) -> None:
        if self.hidden.value != self.stepper.hidden:
            self._begin(self.hidden.value, next(self._seeds))

    def _change_rate(self) -> None:
        self.stepper.lr = self.lr.value
        self._show()

    def _begin(self, hidden: int, seed: int | None) -> None:
        """Another network, which looks at the same and learns from the same."""
        before, self.stepper = self.stepper, Stepper(hidden, seed, self.lr.value)
        self.stepper.learn_from_all(before.learns_all)
        self.stepper.look_at(before.image)
        self.hidden.value = hidden
        self._show()

    # ---- what is shown
    def _show_running(self) -> None:
        self.train.description = "Pause" if self._runner.is_running else "Train"

    def _readouts(self) -> dict[str, str]:
        stepper = self.stepper
        seen = {
            "step": str(stepper.updates),
            "loss": "not known yet" if stepper.loss is None else f"{stepper.loss:.7f}",
            "images right": f"{stepper.images_right} of 16",
            "weights": "of the lesson" if stepper.seed is None else f"random, seed {stepper.seed}",
        }
        if stepper.learns_all:
            seen |= {"floor": f"{stepper.floor:.4f}", "dead units": str(stepper.dead_units)}
        return seen

    def _show(self) -> None:
        stepper = self.stepper
        for pixel, value in zip(self.pixels, stepper.image):
            pixel.description = f"{value:g}"
            pixel.style.button_color, pixel.style.text_color = ("black", "white") if value else ("white", "black")
        drawn = zip(self._pictures, self._figures, (net.weights, net.gradients, net.losses), net.alts(stepper))
        for place, figure, draw, alt in drawn:
            draw(figure.axes[0], stepper)
            place.value = figure_html(figure, alt)
        self._table.value = tables(stepper)
        # Last, so that whoever waits for a figure sees its picture.
        self._said.value = f"{readouts(self._readouts())}<p>{says(stepper)}</p>"

    def still(self) -> Any:
        figure = blank(3, height=3.6)
        for axes, draw in zip(figure.subplots(1, 3), (net.weights, net.gradients, net.losses)):
            draw(axes, self.stepper)
        return figure

    def __repr__(self) -> str:
        stepper = self.stepper
        loss = "" if stepper.loss is None else f", loss {stepper.loss:.6f}"
        return f"Playground({stepper.hidden} hidden units, step {stepper.updates}{loss})"


def says(stepper: Stepper) -> str:
    """What the stage is about, in a sentence or two."""
    if not np.isfinite(stepper.losses).all():
        return "The loss has blown up: the steps were too large. Take a smaller learning rate, and press Reset."
    stage = SAYS[STAGES[stepper.stage]]
    averages = stepper.learns_all and stage.startswith("Backward")
    return stage + " Of 16 images, gradients are the averages." * averages


def tables(stepper: Stepper) -> str:
    """Every parameter with its gradient below it, as far as it is known, in four tables."""
    found = stepper.gradients
    made = []
    for name, weight in stepper.weights.items():
        rows = []
        for i, values in enumerate(np.atleast_2d(weight)):
            cells = []
            for j, value in enumerate(values):
                entry = f"{name}[{i},{j}]" if weight.ndim == 2 else f"{name}[{j}]"
                slope = np.atleast_2d(found[name])[i, j]
                arrived = "·" if np.isnan(slope) else f"{slope + 0:.4f}"
                names = f'<b data-name="{entry}">{value + 0:.4f}</b><br><span data-name="gradient of {entry}">'
                cells.append(f'<td title="{entry}">{names}{arrived}</span></td>')
            rows.append(f"<tr>{''.join(cells)}</tr>")
        made.append(f"<table><caption>{name}</caption>{''.join(rows)}</table>")
    return f'<p>Every weight, and below it its gradient:</p><div class="tables">{"".join(made)}</div>'


def _number(image: Any) -> int:
    """Which of the 16 images this is."""
    return int(np.dot(image, [8, 4, 2, 1]))
