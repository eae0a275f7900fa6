"""What is to be drawn: the lines of a trace as boxes, with what repeats folded into one."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from tinygrad_edu.draw.folding import Fold, Signature, folds
from tinygrad_edu.trace import Line
from tinygrad_edu.wording import brief

__all__ = ["Box", "boxes"]

WIDE = 46  # characters of a line
INDENT = len("gradient  ")
TALL = 6  # lines of an array
LISTED = 6  # operations of a round that are named
PART = "·[·]"  # the pattern of an indexing
FEATURES = 8  # sources that are compared one by one
WORTH = 2  # operations that are not worth a fold
HOPELESS = 4  # times `most`: of a graph with more boxes after all folding, the middle is left out


@dataclass(frozen=True)
class Box:
    """One box of the drawing.

    Attributes:
        kind: "leaf", "operation", "result" or "fold".
        title: `h = relu(z1)`, in several lines if it is long.
        text: the title, and below it shape, value and gradient.
        more: what a reader may ask for beyond that: the rules.
        lines: the numbers of the trace's lines that it stands for.
    """

    kind: str
    title: str
    text: str
    more: str
    lines: tuple[int, ...]


def boxes(trace: Iterable[Line], most: int) -> tuple[list[Box], list[tuple[int, int]]]:
    """The boxes, inputs before what uses them, and the edges (from, to) between them; see `Drawing`."""
    lines = list(trace)
    pairs = [(line.number, consumer) for line in lines for consumer, _ in line.contributions]
    parents: dict[int, list[int]] = {line.number: [] for line in lines}
    for parent, consumer in pairs:
        parents[consumer].append(parent)
    users = {line.number: {consumer for consumer, _ in line.contributions} for line in lines}
    operations = [line for line in lines if line.rules]
    leaves = [line for line in lines if not line.rules]
    shared = {line.number for line in leaves if len(users[line.number]) > 1}

    def drawn(found: list[Fold]) -> int:
        hidden = {line.number for fold in found for line in operations[fold.start : fold.stop]}
        gone = sum(bool(users[leaf.number]) and users[leaf.number] <= hidden for leaf in leaves)
        return len(lines) - len(hidden) - gone + len(found)

    found = folds(_signatures(operations, parents, shared, lines), lambda found: drawn(found) <= most)
    found = [fold for fold in found if fold.stop - fold.start > WORTH]
    if drawn(found) > HOPELESS * most and len(operations) > most:
        found = [Fold(most // 2, len(operations) - most // 2)]
    groups = _grouped(leaves, operations, users, found)
    if drawn(found) > most:
        groups = _bundled(groups, users)
    made = [_box(group, fold, lines) for group, fold in groups]
    place = {line.number: i for i, (group, _) in enumerate(groups) for line in group}
    edges = {(place[parent], place[consumer]) for parent, consumer in pairs}
    return made, sorted(edge for edge in edges if edge[0] != edge[1])


def _signatures(
    operations: list[Line], parents: dict[int, list[int]], shared: set[int], lines: list[Line]
) -> list[Signature]:
    """What is done, and to what: for folding, operations that agree in all of that are the same.

    A source agrees with another if it lies just as far back, or if it is the same one, as the input that every round
    of a recurrent network takes a part of. Leaves agree by their shape, but those that are shared only with themselves.
    """
    names = {line.name for line in lines}
    position = {line.number: i for i, line in enumerate(operations)}

    def source(i: int, p: int) -> tuple[Hashable, Hashable]:
        whole = parents[p][0] if _pattern(lines[p].formula, names) == PART and parents[p] else p
        there = ("of", whole) if whole in position or whole in shared else ("leaf", lines[whole].shape)
        return (i - position[p] if p in position else there), there

    found: list[Signature] = []
    for i, line in enumerate(operations):
        sources: list[tuple[Hashable, ...]] = [source(i, p) for p in parents[line.number]]
        if len(sources) > FEATURES:
            sources = [tuple(zip(*sources))]
        found.append([(_pattern(line.formula, names),), (line.shape,), *sources])
    return found


def _pattern(formula: str, names: set[str]) -> str:
    """The formula without the names of the graph and without numbers: `linear(·, ·, ·)`."""

    def blank(match: re.Match[str]) -> str:
        word = match[0]
        return "·" if word in names or word[0].isdigit() else word

    return re.sub(r"\w[\w.']*", blank, formula)


def _grouped(
    leaves: list[Line], operations: list[Line], users: dict[int, set[int]], found: list[Fold]
) -> list[tuple[list[Line], Fold | None]]:
    """The lines of each box. A leaf that only folded operations use is folded with them."""
    groups: list[tuple[list[Line], Fold | None]] = []
    here = 0
    for fold in [*found, Fold(len(operations), len(operations))]:
        groups += [([line], None) for line in operations[here : fold.start]]
        groups += [(operations[fold.start : fold.stop], fold)] * (fold.start < fold.stop)
        here = fold.stop
    own: list[tuple[list[Line], Fold | None]] = []
    for leaf in leaves:
        home = [
            i
            for i, (group, fold) in enumerate(groups)
            if fold and users[leaf.number] and users[leaf.number] <= {line.number for line in group}
        ]
        if home:
            group, kept = groups[home[0]]
            groups[home[0]] = ([*group, leaf], kept)
        else:
            own.append(([leaf], None))
    return own + groups


def _bundled(
    groups: list[tuple[list[Line], Fold | None]], users: dict[int, set[int]]
) -> list[tuple[list[Line], Fold | None]]:
    """Of many leaves that one operation alone uses, the first and the last; those between are in one box."""
    alone: dict[int, list[int]] = {}
    for i, (group, fold) in enumerate(groups):
        if fold is None and not group[0].rules and len(users[group[0].number]) == 1:
            (user,) = users[group[0].number]
            alone.setdefault(user, []).append(i)
    between = {places[1]: places[1:-1] for places in alone.values() if len(places) > LISTED}
    bundles = {i: ([groups[k][0][0] for k in places], Fold(0, 0)) for i, places in between.items()}
    gone = {i for places in between.values() for i in places[1:]}
    return [bundles.get(i, group) for i, group in enumerate(groups) if i not in gone]


def _box(group: list[Line], fold: Fold | None, lines: list[Line]) -> Box:
    numbers = tuple(sorted(line.number for line in group))
    if fold is not None:
        return _folded(group, fold, {line.name for line in lines}, numbers)
    (line,) = group
    kind = "result" if line.number == len(lines) - 1 else "operation" if line.rules else "leaf"
    equation = _printable(f"{line.name} = {line.formula}" if line.rules else line.name)
    title = "\n".join(textwrap.wrap(equation, WIDE, subsequent_indent="  ", max_lines=TALL, placeholder=" …"))
    rows = {
        "shape": str(line.shape),
        "value": _short(line.value) if line.value is not None else "(not kept)",
        "gradient": _short(line.gradient),
    }
    if isinstance(line.value, list):  # of np.split
        del rows["shape"]
    body = [f"{name:<8}  {text.replace(chr(10), chr(10) + ' ' * INDENT)}" for name, text in rows.items()]
    rules = [f"passes back to {parameter}: {text}" for parameter, text in line.rules]
    return Box(kind, title, "\n".join([title, *body]), "\n".join([equation, *rules]), numbers)


def _folded(group: list[Line], fold: Fold, names: set[str], numbers: tuple[int, ...]) -> Box:
    """How many rounds of what are not drawn."""
    operations = [line for line in group if line.rules]
    leaves = len(group) - len(operations)
    counts = _count(len(operations), "operation") + (f", {_count(leaves, 'leaf', 'leaves')}" if leaves else "")
    title = f"… {fold.times} more rounds of" if fold.times > 1 else "… 1 more round of"
    patterns = [_cut(_printable(_pattern(line.formula, names)), WIDE - 2) for line in operations[: fold.period]]
    listed = [f"  {pattern}" for pattern in patterns[:LISTED]]
    if len(patterns) > LISTED:
        listed.append(f"  … {len(patterns) - LISTED} more")
    if not fold.period:
        title, listed = "… not drawn", []
    if not operations:
        title, counts = f"… {leaves} more", _count(leaves, "leaf", "leaves")
    return Box("fold", title, "\n".join([title, *listed, counts]), counts, numbers)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _short(array: Any) -> str:
    """The numbers if there is room for them, otherwise what `brief` says of a large array."""
    text = brief(array)
    lines = text.split("\n")
    if len(lines) > TALL or (len(lines) > 1 and max(map(len, lines)) > WIDE - INDENT):
        text = brief(array, 0)
    if len(text) > WIDE - INDENT and ", norm" in text:
        text = text.replace(", norm", "\nnorm")
    wrapped = [part for line in text.split("\n") for part in _wrapped(line)]
    return "\n".join(wrapped[:TALL] + ["…"] * (len(wrapped) > TALL))


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDE - INDENT, subsequent_indent=" ") if len(line) > WIDE - INDENT else [line]


def _printable(text: str) -> str:
    """Without control characters: XML forbids them, and Graphviz stops at the first."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"
