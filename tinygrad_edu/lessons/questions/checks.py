"""How answers are checked: a check takes an answer and says what is wrong with it, or nothing at all."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.gradcheck.report import Entry, Report
from tinygrad_edu.lessons.checking import check_rule
from tinygrad_edu.tensor import Tensor

__all__ = ["DOTS", "Check", "Exercise", "as_number", "choice", "formula", "names", "number", "rule", "shown"]

DOTS = "Put your answer in the place of the dots."

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


def shown(answer: Any) -> str:
    """An answer in a few characters of one line, whatever it is."""
    try:
        return " ".join(repr(answer).split())[:60]
    except Exception:  # whatever a learner's class may raise
        return f"an object of class {type(answer).__name__}"


# ---- numbers and words -------------------------------------------------------------------------------------------
def as_number(answer: Any) -> float:
    """Any kind of number, or an array, a tensor or a list of a single one; NaN if it is something else."""
    if isinstance(answer, list | tuple) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, bool | np.bool_ | str | bytes):
        return math.nan
    try:
        return float(answer.item() if hasattr(answer, "item") else answer)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _no_number(answer: Any) -> str:
    if isinstance(answer, str) and math.isfinite(_parsed(answer)):
        return f"A number is wanted, without quotes: {answer.strip()}, not {shown(answer)}."
    return f"A number is wanted, not {shown(answer)}."


def _parsed(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def number(truth: float, hints: Mapping[float, str], otherwise: str, within: float = 1e-6) -> Check:
    """The answer is a number.

    Args:
        truth: the right one.
        hints: what to say to the usual wrong ones.
        otherwise: what to say to all others.
        within: so far off is still right, relative to the truth (absolute where that is 0).

    Example:
        >>> check = number(-16, {32: "That is the error."}, "Slope = −difference·x.")
        >>> check(-16), check(32), check("x")
        ('', 'That is the error.', "A number is wanted, not 'x'.")
        >>> check(16)
        'The size is right, the sign is not. Slope = −difference·x.'
    """

    def is_near(value: float, wanted: float, within: float = within) -> bool:
        return abs(value - wanted) <= within * (abs(wanted) or 1)

    def check(answer: Any) -> str:
        value = as_number(answer)
        if not math.isfinite(value):
            return _no_number(answer)
        if is_near(value, truth):
            return ""
        rounded = within if value.is_integer() else max(within, 2e-3)
        for wrong, hint in hints.items():
            if is_near(value, wrong, rounded):
                return hint
        return f"The size is right, the sign is not. {otherwise}" if is_near(-value, truth) else otherwise

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

    def plain(text: str) -> str:
        words = text.lower().replace("_", " ").strip(" .'\"").split()
        return " ".join(words[1:] if words[:1] in (["a"], ["the"]) else words)

    def check(answer: Any) -> str:
        word = plain(answer) if isinstance(answer, str) else ""
        if word == plain(right):
            return ""
        offered = ", ".join(map(repr, sorted([right, *wrong])))
        hints = {plain(text): hint for text, hint in wrong.items()}
        return hints.get(word, f"{shown(answer)} is not among the answers: {offered}.")

    return check


def names(right: Iterable[str], known: Iterable[str], missing: str, too_many: str) -> Check:
    """The answer is a collection of names, or of things that have one, in any order.

    Args:
        right: the right ones.
        known: all that there are.
        missing: what to say, after their number, if some are not in the answer.
        too_many: what to say, after its name, to one that should not be there.
    """
    wanted, there_are = set(right), set(known)

    def check(answer: Any) -> str:
        if isinstance(answer, str) or not isinstance(answer, Iterable):
            return f"A list of names is wanted, not {shown(answer)}."
        given = {str(getattr(item, "name", item)) for item in itertools.islice(answer, 1000)}  # it may have no end
        if unknown := given - there_are:
            return f"There is no {shown(min(unknown))}; there are {', '.join(sorted(there_are))}."
        if wrong := given - wanted:
            return f"{min(wrong)}: {too_many}"
        lacking = len(wanted - given)
        return f"{lacking} more: {missing}" if lacking else ""

    return check


# ---- functions ---------------------------------------------------------------------------------------------------
def _off_by(mine: NDArray[Any], true: NDArray[Any]) -> str:
    """What to say to an answer that is off by the same factor everywhere; nothing to any other."""
    if not np.isfinite(mine).all() or not np.any(true) or not np.any(mine):
        return ""
    factor = float(mine @ true / (true @ true))
    if not np.allclose(mine, factor * true, rtol=1e-6, atol=1e-9):
        return ""
    return (
        "The size is right, the sign is not. "
        if math.isclose(factor, -1)
        else f"Everywhere {factor:.4g} times what it should be. "
    )


def formula(
    truth: Callable[..., Any],
    calls: Iterable[tuple[Any, ...]],
    otherwise: str,
    wrong: Mapping[str, Callable[..., Any]] | None = None,
) -> Check:
    """The answer is a function, which has to give the same numbers as another.

    An answer that is off by the same factor everywhere is told which.

    Args:
        truth: the other.
        calls: arguments to try them with.
        otherwise: what to say if the numbers differ.
        wrong: the usual wrong ones, by what to say to them.

    Example:
        >>> check = formula(lambda x: 2 * x, [(1.0,), (3.0,)], "Think of a square.", {"That is x²!": lambda x: x * x})
        >>> check(lambda x: x + x), check(lambda x: x), check(lambda x: x**2)
        ('', 'Everywhere 0.5 times what it should be. Think of a square.', 'That is x²!')
    """
    tried = tuple(calls)

    def called(function: Callable[..., Any]) -> list[NDArray[Any]]:
        copies = [[np.copy(a) if isinstance(a, np.ndarray) else a for a in arguments] for arguments in tried]
        return [_plain(function(*arguments)) for arguments in copies]

    def check(answer: Any) -> str:
        if not callable(answer):
            return f"A function is wanted, not {shown(answer)}."
        try:
            found = called(answer)
        except _Told as told:
            return str(told)
        except Exception as error:  # whatever a learner's function may raise
            return f"Your function raised {type(error).__name__}: {error}. {otherwise}"
        right = called(truth)
        for mine, values in zip(found, right):
            if mine.shape != values.shape:
                return f"Your function returned {mine.size} numbers where {values.size} are wanted. {otherwise}"
        mine, true = np.concatenate(found), np.concatenate(right)
        if not np.isfinite(mine).all():
            return f"Your function returned {mine[~np.isfinite(mine)][0]} in some place. {otherwise}"
        if _same(mine, true):
            return ""
        for hint, function in (wrong or {}).items():
            if _same(mine, np.concatenate(called(function))):
                return hint
        return _off_by(mine, true) + otherwise

    return check


def _same(mine: NDArray[Any], other: NDArray[Any]) -> bool:
    return bool(np.allclose(mine, other, rtol=1e-6, atol=1e-9))


class _Told(Exception):
    """What a learner's function returned is no answer; the message says why."""


def _returned(result: Any, whose: str) -> Any:
    if result is ...:
        raise _Told(DOTS)
    if result is None:
        raise _Told(f"Your {whose} returned None: a def gives back only what stands after return.")
    return np.array(result) if isinstance(result, list | tuple | float | int) else result


def _plain(result: Any) -> NDArray[np.float64]:
    result = _returned(result, "function")
    values = np.ravel(np.asarray(result.data if isinstance(result, Tensor) else result))
    if np.iscomplexobj(values):
        raise _Told("Your function returned complex numbers; real ones are wanted.")
    return values.astype(float)


# ---- rules -------------------------------------------------------------------------------------------------------
def rule(function: Callable[..., Any], inputs: tuple[Any, ...], hint: str, **form: str) -> Check:
    """The answer is a derivative rule, `lambda g, ...: ...`, or a dict of them; gradcheck is the judge.

    Args:
        function: whose rule it is.
        inputs: where it is checked.
        hint: what to say, after what gradcheck found.
        **form: for every parameter what the question lets its rule take after g: `x="out"`. A learner may call it
            otherwise.

    Example:
        >>> check = rule(np.exp, (np.array([0.0, 1.0]),), "What is the slope of exp?", x="out")
        >>> check(lambda g, out: g * out), check(lambda gradient, e: gradient * e)
        ('', '')
        >>> check(lambda g: g)
        'At x[1] your rule gives -0.7698 where -2.092 is right, for a random g. What is the slope of exp?'
    """
    wanted = ", ".join(f"'{name}': lambda g, {takes}: ..." for name, takes in form.items())
    wanted = f"{{{wanted}}}" if len(form) > 1 else wanted.partition(": ")[2]

    def check(answer: Any) -> str:
        if callable(answer) or isinstance(answer, list | tuple):
            answer = dict(zip(form, [answer] if callable(answer) else answer))
        if not isinstance(answer, Mapping) or answer.keys() - form or not all(map(callable, answer.values())):
            return f"{'Rules are' if len(form) > 1 else 'A rule is'} wanted in this form: {wanted}"
        if missing := form.keys() - answer:
            return f"The rule for {min(missing)!r} is missing; {wanted} is the form."
        try:
            rules = {name: _named(own, form[name], set(form)) for name, own in answer.items()}
            report = check_rule(function, rules, *map(np.copy, inputs))
        except _Told as told:
            return str(told)
        except Exception as error:  # whatever a learner's rule may raise
            return f"Your rule raised {type(error).__name__}: {error}{'' if str(error).endswith('.') else '.'} {hint}"
        return "" if report else f"{_found(report)} {hint}"

    return check


def _named(own: Callable[..., Any], takes: str, parameters: set[str]) -> Callable[..., Any]:
    """A learner's rule under the names that the table knows.

    If what it takes after g has a name that the table does not know, it is what the question lets it take.
    """
    given = list(inspect.signature(own).parameters)
    if not given:
        raise _Told("A rule takes g first, the gradient from above.")
    known = {"out", *parameters, *(f"{name}_shape" for name in parameters)}
    after = given[1:] if set(given[1:]) <= known or len(given) != 2 else [takes]

    def named(*values: Any) -> Any:
        return _returned(own(*values), "rule")

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in ("g", *after)])  # type: ignore[attr-defined]
    return named


def _found(report: Report) -> str:
    """What gradcheck found, in a sentence: a factor that is the same everywhere, or the worst entry."""
    wrong = [entry for entry in report.entries if entry.verdict not in ("agree", "kink")]
    if not wrong:
        return f"{'; '.join(report.failures)}."
    worst = max(wrong, key=lambda entry: entry.excess)
    of_one = [entry for entry in report.entries if entry.name == worst.name]
    off = "" if report.failures else _off_by(_column(of_one, "analytic"), _column(of_one, "numeric"))
    if off:
        return f"The rule for {worst.name}: {off[0].lower()}{off[1:].strip()}"
    given, right = (f"{value:.4g}" for value in (worst.analytic, worst.numeric))
    if given == right:
        given, right = (f"{value:.10g}" for value in (worst.analytic, worst.numeric))
    without_g = " Every rule is proportional to g: twice the g, twice the result." if report.failures else ""
    return f"At {worst} your rule gives {given} where {right} is right, for a random g.{without_g}"


def _column(entries: list[Entry], name: str) -> NDArray[np.float64]:
    return np.array([getattr(entry, name) for entry in entries], dtype=float)
