"""One training run from the terminal: data and settings in, a trained network and its figures out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinygrad_edu.cli.datasets import Data
from tinygrad_edu.cli.network import Settings, Trained, build, parts
from tinygrad_edu.cli.terminal import Unavailable
from tinygrad_edu.data import Standardizer, batches
from tinygrad_edu.lessons import digits
from tinygrad_edu.nn import cross_entropy, mse_loss
from tinygrad_edu.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop, schedules
from tinygrad_edu.train import Diverged, EarlyStopping, History, accuracy, fit

__all__ = ["DEFAULTS", "OPTIMIZERS", "SCHEDULES", "Outcome", "Training"]

# Name → how to make it, and a learning rate with which it usually works on standardised data.
OPTIMIZERS: dict[str, tuple[Callable[..., Optimizer], float]] = {
    "sgd": (SGD, 0.1),
    "momentum": (lambda params, lr: SGD(params, lr, momentum=0.9), 0.03),
    "nesterov": (lambda params, lr: SGD(params, lr, momentum=0.9, nesterov=True), 0.03),
    "adagrad": (Adagrad, 0.03),
    "rmsprop": (RMSprop, 1e-3),
    "adam": (Adam, 3e-3),
    "adamw": (AdamW, 3e-3),
}
# Name → the schedule for a learning rate and a number of steps.
SCHEDULES: dict[str, Callable[[float, int], Any]] = {
    "constant": lambda lr, steps: lr,
    "step": lambda lr, steps: schedules.step_decay(lr, every=-(-steps // 3)),
    "exponential": lambda lr, steps: schedules.exponential(lr, 0.01 ** (1 / steps)),
    "cosine": schedules.cosine,
    "warmup": lambda lr, steps: schedules.warmup(schedules.cosine(lr, steps - steps // 10), max(1, steps // 10)),
    "one-cycle": schedules.one_cycle,
    "plateau": lambda lr, steps: schedules.ReduceOnPlateau(lr, factor=0.3, patience=5),
}
DEFAULTS = {
    "digits": Settings(hidden=(digits.HIDDEN,), schedule="one-cycle", **asdict(digits.MLP)),
    "digits cnn": Settings(model="cnn", hidden=(), schedule="one-cycle", **asdict(digits.CNN)),
    "moons": Settings(hidden=(16, 16), lr=1e-2, schedule="cosine"),
    "spirals": Settings(hidden=(32, 32), activation="tanh", lr=1e-2, schedule="cosine", epochs=150),
    "xor": Settings(hidden=(8,), activation="tanh", lr=3e-2, schedule="cosine", epochs=60),
    "csv": Settings(epochs=200, patience=30),
}


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        trained: the network.
        history: epoch by epoch.
        diverged: why training could not go on; "" if it could.
        results: part → its figures.
        confusion: of the test part; None of quantities, and where training diverged.
    """

    trained: Trained
    history: History
    diverged: str
    results: dict[str, dict[str, float]]
    confusion: list[list[int]] | None


class Training:
    """A run that has not begun: everything is made, so that it can be shown before it runs.

    Args:
        data: what to learn from.
        settings: how.

    Raises:
        Unavailable: the data cannot be split or scaled.
    """

    def __init__(self, data: Data, settings: Settings) -> None:
        self.data, self.settings = data, settings
        rng = np.random.default_rng(settings.seed)
        self.parts = parts(data, settings.seed)
        x, y = self.parts["training"]
        try:
            scaler = None if settings.model == "cnn" else Standardizer().fit(x)
            target_scaler = Standardizer().fit(y) if data.classes is None else None
        except ValueError as error:
            raise Unavailable(f"{data.name}: {error}") from None
        about = {name: getattr(data, name) for name in ("name", "columns", "target", "classes", "fingerprint")}
        model = build(settings, x.shape[1], 1 if data.classes is None else len(data.classes), rng)
        self.trained = Trained(model, settings, about, scaler, target_scaler)
        self.batches = batches(*self.fitted("training"), settings.batch_size, rng=rng)
        self.rng = rng

    def fitted(self, part: str) -> tuple[Any, Any]:
        """A part as the network takes it, scaled."""
        x, y = self.parts[part]
        scaler = self.trained.target_scaler
        return self.trained.scaled(x), y if scaler is None else scaler.transform(y).astype(self.settings.dtype)

    def loss(self, prediction: Any, target: Any) -> Any:
        """What is made small."""
        if self.data.classes is None:
            return mse_loss(prediction, target)
        return cross_entropy(prediction, target, label_smoothing=self.settings.label_smoothing)

    @np.errstate(all="ignore")  # what is no longer finite is reported in words
    def run(self, progress: bool) -> Outcome:
        """Train, and measure all parts. Ctrl-C ends training early and is no error; the history tells."""
        chosen = self.settings
        make, _ = OPTIMIZERS[chosen.optimizer]
        rate = SCHEDULES[chosen.schedule](chosen.lr, chosen.epochs * len(self.batches))
        diverged = ""
        try:
            history = fit(
                self.trained.model,
                self.loss,
                make(self.trained.model.parameters(), lr=rate),
                digits.Shifted(self.batches, self.rng) if chosen.model == "cnn" else self.batches,
                chosen.epochs,
                validation=batches(*self.fitted("validation"), 1024, shuffle=False),
                metrics={} if self.data.classes is None else {"accuracy": accuracy},
                callbacks=[EarlyStopping(patience=chosen.patience)] if chosen.patience else [],
                progress=progress,
            )
        except Diverged as error:
            history, diverged = error.history, str(error)
        results = {part: self.trained.measure(x, y) for part, (x, y) in self.parts.items()}
        confusion = None if self.data.classes is None or diverged else self.trained.confusion(*self.parts["test"])
        return Outcome(self.trained, history, diverged, results, confusion)
