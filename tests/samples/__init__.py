"""A sample of every row of the table: how to call the function, on which shapes and values, with which options.

Added a row? Add its sample to the SAMPLES of its family's file here.
"""

from tests.samples import elementwise, first, fourier, linear_algebra, reductions, shape

SAMPLES = {
    **first.SAMPLES,
    **elementwise.SAMPLES,
    **fourier.SAMPLES,
    **linear_algebra.SAMPLES,
    **reductions.SAMPLES,
    **shape.SAMPLES,
}
