"""The whole lesson in order, and whether all that it found is what the lesson says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu.lessons.flip.checking import check_gradients, timing
from tinygrad_edu.lessons.flip.networks import IMAGE, layers, traced_network
from tinygrad_edu.lessons.flip.passes import GRADIENTS, one_step, trace
from tinygrad_edu.lessons.flip.rates import learning_rates
from tinygrad_edu.lessons.flip.starts import train_all
from tinygrad_edu.lessons.flip.training import Settings, train_one

__all__ = ["judge", "lesson"]


def lesson(settings: Settings, on_start: Callable[[int, int], None] | None = None) -> Iterator[tuple[str, Any]]:
    """Everything in order, each part as soon as it is computed: (name, result).

    Example:
        >>> name, result = next(lesson(Settings()))
        >>> name, sum(layer.parameters for layer in result)
        ('network', 31)
    """
    model = traced_network()
    yield "network", layers(model)
    yield "forward", trace(model, IMAGE)
    yield "check", check_gradients(model, IMAGE)
    yield "timing", timing(model, IMAGE)
    yield "after_one_step", one_step(model, IMAGE)
    yield "train_one", train_one(settings)
    yield "train_all", {hidden: train_all(hidden, settings, on_start) for hidden in settings.sizes}
    yield "learning_rates", learning_rates()


def _equal(found: Any, lesson_says: Any, digits: int = 12) -> bool:
    return bool(np.allclose(found, lesson_says, rtol=0, atol=0.5 * 10.0**-digits))


def judge(found: dict[str, Any], settings: Settings) -> dict[str, bool]:
    """Hold what `lesson` found against what the lesson says.

    Engine, gradients and passes are judged always, training only with the default --lr, --steps and --optimizer: what
    another learning rate does is the user's experiment, and a loss that it leaves high is its result, not a failure.
    That no network gets below its floor is mathematics and holds for any settings.

    Args:
        found: what `lesson` yields, as a dict.
        settings: with which it was called.

    Returns:
        For each thing that has to hold, whether it does.
    """
    before, after, check = found["forward"], found["after_one_step"], found["check"]
    tried, one = found["train_all"], found["train_one"]
    smooth = [(entry, says) for entry, says in zip(check.entries, GRADIENTS) if entry.verdict != "kink"]
    verdicts = [rate.verdict for rate in found["learning_rates"]]
    kinks = [entry.name for entry in check.kinks]
    well = {
        "31 parameters": sum(layer.parameters for layer in found["network"]) == 31,
        "forward pass as in the lesson": _equal(before.z1, [0, -0.1, 0.5])
        and _equal(before.prediction, [0.1, -0.1, -0.05, -0.25])
        and _equal(before.loss, 0.89625),
        "gradients as in the lesson": all(_equal(e.backprop, says) for e, says in smooth),
        "27 gradients agree, 4 lie on a kink": check.well
        and check.count("agree") == 27
        and kinks == ["W1[0,0]", "W1[2,0]", "W1[3,0]", "b1[0]"],
        "62 passes against 1 + 1": check.forward_passes == 62 and check.backprop_passes == (1, 1),
        "one step as in the lesson": _equal(after.prediction, [0.11709, 0.03431, -0.064695, -0.089375])
        and _equal(after.loss, 0.7257526, 7),
        "no network below its floor": not any(s.run.loss < t.floor - 1e-9 for t in tried.values() for s in t.starts),
        "learning rates as in the lesson": verdicts == ["crawls", "steady", "fast, unstable", "blows up"],
    }
    if settings.are_default:
        well |= {
            "one image learned to below 1e-6": one.ended == "goal",
            "3 hidden units reach their floor": tried[3].at_floor > 0,
            "4 hidden units get 16 of 16": tried[4].at_floor > 0 and tried[4].best.images_right == 16,
        }
    return well
