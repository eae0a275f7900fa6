"""`tinygrad-edu compile flip`: the training step of the lesson as the NumPy code that a person would write."""

from __future__ import annotations

import argparse
import functools
import re
import shutil
from typing import Any

import numpy as np

from tinygrad_edu import nn, optim
from tinygrad_edu.cli.terminal import console, need, source_file, whole
from tinygrad_edu.compile import Compiled, compile

__all__ = ["add", "flip_step", "run"]

DESCRIPTION = """\
Print a training step as plain NumPy: forward, backward and
update as one list of calls, without tinygrad_edu. It is what
tg.compile runs. The step is that of the lesson: a 2x2 image
goes through 4 -> 3 -> 4 numbers and must come out flipped."""

OPTIMIZERS: dict[str, Any] = {
    "sgd": optim.SGD,
    "momentum": functools.partial(optim.SGD, momentum=0.9),
    "adagrad": optim.Adagrad,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
}


def add(subparsers: Any) -> None:
    """Add this command to the parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "compile",
        help="print a training step as the NumPy code that a person would write",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("lesson", choices=("flip",), help="whose step")
    parser.add_argument("--batch", type=whole(1, 16, 1), default=1, metavar="N", help="images at a time (default 1)")
    parser.add_argument("--optimizer", choices=tuple(OPTIMIZERS), default="sgd", help="default sgd")
    parser.add_argument("--save", type=source_file, metavar="FILE", help="write a .py file that trains alone, too")
    parser.set_defaults(run=run, quiet=False)


def run(arguments: argparse.Namespace) -> int:
    """Compile, print, and write the file that was asked for."""
    need("rich", "the colours")
    from rich.syntax import Syntax

    step = flip_step(arguments.batch, arguments.optimizer)
    out = console()
    if out.is_terminal:
        out.width = shutil.get_terminal_size().columns  # code may be wider than what is good to read
        code = _fitted(step.source, out.width)
        out.print(Syntax(code, "python", background_color="default", word_wrap=True))
    else:
        print(step.source, end="")
    if arguments.save:
        step.save(arguments.save)
    return 0


def _fitted(source: str, width: int) -> str:
    """The comments beside the code nearer to it, if they would not fit into the width one below the other."""
    if max(map(len, source.splitlines())) <= width:
        return source
    return re.sub(r"(?<=\S) +# ", "  # ", source)


def flip_step(batch: int, optimizer: str) -> Compiled:
    """The compiled step, after its first call."""
    net = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 4, rng=1))
    moves = OPTIMIZERS[optimizer](net.parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        loss = nn.mse_loss(net(x), y)
        loss.backward()
        moves.step()
        moves.zero_grad()
        return loss

    compiled = compile(step)
    images = np.random.default_rng(0).integers(0, 2, (batch, 4)).astype(np.float64)
    compiled(images, images[:, [0, 2, 1, 3]])
    return compiled
