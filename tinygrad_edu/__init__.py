"""tinygrad_edu: a small autodiff engine to read, to trust and to build small networks with. Pure Python on NumPy."""

from tinygrad_edu import nn, optim, rules
from tinygrad_edu.explain import explain
from tinygrad_edu.finite_differences import numerical_gradient
from tinygrad_edu.functions import log_softmax, logsumexp, relu, sigmoid, softmax, softplus
from tinygrad_edu.gradcheck import gradcheck
from tinygrad_edu.lazy import compute
from tinygrad_edu.rules.table import composition, derivative, no_derivative, primitive
from tinygrad_edu.tensor import AccumulationWarning, Tensor, no_grad
from tinygrad_edu.trace import trace
from tinygrad_edu.transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__version__ = "0.1.0"

__all__ = [
    "AccumulationWarning",
    "Tensor",
    "composition",
    "compute",
    "derivative",
    "elementwise_grad",
    "explain",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "log_softmax",
    "logsumexp",
    "nn",
    "no_derivative",
    "no_grad",
    "numerical_gradient",
    "optim",
    "primitive",
    "relu",
    "rules",
    "sigmoid",
    "softmax",
    "softplus",
    "trace",
    "value_and_grad",
    "vjp",
]
