"""Data: sets to learn from, their scaling and splitting, and mini-batches."""

from tinygrad_edu.data.batches import Batches, batches
from tinygrad_edu.data.bundled import breast_cancer, digits, iris, wine
from tinygrad_edu.data.scaling import MinMaxScaler, Standardizer
from tinygrad_edu.data.sets import blobs, brightness, circles, exam, flips, moons, spirals, xor
from tinygrad_edu.data.splitting import split

__all__ = [
    "Batches",
    "MinMaxScaler",
    "Standardizer",
    "batches",
    "blobs",
    "breast_cancer",
    "brightness",
    "circles",
    "digits",
    "exam",
    "flips",
    "iris",
    "moons",
    "spirals",
    "split",
    "wine",
    "xor",
]
