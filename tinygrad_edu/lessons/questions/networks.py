"""Exercises of notebooks 05, 07, 08 and 10: the flip network, losses, error curves, digits."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_edu.lessons.questions.checks import Exercise, choice, number, rule

__all__ = ["EXERCISES"]

VALIDATION = (0.9, 0.6, 0.45, 0.40, 0.43, 0.50, 0.62)
VERDICTS = "'learning rate too small', 'learning rate too large', 'reasonable' or 'overfitting'"

EXERCISES = (
    # ---- 05 flip
    Exercise(
        "flip.parameters",
        "How many parameters has 4 → 3 → 4, with biases? A number.",
        number(
            31,
            {
                24: "Those are the weights; 3 + 4 biases are missing.",
                27: "The output layer's 4 biases are missing.",
                28: "The hidden layer's 3 biases are missing.",
            },
            "12 + 3 + 12 + 4.",
        ),
        "31",
    ),
    Exercise(
        "flip.output_gradient",
        "Prediction [0.1, −0.1, −0.05, −0.25], target [1, 1, 0, 1]. What is ∂L/∂prediction[0]? A number.",
        number(
            -0.45,
            {
                0.45: "The sign: a larger prediction[0] would come nearer to 1 and make the loss smaller.",
                -1.8: "The loss is the mean over four outputs: divide by 4.",
                -0.9: "That is prediction − target. The square brings a factor 2, the mean divides by 4.",
                -0.225: "The square brings a factor 2.",
            },
            "2·(prediction − target) / 4, for entry 0.",
        ),
        "-0.45",
    ),
    Exercise(
        "flip.silent",
        "Hidden unit 1 has z = −0.1. What is the gradient of its weights W1[:, 1]: 'zero', 'small' or 'unknown'?",
        choice(
            "zero",
            {
                "small": "ReLU is flat below 0: not a little, nothing at all comes through.",
                "unknown": "The slope of ReLU at −0.1 is known: it is flat there.",
            },
        ),
        '"zero"',
    ),
    Exercise(
        "flip.passes",
        "How many forward passes do central differences need for all 31 gradients? A number.",
        number(
            62,
            {
                31: "Central differences go to both sides of every weight.",
                32: "That is for forward differences: one at the point itself and one for each weight.",
                1: "That is backpropagation: one forward and one backward pass.",
            },
            "Two for every parameter.",
        ),
        "62",
    ),
    Exercise(
        "flip.floor",
        "Below which loss can three hidden units never get on all 16 images? A number.",
        number(
            1 / 16,
            {
                0.25: "That is the variance that is left out; the loss is its mean over four outputs.",
                0: "That takes four units: three outputs' directions cannot hold four.",
            },
            "One direction of variance ¼ is left out; the loss is the mean over four outputs.",
        ),
        "1 / 16",
    ),
    # ---- 07 losses
    Exercise(
        "losses.wrong",
        "What is the cross-entropy of a network that gave 0.05 to the right answer? A number, to two decimals.",
        number(
            -math.log(0.05),
            {
                math.log(0.05): "A loss is positive: −log p.",
                -math.log(0.95): "That is what 0.95 costs.",
                -math.log10(0.05): "log is the natural logarithm.",
                -math.log2(0.05): "log is the natural logarithm.",
                0.95: "That is what is missing from 1; cross-entropy is −log of what was given.",
            },
            "−log p, with p = 0.05.",
            within=0.002,
        ),
        "2.9957",
    ),
    Exercise(
        "losses.times",
        "How many times more than 0.95 does 0.05 cost? A whole number.",
        number(
            58.4,
            {
                19: "That is 0.95 / 0.05; compare the losses, −log 0.05 and −log 0.95.",
                1 / 58.4: "The other way round: the dear one divided by the cheap one.",
                2.9444: "That is how much more. How many times more?",
            },
            "−log 0.05 divided by −log 0.95.",
            within=0.01,
        ),
        "58",
    ),
    Exercise(
        "losses.pick",
        "Which loss for ten classes: 'mse', 'binary cross-entropy' or 'categorical cross-entropy'?",
        choice(
            "categorical cross-entropy",
            {
                "mse": "Squared error is for numbers: class 9 is not three times class 3.",
                "binary cross-entropy": "That is for yes or no; of ten classes exactly one is right.",
            },
        ),
        '"categorical cross-entropy"',
    ),
    Exercise(
        "losses.outlier",
        "One number for 1, 2, 2, 3, 12: which does the squared error like best? A number.",
        number(
            4,
            {
                2: "That is the median, which the absolute error likes.",
                2.33: "That is what Huber's loss likes.",
                20: "That is the sum; the mean is wanted.",
                6.5: "That is halfway between the ends, which only the largest error would like.",
            },
            "It likes the mean.",
        ),
        "4",
    ),
    Exercise(
        "losses.rule",
        "Write the rule of −log p: lambda g, p: ...",
        rule(
            lambda p: -np.log(p),
            (np.array([0.95, 0.5, 0.05]),),
            "log p has the slope 1/p; the loss has a minus before it.",
            p="p",
        ),
        "lambda g, p: -g / p",
    ),
    # ---- 08 curves
    Exercise(
        "curves.overshot",
        f"The error goes 2.0 → 0.1 → 5.0 → 20. What is seen: {VERDICTS}?",
        choice(
            "learning rate too large",
            {
                "learning rate too small": "Then it would hardly move.",
                "reasonable": "A reasonable curve falls and flattens; this one was at 0.1 and left again.",
                "overfitting": "This is the error of training. Overfitting shows on data never trained on.",
            },
        ),
        '"learning rate too large"',
    ),
    Exercise(
        "curves.by_heart",
        f"Training falls 1.0 → 0.3 → 0.05, validation goes 1.0 → 0.5 → 0.8. What is seen: {VERDICTS}?",
        choice(
            "overfitting",
            {
                "learning rate too small": "Training falls well.",
                "learning rate too large": "Training falls without a jump: the steps are fine.",
                "reasonable": "Look at validation: what is learned at the end holds for the training data only.",
            },
        ),
        '"overfitting"',
    ),
    Exercise(
        "curves.slow",
        f"After 1,000 steps the error went from 2.30 to 2.29. What is seen: {VERDICTS}?",
        choice(
            "learning rate too small",
            {
                "learning rate too large": "Then it would jump; this curve is quiet.",
                "reasonable": "So many steps for so little: at this pace it takes a hundred thousand.",
                "overfitting": "Nothing has been learned yet, let alone by heart.",
            },
        ),
        '"learning rate too small"',
    ),
    Exercise(
        "curves.stop",
        f"Validation after epochs 0 to 6: {', '.join(map(str, VALIDATION))}. Whose weights does early stopping "
        "keep? A number.",
        number(
            3,
            {
                6: "The last is not the best: validation has been rising for three epochs.",
                4: "There validation has begun to rise; the best was before.",
                0.4: "That is its error. Which epoch is it?",
            },
            "The epoch with the lowest validation error, counted from 0.",
        ),
        "3",
    ),
    # ---- 10 digits
    Exercise(
        "digits.parameters",
        "How many parameters has 64 → 256 → 10, with biases? A number.",
        number(
            19210,
            {
                18944: "Those are the weights; 256 + 10 biases are missing.",
                19200: "The 10 biases of the output are missing.",
                18954: "The 256 biases of the hidden layer are missing.",
            },
            "64·256 + 256 + 256·10 + 10.",
        ),
        "19210",
    ),
    Exercise(
        "digits.first_loss",
        "Untrained, a network gives about the same chance to each of ten digits. What is its cross-entropy? A "
        "number, to two decimals.",
        number(
            math.log(10),
            {
                0.1: "That is the chance; the loss is −log of it.",
                1: "log is the natural logarithm.",
                math.log2(10): "log is the natural logarithm.",
                -math.log(10): "A loss is positive: −log p.",
            },
            "−log p with p = 1/10.",
            within=0.005,
        ),
        "2.3026",
    ),
    Exercise(
        "digits.standardise",
        "Pixels are standardised by mean and spread. Of which images: 'training', 'test' or 'all'?",
        choice(
            "training",
            {
                "test": "Test images stand for those that nobody has seen yet: nothing may be taken from them.",
                "all": "Then something of the test images would be known in training, and the test would be too kind.",
            },
        ),
        '"training"',
    ),
    Exercise(
        "digits.batches",
        "1,438 images in batches of 32: how many steps is an epoch? A number.",
        number(
            45,
            {44: "The last batch is smaller, but it is one too.", 44.9375: "Steps are whole: the last is smaller."},
            "1438 / 32, rounded up.",
        ),
        "45",
    ),
)
