"""What the widgets share: how they are stored, runs that can be paused, buttons, read-outs, places for pictures."""

from __future__ import annotations

import asyncio
import base64
import html
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinygrad_edu.extras import need
from tinygrad_edu.widgets.pictures import png

__all__ = ["Runner", "Widget", "button", "choice", "columns", "picture", "readouts", "row", "slider", "widgets"]

widgets = need("ipywidgets", "notebooks", "A widget")

PAUSE = 0.06  # seconds between two pictures of a run: time for the browser, and for a click on "Pause"

# Only what ipywidgets lacks: a ring around what the keyboard is at, and the looks of what is shown here.
CSS = """<style>
.tinygrad-edu { container-type: inline-size; }
.tinygrad-edu button:focus-visible, .tinygrad-edu select:focus-visible, .tinygrad-edu input:focus-visible,
.tinygrad-edu .noUi-handle:focus-visible, .tinygrad-edu .widget-readout:focus-visible {
  outline: 3px solid #0072B2 !important; outline-offset: 1px; box-shadow: 0 0 0 1px #fff; }
.tinygrad-edu figure { margin: 0; }
.tinygrad-edu figure svg { display: block; width: 100%; height: auto; stroke-linejoin: round; }
.tinygrad-edu figure svg text { fill: currentColor; }
.tinygrad-edu .readouts { display: flex; flex-wrap: wrap; gap: 2px 22px; margin: 6px 2px; line-height: 1.5; }
.tinygrad-edu p { margin: 6px 2px; line-height: 1.5; }
.tinygrad-edu .widget-label { text-align: left; }
.tinygrad-edu .readouts b { font-size: 1.15em; font-variant-numeric: tabular-nums; }
.tinygrad-edu .pixel { border: 1px solid currentColor; }
.tinygrad-edu .tables { display: flex; flex-wrap: wrap; gap: 4px 18px; align-items: flex-end; }
.tinygrad-edu .tables table { margin: 0; border-collapse: collapse; width: auto; }
.tinygrad-edu .tables td { padding: 2px 8px; text-align: right; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tinygrad-edu .tables caption { text-align: left; }
</style>"""


class Widget(widgets.VBox):  # type: ignore[misc, name-defined]
    """A column of widgets that is stored in a notebook with a still picture, for readers who do not run it."""

    def __init__(self, children: list[Any]) -> None:
        super().__init__([widgets.HTML(CSS, layout={"display": "none"}), *children])
        self.add_class("tinygrad-edu")
        self.layout.max_width = "100%"

    def still(self) -> Any:
        """What is to be seen now, as one matplotlib Figure."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """The view, and beside it a picture for places that show notebooks without running them."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        return bundle | {"image/png": base64.b64encode(png(self.still())).decode()}


class Runner:
    """Takes steps in the background, in the kernel's own loop, until there are none left or it is paused.

    Args:
        step: takes one step and shows it; False when there is nothing more to do.
        on_change: called when a run begins and when it ends.

    Example:
        >>> from tinygrad_edu.widgets.face import Runner
        >>> import asyncio
        >>> left = [3, 2, 1]
        >>> async def run():
        ...     runner = Runner(lambda: bool(left.pop() and left), lambda: None)
        ...     runner.start()
        ...     await runner.task
        >>> asyncio.run(run())
        >>> left
        []
    """

    def __init__(self, step: Callable[[], bool], on_change: Callable[[], None]) -> None:
        self.step, self.on_change = step, on_change
        self.task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return self.task is not None

    def start(self) -> None:
        """Begin; nothing happens if it runs already."""
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._run())
            self.on_change()

    def pause(self) -> None:
        """End the run where it is; nothing happens if there is none."""
        if self.task is not None:
            self.task.cancel()
            self.task = None
            self.on_change()

    async def _run(self) -> None:
        while self.step():
            await asyncio.sleep(PAUSE)
        self.task = None
        self.on_change()


# ---- small parts -------------------------------------------------------------------------------------------------
def picture(width: str = "320px") -> Any:
    """A place for a picture that is at least so wide, if the window is."""
    return widgets.HTML(layout={"flex": f"1 1 {width}", "min_width": "0", "max_width": "640px"})


def readouts(values: Mapping[str, str]) -> str:
    """Names with their values, in a line that wraps."""
    items = (f'<span>{name} <b data-name="{name}">{html.escape(value)}</b></span>' for name, value in values.items())
    return f'<div class="readouts">{"".join(items)}</div>'


def button(label: str, on_click: Callable[[], None], tooltip: str = "") -> Any:
    """A button."""
    made = widgets.Button(description=label, tooltip=tooltip, layout={"width": "auto", "min_width": "5em"})
    made.on_click(lambda _: on_click())
    return made


def slider(
    label: str, value: float, least: float, most: float, step: float, digits: str, logarithmic: bool = False
) -> Any:
    """A slider that reaches from least to most, and to its first value wherever that is.

    A logarithmic one reaches from 10 to the power of least, to 10 to the power of most.
    """
    kind, place = (widgets.FloatLogSlider, math.log10(value)) if logarithmic else (widgets.FloatSlider, value)
    return kind(
        value,
        min=min(least, place),
        max=max(most, place),
        step=step,
        readout_format=digits,
        **_labelled(label),
    )


def choice(label: str, value: Any, options: Iterable[Any]) -> Any:
    """A list to choose one thing from."""
    return widgets.Dropdown(options=list(options), value=value, **_labelled(label))


def _labelled(label: str) -> dict[str, Any]:
    layout = {"width": "auto", "flex": "1 1 180px", "min_width": "0"}
    return {"description": label, "tooltip": label, "style": {"description_width": "7em"}, "layout": layout}


def columns(*children: Any) -> Any:
    """In three columns of the same width, in fewer where the window is narrow."""
    template = "repeat(auto-fit, minmax(min(100%, 250px), 1fr))"
    layout = {"grid_template_columns": template, "grid_gap": "2px 24px", "align_items": "center", "overflow": "visible"}
    return widgets.GridBox(children, layout=layout)


def row(*children: Any) -> Any:
    """Side by side, below each other where the window is narrow."""
    return widgets.HBox(children, layout={"flex_flow": "row wrap", "max_width": "100%", "overflow": "visible"})
