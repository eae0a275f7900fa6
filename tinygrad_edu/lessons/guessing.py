"""The guessing game: a secret number, "higher" or "lower", and a guess that moves by exactly the learning rate.

It is gradient descent with nothing but the slope's sign: small steps arrive late, large ones jump past for ever, and
steps that shrink do both: first far, then fine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["SECRET", "START", "STEPS", "WITHIN", "Game", "halving", "play", "secrets_found"]

STEPS = (10, 2, 50)
SECRET, START, WITHIN = 72, 50, 2
LIMIT = 100  # guesses after which one gives up


@dataclass(frozen=True)
class Game:
    """All guesses of one game, the first is where it began."""

    secret: int
    guesses: list[float]
    found: bool

    @property
    def count(self) -> int:
        """How many guesses it took."""
        return len(self.guesses)

    @property
    def jumps_for_ever(self) -> bool:
        """Whether the guesses repeat on both sides of the secret."""
        return not self.found and len(set(self.guesses)) < len(self.guesses)


def halving(turn: int) -> float:
    """A schedule: 32, 16, 8, 4, 2 and then 1.

    Example:
        >>> [halving(turn) for turn in range(7)]
        [32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 1.0]
    """
    return max(32 * 0.5**turn, 1.0)


def play(
    step: float | Callable[[int], float], secret: int = SECRET, start: float = START, within: float = WITHIN
) -> Game:
    """Guess until within 2 of the secret, or until a hundred guesses have not found it.

    Args:
        step: how far a guess moves from the last one, or a function of the turn 0, 1, 2 … to that.
        secret: a whole number from 1 to 100.
        start: the first guess.
        within: so near is found.

    Raises:
        ValueError: the secret is not one.

    Example:
        >>> play(10).guesses
        [50, 60, 70]
        >>> play(2).count, play(50).jumps_for_ever
        (11, True)
    """
    if not 1 <= secret <= 100:
        raise ValueError(f"the secret is a number from 1 to 100, not {secret}")
    guesses = [start]
    while abs(guesses[-1] - secret) > within and len(guesses) < LIMIT:
        size = step(len(guesses) - 1) if callable(step) else step
        higher = secret > guesses[-1]
        guesses.append(guesses[-1] + size if higher else guesses[-1] - size)
    return Game(secret, guesses, abs(guesses[-1] - secret) <= within)


def secrets_found(step: float | Callable[[int], float]) -> int:
    """How many of the hundred secrets a step finds.

    Example:
        >>> secrets_found(10), secrets_found(2), secrets_found(50), secrets_found(halving)
        (50, 100, 10, 100)
    """
    return sum(play(step, secret).found for secret in range(1, 101))
