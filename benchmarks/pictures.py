"""Pictures of contests: ratios as bars, times over sizes as lines. tinygrad_edu is black, everyone else grey."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers import LABELS

__all__ = ["growth", "ratios"]

Rows = list[dict[str, Any]]
# White behind the numbers, so that the line of NumPy by hand does not run through them.
NUMBER: dict[str, Any] = {"va": "center", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.6}}
MARKERS = dict(zip(LABELS, "soDv^2<>PX", strict=True))


def ratios(groups: dict[str, Rows], title: str, path: Path) -> Path:
    """A panel for each group: how many times as long as by hand everyone takes, the fastest on top.

    Args:
        groups: heading of a panel → rows of a race.
        title: of the picture.
        path: the PNG file to write.
    """
    most = max(map(len, groups.values()))
    figure, panels = _figure((4.6 * len(groups), 0.9 + 0.33 * most), len(groups))
    for axes, (heading, rows) in zip(panels, groups.items(), strict=True):
        rows = sorted(rows, key=lambda row: -row["ratio"].median)
        axes.axvline(1, color="0.2", linewidth=0.8, linestyle=":")
        for place, row in enumerate(rows):
            ratio = row["ratio"]
            axes.barh(place, ratio.median, color=_colour(row["name"]), height=0.65)
            axes.plot([ratio.low, ratio.high], [place, place], color="0.45", linewidth=1.2)
            axes.annotate(f"{ratio.median:.3g}", (ratio.high, place), (4, 0), textcoords="offset points", **NUMBER)
        shortest, longest = min(0.16, rows[-1]["ratio"].low), rows[0]["ratio"].high
        axes.set(title=heading, xscale="log", xlabel="times NumPy by hand", xlim=(shortest / 2, 4 * longest))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_yticks(range(len(rows)), [row["label"] for row in rows])
    figure.suptitle(title)
    figure.savefig(path, dpi=130)
    return path


def growth(rows: Rows, key: str, what: str, title: str, path: Path) -> Path:
    """Seconds over a size, both logarithmic, a line for each contestant, named in the order of the lines' ends.

    Args:
        rows: of several races.
        key: the entry of a row that is its size.
        what: the axis' label.
        title: of the picture.
        path: the PNG file to write.
    """
    figure, (axes,) = _figure((7, 4.6), 1)
    lines = [[row for row in rows if row["name"] == name] for name in dict.fromkeys(row["name"] for row in rows)]
    for own in sorted(lines, key=lambda own: -own[-1]["seconds"].median):
        name = own[0]["name"]
        colour = _colour(name)
        axes.plot(
            [row[key] for row in own],
            [row["seconds"].median for row in own],
            color=colour,
            marker=MARKERS[name],
            markersize=5,
            linewidth=2 if colour == "black" else 1.2,
            label=LABELS[name],
        )
    sizes = sorted({row[key] for row in rows})
    axes.set(title=title, xlabel=what, ylabel="time (seconds)", xscale="log", yscale="log")
    axes.set_xticks(sizes, map(str, sizes))
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=130)
    return path


def _figure(size: tuple[float, float], panels: int) -> tuple[Any, list[Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    found = figure.subplots(1, panels, squeeze=False)[0].tolist()
    for axes in found:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, found


def _colour(name: str) -> str:
    return "black" if name == "tinygrad_edu" else "0.35" if name.startswith("compiled") else "0.68"
