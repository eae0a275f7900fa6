"""Layers and losses, one family a file."""

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
from tinygrad_edu.nn.shaping import Flatten
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
