"""How answers are checked: a check takes an answer and says what is wrong with it, or nothing at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.lessons.checking import check_rule

__all__ = ["Check", "Exercise", "choice", "formula", "names", "number", "rule"]

Check = Callable[[Any], str]  # answer → what is wrong with it, "" if it is right


@dataclass(frozen=True)
class Exercise:
    """A question of a lesson.

    Attributes:
        name: the lesson's name, a dot, and its own.
        question: what is asked, and in which form it wants its answer.
        check: says what is wrong with an answer, or "".
        solution: the answer as one would type it.
    """

    name: str
    question: str
    check: Check
    solution: str

    @property
    def lesson(self) -> str:
        """The name of its lesson."""
        return self.name.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.name}: {self.question}"


def number(truth: float, hints: Mapping[float, str], otherwise: str, within: float = 1e-3) -> Check:
    """The answer is a number.

    Args:
        truth: the right one.
        hints: what to say to the usual wrong ones.
        otherwise: what to say to all others.
        within: so far off is still right, relative to the truth (absolute where that is 0).

    Example:
        >>> check = number(-16, {16: "The sign is wrong."}, "Slope = −difference·x.")
        >>> check(-16), check(16), check("x")
        ('', 'The sign is wrong.', "A number is wanted, not 'x'.")
    """

    def is_near(value: float, wanted: float) -> bool:
        return abs(value - wanted) <= within * (abs(wanted) or 1)

    def check(answer: Any) -> str:
        try:
            value = float(answer.item() if hasattr(answer, "item") else answer)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value) or isinstance(answer, bool):
            return f"A number is wanted, not {answer!r:.60}."
        if is_near(value, truth):
            return ""
        return next((hint for wrong, hint in hints.items() if is_near(value, wrong)), otherwise)

    return check


def choice(right: str, wrong: Mapping[str, str]) -> Check:
    """The answer is one of several words.

    Args:
        right: the right one.
        wrong: the others, and what to say to them.

    Example:
        >>> check = choice("sum", {"mean": "Nobody divides."})
        >>> check("Sum"), check("mean"), check("max")
        ('', 'Nobody divides.', "'max' is not among the answers: 'mean', 'sum'.")
    """

    def check(answer: Any) -> str:
        word = " ".join(str(answer).lower().replace("_", " ").split())
        if word == right:
            return ""
        offered = ", ".join(map(repr, sorted([right, *wrong])))
        return wrong.get(word, f"{answer!r:.60} is not among the answers: {offered}.")

    return check


def names(right: Iterable[str], known: Iterable[str], missing: str, too_many: str) -> Check:
    """The answer is a collection of names, in any order.

    Args:
        right: the right ones.
        known: all that there are.
        missing: what to say, after their number, if some are not in the answer.
        too_many: what to say, after its name, to one that should not be there.
    """
    wanted, there_are = set(right), set(known)

    def check(answer: Any) -> str:
        if isinstance(answer, str) or not isinstance(answer, Iterable):
            return f"A list of names is wanted, not {answer!r:.60}."
        given = set(map(str, answer))
        if unknown := given - there_are:
            return f"There is no {min(unknown)!r}; there are {', '.join(sorted(there_are))}."
        if wrong := given - wanted:
            return f"{min(wrong)}: {too_many}"
        lacking = len(wanted - given)
        return f"{lacking} more: {missing}" if lacking else ""

    return check


def formula(truth: Callable[..., Any], calls: Iterable[tuple[Any, ...]], otherwise: str) -> Check:
    """The answer is a function, which has to give the same numbers as another.

    An answer that is off by the same factor everywhere is told which.

    Args:
        truth: the other.
        calls: arguments to try them with.
        otherwise: what to say if the numbers differ.

    Example:
        >>> check = formula(lambda x: 2 * x, [(1.0,), (3.0,)], "Think of a square.")
        >>> check(lambda x: x + x), check(lambda x: x), check(lambda x: x**2)
        ('', 'Everywhere 0.5 times what it should be. Think of a square.', 'Think of a square.')
    """
    tried = [(arguments, np.ravel(truth(*arguments))) for arguments in calls]
    true = np.concatenate([values for _, values in tried])

    def check(answer: Any) -> str:
        if not callable(answer):
            return f"A function is wanted, not {answer!r:.60}."
        found = []
        for arguments, values in tried:
            try:
                given = np.ravel(np.asarray(answer(*arguments), dtype=float))
            except Exception as error:  # whatever a learner's function may raise
                return f"Your function raised {type(error).__name__}: {error}"
            if given.shape != values.shape:
                return f"Your function returned {given.size} numbers where {values.size} are wanted."
            found.append(given)
        mine = np.concatenate(found)
        if np.allclose(mine, true, rtol=1e-6, atol=1e-9):
            return ""
        factor = float(mine @ true / (true @ true))
        same = np.allclose(mine, factor * true, rtol=1e-6, atol=1e-9) and np.isfinite(factor)
        return f"Everywhere {factor:.3g} times what it should be. {otherwise}" if same else otherwise

    return check


def rule(function: Callable[..., Any], inputs: tuple[Any, ...], hint: str) -> Check:
    """The answer is a derivative rule, `lambda g, ...: ...`, or a dict of them; gradcheck is the judge.

    Args:
        function: whose rule it is.
        inputs: where it is checked.
        hint: what to say, after what gradcheck found.

    Example:
        >>> check = rule(np.exp, (np.array([0.0, 1.0]),), "What is the slope of exp?")
        >>> check(lambda g, out: g * out)
        ''
        >>> check(lambda g: g)
        'At x[1] your rule gives -0.7698 where -2.092 is right, for a random g. What is the slope of exp?'
    """

    def check(answer: Any) -> str:
        if not callable(answer) and not isinstance(answer, dict):
            return f"A rule is wanted, such as lambda g, x: ..., not {answer!r:.60}."
        try:
            report = check_rule(function, answer, *inputs)
        except Exception as error:  # whatever a learner's rule may raise
            return f"Your rule raised {type(error).__name__}: {error}"
        if report:
            return ""
        wrong = [entry for entry in report.entries if entry.verdict not in ("agree", "kink")]
        if not wrong:
            return f"{'; '.join(report.failures)}. {hint}"
        entry = max(wrong, key=lambda entry: entry.excess)
        found = f"your rule gives {entry.analytic:.4g} where {entry.numeric:.4g} is right, for a random g"
        return f"At {entry} {found}. {hint}"

    return check
