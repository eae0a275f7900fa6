"""Pictures, with matplotlib. Every function returns a Figure, which a notebook shows, and saves it if given a path."""

from tinygrad_edu.plot.curves import history, learning_rates, losses, step_sizes
from tinygrad_edu.plot.histograms import histograms
from tinygrad_edu.plot.landscapes import landscape, model_landscape
from tinygrad_edu.plot.planes import boundary

__all__ = [
    "boundary",
    "histograms",
    "history",
    "landscape",
    "learning_rates",
    "losses",
    "model_landscape",
    "step_sizes",
]
