"""Exercises: right answers are right, typical wrong ones are told what is wrong, and nonsense breaks nothing."""

import re
from collections import Counter

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import lessons
from tinygrad_edu.lessons.contents import CONTENTS

EXERCISES = lessons.exercises()
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


@every_exercise
def test_the_solution_is_right(exercise):
    answer = eval(exercise.solution, {"np": np})
    assert lessons.grade(exercise.name, answer), str(lessons.grade(exercise.name, answer))
    assert str(lessons.grade(exercise.name, answer)) == "Right."


@every_exercise
@pytest.mark.parametrize(
    "nonsense", [None, "", "x", [], {}, 1e9, -1e9, float("nan"), True, np.ones((2, 2)), lambda: 1, lambda *a: "x"]
)
def test_nonsense_is_told_so(exercise, nonsense):
    found = lessons.grade(exercise.name, nonsense)
    assert not found
    assert str(found).startswith("Not yet. ")
    assert len(str(found)) > 20


def test_every_notebook_has_three_to_five():
    counts = Counter(exercise.lesson for exercise in EXERCISES)
    notebooks = [lesson.name for lesson in CONTENTS if lesson.notebook is not None]
    assert list(counts) == notebooks
    assert len(notebooks) == 12
    assert all(3 <= counts[name] <= 5 for name in notebooks), counts
    assert [e.name for name in notebooks for e in lessons.exercises(name)] == [e.name for e in EXERCISES]


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("tour.order", ["forward", "backward", "loss", "update"], "needs a loss"),
        ("tour.order", ["forward", "loss", "update", "backward"], "against the gradient"),
        ("tour.parameters", 9, "bias"),
        ("tour.gradient", 14, "value"),
        ("tour.zero_grad", "replaced", "add up"),
        ("one_weight.slope", 8, "sign"),
        ("one_weight.slope", -16, "w = 1"),
        ("one_weight.step", 2.92, "uphill"),
        ("one_weight.one_step", 0.5, "bounces"),
        ("brightness.predict", 0.3, "w0"),
        ("brightness.gradient", lambda x, y, w: x.T @ (x @ w - y) / len(y), "0.5 times"),
        ("brightness.gradient", lambda x, y, w: 2 * x.T @ (y - x @ w) / len(y), "-1 times"),
        ("brightness.gradient", lambda x, y, w: 1 / 0, "ZeroDivisionError"),
        ("brightness.gradient", lambda x, y, w: np.zeros(2), "2 numbers where 3"),
        ("exam.parameters", 48, "biases"),
        ("exam.place", "global minimum", "Nothing is lower"),
        ("exam.relu", lambda g, x: g, "flat"),
        ("downhill.global", 1.8848, "local minimum"),
        ("downhill.slope", lambda x: 0.24 * x + np.cos(2.4 * x) - 1.5 * np.sin(5 * x), "inner slope"),
        ("downhill.escape", {"lr": 0.1}, "stuck in a local minimum at 1.8848"),
        ("downhill.escape", {"lr": 0.1, "start": -0.6}, "part of the question"),
        ("downhill.escape", {"rate": 0.1}, "cannot roll"),
        ("flip.parameters", 24, "biases"),
        ("flip.output_gradient", -1.8, "divide by 4"),
        ("flip.passes", 31, "both sides"),
        ("engine.multiply", {"x": lambda g, x: g * x, "y": lambda g, x: g * x}, "grows by a little"),
        ("engine.tanh", lambda g, x: g * (1 - x**2), "out"),
        ("engine.tanh", lambda g, nosuch: g, "raised TypeError"),
        ("engine.twice", 3, "add up"),
        ("engine.matmul", {"a": lambda g, b: g @ b, "b": lambda g, a: a.T @ g}, "raised ValueError"),
        ("losses.wrong", 1.301, "natural logarithm"),
        ("losses.times", 19, "compare the losses"),
        ("losses.rule", lambda g, p: g / p, "minus"),
        ("curves.overshot", "reasonable", "left again"),
        ("curves.stop", 6, "not the best"),
        ("checking.lab", ["square"], "6 more"),
        ("checking.lab", ["relu"], "relu: this rule is right"),
        ("checking.lab", ["square", "nosuch"], "There is no 'nosuch'"),
        ("checking.step", 1e-8, "forward"),
        ("checking.kink", 1, "to the right"),
        ("checking.softmax", lambda g, out: g * out * (1 - out), "every input"),
        ("digits.parameters", 18944, "biases"),
        ("digits.standardise", "all", "too kind"),
        ("compiled.branch", "comparisons are slow", "while watching"),
    ],
)
def test_a_typical_wrong_answer_is_told_why(name, answer, says):
    found = lessons.grade(name, answer)
    assert not found
    assert says in str(found)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("one_weight.step", np.float64(3.08)),
        ("one_weight.slope", tg.Tensor(-8.0)),
        ("downhill.global", -0.63),
        ("losses.wrong", 3.0),
        ("losses.times", 58.4),
        ("checking.step", 1e-6),
        ("exam.without_activation", "A plane"),
        ("exam.relu", lambda g, out: g * (out > 0)),
        ("brightness.least_squares", lambda x, y: np.linalg.inv(x.T @ x) @ x.T @ y),
        ("downhill.escape", {"lr": 0.6, "schedule": "cosine"}),
    ],
)
def test_other_ways_to_be_right(name, answer):
    assert lessons.grade(name, answer)


def test_an_unknown_name_is_told_a_near_one():
    with pytest.raises(ValueError, match=re.escape("did you mean 'one_weight.slope'?")):
        lessons.grade("one_weight.slop", 1)
    with pytest.raises(ValueError, match="has no exercises; there are tour, one_weight"):
        lessons.exercises("nosuch")


def test_questions_say_what_they_want():
    for exercise in EXERCISES:
        wanted = ("number", "'", "function", "list", "dict", "lambda")
        assert any(word in exercise.question.lower() for word in wanted), exercise.name
        assert str(exercise).startswith(f"{exercise.name}: ")
