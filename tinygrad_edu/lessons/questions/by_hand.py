"""Exercises of notebooks 00 to 04: the loop, one weight, three weights, the exam, rolling downhill."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.lessons import downhill
from tinygrad_edu.lessons.brightness import least_squares
from tinygrad_edu.lessons.questions.checks import Exercise, choice, formula, number, rule, shown

__all__ = ["EXERCISES"]

ROWS = np.array([[1.0, 0.0, 0.0], [1.0, 0.5, 0.2], [1.0, 0.1, 0.9], [1.0, 1.0, 0.4], [1.0, 0.7, 0.6]])
GREY = np.array([0.1, 0.5, 0.4, 0.9, 0.3])
LOOP = ["forward", "loss", "backward", "update"]


def _order(answer: Any) -> str:
    words = re.findall(r"\w+", answer) if isinstance(answer, str) else answer
    given = [str(word).lower() for word in itertools.islice(words, 9)] if isinstance(words, Iterable) else None
    if given is None or sorted(given) != sorted(LOOP):
        return f"A list of these four words is wanted: {', '.join(sorted(LOOP))}."
    if given == LOOP:
        return ""
    if given.index("loss") < given.index("forward"):
        return "Without a prediction there is nothing to measure: the loss needs the forward pass."
    if given.index("backward") < given.index("loss"):
        return "Backward starts at the loss and asks how it depends on every weight; so it needs a loss."
    return "The update steps against the gradient, which backward has to find first."


def _mean_squared_slopes(x: Any, y: Any, w: Any) -> Any:
    return 2 * x.T @ (x @ w - y) / len(y)


def _escape(answer: Any) -> str:
    if not isinstance(answer, Mapping):
        return f'Settings of the ball are wanted, such as {{"lr": 0.1, "optimizer": "momentum"}}, not {shown(answer)}.'
    if "start" in answer and answer["start"] != 3.0:
        return "The start is part of the question: it stays at 3."
    try:
        ball = downhill.Ball(**{"start": 3.0, **answer})
        ball.run(400)
    except (TypeError, ValueError) as error:
        return f"The ball cannot roll so: {error}"
    if abs(ball.x - downhill.global_minimum().x) < 0.05 and ball.is_at_rest:
        return ""
    more = "Let it gain speed, or begin with large steps and let them shrink."
    where = f"{ball.x:.4f}" if abs(ball.x) < 1e4 else f"{ball.x:.0e}"
    return f"After {ball.steps} steps it is at {where}: {ball.verdict}. {more}"


EXERCISES = (
    # ---- 00 a tour
    Exercise(
        "tour.order",
        "Put in the order of the loop: update, loss, backward, forward. A list of the four words.",
        _order,
        '["forward", "loss", "backward", "update"]',
    ),
    Exercise(
        "tour.parameters",
        "How many parameters has Linear(2, 3) → ReLU → Linear(3, 1)? A number.",
        number(
            13,
            {
                9: "Those are the weights; every unit has a bias too.",
                12: "One bias is missing: the output has one too.",
                10: "The three hidden units have a bias each.",
            },
            "A layer has inputs × outputs weights and one bias for each output; ReLU has nothing to learn.",
        ),
        "13",
    ),
    Exercise(
        "tour.gradient",
        "What is the slope of 3·x² + x at x = 2? A number; by hand or with tg.grad.",
        number(
            13,
            {
                14: "That is the value.",
                12: "The lone x has a slope too.",
                7: "The square brings a factor 2: the slope of x² is 2·x.",
            },
            "Try tg.grad(f)(2.0).",
        ),
        "13",
    ),
    Exercise(
        "tour.zero_grad",
        "backward() is called twice without zero_grad() in between. The second gradients then are: 'added', 'replaced' "
        "or 'ignored'?",
        choice(
            "added",
            {
                "replaced": "They add up, so that a tensor that is used twice gets both shares.",
                "ignored": "backward always does its work; look at .grad before and after.",
            },
        ),
        '"added"',
    ),
    # ---- 01 one weight
    Exercise(
        "one_weight.slope",
        "What is the slope at w = 3? A number.",
        number(
            -8,
            {
                8: "The size is right, the sign is not: a larger w makes the error smaller here, so the slope is "
                "negative.",
                -4: "That is −difference; w acts through x = 2, so the slope is −difference·x.",
                4: "That is the difference; the slope is −difference·x.",
                -16: "That is the slope at w = 1.",
            },
            "prediction = w·x, difference = truth − prediction, slope = −difference·x.",
        ),
        "-8",
    ),
    Exercise(
        "one_weight.step",
        "Where is w after one step from w = 3 with learning rate 0.01? A number.",
        number(
            3.08,
            {2.92: "That is a step with the slope, uphill. One steps against it.", 3.8: "The learning rate is 0.01."},
            "w ← w − η·slope, with the slope at w = 3.",
        ),
        "3.08",
    ),
    Exercise(
        "one_weight.one_step",
        "Which learning rate lands on w = 5 in one step, from anywhere? A number.",
        number(
            0.25,
            {
                0.5: "That jumps as far beyond 5 as it was before it: it bounces for ever.",
                4: "The slope is 4·(w − 5); the learning rate has to undo the 4.",
            },
            "The slope is (w − 5)·x² = 4·(w − 5). Which η makes w − η·slope equal to 5?",
        ),
        "0.25",
    ),
    Exercise(
        "one_weight.bounce",
        "With learning rate 0.5 from w = 1, where is w after 101 steps? A number.",
        number(
            9,
            {1: "It is there after every even number of steps; 101 is odd.", 5: "It jumps over 5 every time."},
            "Try one_weight.descend(0.5, steps=4) and look for what repeats.",
        ),
        "9",
    ),
    # ---- 02 brightness
    Exercise(
        "brightness.predict",
        "w0 = 0.2, w1 = 0.4, w2 = 0.1: how bright is the pixel x = 0.5, y = 1? A number.",
        number(
            0.5,
            {
                0.3: "w0 is there for every pixel: its column in the table is 1.",
                0.4: "y = 1 counts with w2 = 0.1.",
                0.7: "x is 0.5: w1 counts half.",
            },
            "brightness = w0 + w1·x + w2·y.",
        ),
        "0.5",
    ),
    Exercise(
        "brightness.gradient",
        "Write the gradient of the mean squared error: a function (X, y, w) → three slopes; X has shape (n, 3).",
        formula(
            _mean_squared_slopes,
            [(ROWS, GREY, np.zeros(3)), (ROWS[:3], GREY[:3], np.array([0.5, -1.0, 2.0]))],
            "The error of a pixel is (row·w − y)²; its slope is 2·(row·w − y)·row, and one takes the mean over pixels.",
            {
                "The mean is forgotten: divide by the number of pixels, len(y).": lambda X, y, w: 2 * X.T @ (X @ w - y),
                "The factor 2 is forgotten: the slope of a square is 2 times what is squared.": lambda X, y, w: (
                    X.T @ (X @ w - y) / len(y)
                ),
                "The mean and the factor 2 are forgotten.": lambda X, y, w: X.T @ (X @ w - y),
                "The sign is flipped: the error is prediction − truth, X @ w − y.": lambda X, y, w: (
                    2 * X.T @ (y - X @ w) / len(y)
                ),
            },
        ),
        "lambda X, y, w: 2 * X.T @ (X @ w - y) / len(y)",
    ),
    Exercise(
        "brightness.least_squares",
        "Write the closed form: a function (X, y) → the three weights with the least mean squared error.",
        formula(least_squares, [(ROWS, GREY), (ROWS[:4], GREY[1:])], "At the bottom all slopes are 0: XᵀX·w = Xᵀ·y."),
        "lambda X, y: np.linalg.lstsq(X, y)[0]",
    ),
    Exercise(
        "brightness.epoch",
        "A picture has 256 pixels and every step uses all of them. How many steps is an epoch? A number.",
        number(
            1,
            {256: "That would be one pixel a step: stochastic gradient descent."},
            "An epoch is once through all data; here a single step does that.",
        ),
        "1",
    ),
    # ---- 03 exam
    Exercise(
        "exam.parameters",
        "How many knobs has 2 → 16 → 1, with biases? A number.",
        number(
            65,
            {
                48: "Those are the weights; 17 biases are missing.",
                64: "The output has a bias too.",
                49: "The 16 hidden units have a bias each.",
            },
            "2·16 + 16 + 16·1 + 1.",
        ),
        "65",
    ),
    Exercise(
        "exam.without_activation",
        "Take the activation out of 2 → 16 → 1. What shape can its surface have: 'a plane', 'a hill' or 'anything'?",
        choice(
            "a plane",
            {
                "a hill": "A weighted sum of planes is a plane again: nothing bends without an activation.",
                "anything": "Sixteen planes added up are one plane; it is the activation that bends.",
            },
        ),
        '"a plane"',
    ),
    Exercise(
        "exam.place",
        "The slope is 0, everything near is higher, but elsewhere the loss is lower. Is it a 'global minimum', a "
        "'local minimum', a 'maximum' or a 'saddle'?",
        choice(
            "local minimum",
            {
                "global minimum": "Nothing is lower than the global minimum, anywhere.",
                "maximum": "Near a maximum everything is lower.",
                "saddle": "From a saddle one way leads up and another down; here all lead up.",
            },
        ),
        '"local minimum"',
    ),
    Exercise(
        "exam.relu",
        "Write the rule of relu, max(x, 0): lambda g, x: ..., where g is the gradient from above.",
        rule(
            lambda x: np.maximum(x, 0.0),
            (np.array([-1.5, -0.3, 0.4, 2.0]),),
            "Where x > 0 relu hands everything on; elsewhere it is flat, and nothing comes through.",
            x="x",
        ),
        "lambda g, x: g * (x > 0)",
    ),
    # ---- 04 downhill
    Exercise(
        "downhill.global",
        "At which x is the global minimum of the curve? A number, to two decimals.",
        number(
            -0.6283,
            dict.fromkeys((-5.6492, -3.1407, 1.8848, 4.3956), "That is a local minimum: f is lower elsewhere."),
            "No minimum is there; look where the slope changes from − to +.",
            within=0.01,
        ),
        "-0.6283",
    ),
    Exercise(
        "downhill.slope",
        "Write f′(x) for f(x) = 0.12·x² + sin(2.4·x) + 0.3·cos(5·x): a function of x.",
        formula(
            lambda x: 0.24 * x + 2.4 * np.cos(2.4 * x) - 1.5 * np.sin(5 * x),
            [(x,) for x in (-4.0, -0.5, 0.0, 1.3, 3.0)],
            "Term by term; sin(2.4·x) brings its inner slope 2.4 along, cos turns into −sin.",
            {
                "cos turns into −sin: mind the sign of the last term.": lambda x: (
                    0.24 * x + 2.4 * np.cos(2.4 * x) + 1.5 * np.sin(5 * x)
                ),
                "The inner slopes are forgotten: sin(2.4·x) brings 2.4 along, cos(5·x) brings 5.": lambda x: (
                    0.24 * x + np.cos(2.4 * x) - 0.3 * np.sin(5 * x)
                ),
                "The square brings a factor 2: the slope of 0.12·x² is 0.24·x.": lambda x: (
                    0.12 * x + 2.4 * np.cos(2.4 * x) - 1.5 * np.sin(5 * x)
                ),
                "That is f itself; its slope is wanted.": downhill.f,
            },
        ),
        "lambda x: 0.24 * x + 2.4 * np.cos(2.4 * x) - 1.5 * np.sin(5 * x)",
    ),
    Exercise(
        "downhill.settles",
        "From x = 3 with learning rate 0.1: where does the ball come to rest? A number, to two decimals.",
        number(
            1.8848,
            {
                -0.6283: "That is the deepest valley, but the ball takes the first that it rolls into.",
                4.3956: "That valley is uphill from 3: the slope there is positive, so the ball rolls left.",
            },
            "Try ball = downhill.Ball(3.0, lr=0.1); ball.run(); ball.x",
            within=0.005,
        ),
        "1.8848",
    ),
    Exercise(
        "downhill.velocity",
        "Momentum 0.9, velocity 0 at first, and the slope is 2 twice: v ← 0.9·v + slope. What is v then? A number.",
        number(
            3.8,
            {2: "That is v after the first step.", 4: "0.9 of the old velocity is kept, not all of it."},
            "First 0.9·0 + 2, then 0.9·that + 2.",
        ),
        "3.8",
    ),
    Exercise(
        "downhill.escape",
        "From x = 3, find settings of the Ball with which it comes to rest in the global minimum within 400 steps. A "
        'dict, such as {"lr": 0.1, "optimizer": "sgd"}.',
        _escape,
        '{"lr": 0.1, "optimizer": "momentum"}',
    ),
)
