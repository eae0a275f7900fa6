"""A character-level transformer learns to read one page, better than anyone who looks at one letter only.

The yardstick is the bigram entropy of the text: the loss of the best reader who knows one character and has counted
every pair. A network whose loss is lower must have found out that there is more past to look at. Both are measured on
the text that they learned from: the page is far too short to tell understanding from remembering.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.nn import Embedding, LayerNorm, Linear, Module, Sequential, TransformerBlock, cross_entropy
from tinygrad_edu.nn.init import normal
from tinygrad_edu.optim import Adam
from tinygrad_edu.recording import no_grad

__all__ = ["CharacterModel", "Result", "bigram_entropy", "encode", "page", "sample", "text_loss", "train"]

CONTEXT = 64  # characters that the network sees at most
STEPS = 400
BATCH = 16


def page() -> str:
    """The text that the lesson reads: a page on how a network learns.

    Example:
        >>> page()[:23]
        'A network begins by kno'
    """
    return resources.files("tinygrad_edu.lessons").joinpath("characters.txt").read_text(encoding="utf-8")


def bigram_entropy(text: str) -> float:
    """How uncertain the next character is when one knows the last, in nats a character.

    H = −Σ p(a, b)·log p(b | a) over all pairs of neighbours (Shannon, "Prediction and Entropy of Printed English",
    1951, F₂). No reader who looks at one character only can have a lower loss on this text.

    Args:
        text: at least two characters.

    Raises:
        ValueError: the text is shorter.

    Example:
        >>> bigram_entropy("abababab")  # after an a comes a b: nothing is uncertain
        0.0
        >>> bigram_entropy("aabba")  # after either, either comes half of the time: log 2
        0.6931471805599453
    """
    if len(text) < 2:
        raise ValueError(f"a text of {len(text)} characters has no pairs to count; it needs at least two")
    pairs, firsts = Counter(itertools.pairwise(text)), Counter(text[:-1])
    counts = np.array(list(pairs.values()))
    before = np.array([firsts[a] for a, _ in pairs])
    return float(np.sum(counts * np.log(before / counts)) / counts.sum())


def encode(text: str, alphabet: str) -> NDArray[np.int64]:
    """The number of every character in the alphabet.

    Raises:
        ValueError: a character is not in it.

    Example:
        >>> encode("abba", "ab")
        array([0, 1, 1, 0])
    """
    numbers = {character: number for number, character in enumerate(alphabet)}
    if unknown := sorted(set(text) - set(alphabet)):
        raise ValueError(f"the network has never seen {unknown[0]!r}; it knows {alphabet!r}")
    return np.array([numbers[character] for character in text], dtype=np.int64)


class CharacterModel(Module):
    """What comes next? Characters and their positions become vectors, blocks look back, a linear layer answers.

    Args:
        alphabet: the characters that it knows.
        width: features of a position.
        heads: of each block.
        blocks: how many there are.
        rng: a NumPy Generator or a seed.

    Example:
        >>> model = CharacterModel("ab", width=8, heads=2, blocks=1, rng=0)
        >>> model(encode("abba", "ab")).shape  # for each position, a logit for every character
        (4, 2)
    """

    def __init__(
        self,
        alphabet: str,
        width: int = 48,
        heads: int = 4,
        blocks: int = 2,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        rng = np.random.default_rng(rng)
        self.alphabet = alphabet
        self.characters = Embedding(len(alphabet), width, rng=rng)
        self.positions = Embedding(CONTEXT, width, rng=rng)
        for table in (self.characters, self.positions):  # from small vectors it learns faster
            table.weight.data = normal(table.weight.shape, std=0.1, rng=rng)
        self.blocks = Sequential(*(TransformerBlock(width, heads, causal=True, rng=rng) for _ in range(blocks)))
        self.norm = LayerNorm(width)
        self.head = Linear(width, len(alphabet), rng=rng)

    def forward(self, numbers: Any) -> Any:
        """Numbers of characters, (…, time), time at most 64 → logits of the next, (…, time, alphabet)."""
        x = self.characters(numbers) + self.positions(np.arange(np.shape(numbers)[-1]))
        return self.head(self.norm(self.blocks(x)))


def text_loss(model: CharacterModel, text: str) -> float:
    """The mean over the text of −log p(character), in nats.

    The text is cut into pieces of 64 and the network forgets everything in between, so that the first character of a
    piece is all that is known of the past there; this makes the loss larger than it could be.

    Args:
        model: knows all characters of the text.
        text: at least two characters.
    """
    numbers = encode(text, model.alphabet)
    total = 0.0
    with no_grad():
        for start in range(0, len(numbers) - 1, CONTEXT):
            piece = numbers[start : start + CONTEXT + 1]
            total += float(cross_entropy(model(piece[:-1]), piece[1:], reduction="sum").item())
    return total / (len(numbers) - 1)


@dataclass(frozen=True)
class Result:
    """A trained network and how it came to be; losses in nats a character."""

    model: CharacterModel
    losses: list[float]  # of every step, each on its own batch
    loss: float  # at the end, over the whole text
    entropy: float  # the best that can be reached by looking at one character

    @property
    def looks_back(self) -> bool:
        """Whether the network must look at more than the last character."""
        return self.loss < self.entropy


def train(
    text: str | None = None,
    steps: int = STEPS,
    seed: int = 0,
    lr: float = 6e-3,
    on_step: Callable[[int, float], None] | None = None,
) -> Result:
    """Train a network of less than 100,000 parameters with Adam, in float32, on random pieces of a text.

    Args:
        text: what to read, more than 65 characters; the lesson's page when left out.
        steps: how many batches.
        seed: decides the first weights and the pieces; the same seed gives the same network.
        lr: learning rate at the beginning; it falls linearly to a tenth.
        on_step: called with the number of the step, from 1, and its loss.

    Raises:
        ValueError: the text is too short.

    Example:
        >>> result = train("tick tock " * 10, steps=3)
        >>> len(result.losses), result.losses[2] < result.losses[0]
        (3, True)
    """
    text = page() if text is None else text
    if len(text) <= CONTEXT + 1:
        raise ValueError(f"the text has {len(text)} characters; a piece alone takes {CONTEXT + 1}, so give it more")
    rng = np.random.default_rng(seed)
    model = CharacterModel("".join(sorted(set(text))), rng=rng).astype(np.float32)
    optimizer = Adam(model.parameters(), lr=lr)
    numbers, losses = encode(text, model.alphabet), []
    for step in range(1, steps + 1):
        starts = rng.integers(0, len(numbers) - CONTEXT, BATCH)
        pieces = numbers[starts[:, None] + np.arange(CONTEXT + 1)]
        optimizer.lr = lr * (1 - 0.9 * (step - 1) / steps)
        optimizer.zero_grad()
        loss = cross_entropy(model(pieces[:, :-1]), pieces[:, 1:])
        loss.backward()
        optimizer.step()
        losses.append(float(loss.item()))
        if on_step:
            on_step(step, losses[-1])
    return Result(model, losses, text_loss(model, text), bigram_entropy(text))


def sample(model: CharacterModel, prompt: str, n: int = 200, rng: np.random.Generator | int | None = None) -> str:
    """Let the network write: n characters, each drawn with the probability that the network gives it.

    Args:
        model: a trained network.
        prompt: at least one character to go on from.
        n: how many to write.
        rng: a NumPy Generator or a seed.

    Returns:
        The prompt and what follows.

    Raises:
        ValueError: the prompt is empty, or has characters that the network does not know.

    Example:
        >>> model = CharacterModel("ab", width=8, heads=2, blocks=1, rng=0)
        >>> len(sample(model, "ab", n=5, rng=0))
        7
    """
    if not prompt:
        raise ValueError("the prompt is empty; give at least one character to go on from")
    rng = np.random.default_rng(rng)
    numbers = list(encode(prompt, model.alphabet))
    with no_grad():
        for _ in range(n):
            logits = model(np.array(numbers[-CONTEXT:])).data[-1].astype(float)
            # the largest of logits + Gumbel noise is a draw from softmax(logits)
            numbers.append(int(np.argmax(logits + rng.gumbel(size=len(logits)))))
    return "".join(model.alphabet[number] for number in numbers)
