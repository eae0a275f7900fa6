"""tinygrad_edu: a small autodiff engine to read, to trust and to build small networks with. Pure Python on NumPy."""

from tinygrad_edu import data, lessons, nn, optim, plot, rules, train
from tinygrad_edu.accumulate import AccumulationWarning
from tinygrad_edu.compile import CompileError, compile
from tinygrad_edu.draw import draw
from tinygrad_edu.explain import explain
from tinygrad_edu.finite_differences import numerical_gradient
from tinygrad_edu.functions import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
)
from tinygrad_edu.gradcheck import gradcheck
from tinygrad_edu.lazy import compute
from tinygrad_edu.recording import no_grad
from tinygrad_edu.rules.table import composition, derivative, no_derivative, primitive
from tinygrad_edu.saving import load, load_checkpoint, load_metadata, save, save_checkpoint
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.trace import trace
from tinygrad_edu.train import History, fit
from tinygrad_edu.transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__version__ = "0.1.0"

__all__ = [
    "AccumulationWarning",
    "CompileError",
    "History",
    "Tensor",
    "compile",
    "composition",
    "compute",
    "data",
    "derivative",
    "draw",
    "elementwise_grad",
    "elu",
    "explain",
    "fit",
    "gelu",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "leaky_relu",
    "lessons",
    "load",
    "load_checkpoint",
    "load_metadata",
    "log_softmax",
    "logsumexp",
    "nn",
    "no_derivative",
    "no_grad",
    "numerical_gradient",
    "optim",
    "plot",
    "primitive",
    "relu",
    "rules",
    "save",
    "save_checkpoint",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "trace",
    "train",
    "value_and_grad",
    "vjp",
]
