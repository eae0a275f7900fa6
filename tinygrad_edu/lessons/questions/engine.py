"""Exercises of notebooks 06, 09 and 11: the engine, checking gradients, the compiled step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.lessons.checking import suspects
from tinygrad_edu.lessons.questions.checks import Check, Exercise, as_number, choice, names, number, rule, shown

__all__ = ["EXERCISES"]

X = np.array([0.5, -1.2, 2.0])


def _product(a: Any, b: Any) -> Any:
    return a @ b


def _softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def _find_the_wrong_rules(answer: Any) -> str:
    """The lab is built when it is first asked for, not when the lessons are imported."""
    return names(
        [suspect.name for suspect in suspects() if suspect.defect],
        [suspect.name for suspect in suspects()],
        "rules that are wrong. If gradcheck passes them all, check at other inputs: negative ones, for instance.",
        "this rule is right. Check it with gradcheck: suspect.check().",
    )(answer)


def _best_step(answer: Any) -> str:
    """Right within a factor of ten or so: the bottom of the V is round."""
    check: Check = number(
        -5.5,
        {
            -8: "That is best for forward differences.",
            -3: "That is best for Richardson's.",
            -16: "Nothing is left there.",
        },
        "Look at the V: the h² error and the rounding ε/h are equal near the cube root of ε.",
        within=0.2,
    )
    step = as_number(answer)
    if step <= 0:
        return f"A step size above 0 is wanted, not {shown(answer)}."
    return check(math.log10(step)) if math.isfinite(step) else check(answer)


EXERCISES = (
    # ---- 06 engine
    Exercise(
        "engine.multiply",
        "Write the rules of x·y: a dict {'x': lambda g, y: ..., 'y': lambda g, x: ...}.",
        rule(
            np.multiply,
            (X, np.array([3.0, 0.5, -1.0])),
            "If x grows by a little, x·y grows by y times that.",
            x="y",
            y="x",
        ),
        '{"x": lambda g, y: g * y, "y": lambda g, x: g * x}',
    ),
    Exercise(
        "engine.tanh",
        "Write the rule of tanh with its result only: lambda g, out: ...",
        rule(np.tanh, (X,), "The slope of tanh is 1 − tanh², and tanh is what it returned: out.", x="out"),
        "lambda g, out: g * (1 - out**2)",
    ),
    Exercise(
        "engine.twice",
        "c = a·a with a = 3. What does backward from c leave in a.grad? A number.",
        number(
            6,
            {3: "a is used twice, and each use sends back 3: gradients add up.", 9: "That is c itself."},
            "Each of the two uses sends back g·a.",
        ),
        "6",
    ),
    Exercise(
        "engine.matmul",
        "Write the rules of a @ b: a dict {'a': lambda g, b: ..., 'b': lambda g, a: ...}.",
        rule(
            _product,
            (np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 2.0]]), np.array([[0.3, -0.2], [1.1, 0.7], [0.4, 0.9]])),
            "The shapes tell: g is (2, 2), a (2, 3), b (3, 2); a gradient has the shape of what it belongs to.",
            a="b",
            b="a",
        ),
        '{"a": lambda g, b: g @ b.T, "b": lambda g, a: a.T @ g}',
    ),
    Exercise(
        "engine.order",
        "backward visits the newest value first. Why: 'all gradients must have arrived', 'it is faster' or 'to save "
        "memory'?",
        choice(
            "all gradients must have arrived",
            {
                "it is faster": "Any order takes as many steps. But a value that is used twice must wait for both.",
                "to save memory": "It does help with that, but the gradients would be wrong in another order.",
            },
        ),
        '"all gradients must have arrived"',
    ),
    # ---- 09 checking
    Exercise(
        "checking.lab",
        "Which rules of checking.suspects() are wrong? A list of names.",
        _find_the_wrong_rules,
        '["square", "tanh", "divide", "mean", "matmul", "softmax", "abs"]',
    ),
    Exercise(
        "checking.halved",
        "The step of a central difference is halved, far from rounding. What is its error divided by? A number.",
        number(
            4,
            {2: "That is the forward difference, whose error goes with h.", 16: "That is Richardson's, with h⁴."},
            "Its error goes with h².",
        ),
        "4",
    ),
    Exercise(
        "checking.step",
        "Which step size is best for central differences in float64, for numbers near 1? A number; a power of ten is "
        "near enough.",
        _best_step,
        "1e-5",
    ),
    Exercise(
        "checking.kink",
        "Central difference of relu at its kink, x = 0: which slope does it give? A number.",
        number(
            0.5,
            {0: "That is the slope to the left.", 1: "That is the slope to the right."},
            "(relu(h) − relu(−h)) / 2h.",
        ),
        "0.5",
    ),
    Exercise(
        "checking.softmax",
        "Write the right rule of softmax for a vector x: lambda g, out: ...",
        rule(
            _softmax,
            (X,),
            "∂outᵢ/∂xⱼ = outᵢ·(δᵢⱼ − outⱼ): through the sum each output depends on every input.",
            x="out",
        ),
        "lambda g, out: out * (g - np.sum(g * out))",
    ),
    # ---- 11 compiled
    Exercise(
        "compiled.runs",
        "A compiled step is called 1,000 times with the same shapes. How often does your function run? A number.",
        number(
            2,
            {
                1: "Nearly. One look could be deceived: it is watched twice, and both lists must be the same.",
                1000: "It is watched at the first call; after that the list of NumPy calls runs.",
                0: "It has to be watched, or there would be no list.",
            },
            "At the first call it is watched; put a print into the step and count.",
        ),
        "2",
    ),
    Exercise(
        "compiled.branch",
        "Why is `if loss < 0.1:` refused in a compiled step: 'only one branch was seen', 'comparisons are slow' or "
        "'loss is an array'?",
        choice(
            "only one branch was seen",
            {
                "comparisons are slow": "They are fast. But the list of calls holds only what happened while watching.",
                "loss is an array": "So it is without compiling; a single number can be asked then.",
            },
        ),
        '"only one branch was seen"',
    ),
    Exercise(
        "compiled.shape",
        "The last batch is smaller than the others. What does a compiled step do: 'watch again', 'fail' or 'pad'?",
        choice(
            "watch again",
            {
                "fail": "A new shape is nothing wrong: there will be one list of calls for each.",
                "pad": "Samples that nobody gave would change the loss.",
            },
        ),
        '"watch again"',
    ),
)
