"""Layers and losses, one family a file."""

from typing import NoReturn

from tinygrad_edu.nn import init
from tinygrad_edu.nn.activations import ELU, GELU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from tinygrad_edu.nn.attention import MultiHeadAttention, TransformerBlock
from tinygrad_edu.nn.classification_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge,
    kl_div,
    nll_loss,
)
from tinygrad_edu.nn.convolution import Conv1d, Conv2d
from tinygrad_edu.nn.dropout import Dropout
from tinygrad_edu.nn.embedding import Embedding
from tinygrad_edu.nn.linear import Linear
from tinygrad_edu.nn.losses import huber_loss, l1_loss, mse_loss
from tinygrad_edu.nn.module import Module, Sequential
from tinygrad_edu.nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from tinygrad_edu.nn.pooling import AvgPool2d, MaxPool2d
from tinygrad_edu.nn.recurrent import GRU, LSTM, RNN
from tinygrad_edu.nn.shaping import Flatten, Identity
from tinygrad_edu.nn.summary import summary
from tinygrad_edu.nn.torch_names import from_torch_state_dict, to_torch_state_dict

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool2d",
    "Module",
    "MultiHeadAttention",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "TransformerBlock",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "from_torch_state_dict",
    "hinge",
    "huber_loss",
    "init",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "summary",
    "to_torch_state_dict",
]

# PyTorch's names for what is called otherwise here: an error says what to write instead.
_ELSEWHERE = {
    "BCELoss": "nn.binary_cross_entropy(prediction, target)",
    "BCEWithLogitsLoss": "nn.binary_cross_entropy_with_logits(logits, target)",
    "CrossEntropyLoss": "nn.cross_entropy(logits, target)",
    "HuberLoss": "nn.huber_loss(prediction, target)",
    "KLDivLoss": "nn.kl_div(log_probabilities, target)",
    "L1Loss": "nn.l1_loss(prediction, target)",
    "MSELoss": "nn.mse_loss(prediction, target)",
    "NLLLoss": "nn.nll_loss(log_probabilities, target)",
    "SmoothL1Loss": "nn.huber_loss(prediction, target)",
    "ModuleDict": "a dict as an attribute: self.layers = {...}",
    "ModuleList": "a list as an attribute: self.layers = [...]",
    "MultiheadAttention": "nn.MultiHeadAttention(embed_dim, num_heads)",
    "Parameter": "tg.Tensor(values, requires_grad=True)",
    "ParameterList": "a list as an attribute: self.weights = [...]",
    "TransformerEncoderLayer": "nn.TransformerBlock(embed_dim, num_heads)",
    "hinge_loss": "nn.hinge(prediction, target)",
    "smooth_l1_loss": "nn.huber_loss(prediction, target)",
    "functional": "nn.cross_entropy, tg.relu and the like: losses are functions of nn, activations of tg",
    "utils": "tg.optim.clip_grad_norm(parameters, max_norm)",
}


def __getattr__(name: str) -> NoReturn:
    hint = f" Instead there is {_ELSEWHERE[name]}." if name in _ELSEWHERE else ""
    raise AttributeError(f"tinygrad_edu.nn has no {name!r}.{hint}")
