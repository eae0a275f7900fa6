"""Where the boxes go: in rows, each above all that use it, so that no two overlap and no line crosses a box.

After K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system structures", IEEE
Transactions on Systems, Man, and Cybernetics 11 (1981): rows; an order in each row that avoids crossings; columns.
An edge that passes a row has a place of its own in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

__all__ = ["Layout", "layout"]

SIDE, BELOW = 22.0, 40.0  # between the boxes of a row, and between rows
LANE = 10.0  # width of the place of an edge that passes by
SWEEPS = 12
SETTLING = 60  # sweeps in search of the columns
LEAF, BOX, PASSING = 0.02, 4.0, 16.0  # who gives way to whom: leaves to the operations, those to long straight lines

Point = tuple[float, float]
Row = list[int]


@dataclass(frozen=True)
class Layout:
    """Centres of the boxes, the lines of the edges as points to join (two for every row), and the picture's size."""

    centres: list[Point]
    lines: list[list[Point]]
    width: float
    height: float


def layout(sizes: list[tuple[float, float]], edges: list[tuple[int, int]]) -> Layout:
    """A place for every box.

    Args:
        sizes: width and height of every box, such that each edge leads to a later one.
        edges: (from, to), places in `sizes`.

    Example:
        >>> layout([(50, 20), (50, 20), (50, 20)], [(0, 2), (1, 2)]).centres
        [(25.0, 10.0), (97.0, 10.0), (61.0, 70.0)]
    """
    rows, chains = _rows(len(sizes), edges)
    links = [link for chain in chains for link in pairwise(chain)]
    widths = [width for width, _ in sizes]
    widths += [LANE] * (1 + max((i for row in rows for i in row), default=0) - len(sizes))
    rows = _untangled(rows, links)
    xs = _columns(rows, links, widths, _weights(len(sizes), chains, len(widths)))
    left = min(x - w / 2 for x, w in zip(xs, widths))
    xs = [x - left for x in xs]
    heights = [max((sizes[i][1] for i in row if i < len(sizes)), default=0.0) for row in rows]
    tops = [0.0, *accumulate(height + BELOW for height in heights)]
    level = {i: k for k, row in enumerate(rows) for i in row}
    centres = [(xs[i], tops[level[i]] + heights[level[i]] / 2) for i in range(len(sizes))]
    lines = []
    for chain, entry in zip(chains, _entries(chains, xs, sizes)):
        places = [(xs[i], level[i]) for i in chain[:-1]] + [(entry, level[chain[-1]])]
        points = [(x, y) for x, k in places for y in (tops[k], tops[k] + heights[k])]
        points[0] = (xs[chain[0]], centres[chain[0]][1] + sizes[chain[0]][1] / 2)
        points[-1] = (entry, centres[chain[-1]][1] - sizes[chain[-1]][1] / 2)
        lines.append(points)
    return Layout(centres, lines, max(x + w / 2 for x, w in zip(xs, widths)), tops[-1] - BELOW)


def _rows(n: int, edges: list[tuple[int, int]]) -> tuple[list[Row], list[list[int]]]:
    """Rows from above; and for every edge what it goes through: a box, lanes (numbered from n on), a box."""
    below: list[list[int]] = [[] for _ in range(n)]
    for start, end in edges:
        below[start].append(end)
    depth = [0] * n
    for i in reversed(range(n)):
        depth[i] = 1 + max((depth[j] for j in below[i]), default=-1)
    last = max(depth, default=0)
    level = [last - d for d in depth]
    leaves = set(range(n)).difference(*below)
    _stagger(level, below, leaves)
    rows: list[Row] = [[i for i in range(n) if level[i] == k] for k in range(last + 1)]
    chains = []
    for start, end in edges:
        chain = [start]
        for k in range(level[start] + 1, level[end]):
            chain.append(n)
            rows[k].insert(0 if start in leaves else len(rows[k]), n)
            n += 1
        chains.append([*chain, end])
    return rows, chains


def _stagger(level: list[int], below: list[list[int]], leaves: set[int]) -> None:
    """Of several leaves that one box alone uses, each but the last stands a row higher than the next: not as wide."""
    waiting: dict[int, list[int]] = {}
    for i in sorted(leaves):
        if len(below[i]) == 1:
            waiting.setdefault(below[i][0], []).append(i)
    for those in waiting.values():
        for higher, i in enumerate(reversed(those)):
            level[i] = max(level[i] - higher, 0)


def _untangled(rows: list[Row], links: list[tuple[int, int]]) -> list[Row]:
    """Every row sorted by where its neighbours are, down and up again; the best of all that came by."""
    above, below = _neighbours(links)
    best, fewest = rows, _crossings(rows, below)
    rows = [list(row) for row in rows]
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 1
        neighbours = above if downwards else below
        for k in range(1, len(rows)) if downwards else reversed(range(len(rows) - 1)):
            fixed = {i: place for place, i in enumerate(rows[k - 1 if downwards else k + 1])}
            now = {i: place for place, i in enumerate(rows[k])}
            rows[k].sort(key=lambda i: _mean([fixed[j] for j in neighbours.get(i, [])], now[i]))
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(rows: list[Row], below: dict[int, list[int]]) -> int:
    """Pairs of lines between two rows that cross: those that start left and end right of another."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {i: k for k, i in enumerate(lower)}
        ends = [end for i in upper for end in sorted(place[j] for j in below.get(i, []))]
        total += sum(later < end for k, end in enumerate(ends) for later in ends[k + 1 :])
    return total


def _weights(boxes: int, chains: list[list[int]], count: int) -> list[float]:
    """How firmly each box and lane holds its place; the lanes of a leaf that one box alone uses give way as it does."""
    starts = [chain[0] for chain in chains]
    operations = {chain[-1] for chain in chains}
    weights = [BOX if i in operations else LEAF for i in range(boxes)] + [PASSING] * (count - boxes)
    for chain in chains:
        if chain[0] not in operations and starts.count(chain[0]) == 1:
            for lane in chain[1:-1]:
                weights[lane] = LEAF
    return weights


def _columns(rows: list[Row], links: list[tuple[int, int]], widths: list[float], weights: list[float]) -> list[float]:
    """How far to the right every box and lane is: near its neighbours' middle, in the order of the row, and apart."""
    above, below = _neighbours(links)
    xs = [0.0] * len(widths)
    for row in rows:
        for i, x in zip(row, _apart([0.0] * len(row), [widths[i] for i in row], [1.0] * len(row))):
            xs[i] = x
    for sweep in range(SETTLING):
        for row in rows if sweep % 2 else reversed(rows):
            around = [above.get(i, []) + below.get(i, []) for i in row]
            wanted = [_mean([xs[j] for j in near], xs[i], [weights[j] for j in near]) for i, near in zip(row, around)]
            for i, x in zip(row, _apart(wanted, [widths[i] for i in row], [weights[i] for i in row])):
                xs[i] = x
    return xs


def _apart(wanted: list[float], widths: list[float], weights: list[float]) -> list[float]:
    """The places nearest to those wanted (in the mean square) in the same order, at least SIDE apart.

    Less the room that all to the left of them need, the places must only not decrease: neighbours that do are pooled
    at their mean. Source: R. Barlow et al., "Statistical inference under order restrictions" (1972).
    """
    room = [0.0, *accumulate((a + b) / 2 + SIDE for a, b in pairwise(widths))]
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for place, offset, weight in zip(wanted, room, weights):
        pool = (place - offset, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, heavy, many = pools.pop()
            both = heavy + pool[1]
            pool = ((mean * heavy + pool[0] * pool[1]) / both, both, many + pool[2])
        pools.append(pool)
    means = [mean for mean, _, many in pools for _ in range(many)]
    return [mean + offset for mean, offset in zip(means, room)]


def _entries(chains: list[list[int]], xs: list[float], sizes: list[tuple[float, float]]) -> list[float]:
    """Where each edge enters its box: side by side on the upper side, in the order in which they arrive."""
    arriving: dict[int, list[int]] = {}
    for k, chain in enumerate(chains):
        arriving.setdefault(chain[-1], []).append(k)
    entries = [0.0] * len(chains)
    for box, those in arriving.items():
        those.sort(key=lambda k: xs[chains[k][-2]])
        step = min(LANE * 3, sizes[box][0] / (len(those) + 1))
        for place, k in enumerate(those):
            entries[k] = xs[box] + step * (place - (len(those) - 1) / 2)
    return entries


def _neighbours(links: list[tuple[int, int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for start, end in links:
        above.setdefault(end, []).append(start)
        below.setdefault(start, []).append(end)
    return above, below


def _mean(numbers: list[float], otherwise: float, weights: list[float] | None = None) -> float:
    weights = weights or [1.0] * len(numbers)
    return sum(w * x for w, x in zip(weights, numbers)) / sum(weights) if numbers else otherwise
