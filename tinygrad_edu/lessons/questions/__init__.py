"""The questions of all exercises, and how their answers are checked."""

__all__: list[str] = []
