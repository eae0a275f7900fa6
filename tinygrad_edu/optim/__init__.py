"""Optimizers, in order of increasing complexity; schedules for their learning rates; clipping of gradients."""

from typing import NoReturn

from tinygrad_edu.optim import schedules
from tinygrad_edu.optim.adagrad import Adagrad
from tinygrad_edu.optim.adam import Adam, AdamW
from tinygrad_edu.optim.clipping import clip_grad_norm, clip_grad_value
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.optim.rmsprop import RMSprop
from tinygrad_edu.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm",
    "clip_grad_value",
    "schedules",
]

# PyTorch's names for what is called otherwise here: an error says what to write instead.
_ELSEWHERE = {
    "lr_scheduler": "A schedule is a function of the step, given as the learning rate: "
    "tg.optim.Adam(params, lr=tg.optim.schedules.cosine(0.01, steps=1000)); there is no scheduler.step() to call.",
    "clip_grad_norm_": "Write tg.optim.clip_grad_norm(model.parameters(), max_norm=1.0).",
    "clip_grad_value_": "Write tg.optim.clip_grad_value(model.parameters(), clip_value=1.0).",
}


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(f"tinygrad_edu.optim has no {name!r}. {_ELSEWHERE.get(name, '')}".rstrip())
