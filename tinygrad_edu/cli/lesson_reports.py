"""What `tinygrad-edu lesson NAME` shows: a function for each lesson prints it and returns what its picture needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinygrad_edu.cli.page import Page, literal
from tinygrad_edu.lessons import (
    brightness,
    characters,
    checking,
    compiled,
    curves,
    digits,
    downhill,
    engine,
    exam,
    flip,
    guessing,
    losses,
    one_weight,
)

__all__ = ["REPORTS"]


def show_one_weight(page: Page) -> dict[float, list[float]]:
    """The slope at the start, one step, and four learning rates."""
    page.heading("w·x with x = 2, truth 10, error ½(truth − w·x)²")
    table = page.table("w", "prediction", "difference", "squared", "error", "slope", words=())
    after = one_weight.descend(one_weight.LR, steps=1)[1]
    for w in (one_weight.START, after, one_weight.BEST):
        seen = one_weight.look(w)
        numbers = (seen.w, seen.prediction, seen.difference, seen.squared_error, seen.error, seen.slope)
        table.add_row(*map(number, numbers))
    page.put(table)
    page.say(
        f"A step against the slope: w ← 1 − {one_weight.LR}·(−16) = {after:g}. At w = 5 the slope is 0: the bottom."
    )
    page.heading("Four learning rates, from w = 1")
    table = page.table("rate", "w1", "w2", "w3", "what happens", words=(4,))
    paths = {lr: one_weight.descend(lr) for lr in one_weight.RATES}
    for lr, path in paths.items():
        table.add_row(f"{lr:g}", *(number(path[k]) for k in (1, 2, 3)), one_weight.verdict(path))
    page.put(table)
    return paths


def show_brightness(page: Page) -> brightness.Fit:
    """The learned plane beside the closed form, and the error on its way."""
    found = brightness.fit()
    page.heading("brightness = w0 + w1·x + w2·y, for every pixel")
    table = page.table("weight", "from 0 by descent", "least squares")
    for k, (learned, best) in enumerate(zip(found.weights, found.best)):
        table.add_row(f"w{k}", f"{learned:.6f}", f"{best:.6f}")
    page.put(table)
    page.heading("The error falls to the best that a plane can do")
    table = page.table("epoch", "error", words=())
    for epoch in (0, 1, 10, 50, 100, len(found.errors) - 1):
        table.add_row(str(epoch), f"{found.errors[epoch]:.6f}")
    table.add_row("best", f"{found.best_error:.6f}")
    page.put(table)
    page.say("The soft spot in the middle of the picture is what no plane explains.")
    return found


def show_exam(page: Page) -> Any:
    """A plane against a hidden layer, and the places of a landscape."""
    plane, bent = exam.fitted()
    page.heading("study_hours, sleep_hours → predicted_score")
    table = page.table("predictor", "knobs", "off by, points")
    for fitted in (plane, bent):
        table.add_row(fitted.name, str(len(fitted.knobs)), f"{fitted.off:.1f}")
    page.put(table)
    knobs = ", ".join(f"{name} {value:.3f}" for name, value in zip(exam.KNOBS, plane.knobs))
    page.say(f"Points off for pupils whom it never saw; luck alone is 3. The plane, for standardised hours: {knobs}.")
    page.heading("A plane says the more the better; the bent surface knows a top")
    table = page.table("study", "sleep", "actual_score", "plane", "hidden layer", words=())
    for study, sleep in exam.DAYS:
        scores = (exam.actual_score(study, sleep), *(exam.predict(f, study, sleep) for f in (plane, bent)))
        table.add_row(f"{study:g}", f"{sleep:g}", *(f"{float(score):.1f}" for score in scores))
    page.put(table)
    page.heading("The loss over two knobs: a unit that can bend along one line only")
    found = exam.landscape()
    table = page.table("place", "weight_study", "weight_sleep", "loss")
    for place in found.places:
        table.add_row(place.name, number(place.weight_study, 3), number(place.weight_sleep, 3), f"{place.loss:.4f}")
    page.put(table)
    page.say("It can bend along study, which is best, or along sleep, which is a local minimum. The start decides.")
    return found, {start: exam.roll(*start) for start in exam.STARTS}


def show_downhill(page: Page) -> dict[str, downhill.Ball]:
    """The minima, what learning rates do, and ways out of a poor valley."""
    page.heading("f(x) = 0.12·x² + sin(2.4·x) + 0.3·cos(5·x), and its minima")
    table = page.table("x", "f(x)", "", words=(2,))
    best = downhill.global_minimum()
    for bottom in downhill.bottoms():
        table.add_row(f"{bottom.x:.4f}", f"{bottom.f:.4f}", "global" if bottom == best else "local")
    page.put(table)
    page.heading(f"Plain descent, {downhill.STEPS} steps at most")
    table = page.table("start", "rate", "steps", "x", "what happens", words=(4,))
    for start, lr in ((3, 0.01), (3, 0.1), (3, 0.3), (3, 0.6), (3, 1.2), (-4, 0.01)):
        ball = downhill.Ball(start, lr)
        ball.run()
        x = f"{ball.x:.4f}" if ball.is_at_rest else "–"
        table.add_row(f"{start:g}", f"{lr:g}", str(ball.steps), x, short(ball.verdict))
    page.put(table)
    page.say("From 3, learning rates of 0.3 and more make it jump about for ever.")
    page.heading("Ways out of a poor valley, from x = 3")
    table = page.table("how", "steps", "x", "f(x)", "what happens", words=(0, 4))
    ways = downhill.ways_out()
    ways["12 restarts"] = downhill.deepest(downhill.restarts())
    for name, ball in ways.items():
        where = (f"{ball.x:.2f}", f"{ball.f:.2f}") if ball.is_at_rest else ("–", "–")
        table.add_row(name, str(ball.steps), *where, short(ball.verdict))
    page.put(table)
    return ways


def show_engine(page: Page) -> None:
    """Sixty lines against the library."""
    page.heading("Sixty lines against the library, a = 1.5, b = −0.5")
    table = page.table("expression", "value", "∂/∂a", "∂/∂b", "agree")
    for row in engine.compare():
        table.add_row(row.expression, *(number(v) for v in row.own), "yes" if row.agree else "[bold red]no[/]")
    page.put(table)
    page.say("The class is in tinygrad_edu/lessons/engine.py; notebook 06 builds it step by step.")


def show_losses(page: Page) -> None:
    """Cross-entropy against squared error, three classes, and what an outlier does."""
    page.heading("The truth is yes. What is the network punished with?")
    table = page.table("it said", "squared error", "slope", "−log p", "slope", words=())
    for row in losses.punishments():
        cells = (row.squared_error, row.squared_slope, row.cross_entropy, row.cross_slope)
        table.add_row(f"{row.chance:g}", *(f"{cell:.4f}" for cell in cells))
    page.put(table)
    page.say(
        f"Confidently wrong costs {losses.times_worse():.0f} times more than confidently right, and the slope is steep."
    )
    page.heading("Three classes: the loss if the truth is ...")
    table = page.table("chances", *losses.CLASSES)
    for chances in ((0.05, 0.9, 0.05), (0.3, 0.4, 0.3)):
        table.add_row(", ".join(map(str, chances)), *(f"{loss:.4f}" for loss in losses.classes(chances)))
    page.put(table)
    page.heading(f"One number for {', '.join(f'{hours:g}' for hours in losses.HOURS)} hours")
    table = page.table("loss", "likes best")
    for name, best in losses.constants().items():
        table.add_row(name, f"{best:.2f}")
    page.put(table)
    page.say("Squared error likes the mean, absolute error the median: the outlier drags one and not the other.")


def show_curves(page: Page) -> tuple[curves.Curve, ...]:
    """A run of each kind with its diagnosis, and the exercise."""
    for curve in curves.examples():
        page.heading(curve.title)
        shown = range(0, len(curve.losses), 12)
        table = page.table("epoch", *map(str, shown))
        for name, values in (("training", curve.losses), ("validation", curve.validation)):
            table.add_row(name, *(f"{values[k]:.3g}" for k in shown))
        page.put(table)
        page.say(literal(str(curve.diagnosis)))
    overfitting = curves.examples()[-1].validation
    page.say(f"Early stopping keeps the weights of epoch {curves.stop_early(overfitting)}.")
    page.heading(" → ".join(f"{loss:g}" for loss in curves.EXERCISE))
    page.say(literal(str(curves.diagnose(curves.EXERCISE))))
    return curves.examples()


def show_guessing(page: Page) -> dict[str, guessing.Game]:
    """Three step sizes and a shrinking one."""
    page.heading(f"A secret from 1 to 100, here {guessing.SECRET}")
    steps: dict[str, Any] = {str(step): step for step in guessing.STEPS} | {"halving": guessing.halving}
    games = {name: guessing.play(step) for name, step in steps.items()}
    table = page.table("step", "guesses", "", "finds of 100", words=(0, 2))
    for name, game in games.items():
        count = str(game.count) if game.found else "∞"
        table.add_row(name, count, path(game.guesses), str(guessing.secrets_found(steps[name])))
    page.put(table)
    page.say(f"A guess moves by exactly the step; found is within {guessing.WITHIN}. 50 jumps past it for ever.")
    return games


def show_checking(page: Page) -> list[checking.V]:
    """Errors against step sizes, and the lab."""
    found = checking.errors()
    page.heading("The slope of eˣ·sin x: relative error against step")
    table = page.table("step", *(v.method for v in found))
    for k in range(0, len(checking.STEPS), 4):
        table.add_row(f"{checking.STEPS[k]:.0e}", *(f"{v.errors[k]:.0e}" for v in found))
    table.add_row("best", *(f"{v.best_error:.0e}" for v in found))
    page.put(table)
    page.say(
        "From the top the formula is too coarse; from the bottom rounding takes over, except for the complex step, "
        "which subtracts nothing."
    )
    page.heading("The lab: ten rules, some of them wrong")
    table = page.table("function", "rule", "gradcheck", words=(0, 1, 2))
    for suspect in checking.suspects():
        verdict = "[green]right[/]" if suspect.check() else "[bold red]wrong[/]"
        for k, rule in enumerate(suspect.source.splitlines()):
            table.add_row(*(literal(suspect.name) if not k else "", literal(rule), verdict if not k else ""))
    page.put(table)
    page.say("One of those that pass is wrong where the check has not looked. Which?")
    return found


def show_compiled(page: Page) -> None:
    """What compiling the flip step takes away, and what that gains."""
    three = compiled.steps()
    x, y = flip.images(), flip.flipped(flip.images())
    three.compiled(x, y)
    page.heading("The flip step, 16 images: how many NumPy calls are left")
    table = page.table("taken away", "calls left")
    for stage in compiled.stages(three.compiled):
        table.add_row(stage.what or stage.name, str(stage.calls))
    page.put(table)
    page.heading("What that gains, here and now")
    table = page.table("the step", "microseconds", "× by hand")
    seconds = compiled.speed(three.all(), x, y)
    for name, taken in seconds.items():
        table.add_row(name, f"{1e6 * taken:.0f}", f"{taken / seconds['by hand']:.1f}")
    page.put(table)
    page.say("The source, as a person would have written it: tinygrad-edu compile flip")


def show_digits(page: Page) -> digits.Result:
    """The plain network, trained here and now."""
    page.say("Training 64 → 256 → 10 on 8×8 images of digits takes some seconds …")
    found = digits.train_mlp()
    last = len(found.history) - 1
    shown = [epoch for epoch in (0, 4, 9, 19, last) if epoch <= last]
    table = page.table("epoch", *(str(k + 1) for k in shown))
    table.add_row("loss", *(f"{found.history['loss'][k]:.4f}" for k in shown))
    page.put(table)
    page.say(
        f"The loss cannot go to 0: label smoothing shares out a part of {digits.MLP.label_smoothing:g} of every target "
        f"among all classes, so that {digits.least_loss(digits.MLP):.4f} is the least."
    )
    page.say(f"It reads {100 * found.test_accuracy:.1f} % of images that it never saw, after {found.seconds:.0f} s.")
    return found


def show_characters(page: Page) -> characters.Result:
    """The transformer, trained here and now."""
    page.say("A transformer of less than 100,000 parameters reads a page; this takes a minute …")
    found = characters.train()
    size = sum(parameter.size for parameter in found.model.parameters())
    page.heading(f"{size:,} parameters, {len(found.losses)} steps")
    table = page.table("nats a character", "")
    table.add_row("the best reader of one character", f"{found.entropy:.4f}")
    table.add_row("the network", f"{found.loss:.4f}")
    page.put(table)
    page.heading("It writes")
    page.say(literal(characters.sample(found.model, "A network ", 200, rng=0)))
    return found


REPORTS: dict[str, Callable[[Page], Any]] = {
    "one_weight": show_one_weight,
    "brightness": show_brightness,
    "exam": show_exam,
    "downhill": show_downhill,
    "engine": show_engine,
    "losses": show_losses,
    "curves": show_curves,
    "guessing": show_guessing,
    "checking": show_checking,
    "compiled": show_compiled,
    "digits": show_digits,
    "characters": show_characters,
}


def number(value: float, decimals: int | None = None) -> str:
    """As short as can be, or with a fixed number of decimals; a rounding error as the 0 that it stands for."""
    value = 0.0 if abs(value) < (1e-12 if decimals is None else 0.5 * 10.0**-decimals) else value
    if not math.isfinite(value):
        return "overflow"
    return f"{value:.4g}" if decimals is None else f"{value:.{decimals}f}"


def short(verdict: str) -> str:
    """A verdict without its figure, which has a column of its own."""
    return verdict.partition(" at ")[0].replace("stuck in a", "stuck:").replace("in the global", "global")


def path(guesses: list[float]) -> str:
    """The first guesses of a game."""
    shown = ", ".join(f"{guess:g}" for guess in guesses[:4])
    return f"{shown} …" if len(guesses) > 4 else shown
