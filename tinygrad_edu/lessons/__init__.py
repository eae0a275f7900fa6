"""The lessons, one file each: plain functions that compute what a lesson shows. Nothing here prints."""

from tinygrad_edu.lessons import (
    brightness,
    checking,
    compiled,
    curves,
    downhill,
    engine,
    exam,
    flip,
    guessing,
    losses,
    one_weight,
    pictures,
)
from tinygrad_edu.lessons.curves import Diagnosis, diagnose
from tinygrad_edu.lessons.grading import Grade, exercises, grade

__all__ = [
    "Diagnosis",
    "Grade",
    "brightness",
    "checking",
    "compiled",
    "curves",
    "diagnose",
    "downhill",
    "engine",
    "exam",
    "exercises",
    "flip",
    "grade",
    "guessing",
    "losses",
    "one_weight",
    "pictures",
]
