"""Layers and losses, one family a file."""

from tinygrad_edu.nn.activations import ReLU, Sigmoid, Tanh
from tinygrad_edu.nn.linear import Linear
from tinygrad_edu.nn.losses import mse_loss
from tinygrad_edu.nn.module import Module, Sequential

__all__ = ["Linear", "Module", "ReLU", "Sequential", "Sigmoid", "Tanh", "mse_loss"]
