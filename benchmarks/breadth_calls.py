"""How to call every function of NumPy: a few arguments each, and what nearly every function takes.

A function that has calls of its own here is tried with those. Any other one, also one that a future NumPy adds, is
tried with everything in `GENERIC`, and each of these that plain NumPy accepts is a call.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["GENERIC", "NAMESPACES", "OPTIONS", "PLAIN_ON_PURPOSE", "SPECIAL", "WITHOUT_ARRAYS", "Call", "exported"]

NAMESPACES = (np, np.linalg, np.fft)


@dataclass(frozen=True)
class Call:
    """One way to call a function. `run(function, *inputs)` makes the call; the inputs are arrays or Tensors."""

    run: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]


def exported(namespaces: tuple[ModuleType, ...] = NAMESPACES) -> dict[Any, str]:
    """Every public function of the namespaces with its name. A function of several names counts once."""
    found: dict[Any, list[str]] = {}
    for namespace in namespaces:
        for name in dir(namespace):
            value = getattr(namespace, name)
            if not name.startswith("_") and callable(value) and not isinstance(value, type | ModuleType):
                found.setdefault(value, []).append(namespace.__name__.replace("numpy", "np") + "." + name)
    return {function: _own(function, names) for function, names in found.items()}


def _own(function: Any, names: list[str]) -> str:
    """The name that the function itself goes by, where it is among those that it is exported under."""
    own = [name for name in names if name.rpartition(".")[2] == getattr(function, "__name__", "")]
    return (own or names)[0]


# These take no array at all: shapes, names, files, settings. There is nothing in them that could be differentiated.
WITHOUT_ARRAYS = {
    "makes an array from a shape": "bartlett blackman diag_indices empty eye fft.fftfreq fft.rfftfreq hamming hanning "
    "identity indices mask_indices ones tri tril_indices triu_indices zeros",
    "reads a file or a text": "fromfile fromregex fromstring genfromtxt load loadtxt",
    "reads memory or numbers of the machine, not arithmetic": "frombuffer",
    "is about dtypes, shapes and their names": "base_repr binary_repr broadcast_shapes datetime_data isdtype "
    "issubdtype mintypecode promote_types typename",
    "is about this process": "get_include get_printoptions getbufsize geterr geterrcall info printoptions "
    "set_printoptions setbufsize seterr seterrcall show_config show_runtime test linalg.test fft.test",
    "makes a function, not an array": "frompyfunc",
    "calls a function of yours with indices": "fromfunction",
}


def values(*shape: int, low: float = 0.2, high: float = 0.8, start: int = 1) -> np.ndarray:
    """Numbers between low and high, in disorder, all different; those with another start differ from these."""
    size = int(np.prod(shape))
    order = np.argsort(np.sin(7.0 * (start + np.arange(size))))
    return np.asarray((low + (high - low) * (order + 0.3 + 0.07 * start) / (size + 0.5)).reshape(shape))


def signed(*shape: int, low: float = 0.25, high: float = 0.9, start: int = 1) -> np.ndarray:
    """Such numbers of either sign, none of them near 0."""
    size = values(*shape, low=low, high=high, start=start)
    return size * np.where(np.cos(1.7 * (start + np.arange(size.size))) > 0, 1, -1).reshape(shape)


V, U, W = values(4), values(4, start=2), values(4, start=3)
V3, V6 = values(3, start=4), values(6)
SIGNED = signed(4, high=1.9)
LARGE = values(4, low=1.2, high=2.9)
M, N = signed(3, 3), signed(3, 3, start=3)
STACK = signed(2, 2, 3)
S, T = values(), values(start=5)
K, L = np.array([0, 2, 1]), np.array([1, 1, 2])
MASK = np.array([True, False, True, True])
DATES = np.array(["2024-02-01", "2024-02-05"], dtype="datetime64[D]")
WELL = M + 3 * np.eye(3)  # far from singular, with eigenvalues far apart from each other
SPREAD = np.diag([1.0, 2.5, 4.5]) + 0.3 * M
for _array in (V, U, W, V3, V6, SIGNED, LARGE, M, N, STACK, S, T, K, L, MASK, WELL, SPREAD):
    _array.setflags(write=False)  # some functions take a second argument for an array to write into


def plain(*inputs: np.ndarray) -> Call:
    """The function of just these."""
    return Call(lambda f, *given: f(*given), inputs)


def call(run: Callable[..., Any], *inputs: np.ndarray) -> Call:
    """`run(f, *inputs)`."""
    return Call(run, inputs)


def listed(*inputs: np.ndarray) -> Call:
    """The function of one list of these."""
    return Call(lambda f, *given: f(list(given)), inputs)


def after(*options: Any) -> Callable[..., Any]:
    """The function of the inputs and then these."""
    return lambda f, *given: f(*given, *options)


def before(*options: Any) -> Callable[..., Any]:
    """The function of these and then the inputs."""
    return lambda f, *given: f(*options, *given)


GENERIC = (
    plain(V),
    plain(SIGNED),
    plain(LARGE),
    plain(M),
    plain(STACK),
    plain(S),
    plain(V, U),
    plain(M, N),
    plain(M, V3),
    plain(S, T),
    plain(V, U, W),
    listed(V, U),
    listed(M, N),
    call(after(1), V),
    call(after(2), V),
    call(after(1), M),
    call(after(0.5), V),
    plain(K),
    plain(K, L),
    listed(K, L),
    call(after(K), V),
    call(before(K), V),
)


def in_place(run: Callable[..., Any], *inputs: np.ndarray) -> Call:
    """A function that writes into a plain array: what it has written is its result."""

    def result(f: Any, *given: Any) -> Any:
        target = values(4, start=6)
        run(f, target, *given)
        return target

    return Call(result, inputs)


def complex_of(f: Any, x: Any, y: Any) -> Any:
    """The function of the complex numbers x + iy, whose gradients come back to real x and y."""
    return f(x + y * 1j)


def symmetric(f: Any, x: Any) -> Any:
    """The function of a matrix that is symmetric however its entries are moved."""
    return f((x + np.transpose(x)) / 2)


def positive_definite(f: Any, x: Any) -> Any:
    """The function of a matrix that is positive definite however its entries are moved."""
    return f(x @ np.transpose(x) + np.eye(3))


def with_nan(*options: Any) -> Callable[..., Any]:
    """The function of the entries, one of them put out of action."""
    return lambda f, x: f(np.where(np.array([False, True, False, False]), np.nan, x), *options)


def text(f: Any, x: Any) -> None:
    """Write to a file."""
    f(io.BytesIO(), x)


def pieces(f: Any, x: Any) -> Any:
    """np.piecewise with a function and a number."""
    return f(x, [np.array([True, True, False, False]), ~np.array([True, True, False, False])], [np.sin, 0.25])


def magnitudes(f: Any, x: Any) -> Any:
    """Eigenvalues and the squared entries of the eigenvectors, which have no say in how those were turned."""
    found, vectors = f(x)
    return found, np.real(vectors * np.conj(vectors))


SINGLE_FOURIER = ("fft", "ifft", "rfft", "ihfft")
FORWARD_FOURIER = ("fft2", "ifft2", "rfft2", "fftn", "ifftn", "rfftn")
DESPITE_NAN = "nansum nanprod nanmean nanvar nanstd nanmax nanmin nanmedian nancumsum nancumprod nanargmax nanargmin"
_GRID = np.array([0.1, 0.33, 0.59, 0.9])

SPECIAL: dict[str, list[Call]] = {
    # ---- choosing, taking, putting in --------------------------------------------------------------------------
    "where": [call(before(MASK), V, U), call(lambda f, x: f(x > 0.5), V)],
    "choose": [call(lambda f, x, y: f(np.array([0, 1, 1, 0]), [x, y]), V, U)],
    "select": [call(lambda f, x, y: f([MASK, ~MASK], [x, y], 0.5), V, U), call(lambda f, x: f([MASK], [x]), V)],
    "piecewise": [call(pieces, V)],
    "compress": [call(before(MASK), V)],
    "extract": [call(before(MASK), V)],
    "take": [call(after(K), V), call(after(1), V)],
    "take_along_axis": [call(after(np.array([[0, 2, 1]]), 0), M), call(after(K, None), V)],
    "delete": [call(after(1), V), call(after([0, 2], 1), M)],
    "insert": [call(lambda f, x, y: f(x, 1, y), V, S), call(lambda f, x, y: f(x, [0, 2], y, 1), M, values(3, 2))],
    "repeat": [call(after(2), V), call(after([1, 0, 2], 1), M)],
    "tile": [call(after(2), V), call(after((2, 1)), M)],
    "resize": [call(after((2, 3)), V), call(after((2,)), V)],
    "reshape": [call(after((2, 2)), V)],
    "broadcast_to": [call(after((2, 4)), V)],
    "pad": [
        *(call(after(1, mode), V) for mode in ("constant", "edge", "reflect", "symmetric", "wrap", "mean", "maximum")),
        *(call(after(1, mode), V) for mode in ("minimum", "linear_ramp", "median")),
        call(lambda f, x, y: f(x, 1, constant_values=y), V, S),
        call(after(1, lambda vector, *_: vector), V),
    ],
    "roll": [call(after(1), V), call(after(1, 0), M)],
    "rollaxis": [call(after(2), STACK)],
    "moveaxis": [call(after(0, 2), STACK)],
    "swapaxes": [call(after(0, 2), STACK)],
    "transpose": [plain(M), call(after((2, 0, 1)), STACK)],
    "permute_dims": [plain(M)],
    "expand_dims": [call(after(0), V)],
    "empty_like": [call(lambda f, x: np.shape(f(x)), V)],
    "full_like": [plain(V, S), call(after(2.5), V)],
    "full": [call(before(3), S)],
    "split": [call(after(2), V)],
    "array_split": [call(after(3), V)],
    "hsplit": [call(after(2), V)],
    "vsplit": [call(after(3), M)],
    "dsplit": [call(after(3), STACK)],
    "unstack": [plain(M)],
    "block": [listed(V, U), call(lambda f, x, y: f([[x, y], [y, x]]), M, N)],
    "bmat": [listed(M, N)],
    "trim_zeros": [call(lambda f, x: f(np.concatenate([np.zeros(1), x, np.zeros(2)])), V), plain(V)],
    "unique": [plain(V), call(after(True, True, True), V), call(lambda f, x: f(np.concatenate([x, x])), V)],
    "ix_": [plain(V, U)],
    "meshgrid": [plain(V, U), plain(V3)],
    "astype": [call(after(np.dtype(float)), V), call(after(np.dtype(int)), SIGNED)],
    "clip": [call(after(0.3, 0.6), V), plain(V, np.asarray(0.3), np.asarray(0.6))],
    "partition": [call(after(1), V)],
    "argpartition": [call(after(1), V)],
    "searchsorted": [call(before(_GRID), V), call(lambda f, x: f(np.sort(x), 0.5), V)],
    "digitize": [call(after(_GRID), V)],
    "ravel_multi_index": [call(lambda f, k, m: f((k, m), (3, 3)), K, L)],
    "unravel_index": [call(after((3, 3)), K)],
    "packbits": [plain(K.astype(np.uint8))],
    "unpackbits": [plain(K.astype(np.uint8))],
    "bincount": [plain(K), call(before(K), V3)],
    # ---- written in place --------------------------------------------------------------------------------------
    "copyto": [in_place(lambda f, a, x: f(a, x), V)],
    "put": [in_place(lambda f, a, x: f(a, [0, 1, 2, 3], x), V)],
    "place": [in_place(lambda f, a, x: f(a, MASK, x), V)],
    "putmask": [in_place(lambda f, a, x: f(a, MASK, x), V)],
    "put_along_axis": [in_place(lambda f, a, x: f(a, np.array([0, 1, 2, 3]), x, 0), V)],
    "fill_diagonal": [in_place(lambda f, a, x: f(a.reshape(2, 2), x), values(2)), call(lambda f, x: f(x, 0.5), M)],
    # ---- arithmetic --------------------------------------------------------------------------------------------
    "ldexp": [call(after(np.array([1, 0, 2, -1])), V)],
    "nan_to_num": [plain(V), call(with_nan(), V)],
    "interp": [
        call(after(_GRID, np.array([0.5, 2.0, 1.0, 3.0])), V),
        call(lambda f, y: f(np.array([0.2, 0.4, 0.95]), _GRID, y), V),
        call(lambda f, x, xp, y: f(x, np.sort(xp), y), values(3), V, U),
    ],
    "i0": [plain(V), plain(SIGNED)],
    "real": [plain(V), call(complex_of, V, U)],
    "imag": [plain(V), call(complex_of, V, U)],
    "conjugate": [plain(V), call(complex_of, V, U)],
    "angle": [call(complex_of, V, U), plain(V)],
    "absolute": [plain(SIGNED), call(complex_of, V, U)],
    "real_if_close": [plain(V), call(complex_of, V, U)],
    "sort_complex": [plain(V), call(complex_of, V, U)],
    "linspace": [call(after(5), S, T), call(after(3), V, U)],
    "logspace": [call(after(5), S, T)],
    "geomspace": [call(after(5), S, T)],
    "arange": [plain(LARGE[0]), call(lambda f, x: f(x, 4.0), S)],
    "kaiser": [call(before(5), S)],
    "fromiter": [call(after(float), V)],
    "from_dlpack": [plain(V)],
    "nested_iters": [call(after([[0], [1]]), M)],
    "require": [plain(V), call(after(float, "C"), V)],
    "format_float_positional": [plain(S)],
    "format_float_scientific": [plain(S)],
    # ---- reductions --------------------------------------------------------------------------------------------
    "average": [plain(V), plain(V, U), call(lambda f, x, w: f(x, weights=w), V, U), call(after(0), M)],
    "percentile": [call(after(30), V), call(after([20, 70]), V), call(before(V), np.asarray(30.0))],
    "quantile": [call(after(0.3), V), call(after([0.2, 0.7]), V), call(before(V), S)],
    "nanpercentile": [call(after(30), V), call(with_nan(30), V)],
    "nanquantile": [call(after(0.3), V), call(with_nan(0.3), V)],
    **{name: [plain(V), plain(M), call(with_nan(), V)] for name in DESPITE_NAN.split()},
    "apply_along_axis": [call(lambda f, x: f(np.sum, 0, x), M), call(lambda f, x: f(np.sin, 1, x), M)],
    "apply_over_axes": [call(lambda f, x: f(np.sum, x, [0, 1]), M)],
    "histogram": [
        plain(V),
        call(after(_GRID), V),
        call(lambda f, x, w: f(x, _GRID, weights=w), V, U),
        call(after(3, (0.0, 1.0)), V),
    ],
    "histogram_bin_edges": [plain(V), call(after(3, (0.0, 1.0)), V)],
    "histogram2d": [plain(V, U), call(after([_GRID, _GRID]), V, U)],
    "histogramdd": [plain(M), call(after([_GRID] * 3), M), call(lambda f, x, w: f(x, [_GRID] * 3, weights=w), M, V3)],
    "cov": [plain(M), plain(V, U), plain(V)],
    "corrcoef": [plain(M), plain(V, U)],
    "gradient": [plain(V), plain(M), call(after(0.5), V), call(lambda f, x, at: f(x, np.sort(at)), V, U)],
    "trapezoid": [plain(V), plain(V, U), call(lambda f, y, dx: f(y, dx=dx), V, S)],
    "unwrap": [plain(V), plain(np.array([0.1, 3.0, 7.5, 1.2]))],
    # ---- linear algebra ----------------------------------------------------------------------------------------
    "einsum": [
        call(before("ij,jk->ik"), M, N),
        call(before("ii"), M),
        call(before("ij->ji"), M),
        call(before("ij,j"), M, V3),
        call(lambda f, x, y: f(x, [0, 1], y, [1, 2], [0, 2]), M, N),
    ],
    "einsum_path": [call(before("ij,jk->ik"), M, N)],
    "tensordot": [plain(M[None], N[..., None]), call(after(1), M, N), call(after(([0], [1])), M, N)],
    "linalg.tensordot": [call(lambda f, x, y: f(x, y, axes=1), M, N)],
    "matvec": [plain(M, V3)],
    "vecmat": [plain(V3, M)],
    "cross": [plain(V3, values(3, start=7)), plain(M, N)],
    "linalg.cross": [plain(V3, values(3, start=7)), plain(M, N)],
    "linalg.multi_dot": [listed(M, N), call(lambda f, x, y: f([x, y, x]), M, N)],
    "linalg.matrix_power": [call(after(3), M), call(after(-2), WELL), call(after(0), M), call(after(1), M)],
    "linalg.det": [plain(M), plain(STACK[:, :, :2])],
    "linalg.slogdet": [plain(WELL)],
    "linalg.inv": [plain(WELL)],
    "linalg.pinv": [plain(WELL), plain(STACK[0]), plain(STACK[0].T)],
    "linalg.solve": [plain(WELL, V3), plain(WELL, N)],
    "linalg.lstsq": [plain(values(4, 2), V), plain(values(4, 2), values(4, 3))],
    "linalg.tensorsolve": [plain((values(6, 6) + 2 * np.eye(6)).reshape(2, 3, 6), values(2, 3))],
    "linalg.tensorinv": [plain((values(6, 6) + 2 * np.eye(6)).reshape(2, 3, 6))],
    "linalg.cholesky": [call(positive_definite, M)],
    "linalg.eigh": [call(symmetric, SPREAD)],
    "linalg.eigvalsh": [call(symmetric, SPREAD)],
    "linalg.eig": [plain(SPREAD), call(magnitudes, M)],
    "linalg.eigvals": [plain(SPREAD), plain(M)],
    "linalg.svd": [
        call(lambda f, x: f(x, full_matrices=False), SPREAD),
        call(lambda f, x: f(x, full_matrices=False), values(4, 2)),
        call(lambda f, x: f(x, compute_uv=False), SPREAD),
        call(lambda f, x: f(x)[1], STACK[0]),
    ],
    "linalg.qr": [plain(WELL), plain(values(4, 2))],
    "linalg.cond": [plain(WELL), call(after(1), WELL), call(after("fro"), WELL)],
    "linalg.norm": [
        plain(SIGNED),
        *(call(after(order), SIGNED) for order in (1, 3, np.inf, -np.inf, 0)),
        *(call(after(order), M) for order in (None, "fro", "nuc", 1, 2, -2, np.inf)),
    ],
    # ---- polynomials -------------------------------------------------------------------------------------------
    "polyfit": [call(before(np.arange(4.0)), V), call(before(V), values(4, 2)), call(after(1), V, U)],
    "polyval": [plain(V3, V), plain(V3, S)],
    "polydiv": [plain(V, values(2))],
    "polyder": [plain(V), call(after(2), V)],
    "polyint": [plain(V), call(after(2), V)],
    "roots": [plain(np.array([1.0, -6.0, 11.1, -5.7])), plain(V)],
    "poly": [plain(V), plain(SPREAD)],
    "vander": [plain(V3), call(after(4), V3)],
    # ---- Fourier -----------------------------------------------------------------------------------------------
    **{f"fft.{name}": [plain(V), plain(values(5)), plain(M), call(after(6), V)] for name in SINGLE_FOURIER},
    **{f"fft.{name}": [call(complex_of, V, U), plain(V), call(after(5), V)] for name in ("irfft", "hfft")},
    **{f"fft.{name}": [plain(M), plain(STACK), plain(values(2, 4))] for name in FORWARD_FOURIER},
    **{f"fft.{name}": [call(complex_of, M, N), plain(M)] for name in ("irfft2", "irfftn")},
    # ---- dates, files, texts -----------------------------------------------------------------------------------
    "datetime_as_string": [plain(DATES)],
    "busday_count": [call(after(DATES[1]), DATES)],
    "busday_offset": [call(lambda f, x: f(x, 1, roll="forward"), DATES)],
    "is_busday": [plain(DATES)],
    "isnat": [plain(DATES)],
    "save": [call(text, V)],
    "savetxt": [call(text, V)],
    "savez": [call(text, V)],
    "savez_compressed": [call(text, V)],
    "array2string": [plain(V)],
}

# What these give is plain on purpose, and this is why.
PLAIN_ON_PURPOSE = {
    "fromiter": "asks every item for float(item), which is Python's way of asking for the plain number",
}

# Options that many functions have. `out` is made to measure: an array like the result.
OPTIONS: dict[str, Any] = {
    "axis": 0,
    "keepdims": True,
    "where": np.array([True, False, True]),
    "initial": 0.5,
    "dtype": np.longdouble,
    "casting": "unsafe",
    "order": "F",
    "copy": True,
    "ddof": 1,
    "weights": np.array([0.5, 1.5, 1.0]),
    "assume_unique": True,
    "return_index": True,
    "method": "nearest",
    "mode": "same",
    "period": 0.7,
    "like": np.zeros(1),
    "full": True,
    "norm": "ortho",
    "return_counts": True,
    "density": True,
    "returned": True,
    "overwrite_input": False,
    "prepend": 0.5,
    "append": 0.5,
    "include_initial": True,
    "return_inverse": True,
    "rowvar": False,
    "k": 1,
    "offset": 1,
}


def with_options(call: Call) -> Iterator[tuple[str, Call]]:
    """The same call with each of the options in turn."""
    for name, value in OPTIONS.items():
        yield (
            name,
            Call(lambda f, *given, name=name, value=value: call.run(_giving(f, name, value), *given), call.inputs),
        )


def _giving(function: Any, name: str, value: Any) -> Callable[..., Any]:
    return lambda *args, **kwargs: function(*args, **{name: value}, **kwargs)
