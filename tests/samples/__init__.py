"""A sample of every row of the table: how to call the function, on which shapes and values, with which options.

Added a row? Add its sample to the SAMPLES of its family's file here.
"""

from tests.samples import activations, elementwise, first, fourier, layers, linear_algebra, losses, reductions, shape

SAMPLES = {
    **first.SAMPLES,
    **elementwise.SAMPLES,
    **fourier.SAMPLES,
    **layers.SAMPLES,
    **linear_algebra.SAMPLES,
    **losses.SAMPLES,
    **reductions.SAMPLES,
    **shape.SAMPLES,
    **activations.SAMPLES,
}
