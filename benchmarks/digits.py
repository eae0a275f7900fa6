"""Handwritten digits, five seeds for each network: how many of the images that it has never seen it reads wrong."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from benchmarks.report import Bar, Column, Result, duration
from tinygrad_edu.lessons import digits

__all__ = ["CLAIM", "measure"]

CLAIM = "Small networks learn to read scikit-learn's 1,797 digits, trained on 80 % of them and tested on the others."
SEEDS = 5
LONGEST = 60  # seconds of a run
# Name → training, and the largest mean test error.
NETWORKS = {"MLP": (digits.train_mlp, 0.025), "CNN": (digits.train_cnn, 0.015)}


def measure(quick: bool) -> Result:
    """Train each network from every seed; wall clock. Quick: one seed and two epochs, which cannot meet the bars."""
    if importlib.util.find_spec("sklearn") is None:
        note = "scikit-learn, which has the images, is not installed here: pip install 'tinygrad-edu[data]'"
        return Result(_columns(), [], notes=[note])
    options: dict[str, Any] = {"epochs": 2} if quick else {}
    rows, bars = [], []
    for name, (train, most) in NETWORKS.items():
        runs = [train(seed, **options) for seed in range(1 if quick else SEEDS)]
        errors = [1 - run.test_accuracy for run in runs]
        seconds = [run.seconds for run in runs]
        rows.append(
            {
                "name": name,
                "parameters": sum(p.size for p in runs[0].model.parameters()),
                "accuracies": [run.test_accuracy for run in runs],
                "mean": float(np.mean([run.test_accuracy for run in runs])),
                "seconds": max(seconds),
            }
        )
        bars.append(Bar(f"{name}: mean test error", most, float(np.mean(errors))))
        bars.append(Bar(f"{name}: seconds of the longest run", LONGEST, max(seconds)))
    notes = [
        "Stratified split, another one for every seed, which decides the first weights and the batches too.",
        "Optimizer, learning rate, sizes and epochs were chosen on validation parts of the training images.",
    ]
    return Result(_columns(), rows, bars, notes)


def _columns() -> list[Column]:
    return [
        Column("name", "network"),
        Column("parameters", "parameters", "{:,}".format),
        Column("accuracies", "test accuracies, %", lambda all: " ".join(f"{100 * one:.2f}" for one in all)),
        Column("mean", "mean", lambda mean: f"{100 * mean:.2f} %"),
        Column("seconds", "longest", duration),
    ]
