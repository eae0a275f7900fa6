"""Exercises: right answers are right, typical wrong ones are told what is wrong, and nonsense breaks nothing."""

import functools
import re
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import lessons
from tinygrad_edu.lessons import digits
from tinygrad_edu.lessons.contents import CONTENTS

EXERCISES = lessons.exercises()
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


@every_exercise
def test_the_solution_is_right(exercise):
    answer = eval(exercise.solution, {"np": np})
    assert lessons.grade(exercise.name, answer), str(lessons.grade(exercise.name, answer))
    assert str(lessons.grade(exercise.name, answer)) == "Right."


class Nasty:
    """Refuses whatever one does with it."""

    def refuse(self, *_):
        raise RuntimeError("no")

    __repr__ = __str__ = __float__ = __iter__ = __len__ = __eq__ = __call__ = refuse
    __hash__ = None


class Endless:
    """A list that does not end."""

    def __iter__(self):
        return iter(int, 1)


class Shy(dict):
    """A dict that does not show what is in it."""

    def values(self):
        raise RuntimeError("no")


INSIDE_ITSELF = []
INSIDE_ITSELF.append(INSIDE_ITSELF)

NONSENSE = [
    *(INSIDE_ITSELF, {"x": {"x": {}}}, Endless(), Shy(x=1), Shy()),
    *(None, "", "x", [], [[]], {}, {1: 2}, set(), b"x", 1e9, -1e9, 10**400, 1e-300, float("nan"), float("inf"), True),
    *(3 + 4j, np.ones((2, 2)), np.array([]), np.bool_(True), np.float64("nan"), tg.Tensor([1.0, 2.0]), object, Nasty()),
    *(lambda: 1, lambda *a: "x", lambda *a: None, lambda *a: np.ones((9, 9)), lambda g, *, x: g, np.sign, np.hypot),
    *({"x": 1, "y": None}, [lambda g: g, 1], {"lr": -1}, {"optimizer": "nosuch"}, {"lr": 1e308}, (n for n in "ab")),
]


@every_exercise
def test_nonsense_is_told_so(exercise):
    for k, nonsense in enumerate(NONSENSE):
        found = lessons.grade(exercise.name, nonsense)
        assert not found, k
        assert str(found).startswith("Not yet. ")
        assert len(str(found)) > 20


# ---- the dots ----------------------------------------------------------------------------------------------------
@every_exercise
def test_dots_are_to_be_replaced(exercise):
    for dots in (..., [...], {"x": ..., "y": ...}, {"lr": ...}, "..."):
        assert str(lessons.grade(exercise.name, dots)) == "Not yet. Put your answer in the place of the dots."


@pytest.mark.parametrize("exercise", [e for e in EXERCISES if "lambda" in e.solution], ids=lambda e: e.name)
def test_dots_in_a_function_are_to_be_replaced(exercise):
    answer = eval(re.sub(r"(lambda [\w, ]*): [^{}]*?(?=, \"|}|$)", r"\1: ...", exercise.solution))
    assert str(lessons.grade(exercise.name, answer)) == "Not yet. Put your answer in the place of the dots."


# ---- nearly right ------------------------------------------------------------------------------------------------
def scaled(answer, factor):
    """Answers that are wrong by a factor in one place, each."""
    if isinstance(answer, dict):
        return [answer | {name: wrong} for name, rule in answer.items() for wrong in scaled(rule, factor)]
    if callable(answer):
        return [functools.wraps(answer)(lambda *a: factor * answer(*a))]
    return [factor * answer]


def solved(wanted):
    answers = [(exercise, eval(exercise.solution, {"np": np})) for exercise in EXERCISES]
    return [pytest.param(e, a, id=e.name) for e, a in answers if wanted(a) and e.name != "downhill.escape"]


def is_number(answer):
    return isinstance(answer, int | float)


def is_function(answer):
    return callable(answer) or isinstance(answer, dict)


@pytest.mark.parametrize(("exercise", "answer"), solved(lambda a: is_number(a) or is_function(a)))
@pytest.mark.parametrize("sign", [1, -1])
def test_a_near_miss_is_caught(exercise, answer, sign):
    rounded = {"checking.step": 0.99 if sign < 0 else 30} | dict.fromkeys(
        ("losses.wrong", "losses.times", "digits.first_loss"), 0.02
    )
    rounded |= dict.fromkeys(("downhill.global", "downhill.settles"), 0.02)
    for wrong in scaled(answer, 1 + sign * rounded.get(exercise.name, 0.001)):
        assert not lessons.grade(exercise.name, wrong)


@pytest.mark.parametrize(("exercise", "answer"), solved(lambda a: is_number(a) or is_function(a)))
def test_a_flipped_sign_is_told(exercise, answer):
    if exercise.name != "checking.step":
        for wrong in scaled(answer, -1):
            assert "sign" in str(lessons.grade(exercise.name, wrong)) or "positive" in str(
                lessons.grade(exercise.name, wrong)
            )


@pytest.mark.parametrize(("exercise", "answer"), solved(is_function))
def test_a_factor_is_told(exercise, answer):
    for factor in (0.5, 3):
        for wrong in scaled(answer, factor):
            found = str(lessons.grade(exercise.name, wrong))
            assert f"verywhere {factor:g} times" in found or "factor 2" in found


@pytest.mark.parametrize(("exercise", "answer"), solved(is_number))
def test_a_number_in_quotes_is_told_so(exercise, answer):
    found = str(lessons.grade(exercise.name, str(answer)))
    assert found == f"Not yet. A number is wanted, without quotes: {answer}, not '{answer}'."


# ---- the solutions, found in another way -------------------------------------------------------------------------
def found_by_the_library():
    """The numbers that exercises ask for, as the library counts or computes them."""
    small = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.ReLU(), tg.nn.Linear(3, 1))
    ball = lessons.downhill.Ball(3.0, lr=0.1)
    ball.run()
    a = lessons.engine.Value(3.0)
    (a * a).backward()
    sure, _, wrong = lessons.losses.punishments()
    prediction = tg.Tensor([0.1, -0.1, -0.05, -0.25], requires_grad=True)
    tg.nn.mse_loss(prediction, np.array([1.0, 1, 0, 1])).backward()
    check = lessons.flip.check_gradients(lessons.flip.traced_network(), lessons.flip.IMAGE)
    return {
        "tour.parameters": sum(parameter.size for parameter in small.parameters()),
        "tour.gradient": tg.grad(lambda x: 3 * x**2 + x)(2.0),
        "one_weight.slope": lessons.one_weight.look(3.0).slope,
        "one_weight.step": lessons.one_weight.descend(0.01, start=3.0, steps=1)[-1],
        "one_weight.bounce": lessons.one_weight.descend(0.5, start=1.0, steps=101)[-1],
        "downhill.global": lessons.downhill.global_minimum().x,
        "downhill.settles": ball.x,
        "flip.parameters": sum(parameter.size for parameter in lessons.flip.network(3).parameters()),
        "flip.output_gradient": prediction.grad[0],
        "flip.passes": check.forward_passes,
        "flip.floor": lessons.flip.floor(3),
        "engine.twice": a.grad,
        "losses.wrong": wrong.cross_entropy,
        "losses.times": wrong.cross_entropy / sure.cross_entropy,
        "losses.outlier": lessons.losses.constants()["squared error"],
        "curves.stop": lessons.curves.stop_early([0.9, 0.6, 0.45, 0.40, 0.43, 0.50, 0.62]),
        "checking.kink": tg.numerical_gradient(tg.relu, np.array(0.0)).gradients[0],
        "checking.step": lessons.checking.errors()[1].best_step,
        "digits.parameters": sum(parameter.size for parameter in digits.mlp(0).parameters()),
        "digits.first_loss": tg.nn.cross_entropy(np.zeros((1, 10)), [0]).item(),
        "digits.batches": len(tg.data.batches(np.zeros((1438, 1)), np.zeros(1438), 32)),
        "compiled.runs": times_that_a_compiled_step_runs(1000),
    }


def times_that_a_compiled_step_runs(calls):
    weight, runs = tg.Tensor(np.array([1.0]), requires_grad=True), []
    optimizer = tg.optim.SGD([weight], lr=0.01)

    class Spy:
        def __str__(self):
            runs.append(1)
            return ""

    @tg.compile
    def step(x):
        print(Spy(), end="")
        loss = np.sum((weight * x) ** 2)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    for _ in range(calls):
        step(np.array([1.0]))
    return len(runs)


def test_the_solutions_are_what_the_library_finds():
    for name, found in found_by_the_library().items():
        assert lessons.grade(name, found), (name, found)


# ---- right in another way ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("exercise", "answer"), solved(is_number))
def test_any_kind_of_number_will_do(exercise, answer):
    for kind in (
        float,
        np.float64,
        np.array,
        tg.Tensor,
        Fraction,
        lambda a: [a],
        lambda a: (a,),
        lambda a: np.array([a]),
    ):
        assert lessons.grade(exercise.name, kind(answer)), kind


@pytest.mark.parametrize(("exercise", "answer"), solved(is_function))
def test_lists_will_do_for_arrays(exercise, answer):
    def as_list(f):
        return functools.wraps(f)(lambda *a: np.asarray(f(*a)).tolist())

    other = {name: as_list(rule) for name, rule in answer.items()} if isinstance(answer, dict) else as_list(answer)
    assert lessons.grade(exercise.name, other), str(lessons.grade(exercise.name, other))


@pytest.mark.parametrize(("exercise", "answer"), solved(is_function))
def test_the_grader_does_not_let_an_answer_change_its_numbers(exercise, answer):
    def spoils(f):
        @functools.wraps(f)
        def spoiling(*arguments):
            result = f(*arguments)
            for argument in arguments:
                if isinstance(argument, np.ndarray) and argument.flags.writeable:
                    argument[...] = 17
            return result

        return spoiling

    wrong = {name: spoils(rule) for name, rule in answer.items()} if isinstance(answer, dict) else spoils(answer)
    lessons.grade(exercise.name, wrong)
    assert lessons.grade(exercise.name, answer)


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
        ("brightness.gradient", lambda x, y, w: x.T @ (x @ w - y) / len(y), "factor 2"),
        ("brightness.gradient", lambda x, y, w: 2 * x.T @ (y - x @ w) / len(y), "sign is flipped"),
        ("brightness.gradient", lambda x, y, w: 1 / 0, "ZeroDivisionError"),
        ("brightness.gradient", lambda x, y, w: 2 * x.T @ (x @ w - y), "mean is forgotten"),
        ("brightness.gradient", lambda x, y, w: x.T @ (x @ w - y), "mean and the factor 2"),
        ("brightness.gradient", lambda x, y, w: 2 * x.T @ (x @ w - y) / 5, "mean over pixels"),  # of another table
        ("brightness.gradient", lambda x, y, w: 2 * x @ (x @ w - y) / len(y), "raised ValueError"),
        ("brightness.gradient", lambda x, y, w: np.zeros(4), "4 numbers where 3"),
        ("brightness.gradient", lambda x, y, w: w * np.nan, "returned nan"),
        ("brightness.gradient", lambda x, y, w: w * 1j, "complex"),
        ("brightness.gradient", lambda x, y, w: None, "what stands after return"),
        ("exam.parameters", 48, "biases"),
        ("exam.place", "global minimum", "Nothing is lower"),
        ("exam.relu", lambda g, x: g, "flat"),
        ("downhill.global", 1.8848, "local minimum"),
        ("downhill.slope", lambda x: 0.24 * x + np.cos(2.4 * x) - 1.5 * np.sin(5 * x), "inner slope 2.4"),
        ("downhill.slope", lambda x: 0.24 * x + np.cos(2.4 * x) - 0.3 * np.sin(5 * x), "inner slopes are forgotten"),
        ("downhill.slope", lambda x: 0.24 * x + 2.4 * np.cos(2.4 * x) + 1.5 * np.sin(5 * x), "mind the sign"),
        ("downhill.escape", {"lr": 0.1}, "stuck in a local minimum at 1.8848"),
        ("downhill.escape", {"lr": 0.1, "start": -0.6}, "part of the question"),
        ("downhill.escape", {"rate": 0.1}, "cannot roll"),
        ("flip.parameters", 24, "biases"),
        ("flip.output_gradient", -1.8, "divide by 4"),
        ("flip.passes", 31, "both sides"),
        ("engine.multiply", {"x": lambda g, x: g * x, "y": lambda g, x: g * x}, "grows by a little"),
        ("engine.multiply", {"x": lambda g, y: g * y}, "rule for 'y' is missing"),
        ("engine.multiply", lambda g, y: g * y, "rule for 'y' is missing"),
        ("engine.multiply", {"a": lambda g, y: g * y, "b": lambda g, x: g * x}, "in this form: {'x'"),
        ("engine.multiply", {"x": lambda g, y: y, "y": lambda g, x: g * x}, "proportional to g"),
        ("engine.tanh", lambda g, x: g * (1 - x**2), "out"),
        ("engine.tanh", lambda g, nosuch: g, "1 − tanh²"),
        ("engine.tanh", lambda g, nosuch, either: g, "raised TypeError"),
        ("engine.twice", 3, "add up"),
        ("engine.matmul", {"a": lambda g, b: g @ b, "b": lambda g, a: a.T @ g}, "raised ValueError"),
        ("engine.matmul", {"a": lambda g, b: b @ g.T, "b": lambda g, a: a.T @ g}, "shape (3, 2)"),
        ("engine.matmul", {"a": lambda g, b: g @ b.T, "b": lambda g, a: g.T @ a}, "shape (2, 3)"),
        ("losses.wrong", 1.301, "natural logarithm"),
        ("losses.times", 19, "compare the losses"),
        ("losses.times", 1 / 58.4, "other way round"),
        ("losses.outlier", 2.33, "Huber"),
        ("losses.rule", lambda g, p: g / p, "minus"),
        ("losses.rule", lambda g, p: "x", "no attribute"),
        ("curves.overshot", "reasonable", "left again"),
        ("curves.stop", 6, "not the best"),
        ("checking.lab", ["square"], "6 more"),
        ("checking.lab", ["relu"], "relu: this rule is right"),
        ("checking.lab", ["square", "nosuch"], "There is no 'nosuch'"),
        ("checking.step", 1e-8, "forward"),
        ("checking.step", -1e-5, "above 0"),
        ("checking.lab", "square", "list of names"),
        ("checking.kink", 1, "to the right"),
        ("checking.softmax", lambda g, out: g * out * (1 - out), "every input"),
        ("digits.parameters", 18944, "biases"),
        ("digits.parameters", 19200, "10 biases"),
        ("digits.first_loss", -2.3, "positive"),
        ("digits.first_loss", 3.32, "natural logarithm"),
        ("digits.standardise", "all", "too kind"),
        ("compiled.branch", "comparisons are slow", "while watching"),
        ("compiled.runs", 1, "watched twice"),
        ("curves.stop", 0.4, "That is its error"),
        ("tour.gradient", 7, "factor 2"),
        ("flip.parameters", 27, "output layer's 4 biases"),
        ("flip.output_gradient", 0.45, "sign"),
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
        ("tour.order", ("Forward", "Loss", "Backward", "Update")),
        ("tour.order", np.array(["forward", "loss", "backward", "update"])),
        ("tour.order", "forward → loss → backward → update"),
        ("exam.place", "a local minimum."),
        ("checking.lab", [suspect for suspect in lessons.checking.suspects() if suspect.defect]),
        ("tour.gradient", tg.grad(lambda x: 3 * x**2 + x)(2.0)),
        ("brightness.gradient", lambda x, y, w: tg.grad(lambda v: np.mean((x @ v - y) ** 2))(w)),
        ("brightness.gradient", lambda a, b, c: tg.Tensor(2 * a.T @ (a @ c - b) / b.size)),
        ("downhill.slope", tg.grad(lessons.downhill.f)),
        ("engine.multiply", [lambda g, y: g * y, lambda g, x: g * x]),
        ("engine.multiply", {"x": lambda above, other: above * other, "y": lambda blame, a: a * blame}),
        ("engine.tanh", lambda gradient, t: gradient * (1 - t) * (1 + t)),
        ("engine.tanh", lambda g, x: g / np.cosh(x) ** 2),
        ("engine.matmul", {"a": lambda g, w: np.matmul(g, w.T), "b": lambda g, h: h.T @ g}),
        ("losses.rule", lambda grad, chance: grad * (-1 / chance)),
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
