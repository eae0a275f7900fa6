"""History: what happened during training, epoch by epoch and step by step."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

__all__ = ["History"]


class History:
    """Numbers in lists: `history["loss"]` has one entry an epoch, `history.steps["loss"]` one a step.

    Attributes:
        epochs: name → a number per epoch: `loss` (mean over the samples), each metric, `val_loss` and `val_` each
            metric if there is validation, `lr` (of the last step), `grad_norm` (mean), `seconds`. Whole epochs only.
        steps: name → a number per step: `loss`, `lr`, `grad_norm` (2-norm over all parameters, before any clipping),
            `seconds`. Those of an epoch that was cut short too.
        stopped: why training ended: "finished", "interrupted", "diverged", or what a callback said; "" as long as it
            goes on, and after another error.

    Example:
        >>> import tinygrad_edu as tg
        >>> history = tg.train.History()
        >>> history.record("epochs", loss=0.5, seconds=0.01)
        >>> history["loss"]
        [0.5]
    """

    def __init__(self) -> None:
        self.epochs: dict[str, list[float]] = {}
        self.steps: dict[str, list[float]] = {}
        self.stopped = ""

    def record(self, level: str, **numbers: float) -> None:
        """Add one entry to `epochs` or `steps`; what was not measured before is NaN there."""
        table: dict[str, list[float]] = getattr(self, level)
        length = max(map(len, table.values()), default=0)
        for name in numbers:
            table.setdefault(name, [float("nan")] * length)
        for name, column in table.items():
            column.append(float(numbers.get(name, float("nan"))))

    def __getitem__(self, name: str) -> list[float]:
        try:
            return self.epochs[name]
        except KeyError:
            raise KeyError(f"no {name!r} was recorded; there are: {', '.join(self.epochs)}") from None

    def __len__(self) -> int:
        """How many epochs there were."""
        return max(map(len, self.epochs.values()), default=0)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain dicts, lists and numbers, for JSON or pandas; None where a number is not finite.

        Example:
            >>> import tinygrad_edu as tg
            >>> history = tg.train.History()
            >>> history.record("epochs", loss=0.5, val_loss=float("nan"))
            >>> history.to_dict()
            {'epochs': {'loss': [0.5], 'val_loss': [None]}, 'steps': {}, 'stopped': ''}
        """
        state = self.state_dict()
        for table in (state["epochs"], state["steps"]):  # JSON has no NaN and no infinity
            for name, column in table.items():
                table[name] = [number if math.isfinite(number) else None for number in column]
        return state

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything, number for number."""
        return {"epochs": copy.deepcopy(self.epochs), "steps": copy.deepcopy(self.steps), "stopped": self.stopped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; ValueError, and nothing is changed, if this is something else."""
        if not (
            set(state) == {"epochs", "steps", "stopped"}
            and isinstance(state["stopped"], str)
            and _is_table(state["epochs"])
            and _is_table(state["steps"])
        ):
            raise ValueError("this is no history: it needs tables of numbers under 'epochs' and 'steps', and 'stopped'")
        self.epochs, self.steps = copy.deepcopy(state["epochs"]), copy.deepcopy(state["steps"])
        self.stopped = state["stopped"]

    def plot(self, path: str | Path | None = None) -> Any:
        """Losses and metrics against epochs; see `tinygrad_edu.plot.history`.

        Args:
            path: a file to write the picture to, .png, .svg or .pdf.

        Returns:
            The matplotlib Figure, which a notebook shows.
        """
        from tinygrad_edu import plot

        return plot.history(self, path)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {column[-1]:.4g}" for name, column in self.epochs.items() if column)
        return f"History({len(self)} epochs, {self.stopped or 'not ended'}{': ' + last if last else ''})"


def _is_table(value: Any) -> bool:
    """Whether it is columns of numbers under their names, all equally long."""
    return (
        isinstance(value, dict)
        and all(isinstance(column, list) for column in value.values())
        and len({len(column) for column in value.values()}) <= 1
        and all(isinstance(number, int | float) for column in value.values() for number in column)
    )
