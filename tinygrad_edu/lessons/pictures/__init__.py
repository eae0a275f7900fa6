"""The pictures of the lessons, for notebooks and for `tinygrad-edu lesson NAME --plot FILE`.

Each takes what its lesson found and returns a matplotlib Figure, which needs the extra `plot`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_edu.lessons.pictures.by_hand import brightness, exam, exam_surfaces, one_weight
from tinygrad_edu.lessons.pictures.networks import checking, constants, curves, flip, kink, losses
from tinygrad_edu.lessons.pictures.reading import characters, confusion, digits, images, weights
from tinygrad_edu.lessons.pictures.rolling import ball, downhill, guessing, valleys

__all__ = [
    "PICTURES",
    "ball",
    "brightness",
    "characters",
    "checking",
    "confusion",
    "constants",
    "curves",
    "digits",
    "downhill",
    "exam",
    "exam_surfaces",
    "flip",
    "guessing",
    "images",
    "kink",
    "losses",
    "one_weight",
    "valleys",
    "weights",
]

PICTURES: dict[str, Callable[[Any], Any]] = {
    "one_weight": one_weight,
    "brightness": brightness,
    "exam": exam,
    "downhill": downhill,
    "losses": losses,
    "curves": curves,
    "guessing": guessing,
    "checking": checking,
    "digits": digits,
    "characters": characters,
}
