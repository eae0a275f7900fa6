"""The computation graph as a picture: SVG of our own making, or text for Graphviz and Mermaid. Needs nothing else."""

from tinygrad_edu.draw.drawing import Drawing, draw

__all__ = ["Drawing", "draw"]
