"""Fourier transforms: the convention for complex gradients, frequencies as constants, refused options."""

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.array([1.0, 3.0, -2.0, 0.5, 4.0])


def test_the_energy_of_a_spectrum():
    """Parseval: the sum of |fft(x)|² is n times the sum of x², so its gradient is 2 n x."""
    x = tg.Tensor(X, requires_grad=True)
    np.sum(np.abs(np.fft.fft(x)) ** 2).backward()
    np.testing.assert_allclose(x.grad, 2 * 5 * X, rtol=1e-14)
    assert x.grad.dtype == float


def test_a_complex_gradient_is_that_of_the_convention():
    """L = Re fft(z)[1] has ∂L/∂x - i ∂L/∂y = exp(-2πi k / 5), the coefficient itself: fft is holomorphic."""
    z = tg.Tensor(X + 1j, requires_grad=True)
    np.real(np.fft.fft(z)[1]).backward()
    np.testing.assert_allclose(z.grad, np.exp(-2j * np.pi * np.arange(5) / 5), rtol=1e-14)


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("n", [4, 5])
def test_there_and_back_is_the_identity(norm, n):
    x = tg.Tensor(X[:n], requires_grad=True)
    y = np.fft.irfft(np.fft.rfft(x, norm=norm), n, norm=norm)
    weights = np.arange(1.0, n + 1)
    np.sum(y * weights).backward()
    np.testing.assert_allclose(x.grad, weights, rtol=1e-14)


def test_convolution_by_spectra():
    x, kernel = tg.Tensor(X, requires_grad=True), tg.Tensor([1.0, 2.0, 0.0, 0.0, 0.0], requires_grad=True)
    y = np.real(np.fft.ifft(np.fft.fft(x) * np.fft.fft(kernel)))
    y[2].backward()  # = 1 · x[2] + 2 · x[1] + …
    np.testing.assert_allclose(x.grad, [0, 2, 1, 0, 0], atol=1e-15)
    np.testing.assert_allclose(kernel.grad, [X[2], X[1], X[0], X[4], X[3]], rtol=1e-14)


@pytest.mark.parametrize("transform", [np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.fftn])
def test_single_precision_stays_single(transform):
    x = tg.Tensor(X, requires_grad=True, dtype=np.float32)
    y = transform(x)
    assert y.dtype == (np.float32 if transform in (np.fft.irfft, np.fft.hfft) else np.complex64)
    np.sum(np.real(y)).backward()
    assert x.grad.dtype == np.float32


def test_what_the_half_spectrum_ignores_gets_nothing():
    """irfft takes the first entry, and the one halfway, as real numbers."""
    z = tg.Tensor(np.array([1 + 1j, 2 + 2j, 3 + 3j]), requires_grad=True)
    np.sum(np.fft.irfft(z) * np.array([1.0, 2, 3, 5])).backward()
    assert z.grad.imag[[0, 2]].tolist() == [0, 0]
    assert z.grad.imag[1] != 0


def test_frequencies_of_a_spacing_that_is_learned():
    """fftfreq(n, d) is proportional to 1 / d."""
    d = tg.Tensor(0.5, requires_grad=True)
    np.sum(np.abs(np.fft.rfftfreq(4, d))).backward()
    assert d.grad == pytest.approx(-(0 + 1 + 2) / (4 * 0.5**2))
    assert isinstance(np.fft.fftfreq(4), np.ndarray)


def test_what_is_refused():
    x = tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match="out"):
        np.fft.fft(x, out=np.zeros(5, complex))
    with pytest.raises(TypeError, match="out"):
        np.fft.fftn(x, out=np.zeros(5, complex))
    with pytest.raises(ValueError, match="axes="):
        np.fft.fftn(x, s=[3])
