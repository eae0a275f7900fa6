"""The graph as text that other programs draw: DOT for Graphviz, Mermaid for Markdown."""

from __future__ import annotations

import re

from tinygrad_edu.draw.boxes import Box

__all__ = ["dot", "mermaid"]

DOT = {"leaf": "rounded", "operation": "solid", "result": "bold", "fold": "dashed"}
MERMAID = {"leaf": ("(", ")"), "operation": ("[", "]"), "result": ("[", "]"), "fold": ("[[", "]]")}

# Lines are not broken a second time, and numbers stand below each other.
WIDE = '%%{init: {"flowchart": {"wrappingWidth": 600}}}%%'
LOOKS = "  classDef default font-family:monospace,text-align:left"


def dot(boxes: list[Box], edges: list[tuple[int, int]]) -> str:
    """DOT, as in "The DOT Language", graphviz.org/doc/info/lang.html."""
    nodes = [f'  n{i} [label="{_dot_text(box.text)}", style="{DOT[box.kind]}"];' for i, box in enumerate(boxes)]
    arrows = [f"  n{start} -> n{end};" for start, end in edges]
    return "\n".join(["digraph {", '  node [shape=box, fontname="monospace"];', *nodes, *arrows, "}", ""])


def _dot_text(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return "".join(line + "\\l" for line in escaped.split("\n"))  # \l: a new line, flush left


def mermaid(boxes: list[Box], edges: list[tuple[int, int]]) -> str:
    """A Mermaid flowchart, as in mermaid.js.org/syntax/flowchart.html."""
    nodes = []
    for i, box in enumerate(boxes):
        opening, closing = MERMAID[box.kind]
        nodes.append(f'  n{i}{opening}"{_mermaid_text(box.text)}"{closing}')
    thick = [f"  style n{i} stroke-width:3px" for i, box in enumerate(boxes) if box.kind == "result"]
    arrows = [f"  n{start} --> n{end}" for start, end in edges]
    return "\n".join([WIDE, "flowchart TD", *nodes, *arrows, *thick, LOOKS, ""])


def _mermaid_text(text: str) -> str:
    """Whatever Mermaid, Markdown or HTML could take for its own is written as the number of the character."""
    special = re.compile(r"[^\w\s.,:()=+\-/·…]|_")
    lines = [special.sub(lambda match: f"#{ord(match[0])};", line) for line in text.split("\n")]
    return "<br>".join(re.sub(r"^ | (?= )", "#160;", line) for line in lines)  # HTML keeps one of several spaces
