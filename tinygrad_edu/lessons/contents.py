"""The table of contents: every lesson by its name, its notebook, and what one learns in it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONTENTS", "Lesson"]


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        name: under which the terminal and the exercises know it.
        learns: what one learns, in a line.
        notebook: its number, None if it has none.
        in_terminal: whether `tinygrad-edu lesson NAME` runs it.
    """

    name: str
    learns: str
    notebook: int | None = None
    in_terminal: bool = True


CONTENTS = (
    Lesson("tour", "forward, loss, backward, update in ten lines", 0, in_terminal=False),
    Lesson("one_weight", "a slope, a step, and steps too large", 1),
    Lesson("brightness", "three weights and a table of pixels", 2),
    Lesson("exam", "why a plane is not enough; landscapes", 3),
    Lesson("downhill", "learning rate, local minima, ways out", 4),
    Lesson("flip", "31 gradients, a kink, a floor, 62 to 1", 5),
    Lesson("engine", "an autodiff in sixty lines", 6),
    Lesson("losses", "what each loss punishes", 7),
    Lesson("curves", "diagnosis, overfitting, early stopping", 8),
    Lesson("checking", "is this gradient right? And its limits", 9),
    Lesson("digits", "reading handwriting, from scratch", 10),
    Lesson("compiled", "a training step as a list of NumPy calls", 11),
    Lesson("guessing", "step sizes, in a game of higher, lower"),
    Lesson("characters", "a small transformer reads a page"),
)
