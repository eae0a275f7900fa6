"""A network from settings, and back from a file: what training, evaluating and checking share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinygrad_edu.cli.datasets import Data
from tinygrad_edu.cli.terminal import Unavailable
from tinygrad_edu.data import Standardizer, split
from tinygrad_edu.lessons import digits
from tinygrad_edu.nn import (
    ELU,
    GELU,
    LeakyReLU,
    Linear,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Tanh,
    cross_entropy,
    mse_loss,
)
from tinygrad_edu.recording import no_grad
from tinygrad_edu.saving import load, load_metadata, save
from tinygrad_edu.train import accuracy

__all__ = ["ACTIVATIONS", "PARTS", "Settings", "Trained", "build", "parts"]

ACTIVATIONS: dict[str, Callable[[], Module]] = {
    "relu": ReLU,
    "leaky-relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
}
PARTS = {"training": 0.7, "validation": 0.1, "test": 0.2}
PIECE = 1024  # samples that run through a network at once


@dataclass(frozen=True)
class Settings:
    """Everything that decides a training run beside its data; with it, the same numbers come again."""

    model: str = "mlp"
    hidden: tuple[int, ...] = (32, 16)
    activation: str = "relu"
    optimizer: str = "adam"
    lr: float = 3e-3
    schedule: str = "constant"
    epochs: int = 100
    batch_size: int = 32
    label_smoothing: float = 0.0
    patience: int = 0
    seed: int = 0
    dtype: str = "float32"


def build(settings: Settings, inputs: int, outputs: int, rng: np.random.Generator | int | None = None) -> Module:
    """The network: linear layers with activations between them, or the convolutional one of the digits."""
    rng = np.random.default_rng(rng)
    if settings.model == "cnn":
        return digits.cnn(rng).astype(settings.dtype)
    layers: list[Module] = []
    for size in settings.hidden:
        layers += [Linear(inputs, size, rng=rng), ACTIVATIONS[settings.activation]()]
        inputs = size
    return Sequential(*layers, Linear(inputs, outputs, rng=rng)).astype(settings.dtype)


def parts(data: Data, seed: int) -> dict[str, tuple[Any, Any]]:
    """Training, validation and test part: every class has its share in each of them."""
    try:
        dealt = split(data.x, data.y, tuple(PARTS.values()), stratify=data.classes is not None, rng=seed)
    except ValueError as error:
        raise Unavailable(str(error)) from None
    return dict(zip(PARTS, dealt, strict=True))


@dataclass
class Trained:
    """A network and what it must know of its data: how they were scaled, and what everything is called.

    Attributes:
        model: takes scaled inputs.
        settings: it was made and trained with them.
        data: name, columns, target, classes and fingerprint of the data; the samples themselves are not kept.
        scaler: of the inputs; None for images, whose pixels are alike.
        target_scaler: of quantities; None for classes.
    """

    model: Module
    settings: Settings
    data: dict[str, Any]
    scaler: Standardizer | None
    target_scaler: Standardizer | None

    @property
    def classes(self) -> list[str] | None:
        """The names of the classes; None if it predicts a quantity."""
        names: list[str] | None = self.data["classes"]
        return names

    def scaled(self, x: Any) -> Any:
        """What the network takes, in its dtype."""
        return (x if self.scaler is None else self.scaler.transform(x)).astype(self.settings.dtype)

    def predict(self, x: Any) -> Any:
        """For samples as in the data: (n, classes) logits; or (n, 1) quantities in their own unit."""
        self.model.eval()
        x = self.scaled(x)
        with no_grad():
            found = np.concatenate([np.asarray(self.model(x[i : i + PIECE])) for i in range(0, len(x), PIECE)])
        found = found.astype(float)
        return found if self.target_scaler is None else self.target_scaler.inverse_transform(found)

    def measure(self, x: Any, y: Any) -> dict[str, float]:
        """Of classes loss (cross-entropy) and accuracy; of quantities loss (mean squared error), its root, and R².

        R² = 1 − Σ(y − prediction)² / Σ(y − mean of y)²: 1 is perfect, 0 as good as always saying the mean.
        """
        found = self.predict(x)
        if self.classes is not None:
            return {"samples": len(y), "loss": float(cross_entropy(found, y)), "accuracy": accuracy(found, y)}
        loss, spread = float(mse_loss(found, y)), float(np.var(y))
        return {"samples": len(y), "loss": loss, "rmse": loss**0.5, "r2": 1 - loss / spread if spread else np.nan}

    def confusion(self, x: Any, y: Any) -> list[list[int]]:
        """How often class i was taken for class j, at [i][j]."""
        count = len(self.classes or ())
        found = np.bincount(y * count + np.argmax(self.predict(x), axis=1), minlength=count * count)
        table: list[list[int]] = found.reshape(count, count).tolist()
        return table

    # ---- files ---------------------------------------------------------------------------------------------------
    def save(self, path: Path) -> None:
        """Write a file from which `from_file` makes the same again; Unavailable if that is not possible."""
        metadata = {
            "settings": asdict(self.settings),
            "data": self.data,
            "scaler": self.scaler and self.scaler.state_dict(),
            "target_scaler": self.target_scaler and self.target_scaler.state_dict(),
        }
        try:
            save(self.model, path, metadata)
        except (ImportError, OSError) as error:
            raise Unavailable(str(error)) from None

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """What `save` has written; Unavailable, with the reason, if it is something else."""
        try:
            metadata = load_metadata(path)
            if not isinstance(metadata, dict) or metadata.keys() != {"settings", "data", "scaler", "target_scaler"}:
                raise ValueError(f"{str(path)!r} was not written by tinygrad-edu train --save")
            settings, data = _settings(metadata["settings"]), metadata["data"]
            outputs = 1 if data["classes"] is None else len(data["classes"])
            model = load(build(settings, len(data["columns"]), outputs), path)
            return cls(model, settings, data, _scaler(metadata["scaler"]), _scaler(metadata["target_scaler"]))
        except (ImportError, OSError, ValueError) as error:
            raise Unavailable(str(error)) from None
        except (AttributeError, KeyError, TypeError) as error:
            raise Unavailable(f"{str(path)!r} is not as tinygrad-edu train --save writes it ({error!r})") from None


def _settings(saved: dict[str, Any]) -> Settings:
    if unknown := saved.keys() ^ {field.name for field in fields(Settings)}:
        raise ValueError(f"the network was saved by another version of tinygrad-edu: {', '.join(sorted(unknown))}")
    return Settings(**saved)


def _scaler(state: dict[str, Any] | None) -> Standardizer | None:
    if state is None:
        return None
    scaler = Standardizer()
    scaler.load_state_dict(state)
    return scaler
