"""Exercises: what they ask, and what is wrong with an answer, in terms of the lesson."""

from __future__ import annotations

import difflib
import itertools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.lessons.contents import CONTENTS
from tinygrad_edu.lessons.questions import by_hand, engine, networks
from tinygrad_edu.lessons.questions.checks import DOTS, Exercise

__all__ = ["Grade", "exercises", "grade"]

_EXERCISES = {exercise.name: exercise for exercise in (*by_hand.EXERCISES, *networks.EXERCISES, *engine.EXERCISES)}


@dataclass(frozen=True)
class Grade:
    """Whether an answer is right, and if not, what is wrong with it. True in an `if` when it is right."""

    right: bool
    comment: str

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return self.comment

    __repr__ = __str__  # a notebook shows it as it is


def grade(name: str, answer: Any) -> Grade:
    """Check the answer to an exercise.

    Args:
        name: of the exercise, such as "one_weight.slope"; `exercises` lists them.
        answer: a number, a word, a list or a function, as the question says.

    Returns:
        A grade: true when the answer is right; print it for a comment.

    Raises:
        ValueError: there is no such exercise.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.lessons.grade("one_weight.slope", -8)
        Right.
        >>> tg.lessons.grade("one_weight.slope", 8)
        Not yet. The size is right, the sign is not: a larger w makes the error smaller here, so the slope is negative.
    """
    if name not in _EXERCISES:
        near = difflib.get_close_matches(name, _EXERCISES, n=1)
        meant = f"did you mean {near[0]!r}?" if near else "lessons.exercises() lists them."
        raise ValueError(f"there is no exercise {name!r}; {meant}")
    wrong = _wrong_with(_EXERCISES[name], answer)
    return Grade(not wrong, f"Not yet. {wrong}" if wrong else "Right.")


def _has_dots(answer: Any) -> bool:
    """Whether the answer, or a part of it, is still the `...` that the notebook left for it."""
    parts = answer.values() if isinstance(answer, Mapping) else answer if isinstance(answer, list | tuple) else [answer]
    return any(part is ... or (isinstance(part, str) and part in ("...", "…")) for part in parts)


def _wrong_with(exercise: Exercise, answer: Any) -> str:
    """What the exercise says to an answer; one that cannot even be looked at is told so, and breaks nothing."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a wrong answer may divide by 0; the grade says it better
            return DOTS if _has_dots(answer) else exercise.check(answer)
    except Exception as error:  # whatever a learner's object may raise when one looks at it
        return f"Looking at your answer raised {type(error).__name__}. {exercise.question}"


def exercises(lesson: str | None = None) -> list[Exercise]:
    """All exercises, or those of one lesson, in the order of the notebooks; print one for its question.

    Raises:
        ValueError: the lesson has none.

    Example:
        >>> import tinygrad_edu as tg
        >>> print(tg.lessons.exercises("one_weight")[0])
        one_weight.slope: What is the slope at w = 3? A number.
    """
    by_lesson: dict[str, list[Exercise]] = {entry.name: [] for entry in CONTENTS}
    for exercise in _EXERCISES.values():
        by_lesson[exercise.lesson].append(exercise)
    if lesson is None:
        return list(itertools.chain(*by_lesson.values()))
    if not by_lesson.get(lesson):
        known = ", ".join(name for name, found in by_lesson.items() if found)
        raise ValueError(f"the lesson {lesson!r} has no exercises; there are {known}")
    return by_lesson[lesson]
