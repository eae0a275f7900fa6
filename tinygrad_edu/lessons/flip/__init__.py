"""Lesson 1: a network of 31 parameters learns to flip a 2×2 image across its main diagonal.

An image is four numbers, row by row; flipping it swaps numbers 1 and 2. The network is 4 → 3 → 4 with a ReLU between.
Every function computes one thing that the lesson shows; `lesson` runs them all in order. To read: networks.py,
passes.py, checking.py, training.py, starts.py, rates.py, judging.py.
"""

from tinygrad_edu.lessons.flip.checking import Check, Entry, Timing, check_gradients, timing
from tinygrad_edu.lessons.flip.judging import judge, lesson
from tinygrad_edu.lessons.flip.networks import (
    IMAGE,
    WEIGHTS,
    Layer,
    flipped,
    images,
    layers,
    named,
    network,
    traced_network,
)
from tinygrad_edu.lessons.flip.passes import GRADIENTS, LR, Trace, backprop, loss_of, one_step, output_gradient, trace
from tinygrad_edu.lessons.flip.rates import LEARNING_RATES, TABLE_STEPS, Rate, learning_rates
from tinygrad_edu.lessons.flip.starts import (
    STARTS,
    Start,
    Starts,
    dead_units,
    floor,
    images_right,
    most_images,
    train_all,
)
from tinygrad_edu.lessons.flip.training import DEFAULT_LR, GOAL, Run, Settings, train, train_one

__all__ = [
    "DEFAULT_LR",
    "GOAL",
    "GRADIENTS",
    "IMAGE",
    "LEARNING_RATES",
    "LR",
    "STARTS",
    "TABLE_STEPS",
    "WEIGHTS",
    "Check",
    "Entry",
    "Layer",
    "Rate",
    "Run",
    "Settings",
    "Start",
    "Starts",
    "Timing",
    "Trace",
    "backprop",
    "check_gradients",
    "dead_units",
    "flipped",
    "floor",
    "images",
    "images_right",
    "judge",
    "layers",
    "learning_rates",
    "lesson",
    "loss_of",
    "most_images",
    "named",
    "network",
    "one_step",
    "output_gradient",
    "timing",
    "trace",
    "traced_network",
    "train",
    "train_all",
    "train_one",
]
